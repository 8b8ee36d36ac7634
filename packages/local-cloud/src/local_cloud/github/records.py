"""The records of the local GitHub."""

from __future__ import annotations

import msgspec

from local_cloud.records import Record


class GitHubRunner(Record, frozen=True, kw_only=True):
    """A runner's registration with GitHub; ``id`` is its number.

    Attributes:
        scope: ``owner/name``, or an organization.
        credential: authenticates its program.
        seen: when its program was last seen, on the computer's clock; 0: never, or it signed off.
        job: the number of the job that it runs; empty: none.
        scale_set: the number of its scale set, whose jobs alone it takes; empty: none.
    """

    scope: str
    name: str
    labels: tuple[str, ...]
    group: int = 1
    credential: str = ""
    seen: float = 0.0
    job: str = ""
    scale_set: str = ""


class GitHubRun(Record, frozen=True, kw_only=True):
    """A workflow run; ``id`` is its number.

    Attributes:
        event: what triggered it.
        head: the repository that its code comes from; empty: its own.
    """

    repository: str
    workflow: str
    created: float
    attempt: int = 1
    event: str = "push"
    head: str = ""


class GitHubJob(Record, frozen=True, kw_only=True):
    """A job of a run; ``id`` is its number.

    Attributes:
        script: its one step.
        needs: the names of the jobs that it depends on.
        hosted: on a runner of GitHub's; its creator reports its progress.
        status: ``queued``, ``in_progress`` or ``completed``.
        conclusion: ``success``, ``failure`` or ``cancelled``.
        cancelled: its cancellation was requested.
        note: GitHub's annotation.
        scale_set: the number of the scale set that it is offered or assigned to; empty: none.
        offered: when it was offered to it; 0: it is not.
        assigned: when it was assigned to it; 0: it is not.
        assignments: how often it was assigned.
        told: the type of the last message about it.
    """

    run: str
    attempt: int
    name: str
    labels: tuple[str, ...]
    created: float
    script: str = ""
    needs: tuple[str, ...] = ()
    hosted: bool = False
    status: str = "queued"
    conclusion: str = ""
    started: float = 0.0
    completed: float = 0.0
    runner: str = ""
    runner_name: str = ""
    log: str = ""
    cancelled: bool = False
    note: str = ""
    scale_set: str = ""
    offered: float = 0.0
    assigned: float = 0.0
    assignments: int = 0
    told: str = ""


class GitHubScaleSet(Record, frozen=True, kw_only=True):
    """A runner scale set; ``id`` is its number.

    Attributes:
        scope: ``owner/name``, an organization, or ``enterprises/name``.
        capacity: how many jobs its listener can take, as of its last poll.
        session: the id of its message session; empty: none.
        owner: the name that the session's owner gave itself.
        seen: when the session last polled, on the computer's clock.
        sent: the number of its last message.
    """

    scope: str
    name: str
    group: int
    labels: tuple[str, ...]
    created: float
    disable_update: bool = False
    capacity: int = 0
    session: str = ""
    owner: str = ""
    seen: float = 0.0
    sent: int = 0


class GitHubMessage(Record, frozen=True, kw_only=True):
    """A message to a scale set's listener, or one of the parts that are still to be sent.

    Attributes:
        number: the message's number; 0: a part that belongs to none yet.
        parts: what happened to jobs, as JSON.
    """

    scale_set: str
    parts: tuple[str, ...]
    number: int = 0


class GitHubHook(Record, frozen=True, kw_only=True):
    """A webhook of a scope; ``id`` is its number."""

    scope: str
    url: str
    secret: str
    events: tuple[str, ...]


class GitHubCheck(Record, frozen=True, kw_only=True):
    """What an App reports about a commit; ``id`` is its number.

    Attributes:
        sha: the commit.
        status: ``queued``, ``in_progress`` or ``completed``.
        conclusion: e.g. ``neutral``; empty: it has not ended.
        title: its title.
        summary: its text.
    """

    repository: str
    sha: str
    name: str
    status: str
    conclusion: str
    title: str
    summary: str
    created: float


class GitHubVariable(Record, frozen=True, kw_only=True):
    """A variable of a repository; ``id`` is both names, in lower case."""

    repository: str
    name: str
    value: str
    created: float
    updated: float


class GitHubSecret(Record, frozen=True, kw_only=True):
    """A secret of a repository; ``id`` is both names, in lower case."""

    repository: str
    name: str
    value: str
    created: float
    updated: float


class GitHubCommit(Record, frozen=True, kw_only=True):
    """A commit of a repository; ``id`` is its number in Git.

    Attributes:
        parent: the commit before it; empty: it is the first.
        files: the contents of its files, in Base64, by path.
    """

    repository: str
    parent: str
    message: str
    files: dict[str, str]


class GitHubBranch(Record, frozen=True, kw_only=True):
    """A branch of a repository; ``id`` is the repository, in lower case, and the branch."""

    repository: str
    name: str
    sha: str


class GitHubPull(Record, frozen=True, kw_only=True):
    """A pull request; ``id`` is the repository, in lower case, and its number.

    Attributes:
        head: the branch that it comes from.
        base: the branch that it is for.
        merged: the commit that merged it; empty: none did.
    """

    repository: str
    number: int
    head: str
    base: str
    title: str
    body: str
    created: float
    state: str = "open"
    merged: str = ""


class GitHubApp(Record, frozen=True, kw_only=True):
    """A GitHub App; ``id`` is its client id.

    Attributes:
        number: its other id.
        installation: the number of its one installation.
        modulus: of its public key, hexadecimal; the exponent is 65537.
        slug: its name in addresses.
        owner: the account that it belongs to.
        permissions: what it may do, by name.
        installed: whether it is installed; an App that is created on a page is not, until a user installs it.
    """

    number: int
    installation: int
    modulus: str
    created: float = 0.0
    name: str = "local app"
    slug: str = "local-app"
    owner: str = "octo-org"
    permissions: dict[str, str] = msgspec.field(default_factory=lambda: {"administration": "write"})
    installed: bool = True


class GitHubManifestCode(Record, frozen=True, kw_only=True):
    """A code that is exchanged, once, for what an App was made with; ``id`` is the code."""

    app: str
    key: str
    client_secret: str
    webhook_secret: str | None
    expires: float


class GitHubInstallationToken(Record, frozen=True, kw_only=True):
    """A token of an App's installation; ``id`` is the token."""

    expires: float


class GitHubToken(Record, frozen=True, kw_only=True):
    """A registration token; ``id`` is the token."""

    scope: str
    expires: float

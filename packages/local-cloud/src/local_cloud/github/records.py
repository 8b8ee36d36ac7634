"""The records of the local GitHub."""

from __future__ import annotations

from local_cloud.records import Record


class GitHubRunner(Record, frozen=True, kw_only=True):
    """A runner's registration with GitHub; ``id`` is its number.

    Attributes:
        scope: ``owner/name``, or an organization.
        credential: authenticates its program.
        seen: when its program was last seen, on the machine's clock; 0: never, or it signed off.
        job: the number of the job that it runs; empty: none.
    """

    scope: str
    name: str
    labels: tuple[str, ...]
    group: int = 1
    credential: str = ""
    seen: float = 0.0
    job: str = ""


class GitHubRun(Record, frozen=True, kw_only=True):
    """A workflow run; ``id`` is its number."""

    repository: str
    workflow: str
    created: float
    attempt: int = 1


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


class GitHubHook(Record, frozen=True, kw_only=True):
    """A webhook of a scope; ``id`` is its number."""

    scope: str
    url: str
    secret: str
    events: tuple[str, ...]


class GitHubToken(Record, frozen=True, kw_only=True):
    """A registration token; ``id`` is the token."""

    scope: str
    expires: float

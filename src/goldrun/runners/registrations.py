"""What GitHub knows of runners: registrations. Made with a configuration that serves one runner for one job.

Source: "REST API endpoints for self-hosted runners".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goldrun.errors import NotFoundError, UnavailableError
from goldrun.github.client import GitHub, GitHubError
from goldrun.github.scope import Scope
from goldrun.waiting import SHORTEST, wait_for

DEFAULT_GROUP = 1
BUSY_SECONDS = 120.0
LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Registration:
    """A runner as GitHub sees it.

    Attributes:
        id: its number.
        name: its name.
        online: whether it is connected.
        busy: whether it runs a job.
        labels: what jobs ask for it by.
    """

    id: int
    name: str
    online: bool
    busy: bool
    labels: tuple[str, ...]

    @classmethod
    def from_api(cls, element: Mapping[str, Any]) -> Registration:
        """From an element of ``runners``."""
        return cls(
            id=element["id"],
            name=element["name"],
            online=element["status"] == "online",
            busy=element["busy"],
            labels=tuple(label["name"] for label in element["labels"]),
        )


@dataclass(frozen=True)
class Wanted:
    """The registration that is wanted.

    Attributes:
        name: the runner's, unique.
        labels: at least one.
        group: the number of its runner group.
    """

    name: str
    labels: tuple[str, ...]
    group: int = DEFAULT_GROUP


@dataclass(frozen=True)
class OneUse:
    """A configuration that serves once. It is a secret until it has been used.

    Attributes:
        registration: there already with a just-in-time configuration; None: the runner registers itself.
        settings: what the runner gets, by name.
    """

    registration: Registration | None
    settings: Mapping[str, str]

    def __repr__(self) -> str:
        return f"OneUse({self.registration!r}, ***)"


@dataclass(frozen=True)
class Download:
    """Where the runner's program is, and the SHA-256 of what is there."""

    url: str
    sha256: str


def register(github: GitHub, scope: Scope, wanted: Wanted) -> OneUse:
    """A just-in-time configuration; where GitHub has none to give (old servers), a registration token.

    The name is unique: a registration that has it already is what a lost answer of this same call has made.

    Raises:
        GitHubError: GitHub refuses.
    """
    try:
        answer = _generate(github, scope, wanted)
    except GitHubError as error:
        if error.status == 409:
            for made in find(github, scope, wanted.name):
                github.call("DELETE", f"{scope.runners}/{made.id}")
            answer = _generate(github, scope, wanted)
        elif error.status == 404 and _may_list(github, scope):
            return _by_token(github, scope, wanted)
        else:
            raise
    return OneUse(Registration.from_api(answer["runner"]), {"JITCONFIG": answer["encoded_jit_config"]})


def find(github: GitHub, scope: Scope, name: str) -> list[Registration]:
    """The runners of exactly that name: one, or none."""
    elements = github.pages(scope.runners, "runners", {"name": name})
    return [Registration.from_api(element) for element in elements if element["name"] == name]


def list_all(github: GitHub, scope: Scope) -> list[Registration]:
    """All runners of the scope."""
    return [Registration.from_api(element) for element in github.pages(scope.runners, "runners")]


def remove(github: GitHub, scope: Scope, names: Iterable[str], seconds: float = BUSY_SECONDS) -> list[str]:
    """Remove runners, and ask again until GitHub does not list them any more.

    A runner whose machine has just been deleted may still count as busy: GitHub refuses until it notices.

    Args:
        github: the API.
        scope: whose runners.
        names: the runners'.
        seconds: how long GitHub may take to notice.

    Returns:
        Those that were not there in the first place.

    Raises:
        GitHubError: GitHub refuses for another reason.
        UnavailableError: one is still there.
    """
    left = list(dict.fromkeys(names))
    missing: list[str] | None = None
    busy = False

    def look() -> list[str] | None:
        nonlocal left, missing, busy
        found = {name: find(github, scope, name) for name in left}
        left = [name for name, registrations in found.items() if registrations]
        if missing is None:
            missing = [name for name in found if name not in left]
        for registrations in found.values():
            _delete(github, scope, registrations)
        busy = any(one.busy for registrations in found.values() for one in registrations)
        return missing if not left else None

    return wait_for(
        github.clock,
        look,
        seconds=seconds,
        late=lambda elapsed: UnavailableError(
            f"GitHub still has {', '.join(left)} after {elapsed:.0f} s.",
            why=["a runner that runs a job cannot be removed until GitHub notices that it is gone."],
            fix=[f"later: goldrun runner down {left[0]}, or goldrun sweep with --repo or --org"],
        ),
        often=lambda _: LOOK_SECONDS if busy else SHORTEST,
    )


def find_download(github: GitHub, scope: Scope, architecture: str, mirror: str = "") -> Download:
    """Where a machine whose image has no runner gets it, and its checksum: as GitHub says.

    Args:
        github: the API.
        scope: whose runner.
        architecture: amd64 or arm64.
        mirror: downloads come from there; the checksum stays GitHub's.

    Raises:
        NotFoundError: GitHub has none for it.
    """
    kind = "arm64" if architecture == "arm64" else "x64"
    for one in github.call("GET", f"{scope.runners}/downloads"):
        if (one["os"], one["architecture"]) == ("linux", kind):
            url = str(one["download_url"])
            _, _, rest = url.partition("/releases/download/")
            if mirror and rest:
                url = f"{mirror.rstrip('/')}/{rest}"
            return Download(url, str(one.get("sha256_checksum") or ""))
    raise NotFoundError(f"GitHub offers no runner for Linux on {kind}.")


def _delete(github: GitHub, scope: Scope, registrations: Sequence[Registration]) -> None:
    for one in registrations:
        try:
            github.call("DELETE", f"{scope.runners}/{one.id}")
        except GitHubError as error:
            # 422: it runs a job. 404: it went meanwhile; the next look says whether that is so.
            if error.status not in (404, 422):
                raise


def _generate(github: GitHub, scope: Scope, wanted: Wanted) -> Any:
    body = {"name": wanted.name, "runner_group_id": wanted.group, "labels": list(wanted.labels), "work_folder": "_work"}
    return github.call("POST", f"{scope.runners}/generate-jitconfig", body)


def _may_list(github: GitHub, scope: Scope) -> bool:
    """Whether the token sees the scope's runners: then a 404 elsewhere means that there is no such endpoint."""
    try:
        github.call("GET", scope.runners, query={"per_page": 1})
    except GitHubError as error:
        if error.status in (403, 404):
            return False
        raise
    return True


def _by_token(github: GitHub, scope: Scope, wanted: Wanted) -> OneUse:
    token = github.call("POST", f"{scope.runners}/registration-token")["token"]
    settings = {
        "URL": f"{github.server}/{scope}",
        "TOKEN": token,
        "NAME": wanted.name,
        "LABELS": ",".join(wanted.labels),
    }
    return OneUse(None, settings)

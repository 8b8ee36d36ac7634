"""A runner's registration with GitHub: created for one job, removed, and verified to be gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from goldrun.errors import NotFoundError, RefusedError, UnavailableError
from goldrun.github.client import GitHub, GitHubError
from goldrun.github.runners import (
    DEFAULT_GROUP,
    Registration,
    create_registration_token,
    delete_registration,
    find_registrations,
    generate_jit_config,
    is_busy,
    is_conflict,
    is_missing,
    list_packages,
    may_list,
)
from goldrun.github.scope import Scope
from goldrun.waiting import SHORTEST, wait_for

BUSY_SECONDS = 120.0
LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Wanted:
    """The registration to create.

    Attributes:
        name: the runner's unique name.
        labels: at least one.
        group: the number of its runner group.
    """

    name: str
    labels: tuple[str, ...]
    group: int = DEFAULT_GROUP


@dataclass(frozen=True)
class OneUse:
    """A configuration that can be used once. It is a secret until then.

    Attributes:
        registration: exists already with a just-in-time configuration; None: the runner registers itself.
        settings: the runner's settings, by name.
    """

    registration: Registration | None
    settings: Mapping[str, str]

    def __repr__(self) -> str:
        return f"OneUse({self.registration!r}, ***)"


@dataclass(frozen=True)
class Download:
    """Where to download the runner's program, and its SHA-256."""

    url: str
    sha256: str


def register(github: GitHub, scope: Scope, wanted: Wanted) -> OneUse:
    """Get a just-in-time configuration; from old servers without them, a registration token.

    The name is unique: an existing registration with it comes from an earlier attempt whose answer was lost.

    Raises:
        GitHubError: GitHub refuses.
    """
    try:
        registration, secret = generate_jit_config(github, scope, wanted.name, wanted.labels, wanted.group)
    except GitHubError as error:
        if is_conflict(error):
            for made in find_registrations(github, scope, wanted.name):
                delete_registration(github, scope, made.id)
            registration, secret = generate_jit_config(github, scope, wanted.name, wanted.labels, wanted.group)
        elif is_missing(error) and may_list(github, scope):
            return _by_token(github, scope, wanted)
        else:
            raise
    return OneUse(registration, {"JITCONFIG": secret})


def remove(github: GitHub, scope: Scope, names: Iterable[str], seconds: float = BUSY_SECONDS) -> list[str]:
    """Remove runners, and poll until GitHub no longer lists them.

    A runner whose instance has just been deleted may still count as busy: GitHub refuses until it notices.

    Args:
        github: the API.
        scope: the runners' repository or organization.
        names: the runners' names.
        seconds: how long GitHub may take to notice.

    Returns:
        The names that were not registered in the first place.

    Raises:
        GitHubError: GitHub refuses for another reason.
        UnavailableError: a runner is still registered.
    """
    left = list(dict.fromkeys(names))
    missing: list[str] | None = None
    busy = False

    def look() -> list[str] | None:
        nonlocal left, missing, busy
        found = {name: find_registrations(github, scope, name) for name in left}
        left = [name for name, registrations in found.items() if registrations]
        if missing is None:
            missing = [name for name in found if name not in left]
        for registrations in found.values():
            _delete(github, scope, registrations)
        busy = any(registration.busy for registrations in found.values() for registration in registrations)
        return missing if not left else None

    return wait_for(
        github.clock,
        look,
        seconds=seconds,
        late=lambda elapsed: UnavailableError(
            f"GitHub still has {', '.join(left)} after {elapsed:.0f} s.",
            why=["GitHub removes a busy runner only after it has noticed that the runner is gone."],
            fix=[f"later: goldrun runner down {left[0]}, or goldrun sweep with --repo or --org"],
        ),
        often=lambda _: LOOK_SECONDS if busy else SHORTEST,
    )


def find_download(github: GitHub, scope: Scope, architecture: str, mirror: str = "") -> Download:
    """Return the download for instances whose image has no runner, with GitHub's checksum.

    Args:
        github: the API.
        scope: the runner's repository or organization.
        architecture: amd64 or arm64.
        mirror: the URL to download from instead; the checksum stays GitHub's.

    Raises:
        NotFoundError: GitHub offers none for the architecture.
    """
    kind = "arm64" if architecture == "arm64" else "x64"
    for package in list_packages(github, scope):
        if (package.os, package.architecture) == ("linux", kind):
            _, _, rest = package.url.partition("/releases/download/")
            return Download(f"{mirror.rstrip('/')}/{rest}" if mirror and rest else package.url, package.sha256)
    raise NotFoundError(f"GitHub offers no runner for Linux on {kind}.")


def _delete(github: GitHub, scope: Scope, registrations: Sequence[Registration]) -> None:
    for registration in registrations:
        try:
            delete_registration(github, scope, registration.id)
        except GitHubError as error:
            # It may have been removed meanwhile: the next poll shows it.
            if not (is_busy(error) or is_missing(error)):
                raise


def _by_token(github: GitHub, scope: Scope, wanted: Wanted) -> OneUse:
    if wanted.group != DEFAULT_GROUP:  # a runner of a wrong group serves more repositories than it should
        raise RefusedError(
            f"{github.server} cannot put the runner into the group {wanted.group}.",
            why=["it makes no just-in-time configurations, and with a token a group is named, not numbered."],
            fix=["leave --group out, or upgrade the server."],
        )
    settings = {
        "URL": f"{github.server}/{scope}",
        "TOKEN": create_registration_token(github, scope),
        "NAME": wanted.name,
        "LABELS": ",".join(wanted.labels),
    }
    return OneUse(None, settings)

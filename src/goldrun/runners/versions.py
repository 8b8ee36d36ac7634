"""Versions of GitHub's runner end: an old one is refused when it registers, or gets no job.

A runner past its end registers, connects, says one line and leaves with exit code 0, and its job waits. So GitHub is
asked before a machine is made for it. Source: ``GET …/actions/runners/deprecations/{version}`` (GitHub's changelog of
2026-09-03). Seen there: a member without a date is left out, and a version that GitHub does not know is a 404. Servers
without the endpoint (GitHub Enterprise Server) answer 404 too, and enforce nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from goldrun.errors import GoldrunError, RefusedError, UnavailableError
from goldrun.github.client import GitHub, GitHubError, segment
from goldrun.github.scope import Scope

MINIMUM = (2, 329, 0)  # what registers, where GitHub enforces it
# What a manifest may call the runner: what a recipe's script says of the image, then what the recipe has pinned.
NAMES = ("actions-runner", "runner")
REBUILD = 'build the image anew: goldrun image build RECIPE, with runner = "latest" under [versions].'
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)", re.ASCII)


@dataclass(frozen=True)
class End:
    """When a version ends, in seconds since 1970; None: GitHub does not say yet.

    Attributes:
        registration: from then on it cannot register.
        runtime: from then on it gets no job.
    """

    registration: float | None
    runtime: float | None


def version_in(manifest: Mapping[str, str]) -> str:
    """The runner's version by an image's manifest; empty: it has none, or does not say."""
    found = (manifest[name] for name in NAMES if name in manifest)
    return next((version for version in found if _VERSION.fullmatch(version)), "")


def find_latest(github: GitHub) -> str:
    """The version of the runner that GitHub has released last.

    Raises:
        GoldrunError: GitHub does not say, or cannot be reached.
    """
    try:
        answer = github.call("GET", "/repos/actions/runner/releases/latest")
        version = str(answer.get("tag_name", "")).removeprefix("v")
        if not _VERSION.fullmatch(version):
            raise UnavailableError("GitHub does not say what the latest version of its runner is.")
    except GoldrunError as error:
        error.fix = (*error.fix, 'or pin a version in the recipe, e.g. runner = "2.337.0" under [versions].')
        raise
    return version


def find_end(github: GitHub, scope: Scope, version: str) -> End | None:
    """When a version ends; None where GitHub does not tell us.

    Raises:
        GitHubError: GitHub fails.
    """
    try:
        answer = github.call("GET", f"{scope.runners}/deprecations/{segment(version)}")
    except GitHubError as error:
        # 403: a token may register runners and not read this.
        if error.status in (403, 404):
            return None
        raise
    return End(_moment(answer, "registration_deprecates_at"), _moment(answer, "runtime_deprecates_at"))


def require_current(
    github: GitHub, scope: Scope, version: str, *, now: float, life: float, tell: Callable[[str], None]
) -> None:
    """See that a runner of that version gets its job.

    Args:
        github: the API.
        scope: whose runner it is to be.
        version: what the image has; empty: not known.
        now: seconds since 1970.
        life: how long the runner may live, in seconds.
        tell: told what could not be checked.

    Raises:
        RefusedError: the version has ended, or ends within the runner's life.
        GitHubError: GitHub fails.
    """
    if not version:
        tell(
            "the image does not say which version of the runner it has, so nobody checks whether GitHub still takes it."
        )
        return
    end = find_end(github, scope, version)
    if end is None:
        if _number(version) < MINIMUM and _has_endpoint(github, scope):
            raise _refusal(version, "GitHub registers 2.329.0 and later ones.")
        tell(f"GitHub does not say how long it takes version {version} of the runner, which the image has.")
        return
    if end.registration is not None and end.registration <= now:
        raise _refusal(version, "GitHub registers it no more.")
    if end.runtime is not None and end.runtime <= now:
        raise _refusal(version, "GitHub gives it no jobs any more.")
    if end.runtime is not None and end.runtime <= now + life:
        raise _refusal(version, "GitHub will give it no jobs before the runner's life is over.")


def _refusal(version: str, why: str) -> RefusedError:
    return RefusedError(f"The image's runner, version {version}, is too old.", why=[why], fix=[REBUILD])


def _has_endpoint(github: GitHub, scope: Scope) -> bool:
    """Whether GitHub tells ends at all: it does then of the version that it offers for download."""
    names = (str(one.get("filename", "")) for one in github.call("GET", f"{scope.runners}/downloads"))
    found = (match[0] for name in names if (match := _VERSION.search(name)))
    return any(find_end(github, scope, version) for version in dict.fromkeys(found))


def _moment(answer: Mapping[str, Any], name: str) -> float | None:
    text = answer.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise UnavailableError(f"GitHub says {text!r} for {name}, which is no moment.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))

"""Versions of GitHub's runner expire: an old one cannot register, or gets no job.

An expired runner registers, connects, prints one line and ends with exit code 0, while its job waits. So the version is
checked before an instance is created for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from goldrun.errors import GoldrunError, RefusedError, UnavailableError
from goldrun.github.client import GitHub
from goldrun.github.repositories import read_release
from goldrun.github.runners import find_end, list_packages
from goldrun.github.scope import Scope
from goldrun.report import Report

RUNNER = Scope("actions/runner")  # the repository whose releases are the runner's program
MINIMUM = (2, 329, 0)  # the oldest version that can register, where GitHub enforces it
# The runner's names in a manifest: from a recipe's manifest script, then from its pinned versions.
NAMES = ("actions-runner", "runner")
REBUILD = 'rebuild the image: goldrun image build RECIPE, with runner = "latest" under [versions].'
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)", re.ASCII)


def version_in(manifest: Mapping[str, str]) -> str:
    """Return the runner's version in an image's manifest; empty if it has none."""
    found = (manifest[name] for name in NAMES if name in manifest)
    return next((version for version in found if _VERSION.fullmatch(version)), "")


def find_latest(github: GitHub) -> str:
    """Return the latest version of GitHub's runner.

    Raises:
        GoldrunError: GitHub does not report it, or cannot be reached.
    """
    try:
        version = read_release(github, RUNNER).tag.removeprefix("v")
        if not _VERSION.fullmatch(version):
            raise UnavailableError("GitHub does not say what the latest version of its runner is.")
    except GoldrunError as error:
        error.fix = (*error.fix, 'or pin a version in the recipe, e.g. runner = "2.337.0" under [versions].')
        raise
    return version


def require_current(
    github: GitHub, scope: Scope, version: str, *, now: float, life: float, report: Report
) -> float | None:
    """Ensure that a runner of that version gets its job; return until when it gets any, if GitHub says so.

    Args:
        github: the API.
        scope: the runner's repository or organization.
        version: the version in the image; empty: not known.
        now: seconds since 1970.
        life: how long the runner may live, in seconds.
        report: receives what could not be checked.

    Raises:
        RefusedError: the version has expired, or expires within the runner's life.
        GitHubError: GitHub fails.
    """
    if not version:
        report("the image does not say which version of the runner it has, so GitHub may no longer accept it.")
        return None
    end = find_end(github, scope, version)
    if end is None:
        if _number(version) < MINIMUM and _has_endpoint(github, scope):
            raise _refusal(version, "GitHub registers only 2.329.0 and newer.")
        report(f"GitHub does not say how long it takes version {version} of the runner, which the image has.")
        return None
    if end.registration is not None and end.registration <= now:
        raise _refusal(version, "GitHub no longer registers it.")
    if end.runtime is not None and end.runtime <= now:
        raise _refusal(version, "GitHub no longer gives it jobs.")
    if end.runtime is not None and end.runtime <= now + life:
        raise _refusal(version, "GitHub will stop giving it jobs during the runner's lifetime.")
    return end.runtime


def _refusal(version: str, why: str) -> RefusedError:
    return RefusedError(f"The image's runner, version {version}, is too old.", why=[why], fix=[REBUILD])


def _has_endpoint(github: GitHub, scope: Scope) -> bool:
    """Return whether GitHub reports expiry dates at all: then it has one for the version that it offers."""
    found = (match[0] for package in list_packages(github, scope) if (match := _VERSION.search(package.filename)))
    return any(find_end(github, scope, version) for version in dict.fromkeys(found))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))

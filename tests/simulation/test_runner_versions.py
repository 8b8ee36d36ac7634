"""Runner versions end: reported before anything is created for one that GitHub gives no jobs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from goldrun.errors import EXIT_REFUSED, RefusedError, UnavailableError
from goldrun.github.client import GitHub, GitHubError
from goldrun.github.runners import End, find_end
from goldrun.github.scope import organization_scope, repository_scope
from goldrun.runners.versions import find_latest, require_current, version_in
from local_cloud.github import releases
from tests.conftest import NOW, Running
from tests.simulation.played import open_github

DAY = 86400.0
SCOPES = [repository_scope("octo-org/octo-repo"), organization_scope("octo-org")]
CURRENT = releases.current(NOW)
NUMBER = int(CURRENT.split(".")[1])
# The one before is still taken; the one before that has ended.
BEFORE, ENDED = f"2.{NUMBER - 1}.0", f"2.{NUMBER - 2}.0"
BEFORE_ENDS = releases.released(CURRENT) + releases.SUPPORT


@pytest.fixture
def github(frozen: Running) -> GitHub:
    return open_github(frozen.url, frozen.client())


def check(github: GitHub, version: str, *, now: float = NOW, life: float = 4 * 3600.0) -> list[str]:
    """Return the notes; raise what is raised."""
    notes: list[str] = []
    require_current(github, SCOPES[0], version, now=now, life=life, report=notes.append)
    return notes


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_github_reports_when_a_version_ends(github: GitHub, scope: Any) -> None:
    assert find_end(github, scope, CURRENT) == End(None, None)
    assert find_end(github, scope, BEFORE) == End(None, BEFORE_ENDS)
    old = find_end(github, scope, "2.328.0")
    assert old is not None
    assert old.registration == releases.MINIMUM_SINCE
    for unknown in ("2.320.0", f"2.{NUMBER + 1}.0", "2.327.9", "nonsense/../.."):
        assert find_end(github, scope, unknown) is None


def test_its_clock_decides(frozen: Running, github: GitHub) -> None:
    assert find_latest(github) == CURRENT
    frozen.cloud.clock.advance(releases.PACE)
    assert find_latest(github) == f"2.{NUMBER + 1}.0"
    end = find_end(github, SCOPES[0], CURRENT)
    assert end is not None
    assert end.runtime is not None


def test_a_version_that_github_accepts_passes(github: GitHub) -> None:
    assert check(github, CURRENT) == []
    assert check(github, BEFORE) == []


def test_a_version_that_has_ended_is_refused(github: GitHub) -> None:
    with pytest.raises(RefusedError) as caught:
        check(github, ENDED)
    assert ENDED in caught.value.what
    assert caught.value.exit_code == EXIT_REFUSED
    assert "no longer gives it jobs" in str(caught.value)
    assert "goldrun image build" in "".join(caught.value.fix)


def test_a_version_that_cannot_register_is_refused(github: GitHub) -> None:
    with pytest.raises(RefusedError, match="2\\.328\\.0") as caught:
        check(github, "2.328.0", now=releases.MINIMUM_SINCE)
    assert "no longer registers it" in str(caught.value)
    with pytest.raises(RefusedError, match="registers only 2\\.329\\.0 and newer"):
        check(github, "2.299.1")  # GitHub knows nothing of one as old as that


def test_a_version_that_ends_within_the_runners_lifetime_is_refused(github: GitHub) -> None:
    life = 6 * 3600.0
    assert check(github, BEFORE, now=BEFORE_ENDS - life - 1, life=life) == []
    with pytest.raises(RefusedError, match="during the runner's lifetime"):
        check(github, BEFORE, now=BEFORE_ENDS - life, life=life)
    with pytest.raises(RefusedError, match="no longer gives"):
        check(github, BEFORE, now=BEFORE_ENDS, life=life)


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("version", [CURRENT, "2.299.1"])
def test_a_server_without_version_dates_is_not_an_error(
    frozen: Running, github: GitHub, status: int, version: str
) -> None:
    """GitHub Enterprise Server has no such endpoint, and takes old runners."""
    frozen.fault("error", "github:runner-deprecations", times=None, status=status)
    (words,) = check(github, version)
    assert version in words


def test_an_image_without_a_runner_version_is_not_an_error(github: GitHub) -> None:
    (words,) = check(github, "")
    assert "does not say which version" in words


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_failure_is_never_taken_for_an_answer(frozen: Running, github: GitHub, status: int) -> None:
    frozen.fault("error", "github:runner-deprecations", times=None, status=status)
    with pytest.raises(GitHubError):
        check(github, CURRENT)


@pytest.mark.parametrize(
    ("manifest", "version"),
    [
        ({"actions-runner": "2.337.0", "runner": "2.1.0"}, "2.337.0"),
        ({"runner": "2.337.0"}, "2.337.0"),
        ({"actions-runner": "unknown", "runner": "2.337.0"}, "2.337.0"),
        ({"runner": "latest"}, ""),
        ({"docker": "2.337.0"}, ""),
        ({}, ""),
    ],
)
def test_the_manifest_lists_the_images_tools(manifest: dict[str, str], version: str) -> None:
    assert version_in(manifest) == version


class Answering(GitHub):
    """Answers with the given values."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def call(self, *_: Any, **__: Any) -> Any:
        return self.answer


@pytest.mark.parametrize("member", ["runtime_deprecates_at", "registration_deprecates_at"])
def test_dates_as_github_may_write_them(member: str) -> None:
    for text in ("2026-11-05T15:30:55Z", "2026-11-05T15:30:55.000+00:00", "2026-11-05T15:30:55"):
        end = find_end(Answering({"runner_version": "x", member: text}), SCOPES[0], "x")
        assert end is not None
        assert 1793892655.0 in (end.registration, end.runtime)
    assert find_end(Answering({"runner_version": "x", member: None}), SCOPES[0], "x") == End(None, None)
    with pytest.raises(UnavailableError, match="not a time"):
        find_end(Answering({"runner_version": "x", member: "soon"}), SCOPES[0], "x")


def test_the_latest_version_is_read_without_a_token_too(frozen: Running) -> None:
    assert find_latest(open_github(frozen.url, frozen.client(), token="")) == CURRENT
    with pytest.raises(GitHubError):
        find_end(open_github(frozen.url, frozen.client(), token=""), SCOPES[0], CURRENT)


@pytest.mark.parametrize("status", [403, 404, 503])
def test_without_an_answer_a_version_can_be_pinned(frozen: Running, github: GitHub, status: int) -> None:
    frozen.fault("error", "github:latest-runner", times=None, status=status)
    with pytest.raises(GitHubError) as caught:
        find_latest(github)
    assert 'runner = "' in caught.value.fix[-1]


def test_a_release_without_a_version_is_ignored() -> None:
    with pytest.raises(UnavailableError):
        find_latest(Answering(json.loads('{"tag_name": "nightly"}')))

"""`goldrun setup` as people use it: its questions, its mistakes, what it says of GitHub."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tools.terminal import run_on_terminal

from goldrun.cli.setup_questions import repository_here
from local_cloud.github.records import GitHubPull, GitHubSecret
from local_cloud.github.router import PREFIX
from tests.commands import GOLDRUN, Goldrun
from tests.conftest import Running

SETUP = [*GOLDRUN, "setup"]
REPO = ["--repo", "octo-org/octo-repo"]
ZONE = ["--zone", "cn-hangzhou-k"]


@pytest.fixture
def env(live: Running, tmp_path: Path) -> dict[str, str]:
    return live.environment(HOME=str(tmp_path), NO_COLOR="1", **live.github())


def test_it_asks_one_question_after_the_other(live: Running, env: dict[str, str], tmp_path: Path) -> None:
    """A repository that is none is asked for again; what is not wanted is not made."""
    answers = ["octo-org", "octo-org/octo-repo", "nat", "later", "y", "n"]
    code, said = run_on_terminal(SETUP, env, columns=100, folder=tmp_path, answers=answers)
    assert code == 0, said
    asked = [
        "Which repositories",
        "'octo-org' is not a repository",
        "Internet access (public, nat)",
        "0.034 USD an hour",
        "By which",
    ]
    for words in (*asked, "pull request? [Y/n]", "+ NAT gateway goldrun", "+ pull request", "nothing was changed"):
        assert words in said, said
    assert "+ secret" not in said
    assert not list(live.cloud.store.all(GitHubPull))


def test_it_asks_in_chinese(env: dict[str, str], tmp_path: Path) -> None:
    """Two questions, the plan's sum and the place stayed English."""
    answers = ["octo-org/octo-repo", "", "later", "n", "n"]
    _, said = run_on_terminal(SETUP, {**env, "GOLDRUN_LANG": "zh"}, columns=100, folder=tmp_path, answers=answers)
    for words in (
        "哪些仓库 [",
        "公网访问方式 (public, nat)",
        "goldrun（cn-hangzhou）的计划：新增",
        "操作对象：账号 ",
    ):
        assert words in said, said


def test_without_a_repository_it_asks_nothing_about_github(env: dict[str, str], tmp_path: Path) -> None:
    _, said = run_on_terminal(SETUP, env, columns=100, folder=tmp_path, answers=["-", "", "n"])
    assert "By which" not in said
    assert "pull request" not in said
    assert "+ VPC goldrun" in said
    assert "identity provider" not in said


def test_what_was_said_is_not_asked(env: dict[str, str], tmp_path: Path) -> None:
    _, said = run_on_terminal([*SETUP, *REPO], env, columns=100, folder=tmp_path, answers=["n"])
    assert "Which repositories" not in said
    assert "Do this?" in said


def test_the_token_of_workflows_is_asked_for_and_never_shown(
    live: Running, goldrun: Goldrun, env: dict[str, str], tmp_path: Path
) -> None:
    words = [*SETUP, *REPO, *ZONE, "--auth", "token"]
    code, said = run_on_terminal(words, env, columns=100, folder=tmp_path, answers=["planted-token", "y"])
    assert code == 0, said
    assert "planted-token" not in said.partition("Token that may")[2]
    assert next(iter(live.cloud.store.all(GitHubSecret))).value == "planted-token"
    goldrun("setup", *REPO, *ZONE, "--auth", "token", "--yes")  # it is there: nobody is asked


@pytest.mark.parametrize(
    ("words", "change", "said"),
    [
        (["--auth", "app", "--plan"], {}, "none is named"),
        (["--workflows", "--plan"], {}, "none is named"),
        ([*REPO, "--workflows", "--plan"], {"GOLDRUN_GITHUB_TOKEN": ""}, "needs a token that may change"),
        ([*REPO, "--auth", "token", "--plan"], {"GOLDRUN_GITHUB_TOKEN": ""}, "needs a token that may change"),
        ([*REPO, "--auth", "token", "--yes", *ZONE], {}, "There is no token to store"),
        ([*REPO, "--auth", "token", "--yes", *ZONE], {"GOLDRUN_WORKFLOWS_TOKEN": "a b"}, "not valid"),
        ([*REPO, "--auth", "app", "--yes"], {"GITHUB_ACTIONS": "true"}, "made by a person"),
        ([*REPO, "--workflows", "--source", "goldrun", "--plan"], {}, "not OWNER/NAME@REF"),
        (["--zone", "cn-hangzhou-x", "--plan"], {}, "'cn-hangzhou-x' is not a zone of cn-hangzhou"),
        ([*REPO, "--auth", "key", "--plan"], {}, "Invalid value for '--auth'"),
    ],
)
def test_mistakes_are_said_before_anything_is_made(
    goldrun: Goldrun, words: list[str], change: dict[str, str], said: str
) -> None:
    done = goldrun.with_env(change)("setup", *words, code=2)
    assert said in done.stderr
    assert "creating" not in done.stderr


def test_the_pull_request_is_named_and_goes_with_the_setup(live: Running, goldrun: Goldrun) -> None:
    done = goldrun("setup", *REPO, *ZONE, "--workflows", "--yes")
    assert f"review and merge: {live.url}{PREFIX}/octo-org/octo-repo/pull/1" in done.stderr
    assert "pull" not in done.stdout
    goldrun("setup", *REPO, *ZONE, "--workflows", "--plan")
    goldrun("setup", *REPO, "--workflows", "--destroy", "--yes")
    assert [pull.state for pull in live.cloud.store.all(GitHubPull)] == ["closed"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("git@github.com:octo-org/octo-repo.git", "octo-org/octo-repo"),
        ("https://github.com/octo-org/octo-repo", "octo-org/octo-repo"),
        ("https://github.example.com/octo-org/octo.repo.git", "octo-org/octo.repo"),
        ("https://gitlab.com/octo-org/octo-repo", ""),
        ("/srv/git/repo", ""),
    ],
)
def test_the_repository_here_is_proposed(tmp_path: Path, url: str, name: str) -> None:
    (tmp_path / "deep").mkdir()
    for command in (["init", "-q"], ["remote", "add", "origin", url]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert repository_here(tmp_path / "deep") == name


def test_no_repository_here(tmp_path: Path) -> None:
    assert repository_here(tmp_path) == ""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_bytes(b"\xff")
    assert repository_here(tmp_path) == ""

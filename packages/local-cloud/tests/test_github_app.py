"""``goldrun local github-app``, with processes of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.commands import run_goldrun


class Shell:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"HOME": str(folder), "PATH": os.environ["PATH"], "GOLDRUN_LOCAL_DATA": str(folder / "cloud.db")}

    def __call__(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return run_goldrun(words, self.env, self.folder, code=code)

    def take(self, text: str) -> None:
        """Export the variables that a command has printed."""
        for line in text.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.env[name] = value.strip("'\"")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    shell("local", "up", "--detach", "--port", "0", "--seed")
    shell.take(shell("local", "env").stdout)
    yield shell
    shell("local", "down")


def test_an_app_instead_of_a_token(shell: Shell) -> None:
    made = shell("local", "github-app", "app.pem")
    key = shell.folder / "app.pem"
    assert key.stat().st_mode & 0o77 == 0
    assert "PRIVATE KEY" not in made.stdout + made.stderr
    again = shell("local", "github-app", "app.pem")
    assert again.stdout != made.stdout, "another App, with the same key"
    del shell.env["GOLDRUN_GITHUB_TOKEN"]
    assert "No GitHub token" in shell("runner", "ls", "--repo", "octo-org/octo-repo", code=3).stderr
    shell.take(made.stdout)
    shell("runner", "ls", "--repo", "octo-org/octo-repo")
    (shell.folder / "runners.toml").write_text(
        '[github]\nscopes = ["octo-org"]\n[profile.spot]\nimage = "github-runner-ubuntu24"\narch = "amd64"\n'
    )
    shell.env["ALIYUN_SECURITY_GROUP_ID"] = "sg-local-cn-hangzhou"
    assert "spot" in shell("serve", "runners.toml", "--plan").stdout


@pytest.mark.parametrize(
    ("text", "words"), [("no key", "the key is not PEM"), ("", "the key is not PEM"), (None, "cannot be written")]
)
def test_wrong_keys(shell: Shell, text: str | None, words: str) -> None:
    file = shell.folder / ("app.pem" if text is not None else "none/app.pem")
    if text is not None:
        file.write_text(text)
    assert words in shell("local", "github-app", str(file), code=2).stderr

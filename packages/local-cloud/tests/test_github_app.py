"""``goldrun local github-app``, with processes of its own."""

from __future__ import annotations

import pytest

from shell import Shell


@pytest.fixture
def shell(shell: Shell) -> Shell:
    shell("local", "up", "--detach", "--port", "0", "--seed")
    shell.use()
    return shell


def test_an_app_instead_of_a_token(shell: Shell) -> None:
    made = shell("local", "github-app", "app.pem")
    key = shell.folder / "app.pem"
    assert key.stat().st_mode & 0o77 == 0
    assert "PRIVATE KEY" not in made.stdout + made.stderr
    again = shell("local", "github-app", "app.pem")
    assert again.stdout != made.stdout, "another App, with the same key"
    del shell.env["GOLDRUN_GITHUB_TOKEN"]
    assert "No GitHub token" in shell("runner", "ls", "--repo", "octo-org/octo-repo", code=3).stderr
    shell.export(made.stdout)
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

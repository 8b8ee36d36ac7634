"""``goldrun image share`` and ``unshare``: with accounts, and with everyone."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local_cloud.records import Image
from tests.conftest import Running

NAME = "github-runner-ubuntu24-amd64-latest"
IMAGE = "m-localnewamd64"
ACCOUNT = "1234567890123456"


@pytest.fixture
def goldrun(populated: Running, tmp_path: Path) -> Any:
    def run(*words: str, code: int = 0, answer: str | None = None) -> str:
        command = [sys.executable, "-m", "goldrun.cli.main", "image", *words]
        env = populated.environment(HOME=str(tmp_path))
        terminal, stdin = pty.openpty() if answer is not None else (-1, subprocess.DEVNULL)
        if answer is not None:
            os.write(terminal, answer.encode())
        done = subprocess.run(command, env=env, stdin=stdin, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        assert done.stdout == ""
        return done.stderr

    return run


def image(cloud: Running) -> Image:
    found = cloud.cloud.store.get(Image, IMAGE)
    assert found is not None
    return found


def test_accounts_get_an_image_and_lose_it(populated: Running, goldrun: Any) -> None:
    assert f"is shared with {ACCOUNT}." in goldrun("share", NAME, "--account", ACCOUNT)
    assert set(image(populated).shared_with) == {ACCOUNT}
    assert not image(populated).public
    assert "is shared with nobody." in goldrun("unshare", NAME, "--account", ACCOUNT)


def test_everyone_gets_an_image_only_by_consent(populated: Running, goldrun: Any) -> None:
    refusal = goldrun("share", NAME, "--public", code=2)
    assert "needs a confirmation" in refusal
    assert "nothing was changed" in goldrun("share", NAME, "--public", answer="n\n")
    assert not image(populated).public
    shown = goldrun("share", NAME, "--public", answer="y\n")
    assert f"would make public: {NAME} ({IMAGE}); copies that others make cannot be revoked" in shown
    assert image(populated).public
    assert "is shared with nobody." in goldrun("unshare", NAME, "--public")
    assert not image(populated).public
    both = goldrun("share", NAME, "--public", "--account", ACCOUNT, "--yes")
    assert f"is shared with everyone, {ACCOUNT}." in both


def test_nobody_is_nobody(populated: Running, goldrun: Any) -> None:
    for command in ("share", "unshare"):
        assert "No account to share with is given" in goldrun(command, NAME, code=2)

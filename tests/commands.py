"""goldrun as a process of its own, as people and programs run it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from goldrun.config import secrets_in

# The installed script: `python -m goldrun` has another name in its help.
GOLDRUN = (str(Path(sys.executable).with_name("goldrun")),)


def run_goldrun(
    words: Sequence[str],
    env: Mapping[str, str],
    folder: Path,
    *,
    code: int | None = 0,
    typed: str | None = None,
    timeout: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, and return what it has printed; it prints no traceback.

    Args:
        words: the command's words.
        env: its whole environment.
        folder: its working directory.
        code: its exit code (None: any).
        typed: what has been typed on the terminal that is its stdin (None: stdin is empty, and not a terminal).
        timeout: how long it may take, in seconds.
    """
    with _stdin(typed) as stdin:
        done = subprocess.run(
            [*GOLDRUN, *words],
            env=env,
            cwd=folder,
            stdin=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
    assert code in (None, done.returncode), (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@contextmanager
def _stdin(typed: str | None) -> Iterator[int]:
    if typed is None:
        yield subprocess.DEVNULL
        return
    keyboard, terminal = pty.openpty()
    os.write(keyboard, typed.encode())
    try:
        yield terminal
    finally:
        os.close(keyboard)
        os.close(terminal)


@dataclass(frozen=True)
class Goldrun:
    """``goldrun`` in an environment and a folder.

    Attributes:
        env: the environment; a test may change it between two commands.
        folder: the working directory.
    """

    env: dict[str, str]
    folder: Path

    def __call__(
        self, *words: str, code: int | None = 0, typed: str | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, with more variables, as `run_goldrun` does; it prints no secret of its environment."""
        whole = self.env | env
        done = run_goldrun(words, whole, self.folder, code=code, typed=typed)
        assert not [one for one in secrets_in(whole) if one in done.stdout + done.stderr]
        return done

    def with_env(self, more: Mapping[str, str]) -> Goldrun:
        """Return the same with more variables."""
        return Goldrun({**self.env, **more}, self.folder)

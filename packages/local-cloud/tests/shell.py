"""A person's shell."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.commands import run_goldrun


class Shell:
    """A person's shell, whose folder is the home and has a local cloud of its own.

    Attributes:
        timeout: how long a command may take, in seconds.
        folder: the working directory.
        env: what is exported.
    """

    timeout = 120.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GOLDRUN_LOCAL_DATA": str(folder / "cloud.db")}

    def __call__(
        self, *words: str, code: int = 0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a `goldrun` command, with more variables, and return what it has printed."""
        return run_goldrun(words, {**self.env, **(env or {})}, self.folder, code=code, timeout=self.timeout)

    def export(self, text: str) -> None:
        """Export the variables that a command has printed, as `eval` does."""
        assignments = (word.partition("=") for word in shlex.split(text))
        self.env |= {name: value for name, sign, value in assignments if sign}

    def use(self) -> None:
        """Use the local cloud."""
        self.export(self("local", "env").stdout)

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self("local", "status", "--json").stdout)
        return answer

    def token(self) -> str:
        note = json.loads(Path(f"{self.env['GOLDRUN_LOCAL_DATA']}.run.json").read_text())
        return str(note["token"])

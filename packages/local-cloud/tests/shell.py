"""A person's shell."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from tests.commands import run_goldrun

GOLDRUN = [sys.executable, "-m", "goldrun.cli.main"]


class Shell:
    """A person's shell: one data file, the environment of `goldrun local env`."""

    def __init__(self, folder: Path) -> None:
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GOLDRUN_LOCAL_DATA": str(folder / "cloud.db"),
        }

    def run(self, *arguments: str, code: int = 0) -> str:
        done = run_goldrun(arguments, self.env, Path(self.env["HOME"]), code=code)
        self.said = done.stderr
        return done.stdout

    def use(self) -> None:
        self.env |= dict(re.findall(r"^export (\w+)=(.*)$", self.run("local", "env"), re.MULTILINE))

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.run("local", "status", "--json"))
        return answer

    def token(self) -> str:
        note = json.loads(Path(f"{self.env['GOLDRUN_LOCAL_DATA']}.run.json").read_text())
        return str(note["token"])

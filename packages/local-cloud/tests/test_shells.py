"""The statements of `goldrun local env`, by the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from local_cloud import daemon
from local_cloud.cli.shells import SHELLS
from shell import Shell

VALUES = ["plain", "", "two words", "it's", 'a "quote"', "$HOME `date` $(date)", "back\\slash\\", "100 %", "键=值"]
PROGRAMS = {"bash": ["bash", "-c"], "fish": ["fish", "-c"], "powershell": ["pwsh", "-NoProfile", "-Command"]}


def run(shell: str, script: str) -> str:
    program = PROGRAMS[shell]
    if not shutil.which(program[0]):
        pytest.skip(f"there is no {program[0]}")
    env = {name: value for name, value in os.environ.items() if name != "NAME"}
    done = subprocess.run([*program, script], env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.removesuffix("\n")


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("shell", PROGRAMS)
def test_a_shell_reads_back_what_was_set(shell: str, value: str) -> None:
    assert run(shell, f"{SHELLS[shell].set('NAME', value)}\nprintenv NAME") == value


@pytest.mark.parametrize("shell", PROGRAMS)
def test_a_shell_removes_what_was_set(shell: str) -> None:
    unset = SHELLS[shell].unset
    assert unset
    assert run(shell, f"{SHELLS[shell].set('NAME', 'x')}\n{unset('NAME')}\nprintenv NAME") == ""


@pytest.mark.parametrize(
    ("value", "line"), [("a b", 'NAME="a b"'), ('a "b"', 'NAME="a \\"b\\""'), ("a\\b", 'NAME="a\\\\b"')]
)
def test_a_dotenv_file_quotes_its_values(value: str, line: str) -> None:
    assert SHELLS["dotenv"].set("NAME", value) == line


def test_from_the_command_line(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0")
    port = shell.status()["url"].rpartition(":")[2]
    lines = shell("local", "env").stdout.splitlines()
    assert "export ALICLOUD_REGION=cn-hangzhou" in lines
    assert f"export ALIBABA_CLOUD_ENDPOINT=127.0.0.1:{port}" in lines
    assert "set -gx ALICLOUD_REGION 'cn-hangzhou'" in shell("local", "env", "--format", "fish").stdout.splitlines()
    assert shell("local", "env", "--format", "dotenv").stdout.startswith('GOLDRUN_ENDPOINT="http://127.0.0.1:')
    shell("local", "down")
    # Nothing has to run for it.
    assert shell("local", "env", "--unset").stdout.splitlines() == [f"unset {name}" for name in daemon.USUAL]
    assert "--unset does not work" in shell("local", "env", "--unset", "--format", "dotenv", code=2).stderr

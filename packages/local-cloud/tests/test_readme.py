"""The README's examples work as written."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Running

from shell import Shell

FOLDER = Path(__file__).parents[1]
READMES = ["README.md", "README.zh-CN.md"]


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (FOLDER / readme).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("readme", READMES)
def test_the_official_sdk_example(populated: Running, readme: str) -> None:
    example = blocks(readme, "python")[0].replace("4679", str(populated.port))
    run = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=60, check=False)
    assert "m-localnewamd64 github-runner-ubuntu24-amd64-latest Available" in run.stdout, run.stderr


@pytest.mark.parametrize("readme", READMES)
def test_a_server_in_the_process(readme: str) -> None:
    example = blocks(readme, "python")[1] + (
        "import http.client, time\n"
        "while not cloud.started: time.sleep(0.01)\n"
        "asked = http.client.HTTPConnection('127.0.0.1', port); asked.request('GET', '/')\n"
        "print(asked.getresponse().status); cloud.stop()\n"
    )
    run = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout == "400\n", run.stderr


def test_the_commands(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0", "--seed")
    for line in blocks("README.md", "bash")[1].splitlines():
        shell("local", *shlex.split(line, comments=True)[1:])

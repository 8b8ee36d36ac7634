"""The table of calls by Alibaba Cloud's own command line, `aliyun`, where there is one.

`aliyun` on the PATH is used, and those that ALIYUN_CLI names, separated by colons.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Running

from conformance.call import IMAGE, REGION
from conformance.driver import Answer, play
from conformance.flat import flatten
from conformance.table import CALLS
from local_cloud import seed

DOCS = Path(__file__).parents[3] / "docs"
PRODUCTS = {"ecs": "ecs", "vpc": "vpc", "sts": "sts", "bssapi": "bssopenapi", "ram": "ram", "ims": "ims"}
NAMED = [path for path in os.environ.get("ALIYUN_CLI", "").split(":") if path]
FOUND = [*NAMED, *([found] if (found := shutil.which("aliyun")) else [])]
needs_cli = pytest.mark.skipif(not FOUND, reason="there is no aliyun on the PATH, and ALIYUN_CLI names none")


class Cli:
    """The command line, at home in a folder, pointed at a local cloud."""

    def __init__(self, program: str, cloud: Running, home: Path) -> None:
        self.program, self.cloud = program, cloud
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "ALIBABA_CLOUD_ACCESS_KEY_ID": seed.KEY.id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": seed.KEY.secret,
            "ALIBABA_CLOUD_REGION_ID": REGION,
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        here = f"127.0.0.1:{self.cloud.port}"
        where = ["--endpoint", f"http://{here}"] if words[0] == "oss" else ["--endpoint", here, "--insecure"]
        return subprocess.run(
            [self.program, *words, *where],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def call(self, product: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        if product == "ram":  # its lists are JSON
            parameters = {
                key: json.dumps(value) if isinstance(value, list) else value for key, value in parameters.items()
            }
        words = [f"--{name}={value}" for name, value in flatten(parameters)]
        done = self.run(PRODUCTS[product], action, *words)
        if done.returncode == 0:
            return Answer(json.loads(done.stdout))
        code = re.search(r"ErrorCode: (\S+)", done.stdout + done.stderr)
        return Answer({}, code[1] if code else f"exit code {done.returncode}: {done.stdout}{done.stderr}")


def documented(page: str) -> list[str]:
    """The commands of a page of the docs that call the official CLI."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [block for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) if block.startswith("aliyun ")]


@pytest.mark.parametrize("page", ["images.md", "images.zh-CN.md"])
def test_the_docs_show_two_forms(page: str) -> None:
    assert ["--cli-query" in block for block in documented(page)] == [True, False]


@needs_cli
@pytest.mark.parametrize("page", ["images.md", "images.zh-CN.md"])
@pytest.mark.parametrize("program", FOUND)
def test_the_docs_forms_print_the_id_alone(populated: Running, tmp_path: Path, program: str, page: str) -> None:
    cli = Cli(program, populated, tmp_path)
    version = cli.run("version").stdout.strip()
    for block in documented(page):
        shell = f'aliyun() {{ {program} "$@" --endpoint 127.0.0.1:{populated.port} --insecure; }}\n{block}'
        done = subprocess.run(
            ["bash", "-c", shell], env=cli.environment, capture_output=True, text=True, timeout=60, check=False
        )
        if "--cli-query" in block and "not a valid parameter" in done.stdout + done.stderr:
            continue  # a version before 3.2.5
        assert done.stdout == f"{IMAGE}\n", (version, done.stdout, done.stderr)


@needs_cli
@pytest.mark.parametrize("program", FOUND)
def test_the_table(populated: Running, tmp_path: Path, program: str) -> None:
    assert play(populated, CALLS, Cli(program, populated, tmp_path).call) == []

"""The commands of the docs work as they are written: pasted into a shell, on the local cloud."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.house import ROOT

BIN = Path(sys.executable).parent
PAGES = ["README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md") if "zh-CN" not in page.name)]
# What a block needs that a test has not; both languages have the same commands (test_docs.py).
NEEDS = {
    r"\baliyun ": "the official CLI (tests/peers replays it)",
    r"\bgh |garm|docker |sudo |kubectl |terraform |packer |make |jq ": "another program",
    r"pip install|pipx |uv tool ": "a package index (tests/test_dist.py installs)",
    r"OWNER|\bUID\b|PROJECT|\bREGION\b|FILE\b|(?<![A-Z_])(?:ID|NAME)\b(?!\")": "names of one's own",
    r"\.ci/|benchmarks|pytest|tools/|--machines qemu|base-image|/opt/": "the checkout, or virtual machines",
    r"i-bp1|m-bp1|Iv23|1234567890": "an account of one's own",
    r"goldrun serve runners\.toml\n|python3 \.github": "a server that goes on, or the checkout",
    r"migrate check|from-packer": "files of one's own",
}
PREPARED = """
goldrun --quiet local up --detach --port 0 --seed --run-jobs-here
eval "$(goldrun local env)"
goldrun --quiet local clock --speed 50 > /dev/null
export ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME=self-destruct
set -e
found() { code=$?; [[ $code == 7 ]] || { echo "exit code $code: $BASH_COMMAND"; exit 99; }; }
trap found ERR
set +e
"""


def blocks() -> Iterator[tuple[str, int, str]]:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for number, found in enumerate(re.findall(r"```bash\n(.*?)```", text, re.DOTALL)):
            if "goldrun" in found:
                yield page, number, found


def reason(block: str) -> str:
    return next((why for pattern, why in NEEDS.items() if re.search(pattern, block)), "")


RUN = [one for one in blocks() if not reason(one[2])]


def test_every_console_block_is_generated() -> None:
    """What a page shows as a terminal is what the command printed (`make docs`)."""
    for page in (ROOT / name for name in PAGES):
        text = page.read_text(encoding="utf-8")
        inside = "".join(re.findall(r"\[\[\[cog.*?\]\]\] -->(.*?)<!-- \[\[\[end", text, re.DOTALL))
        for block in re.findall(r"```console\n.*?```", text, re.DOTALL):
            assert block in inside, (page.name, block[:80])


def test_a_good_part_of_the_commands_is_run() -> None:
    assert len(RUN) >= 23
    assert sum(block.count("goldrun ") for _, _, block in RUN) >= 70


@pytest.mark.parametrize(("page", "number", "block"), RUN, ids=lambda one: str(one)[:24].replace("\n", " "))
def test_the_commands_of_the_docs(page: str, number: int, block: str, tmp_path: Path) -> None:
    # The cloud that the block starts is the one that is there; it asks what a person would confirm.
    script = PREPARED + re.sub(r"^goldrun local up [^&\n]*", "true", block, flags=re.MULTILINE)
    env = {
        "HOME": str(tmp_path),
        "PATH": f"{BIN}:/usr/bin:/bin",
        "GOLDRUN_LOCAL_DATA": str(tmp_path / "docs.db"),
        "TERM": "xterm",
        "EDITOR": "true",
        "COLUMNS": "100",
    }
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", script],
        env=env,
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        said = _answering_yes(controller, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with what a block leaves in the background
        os.close(controller)
        subprocess.run([BIN / "goldrun", "--quiet", "local", "down"], env=env, check=False, capture_output=True)
    assert process.returncode in (0, 7), f"{page}, block {number}:\n{said}"


def _answering_yes(controller: int, process: subprocess.Popen[bytes]) -> str:
    """Return what a shell prints, and answer its questions."""
    said, answered, end = b"", 0, time.monotonic() + 120
    while time.monotonic() < end:
        ready, _, _ = select.select([controller], [], [], 0.2)
        if ready:
            try:
                piece = os.read(controller, 65536)
            except OSError:
                break
            if not piece:
                break
            said += piece
            if (asked := said.count(b"[y/N]:")) > answered:
                os.write(controller, b"y\n" * (asked - answered))
                answered = asked
        elif process.poll() is not None:
            break
    process.wait(timeout=10)
    return said.decode(errors="replace")

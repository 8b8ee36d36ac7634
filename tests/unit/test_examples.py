"""The files of examples/: what they install is what they use."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "example", ["examples/garm/Containerfile", "examples/serve/Containerfile", "docs/scale-out.md"]
)
def test_what_runs_unattended_has_the_library_of_keyless_credentials(example: str) -> None:
    locks = re.findall(r"(requirements/[a-z]+\.lock)", (ROOT / example).read_text(encoding="utf-8"))
    assert locks
    for lock in locks:
        assert "alibabacloud-credentials==" in (ROOT / lock).read_text(encoding="utf-8"), lock


def test_the_demo_says_how_to_go_on_if_goldrun_is_not_on_the_path(tmp_path: Path) -> None:
    source = (ROOT / "examples/demo.sh").read_text(encoding="utf-8")
    ending = source[source.index("# Where it is") :]
    for path, words in ((f"{tmp_path}:/usr/bin:/bin", ""), ("/usr/bin:/bin", f'export PATH="{tmp_path}:$PATH"')):
        goldrun = tmp_path / "goldrun"
        goldrun.write_text("#!/bin/sh\n")
        goldrun.chmod(0o755)
        env = {"PATH": path}
        done = subprocess.run(
            [shutil.which("bash") or "bash", "-c", f"bin=$1 before=$PATH; {ending}", "demo", str(tmp_path)],
            env=env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert words in done.stdout
        assert bool(done.stdout) == bool(words)

"""A person at a terminal decides about a step that failed, and looks at the builder in between."""

from __future__ import annotations

import os
import pty
import subprocess
import threading
from pathlib import Path
from typing import Protocol

import pytest

from local_cloud.records import Instance, Invocation
from tests.commands import GOLDRUN, Goldrun
from tests.conftest import QUICK, Running

STEP = "# simulate: seconds=2 exit=3 output=broken"


class Build(Protocol):
    def __call__(self, *words: str, keys: str | None = "", broken: bool = True) -> tuple[int, str]: ...


@pytest.fixture
def populated(populated: Running) -> Running:
    return populated.always_in_stock(speed=50, **QUICK)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return {**env, "NO_COLOR": "1"}


@pytest.fixture
def build(goldrun: Goldrun, env: dict[str, str], tmp_path: Path) -> Build:
    goldrun("recipe", "init", "tools")
    script = tmp_path / "tools/scripts/install.sh"

    def run(*words: str, keys: str | None = "", broken: bool = True) -> tuple[int, str]:
        """Run it on a terminal where somebody presses these keys; None: without a terminal."""
        script.write_text(f"#!/bin/bash\n{STEP}\n" if broken else "#!/bin/bash\n# simulate: seconds=2\n")
        words = ("image", "build", "tools", "--arch", "amd64", *words)
        if keys is None:
            done = goldrun(*words, code=None)
            return done.returncode, done.stderr
        command = [*GOLDRUN, *words]
        ours, theirs = pty.openpty()
        os.write(ours, keys.encode())
        with subprocess.Popen(command, env=env, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            seen: list[bytes] = []

            def read() -> None:
                try:
                    while block := os.read(ours, 65536):
                        seen.append(block)
                except OSError:  # the other side is closed
                    pass

            reader = threading.Thread(target=read)
            reader.start()
            code = process.wait(timeout=120)
            reader.join(timeout=20)
        os.close(ours)
        return code, b"".join(seen).decode()

    return run


def builders(cloud: Running) -> list[Instance]:
    return [one for one in cloud.instances() if one.tags.get("Family") == "tools"]


def test_retry_and_keep(populated: Running, build: Build) -> None:
    code, shown = build("--on-failure", "ask", keys="r\nx\nk\n")
    assert code == 5
    assert shown.count("Retry it, log in, keep the builder, or delete it?") == 3, "an unknown key asks again"
    assert sum(one.name == "Install jq" for one in populated.cloud.store.all(Invocation)) == 2
    (kept,) = builders(populated)
    assert kept.tags["Role"] == "kept"


def test_delete(populated: Running, build: Build) -> None:
    code, shown = build("--on-failure", "ask", keys="d\n")
    assert code == 5
    assert "broken" in shown
    assert builders(populated) == []


def test_a_pause_after_a_step(populated: Running, build: Build) -> None:
    code, shown = build("--debug-step", "Install jq", keys="c\n", broken=False)
    assert code == 0, shown
    assert "is done on i-" in shown
    assert builders(populated) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--on-failure", "ask"), "There is no terminal to ask on."),
        (("--debug-step", "Install jq"), "There is no terminal to ask on."),
        (("--debug-step", "Nothing"), "The recipe has no step 'Nothing'."),
        (("--from-step", "Nothing"), "The recipe has no step 'Nothing'."),
        (("--on-failure", "cry"), "cry"),
    ],
)
def test_mistakes_are_told_before_anything_is_built(
    populated: Running, build: Build, words: tuple[str, ...], told: str
) -> None:
    before = dict(populated.cloud.gateway.calls)
    code, shown = build(*words, keys=None)
    assert code == 2, shown
    assert told in shown
    assert dict(populated.cloud.gateway.calls) == before


def test_keep_without_a_terminal(populated: Running, build: Build) -> None:
    code, _ = build("--on-failure", "keep", keys=None)
    assert code == 5
    assert [one.tags["Role"] for one in builders(populated)] == ["kept"]

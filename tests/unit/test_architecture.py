"""The rules of the house, kept by reading the code: which way imports run, and where effects are."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src/goldrun"
FILES = sorted(SOURCE.rglob("*.py"))


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


ALLOWED = {
    "cli": {
        "cli",
        "images",
        "build",
        "spot",
        "runners",
        "sweep",
        "ecs",
        "local",
        "config",
        "errors",
        "clock",
        "workflow",
        "telling",
        "architecture",
        "durations",
        "policies",
        "interrupts",
        "__version__",
    },
    "build": {"build", "images", "spot", "ecs", "config", "errors", "clock", "architecture", "durations"},
    "sweep": {"images", "spot", "runners", "ecs", "errors"},
    "garm": {
        *{"garm", "runners", "images", "spot", "ecs", "config", "errors", "clock", "durations", "interrupts"},
        "telling",
        "__version__",
    },
    "runners": {"runners", "spot", "ecs", "config", "errors", "clock", "__version__"},
    "spot": {"spot", "ecs", "config", "errors", "clock", "architecture"},
    "images": {"images", "spot", "ecs", "config", "errors", "architecture", "durations"},
    "ecs": {"ecs", "aliyun_profile", "config", "errors", "clock", "architecture", "__version__"},
    # Its commands speak to people (errors) and wait (clock); the cloud itself knows the signature alone.
    "local": {"local", "errors", "clock"},
    "config": {"errors"},
    "aliyun_profile": {"config", "errors"},
    "workflow": {"config", "errors"},
    "architecture": {"errors"},
    "durations": {"errors"},
    "interrupts": set(),
    "script": {"interrupts", "telling", "workflow", "config", "errors"},
    "telling": {"workflow", "config", "errors"},
    "policies": {"errors"},
    "errors": set(),
    "clock": set(),
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_imports_run_one_way(file: Path) -> None:
    if part(file) == "__init__":
        return
    for name in imports(file):
        if name.startswith("goldrun."):
            target = name.split(".")[1]
            if part(file) == "local" and name.startswith("goldrun.ecs"):
                assert name.startswith("goldrun.ecs.signature"), name
            else:
                assert target in ALLOWED[part(file)], f"{file.name} imports {name}"


def calls(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


CLOCKS = {"clock.py", "local/clock.py"}
NETWORK = {"ecs/http1.py", "ecs/transport.py", "local/server.py", "local/control_client.py"}
NETWORK |= {"local/machines/guest_agent.py", "local/machines/forward.py", "local/github/webhooks.py"}
# What runs on an instance has that machine alone.
NETWORK.add("runners/machine/self_destruct.py")
CLOCKS.add("runners/machine/self_destruct.py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_effects_go_through_the_two_doors(file: Path) -> None:
    where = str(file.relative_to(SOURCE))
    used = set(calls(file))
    if where not in CLOCKS:
        assert not used & {"time.time", "time.sleep", "time.monotonic", "datetime.now", "asyncio.sleep"}
    if where not in NETWORK:
        loaded = set(imports(file))
        assert not loaded & {"socket", "http.client", "ssl", "requests", "urllib.request", "httpx"}


def bare_python(code: str) -> list[str]:
    """The words that ``code`` prints, run with the sources and the standard library alone."""
    env = {"PYTHONPATH": str(SOURCE.parent)}
    run = subprocess.run([sys.executable, "-S", "-c", code], env=env, capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_the_look_up_path_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules);"
        "import goldrun.images.find, goldrun.images.diagnosis, goldrun.script, goldrun.clock;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    assert bare_python(code) == ["goldrun"]


def test_launching_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules);"
        "import goldrun.images.order, goldrun.spot.order, goldrun.script, goldrun.clock;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    assert bare_python(code) == ["goldrun"]


HEAVY = [
    "dataclasses",
    "inspect",
    "email",
    "http",
    "ssl",
    "pathlib",
    "asyncio",
    "urllib.request",
    "goldrun.aliyun_profile",
]


@pytest.mark.parametrize("heavy", HEAVY)
def test_the_look_up_path_leaves_heavy_modules_alone(heavy: str) -> None:
    """A benchmark says how fast it is; this says what would make it slow."""
    code = f"import sys, goldrun.images.find, goldrun.script; print({heavy!r} in sys.modules)"
    assert bare_python(code) == ["False"]

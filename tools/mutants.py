"""Mutation testing: changes the code a little, many times, and checks that a test fails each time.

mutmut changes the functions of one Python module after the other, each in a copy of the checkout under ``mutants/``:
there it stores its results, and the next run covers only what has changed. Changes that it cannot make, to shell
scripts and to constants, are listed in ``tests/mutants.toml``. The scores are written to ``docs/mutants.json``, the
source of the table in docs/testing.md.

Usage: python tools/mutants.py [MODULE ...]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRATCH = ROOT / "mutants"
SCORES = ROOT / "docs/mutants.json"
BY_HAND = ROOT / "tests/mutants.toml"
MUTMUT = str(Path(sys.executable).with_name("mutmut"))

# Each module with the fast tests that exercise it directly.
MODULES: dict[str, tuple[str, list[str]]] = {
    "signature": ("cloud/signature.py", ["unit/test_signature.py", "../packages/local-cloud/tests/test_gateway.py"]),
    "publish": ("images/publish.py", ["simulation/test_publish.py"]),
    "moving": ("images/moving.py", ["simulation/test_publish.py"]),
    "retention": ("images/retention.py", ["simulation/test_prune.py"]),
    "launch": ("launch/launch.py", ["simulation/test_launch.py", "unit/test_offers.py"]),
    "sweep": ("sweep/finding.py", ["simulation/test_sweep.py", "simulation/test_alive.py"]),
    "removal": ("sweep/removal.py", ["simulation/test_sweep.py", "simulation/test_alive.py"]),
    "orphans": ("runners/orphans.py", ["simulation/test_runners.py", "simulation/test_alive.py"]),
    "policies": ("policies.py", ["simulation/test_policies.py", "simulation/test_identity.py"]),
    "bootstrap": ("runners/bootstrap.py", ["unit/test_agent.py", "simulation/test_runners.py"]),
    "self-destruct": ("runners/guest/self_destruct.py", ["simulation/test_self_destruct.py"]),
}
# Messages are not changed: a test that repeats a sentence finds no defects.
UNCHANGED = [r"^\s*(fix|why)=", r"""^\s*f?"[^"]* [^"]*",?$""", r"\b(report|say)\("]
# Hundreds of instances, or every order of three publishers: seconds each, and other tests find mostly the same.
SLOW = "not thousand and not hundred and not random_markets and not without_pause and not interleaving"
STATES = {"killed": "killed", "timeout": "timeouts", "survived": "survived", "no tests": "survived"}


def copy_checkout(to: Path) -> None:
    """Copy the files that git knows, with their uncommitted changes."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        source, target = ROOT / name, to / name
        if not name or not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copy2(source, target)


def by_mutmut(module: str) -> Counter[str]:
    """Let mutmut change the module."""
    file, tests = MODULES[module]
    here = SCRATCH / module
    copy_checkout(here)
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/goldrun/{file}"],
        "also_copy": [path.name for path in here.iterdir() if path.name not in ("src", "mutants", "pyproject.toml")],
        "pytest_add_cli_args_test_selection": [f"tests/{test}" for test in tests],
        "pytest_add_cli_args": ["-p", "no:xdist", "-k", SLOW],
        "do_not_mutate_patterns": UNCHANGED,
        "timeout_multiplier": 12.0,  # so that a busy machine does not count as a caught change
    }
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    (here / "pyproject.toml").write_text(f"{(ROOT / 'pyproject.toml').read_text()}\n[tool.mutmut]\n{lines}")
    before = states(here)
    run = [MUTMUT, "run", "--max-children", os.environ.get("JOBS", "1")]
    subprocess.run(run, cwd=here, check=True)
    # It notices changed code, but not changed tests: run the survivors again.
    if again := [name for name, state in states(here).items() if state == before.get(name) == "survived"]:
        subprocess.run([*run, *again], cwd=here, check=True)
    found = states(here)
    for name, state in found.items():
        if state == "survived":
            print(f"{module}: {name} survived; `mutmut show` in {here.relative_to(ROOT)} shows it")
    return Counter(found.values())


def states(here: Path) -> dict[str, str]:
    """Return the state of each change."""
    if not (here / "mutants").exists():
        return {}
    listed = subprocess.run([MUTMUT, "results", "--all", "true"], cwd=here, check=True, capture_output=True, text=True)
    lines = [line.strip().rpartition(": ") for line in listed.stdout.splitlines()]
    return {name: STATES.get(state, state) for name, _, state in lines}


def hand_made() -> dict[str, list[dict[str, str]]]:
    """Return the changes of ``tests/mutants.toml``, by module."""
    found: dict[str, list[dict[str, str]]] = tomllib.loads(BY_HAND.read_text())
    return found


def by_hand(module: str) -> Counter[str]:
    """Make the module's changes of ``tests/mutants.toml``."""
    here = SCRATCH / "by-hand"
    copy_checkout(here)
    found: Counter[str] = Counter()
    for change in hand_made()[module]:
        file = here / "src/goldrun" / change["file"]
        text = file.read_text()
        if text.count(change["old"]) != 1:
            raise SystemExit(f"{BY_HAND.name}, {module}: {change['old']!r} is not once in {change['file']}")
        file.write_text(text.replace(change["old"], change["new"]))
        tests = [f"tests/{test}" for test in change["tests"].split()]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests],
            cwd=here,
            env={**os.environ, "PYTHONPATH": str(here / "src")},
            capture_output=True,
            check=False,
        )
        file.write_text(text)
        state = {0: "survived", 1: "killed"}.get(done.returncode)
        if state is None:
            raise SystemExit(done.stdout.decode())
        found[state] += 1
        print(f"{module}: {state}: {change['old']!r} -> {change['new']!r}")
    return found


def main() -> None:
    """Run for the named modules (default: all)."""
    known = [*MODULES, *(module for module in hand_made() if module not in MODULES)]
    chosen = sys.argv[1:] or known
    if unknown := set(chosen) - set(known):
        raise SystemExit(f"no such module: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    for module in chosen:
        score = by_mutmut(module) if module in MODULES else Counter[str]()
        if module in hand_made():
            score += by_hand(module)
        scores = json.loads(SCORES.read_text()) if SCORES.exists() else {}
        scores[module] = {state: score[state] for state in ("killed", "timeouts", "survived")}
        SCORES.write_text(json.dumps({name: scores[name] for name in known if name in scores}, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""The generated parts of the docs: `cog` runs these functions inside README.md and docs/*.md (`make docs`).

The output of commands is real: they run on a local cloud that contains the realistic account.
"""

from __future__ import annotations

import atexit
import inspect
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path

import click

from goldrun import config
from goldrun.cli import translated
from goldrun.cli.lazy import in_language
from goldrun.cli.main import goldrun
from goldrun.cloud.tags import SCHEMA
from goldrun.errors import EXIT_CODES
from goldrun.language import speaks_chinese
from goldrun.messages import translate
from local_cloud import daemon, seed
from local_cloud.actions.registry import ACTIONS
from local_cloud.clock import Anchor, LocalClock
from local_cloud.listening import listen
from local_cloud.oss.service import OPERATIONS
from local_cloud.params import products
from local_cloud.server import LocalCloud
from tools import terminal
from tools.house import FLOORS, LOCAL, ROOT, arrows, imports

SHOWN_NOW = datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC)
WIDTH = 110


def example(*commands: str) -> None:
    """Print commands and their output, as on a terminal."""
    print("```console")
    for command in commands:
        print(f"$ {command}")
        print(_run(command), end="")
    print("```")


def function(module: str, name: str) -> None:
    """Print the source of a function."""
    print(f"```python\n{inspect.getsource(getattr(import_module(module), name))}```")


def cli_reference(language: str = "en") -> None:
    """Print the ``--help`` of every command, from a separate process: a process has one language."""
    env = {**os.environ, "GOLDRUN_LANG": language, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-m", "tools.docs"], cwd=ROOT, env=env, capture_output=True, check=True)
    print(run.stdout.decode(), end="")


def _print_cli_reference() -> None:
    if speaks_chinese(os.environ):
        translated.install()
    for path, command in _commands(in_language(goldrun), "goldrun"):
        level = "#" * (2 + path.count(" "))
        context = click.Context(command, info_name=path, max_content_width=100, terminal_width=100)
        print(f"{level} `{path}`\n\n```text\n{command.get_help(context).rstrip()}\n```\n")


def variables(*headings: str, chinese: bool = False) -> None:
    """Print a table of the environment variables."""
    print(f"| {' | '.join(headings)} |\n|---|---|---|")
    for variable in config.VARIABLES:
        first, last = variable.names[0], variable.names[-1]
        many = len(variable.names) > 9
        names = f"`{first}` … `{last}`" if many else "<br>".join(f"`{name}`" for name in variable.names)
        meaning = (translate(variable.meaning) if chinese else variable.meaning).replace("|", "\\|")
        secret = ("（机密）" if chinese else " (secret)") * variable.secret
        print(f"| {names} | {meaning}{secret} | {variable.default or '–'} |")


def tags(*headings: str, meanings: Mapping[str, str] | None = None, between: str = ", ") -> None:
    """Print a table of the tags; ``meanings``: their meanings in another language, by key."""
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
    for tag in SCHEMA:
        values = between.join(f"`{value}`" for value in tag.values) or f"`{tag.form}`"
        meaning = tag.meaning if meanings is None else meanings[tag.key]
        cells = [f"`{tag.key}`", between.join(tag.resources), values, meaning]
        cells += [
            between.join(f"`{name}`" for name in dict.fromkeys(names)) or "–" for names in (tag.writers, tag.readers)
        ]
        print(f"| {' | '.join(cells)} |")


def exit_codes(*headings: str, chinese: bool = False) -> None:
    """Print a table of the exit codes."""
    print(f"| {' | '.join(headings)} |\n|---|---|")
    for code, meaning in EXIT_CODES.items():
        print(f"| {code} | {translate(meaning) if chinese else meaning} |")


def actions(*headings: str) -> None:
    """Print a table of the API actions that the local cloud performs."""
    print(f"| {' | '.join(headings)} |\n|---|---|")
    for product in dict.fromkeys(sorted(product for product, _ in ACTIONS)):
        names = ", ".join(sorted(name for code, name in ACTIONS if code == product))
        print(f"| {product} ({products()[product].version}) | {names} |")
    print(f"| oss (2019-05-17) | {', '.join(sorted(OPERATIONS))} |")


def mutants(*headings: str) -> None:
    """Print the scores of ``make mutants``."""
    print(f"| {' | '.join(headings)} |", "|---|" + "--:|" * (len(headings) - 1), sep="\n")
    for module, score in json.loads((ROOT / "docs/mutants.json").read_text()).items():
        total = sum(score.values())
        caught = f"{(total - score['survived']) / total:.0%}"
        cells = [f"`{module}`", total, score["killed"], score["timeouts"], score["survived"], caught]
        print("| " + " | ".join(map(str, cells)) + " |")


def field(*words: str) -> None:
    """Print what ``make field`` has counted: ``words`` are the headings, then the names of the rows."""
    counted = json.loads((ROOT / "docs/field.json").read_text())
    print(f"| {' | '.join(words[:3])} |", "|---|--:|--:|", sep="\n")
    common, ours = counted["field"], counted["goldrun"]
    cells = (
        [f"{one['unresolved']} / {one['looks']}" for one in (common, ours)],
        [f"{one['lost']} / {one['jobs']}" for one in (common, ours)],
        [f"{one['leaked']:.0f}" for one in (common, ours)],
        [f"{one['cost']:.0f}" for one in (common, ours)],
    )
    for name, row in zip(words[3:], cells, strict=True):
        print(f"| {name} | {' | '.join(row)} |")


def benchmarks(*headings: str) -> None:
    """Print what ``make bench KEEP=1`` has found."""
    print(f"| {' | '.join(headings)} |", "|---|--:|--:|", sep="\n")
    for ratios in json.loads((ROOT / "docs/benchmarks.json").read_text()).values():
        for ratio in ratios:
            limit = "" if ratio["limit"] is None else f"{ratio['limit']:.2f}"
            print(f"| {ratio['name']} | {ratio['value']:.2f} | {limit} |")


def stories(*words: str, names: Mapping[str, str] | None = None) -> None:
    """Print what ``make simulate-coverage`` has counted: ``words`` are the headings of the two tables."""
    counted = json.loads((ROOT / "docs/stories.json").read_text())
    print(f"| {' | '.join(words[:3])} |", "|---|--:|--:|", sep="\n")
    for kind, met in counted["troubles"].items():
        print(f"| {(names or {}).get(kind, kind)} | {met['stories']} | {met['calls'] or '–'} |")
    print(f"\n| {' | '.join(words[3:])} |", "|---|--:|--:|--:|", sep="\n")
    for part, lines in counted["lines"].items():
        print(f"| `{part}` | {lines['lines']} | {lines['run']} | {lines['run'] / lines['lines']:.0%} |")


def house(*floors: str) -> None:
    """Draw which part of goldrun imports which; ``floors`` are the headings in another language."""
    print("```mermaid\nflowchart TD")
    for number, (heading, rooms) in enumerate(FLOORS.items()):
        print(f'  subgraph floor{number}["{floors[number] if floors else heading}"]')
        print("".join(f"    {room}\n" for room in rooms), end="  end\n")
    for room, targets in arrows().items():
        print("".join(f"  {room} --> {target}\n" for target in sorted(targets)), end="")
    used = {name.split(".")[1] for file in LOCAL.rglob("*.py") for name in imports(file) if name.startswith("goldrun.")}
    print("".join(f"  local_cloud -.-> {room}\n" for room in ("cli", "cloud") if room in used), end="```\n")


def decisions(*headings: str, page: str) -> None:
    """Print an index of the records in a page."""
    print(f"| {' | '.join(headings)} |\n|---|---|---|")
    records = (ROOT / page).read_text(encoding="utf-8")
    for title, date, status in re.findall(r"^## (\d+\. .+)\n(\d{4}-\d\d-\d\d) · (.+)$", records, re.MULTILINE):
        anchor = re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
        print(f"| [{title}](#{anchor}) | {date} | {status} |")


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _commands(child, f"{path} {name}")


@cache
def _cloud() -> tuple[str, float]:
    """Return the URL of a local cloud whose time stands still, and the moment at which it was filled."""
    now = SHOWN_NOW.timestamp()  # prices, bills and versions of the runner depend on the day
    cloud = LocalCloud(None, clock=LocalClock(anchor=Anchor(virtual=now, wall=time.time(), speed=0.0)))
    seed.populate(cloud.store, now)
    listening = listen(0)
    thread = threading.Thread(target=cloud.serve, args=(listening,), daemon=True)
    thread.start()
    atexit.register(cloud.stop)
    return f"http://127.0.0.1:{listening.getsockname()[1]}", now


def _run(command: str) -> str:
    return run_on_terminal(command, columns=WIDTH, colours=False, language="en")


def run_on_terminal(command: str, *, columns: int, colours: bool, language: str) -> str:
    """Return what a command prints on a terminal of that width, on the docs' local cloud."""
    url, now = _cloud()
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),
        "TERM": "xterm-256color" if colours else "xterm",
        "GOLDRUN_LANG": language,
        **({} if colours else {"NO_COLOR": "1"}),
        **daemon.variables(url),
    }
    _, text = terminal.run_on_terminal(["bash", "-c", command], env, columns=columns, folder=ROOT)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    text = text.replace(url, f"http://127.0.0.1:{daemon.DEFAULT_PORT}")
    return re.sub(r"\b20\d{12}\b", lambda found: _shift(found[0], now), text)


def _shift(stamp: str, now: float) -> str:
    """Return a version's time stamp, moved so that the docs do not depend on the day of the build."""
    moment = datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    return datetime.fromtimestamp(SHOWN_NOW.timestamp() + moment - int(now), UTC).strftime("%Y%m%d%H%M%S")


if __name__ == "__main__":
    _print_cli_reference()

"""``goldrun migrate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldrun.cli import output
from goldrun.cli.common import JSON
from goldrun.cli.files import read_text, replace_file
from goldrun.cli.lazy import LazyGroup
from goldrun.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from goldrun.migrate.workflows import Finding


@click.group(cls=LazyGroup)
def migrate() -> None:
    """Move workflows from the guide's own scripts and action to goldrun."""


@migrate.command("check")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--write", is_flag=True, help="Make the unambiguous changes; list the rest.")
@JSON
def migrate_check(paths: tuple[Path, ...], write: bool, as_json: bool) -> None:
    """List what must change in workflows, line by line.

    PATHS are workflow files, or folders of them. Exits with 5 if something must be changed by hand.

    \b
    Examples:
      goldrun migrate check .github/workflows
      goldrun migrate check .github/workflows --write && git diff
      goldrun migrate check .github/workflows --json | jq '.[] | select(.replacement == "")'
    """
    from goldrun.migrate import workflows

    # All are read before the first is written.
    texts = {path: read_text(path) for path in _files(paths)}
    found = {path: workflows.check(text, str(path)) for path, text in texts.items()}
    for path, findings in found.items():
        changed = workflows.rewrite(texts[path], findings)
        if write and changed != texts[path]:
            replace_file(path, changed)

    def done(one: Finding) -> bool:
        return write and bool(one.name)

    everything = [(path, one) for path, findings in found.items() for one in findings]
    left = [(path, one) for path, one in everything if not done(one) or one.advice]
    if as_json:
        from goldrun.cli.json.migration import OldPlace

        output.result_json([OldPlace.of(path, one, written=done(one)) for path, one in everything])
    elif left:
        rows = [(f"{path}:{one.line}", one.found, _instead(one, done=done(one))) for path, one in left]
        output.table(("LINE", "FOUND", "INSTEAD"), rows)
    if write:
        output.note(f"changes written: {sum(done(one) for _, one in everything)}.")
    if left:
        raise RefusedError(f"{len(left)} places have to change.", fix=["see docs/migrating.md for each of them"])
    output.note(f"nothing else has to change in {len(texts)} workflows.")


def _instead(one: Finding, *, done: bool) -> str:
    advice = output.localized(one.advice) if one.advice else ""
    if done:
        return advice
    return ", ".join(part for part in (one.name, advice) if part)


def _files(paths: tuple[Path, ...]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        inside = sorted({*path.glob("*.yml"), *path.glob("*.yaml")}) if path.is_dir() else [path]
        if not inside:
            raise UsageError(f"{path} contains no workflow.", fix=["name .github/workflows, or a file."])
        files += inside
    return list(dict.fromkeys(files))

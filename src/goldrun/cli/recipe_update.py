"""``goldrun recipe update``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from goldrun import config, workflow
from goldrun.cli import output
from goldrun.cli.common import DRY_RUN, JSON, open_github
from goldrun.cli.files import read_text, replace_file
from goldrun.errors import RefusedError, UnavailableError

MOST_BYTES = 1024 * 1024 * 1024  # of a tool whose checksum nobody publishes


@click.command("update")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--only", multiple=True, metavar="TOOL", help="Only this tool; can be repeated.")
@click.option("--keep-going", is_flag=True, help="Write what was found even if other sources failed.")
@DRY_RUN
@JSON
def recipe_update(folder: Path, only: tuple[str, ...], keep_going: bool, dry_run: bool, as_json: bool) -> None:
    """Find newer versions of the [tools], and write them and their checksums to recipe.toml.

    Writes nothing unless every source answers. A tool's version and checksums are written together; comments and order
    stay. Prints UPDATED=true or false, and sets it as a step output in GitHub Actions.

    \b
    Examples:
      goldrun recipe update recipes/github-runner-ubuntu24 --dry-run
      goldrun recipe update recipes/tools --only node --only gh
    """
    from goldrun.bake.reading import read_alone, read_whole
    from goldrun.bake.recipe import FILE
    from goldrun.cli.json.updates import ToolUpdate
    from goldrun.clock import SystemClock
    from goldrun.http.transport import HttpTransport
    from goldrun.http.web import Web
    from goldrun.updates import editing
    from goldrun.updates.plan import architectures_of, look, mirrors_of
    from goldrun.updates.sources import Sources

    file = folder / FILE
    text, recipe = read_alone(folder)
    whole = read_whole(folder)
    clock = SystemClock()
    transport = HttpTransport(os.environ, clock, MOST_BYTES)
    click.get_current_context().call_on_close(transport.close)
    web = Web(transport, clock, config.read_timeout(os.environ) * 5, output.note)
    sources = Sources(web, open_github(public=True), mirrors_of(whole))
    updates = look(sources, recipe, architectures_of(whole), only)
    failed = [one for one in updates if one.error]
    found = {one.name: one.found for one in updates if one.found and one.changes}
    writes = bool(found) and not dry_run and (keep_going or not failed)
    if writes:
        replace_file(file, editing.changed(_as_it_is(file, text), found))
    if as_json:
        output.result_json([ToolUpdate.of(one, written=writes and one.changes) for one in updates])
    elif found:
        rows = [
            (one.name, one.before, one.found.version, one.found.how) for one in updates if one.found and one.changes
        ]
        output.table(("TOOL", "FROM", "TO", "CHECKSUMS"), rows)
    for one in updates:
        if one.found and one.found.kept:
            output.note(f"{one.name}: {one.found.kept}")
    for one in failed:
        assert one.error
        output.note(f"{one.name}: {one.error.what}")
    if not found and not failed:
        output.note("nothing is newer.")
    elif found:
        output.note(f"{file} is written." if writes else "nothing was written.")
    workflow.write_output(os.environ, "UPDATED", str(writes).lower())
    if not as_json:
        output.result(f"UPDATED={str(writes).lower()}")
    if failed and not keep_going:
        first = failed[0].error
        # A file that was replaced is no outage: to try again later would be the wrong answer.
        kind = next((RefusedError for one in failed if isinstance(one.error, RefusedError)), UnavailableError)
        raise kind(
            f"{len(failed)} of {len(updates)} tools could not be looked up; nothing was written.",
            why=[f"{one.name}: {one.error.what}" for one in failed if one.error],
            fix=[*(first.fix if first else ()), "--keep-going writes the others."],
        )


def _as_it_is(file: Path, text: str) -> str:
    """Return a file that was read before with its own line ends, and the mark that it may begin with.

    Raises:
        RefusedError: it says something else by now.
    """
    now = read_text(file)
    if now.removeprefix("\N{BYTE ORDER MARK}").replace("\r\n", "\n") != text:
        raise RefusedError(
            f"{file} was changed while its tools were looked up; nothing was written.",
            fix=["run the same command again."],
        )
    return now

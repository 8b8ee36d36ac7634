"""``goldrun image diff``."""

from __future__ import annotations

import click

from goldrun.cli import completing, output
from goldrun.cli.common import JSON, REGION, open_client
from goldrun.images.lineage import find_own
from goldrun.images.manifest import compare, from_tags


@click.command("diff")
@click.argument("first", shell_complete=completing.images)
@click.argument("second", shell_complete=completing.images)
@REGION
@JSON
def image_diff(first: str, second: str, region: str | None, as_json: bool) -> None:
    """Show the tools that SECOND adds, lacks or has in another version.

    FIRST and SECOND are image ids or names; their tags say what is inside.

    \b
    Examples:
      goldrun image diff github-runner-ubuntu24-amd64-20261114080000 github-runner-ubuntu24-amd64-latest
    """
    client = open_client(region)
    manifests = []
    for text in (first, second):
        found = find_own(client, text)
        manifests.append(from_tags(found.tags))
        if not manifests[-1]:
            output.note(f"{found.name} ({found.image_id}) has no manifest.")
    difference = compare(*manifests)
    if as_json:
        from goldrun.cli.json.diffs import Difference

        output.result_json(Difference.of(difference))
        return
    rows = [(name, "", version) for name, version in difference.added.items()]
    rows += [(name, version, "") for name, version in difference.removed.items()]
    rows += [(name, before, after) for name, (before, after) in difference.changed.items()]
    if rows:
        output.table(("TOOL", "FIRST", "SECOND"), sorted(rows))
    else:
        output.note("their manifests are the same.")

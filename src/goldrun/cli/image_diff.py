"""``goldrun image diff``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from goldrun.cli import completing, output
from goldrun.cli.common import JSON, REGION, open_client
from goldrun.errors import NotFoundError, UsageError
from goldrun.images.lineage import find_own
from goldrun.images.manifest import Manifest, compare, from_tags


@click.command("diff")
@click.argument("first", shell_complete=completing.images)
@click.argument("second", shell_complete=completing.images)
@REGION
@JSON
def image_diff(first: str, second: str, region: str | None, as_json: bool) -> None:
    """Show the tools that SECOND adds, lacks or has in another version.

    FIRST and SECOND are image ids or names; their tags say what is inside. Or they are bills of materials: then every
    package is compared.

    \b
    Examples:
      goldrun image diff sbom/before.cdx.json sbom/after.cdx.json
      goldrun image diff github-runner-ubuntu24-amd64-20261114080000 github-runner-ubuntu24-amd64-latest
    """
    files = [Path(text) for text in (first, second) if text.endswith(".json")]
    if len(files) == 1:
        raise UsageError("A bill of materials is compared with another one.", fix=["goldrun image sbom writes one."])
    difference = compare(*(map(_packages, files) if files else _manifests(first, second, region)))
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
        output.note("they are the same." if files else "their manifests are the same.")


def _manifests(first: str, second: str, region: str | None) -> Iterator[Manifest]:
    client = open_client(region)
    for text in (first, second):
        found = find_own(client, text)
        manifest = from_tags(found.tags)
        if not manifest:
            output.note(f"{found.name} ({found.image_id}) has no manifest.")
        yield manifest


def _packages(file: Path) -> Manifest:
    """Return the packages of a bill of materials; those that are there in several versions have all of them."""
    from goldrun.contents import cyclonedx

    if not file.is_file():
        raise NotFoundError(f"There is no file {file}.")
    versions: dict[str, list[str]] = {}
    for one in cyclonedx.read(file.read_text(encoding="utf-8"), str(file)).components:
        versions.setdefault(f"{one.kind} {one.name}", []).append(one.version)
    return {name: " ".join(dict.fromkeys(found)) for name, found in versions.items()}

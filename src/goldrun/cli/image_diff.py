"""``goldrun image diff``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldrun.cli import output, shell_complete
from goldrun.cli.common import JSON, REGION, open_client
from goldrun.cli.files import read_text
from goldrun.errors import NotFoundError, UsageError
from goldrun.images.lineage import find_own
from goldrun.images.manifest import Manifest, compare, from_tags

if TYPE_CHECKING:
    from goldrun.contents.components import Contents


@click.command("diff")
@click.argument("first", shell_complete=shell_complete.images)
@click.argument("second", shell_complete=shell_complete.images)
@click.option("--packages", is_flag=True, help="Compare all packages, from the bills of materials in the bucket.")
@REGION
@JSON
def image_diff(first: str, second: str, packages: bool, region: str | None, as_json: bool) -> None:
    """Show the tools that differ between FIRST and SECOND.

    FIRST and SECOND are image ids or names, compared by their tags. With --packages, all packages are compared, from
    the bills of materials that builds store in GOLDRUN_SBOM_BUCKET. FIRST and SECOND can also be bills of materials
    themselves.

    \b
    Examples:
      goldrun image diff sbom/before.cdx.json sbom/after.cdx.json
      goldrun image diff github-runner-ubuntu24-amd64-20261114080000 github-runner-ubuntu24-amd64-latest
    """
    files = [Path(text) for text in (first, second) if text.endswith(".json")]
    if len(files) == 1:
        raise UsageError(
            "A bill of materials can only be compared with another one.", fix=["goldrun image sbom writes one."]
        )
    if files:
        difference = compare(*map(_of_file, files))
    else:
        difference = compare(*(_bills if packages else _manifests)(first, second, region))
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
        output.note("they are the same." if files or packages else "their manifests are the same.")


def _manifests(first: str, second: str, region: str | None) -> Iterator[Manifest]:
    client = open_client(region)
    for text in (first, second):
        found = find_own(client, text)
        manifest = from_tags(found.tags)
        if not manifest:
            output.note(f"{found.name} ({found.image_id}) has no manifest.")
        yield manifest


def _bills(first: str, second: str, region: str | None) -> Iterator[Manifest]:
    from goldrun.cloud.objects import read_folder
    from goldrun.contents import archive

    folder = read_folder(os.environ)
    if folder is None:
        raise UsageError("No bucket with bills of materials is given.", fix=["export GOLDRUN_SBOM_BUCKET=https://…"])
    client = open_client(region)
    for text in (first, second):
        found = find_own(client, text)
        contents = archive.find(client, folder, found)
        if contents is None:
            raise NotFoundError(
                f"{folder} has no bill of materials of {found.name} ({found.image_id}).",
                why=["it was built without the bucket."],
                fix=[f"goldrun image sbom {found.image_id} -o FILE.json, and compare files."],
            )
        yield _packages(contents)


def _of_file(file: Path) -> Manifest:
    from goldrun.contents import cyclonedx

    if not file.is_file():
        raise NotFoundError(f"There is no file {file}.")
    return _packages(cyclonedx.read(read_text(file), str(file)))


def _packages(contents: Contents) -> Manifest:
    """Return packages and their versions; those that are there in several have all of them."""
    versions: dict[str, list[str]] = {}
    for one in contents.components:
        versions.setdefault(f"{one.kind} {one.name}", []).append(one.version)
    return {name: " ".join(dict.fromkeys(found)) for name, found in versions.items()}

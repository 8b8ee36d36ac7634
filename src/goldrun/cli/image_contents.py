"""``goldrun image sbom`` and ``scan``: what is inside an image, and the advisories about it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldrun import config, workflow
from goldrun.cli import output, shell_complete
from goldrun.cli.build_instances import builder_settings
from goldrun.cli.common import ARCH, JSON, REGION, open_client
from goldrun.cli.files import read_text, require_writable, write_files
from goldrun.cli.recipe_options import parameter_options
from goldrun.cli.reports import view
from goldrun.cloud.images import Image
from goldrun.errors import RefusedError, UsageError
from goldrun.images.find import find_image
from goldrun.images.naming import parse_reference

if TYPE_CHECKING:
    from goldrun.bake.recipe import Loaded
    from goldrun.contents.components import Contents

LEVELS = click.Choice(("low", "medium", "high", "critical"))
ADVISORIES = click.option(
    "--advisories",
    type=click.Path(path_type=Path, exists=True),
    metavar="PATH",
    help="Advisory database in OSV format: a folder, or a .json or .zip file. [default: GOLDRUN_ADVISORIES]",
)


@click.command("sbom")
@click.argument("image", shell_complete=shell_complete.images)
@ARCH
@REGION
@click.option(
    "--format",
    "kind",
    type=click.Choice(("cyclonedx", "markdown")),
    default="cyclonedx",
    show_default=True,
    help="CycloneDX JSON, or a report for people.",
)
@click.option(
    "-o", "--output", "file", type=click.Path(path_type=Path, dir_okay=False), help="File to write. [default: stdout]"
)
def image_sbom(image: str, arch: str | None, region: str | None, kind: str, file: Path | None) -> None:
    """List what is inside IMAGE: packages of the system, Python, Node and Go, and the tool cache.

    With GOLDRUN_SBOM_BUCKET, goldrun reads the list that the build stored in the bucket. Otherwise it boots an instance
    from the image, lists its packages and deletes it. `goldrun image build --sbom FOLDER` writes the same list for
    every version that it tests.

    \b
    Examples:
      goldrun image sbom github-runner-ubuntu24 --arch amd64 -o runner.cdx.json
      goldrun image sbom github-runner-ubuntu24 --arch amd64 --format markdown
    """
    if file:
        require_writable(file)
    found, contents, now = find_contents(image, arch, region)
    text = render(found, contents, kind, now)
    if file:
        write_files({file: text.encode()})
        output.note(f"{len(contents.components)} packages: {file}")
    else:
        output.result(text.rstrip("\n"))


@click.command("scan")
@click.argument("image", required=False, shell_complete=shell_complete.images)
@click.option(
    "--sbom", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Bill of materials to scan instead."
)
@ADVISORIES
@click.option("--recipe", type=click.Path(path_type=Path, file_okay=False), help="Recipe whose [scan] table applies.")
@click.option("--fail", "level", type=LEVELS, help="Lowest severity that fails. [default: the recipe's, or high]")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Markdown file for the advisories that fail; empty if there are none.",
)
@parameter_options
@ARCH
@REGION
@JSON
def image_scan(
    image: str | None,
    sbom: Path | None,
    advisories: Path | None,
    recipe: Path | None,
    level: str | None,
    report: Path | None,
    words: tuple[str, ...],
    parameters: Path | None,
    arch: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    """Compare the packages of IMAGE, or of a bill of materials, with advisories.

    Exits with 5 if an advisory is severe enough, is fixed in a newer version, and has no exception in the recipe. In
    GitHub Actions, each of these is a warning.

    \b
    Examples:
      goldrun image scan github-runner-ubuntu24 --arch amd64 --advisories osv/
      goldrun image scan --sbom runner.cdx.json --advisories osv/ --recipe recipes/github-runner-ubuntu24
    """
    from msgspec.structs import replace

    from goldrun.bake.reading import load, read_parameters
    from goldrun.bake.scanning import words as finding_words
    from goldrun.cli.json.findings import AdvisoryFinding
    from goldrun.clock import SystemClock
    from goldrun.contents import advisory_report, cyclonedx, osv
    from goldrun.contents.rule import Rule
    from goldrun.contents.scan import blocking, scan

    if (image is None) == (sbom is None):
        raise UsageError("Name an image, or a bill of materials with --sbom.")
    database = database_of(advisories)
    if report:
        require_writable(report)
    loaded = load(recipe, read_parameters(parameters, words)) if recipe else None
    rule = (loaded.recipe.scan if loaded else None) or Rule()
    if level:
        rule = replace(rule, fail=level)
    if sbom:
        contents, now = cyclonedx.read(read_text(sbom), str(sbom)), SystemClock().now()
    else:
        assert image is not None
        _, contents, now = find_contents(image, arch, region, loaded)
    if not contents.components:
        raise RefusedError("The list of packages is empty: there is nothing to scan.")
    findings = scan(contents, osv.read(database), rule, now, output.note)
    _note_left_out(contents)
    if as_json:
        output.result_json([AdvisoryFinding.of(finding) for finding in findings])
    elif findings:
        rows = [
            (one.level, one.advisory, one.component.name, one.component.version, one.fixed, one.why) for one in findings
        ]
        output.table(("LEVEL", "ADVISORY", "PACKAGE", "VERSION", "FIXED IN", "NOTE"), rows)
    held = blocking(findings)
    if report:
        write_files({report: advisory_report.write(held).encode()})
    if workflow.in_workflow(os.environ):
        for finding in held:
            click.echo(f"::warning::{workflow.escape(finding_words(finding))}", err=True)
    if held:
        raise RefusedError(f"{len(held)} of {len(findings)} advisories are severe enough to fail.")
    output.note(f"{len(contents.components)} packages, {len(findings)} advisories, none of which fails.")


def _note_left_out(contents: Contents) -> None:
    from goldrun.bake.scanning import left_out

    if note := left_out(contents):
        output.note(note)


def database_of(given: Path | None) -> Path:
    """Return where the advisories are: what is given, or what the environment says.

    Raises:
        UsageError: nothing does.
    """
    text = str(given or config.ADVISORIES.read(os.environ))
    if not text:
        raise UsageError(
            "No advisory database is given.",
            fix=[
                "--advisories PATH, or GOLDRUN_ADVISORIES",
                "download one: an all.zip from osv.dev or a mirror.",
            ],
        )
    return Path(text)


def render(image: Image, contents: Contents, kind: str, now: float) -> str:
    """Return a bill of materials, or a report."""
    from goldrun.contents import cyclonedx, software_report

    if kind == "markdown":
        return software_report.write(contents, image.name)
    return cyclonedx.write(contents, image.name, image.image_id, now)


def find_contents(
    text: str, arch: str | None, region: str | None, recipe: Loaded | None = None
) -> tuple[Image, Contents, float]:
    """Return the image that a name means, what is inside as its recipe lists it, and the cloud's time.

    Raises:
        GoldrunError: it was not found, or can neither be read nor booted.
    """
    from goldrun.bake.context import Options, open_context
    from goldrun.bake.inspection import bare_recipe, list_contents
    from goldrun.cloud.objects import read_folder
    from goldrun.contents import archive

    folder = read_folder(os.environ)
    client = open_client(region)
    found = find_image(client, parse_reference(text, arch)).image
    if folder:
        if kept := archive.find(client, folder, found):
            output.note(f"{found.name} ({found.image_id}): its bill of materials is in {folder}.")
            return found, kept, client.clock.now()
        output.note(f"{folder} has no bill of materials of {found.name} ({found.image_id}): booting an instance.")
    loaded = bare_recipe(found, recipe)
    with view((found.architecture,), quiet=output.is_quiet()) as shown:
        report = shown.of(found.architecture)
        context = open_context(client, loaded, found.architecture, builder_settings(client), Options(), report)
        contents = list_contents(context, found)
    return found, contents, client.clock.now()

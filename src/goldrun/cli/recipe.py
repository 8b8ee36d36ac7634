"""``goldrun recipe``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from goldrun.bake import recipe as recipes
from goldrun.bake.reading import load, read_parameters
from goldrun.bake.recipe_check import check_family
from goldrun.bake.template import TEMPLATE
from goldrun.cli import output
from goldrun.cli.common import JSON
from goldrun.cli.files import read_text, write_files
from goldrun.cli.lazy import LazyGroup
from goldrun.cli.recipe_options import parameter_options
from goldrun.errors import UsageError
from goldrun.images.naming import check_name

FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@click.group(cls=LazyGroup, lazy={"update": "goldrun.cli.recipe_update:recipe_update"})
def recipe() -> None:
    """Write and check recipes: folders that describe an image."""


@recipe.command("init")
@FOLDER
@click.option("--family", help="The image family to build (default: the folder's name).")
def recipe_init(folder: Path, family: str | None) -> None:
    """Write a working recipe into a new FOLDER to start from.

    \b
    Example:
      goldrun recipe init recipes/tools && goldrun image build recipes/tools --arch amd64
    """
    name = _family(family or folder.absolute().name)
    _require_new(folder)
    # In scripts FAMILY is the variable.
    texts = {path: text if path.endswith(".sh") else text.replace("FAMILY", name) for path, text in TEMPLATE.items()}
    _write(folder, {path: text.encode() for path, text in texts.items()})
    output.note(f"{folder} is written. Check it: goldrun recipe check {folder}")


@recipe.command("from-packer")
@click.argument("template", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@FOLDER
@click.option("--family", help="The image family to build (default: from the template's image_name).")
def recipe_from_packer(template: Path, folder: Path, family: str | None) -> None:
    """Convert a Packer TEMPLATE (builder alicloud-ecs) into a recipe in a new FOLDER.

    Lists, line by line, what was converted and what to do about the rest.

    \b
    Example:
      goldrun recipe from-packer image.pkr.hcl recipes/tools && goldrun recipe check recipes/tools
    """
    from goldrun.migrate import packer

    _require_new(folder)
    draft = packer.convert(read_text(template), template, _family(family) if family else "")
    _write(folder, draft.files)
    rows = [
        (f"{template}:{one.line}", one.found, "yes" if one.taken else "no", output.localized(one.outcome))
        for one in draft.notes
    ]
    output.table(("LINE", "FOUND", "TAKEN OVER", "WHERE, OR INSTEAD"), rows)
    output.note(f"{folder} is written. Check it: goldrun recipe check {folder}")


@recipe.command("check")
@FOLDER
@parameter_options
@JSON
def recipe_check(folder: Path, words: tuple[str, ...], parameters: Path | None, as_json: bool) -> None:
    """Check a recipe; report every mistake with its line."""
    loaded = load(folder, read_parameters(parameters, words))
    if as_json:
        from goldrun.cli.json.recipes import CheckedRecipe

        output.result_json(CheckedRecipe(family=loaded.recipe.family, architectures=loaded.architectures))
    else:
        steps = len(loaded.recipe.steps)
        output.note(f"{folder} is valid: {loaded.recipe.family} for {', '.join(loaded.architectures)}, {steps} steps.")


@recipe.command("schema")
def recipe_schema() -> None:
    """Print the JSON Schema of recipe.toml, for editors."""
    output.result_json(recipes.schema())


def _family(text: str) -> str:
    """Return the name of a family.

    Raises:
        UsageError: a recipe with it would not be valid.
    """
    name = check_name(text)
    for _, problem in check_family(name):
        raise UsageError(f"{name!r} cannot be the family: {problem}.", fix=["--family NAME"])
    return name


def _require_new(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", fix=["name a new folder."])
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty.", fix=["name a new folder."])


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    whole = {folder / path: content for path, content in files.items()}
    write_files(whole, folders=True)
    for script in (file for file in whole if file.suffix == ".sh"):
        script.chmod(0o755)

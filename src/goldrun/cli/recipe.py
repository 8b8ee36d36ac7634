"""``goldrun recipe``."""

from __future__ import annotations

from pathlib import Path

import click

from goldrun.bake import recipe as recipes
from goldrun.bake.template import TEMPLATE
from goldrun.cli import output
from goldrun.cli.common import JSON
from goldrun.errors import UsageError
from goldrun.images.naming import check_name

FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@click.group()
def recipe() -> None:
    """Write and check recipes: folders that describe an image."""


@recipe.command("init")
@FOLDER
@click.option("--family", help="The image family to build (default: the folder's name).")
def recipe_init(folder: Path, family: str | None) -> None:
    """Write a working recipe into a new FOLDER, to start from.

    \b
    Example:
      goldrun recipe init recipes/tools && goldrun image build recipes/tools --arch amd64
    """
    name = check_name(family or folder.absolute().name)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty.", fix=["name a new folder."])
    for path, text in TEMPLATE.items():
        file = folder / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace("FAMILY", name), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{file} cannot be written.", why=[f"{error.strerror}."]) from error
        if file.suffix == ".sh":
            file.chmod(0o755)
    output.note(f"{folder} is written. Check it: goldrun recipe check {folder}")


@recipe.command("check")
@FOLDER
@JSON
def recipe_check(folder: Path, as_json: bool) -> None:
    """Check a recipe; report every mistake with its line."""
    loaded = recipes.load(folder)
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

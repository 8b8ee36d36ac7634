"""What ``goldrun image build`` prints in the end: results, errors, and a summary in GitHub Actions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from goldrun import workflow
from goldrun.cli import output

if TYPE_CHECKING:  # `goldrun image --help` must not pay for a build
    from goldrun.bake.build import Built
    from goldrun.bake.parallel import Outcome
    from goldrun.bake.recipe import Loaded


def print_outcome(loaded: Loaded, outcome: Outcome, *, several: bool, as_json: bool) -> None:
    """Print the images that were built, and raise the first error.

    Args:
        loaded: the recipe.
        outcome: the results.
        several: whether several architectures were to be built.
        as_json: whether to print JSON.

    Raises:
        GoldrunError: a build failed.
    """
    if as_json:
        from goldrun.cli.json.builds import BuiltImage

        output.result_json({name: BuiltImage.built(one) for name, one in outcome.done.items()})
    else:
        for name, one in outcome.done.items():
            _print(one, f"_{name.upper()}" if several else "")
    _summarize(loaded, outcome)
    errors = [*outcome.failed.items()]
    if not errors:
        return
    name, first = errors[0]
    if several:
        output.note(f"{name} failed.")
    for _, error in errors[1:]:
        output.error(error)
    raise first


def _print(one: Built, suffix: str) -> None:
    for key, value in (
        ("IMAGE_ID", one.image.image_id),
        ("IMAGE_NAME", one.image.name),
        ("VERSION_HASH", one.version_hash),
        ("SKIP_BUILD", str(one.skipped).lower()),
    ):
        workflow.write_output(os.environ, key + suffix, value)
        output.result(f"{key}{suffix}={value}")


def _summarize(loaded: Loaded, outcome: Outcome) -> None:
    """Write a step summary in GitHub Actions."""
    rows = [
        f"| {name} | `{one.image.name}` | `{one.image.image_id}` | {'unchanged' if one.skipped else 'built'} |"
        for name, one in outcome.done.items()
    ]
    rows += [f"| {name} | – | – | failed: {error.what} |" for name, error in outcome.failed.items()]
    table = ["| architecture | image | id | |", "|---|---|---|---|", *rows]
    workflow.write_summary(os.environ, "\n".join([f"### {loaded.recipe.family}", "", *table, ""]))

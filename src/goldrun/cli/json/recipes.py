"""Recipes, for programs."""

from __future__ import annotations

from goldrun.cli.json.encoding import public


@public
class CheckedRecipe:
    """A recipe that is valid.

    Attributes:
        family: the image family it builds.
        architectures: the architectures it supports: `amd64`, `arm64`.
    """

    family: str
    architectures: tuple[str, ...]

"""What is newer for a recipe: every tool is looked up, and nothing is written before all of them answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from goldrun.architecture import ARCHITECTURES
from goldrun.bake.parts import Mirrors, Tool
from goldrun.bake.recipe import REFERENCE, Recipe
from goldrun.errors import GoldrunError, RefusedError, UsageError
from goldrun.updates.sources import Found, Sources, find, has_source


@dataclass(frozen=True)
class Update:
    """What was found for a tool.

    Attributes:
        name: the tool.
        before: its version in the recipe.
        found: its newest version, with checksums; None: its source failed.
        error: why.
        sums_changed: whether the recipe lacks a checksum, or has another one.
    """

    name: str
    before: str
    found: Found | None
    error: GoldrunError | None = None
    sums_changed: bool = False

    @property
    def changes(self) -> bool:
        """Whether the recipe changes."""
        if self.found is None or self.found.kept:
            return False
        return self.found.version != self.before or self.sums_changed


def architectures_of(whole: Mapping[str, Any]) -> list[str]:
    """Return the architectures that a recipe is built for, of ``reading.read_whole``; both, if it says none."""
    bases = whole.get("base", {})
    return [name for name in ARCHITECTURES if bases.get(name)] or [*ARCHITECTURES]


def mirrors_of(whole: Mapping[str, Any]) -> Mirrors:
    """Return the mirrors of a recipe, of ``reading.read_whole``: where a build would fetch its files."""
    return msgspec.convert(whole.get("mirrors", {}), Mirrors)


def look(sources: Sources, recipe: Recipe, architectures: Sequence[str], only: Sequence[str] = ()) -> list[Update]:
    """Return what is newest for each tool of a recipe that says where it is found, in the recipe's order.

    Args:
        sources: where to look.
        recipe: the recipe by itself, without what it extends.
        architectures: those that it is built for: each needs a file of each tool.
        only: names of tools; empty: all.

    Raises:
        UsageError: a named tool is unknown, or says no place.
    """
    for name in only:
        if name not in recipe.tools:
            raise UsageError(f"The recipe has no tool {name}.", why=[f"it has: {', '.join(recipe.tools) or 'none'}."])
        if not has_source(recipe.tools[name]):
            raise UsageError(f"{name} does not say where newer versions are.", fix=["github, npm, pypi, apt or latest"])
    wanted = {name: tool for name, tool in recipe.tools.items() if has_source(tool) and (not only or name in only)}
    return [_look(sources, name, tool, architectures) for name, tool in wanted.items()]


def _look(sources: Sources, name: str, tool: Tool, architectures: Sequence[str]) -> Update:
    if REFERENCE.search(tool.version):
        return Update(name, tool.version, Found(tool.version, {}, "", f"its version is {tool.version}: not looked up."))
    # A checksum of an architecture that is not built would stay beside the new version.
    needed = [one for one in ARCHITECTURES if one in architectures or one in tool.sha256]
    try:
        found = find(sources, tool, needed)
    except GoldrunError as error:
        return Update(name, tool.version, None, error)
    differ = {architecture for architecture, digest in found.sha256.items() if tool.sha256.get(architecture) != digest}
    if found.version == tool.version and differ & tool.sha256.keys():
        # The same version has another file than before: whoever changed it may not be who published it.
        replaced = RefusedError(
            f"{name} {tool.version} does not have the checksum that the recipe has.",
            why=["a file that was published does not change: it may have been replaced."],
            fix=["find out why; then remove the checksum from the recipe and run this again."],
        )
        return Update(name, tool.version, None, replaced)
    return Update(name, tool.version, found, sums_changed=bool(differ))

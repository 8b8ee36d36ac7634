"""Changes single values of a ``recipe.toml``: comments, order and everything else stay as they are."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.items import Table

from goldrun.errors import UsageError
from goldrun.updates.sources import Found


def changed(text: str, found: Mapping[str, Found]) -> str:
    """Return the file with new versions and checksums of its tools.

    Raises:
        UsageError: a tool is not in this file.
    """
    mark = "\N{BYTE ORDER MARK}" if text.startswith("\N{BYTE ORDER MARK}") else ""  # of editors of Windows
    document = tomlkit.parse(text.removeprefix(mark))
    tools: Any = document.get("tools", {})
    for name, one in found.items():
        if name not in tools:
            raise UsageError(f"The recipe has no tool {name}.", why=["it may be in the recipe that this one extends."])
        tool = tools[name]
        tool["version"] = one.version
        if one.sha256:
            sums = tool.get("sha256")
            if sums is None:
                sums = tool["sha256"] = tomlkit.table() if isinstance(tool, Table) else tomlkit.inline_table()
            for architecture, digest in one.sha256.items():
                sums[architecture] = digest
    written = tomlkit.dumps(document)
    tomllib.loads(written)
    return mark + written

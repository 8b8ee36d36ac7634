"""Puts the manual pages that `make dist` has written into the wheel: pip and pipx install them where `man` looks."""

from __future__ import annotations

import os
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualPages(BuildHookInterface[Any]):
    """Adds the folder that GOLDRUN_MAN_PAGES names, as share/man."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the hook's signature
        """See hatchling's build hooks."""
        if folder := os.environ.get("GOLDRUN_MAN_PAGES"):
            build_data["shared_data"][folder] = "share/man"

"""What creating GitHub Apps takes: GitHub, the person's browser, and the folder of the keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from goldrun.github.client import GitHub
from goldrun.setup.app_keys import Keys


@dataclass
class AppMaker:
    """What creating Apps takes.

    Attributes:
        github: GitHub; no token is used.
        keys: where the keys go.
        show: opens a page for the person.
    """

    github: GitHub
    keys: Keys
    show: Callable[[str], None]
    _shown: set[str] = field(default_factory=set)

    def open(self, page: str) -> None:
        """Open a page, once."""
        if page not in self._shown:
            self._shown.add(page)
            self.show(page)

    def skip(self, page: str) -> str:
        """Return the page; the person gets there by themselves."""
        self._shown.add(page)
        return page

"""Lists that are given in pages. A list counts only when it is steady and complete.

Between two pages things come and go, and what moves from a page not yet read to one already read is missed: a list
with a hole in it looks like something that is gone. Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from goldrun.clock import Clock
from goldrun.errors import UnavailableError

MAX_WALKS = 5
WALK_SECONDS = 1.0
T = TypeVar("T")


def read_steady(clock: Clock, what: str, walk: Callable[[], list[T] | None]) -> list[T]:
    """A list that stood still while it was read.

    Args:
        clock: waited on before the list is read again.
        what: whose list it is, for people.
        walk: reads all pages; None if they do not fit together.

    Raises:
        UnavailableError: it does not stand still.
    """
    for number in range(MAX_WALKS):
        if number:
            clock.sleep(WALK_SECONDS)
        if (found := walk()) is not None:
            return found
    raise UnavailableError(
        f"The list of {what} changed while it was read, {MAX_WALKS} times.",
        why=["its pages and their total do not fit together: what is missing from it may be there all the same."],
        fix=["run the same command again."],
    )

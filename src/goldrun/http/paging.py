"""Lists that come in pages. A list counts only when it is steady and complete.

Between two pages things come and go, and whatever moves from an unread page to one already read is missed: a hole in
a list looks like something that is gone. Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from goldrun.clock import Clock
from goldrun.errors import UnavailableError
from goldrun.waiting import every, looks

MAX_WALKS = 5
WALK_SECONDS = 1.0
T = TypeVar("T")


def read_steady(machine: Clock, what: str, walk: Callable[[], list[T] | None]) -> list[T]:
    """A list that stood still while it was read.

    Args:
        machine: slept on before the list is read again. The machine's clock: to ask the cloud for its time would cost
            a look-up a second call.
        what: whose list it is, for people.
        walk: reads all pages; None if they do not fit together.

    Raises:
        UnavailableError: it does not stand still.
    """
    for _ in islice(looks(machine, often=every(WALK_SECONDS)), MAX_WALKS):
        if (found := walk()) is not None:
            return found
    raise UnavailableError(
        f"The list of {what} changed while it was read, {MAX_WALKS} times.",
        why=["its pages and their total do not fit together: what is missing from it may still be there."],
        fix=["run the same command again."],
    )

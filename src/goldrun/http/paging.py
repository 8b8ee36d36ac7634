"""Lists that come in pages. A list counts only if it did not change while it was read.

Between two pages elements are created and deleted, and one that moves from an unread page to a page already read is
missed: it looks as if it were deleted. Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from itertools import islice

from goldrun.clock import Clock
from goldrun.errors import UnavailableError
from goldrun.waiting import every, looks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


MAX_WALKS = 5
WALK_SECONDS = 1.0


def read_steady(machine: Clock, what: str, walk: Callable[[], list[T] | None]) -> list[T]:
    """Read a list until it does not change while it is read.

    Args:
        machine: the clock that sleeps before the list is read again. It is the machine's: asking the cloud for its time
            would cost a look-up a second call.
        what: what the list holds, for messages.
        walk: reads all pages; None if they do not fit together.

    Raises:
        UnavailableError: it changed every time.
    """
    for _ in islice(looks(machine, often=every(WALK_SECONDS)), MAX_WALKS):
        if (found := walk()) is not None:
            return found
    raise UnavailableError(
        f"The list of {what} changed while it was read, {MAX_WALKS} times.",
        why=["its pages do not add up to its total: what is missing from it may still exist."],
        fix=["run the same command again."],
    )

"""What was read some minutes ago; and, for some seconds, why it could not be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from goldrun.clock import Clock
from goldrun.errors import GoldrunError

AGAIN_SECONDS = 15.0  # after a failure: a server asks several times a second

T = TypeVar("T")


@dataclass
class Cached(Generic[T]):
    """An answer that is read again when it is old.

    Attributes:
        clock: the clock.
        read: reads it.
        fresh: how many seconds it holds.
    """

    clock: Clock
    read: Callable[[], T]
    fresh: float
    _found: tuple[T] | None = None
    _error: GoldrunError | None = None
    _at: float = float("-inf")

    def __call__(self) -> T:
        """Return it.

        Raises:
            GoldrunError: it cannot be read, or could not a moment ago.
        """
        age = self.clock.now() - self._at
        if self._error is not None and age < AGAIN_SECONDS:
            raise self._error.with_traceback(None)
        if self._found is None or self._error is not None or age > self.fresh:
            now = self.clock.now()
            try:
                self._found, self._error, self._at = (self.read(),), None, now
            except GoldrunError as error:
                self._error, self._at = error, now
                raise
        return self._found[0]

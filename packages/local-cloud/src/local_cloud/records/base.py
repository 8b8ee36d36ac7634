"""The base of all records, which are frozen. What changes only with time is computed, not stored."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is stored under an id."""

    id: str


class Resource(Record, frozen=True, kw_only=True):
    """A cloud resource, which an account owns and can tag."""

    region: str
    owner: str
    name: str = ""
    created: float
    tags: dict[str, str] = {}


class Made(Resource, frozen=True, kw_only=True):
    """A resource whose creation takes time.

    Attributes:
        ready: when its creation ends.
    """

    ready: float

    def progress(self, now: float) -> str:
        """Return the progress of its creation at a moment."""
        if now >= self.ready:
            return "100%"
        return f"{int(100 * (now - self.created) / (self.ready - self.created))}%"

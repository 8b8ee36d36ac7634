"""Buckets of the object storage, and what is in them."""

from __future__ import annotations

from local_cloud.records.base import Record


class Bucket(Record, frozen=True, kw_only=True):
    """A bucket; ``id`` is its name, which no other account can take."""

    region: str
    owner: str
    created: float


class StoredObject(Record, frozen=True, kw_only=True):
    """An object; ``id`` is its bucket's name, a slash, and its key.

    Attributes:
        headers: those that came with it and are sent with it again: its type, its own metadata.
    """

    bucket: str
    key: str
    content: bytes
    created: float
    headers: dict[str, str]

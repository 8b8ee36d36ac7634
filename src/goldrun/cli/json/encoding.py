"""Public objects, and their conversion to plain values for ``json.dumps``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def public(cls: type[T]) -> type[T]:
    """Make a class a public object: frozen, its members given by name.

    It is printed, never compared: generating those methods too would double the class's share of a command's start.
    """
    return dataclass(frozen=True, kw_only=True, eq=False, repr=False)(cls)


def plain(value: Any) -> Any:
    """Return the value with its objects as dictionaries and its times as text."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Mapping):
        return {key: plain(member) for key, member in value.items()}
    return [plain(element) for element in value] if isinstance(value, list | tuple) else value


def at(moment: float) -> datetime:
    """Return the time that is ``moment`` seconds after 1970."""
    return datetime.fromtimestamp(moment, UTC)

"""Parameters as the API's gateway takes them: ``Tag.1.Key``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the flat parameters of a nested value."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from flatten(member, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for number, element in enumerate(value, 1):
            yield from flatten(element, f"{name}.{number}")
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)

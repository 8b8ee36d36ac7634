"""A request's parameters: decoded by the API's metadata, checked as the API's gateway checks them.

``api.json`` holds, for each action of each product, its parameters and their types, from the official CLI's metadata;
``!`` marks those that are mandatory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import takewhile

import msgspec

from local_cloud.errors import ApiFault, invalid, missing, not_performed

MAX_LIST = 200
_INTEGER = re.compile(r"[+-]?\d{1,18}")


class Product(msgspec.Struct, frozen=True):
    """An API: its version, and its actions' parameters by name."""

    version: str
    actions: dict[str, dict[str, str]]


@cache
def products() -> dict[str, Product]:
    """Return the known APIs, by code (ecs, sts, vpc)."""
    return msgspec.json.decode(files(__package__).joinpath("api.json").read_bytes(), type=dict[str, Product])


class Params:
    """The parameters of one request.

    Attributes:
        values: all of them, by name.
        read: the names of those that were read, given or not; ``Name.`` is a list with all its elements.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.read: set[str] = set()

    def check(self, types: Mapping[str, str]) -> None:
        """Check presence and types.

        Raises:
            ApiFault: a mandatory parameter is missing, or a number or boolean is not valid. Unknown parameters pass, as
                they do at the real gateway.
        """
        for name, kind in types.items():
            value = self.values.get(name, "")
            if kind.endswith("!") and not value and not (kind == "RepeatList!" and self._has_items(name)):
                raise missing(name)
            if not value:
                continue
            plain = kind.rstrip("!")
            if plain in ("Integer", "Long") and not _INTEGER.fullmatch(value):
                raise invalid(name)
            if plain == "Boolean" and value.lower() not in ("true", "false"):
                raise invalid(name)

    def _has_items(self, name: str) -> bool:
        return any(given.startswith(f"{name}.1") for given in self.values)

    def unread(self, known: Mapping[str, str]) -> list[str]:
        """Return the names of the given parameters, among the known ones, that nothing has read."""
        return [name for name, value in self.values.items() if value and self._is_ignored(name, known)]

    def _is_ignored(self, name: str, known: Mapping[str, str]) -> bool:
        words = name.split(".")
        stems = [".".join(words[:length]) for length in range(1, len(words))]
        if name in self.read or any(f"{stem}." in self.read for stem in stems):
            return False
        return name in known or any(stem in known for stem in stems)

    def pass_over(self, *names: str) -> None:
        """Count parameters as read that have no effect beside others."""
        self.read.update(names)

    def text(self, name: str, default: str = "") -> str:
        """Return a text; empty if it is not given."""
        self.read.add(name)
        return self.values.get(name) or default

    def require(self, name: str) -> str:
        """Return a text that must be given."""
        value = self.text(name)
        if not value:
            raise missing(name)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean."""
        value = self.text(name)
        return value.lower() == "true" if value else default

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``."""
        value = self.text(name)
        if value and not _INTEGER.fullmatch(value):
            raise invalid(name)
        number = int(value) if value else default
        if not low <= number <= high:
            raise invalid(name)
        return number

    def decimal(self, name: str, default: float) -> float:
        """Return a number that may have decimals."""
        value = self.text(name)
        try:
            number = float(value) if value else default
        except ValueError:
            raise invalid(name) from None
        if not number >= 0:  # nor is it NaN
            raise invalid(name)
        return number

    def only(self, name: str, *performed: str) -> None:
        """Refuse every value but those that the local cloud performs, which change nothing."""
        value = self.text(name)
        if value and value not in performed:
            raise not_performed(f"{name}={value}")

    def choice(self, name: str, allowed: tuple[str, ...], default: str = "", fault: ApiFault | None = None) -> str:
        """Return one of the allowed words; raise ``fault`` for another."""
        value = self.text(name, default)
        if value and value not in allowed:
            raise fault or ApiFault(
                400, f"Invalid{name}.ValueNotSupported", f"The specified parameter {name} is not supported."
            )
        return value

    def items(self, name: str) -> list[str]:
        """Return the values of ``Name.1``, ``Name.2``, … up to the first missing one."""
        self.read.update((name, f"{name}."))
        found = []
        for number in range(1, MAX_LIST + 1):
            value = self.values.get(f"{name}.{number}")
            if value is None:
                break
            found.append(value)
        return found

    def numbers(self, name: str) -> list[int]:
        """Return the numbers of ``Name.1.…``, ``Name.2.…``, … up to the first missing one."""
        given = {value.split(".")[1] for value in self.values if value.startswith(f"{name}.")}
        return list(takewhile(lambda number: str(number) in given, range(1, MAX_LIST + 1)))

    def pairs(self, name: str) -> list[tuple[str, str | None]]:
        """Return the pairs of ``Name.1.Key`` and ``Name.1.Value``, …; a missing value is None.

        The metadata also lists the older spelling in lower case.
        """
        self.read.add(f"{name}.")
        found = []
        for number in range(1, MAX_LIST + 1):
            stem = f"{name}.{number}"
            key = self.values.get(f"{stem}.Key", self.values.get(f"{stem}.key"))
            value = self.values.get(f"{stem}.Value", self.values.get(f"{stem}.value"))
            if key is None and value is None:
                break
            found.append((key or "", value))
        return found

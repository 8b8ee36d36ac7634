"""The API's two ways to page: numbers and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from goldrun.local.errors import invalid
from goldrun.local.params import Params

DEFAULT_PAGE = 10
MAX_PAGE = 100

T = TypeVar("T")


def page_by_number(params: Params, items: Sequence[T]) -> tuple[Sequence[T], dict[str, int]]:
    """The page that ``PageNumber`` and ``PageSize`` name, and the members of the answer that tell of it."""
    number = params.number("PageNumber", 1, 1, 10**9)
    size = params.number("PageSize", DEFAULT_PAGE, 1, MAX_PAGE)
    start = (number - 1) * size
    return items[start : start + size], {"PageNumber": number, "PageSize": size, "TotalCount": len(items)}


def page_by_token(items: Sequence[T], token: str, size: int) -> tuple[Sequence[T], str]:
    """The items from ``NextToken`` on, and the token that goes on from there (empty at the end)."""
    if token and not token.isdecimal():
        raise invalid("NextToken")
    start = int(token or 0)
    end = start + size
    return items[start:end], str(end) if end < len(items) else ""

"""The API's two kinds of paging: by number and by token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from local_cloud.errors import invalid
from local_cloud.json_input import decode
from local_cloud.params import Params

DEFAULT_PAGE = 10
MAX_PAGE = 100

T = TypeVar("T")
_TOKEN = re.compile(r"\d{0,18}")


def page_by_number(params: Params, items: Sequence[T], most: int = MAX_PAGE) -> tuple[Sequence[T], dict[str, int]]:
    """Return the page of ``PageNumber`` and ``PageSize``, and the members of the answer that describe it."""
    number = params.number("PageNumber", 1, 1, 10**9)
    size = params.number("PageSize", DEFAULT_PAGE, 1, most)
    start = (number - 1) * size
    return items[start : start + size], {"PageNumber": number, "PageSize": size, "TotalCount": len(items)}


def page(
    params: Params, items: Sequence[T], most: int = MAX_PAGE, least: int = 1
) -> tuple[Sequence[T], dict[str, Any]]:
    """Return the page by token if the request has ``MaxResults`` or ``NextToken``, else by number.

    Args:
        params: the request's.
        items: all of them.
        most: a larger ``MaxResults`` means this. Source: its description on the actions' pages.
        least: a smaller one means this.
    """
    given, token = params.number("MaxResults", DEFAULT_PAGE, 0, 10**9), params.text("NextToken")
    if "MaxResults" not in params.values and "NextToken" not in params.values:
        shown, numbers = page_by_number(params, items)
        return shown, {**numbers, "NextToken": ""}
    params.pass_over("PageNumber", "PageSize")
    size = min(max(given, least), most)
    shown, token = page_by_token(items, token, size)
    return shown, {"NextToken": token, "TotalCount": len(items), "PageSize": size, "PageNumber": 0}


def listed_ids(params: Params, name: str) -> set[str] | None:
    """Return the ids of a JSON list of at most 100; None if the parameter is missing."""
    text = params.text(name)
    if not text:
        return None
    try:
        ids = decode(text, list[object])
    except ValueError:
        raise invalid(name) from None
    if len(ids) > MAX_PAGE:
        raise invalid(name)
    return {str(item) for item in ids}


def page_by_token(items: Sequence[T], token: str, size: int) -> tuple[Sequence[T], str]:
    """Return the items from ``NextToken`` on, and the next page's token (empty at the end)."""
    if not _TOKEN.fullmatch(token):
        raise invalid("NextToken")
    start = int(token or 0)
    end = start + size
    return items[start:end], str(end) if end < len(items) else ""

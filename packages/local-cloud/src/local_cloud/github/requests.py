"""Requests to GitHub's API: paths, queries, bodies and pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from local_cloud.github.errors import GitHubFault
from local_cloud.json_input import decode


@dataclass(frozen=True)
class Request:
    """A parsed request.

    Attributes:
        scope: ``owner/name``, or an organization.
        found: the parts of the path.
        query: the query.
        body: the body, parsed.
        links: receives the numbers of the other pages by their relation, if the answer is one of several.
        as_app: whether a GitHub App sent it.
    """

    scope: str
    found: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    links: dict[str, int]
    as_app: bool = False


Payload = tuple[int, Any]  # the status, and the body as JSON
NO_CONTENT: Payload = (204, None)
Route = tuple[str, str, str, Callable[[Request], Payload]]  # method, path, name for faults, answer


def read_object(body: bytes) -> dict[str, Any]:
    """Return the members of a body; none if it is empty.

    Raises:
        GitHubFault: it is not a valid JSON object.
    """
    try:
        parsed = decode(body or b"{}", object)
    except ValueError:
        raise GitHubFault(400, "Problems parsing JSON") from None
    if not isinstance(parsed, dict):
        raise GitHubFault(400, "Body should be a JSON object")
    return parsed


def page(request: Request, whole: list[Any], *, default: int = 30, most: int = 100) -> list[Any]:
    """Return the requested page of a list, and put the numbers of the others into the request's ``links``.

    Anything but a number from 1 upwards counts as not given, as at GitHub.
    """
    size = min(most, _number(request.query.get("per_page", "")) or default)
    current = _number(request.query.get("page", "")) or 1
    last = -(-len(whole) // size)
    if current > 1:
        request.links.update(prev=current - 1)
    if current < last:
        request.links.update(next=current + 1, last=last)
    if current > 1:
        request.links.update(first=1)
    return whole[(current - 1) * size : current * size]


def link(url: str, request: Request) -> dict[str, str]:
    """Return the header with the links to the other pages ("Using pagination in the REST API")."""
    links = (
        f'<{url}?{urlencode({**request.query, "page": number})}>; rel="{relation}"'
        for relation, number in request.links.items()
    )
    return {"link": ", ".join(links)} if request.links else {}


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,9}", text) else 0

"""Lists that the API pages by token, or by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import ECS, Api
from goldrun.cloud.rpc import Parameter
from goldrun.errors import UnavailableError

PAGE_SIZE = 100
NUMBERED = 50  # elements of a page with a number


def pages_by_token(
    client: EcsClient, action: str, params: Mapping[str, Parameter], *, api: Api = ECS, size: int = PAGE_SIZE
) -> Iterator[dict[str, Any]]:
    """Yield the answers of an action that pages by ``NextToken``, one call each; some APIs have the token in ``Data``.

    These answers do not show whether the list changed meanwhile: their ``TotalCount`` means nothing (the API's
    reference). So look up a resource by its id before you delete it.

    Raises:
        UnavailableError: a token was repeated.
    """
    token = ""
    seen = set()
    while True:
        answer = client.call(action, {**params, "MaxResults": size, "NextToken": token or None}, api=api)
        yield answer
        token = answer.get("NextToken") or answer.get("Data", {}).get("NextToken") or ""
        if not token:
            return
        if token in seen:
            raise UnavailableError(f"{action} returned the same page token twice.", fix=["run the same command again."])
        seen.add(token)


def elements_by_number(
    client: EcsClient, action: str, params: Mapping[str, Parameter], names: tuple[str, str], *, api: Api = ECS
) -> Iterator[dict[str, Any]]:
    """Yield the elements of a list that the API pages by number."""
    number = seen = 0
    while True:
        number += 1
        answer = client.call(action, {**params, "PageSize": NUMBERED, "PageNumber": number}, api=api)
        page = answer[names[0]][names[1]]
        yield from page
        seen += len(page)
        if not page or seen >= int(answer["TotalCount"]):
            return

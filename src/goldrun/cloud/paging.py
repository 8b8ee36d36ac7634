"""Lists that the API gives in pages, by token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from goldrun.cloud.client import EcsClient, Parameter
from goldrun.cloud.endpoints import ECS, Api
from goldrun.errors import UnavailableError

PAGE_SIZE = 100


def pages_by_token(
    client: EcsClient, action: str, params: Mapping[str, Parameter], *, api: Api = ECS, size: int = PAGE_SIZE
) -> Iterator[dict[str, Any]]:
    """The answers of an action that pages by ``NextToken``, one call each; ``Data`` holds them in some APIs.

    These answers do not show whether the list stood still: their ``TotalCount`` means nothing (the API's reference). So
    whatever is to be deleted is looked up again by its id.

    Raises:
        UnavailableError: the answers lead in a circle.
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
            raise UnavailableError(f"The pages of {action} lead in a circle.", fix=["run the same command again."])
        seen.add(token)

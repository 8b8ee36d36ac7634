"""Reads all pages of an action that pages by token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from goldrun.ecs.client import EcsClient, Parameter
from goldrun.ecs.endpoints import ECS, Api

PAGE_SIZE = 100


def pages_by_token(
    client: EcsClient, action: str, params: Mapping[str, Parameter], *, api: Api = ECS, size: int = PAGE_SIZE
) -> Iterator[dict[str, Any]]:
    """The answers of an action that pages by ``NextToken``, one call each; ``Data`` holds them in some APIs."""
    token = ""
    while True:
        answer = client.call(action, {**params, "MaxResults": size, "NextToken": token or None}, api=api)
        yield answer
        token = answer.get("NextToken") or answer.get("Data", {}).get("NextToken") or ""
        if not token:
            return

"""Lists that are given in pages. A list counts only when it is steady and complete.

Between two pages things come and go, and what moves from a page not yet read to one already read is missed: a list
with a hole in it looks like something that is gone. Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from goldrun.clock import Clock
from goldrun.ecs.client import EcsClient, Parameter
from goldrun.ecs.endpoints import ECS, Api
from goldrun.errors import UnavailableError

PAGE_SIZE = 100
MAX_WALKS = 5
WALK_SECONDS = 1.0
T = TypeVar("T")


def read_steady(clock: Clock, what: str, walk: Callable[[], list[T] | None]) -> list[T]:
    """A list that stood still while it was read.

    Args:
        clock: waited on before the list is read again.
        what: whose list it is, for people.
        walk: reads all pages; None if they do not fit together.

    Raises:
        UnavailableError: it does not stand still.
    """
    for number in range(MAX_WALKS):
        if number:
            clock.sleep(WALK_SECONDS)
        if (found := walk()) is not None:
            return found
    raise UnavailableError(
        f"The list of {what} changed while it was read, {MAX_WALKS} times.",
        why=["its pages and their total do not fit together: what is missing from it may be there all the same."],
        fix=["run the same command again."],
    )


def pages_by_token(
    client: EcsClient, action: str, params: Mapping[str, Parameter], *, api: Api = ECS, size: int = PAGE_SIZE
) -> Iterator[dict[str, Any]]:
    """The answers of an action that pages by ``NextToken``, one call each; ``Data`` holds them in some APIs.

    Whether the list stood still, these answers cannot tell: their ``TotalCount`` means nothing (the API's reference).
    So who deletes asks for the very thing again.

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

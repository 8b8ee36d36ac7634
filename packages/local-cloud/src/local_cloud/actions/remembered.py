"""A list that is read page by page is searched once, not once for each page."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from local_cloud.actions.registry import Call
from local_cloud.records import Resource

# Parameters that choose the page or sign the request (signature version 1 included), not what is listed.
_NOT_FILTERS = frozenset(
    {"PageNumber", "PageSize", "NextToken", "MaxResults", "Signature", "SignatureNonce", "Timestamp", "AccessKeyId"}
)

R = TypeVar("R", bound=Resource)


def remembered(
    call: Call, kind: type[R], changes: Callable[[R], Iterable[float]], find: Callable[[], Sequence[R]]
) -> Sequence[R]:
    """Return what ``find`` finds for a call's filters.

    Args:
        call: the call.
        kind: what is listed; the answer depends on nothing else.
        changes: returns the moments when a resource's status changes by time alone; a function that is always the same.
        find: searches.
    """
    index = call.view.index(kind)
    moments = index.derive(changes, lambda: sorted(moment for one in index.records for moment in changes(one)))
    filters = frozenset((name, value) for name, value in call.params.values.items() if name not in _NOT_FILTERS)

    def search() -> tuple[Sequence[R], frozenset[str]]:
        return find(), frozenset(call.params.read)

    found, read = index.derive((call.action, call.account, filters, bisect_right(moments, call.now)), search)
    call.params.pass_over(*read)  # what the search has read counts as read whenever its answer is used
    return found

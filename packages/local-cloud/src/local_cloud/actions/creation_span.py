"""``Filter.N`` of listing actions: the creation time."""

from __future__ import annotations

from local_cloud.actions.filters import Tests
from local_cloud.clock import parse_iso
from local_cloud.errors import ApiFault, not_performed
from local_cloud.params import Params
from local_cloud.records import Resource

_ENDS = ("ExpiredStartTime", "ExpiredEndTime")  # of subscriptions


def creation_span(params: Params) -> tuple[float, float]:
    """Return the first and the last moment of ``CreationStartTime`` and ``CreationEndTime``.

    Raises:
        ApiFault: a time is not valid, or there is another key.
    """
    start, end = 0.0, float("inf")
    for key, value in params.pairs("Filter"):
        if key in _ENDS:
            raise not_performed(f"the filter {key}")
        if key not in ("CreationStartTime", "CreationEndTime"):
            raise ApiFault(404, "InvalidFilterKey.NotFound", "The filter key is not found.")
        try:
            moment = parse_iso(value or "")
        except ValueError:
            raise ApiFault(404, "InvalidFilterValue", "The filter value is not valid.") from None
        if key == "CreationStartTime":
            start = moment
        else:
            end = moment
    return start, end


def by_creation(params: Params) -> Tests[Resource]:
    """Return a test by these times, if one is given.

    Raises:
        ApiFault: see ``creation_span``.
    """
    start, end = creation_span(params)
    return [lambda one: start <= one.created <= end] if params.pairs("Filter") else []

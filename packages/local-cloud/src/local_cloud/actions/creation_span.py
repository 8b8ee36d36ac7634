"""``Filter.N`` of listing actions: when what they list was created."""

from __future__ import annotations

from local_cloud.clock import parse_iso
from local_cloud.errors import ApiFault, not_performed
from local_cloud.params import Params

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

"""Documented parameters that the local cloud does not perform: refused, and never ignored."""

from __future__ import annotations

from collections.abc import Mapping

from local_cloud.errors import not_performed
from local_cloud.params import Params

ANY = ("*",)  # a parameter that has no effect here, whatever its value


def refuse_undone(params: Params, undone: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse a request with parameters that the local cloud does not perform.

    Args:
        params: the request's.
        undone: for each name the values that have no effect, in lower case. It is a parameter's without the numbers of
            lists (``DataDisk.KMSKeyId``), or their common beginning (``CpuOptions``).

    Raises:
        ApiFault: a parameter has another value.
    """
    for name, value in params.values.items():
        words = [word for word in name.split(".") if not word.isdigit()]
        for length in range(len(words), 0, -1):
            harmless = undone.get(".".join(words[:length]))
            if harmless is None:
                continue
            if value and harmless != ANY and value.lower() not in harmless:
                raise not_performed(f"{name}={value}")
            break

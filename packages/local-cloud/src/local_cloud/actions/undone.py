"""Documented parameters that the local cloud does not do: refused, and never ignored."""

from __future__ import annotations

from collections.abc import Mapping

from local_cloud.errors import not_performed
from local_cloud.params import Params

ANY = ("*",)  # a parameter that has no effect here, whatever its value


def refuse_undone(params: Params, undone: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse a request that asks for more than the local cloud does.

    Args:
        params: the request's.
        undone: for each name the values that ask for nothing, in lower case. It is a parameter's without the numbers of
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

"""Paths of GitHub's API without what makes each of them one of very many, to be counted."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"/(?:\d+|[0-9a-f-]{36}|[0-9a-f]{40})(?=/|$)")
_REPOSITORY = re.compile(r"/repos/[^/]+/[^/]+")
_OWNER = re.compile(r"/(orgs|enterprises)/[^/]+")


def general_path(target: str) -> str:
    """Return a request's path with ``…`` for names, numbers and ids, and without its query."""
    path = _REPOSITORY.sub("/repos/…", target.partition("?")[0])
    return _NUMBER.sub("/…", _OWNER.sub(r"/\1/…", path))

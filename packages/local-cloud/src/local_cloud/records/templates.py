"""Launch templates."""

from __future__ import annotations

import msgspec

from local_cloud.records.base import Resource


class TemplateVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a launch template; ``values`` are parameters as a launch has them."""

    number: int
    values: dict[str, str]
    description: str = ""
    created: float


class LaunchTemplate(Resource, frozen=True, kw_only=True):
    """A launch template.

    Attributes:
        default: the number of the version that a launch uses which names none.
        latest: the highest number that a version had.
    """

    versions: tuple[TemplateVersion, ...]
    default: int = 1
    latest: int = 1
    modified: float

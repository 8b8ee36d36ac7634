"""A call of the table, and what must hold of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REGION, TYPE, ZONE = "cn-hangzhou", "ecs.c7.2xlarge", "cn-hangzhou-k"
NAME, IMAGE = "github-runner-ubuntu24-amd64-latest", "m-localnewamd64"


@dataclass(frozen=True)
class Call:
    """A call, and what must hold of its answer.

    Attributes:
        action: the API action.
        parameters: its parameters, as the API's reference nests them; ``$name`` stands for what an earlier call gave.
        members: paths that the answer must have, and their values (None: any value but an empty one).
        gives: names for values of the answer that later calls use, and their paths.
        error: the code with which the call must be refused; empty: it must succeed.
        product: ``ecs``, ``vpc``, ``sts`` or ``bssapi``.
        wait: seconds that the cloud's clock advances before the call.
    """

    action: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)
    gives: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    product: str = "ecs"
    wait: float = 0.0


def ecs(action: str, members: Mapping[str, Any] | None = None, **parameters: Any) -> Call:
    """A call of an ECS action in the region, and the members that its answer must have."""
    return Call(action, {"RegionId": REGION, **parameters}, members or {})

"""Asks whether RAM allows an action, by calls that have no effect.

RAM decides before anything else is looked at, so any other refusal means that the action is allowed. Only actions that
read are called, and RunInstances as a dry run.
"""

from __future__ import annotations

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import BILLING, ECS, VPC
from goldrun.cloud.errors import AccessDeniedError, ApiError
from goldrun.cloud.rpc import Parameter
from goldrun.cloud.tags import MANAGED_BY, RUNNER_TYPE, to_api

_APIS = {"ecs": ECS, "vpc": VPC, "bssapi": BILLING}
_READS = ("Describe", "Get", "List")
_LAUNCH = "ecs:RunInstances"
# What the API requires before it looks at the permission.
_PARAMETERS: dict[str, dict[str, Parameter]] = {
    "ecs:DescribeAvailableResource": {"DestinationResource": "Zone"},
    "ecs:DescribeSpotPriceHistory": {"InstanceType": "ecs.c7.large", "NetworkType": "vpc"},
    "ecs:DescribeImageFromFamily": {"ImageFamily": "none"},
    "ecs:DescribeCloudAssistantStatus": {"InstanceId": ["i-none"]},
    "ecs:DescribeImageSharePermission": {"ImageId": "m-none"},
    "ecs:GetInstanceConsoleOutput": {"InstanceId": "i-none"},
    "ecs:DescribeInstanceHistoryEvents": {"InstanceId": "i-none"},
    "bssapi:DescribeInstanceBill": {"BillingCycle": "2026-01"},
}
# What is allowed only for certain resources cannot be tried without one.
_CONDITIONED = ("ecs:GetInstanceConsoleOutput", "ecs:DescribeImageSharePermission")


def can_probe(action: str) -> bool:
    """Return whether an action, ``ecs:DescribeImages``, can be tried without effect."""
    product, _, name = action.partition(":")
    reads = product in _APIS and name.startswith(_READS) and action not in _CONDITIONED
    return reads or action == _LAUNCH


def is_allowed(client: EcsClient, action: str) -> bool:
    """Return whether RAM allows an action that can be tried.

    Raises:
        GoldrunError: the API cannot be reached, or fails.
    """
    product, _, name = action.partition(":")
    params = _PARAMETERS.get(action, {})
    if action == _LAUNCH:
        params = {"DryRun": True, "Tag": to_api({**MANAGED_BY.of(), **RUNNER_TYPE.of()})}
    try:
        client.call(name, params, api=_APIS[product])
    except AccessDeniedError:
        return False
    except ApiError as error:
        if error.retryable:
            raise
    return True

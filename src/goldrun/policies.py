"""The minimal RAM policies for goldrun's jobs, ready to paste.

Every permission to change or delete is limited to what goldrun created: the resource has the tag ``ManagedBy=goldrun``,
or the call adds it. Source: "Custom policies" and "Tag-based authorization" in the ECS documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goldrun.cloud.tags import MANAGED_BY, RUNNER_TYPE
from goldrun.errors import UsageError

if TYPE_CHECKING:  # --help must not pay for a client
    from goldrun.cloud.objects import Folder

OWN = {"StringEquals": {f"acs:ResourceTag/{MANAGED_BY.key}": MANAGED_BY.values[0]}}
MADE_OWN = {"StringEquals": {f"acs:RequestTag/{MANAGED_BY.key}": MANAGED_BY.values[0]}}

Statement = dict[str, Any]


RUNNER = {"StringEquals": {f"acs:ResourceTag/{RUNNER_TYPE.key}": RUNNER_TYPE.values[0]}}
MADE_RUNNER = {"StringEquals": {f"acs:RequestTag/{RUNNER_TYPE.key}": RUNNER_TYPE.values[0]}}
PASSED_TO_ECS = {"StringEquals": {"acs:Service": "ecs.aliyuncs.com"}}


# Choosing offers, and placing instances.
CHOOSE = [
    "DescribeImages",
    "vpc:DescribeVSwitches",
    "DescribeSecurityGroups",
    "DescribeAvailableResource",
    "DescribeInstanceTypes",
    "DescribeSpotAdvice",
    "DescribeSpotPriceHistory",
    "DescribeInstances",
]
# Reading the results of Cloud Assistant.
ASSIST = ["DescribeCloudAssistantStatus", "DescribeInvocationResults", "DescribeSendFileResults"]


def _allow(actions: list[str], condition: dict[str, Any] | None = None) -> Statement:
    statement: Statement = {
        "Effect": "Allow",
        "Action": [action if ":" in action else f"ecs:{action}" for action in actions],
        "Resource": "*",
    }
    return {**statement, "Condition": condition} if condition else statement


JOBS: dict[str, list[Statement]] = {
    # Find an image by its name.
    "lookup": [_allow(["DescribeImages"])],
    # Publish, roll back, prune, protect, remove, copy and share versions.
    "publish": [
        _allow(["DescribeImages", "DescribeInstances", "DescribeSnapshots"]),
        _allow(
            [
                "TagResources",
                "UntagResources",
                "ModifyImageAttribute",
                "DeleteImage",
                "DeleteSnapshot",
                "CopyImage",
                "ModifyImageSharePermission",
                "DescribeImageSharePermission",
            ],
            OWN,
        ),
        # A snapshot gets the tag before its image is deleted; a copy has it from the start.
        _allow(["TagResources"], MADE_OWN),
    ],
    # Choose offers; create, watch, prolong and release instances.
    "run": [
        _allow(CHOOSE),
        _allow(["RunInstances"], MADE_RUNNER),
        _allow(["DeleteInstances", "ModifyInstanceAutoReleaseTime", "GetInstanceConsoleOutput"], RUNNER),
        # Only for instances that are given a role.
        _allow(["ram:PassRole"], PASSED_TO_ECS),
    ],
    # Build, boot-test and publish images.
    "build": [
        _allow([*CHOOSE, *ASSIST, "DescribeImageFromFamily", "DescribeSnapshots"]),
        _allow(["RunInstances"], MADE_RUNNER),
        _allow(["RunCommand", "SendFile", "DeleteInstances", "GetInstanceConsoleOutput"], RUNNER),
        # A builder is stopped for its image; for stages and restarts it is started again.
        _allow(["StopInstance", "StartInstance"], RUNNER),
        # Only for builders that are given a role.
        _allow(["ram:PassRole"], PASSED_TO_ECS),
        _allow(["CreateImage", "TagResources"], MADE_OWN),
        _allow(["TagResources", "UntagResources", "ModifyImageAttribute", "DeleteImage", "DeleteSnapshot"], OWN),
    ],
    # Start and stop runners.
    "runner": [
        _allow([*CHOOSE, *ASSIST, "DescribeImageFromFamily", "DescribeInstanceHistoryEvents"]),
        _allow(["RunInstances"], MADE_RUNNER),
        _allow(["SendFile", "RunCommand", "DeleteInstances", "GetInstanceConsoleOutput"], RUNNER),
        # Only for instances that are given a role: those that delete themselves.
        _allow(["ram:PassRole"], PASSED_TO_ECS),
    ],
    # Serve labels: as runners, and the tag of a machine that has its configuration.
    "serve": [
        _allow([*CHOOSE, *ASSIST, "DescribeImageFromFamily"]),
        _allow(["DescribeInstanceHistoryEvents", "DescribeAccountAttributes"]),
        _allow(["RunInstances"], MADE_RUNNER),
        _allow(["SendFile", "DeleteInstances"], RUNNER),
        # Machines that wait stopped.
        _allow(["RunCommand", "StopInstances", "StartInstances", "ModifyInstanceAutoReleaseTime"], RUNNER),
        # Runners; and the security group of a budget, if it has the tag: last month's count is removed.
        _allow(["TagResources", "UntagResources"], OWN),
        # Only for instances that are given a role: those that delete themselves.
        _allow(["ram:PassRole"], PASSED_TO_ECS),
    ],
    # For the role of runners' instances: delete themselves. RAM cannot express "itself", so the tag limits it.
    "self-destruct": [_allow(["DeleteInstance"], RUNNER)],
    # Find and delete what is no longer used.
    "sweep": [
        _allow(["DescribeInstances", "DescribeDisks", "DescribeSnapshots", "DescribeImages"]),
        # The console of a runner's instance, if GitHub does not report the runner.
        _allow(["GetInstanceConsoleOutput"], RUNNER),
        _allow(["DeleteInstances", "DeleteDisk", "DeleteSnapshot", "DeleteImage"], OWN),
        _allow(["TagResources"], MADE_OWN),
    ],
    # Find an image, and compare its bill of materials in a bucket with advisories.
    "scan": [_allow(["DescribeImages"])],
    # Show what instances cost.
    "cost": [_allow(["DescribeInstances", "DescribeSpotPriceHistory", "bssapi:DescribeInstanceBill"])],
}


# What jobs do with the bills of materials in a bucket, if there is one.
_OBJECTS = {"build": "oss:PutObject", "scan": "oss:GetObject"}


def statements_of(job: str, folder: Folder | None) -> list[Statement]:
    """Return the statements that a job needs; ``folder`` is the one for bills of materials."""
    if folder is None or job not in _OBJECTS:
        return JOBS[job]
    resource = f"acs:oss:*:*:{folder.bucket}/{folder.path}*"
    return [*JOBS[job], {"Effect": "Allow", "Action": [_OBJECTS[job]], "Resource": resource}]


def policy_for(jobs: list[str], folder: Folder | None = None) -> dict[str, Any]:
    """Return the policy document that the jobs need together.

    Args:
        jobs: names of ``JOBS``.
        folder: where bills of materials are; None: nowhere.

    Raises:
        UsageError: a job is not valid.
    """
    statements: list[Statement] = []
    for job in jobs:
        if job not in JOBS:
            raise UsageError(f"{job!r} is not a job.", fix=[f"use one of: {', '.join(JOBS)}"])
        statements += [one for one in statements_of(job, folder) if one not in statements]
    return {"Version": "1", "Statement": statements}


def trust_policy(provider: str, *, issuer: str, audience: str, subjects: list[str]) -> dict[str, Any]:
    """Return the trust policy of a role that only GitHub jobs with these subjects may assume.

    Source: "Create a RAM role for a trusted IdP": issuer and audience are compared only by StringEquals.

    Args:
        provider: the identity provider's ARN in RAM.
        issuer: the issuer of the jobs' tokens.
        audience: the provider's client id.
        subjects: the jobs' full subjects; patterns are not allowed.
    """
    condition = {"oidc:iss": [issuer], "oidc:aud": [audience], "oidc:sub": subjects}
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Federated": [provider]},
        "Condition": {"StringEquals": condition},
    }
    return {"Version": "1", "Statement": [statement]}

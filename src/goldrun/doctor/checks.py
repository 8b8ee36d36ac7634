"""Every check, in the order in which people would look."""

from __future__ import annotations

from collections.abc import Iterator

from goldrun.doctor import access, bucket, identities, images, network, orphans
from goldrun.doctor.finding import Check, CheckContext, Finding, run_check

CHECKS: dict[str, Check] = {
    "identity": access.check_identity,
    "variables": access.check_variables,
    "region": access.check_region,
    "clock": access.check_clock,
    "permissions": access.check_permissions,
    "quota": access.check_quota,
    "security group": network.check_security_group,
    "vSwitches": network.check_vswitches,
    "key pair": network.check_key_pair,
    "egress": network.check_egress,
    "image": images.check_image,
    "runner": images.check_runner,
    "bucket": bucket.check_bucket,
    "github": identities.check_github,
    "role of instances": identities.check_instances_role,
    "role of workflows": identities.check_workflows_role,
    "leftovers": orphans.check_orphans,
}


def run_checks(context: CheckContext) -> Iterator[Finding]:
    """Yield what all checks find, as they find it."""
    for name, check in CHECKS.items():
        yield from run_check(check, context, name)

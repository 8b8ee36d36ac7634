"""What a caller may do. An account may do everything that no statement denies."""

from __future__ import annotations

from fnmatch import fnmatchcase

from goldrun.local.errors import ApiFault
from goldrun.local.records import AccessKey, Denial
from goldrun.local.store import View


def authorize(view: View, key: AccessKey, action: str) -> None:
    """Let the call pass, or not.

    Args:
        view: where the statements are.
        key: who calls.
        action: as RAM writes it, ``ecs:DescribeImages``.

    Raises:
        ApiFault: ``Forbidden.RAM``.
    """
    if not any(fnmatchcase(action.lower(), denial.id.lower()) for denial in view.all(Denial)):
        return
    raise ApiFault(
        403,
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API doesn't support RAM.",
        {
            "AccessDeniedDetail": {
                "AuthAction": action,
                "AuthPrincipalDisplayName": key.user or key.account,
                "AuthPrincipalOwnerId": key.account,
                "AuthPrincipalType": "AssumedRoleUser" if key.role else "SubUser" if key.user else "Account",
                "NoPermissionType": "ExplicitDeny",
                "PolicyType": "AccountLevelIdentityBasedPolicy",
            }
        },
    )

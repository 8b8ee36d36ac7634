"""What the ECS API's error codes mean for a caller: wait, act, or give up.

The codes are from the API reference's error tables and its page of common errors; each class stands for one reaction.
"""

from __future__ import annotations

from goldrun.errors import (
    EXIT_CREDENTIALS,
    EXIT_PERMISSION,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    GoldrunError,
    UnavailableError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ApiError(GoldrunError):
    """The API answered with an error.

    Attributes:
        code: the API's error code, e.g. ``InvalidImageName.Duplicated``.
        http_status: the answer's HTTP status.
        action: the API action that was called.
    """

    exit_code = EXIT_REFUSED

    def __init__(
        self,
        what: str,
        *,
        code: str,
        http_status: int,
        action: str,
        why: tuple[str, ...] = (),
        fix: tuple[str, ...] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(what, why=why, fix=fix, request_id=request_id)
        self.code = code
        self.http_status = http_status
        self.action = action


class ThrottledError(ApiError):
    """Too many calls in this minute; the next minute has a new quota."""

    exit_code = EXIT_UNAVAILABLE
    retryable = True
    throttled = True


class ServiceError(ApiError):
    """The service failed; the call may have had its effect."""

    exit_code = EXIT_UNAVAILABLE
    retryable = True
    unsure = True


class AccessDeniedError(ApiError):
    """RAM does not allow the action."""

    exit_code = EXIT_PERMISSION


class BadCredentialsError(ApiError):
    """The API does not accept the AccessKey, its secret, its token or the request's time."""

    exit_code = EXIT_CREDENTIALS


class LostError(UnavailableError):
    """The instance no longer exists: the market reclaimed it, or it was deleted. Another one may work."""


def gone(*ids: str) -> LostError:
    """Return the error for instances that no longer exist."""
    return LostError(f"{', '.join(ids)} is gone.", why=["the market reclaimed it, or it was deleted by someone else."])


_CREDENTIAL_CODES = {
    "InvalidAccessKeyId.NotFound": "the AccessKey id is unknown: check for a typo, or that the key was not deleted.",
    "InvalidAccessKeyId": "the AccessKey id is unknown or disabled, or its STS token has expired.",
    "InvalidAccessKeyId.Inactive": "the AccessKey is disabled: enable it in the RAM console.",
    "IncompleteSignature": "the AccessKey secret does not belong to the id, or contains a blank or line break.",
    "SignatureDoesNotMatch": "the AccessKey secret does not belong to the id, or contains a blank or line break.",
    "InvalidTimeStamp.Expired": "this machine's clock is off by more than 15 minutes: synchronise it (NTP).",
    "IllegalTimestamp": "this machine's clock is off by more than 15 minutes: synchronise it (NTP).",
    "RequestTimeTooSkewed": "this machine's clock is off by more than 15 minutes: synchronise it (NTP).",
    "SecurityTokenExpired": "the STS token has expired: get a new one.",
    "InvalidSecurityToken": "the STS token is malformed, or belongs to another AccessKey.",
    "InvalidSecurityToken.Expired": "the STS token has expired: get a new one.",
    "InvalidSecurityToken.Malformed": "the STS token is malformed, or belongs to another service.",
    "InvalidSecurityToken.MismatchWithAccessKey": "the STS token belongs to another AccessKey: set all three together.",
    "MissingSecurityToken": "this is a temporary AccessKey (STS.…): it needs its token, ALIBABA_CLOUD_SECURITY_TOKEN.",
}
_FIXES = {
    "InvalidRegionId.NotFound": "use a region id that DescribeRegions lists, e.g. cn-hangzhou.",
    "InvalidAccountStatus.NotEnoughBalance": "top up the account; pay-as-you-go resources need a balance.",
    "InvalidVSwitchId.NotFound": "check ALIYUN_VSWITCH_ID; vSwitch and group must share a VPC.",
    "OperationDenied.InconsistentNetwork": "check ALIYUN_VSWITCH_ID; vSwitch and group must share a VPC.",
    "InvalidSecurityGroupId.NotFound": "check ALIYUN_SECURITY_GROUP_ID and the region.",
    "InvalidInstanceType.ValueNotSupported": "check --type (INSTANCE_TYPE): goldrun spot ls lists what is in stock.",
    "InvalidKeyPairName.NotFound": "check ALIYUN_KEY_PAIR_NAME: key pairs belong to a region.",
    "ImageNotSupportHttpTokens": "the image's ImdsSupport is v1: build it again, or let ModifyImageAttribute set v2.",
    "ImageNotSupportInstanceType": "choose types of the image's architecture: ARCH, --arch or --type.",
    "NoSuchBucket": "check GOLDRUN_SBOM_BUCKET, or make the bucket: aliyun oss mb oss://NAME --region REGION.",
    "InvalidImageName.Duplicated": "choose another name: image names are unique per account and region.",
}


def ram_statement(permission: str) -> str:
    """Return the RAM policy statement that allows ``permission``, ready to paste."""
    import json

    return json.dumps({"Effect": "Allow", "Action": permission, "Resource": "*"})


def api_error(permission: str, http_status: int, body: dict[str, Any]) -> ApiError:
    """Return the exception for an error answer.

    Args:
        permission: what was called, in RAM's form: ``ecs:DescribeImages``.
        http_status: the answer's HTTP status.
        body: the answer's body.
    """
    action = permission.split(":")[1]
    code = str(body.get("Code") or f"HTTP{http_status}")
    message = " ".join(str(body.get("Message") or "no message").split())
    # The signature error quotes all that was signed, parameters included: too long to be of use.
    message = message.split(" server string to sign is")[0].split(" server StringToSign is")[0]
    # A call can need other permissions than its own: RunInstances with a role needs ram:PassRole.
    detail = body.get("AccessDeniedDetail")
    denied = str(detail.get("AuthAction") or "") if isinstance(detail, dict) else ""
    kind, fix = _classify(denied or permission, code, http_status)
    return kind(
        f"{action} was answered with {code}.",
        why=(message,),
        fix=fix,
        code=code,
        http_status=http_status,
        action=action,
        request_id=str(body.get("RequestId") or ""),
    )


def _classify(permission: str, code: str, http_status: int) -> tuple[type[ApiError], tuple[str, ...]]:
    """Return the class of the error, and what to do about it."""
    for prefixes, kind, fix in _CLASSES:
        if code.startswith(prefixes):
            return kind, (fix.format(statement=ram_statement(permission)),)
    if code in _CREDENTIAL_CODES:
        return BadCredentialsError, (_CREDENTIAL_CODES[code],)
    if http_status >= 500:
        return ServiceError, ("try again in a few minutes.",)
    return ApiError, (_FIXES[code],) if code in _FIXES else ()


_CLASSES: tuple[tuple[tuple[str, ...], type[ApiError], str], ...] = (
    (
        ("Throttling",),
        ThrottledError,
        "run fewer jobs at once, wait longer (GOLDRUN_TIMEOUT) or request a higher quota.",
    ),
    (("ServiceUnavailable", "InternalError"), ServiceError, "try again in a few minutes."),
    (
        ("Forbidden.RAM", "NoPermission", "AccessDenied"),
        AccessDeniedError,
        "add this statement to the RAM policy: {statement}",
    ),
    (("QuotaExceed",), ApiError, "delete what you do not need, or request a higher quota."),
)

"""Verifies the signatures of requests to OSS: version 4 (``OSS4-HMAC-SHA256``) and version 1 (``OSS``), in the header.

Sources: "Include V4 signatures in the Authorization header" and "Include V1 signatures in the Authorization header" in
the OSS API reference; the official SDK's ``signer`` has the list of subresources.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import quote, unquote

from goldrun.cloud.signature_v4 import ALGORITHM_V4, UNSIGNED, signature_v4
from local_cloud.access import AccessKey
from local_cloud.auth import ALLOWED_SKEW
from local_cloud.errors import ApiFault
from local_cloud.oss.errors import denied, invalid_argument
from local_cloud.store import View

SUBRESOURCES = frozenset(
    (
        *("acl", "append", "bucketInfo", "callback", "callback-var", "cloudboxes", "continuation-token", "cors"),
        *("delete", "encryption", "inventory", "inventoryId", "lifecycle", "live", "location", "logging"),
        *("objectMeta", "partNumber", "policy", "policyStatus", "position", "publicAccessBlock", "qosInfo"),
        *("referer", "regionList", "replication", "requestPayment", "resourceGroup", "response-cache-control"),
        *("response-content-disposition", "response-content-encoding", "response-content-language"),
        *("response-content-type", "response-expires", "restore", "security-token", "sequential", "stat"),
        *("symlink", "tagging", "transferAcceleration", "uploadId", "uploads", "versionId", "versioning"),
        *("versions", "website", "worm", "wormExtend", "wormId", "x-oss-process", "x-oss-traffic-limit"),
    )
)
_V4 = re.compile(
    rf"{ALGORITHM_V4} *Credential=(?P<key>[^/,]+)/"
    r"(?P<scope>(?P<day>\d{8})/(?P<region>[\w-]*)/oss/aliyun_v4_request), *"
    r"(?:AdditionalHeaders=(?P<names>[^,]*), *)?Signature=(?P<signature>[0-9a-f]+)",
    re.ASCII,
)
_COMPACT = "%Y%m%dT%H%M%SZ"
_V1 = re.compile(r"OSS (?P<key>[^:]+):(?P<signature>\S+)")


class Request(NamedTuple):
    """A request as received.

    Attributes:
        method: in capitals.
        bucket: decoded; empty: the request is about the account.
        key: decoded; empty: the request is about the bucket.
        query: raw.
        headers: names in lower case.
        body: the body's bytes.
    """

    method: str
    bucket: str
    key: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def resource(self) -> str:
        """What is signed as the path."""
        return f"/{self.bucket}/{self.key}" if self.bucket else "/"

    @property
    def parameters(self) -> dict[str, str]:
        """The query, decoded."""
        pairs = (pair.partition("=") for pair in self.query.split("&") if pair)
        return {unquote(name): unquote(value.replace("+", " ")) for name, _, value in pairs}


def is_signed_for_oss(headers: Mapping[str, str]) -> bool:
    """Return whether a request's signature is one of OSS's."""
    return headers.get("authorization", "").startswith((ALGORITHM_V4, "OSS "))


def authenticate(request: Request, view: View, now: float) -> tuple[AccessKey, str]:
    """Return the AccessKey that signed a request, and for which region; version 1 signs for none: empty.

    Args:
        request: the request.
        view: contains the keys.
        now: the time of the computer's clock.

    Raises:
        ApiFault: it has no valid signature, or is too early or too late.
    """
    claim, region = request.headers.get("authorization", ""), ""
    if match := _V4.fullmatch(claim):
        key = _known(view, match["key"])
        _require_now(_moment(request, match["day"]), now)
        _require_token(request.headers.get("x-oss-security-token", ""), key, now)
        right, region = _signature_v4(request, match, key.secret), match["region"]
    elif match := _V1.fullmatch(claim):
        key = _known(view, match["key"])
        _require_now(_moment(request), now)
        _require_token(request.headers.get("x-oss-security-token", request.headers.get("security-token", "")), key, now)
        right = _signature_v1(request, key.secret)
    elif claim:
        raise invalid_argument("Authorization header is invalid.")
    else:
        raise denied()
    if not hmac.compare_digest(right.encode(), match["signature"].encode()):
        raise ApiFault(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )
    return key, region


def _known(view: View, key_id: str) -> AccessKey:
    key = view.get(AccessKey, key_id)
    if key is None:
        raise ApiFault(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.")
    if not key.active:
        raise ApiFault(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided is disabled.")
    return key


def _require_now(moment: float, now: float) -> None:
    if abs(moment - now) > ALLOWED_SKEW:
        raise ApiFault(
            403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
        )


def _require_token(token: str, key: AccessKey, now: float) -> None:
    if not hmac.compare_digest(token.encode(), key.token.encode()):
        raise ApiFault(403, "InvalidSecurityToken", "The security token you provided is invalid.")
    if key.token and now >= key.expires:
        raise ApiFault(403, "SecurityTokenExpired", "The security token you provided has expired.")


def _moment(request: Request, day: str = "") -> float:
    """Return the moment of a signature; version 4 has its day in its scope too, and either form of a date."""
    text = _date(request)
    try:
        moment = _parse(text) if day else parsedate_to_datetime(text)
    except ValueError:
        moment = None
    if moment is None or not _compact(moment).startswith(day):
        raise ApiFault(403, "AccessDenied", "OSS authentication requires a valid Date.")
    return moment.timestamp()


def _parse(text: str) -> datetime:
    if text.endswith("Z"):
        return datetime.strptime(text, _COMPACT).replace(tzinfo=UTC)
    return parsedate_to_datetime(text)


def _compact(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_COMPACT)


def _date(request: Request) -> str:
    return request.headers.get("x-oss-date", "") or request.headers.get("date", "")


def _signature_v4(request: Request, match: re.Match[str], secret: str) -> str:
    if request.headers.get("x-oss-content-sha256") != UNSIGNED:
        raise invalid_argument("x-oss-content-sha256 must be UNSIGNED-PAYLOAD.")
    additional = [name for name in (match["names"] or "").split(";") if name]
    signed = {
        name: value
        for name, value in request.headers.items()
        if name.startswith("x-oss-") or name in ("content-type", "content-md5") or name in additional
    }
    pairs = sorted(tuple(pair.partition("=")) for pair in request.query.split("&") if pair)
    query = "&".join(f"{name}={value}" if value else name for name, _, value in pairs)
    return signature_v4(
        request.method,
        quote(request.resource, safe="/-_.~"),
        query,
        signed,
        additional,
        moment=_date(request),  # as it came: the official CLI has the Date of HTTP here
        scope=match["scope"],
        access_key_secret=secret,
    )


def _signature_v1(request: Request, secret: str) -> str:
    own = sorted((name, value) for name, value in request.parameters.items() if name in SUBRESOURCES)
    words = "&".join(f"{name}={value}" if value else name for name, value in own)
    text = "\n".join(
        [
            request.method,
            request.headers.get("content-md5", ""),
            request.headers.get("content-type", ""),
            _date(request),
            "".join(f"{name}:{value}\n" for name, value in sorted(request.headers.items()) if name.startswith("x-oss-"))
            + request.resource
            + (f"?{words}" if words else ""),
        ]
    )
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()

"""Authentication: verifies both kinds of signatures, checks temporary keys, refuses replays and wrong clocks.

Codes, texts and order follow the gateway of Alibaba Cloud's RPC APIs.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple

from goldrun.cloud import signature
from local_cloud.access import AccessKey
from local_cloud.clock import parse_iso
from local_cloud.errors import ApiFault, missing
from local_cloud.store import Store

ALLOWED_SKEW = 15 * 60.0
# About 20 MB. A client with more than fifty calls a second for half an hour may replay the oldest.
MAX_NONCES = 100_000

_AUTHORIZATION = re.compile(
    r"(?P<algorithm>[A-Z0-9-]+) Credential=(?P<key>[^,]*),SignedHeaders=(?P<names>[^,]*),Signature=(?P<signature>.*)"
)


class Wire(NamedTuple):
    """A request as received.

    Attributes:
        method: in capitals.
        path: without the query.
        params: of query and form together.
        query: the parameters of the query alone.
        headers: names in lower case.
        body: the body's bytes.
    """

    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Claim(NamedTuple):
    """A request's claims about its signature, in either version."""

    key_id: str
    signature: str
    nonce: str
    moment: str
    token: str


class NonceBook:
    """The nonces of the last half hour; a repeated one is a replay."""

    def __init__(self) -> None:
        self._seen: dict[bytes, float] = {}

    def enter(self, nonce: str, now: float) -> bool:
        """Record ``nonce``; return False if it was known already."""
        while self._seen:
            oldest = next(iter(self._seen))
            if now - self._seen[oldest] <= 2 * ALLOWED_SKEW and len(self._seen) < MAX_NONCES:
                break
            del self._seen[oldest]
        digest = hashlib.sha256(nonce.encode()).digest()  # of fixed length
        if digest in self._seen:
            return False
        self._seen[digest] = now
        return True


def is_v3(wire: Wire) -> bool:
    """Return whether the request is signed by version 3 (the legacy SDK sends ``x-acs-action`` as well)."""
    return "Signature" not in wire.params and ("x-acs-action" in wire.headers or "authorization" in wire.headers)


def authenticate(wire: Wire, store: Store, nonces: NonceBook, now: float) -> AccessKey:
    """Return the AccessKey that signed the request.

    Args:
        wire: the request.
        store: contains the keys.
        nonces: the nonces of earlier requests.
        now: the time of the computer's clock.

    Raises:
        ApiFault: the signature is missing or wrong, or the request is too early, too late or a replay.
    """
    claim = _claim_v3(wire) if is_v3(wire) else _claim_v1(wire)
    _check_moment(claim, now)
    key = store.get(AccessKey, claim.key_id)
    if key is None:
        raise ApiFault(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    if not key.active:
        raise ApiFault(400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
    _check_token(claim, key, now)
    if is_v3(wire):
        _check_v3(wire, claim, key)
    else:
        _check_v1(wire, claim, key)
    if not nonces.enter(f"{claim.key_id} {claim.nonce}", now):
        raise ApiFault(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
    return key


def _claim_v3(wire: Wire) -> Claim:
    match = _AUTHORIZATION.fullmatch(wire.headers.get("authorization", ""))
    if match is None:
        raise missing("AccessKeyId")
    if match["algorithm"] != signature.ALGORITHM_V3:
        raise ApiFault(400, "InvalidSignatureMethod", "Specified signature method is not valid.")
    for name in ("x-acs-date", "x-acs-signature-nonce"):
        if not wire.headers.get(name):
            raise missing(name)
    return Claim(
        match["key"],
        match["signature"],
        wire.headers["x-acs-signature-nonce"],
        wire.headers["x-acs-date"],
        wire.headers.get("x-acs-security-token", ""),
    )


def _claim_v1(wire: Wire) -> Claim:
    params = wire.params
    for name in (
        "AccessKeyId",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "SignatureNonce",
        "Timestamp",
    ):
        if not params.get(name):
            raise missing(name)
    if params["SignatureMethod"] != "HMAC-SHA1" or params["SignatureVersion"] != "1.0":
        raise ApiFault(400, "InvalidSignatureMethod", "Specified signature method is not valid.")
    return Claim(
        params["AccessKeyId"],
        params["Signature"],
        params["SignatureNonce"],
        params["Timestamp"],
        params.get("SecurityToken", ""),
    )


def _check_moment(claim: Claim, now: float) -> None:
    try:
        moment = parse_iso(claim.moment)
    except ValueError:
        raise ApiFault(
            400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."
        ) from None
    if abs(moment - now) > ALLOWED_SKEW:
        raise ApiFault(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def _check_token(claim: Claim, key: AccessKey, now: float) -> None:
    if not key.token:
        if claim.token:
            raise ApiFault(
                400,
                "InvalidSecurityToken.MismatchWithAccessKey",
                "Specified SecurityToken mismatch with the AccessKey.",
            )
        return
    if not claim.token:
        raise ApiFault(400, "MissingSecurityToken", "SecurityToken is mandatory for this action.")
    if not _same(claim.token, key.token):
        raise ApiFault(400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.")
    if now >= key.expires:
        raise ApiFault(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")


def _check_v3(wire: Wire, claim: Claim, key: AccessKey) -> None:
    digest = signature.sha256_hex(wire.body)
    if wire.headers.get("x-acs-content-sha256") != digest:
        raise ApiFault(400, "InvalidContentSha256", "Specified x-acs-content-sha256 does not match the body.")
    match = _AUTHORIZATION.fullmatch(wire.headers["authorization"])
    assert match is not None
    names = [name for name in match["names"].split(";") if name]
    if any(name not in wire.headers for name in names) or not {"host", "x-acs-date", "x-acs-action"} <= set(names):
        raise ApiFault(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
    text = signature.string_to_sign_v3(
        wire.method, wire.path, signature.canonical_query(wire.query), wire.headers, names, digest
    )
    if not _same(signature.hmac_sha256_hex(key.secret, text), claim.signature):
        raise ApiFault(
            400,
            "SignatureDoesNotMatch",
            f"Specified signature does not match our calculation. server StringToSign is [{text}]",
        )


def _check_v1(wire: Wire, claim: Claim, key: AccessKey) -> None:
    params = {name: value for name, value in wire.params.items() if name != "Signature"}
    if not _same(signature.signature_v1(wire.method, params, key.secret), claim.signature):
        text = signature.string_to_sign_v1(wire.method, params)
        raise ApiFault(
            400,
            "SignatureDoesNotMatch",
            f"Specified signature is not matched with our calculation. server string to sign is:{text}",
        )


def _same(ours: str, theirs: str) -> bool:
    """Compare in constant time; as bytes, because the given text may contain any character."""
    return hmac.compare_digest(ours.encode(), theirs.encode())

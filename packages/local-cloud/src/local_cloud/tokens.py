"""Identity tokens: JSON Web Tokens with RS256, issued by the local GitHub and verified by the local STS.

An issuer is known if it has a key here. Error codes and messages are those of STS: "Error codes", STS 2015-04-01.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from local_cloud import rs256
from local_cloud.access import SigningKey
from local_cloud.errors import ApiFault
from local_cloud.store import Store

AUDIENCE = "sts.aliyuncs.com"  # the client id that RAM's identity provider has here
MAX_LENGTH = 20_000
KEY_ID = "local"
_CODE = "AuthenticationFail.OIDCToken."


def issue(store: Store, issuer: str, claims: Mapping[str, Any]) -> str:
    """Return a token of the issuer."""
    header = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}
    body = ".".join(_encode(json.dumps(part).encode()) for part in (header, {"iss": issuer, **claims}))
    return f"{body}.{_encode(rs256.sign(signing_key(store, issuer), body.encode()))}"


def signing_key(store: Store, issuer: str) -> rs256.Key:
    """Return the issuer's key, created when it is first needed."""
    kept = store.get(SigningKey, issuer)
    if kept is None:
        made = rs256.make_key()
        kept = SigningKey(id=issuer, modulus=f"{made.modulus:x}", private=f"{made.private:x}")
        store.put(kept)
    return rs256.Key(int(kept.modulus, 16), int(kept.private, 16))


def jwks(store: Store, issuer: str) -> dict[str, Any]:
    """Return the issuer's public key, as published."""
    modulus = signing_key(store, issuer).modulus
    numbers = {"n": _encode(modulus.to_bytes(rs256.BITS // 8, "big")), "e": _encode(rs256.EXPONENT.to_bytes(3, "big"))}
    return {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": KEY_ID, **numbers}]}


def read(store: Store, token: str, now: float, *, audiences: Sequence[str], registered: str = "") -> dict[str, Any]:
    """Return the claims of a valid token.

    Args:
        store: contains the issuers' keys.
        token: the token.
        now: the cloud's time.
        audiences: the audiences that the provider accepts.
        registered: the provider's issuer; empty: any that is known.

    Raises:
        ApiFault: it is not an identity token, has no known issuer's signature, has expired, or has another audience.
    """
    parts = token.split(".")
    if len(token) > MAX_LENGTH or len(parts) != 3:
        raise _refused("Invalid", "The number of Jwt field should be divided into 3 parts with '.' .")
    header, claims = (_object(part) for part in parts[:2])
    if header.get("alg") != "RS256":
        raise _refused("Invalid", f"The algorithm {header.get('alg')} that be specified in Jwt header is unknown.")
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or registered not in ("", issuer) or store.get(SigningKey, issuer) is None:
        raise _refused("IssuerNotMatch", "The issuer in the OIDC Token doesn't match the OIDC Provider registered.")
    body, _, signature = token.rpartition(".")
    if not rs256.verify(signing_key(store, issuer), body.encode(), _decode(signature)):
        raise _refused("InvalidSignature", "OIDC token validate failed: invalid signature.")
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or now >= expires:
        raise _refused("Expired", "This JsonWebToken is expired.")
    audience = claims.get("aud")
    if not set(audiences) & set(audience if isinstance(audience, list) else [audience]):
        raise _refused("AudienceNotMatch", "Invalid audience.")
    return claims


def _object(part: str) -> dict[str, Any]:
    try:
        claims = json.loads(_decode(part))
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise _refused("Invalid", "The Jwt content is invalid that cannot be recognized.")
    return claims


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        plain = text.encode("ascii").translate(bytes.maketrans(b"-_", b"+/"))
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise _refused("Invalid", "Cannot decode base64 encoded response(format invalided).") from None


def _refused(what: str, words: str) -> ApiFault:
    return ApiFault(401, _CODE + what, words)

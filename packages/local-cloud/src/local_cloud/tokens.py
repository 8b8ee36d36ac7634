"""Identity tokens: JSON Web Tokens with RS256, issued by the local GitHub and verified by the local STS.

An issuer is known if it has a key here. Error codes and messages are those of STS: "Error codes", STS 2015-04-01.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from local_cloud import jwt
from local_cloud.access import SigningKey
from local_cloud.errors import ApiFault
from local_cloud.store import Store

AUDIENCE = "sts.aliyuncs.com"  # the client id that RAM's identity provider has here
MAX_LENGTH = 20_000
KEY_ID = "local"
KEY_BITS, EXPONENT = 2048, 65537
_CODE = "AuthenticationFail.OIDCToken."


def issue(store: Store, issuer: str, claims: Mapping[str, Any]) -> str:
    """Return a token of the issuer."""
    return jwt.encode({"iss": issuer, **claims}, signing_key(store, issuer), kid=KEY_ID)


def signing_key(store: Store, issuer: str) -> rsa.RSAPrivateKey:
    """Return the issuer's key, created when it is first needed."""
    record = store.get(SigningKey, issuer)
    if record is None:
        numbers = rsa.generate_private_key(EXPONENT, KEY_BITS).private_numbers()
        record = SigningKey(id=issuer, modulus=f"{numbers.public_numbers.n:x}", private=f"{numbers.d:x}")
        store.put(record)
    return _private_key(int(record.modulus, 16), int(record.private, 16))


@lru_cache(maxsize=8)
def _private_key(modulus: int, private: int) -> rsa.RSAPrivateKey:
    """Return a key from its two numbers in the data file: finding the primes takes half a second."""
    p, q = rsa.rsa_recover_prime_factors(modulus, EXPONENT, private)
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=private,
        dmp1=rsa.rsa_crt_dmp1(private, p),
        dmq1=rsa.rsa_crt_dmq1(private, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(EXPONENT, modulus),
    ).private_key()


def jwks(store: Store, issuer: str) -> dict[str, Any]:
    """Return the issuer's public key, as published."""
    public = signing_key(store, issuer).public_key().public_numbers()
    numbers = {
        "n": jwt.base64url(public.n.to_bytes(KEY_BITS // 8, "big")),
        "e": jwt.base64url(public.e.to_bytes(3, "big")),
    }
    return {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": KEY_ID, **numbers}]}


def read(store: Store, text: str, now: float, *, audiences: Sequence[str], registered: str = "") -> dict[str, Any]:
    """Return the claims of a valid token.

    Args:
        store: contains the issuers' keys.
        text: the token.
        now: the cloud's time.
        audiences: the audiences that the provider accepts.
        registered: the provider's issuer; empty: any that is known.

    Raises:
        ApiFault: it is not an identity token, has no known issuer's signature, has expired, or has another audience.
    """
    token = _decode(text)
    if token.header.get("alg") != "RS256":
        algorithm = token.header.get("alg")
        raise _refused("Invalid", f"The algorithm {algorithm} that be specified in Jwt header is unknown.")
    issuer = token.claims.get("iss")
    if not isinstance(issuer, str) or registered not in ("", issuer) or store.get(SigningKey, issuer) is None:
        raise _refused("IssuerNotMatch", "The issuer in the OIDC Token doesn't match the OIDC Provider registered.")
    if not token.is_signed_by(signing_key(store, issuer).public_key()):
        raise _refused("InvalidSignature", "OIDC token validate failed: invalid signature.")
    expires = token.claims.get("exp")
    if not isinstance(expires, int | float) or now >= expires:
        raise _refused("Expired", "This JsonWebToken is expired.")
    audience = token.claims.get("aud")
    if not set(audiences) & set(audience if isinstance(audience, list) else [audience]):
        raise _refused("AudienceNotMatch", "Invalid audience.")
    return token.claims


def _decode(text: str) -> jwt.Token:
    if len(text) > MAX_LENGTH or text.count(".") != 2:
        raise _refused("Invalid", "The number of Jwt field should be divided into 3 parts with '.' .")
    try:
        return jwt.decode(text)
    except binascii.Error:
        raise _refused("Invalid", "Cannot decode base64 encoded response(format invalided).") from None
    except ValueError:
        raise _refused("Invalid", "The Jwt content is invalid that cannot be recognized.") from None


def _refused(code: str, message: str) -> ApiFault:
    return ApiFault(401, _CODE + code, message)

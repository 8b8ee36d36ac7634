"""JSON Web Tokens (RFC 7519): signed with RS256 by an RSA key, or with HS256 by a secret."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from local_cloud.json_input import decode as decode_json

_FROM_URLSAFE = str.maketrans("-_", "+/")


class Token(NamedTuple):
    """A decoded token; ``is_signed_by`` verifies it.

    Attributes:
        header: the algorithm, and the id of the key.
        claims: what the issuer states.
        signed: the bytes that were signed.
        signature: their signature.
    """

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    def is_signed_by(self, key: RSAPublicKey | bytes) -> bool:
        """Return whether this key, and the algorithm that belongs to it, made the signature."""
        if isinstance(key, bytes):
            return self.header.get("alg") == "HS256" and hmac.compare_digest(self.signature, _hs256(key, self.signed))
        try:
            key.verify(self.signature, self.signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return self.header.get("alg") == "RS256"


def encode(claims: Mapping[str, Any], key: RSAPrivateKey | bytes, **header: str) -> str:
    """Return a signed token; ``header`` is added to its header."""
    algorithm = "HS256" if isinstance(key, bytes) else "RS256"
    parts = {"alg": algorithm, "typ": "JWT", **header}, claims
    text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    signed = text.encode()
    signature = _hs256(key, signed) if isinstance(key, bytes) else key.sign(signed, PKCS1v15(), SHA256())
    return f"{text}.{base64url(signature)}"


def decode(text: str) -> Token:
    """Return a token's parts, its signature not yet verified.

    Raises:
        binascii.Error: a part is not Base64.
        ValueError: it does not have three parts, or the first two are not JSON objects.
    """
    header, claims, signature = text.split(".")
    return Token(_object(header), _object(claims), f"{header}.{claims}".encode(), _bytes(signature))


def base64url(content: bytes) -> str:
    """Return Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _object(text: str) -> dict[str, Any]:
    return decode_json(_bytes(text), dict[str, Any])


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.translate(_FROM_URLSAFE) + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:  # also of a character that is not ASCII
        raise binascii.Error(str(error)) from None


def _hs256(secret: bytes, content: bytes) -> bytes:
    return hmac.digest(secret, content, "sha256")

"""The two ways to sign a request to an Alibaba Cloud RPC API.

``ACS3-HMAC-SHA256`` (version 3) signs method, path, query, headers and body; the signature is in the ``Authorization``
header. ``HMAC-SHA1`` (version 1) signs the parameters; the signature is one of them.
Sources: "V3 request structure and signature" and "RPC request syntax and signature method" in Alibaba Cloud's
SDK documentation. The tests compare both with the official SDKs byte for byte.

Standard library alone: this module is on the look-up path, where ``hmac`` and ``urllib.parse`` would take longer than
the rest; the local cloud verifies requests with it; and instances have it by itself, without the rest of goldrun, on
any Python 3 (``runners/guest/self_destruct.py``).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from hashlib import sha256
else:
    # The interpreter's own; another implementation may not have it.
    try:
        if sys.version_info >= (3, 12):
            from _sha2 import sha256
        else:
            from _sha256 import sha256
    except ImportError:
        from hashlib import sha256

ALGORITHM_V3 = "ACS3-HMAC-SHA256"
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
_ENCODED = [chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in range(256)]
_BLOCK = 64  # bytes of a block of SHA-256
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


def percent_encode(text: str) -> str:
    """Return ``text`` encoded by RFC 3986: letters, digits and ``-_.~`` stay, a space becomes ``%20``."""
    if text.isascii() and text.isalnum():  # most names
        return text
    return "".join([_ENCODED[byte] for byte in text.encode()])


def canonical_query(params: Mapping[str, str]) -> str:
    """Return the parameters sorted by name, encoded and joined, as they are signed and sent."""
    return "&".join(f"{percent_encode(key)}={percent_encode(params[key])}" for key in sorted(params))


def sha256_hex(body: bytes) -> str:
    """Return the body's digest for ``x-acs-content-sha256``."""
    return sha256(body).hexdigest()


def string_to_sign_v3(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    signed_headers: Iterable[str],
    body_sha256: str,
) -> str:
    """Return version 3's string to sign.

    Args:
        method: HTTP method in capitals.
        path: the path, ``/`` for RPC APIs.
        query: from ``canonical_query``.
        headers: names in lower case; at least those of ``signed_headers``.
        signed_headers: names in lower case.
        body_sha256: from ``sha256_hex``.
    """
    names = sorted(signed_headers)
    canonical_headers = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    canonical = "\n".join([method, path, query, canonical_headers, ";".join(names), body_sha256])
    return f"{ALGORITHM_V3}\n{sha256(canonical.encode()).hexdigest()}"


def authorization_v3(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body_sha256: str,
    *,
    access_key_id: str,
    access_key_secret: str,
) -> str:
    """Return the ``Authorization`` header of version 3; it signs all ``headers``."""
    to_sign = string_to_sign_v3(method, path, query, headers, headers, body_sha256)
    signature = hmac_sha256_hex(access_key_secret, to_sign)
    names = ";".join(sorted(headers))
    return f"{ALGORITHM_V3} Credential={access_key_id},SignedHeaders={names},Signature={signature}"


def hmac_sha256_hex(secret: str, text: str) -> str:
    """Return version 3's signature of a string to sign."""
    return hmac_sha256(secret.encode(), text.encode()).hex()


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return the message's authentication code (RFC 2104)."""
    if len(key) > _BLOCK:
        key = sha256(key).digest()
    key = key.ljust(_BLOCK, b"\0")
    inner = sha256(key.translate(_INNER) + message).digest()
    return sha256(key.translate(_OUTER) + inner).digest()


def string_to_sign_v1(method: str, params: Mapping[str, str]) -> str:
    """Return version 1's string to sign; ``params`` are those without ``Signature``."""
    return f"{method}&%2F&{percent_encode(canonical_query(params))}"


def signature_v1(method: str, params: Mapping[str, str], access_key_secret: str) -> str:
    """Return version 1's ``Signature`` parameter."""
    import base64
    import hashlib
    import hmac

    text = string_to_sign_v1(method, params)
    digest = hmac.new(f"{access_key_secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()

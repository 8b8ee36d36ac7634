"""RS256: the signature of GitHub's identity tokens. RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017), and keys for it.

Python's ``pow`` and ``hashlib`` suffice to sign and to verify by keys that have no value outside of one local cloud.
The tests compare it with the cryptography library, which makes the keys.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import NamedTuple

BITS = 2048
EXPONENT = 65537
# DER of the name of SHA-256, before the digest.
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


class Key(NamedTuple):
    """A key; without ``private`` it can only verify."""

    modulus: int
    private: int = 0


def make_key() -> Key:
    """Return a new key."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    numbers = rsa.generate_private_key(public_exponent=EXPONENT, key_size=BITS).private_numbers()
    return Key(numbers.public_numbers.n, numbers.d)


def sign(key: Key, data: bytes) -> bytes:
    """Return the signature of ``data``."""
    size = _size(key)
    return pow(int.from_bytes(_padded(data, size), "big"), key.private, key.modulus).to_bytes(size, "big")


def verify(key: Key, data: bytes, signature: bytes) -> bool:
    """Return whether ``signature`` is that of ``data``: compared completely, so that the padding cannot be abused."""
    size = _size(key)
    number = int.from_bytes(signature, "big")
    if len(signature) != size or number >= key.modulus:
        return False
    return secrets.compare_digest(pow(number, EXPONENT, key.modulus).to_bytes(size, "big"), _padded(data, size))


def _size(key: Key) -> int:
    return (key.modulus.bit_length() + 7) // 8


def _padded(data: bytes, size: int) -> bytes:
    end = b"\x00" + _SHA256 + hashlib.sha256(data).digest()
    return b"\x00\x01" + b"\xff" * (size - len(end) - 2) + end

"""RS256: the signature of GitHub's identity tokens. RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017), and keys for it.

Python's ``pow`` and ``hashlib`` suffice. The keys have no value outside of one local cloud, so it does without a
cryptography library, which would be the largest dependency by far (docs/decisions.md); the tests compare it with one.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import NamedTuple

BITS = 2048
EXPONENT = 65537
ROUNDS = 40  # a composite number passes with a chance of 4^-40
_SMALL = [number for number in range(3, 2000, 2) if all(number % other for other in range(3, int(number**0.5) + 1, 2))]
# DER of the name of SHA-256, before the digest.
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


class Key(NamedTuple):
    """A key; without ``private`` it can only verify."""

    modulus: int
    private: int = 0


def make_key() -> Key:
    """Return a new key."""
    while True:
        first, second = _prime(), _prime()
        totient = (first - 1) * (second - 1)
        if first != second and totient % EXPONENT:
            return Key(first * second, pow(EXPONENT, -1, totient))


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


def _prime() -> int:
    while True:
        # The two highest bits are set, so that the product has its full length.
        number = secrets.randbits(BITS // 2) | (3 << (BITS // 2 - 2)) | 1
        if all(number % prime for prime in _SMALL) and _is_prime(number):
            return number


def _is_prime(number: int) -> bool:
    """Return whether ``number`` is prime, by the Miller-Rabin test."""
    odd, twos = number - 1, 0
    while not odd % 2:
        odd, twos = odd // 2, twos + 1
    for _ in range(ROUNDS):
        value = pow(secrets.randbelow(number - 3) + 2, odd, number)
        if value in (1, number - 1):
            continue
        for _ in range(twos - 1):
            value = pow(value, 2, number)
            if value == number - 1:
                break
        else:
            return False
    return True

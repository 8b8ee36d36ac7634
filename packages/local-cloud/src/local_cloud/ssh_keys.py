"""SSH keys: RSA, as ECS makes and takes them."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048


def make() -> tuple[str, str]:
    """Return a new private key, in PEM, and its public key, in OpenSSH's format."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    body = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return body.decode(), public.decode()


def is_rsa(public: str) -> bool:
    """Return whether a text is a public RSA key in OpenSSH's format."""
    try:
        return isinstance(serialization.load_ssh_public_key(public.encode()), rsa.RSAPublicKey)
    except (ValueError, UnsupportedAlgorithm):
        return False

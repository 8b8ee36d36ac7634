"""Signed statements of what an image is and what it was built from.

ECS reports no digest of an image's content, so a statement names the image's id, which belongs to one image in one
region for good, and all that its tags say of its making. The signature is a tag too: ECDSA with P-256 and SHA-256, as
``openssl dgst -verify`` and ``cosign verify-blob`` check it. Who can write tags can take a signature away, but cannot
make one, use that of another image, or have a build sign what they have changed: it signs what it has made itself.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from goldrun.cloud.images import Image
from goldrun.cloud.tags import (
    ARCHITECTURE,
    BASE_IMAGE,
    BUILD_TIMESTAMP,
    CONTENTS,
    FAMILY,
    MANIFEST,
    SIGNATURE,
    SOURCE,
    STAGE,
    VERSION_HASH,
    Tags,
)
from goldrun.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

_STATED = (FAMILY, ARCHITECTURE, VERSION_HASH, BUILD_TIMESTAMP, BASE_IMAGE, SOURCE)


@dataclass(frozen=True)
class Signer:
    """Signs what a build makes.

    Attributes:
        key: the key.
        existing: whether to sign what an earlier build made, too, though anybody who may write tags may have changed
            what they say of it.
    """

    key: EllipticCurvePrivateKey
    existing: bool = False

    def sign(self, image_id: str, tags: Tags, region: str) -> dict[str, str]:
        """Return the tag with the signature of an image that has these tags."""
        return SIGNATURE.of(_sign(self.key, _statement(image_id, tags, region)))

    def trusts(self, image: Image, region: str) -> bool:
        """Return whether an image that this build has not made may be signed.

        Its tags are as this key has signed them, or the caller vouches for them.
        """
        return self.existing or self.is_signed(image, region)

    def is_signed(self, image: Image, region: str) -> bool:
        """Return whether an image has the signature of the key already."""
        try:
            require_signed(self.key.public_key(), image, region)
        except RefusedError:
            return False
        return True


def statement(image: Image, region: str) -> bytes:
    """Return the statement about an image, which is what is signed: JSON, the same for the same image."""
    return _statement(image.image_id, image.tags, region)


def _statement(image_id: str, tags: Tags, region: str) -> bytes:
    said = {tag.key: tag.read(tags) for tag in _STATED}
    # Images that were built before their packages were listed have signatures without them.
    said |= CONTENTS.of(CONTENTS.read(tags)) if CONTENTS.read(tags) else {}
    said |= STAGE.of(STAGE.read(tags)) if STAGE.read(tags) else {}
    said |= {key: value for key, value in tags.items() if key.startswith(f"{MANIFEST.key}.")}
    record = {"format": "goldrun-image-1", "image": image_id, "region": region, "tags": said}
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _sign(key: EllipticCurvePrivateKey, said: bytes) -> str:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    return base64.b64encode(key.sign(said, ECDSA(SHA256()))).decode()


def require_signed(key: EllipticCurvePublicKey, image: Image, region: str) -> None:
    """Check an image's signature.

    Raises:
        RefusedError: it has none, or one of another key, or its tags say something else than what was signed.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    signature = SIGNATURE.read(image.tags)
    if not signature:
        raise RefusedError(
            f"{image.name} ({image.image_id}) has no signature.",
            why=["it was built without a key, or is a copy that goldrun image copy made."],
            fix=["build it again with GOLDRUN_SIGNING_KEY_FILE; --sign-existing signs what is there."],
        )
    try:
        key.verify(base64.b64decode(signature, validate=True), statement(image, region), ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        raise RefusedError(
            f"{image.name} ({image.image_id}) has an invalid signature.",
            why=["another key signed it, or somebody changed what its tags say of it."],
            fix=["do not use it until you know why."],
        ) from None


def read_private_key(file: Path) -> EllipticCurvePrivateKey:
    """Read the key that signs: P-256, in PEM, without a password.

    Raises:
        UsageError: it is not such a key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(file, "private") from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise _no_key(file, "private")
    return key


def read_public_key(file: Path) -> EllipticCurvePublicKey:
    """Read the key that verifies: P-256, in PEM.

    Raises:
        UsageError: it is not such a key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read(file))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(file, "public") from error
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise _no_key(file, "public")
    return key


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read.", why=[f"{error.strerror}."]) from error


def _no_key(file: Path, kind: str) -> UsageError:
    # What is in the file is not shown: it may be a key of another kind.
    return UsageError(
        f"{file} is not a P-256 {kind} key in PEM without a password.",
        fix=["openssl ecparam -name prime256v1 -genkey -noout -out image.key", "openssl ec -in image.key -pubout"],
    )

"""GitHub Apps: a signed statement of who one is, exchanged for a token of its installation.

Sources: "Generating a JSON Web Token for a GitHub App", "Create an installation access token for an app" in GitHub's
documentation; the messages are GitHub's own.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from local_cloud import rs256
from local_cloud.clock import LocalClock, iso
from local_cloud.github.errors import GitHubFault, not_found
from local_cloud.github.records import GitHubApp, GitHubInstallationToken
from local_cloud.store import Store

TOKEN_SECONDS = 3600.0
LONGEST_SECONDS = 600.0
NO_END = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion"
    " expires"
)
LEEWAY_SECONDS = 60.0  # of GitHub's clock


def register(store: Store, pem: bytes) -> GitHubApp:
    """Add an App with this key; of a private key, only the public part is kept.

    Raises:
        ValueError: it is not an RSA key in PEM.
    """
    number = 1 + sum(1 for _ in store.all(GitHubApp))
    app = GitHubApp(
        id=f"Iv23li{secrets.token_hex(7)}", number=number, installation=number, modulus=f"{_modulus(pem):x}"
    )
    store.put(app)
    return app


def authenticate(store: Store, statement: str, now: float) -> GitHubApp:
    """Return the App that a JSON Web Token comes from.

    Raises:
        GitHubFault: it does not come from any.
    """
    head, _, signature = statement.rpartition(".")
    try:
        header, claims = (_decode(part) for part in head.split("."))
        signed = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except (ValueError, binascii.Error):
        raise GitHubFault(401, "A JSON web token could not be decoded") from None
    who = str(claims.get("iss", ""))
    app = next((one for one in store.all(GitHubApp) if who in (one.id, str(one.number))), None)
    if app is None:
        raise GitHubFault(404, "Integration not found")
    if header.get("alg") != "RS256" or not rs256.verify(rs256.Key(int(app.modulus, 16)), head.encode(), signed):
        raise GitHubFault(401, "A JSON web token could not be decoded")
    begin, end = claims.get("iat"), claims.get("exp")
    if not isinstance(end, int):
        raise GitHubFault(401, NO_END)
    if end > now + LONGEST_SECONDS:
        raise GitHubFault(401, "'Expiration time' claim ('exp') is too far in the future")
    if end <= now or not isinstance(begin, int) or begin > now + LEEWAY_SECONDS:
        raise GitHubFault(
            401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )
    return app


def installations(app: GitHubApp) -> list[dict[str, Any]]:
    """Return an App's installations: one, in the account that has every repository here."""
    return [{"id": app.installation, "app_id": app.number, "client_id": app.id, "account": {"login": "octo-org"}}]


def issue(store: Store, clock: LocalClock, app: GitHubApp, installation: str) -> dict[str, Any]:
    """Return a new token of an App's installation.

    Raises:
        GitHubFault: the App has no such installation.
    """
    if installation != str(app.installation):
        raise not_found()
    token = GitHubInstallationToken(id=f"ghs_{secrets.token_hex(18)}", expires=clock.wall() + TOKEN_SECONDS)
    store.put(token)
    return {"token": token.id, "expires_at": iso(token.expires), "permissions": {"administration": "write"}}


def is_valid(store: Store, token: str, now: float) -> bool:
    """Return whether an installation's token may be used."""
    found = store.get(GitHubInstallationToken, token)
    return found is not None and now < found.expires


def _modulus(pem: bytes) -> int:
    try:
        key = load_pem_private_key(pem, None) if b"PRIVATE KEY" in pem else load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("the key is not PEM, or needs a password") from None
    if isinstance(key, RSAPrivateKey):
        return key.public_key().public_numbers().n
    if isinstance(key, RSAPublicKey):
        return key.public_numbers().n
    raise ValueError("the key is not an RSA key")


def _decode(part: str) -> dict[str, Any]:
    found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found

"""GitHub Apps: a JSON Web Token that the App signs, exchanged for a token of its installation.

Sources: "Generating a JSON Web Token for a GitHub App", "Create an installation access token for an app", "Registering
a GitHub App from a manifest" in GitHub's documentation; the messages are GitHub's own.
"""

from __future__ import annotations

import re
import secrets
from functools import lru_cache
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from local_cloud import jwt
from local_cloud.clock import LocalClock, iso
from local_cloud.github.errors import GitHubFault, not_found
from local_cloud.github.payloads import example_of, repository_json
from local_cloud.github.records import GitHubApp, GitHubInstallationToken, GitHubManifestCode
from local_cloud.store import Store

TOKEN_SECONDS = 3600.0
LONGEST_SECONDS = 600.0
NO_END = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion"
    " expires"
)
EXPONENT = 65537  # of every App's public key
LEEWAY_SECONDS = 60.0  # of GitHub's clock
_REQUESTS = [
    (method, re.compile(path), name)
    for method, path, name in (
        ("GET", "/app", "get-app"),
        ("GET", "/app/installations", "list-installations"),
        ("POST", r"/app/installations/(\d+)/access_tokens", "installation-token"),
        ("GET", "/repos/([^/]+/[^/]+)/installation", "repository-installation"),
        ("POST", "/app-manifests/([^/]+)/conversions", "convert-manifest"),
    )
]


def register(store: Store, pem: bytes, now: float = 0.0, **more: Any) -> GitHubApp:
    """Add an App with this key; of a private key, only the public part is kept.

    Raises:
        ValueError: it is not an RSA key in PEM.
    """
    number = 1 + max((one.number for one in store.all(GitHubApp)), default=0)
    key = f"{_modulus(pem):x}"
    app = GitHubApp(
        id=f"Iv23li{secrets.token_hex(7)}", number=number, installation=number, modulus=key, created=now, **more
    )
    store.put(app)
    return app


def operation(path: str) -> str:
    """Return the name of a request that an App makes as itself or about itself; empty: it is another request."""
    return next((name for _, form, name in _REQUESTS if form.fullmatch(path)), "")


def handle(store: Store, clock: LocalClock, url: str, method: str, path: str, token: str) -> tuple[int, Any]:
    """Answer an App's request; ``token`` is the JSON Web Token that it signed.

    Raises:
        GitHubFault: an error.
    """
    verb, match, name = next((verb, match, name) for verb, form, name in _REQUESTS if (match := form.fullmatch(path)))
    if method != verb:
        raise not_found()
    if name == "convert-manifest":
        return 201, _convert(store, clock, url, match[1])  # the code is the proof
    app = authenticate(store, token, clock.wall())
    if name == "get-app":
        return 200, _json(app, url)
    if name == "list-installations":
        return 200, installations(app, url)
    if name == "installation-token":
        return 201, issue(store, clock, app, match[1])
    if not app.installed or match[1].partition("/")[0].lower() != app.owner.lower():
        raise not_found()
    return 200, _installation(app, url)


def authenticate(store: Store, text: str, now: float) -> GitHubApp:
    """Return the App that signed a JSON Web Token.

    Raises:
        GitHubFault: no App did, or the token is not valid now.
    """
    try:
        token = jwt.decode(text)
    except ValueError:
        raise _not_decoded() from None
    issuer = str(token.claims.get("iss", ""))
    app = next((one for one in store.all(GitHubApp) if issuer in (one.id, str(one.number))), None)
    if app is None:
        raise GitHubFault(404, "Integration not found")
    if not token.is_signed_by(RSAPublicNumbers(EXPONENT, int(app.modulus, 16)).public_key()):
        raise _not_decoded()
    issued, expires = token.claims.get("iat"), token.claims.get("exp")
    if not isinstance(expires, int):
        raise GitHubFault(401, NO_END)
    if expires > now + LONGEST_SECONDS:
        raise GitHubFault(401, "'Expiration time' claim ('exp') is too far in the future")
    if expires <= now or not isinstance(issued, int) or issued > now + LEEWAY_SECONDS:
        raise GitHubFault(
            401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )
    return app


def _not_decoded() -> GitHubFault:
    return GitHubFault(401, "A JSON web token could not be decoded")


def installations(app: GitHubApp, url: str) -> list[dict[str, Any]]:
    """Return an App's installations: one at most, in its owner's account, on every repository there."""
    return [_installation(app, url)] if app.installed else []


def _convert(store: Store, clock: LocalClock, url: str, code: str) -> dict[str, Any]:
    """Return what an App was made with, once.

    Raises:
        GitHubFault: the code is wrong, used or too old.
    """
    made = store.get(GitHubManifestCode, code)
    app = store.get(GitHubApp, made.app) if made else None
    if made is None or app is None or clock.wall() >= made.expires:
        raise not_found()
    store.remove(made)
    secret = {"client_secret": made.client_secret, "webhook_secret": made.webhook_secret, "pem": made.key}
    return {**_json(app, url), **secret}


def _json(app: GitHubApp, url: str) -> dict[str, Any]:
    return {
        **example_of("app", app.owner, f"{url}/api/v3"),
        "id": app.number,
        "client_id": app.id,
        "slug": app.slug,
        "name": app.name,
        "owner": _account(app, url),
        "html_url": f"{url}/github-apps/{app.slug}",
        "permissions": app.permissions,
        "events": [],
        "created_at": iso(app.created),
        "updated_at": iso(app.created),
    }


def _installation(app: GitHubApp, url: str) -> dict[str, Any]:
    place = f"{url}/api/v3/app/installations/{app.installation}"
    return {
        **example_of("installation", app.owner, f"{url}/api/v3"),
        "id": app.installation,
        "account": _account(app, url),
        "app_id": app.number,
        "client_id": app.id,
        "app_slug": app.slug,
        "target_type": "Organization",
        "permissions": app.permissions,
        "events": [],
        "access_tokens_url": f"{place}/access_tokens",
    }


def _account(app: GitHubApp, url: str) -> dict[str, Any]:
    return dict(repository_json(f"{app.owner}/any", f"{url}/api/v3")["owner"])


def issue(store: Store, clock: LocalClock, app: GitHubApp, installation: str) -> dict[str, Any]:
    """Return a new token of an App's installation.

    Raises:
        GitHubFault: the App has no such installation.
    """
    if installation != str(app.installation) or not app.installed:
        raise not_found()
    token = GitHubInstallationToken(id=f"ghs_{secrets.token_hex(18)}", expires=clock.wall() + TOKEN_SECONDS)
    store.put(token)
    return {"token": token.id, "expires_at": iso(token.expires), "permissions": app.permissions}


def is_valid(store: Store, token: str, now: float) -> bool:
    """Return whether an installation's token may be used."""
    found = store.get(GitHubInstallationToken, token)
    return found is not None and now < found.expires


@lru_cache(maxsize=8)
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

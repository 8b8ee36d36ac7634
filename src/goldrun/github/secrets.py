"""Secrets of a repository's workflows: written, never read.

Source: "REST API endpoints for GitHub Actions Secrets"; a value is sealed for the repository's public key (libsodium).
"""

from __future__ import annotations

import base64

from goldrun import extras
from goldrun.github.client import GitHub, segment
from goldrun.github.scope import Scope


def list_secrets(github: GitHub, scope: Scope) -> dict[str, str]:
    """Return when each secret of a repository was set (ISO 8601), by its name.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    found = github.named(f"{scope.path}/actions/secrets", "secrets", 100)
    return {name: str(element["updated_at"]) for name, element in found.items()}


def put_secret(github: GitHub, scope: Scope, name: str, value: str) -> None:
    """Create a secret, or replace its value.

    Raises:
        GitHubError: GitHub refused or failed.
        UsageError: the extra is not installed.
    """
    require_sealing()
    from nacl.public import PublicKey, SealedBox

    key = github.call("GET", f"{scope.path}/actions/secrets/public-key")
    sealed = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(value.encode())
    body = {"encrypted_value": base64.b64encode(sealed).decode(), "key_id": key["key_id"]}
    github.call("PUT", f"{scope.path}/actions/secrets/{segment(name)}", body)


def delete_secret(github: GitHub, scope: Scope, name: str) -> None:
    """Delete a secret.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    github.call("DELETE", f"{scope.path}/actions/secrets/{segment(name)}")


def require_sealing() -> None:
    """Check that values can be sealed.

    Raises:
        UsageError: the extra is not installed.
    """
    try:
        import nacl.public  # noqa: F401 - asked for here, before anything is begun
    except ModuleNotFoundError as missing:
        raise extras.explain(missing) or missing from None

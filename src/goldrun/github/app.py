"""A GitHub App's tokens: a signed statement of who it is, exchanged for a token of its installation, for an hour.

Sources: "Authenticating as a GitHub App", "Generating a JSON Web Token for a GitHub App" in GitHub's documentation.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from goldrun import config, extras
from goldrun.config import Environment
from goldrun.errors import CredentialsError, UsageError
from goldrun.github.client import GitHub

# A token is valid for an hour. It is renewed by the time that has passed here, so that no clock matters.
RENEW_SECONDS = 50 * 60.0
SKEW_SECONDS = 60.0  # GitHub's clock may be behind
STATEMENT_SECONDS = 540.0  # GitHub takes ten minutes at most


@dataclass
class AppTokens:
    """The tokens of an App's installation, one after the other.

    Attributes:
        client_id: the App's client id, or its number.
        key: its private key, PEM.
        installation: the number of its installation; empty: its only one.
    """

    client_id: str
    key: str = field(repr=False)
    installation: str = ""
    _token: str = field(default="", repr=False)
    _until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def current(self, github: GitHub) -> str:
        """Return a valid token; a new one if the last one ends soon.

        Raises:
            GitHubError: GitHub does not know the App, or refuses.
            CredentialsError: the key is not valid.
            UsageError: the App has several installations, or none.
        """
        with self._lock:
            now = github.clock.now()
            if not self._token or now >= self._until:
                headers = {"authorization": f"Bearer {state_identity(self.client_id, self.key, now)}", **github.accepts}
                if not self.installation:
                    self.installation = self._find_installation(github, headers)
                path = f"{github.url}/app/installations/{self.installation}/access_tokens"
                self._token = str(github.exchange("POST", path, headers=headers)[1]["token"])
                self._until = now + RENEW_SECONDS
            return self._token

    def refuse(self) -> bool:
        """Forget the token, because GitHub refused it; return True: another one can be had."""
        with self._lock:
            self._token = ""
        return True

    def _find_installation(self, github: GitHub, headers: dict[str, str]) -> str:
        found: list[dict[str, Any]] = github.exchange("GET", f"{github.url}/app/installations", headers=headers)[1]
        if not found:
            fix = "install it in the organization, or for the repository"
            raise UsageError("The GitHub App is not installed.", fix=[fix])
        if len(found) > 1:
            names = ", ".join(f"{one['id']} ({one['account']['login']})" for one in found)
            raise UsageError(
                f"The GitHub App has {len(found)} installations: {names}.",
                fix=[f"export {config.GITHUB_APP_INSTALLATION.names[0]}=NUMBER"],
            )
        return str(found[0]["id"])


def state_identity(client_id: str, key: str, now: float) -> str:
    """Return a signed statement (JSON Web Token) of which App asks.

    Raises:
        CredentialsError: the key is not valid.
        UsageError: the extra is not installed.
    """
    try:
        import jwt
    except ModuleNotFoundError as missing:
        raise extras.explain(missing) or missing from None
    claims = {"iat": int(now - SKEW_SECONDS), "exp": int(now + STATEMENT_SECONDS), "iss": client_id}
    try:
        return jwt.encode(claims, _private_key(key), algorithm="RS256")
    except (ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise CredentialsError(
            "The GitHub App's private key cannot be used.",
            why=[f"{type(error).__name__}: it has to be an RSA key in PEM, as GitHub made it."],
            fix=[f"export {config.GITHUB_APP_KEY_FILE.names[0]}=FILE.pem"],
        ) from None


@lru_cache(maxsize=1)
def _private_key(pem: str) -> Any:
    """Return the key, read once: to check one takes ten times as long as to sign with it."""
    import jwt

    return jwt.get_algorithm_by_name("RS256").prepare_key(pem)


def read_app(env: Environment) -> AppTokens | None:
    """Return the App that the environment names; None: it names none.

    Raises:
        UsageError: a part of it is missing, cannot be read, or the extra is not installed.
    """
    client_id = config.GITHUB_APP_ID.read(env)
    if not client_id:
        return None
    key, file = config.GITHUB_APP_KEY.read(env), config.GITHUB_APP_KEY_FILE.read(env)
    if file and not key:
        try:
            with open(file, encoding="utf-8") as opened:  # noqa: PTH123 - pathlib takes a while to import
                key = opened.read()
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"The GitHub App's key file {file!r} cannot be read.") from None
    if not key:
        raise UsageError(
            f"{config.GITHUB_APP_ID.names[0]} is set, but not the App's private key.",
            fix=[f"export {config.GITHUB_APP_KEY_FILE.names[0]}=FILE.pem"],
        )
    try:
        import jwt  # noqa: F401 - asked for here, before anything is begun
    except ModuleNotFoundError as missing:
        raise extras.explain(missing) or missing from None
    # In a variable, line breaks may have become \\n.
    return AppTokens(client_id, key.replace("\\n", "\n"), config.GITHUB_APP_INSTALLATION.read(env))

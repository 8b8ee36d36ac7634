"""The Actions service, which has the runner scale sets: registered with first, called with an admin token after.

Source: GitHub's public client (github.com/actions/scaleset), ``client.go``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from goldrun.errors import UnavailableError
from goldrun.github.client import GitHub, GitHubError
from goldrun.github.runners import create_registration_token
from goldrun.github.scope import Scope

API_VERSION = "6.0-preview"
EARLY_SECONDS = 60.0  # a token is renewed that long before it ends
SHORTEST_LIFE = 120.0  # of a token whose end cannot be read


class ActionsService:
    """The service of one scope. Its admin token is renewed before it ends, and when the service refuses it.

    Attributes:
        github: GitHub's API.
        scope: the repository, organization or enterprise.
    """

    def __init__(self, github: GitHub, scope: Scope) -> None:
        self.github, self.scope = github, scope
        self._url = self._token = ""
        self._until = 0.0

    def call(self, method: str, path: str, body: object = None, *, query: Mapping[str, str | int] | None = None) -> Any:
        """Call the service with the admin token, and return the content of its answer.

        Raises:
            GitHubError: it refused or failed; ``kind`` is its name for the error.
            UnreachableError: no answer; the call may have had its effect.
        """
        for last in (False, True):
            self._require_token()
            try:
                return self.send(method, f"{self._url}/{path}", body, token=self._token, query=query)[1]
            except GitHubError as error:
                if error.status != 401 or last:
                    raise
                self._token = ""
        raise AssertionError

    def send(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        token: str,
        query: Mapping[str, str | int] | None = None,
        more: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> tuple[int, Any]:
        """Send a request with another token, and return the status and the content of the answer.

        The other arguments are those of ``GitHub.exchange``; ``more`` are headers.
        """
        headers = {
            "accept": f"application/json; api-version={API_VERSION}",
            "authorization": f"Bearer {token}",
            **(more or {}),
        }
        if "_apis/" in url:
            query = {"api-version": API_VERSION, **(query or {})}
        return self.github.exchange(method, url, body, query=query, headers=headers, patience=patience)

    @property
    def url(self) -> str:
        """The service's address; it is only known after the registration."""
        self._require_token()
        return self._url

    def _require_token(self) -> None:
        now = self.github.clock.now()
        if self._token and now < self._until:
            return
        token = create_registration_token(self.github, self.scope)
        answer = self.github.exchange(
            "POST",
            f"{self.github.url}/actions/runner-registration",
            {"url": f"{self.github.server}/{self.scope}", "runner_event": "register"},
            headers={"authorization": f"RemoteAuth {token}"},
        )[1]
        self._url, self._token = str(answer.get("url") or "").rstrip("/"), str(answer.get("token") or "")
        if not self._url or not self._token:
            raise UnavailableError("GitHub registered this scope without an address or a token for its service.")
        self._until = now + _life(self._token) - EARLY_SECONDS


def _life(token: str) -> float:
    """Return how many seconds a JSON Web Token is valid; its own times are compared, so that no clock matters."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return max(SHORTEST_LIFE, float(claims["exp"]) - float(claims.get("iat") or claims["nbf"]))
    except (ValueError, LookupError, TypeError):
        return SHORTEST_LIFE

"""The Actions service's tokens: JSON Web Tokens, in which clients read when they expire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud import jwt
from local_cloud.github.errors import GitHubFault

TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class ServiceTokens:
    """Issues and verifies tokens.

    Attributes:
        secret: signs them.
        wall: the computer's clock, by which clients judge them.
    """

    secret: bytes
    wall: Callable[[], float]

    def issue(self, claims: Mapping[str, str]) -> str:
        """Return a token that is valid for an hour."""
        now = int(self.wall())
        return jwt.encode({**claims, "iat": now, "exp": now + TOKEN_SECONDS}, self.secret)

    def read(self, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the claims of a request's token.

        Raises:
            GitHubFault: this service did not issue it, or it has expired.
        """
        kind, _, text = headers.get("authorization", "").partition(" ")
        try:
            token = jwt.decode(text)
        except ValueError:
            token = None
        if kind != "Bearer" or token is None or not token.is_signed_by(self.secret):
            raise GitHubFault(401, "The token is not valid.")
        if self.wall() >= token.claims["exp"]:
            raise GitHubFault(401, "The token has expired.")
        return token.claims

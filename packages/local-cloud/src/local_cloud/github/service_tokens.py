"""The Actions service's tokens: JSON Web Tokens, in which clients read when they end."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.github.errors import GitHubFault

TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class ServiceTokens:
    """Issues tokens and reads them again.

    Attributes:
        secret: signs them.
        wall: the machine's clock, by which clients judge them.
    """

    secret: bytes
    wall: Callable[[], float]

    def issue(self, claims: Mapping[str, str]) -> str:
        """Return a token that is valid for an hour."""
        now = int(self.wall())
        header = {"alg": "HS256", "typ": "JWT"}
        body = {**claims, "iat": now, "exp": now + TOKEN_SECONDS}
        text = ".".join(_encode(json.dumps(part).encode()) for part in (header, body))
        return f"{text}.{self._signature(text)}"

    def read(self, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the claims of a request's token.

        Raises:
            GitHubFault: it is not one of ours, or has expired.
        """
        kind, _, token = headers.get("authorization", "").partition(" ")
        text, _, signature = token.rpartition(".")
        if kind != "Bearer" or not hmac.compare_digest(signature.encode(), self._signature(text).encode()):
            raise GitHubFault(401, "The token is not valid.")
        body = text.partition(".")[2]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if self.wall() >= claims["exp"]:
            raise GitHubFault(401, "The token has expired.")
        return claims

    def _signature(self, text: str) -> str:
        return _encode(hmac.new(self.secret, text.encode(), hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

"""Identity tokens for jobs: under ``/_services/token``, where GitHub Enterprise Server has its issuer.

Source: "OpenID Connect" in GitHub's documentation. A job requests it at ``ACTIONS_ID_TOKEN_REQUEST_URL``; here the
query identifies the job.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from local_cloud import tokens
from local_cloud.github.api import JOB_TOKEN
from local_cloud.github.errors import GitHubFault, not_found
from local_cloud.github.jobs import Jobs
from local_cloud.github.payloads import number_of

ISSUER = "/_services/token"
TOKEN_SECONDS = 300


class Identity:
    """Answers requests under ``ISSUER``."""

    def __init__(self, jobs: Jobs, url: str) -> None:
        self.jobs, self.issuer = jobs, url + ISSUER

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        """Return the status and the JSON of the answer.

        Raises:
            GitHubFault: an error.
        """
        if (method, path) == ("GET", "/.well-known/openid-configuration"):
            algorithms = {"id_token_signing_alg_values_supported": ["RS256"], "response_types_supported": ["id_token"]}
            return 200, {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/.well-known/jwks", **algorithms}
        if (method, path) == ("GET", "/.well-known/jwks"):
            return 200, tokens.jwks(self.jobs.store, self.issuer)
        if (method, path) == ("GET", "/request"):
            if headers.get("authorization") != f"Bearer {JOB_TOKEN}":
                raise GitHubFault(401, "Bad credentials")
            return 200, {"value": tokens.issue(self.jobs.store, self.issuer, self._claims(dict(parse_qsl(query))))}
        raise not_found()

    def _claims(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return a job's claims: ``repository``, ``ref``, ``environment``; ``subject=old``: as before July 2026."""
        repository = query.get("repository", "octo-org/octo-repo")
        owner, _, name = repository.partition("/")
        ref, environment = query.get("ref", "refs/heads/main"), query.get("environment", "")
        ids = {"repository_owner_id": str(number_of(owner)), "repository_id": str(number_of(repository))}
        named = f"{owner}@{ids['repository_owner_id']}/{name}@{ids['repository_id']}"
        subject = f"repo:{repository if query.get('subject') == 'old' else named}"
        now = int(self.jobs.clock.now())
        return {
            "sub": f"{subject}:environment:{environment}" if environment else f"{subject}:ref:{ref}",
            "aud": query.get("audience", f"{self.issuer}/{owner}"),
            "repository": repository,
            "repository_owner": owner,
            **ids,
            "ref": ref,
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "jti": str(uuid.uuid4()),
        }

"""Exchanges a GitHub Actions job's identity token for a RAM role's temporary key, so that no secret is stored.

Nothing is written to disk, and no other step of the job gets the key. Sources: "About security hardening with OpenID
Connect" (GitHub), "AssumeRoleWithOIDC" (STS). Standard library alone: image look-ups run inside users' jobs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from urllib.parse import urlencode

from goldrun import __version__, config
from goldrun.clock import Clock
from goldrun.cloud.credentials import CredentialProvider, Credentials
from goldrun.cloud.endpoints import STS, region_endpoint
from goldrun.cloud.errors import api_error
from goldrun.cloud.home import read_region
from goldrun.cloud.moments import format_moment, parse_moment
from goldrun.errors import CredentialsError, GoldrunError, UnavailableError
from goldrun.http.cloud_clock import CloudClock
from goldrun.http.endpoint import Endpoint, parse_endpoint, split_url
from goldrun.http.retrying import passes
from goldrun.http.transport import Transport

RENEW_SECONDS = 300.0  # a key is renewed this long before it expires
TIMEOUT_SECONDS = 30.0
SETUP = "docs/github-actions.md explains how to create the role and the provider."


def find_oidc(env: config.Environment, transport: Transport, clock: Clock) -> CredentialProvider | None:
    """Return the provider of keys for the job's identity; None if the environment does not ask for it.

    Raises:
        CredentialsError: a role is set, but the job has no permission to get an identity token.
    """
    role, provider = config.ROLE_ARN.read(env), config.OIDC_PROVIDER_ARN.read(env)
    if not role or not provider or config.OIDC_TOKEN_FILE.read(env) or env.get("GITHUB_ACTIONS") != "true":
        return None
    if not config.ID_TOKEN_URL.read(env) or not config.ID_TOKEN_TOKEN.read(env):
        raise CredentialsError(
            "This job has no identity token.",
            why=["a role is to be assumed (ALIBABA_CLOUD_ROLE_ARN), and GitHub gives the job no token for it."],
            fix=["add to the job:  permissions: { id-token: write, contents: read }"],
        )
    exchange = Exchange(env, transport, clock, role, provider)
    return renewed(exchange.clock, lambda: exchange.assume(exchange.identity()))


def renewed(clock: Clock, request: Callable[[], tuple[Credentials, float]]) -> CredentialProvider:
    """Return a provider that requests a key again when it is about to expire; until then a failure does no harm.

    Args:
        clock: that of whoever gives the keys, which is not this machine's: they say when a key expires.
        request: returns a key and when it expires, in seconds since 1970.
    """
    key: Credentials | None = None
    until = 0.0

    def provide() -> Credentials:
        nonlocal key, until
        if key is None or clock.now() > until - RENEW_SECONDS:
            try:
                key, until = request()
            except GoldrunError:
                if key is None or clock.now() >= until:
                    raise
        return key

    return provide


class Exchange:
    """Exchanges an identity token for a role's key.

    Attributes:
        clock: shows the time of STS.
    """

    def __init__(
        self,
        env: config.Environment,
        transport: Transport,
        clock: Clock,
        role: str,
        provider: str,
        session: str = "",
    ) -> None:
        self._env, self._transport, self._clock = env, transport, clock
        self.clock = CloudClock(clock)
        self._role, self._provider = role, provider
        self._session = session or f"goldrun-{env.get('GITHUB_RUN_ID', 'job')}"[:64]

    def identity(self) -> str:
        """Return GitHub's identity token for this job."""
        url = split_url(config.ID_TOKEN_URL.read(self._env))
        endpoint = parse_endpoint(f"{url.scheme}://{url.netloc}")
        audience = urlencode({"audience": config.OIDC_AUDIENCE.read(self._env)})
        target = f"{url.path}?{url.query}&{audience}" if url.query else f"{url.path}?{audience}"
        headers = {
            "accept": "application/json",
            "authorization": f"Bearer {config.ID_TOKEN_TOKEN.read(self._env)}",
            "host": endpoint.netloc,
            "user-agent": f"goldrun/{__version__}",
        }
        answer = self._transport.send(endpoint, "GET", target, headers, self._clock.now() + TIMEOUT_SECONDS)
        if passes(answer.status):
            late = UnavailableError(f"GitHub gave no identity token (HTTP {answer.status}).")
            late.retryable = True
            raise late
        try:
            return str(json.loads(answer.body)["value"])
        except (ValueError, KeyError, TypeError):
            raise CredentialsError(
                f"GitHub gave no identity token (HTTP {answer.status}).",
                fix=["check that the job still has  permissions: id-token: write"],
            ) from None

    def assume(self, token: str) -> tuple[Credentials, float]:
        """Return the key for an identity token, and when it expires, in seconds since 1970.

        Raises:
            CredentialsError: STS refuses.
            ApiError: it cannot answer at the moment.
        """
        endpoint = self._endpoint()
        # In the body, because URLs end up in logs.
        content = urlencode(
            {
                "Action": "AssumeRoleWithOIDC",
                "Version": STS.version,
                "Format": "JSON",
                "Timestamp": format_moment(self._clock.now()),
                "SignatureNonce": os.urandom(16).hex(),
                "RoleArn": self._role,
                "OIDCProviderArn": self._provider,
                "OIDCToken": token,
                "RoleSessionName": self._session,
                "DurationSeconds": "3600",
            }
        ).encode()
        headers = {
            "accept": "application/json",
            "content-type": "application/x-www-form-urlencoded",
            "host": endpoint.netloc,
            "user-agent": f"goldrun/{__version__}",
        }
        sent = self._clock.now()
        answer = self._transport.send(endpoint, "POST", "/", headers, sent + TIMEOUT_SECONDS, content)
        self.clock.learn(answer.headers, sent, self._clock.now())
        try:
            body = json.loads(answer.body)
        except ValueError:
            body = {}
        if answer.status != 200 or "Credentials" not in body:
            refusal = api_error("sts:AssumeRoleWithOIDC", answer.status, body if isinstance(body, dict) else {})
            if refusal.retryable or passes(answer.status):
                refusal.retryable = True
                raise refusal
            raise CredentialsError(
                "The job's identity was not exchanged for a key.",
                why=[refusal.what, *(reason.replace(token, "…") for reason in refusal.why)],
                fix=[f"check that the role's trust policy names this repository and audience; {SETUP}"],
                request_id=refusal.request_id,
            )
        got = body["Credentials"]
        key = Credentials(got["AccessKeyId"], got["AccessKeySecret"], got["SecurityToken"])
        return key, parse_moment(got["Expiration"])

    def _endpoint(self) -> Endpoint:
        named = config.ENDPOINT.read(self._env)
        return parse_endpoint(named) if named else region_endpoint(STS, read_region(self._env))

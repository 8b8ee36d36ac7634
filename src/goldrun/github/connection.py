"""Connects to the GitHub that an environment names, as a GitHub App or with a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from goldrun import config
from goldrun.clock import Clock
from goldrun.errors import CredentialsError
from goldrun.github.app import read_app
from goldrun.github.client import PERMISSIONS, GitHub
from goldrun.http.retrying import Notice
from goldrun.http.transport import HttpTransport, Transport

if TYPE_CHECKING:
    from goldrun.http.trace import Trace


def may_connect(env: config.Environment) -> bool:
    """Return whether the environment names an App or a token."""
    return bool(config.GITHUB_APP_ID.read(env) or config.GITHUB_TOKEN.read(env))


def connect(
    env: config.Environment,
    clock: Clock,
    *,
    notice: Notice | None = None,
    trace: Trace | None = None,
    public: bool = False,
    wrap: Callable[[Transport], Transport] = lambda transport: transport,
) -> GitHub:
    """Return the client that this environment describes: a GitHub App's, if one is set, before a token's.

    Args:
        env: the environment.
        clock: the clock to read and to wait on.
        notice: receives a sentence about every retry.
        trace: records every request, retry and pause, instead of ``notice``.
        public: whether only public data is read, which needs no token.
        wrap: returns the transport that is used instead of the usual one.

    Raises:
        UsageError: a variable is not valid.
        CredentialsError: neither an App nor a token is set.
    """
    app = read_app(env)
    token = config.GITHUB_TOKEN.read(env)
    if not token and not app and not public:
        raise CredentialsError(
            "No GitHub token.",
            why=[f"{' and '.join(config.GITHUB_TOKEN.names)} are not set, nor is {config.GITHUB_APP_ID.names[0]}."],
            fix=["export GOLDRUN_GITHUB_TOKEN=…, a GitHub App's token or a fine-grained one", *PERMISSIONS],
        )
    if token and (not token.isascii() or not token.isprintable() or " " in token):
        raise CredentialsError(
            "The GitHub token contains characters that are not valid.",
            why=["blanks, line breaks or non-ASCII characters usually come from a bad copy and paste."],
            fix=["set GOLDRUN_GITHUB_TOKEN again."],
        )
    transport = wrap(HttpTransport(env, clock))
    if trace:
        transport, clock, notice = trace.transport(transport, clock), trace.clock(clock), trace.retry
    return GitHub(
        url=config.GITHUB_API_URL.read(env),
        server=config.GITHUB_SERVER_URL.read(env).rstrip("/"),
        token=app or token,
        transport=transport,
        clock=clock,
        timeout=config.read_timeout(env),
        notice=notice,
    )

"""Checks that GitHub still assigns jobs to the runner in a pool's image."""

from __future__ import annotations

from goldrun import config, stdio
from goldrun.clock import Clock
from goldrun.cloud.client import EcsClient
from goldrun.config import Environment
from goldrun.github import connection as githubs
from goldrun.github.scope import Scope, organization_scope, repository_scope
from goldrun.http.endpoint import split_url
from goldrun.images.resolve import read_manifest
from goldrun.launch.settings import LaunchSettings
from goldrun.report import Report
from goldrun.runners import versions


def require_current_runner(
    client: EcsClient,
    settings: LaunchSettings,
    repo_url: str,
    env: Environment,
    clock: Clock,
    report: Report,
) -> None:
    """Check, if a token is set, that GitHub accepts the image's runner for as long as the instance may live.

    An image without a runner gets the one that the engine names.

    Raises:
        RefusedError: GitHub does not accept it that long.
    """
    if not githubs.may_connect(env):
        return
    manifest = read_manifest(client, settings)
    server, scope = read_repository(repo_url)
    if manifest is None or scope is None:
        return
    version = versions.version_in(manifest)
    urls = {config.GITHUB_API_URL.names[0]: api_url(server), config.GITHUB_SERVER_URL.names[0]: server}
    github = githubs.connect({**urls, **env}, clock, notice=report, trace=stdio.trace(env))
    try:
        versions.require_current(github, scope, version, now=client.clock.now(), life=settings.life, report=report)
    finally:
        github.close()


def read_repository(url: str) -> tuple[str, Scope | None]:
    """Return server and scope of a pool's URL, ``https://github.com/octo-org/octo-repo``; an enterprise has no scope.

    Raises:
        UsageError: it is not a GitHub URL.
    """
    parts = split_url(url)
    folder, _, name = parts.path.strip("/").rpartition("/")
    prefix, _, owner = folder.rpartition("/")
    server = f"{parts.scheme}://{parts.netloc}"
    if owner == "enterprises":
        return server, None
    if not owner:
        return server, organization_scope(name)
    return f"{server}/{prefix}".rstrip("/"), repository_scope(f"{owner}/{name}")


def api_url(server: str) -> str:
    """Return the URL of a server's API: GitHub's own servers have a host for it, an Enterprise Server a path."""
    scheme, _, host = server.partition("://")
    return f"{scheme}://api.{host}" if host == "github.com" or host.endswith(".ghe.com") else f"{server}/api/v3"

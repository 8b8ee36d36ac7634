"""GitHub Apps: made from a manifest, looked up, installed.

Sources: "Registering a GitHub App from a manifest"; "Get the authenticated app", "Get a repository installation for the
authenticated app" of the REST API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from goldrun.github.app import state_identity
from goldrun.github.client import GitHub, GitHubError, segment
from goldrun.github.scope import Scope

LONGEST_NAME = 34


@dataclass(frozen=True)
class App:
    """A GitHub App.

    Attributes:
        client_id: its id.
        page: its page, for people.
        key: its private key, PEM.
    """

    client_id: str
    page: str
    key: str = field(repr=False)

    @property
    def install_page(self) -> str:
        """The page on which it is installed."""
        return f"{self.page}/installations/new"


def manifest(name: str, *, url: str, redirect: str, permissions: Mapping[str, str]) -> dict[str, Any]:
    """Return what describes a new App: private, and without a webhook.

    Args:
        name: its name; cut to what GitHub takes.
        url: its home page.
        redirect: where the browser brings the code.
        permissions: what it may do, by GitHub's names.
    """
    return {
        "name": name[:LONGEST_NAME].rstrip("-"),
        "url": url,
        "redirect_url": redirect,
        "public": False,
        "default_permissions": dict(permissions),
        "default_events": [],
        "hook_attributes": {"url": url, "active": False},  # the address is required even so
    }


def new_app_page(github: GitHub, owner: str, state: str, *, organization: bool) -> str:
    """Return the page that takes a manifest; GitHub hands ``state`` back with the code."""
    whose = f"/organizations/{segment(owner)}" if organization else ""
    return f"{github.server}{whose}/settings/apps/new?{urlencode({'state': state})}"


def convert(github: GitHub, code: str) -> App:
    """Return the App that was made, for the code that the browser brought: once, and within an hour.

    Raises:
        GitHubError: the code is used, too old or wrong, or GitHub failed.
        UnreachableError: no answer; the code may be used up.
    """
    url = f"{github.url}/app-manifests/{segment(code)}/conversions"
    made = github.exchange("POST", url, headers=github.accepts)[1]
    return App(made["client_id"], made["html_url"], made["pem"])


def find_birth(github: GitHub, app: App) -> str:
    """Return when an App was made (ISO 8601); empty: GitHub does not know it.

    Raises:
        GitHubError: the key is not valid any more, or GitHub failed.
    """
    found = _ask(github, app, "/app")
    return str(found["created_at"]) if found else ""


def is_installed(github: GitHub, app: App, scope: Scope) -> bool:
    """Return whether an App is installed on a repository.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    return _ask(github, app, f"{scope.path}/installation") is not None


def _ask(github: GitHub, app: App, path: str) -> Any:
    """Return what GitHub tells an App; None: it does not know it."""
    statement = state_identity(app.client_id, app.key, github.clock.now())
    headers = {"authorization": f"Bearer {statement}", **github.accepts}
    try:
        return github.exchange("GET", f"{github.url}{path}", headers=headers)[1]
    except GitHubError as error:
        if error.status != 404:
            raise
        return None

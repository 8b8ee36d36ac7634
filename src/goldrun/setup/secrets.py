"""The secret by which workflows administer runners: the App's key, or a token."""

from __future__ import annotations

from dataclasses import dataclass

from goldrun import config
from goldrun.github.scope import repository_scope
from goldrun.github.secrets import delete_secret, list_secrets, put_secret, require_sealing
from goldrun.setup.apps import MADE, key_of, owner_of
from goldrun.setup.kinds import Facts, Found, Site

NAMES = {"app": config.GITHUB_APP_KEY.names[0], "token": config.GITHUB_TOKEN.names[0]}
HIDDEN, STALE = {"value": "(secret)"}, {"value": "(of another App)"}


@dataclass(frozen=True)
class Secrets:
    """A secret of a repository; its key is ``OWNER/NAME SECRET``. One that is there stays: GitHub never shows it."""

    name: str = "secret"
    fixed: tuple[str, ...] = ()

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        name = NAMES.get(site.choices.auth, "")
        if site.github is None or not name:
            return {}
        require_sealing()
        return {f"{repository} {name}": HIDDEN for repository in site.choices.repositories}

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``."""
        name, found = NAMES.get(site.choices.auth, ""), []
        for repository in site.choices.repositories if site.github and name else ():
            assert site.github is not None
            if since := list_secrets(site.github, repository_scope(repository)).get(name):
                facts = STALE if self._is_stale(site, repository, since) else HIDDEN
                found.append(Found(f"{repository} {name}", f"{repository} {name}", facts))
        return found

    def _is_stale(self, site: Site, repository: str, since: str) -> bool:
        """Return whether a secret was set before the App was made whose key it should be."""
        if site.choices.auth != "app" or site.choices.gone:
            return False
        app = next((one for one in site.seen.get("GitHub App", ()) if one.key == owner_of(repository)), None)
        return app is None or since < app.facts.get(MADE, "")

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        self._put(site, key)

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``."""
        self._put(site, found.key)

    def _put(self, site: Site, key: str) -> None:
        github, scope, name = site.at_github(key)
        value = site.choices.token if site.choices.auth == "token" else key_of(site, owner_of(scope.name))
        put_secret(github, scope, name, value)

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        github, scope, name = site.at_github(found.key)
        delete_secret(github, scope, name)

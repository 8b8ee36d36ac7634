"""GitHub Apps: one for each owner of repositories, made by the person on GitHub's own page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldrun import config
from goldrun.errors import GoldrunError, RefusedError, UnavailableError
from goldrun.github import app_registration as apps
from goldrun.github.app_registration import App
from goldrun.github.repositories import get_repository
from goldrun.github.scope import repository_scope
from goldrun.github.secrets import list_secrets
from goldrun.github.variables import list_variables
from goldrun.setup import manifest_flow
from goldrun.setup.app_maker import AppMaker
from goldrun.setup.kinds import Facts, Found, Site
from goldrun.waiting import watch

# To register runners, and to rerun jobs whose machine was reclaimed.
PERMISSIONS = {"administration": "write", "actions": "write"}
HOME_PAGE = "https://github.com/goldrun/goldrun"
INSTALL_SECONDS = 900.0
MADE = "made"
ID, KEY = config.GITHUB_APP_ID.names[0], config.GITHUB_APP_KEY.names[0]


def owner_of(repository: str) -> str:
    """Return the owner of a repository."""
    return repository.partition("/")[0]


def key_of(site: Site, owner: str) -> str:
    """Return the private key of an owner's App.

    Raises:
        RefusedError: it is not here.
    """
    app = site.app_maker.keys.read(owner) if site.app_maker else None
    if app is None:
        raise _no_key(owner)
    return app.key


@dataclass(frozen=True)
class Apps:
    """The App as which workflows administer runners."""

    name: str = "GitHub App"
    fixed: tuple[str, ...] = ()

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        if site.choices.auth != "app":
            return {}
        allowed = ", ".join(f"{name}: {access}" for name, access in sorted(PERMISSIONS.items()))
        return {
            owner: {"permissions": allowed, "installed": ", ".join(repositories)}
            for owner, repositories in _by_owner(site).items()
        }

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``. GitHub lists no Apps, so one is known by its key here, or by what repositories have of it."""
        if site.choices.gone:
            return []  # an App is deleted on its page alone
        found = []
        for owner, facts in self.wanted(site).items():
            assert site.app_maker is not None, "it is there if Apps are wanted"
            app = site.app_maker.keys.read(owner)
            if app and (birth := apps.find_birth(site.app_maker.github, app)):
                installed = [name for name in _by_owner(site)[owner] if self._has(site.app_maker, app, name)]
                found.append(Found(owner, app.client_id, {**facts, "installed": ", ".join(installed), MADE: birth}))
                continue
            known = self._of_repositories(site, owner)
            if known and not (app and app.client_id == known):  # that one was deleted
                found.append(Found(owner, known, facts))
        return found

    def _has(self, app_maker: AppMaker, app: App, repository: str) -> bool:
        return apps.is_installed(app_maker.github, app, repository_scope(repository))

    def _of_repositories(self, site: Site, owner: str) -> str:
        """Return the App that all of an owner's repositories have already; empty: none has one.

        Raises:
            RefusedError: some have one whose key is not here.
        """
        if site.github is None:
            return ""
        ids: dict[str, str] = {}
        for repository in (repositories := _by_owner(site)[owner]):
            scope = repository_scope(repository)
            if (number := list_variables(site.github, scope).get(ID)) and KEY in list_secrets(site.github, scope):
                ids[repository] = number
        if ids and (len(set(ids.values())) > 1 or len(ids) < len(repositories)):
            raise _no_key(owner)
        return next(iter(ids.values()), "")

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``; returns when the person has made it.

        Raises:
            UnavailableError: nobody came back, or the key got lost.
        """
        app_maker = site.app_maker
        assert app_maker is not None, "it is there if Apps are wanted"
        app_maker.keys.require_place()
        organization = get_repository(site.github or app_maker.github, repository_scope(_by_owner(site)[key][0]))
        name = f"{site.choices.name}-{key}"

        def exchange(code: str) -> str:
            try:
                app = apps.convert(app_maker.github, code)
                app_maker.keys.write(key, app)
            except GoldrunError as error:
                raise _lost(name, [error.what, *error.why], error.request_id) from error
            except OSError as error:
                raise _lost(name, [f"{app_maker.keys.file(key)} cannot be written: {error.strerror}."]) from error
            return app_maker.skip(app.install_page)

        request = manifest_flow.ManifestRequest(
            f"A GitHub App for {key}",
            lambda mark: apps.new_app_page(app_maker.github, key, mark, organization=organization.of_organization),
            lambda back: apps.manifest(name, url=HOME_PAGE, redirect=back, permissions=PERMISSIONS),
            exchange,
        )
        manifest_flow.run_manifest_flow(request, app_maker.open, site.client.clock)

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``; returns when the person has installed it.

        Raises:
            UnavailableError: nobody did.
        """
        app_maker = site.app_maker
        app = app_maker.keys.read(found.key) if app_maker else None
        if app_maker is None or app is None:
            raise _no_key(found.key)
        missing = [name for name in _by_owner(site)[found.key] if not self._has(app_maker, app, name)]
        app_maker.open(app.install_page)
        if (
            watch(
                site.client.clock,
                lambda: all(self._has(app_maker, app, name) for name in missing) or None,
                seconds=INSTALL_SECONDS,
            )
            is None
        ):
            raise UnavailableError(
                f"The GitHub App is not installed on {', '.join(missing)}.",
                fix=[f"install it: {app.install_page}", "then run the same command again"],
            )

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``; GitHub's API deletes no Apps, so none is ever listed for it."""


def _by_owner(site: Site) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for repository in site.choices.repositories:
        found.setdefault(owner_of(repository), []).append(repository)
    return found


def _lost(name: str, why: Sequence[str], request_id: str = "") -> UnavailableError:
    return UnavailableError(
        f"The GitHub App {name} was made, but its key did not arrive: GitHub shows it once.",
        why=why,
        fix=["delete the App at GitHub (Settings, Developer settings, GitHub Apps), then run this again"],
        request_id=request_id,
    )


def _no_key(owner: str) -> RefusedError:
    return RefusedError(
        f"{owner} has a GitHub App for goldrun already, and its key is not on this computer.",
        fix=[
            "run this where the App was made",
            f"or make a new key on the App's page, and set the variable {ID} and the secret {KEY} yourself",
        ],
    )

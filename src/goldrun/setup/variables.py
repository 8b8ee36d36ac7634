"""The variables of the repositories, which workflows read the setup from."""

from __future__ import annotations

from dataclasses import dataclass

from goldrun import config
from goldrun.github.scope import repository_scope
from goldrun.github.variables import create_variable, delete_variable, list_variables, update_variable
from goldrun.setup.apps import owner_of
from goldrun.setup.identity import instances_role, workflows_role
from goldrun.setup.kinds import LATER, Facts, Found, Site

# What the workflows read beside goldrun's own variables.
SOURCE_REPOSITORY, SOURCE_REF, PUBLIC_IP = "GOLDRUN_REPOSITORY", "GOLDRUN_REF", "GOLDRUN_PUBLIC_IP"


def outputs(site: Site) -> dict[str, str]:
    """Return the variables that make goldrun use this setup; ``LATER`` for what is not known yet."""
    choices = site.choices
    found = {
        config.REGION.names[0]: site.client.region,
        config.VPC.names[0]: site.id_of("VPC", choices.name) or LATER,
        config.SECURITY_GROUP.names[0]: site.id_of("security group", choices.name) or LATER,
        config.ROLE.names[0]: instances_role(choices),
    }
    if choices.sboms:
        found[config.SBOM_BUCKET.names[0]] = choices.sboms.url
    if choices.subjects:
        arns = {one.key: one.facts["arn"] for kind in ("identity provider", "role") for one in site.seen.get(kind, ())}
        found[config.ROLE_ARN.names[0]] = arns.get(workflows_role(choices), LATER)
        found[config.OIDC_PROVIDER_ARN.names[0]] = arns.get(choices.name, LATER)
    return found


def variables_of(site: Site) -> dict[str, str]:
    """Return the variables for whoever uses the setup from here: those of ``outputs``, and the App's, if it is one."""
    found = outputs(site)
    owners = {owner_of(repository) for repository in site.choices.repositories}
    if site.app_maker and len(owners) == 1 and (app := site.app_maker.keys.read(owner := owners.pop())):
        found[config.GITHUB_APP_ID.names[0]] = app.client_id
        found[config.GITHUB_APP_KEY_FILE.names[0]] = str(site.app_maker.keys.file(owner))
    return found


def _of_repository(site: Site, repository: str) -> dict[str, str]:
    """Return the variables of a repository: what its workflows need beside the setup's own."""
    choices, found = site.choices, outputs(site)
    if choices.auth == "app":
        found[config.GITHUB_APP_ID.names[0]] = _app_id(site, owner_of(repository))
    if choices.workflows:
        name, _, ref = choices.source.partition("@")
        public = "false" if choices.nat else "true"
        found |= {SOURCE_REPOSITORY: name, SOURCE_REF: ref, PUBLIC_IP: public}
    return found


def _app_id(site: Site, owner: str) -> str:
    if not site.choices.gone:
        return site.id_of("GitHub App", owner) or LATER
    app = site.app_maker.keys.read(owner) if site.app_maker else None
    return app.client_id if app else LATER


@dataclass(frozen=True)
class Variables:
    """A variable of a repository; its key is ``OWNER/NAME VARIABLE``."""

    name: str = "variable"
    fixed: tuple[str, ...] = ()

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        if site.github is None:
            return {}
        return {
            f"{repository} {name}": {"value": value}
            for repository in site.choices.repositories
            for name, value in _of_repository(site, repository).items()
        }

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``; a variable is this setup's by its name and, when the setup goes, by its value."""
        found = []
        for repository in site.choices.repositories if site.github else ():
            assert site.github is not None
            ours = _of_repository(site, repository)
            held = list_variables(site.github, repository_scope(repository))
            for name, value in held.items():
                if name in ours and (not site.choices.gone or value == ours[name]):
                    found.append(Found(f"{repository} {name}", f"{repository} {name}", {"value": value}))
        return found

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        github, scope, name = site.at_github(key)
        create_variable(github, scope, name, facts["value"])

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``."""
        github, scope, name = site.at_github(found.key)
        update_variable(github, scope, name, facts["value"])

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        github, scope, name = site.at_github(found.key)
        delete_variable(github, scope, name)

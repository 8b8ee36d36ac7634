"""The workflows, as a pull request: a branch, files on it, the request to merge it.

A file that the repository's default branch has already is left as it is: it belongs to the repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from goldrun.github.branches import blob_number, create_branch, delete_branch, find_branch, find_file, write_file
from goldrun.github.client import GitHub
from goldrun.github.pulls import close_pull, create_pull, find_pull
from goldrun.github.repositories import get_repository
from goldrun.github.scope import Scope, repository_scope
from goldrun.setup.kinds import Facts, Found, Site

TITLE = "Run jobs on spot instances with goldrun"
BODY = """\
`goldrun setup` proposes these workflows:

- `goldrun.yml` starts a runner on a spot instance, runs a job on it, and deletes both. It runs when you start it; put
  your own steps and events there.
- `goldrun-rerun.yml` reruns jobs whose instance was reclaimed.
- `goldrun-sweep.yml` deletes every hour what was left behind.

Their settings are variables of this repository (Settings, Secrets and variables, Actions).
"""


def templates() -> dict[str, bytes]:
    """Return the workflows, by their paths in a repository."""
    folder = files("goldrun.setup").joinpath("workflows")
    found = {one.name: one.read_bytes() for one in folder.iterdir() if one.name.endswith(".yml")}
    return {f".github/workflows/{name}": content for name, content in sorted(found.items())}


def branch_of(site: Site) -> str:
    """Return the name of the branch."""
    return f"{site.choices.name}-setup"


def _missing(site: Site, repository: str) -> dict[str, bytes]:
    """Return the workflows that the default branch of a repository does not have."""
    if site.github is None or not site.choices.workflows or site.choices.gone:
        return {}
    scope = repository_scope(repository)
    main = get_repository(site.github, scope).default_branch
    return {path: text for path, text in templates().items() if find_file(site.github, scope, path, main) is None}


def _open(site: Site) -> list[tuple[GitHub, Scope]]:
    """Return the repositories that have something proposed, or are to have."""
    if site.github is None or not site.choices.workflows:
        return []
    wanted = (one for one in site.choices.repositories if site.choices.gone or _missing(site, one))
    return [(site.github, repository_scope(one)) for one in wanted]


@dataclass(frozen=True)
class Branches:
    """The branch of a proposal; its key is the repository."""

    name: str = "branch"
    fixed: tuple[str, ...] = ()

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        return {one: {} for one in site.choices.repositories if _missing(site, one)}

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``."""
        name = branch_of(site)
        return [Found(str(scope), name, {}) for github, scope in _open(site) if find_branch(github, scope, name)]

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        github, scope, _ = site.at_github(key)
        start = find_branch(github, scope, get_repository(github, scope).default_branch)
        assert start is not None, "a repository without commits has no workflows to run"
        create_branch(github, scope, branch_of(site), start)

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``; nothing of it changes."""

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        github, scope, _ = site.at_github(found.key)
        delete_branch(github, scope, found.id)


@dataclass(frozen=True)
class Files:
    """A file of a proposal; its key is ``OWNER/NAME PATH``."""

    name: str = "file"
    fixed: tuple[str, ...] = ()

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        return {
            f"{repository} {path}": {"content": blob_number(content)}
            for repository in site.choices.repositories
            for path, content in _missing(site, repository).items()
        }

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``. They go with their branch."""
        return [
            Found(f"{scope} {path}", f"{scope} {path}", {"content": number})
            for github, scope in (_open(site) if not site.choices.gone else ())
            for path in _missing(site, str(scope))
            if (number := find_file(github, scope, path, branch_of(site)))
        ]

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        github, scope, path = site.at_github(key)
        message = f"Add {path.rpartition('/')[2]}"
        write_file(github, scope, path, templates()[path], branch=branch_of(site), message=message)

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``."""
        self.create(site, found.key, facts)

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``; none is ever listed for it."""


@dataclass(frozen=True)
class Pulls:
    """The pull request of a proposal; its key is the repository."""

    name: str = "pull request"
    fixed: tuple[str, ...] = ()

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        return {one: {"title": TITLE} for one in site.choices.repositories if _missing(site, one)}

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``."""
        opened = ((scope, find_pull(github, scope, branch_of(site))) for github, scope in _open(site))
        return [Found(str(scope), pull.url, {"title": TITLE}) for scope, pull in opened if pull]

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        github, scope, _ = site.at_github(key)
        base = get_repository(github, scope).default_branch
        create_pull(github, scope, branch=branch_of(site), base=base, title=TITLE, body=BODY)

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``; nothing of it changes."""

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        github, scope, _ = site.at_github(found.key)
        if pull := find_pull(github, scope, branch_of(site)):
            close_pull(github, scope, pull.number)

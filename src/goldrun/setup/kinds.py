"""What a setup consists of: kinds of resources, each listed, created, changed and deleted in its own way."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.objects import Folder
from goldrun.cloud.tags import MANAGED_BY, SETUP
from goldrun.github.client import GitHub
from goldrun.github.scope import Scope, repository_scope
from goldrun.setup.app_maker import AppMaker
from goldrun.waiting import looks

LATER = "(known after apply)"
# How long something may take to become what the next call needs: a gateway minutes.
PATIENCE_SECONDS = 600.0
# Refusals that end by themselves, with what was begun before.
_PASSING = ("DependencyViolation", "Incorrect", "OperationConflict", "TaskConflict", "OperationFailed.EipIn")

Facts = Mapping[str, str]


@dataclass(frozen=True)
class Choices:
    """What the user wants.

    Attributes:
        name: of this setup; everything in it is named and tagged with it.
        cidr: the VPC's block of addresses; empty: the one that it has, or 10.85.0.0/16.
        zones: zones to have a vSwitch in.
        nat: whether instances reach the internet by a NAT gateway; else by addresses of their own.
        jobs: what the role of workflows may do; see ``goldrun.policies.JOBS``.
        subjects: the subjects of workflows' jobs that may assume that role; empty: no role for workflows.
        issuer: who signs the identity tokens of those jobs.
        audience: of those tokens.
        repositories: where the variables are set, OWNER/NAME.
        auth: how workflows administer runners: ``app``, ``token``, or empty: that is not set up.
        token: that token, if a secret is to be set to it.
        workflows: whether the workflows are proposed to the repositories.
        source: where workflows get goldrun from, ``OWNER/NAME@REF``.
        sboms: where bills of materials are kept; None: nowhere.
        gone: nothing is wanted any more.
    """

    name: str = "goldrun"
    cidr: str = ""
    zones: tuple[str, ...] = ()
    nat: bool = False
    jobs: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    issuer: str = ""
    audience: str = ""
    repositories: tuple[str, ...] = ()
    auth: str = ""
    token: str = field(default="", repr=False)
    workflows: bool = False
    source: str = ""
    sboms: Folder | None = None
    gone: bool = False


@dataclass(frozen=True)
class Found:
    """A resource of this setup.

    Attributes:
        key: which one of its kind: a zone, a name.
        id: its id.
        facts: what it is like, as far as the setup decides that.
        surplus: there is another one that is used.
    """

    key: str
    id: str
    facts: Facts
    surplus: bool = False


@dataclass
class Site:
    """Where a setup is.

    Attributes:
        client: the cloud, in the setup's region.
        choices: what is wanted there.
        github: GitHub; None: nothing is set there.
        app_maker: where GitHub Apps are made; None: nowhere.
        seen: what was found, by kind.
        kept_for: the regions for which the account's roles are not deleted; why, if one could not be asked; None: not
            looked for.
    """

    client: EcsClient
    choices: Choices
    github: GitHub | None = None
    app_maker: AppMaker | None = None
    seen: dict[str, list[Found]] = field(default_factory=dict)
    kept_for: dict[str, str] | None = None
    _tokens: dict[str, str] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything in this setup."""
        return {**MANAGED_BY.of(), **SETUP.of(self.choices.name)}

    @property
    def mark(self) -> str:
        """The description of what has no tags, or shows none."""
        return f"goldrun setup {self.choices.name}"

    def look(self, kind: Kind) -> list[Found]:
        """Return what there is of a kind now, and remember it."""
        self.seen[kind.name] = found = kind.list(self)
        return found

    def id_of(self, kind: str, key: str) -> str:
        """Return the id of what was found last; empty: it was not."""
        return next((one.id for one in self.seen.get(kind, ()) if one.key == key and not one.surplus), "")

    def at_github(self, key: str) -> tuple[GitHub, Scope, str]:
        """Return GitHub, the repository and the rest of a key ``OWNER/NAME REST``."""
        assert self.github is not None, "without it nothing of GitHub's is wanted, or found"
        repository, _, rest = key.partition(" ")
        return self.github, repository_scope(repository), rest

    def token(self, what: str) -> str:
        """Return the ``ClientToken`` of a creation: the same whenever this process repeats it, another in the next."""
        return self._tokens.setdefault(what, os.urandom(16).hex())


class Kind(Protocol):
    """A kind of resources.

    Attributes:
        name: for people.
        fixed: the facts that cannot be changed.
    """

    @property
    def name(self) -> str:
        """See the class."""

    @property
    def fixed(self) -> tuple[str, ...]:
        """See the class."""

    def wanted(self, site: Site) -> dict[str, Facts]:
        """Return what there should be, by key; a fact that is not known yet is ``LATER``."""

    def list(self, site: Site) -> list[Found]:
        """Return what there is."""

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """Create one."""

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """Change one."""

    def delete(self, site: Site, found: Found) -> None:
        """Delete one."""


def patiently(site: Site, call: Callable[[], None]) -> None:
    """Make a call; repeat it while it is refused for what another call has begun.

    Raises:
        ApiError: it is refused for good, or for too long.
    """
    clock = site.client.clock
    end = clock.now() + PATIENCE_SECONDS
    for _ in looks(clock):
        try:
            call()
        except ApiError as error:
            if not error.code.startswith(_PASSING) or clock.now() >= end:
                raise
        else:
            return

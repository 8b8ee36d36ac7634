"""The scope of runners: a repository, an organization or an enterprise."""

from __future__ import annotations

import re
from dataclasses import dataclass

from goldrun.errors import UsageError
from goldrun.github.client import segment

# The owners of Enterprise Managed Users have an underscore: octocat_fabrikam.
_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38})")
_REPOSITORY = re.compile(r"[\w.-]{1,100}", re.ASCII)
ENTERPRISES = "enterprises"


@dataclass(frozen=True, eq=False)
class Scope:
    """A repository (``owner/name``), an organization (``name``) or an enterprise (``enterprises/name``).

    GitHub's names know no case: two scopes are equal if their names are, but for capitals.
    """

    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scope) and self.name.lower() == other.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())

    @property
    def path(self) -> str:
        """Its path in the API."""
        owner, _, repository = self.name.partition("/")
        if owner == ENTERPRISES:
            return f"/{ENTERPRISES}/{segment(repository)}"
        return f"/repos/{segment(owner)}/{segment(repository)}" if repository else f"/orgs/{segment(owner)}"

    @property
    def tag(self) -> str:
        """Its name as the value of a tag, which is compared sign by sign."""
        return self.name.lower()

    def __str__(self) -> str:
        return self.name


def repository_scope(text: str) -> Scope:
    """Return the scope of ``owner/name``.

    Raises:
        UsageError: it is not OWNER/NAME.
    """
    owner, slash, name = text.partition("/")
    if slash and _OWNER.fullmatch(owner) and _REPOSITORY.fullmatch(name) and name not in (".", ".."):
        return Scope(text)
    raise UsageError(f"{text!r} is not a repository.", fix=["write OWNER/NAME, for example --repo octo-org/octo-repo"])


def organization_scope(text: str) -> Scope:
    """Return the scope of an organization.

    Raises:
        UsageError: it is not a valid name of an organization.
    """
    if _OWNER.fullmatch(text):
        return Scope(text)
    raise UsageError(f"{text!r} is not an organization.", fix=["write only its name, for example --org octo-org"])


def read_scope(text: str) -> Scope:
    """Return the scope that a text names: ``owner/name``, an organization, or ``enterprises/name``.

    Raises:
        UsageError: it is none of them.
    """
    first, slash, name = text.partition("/")
    if first == ENTERPRISES and _REPOSITORY.fullmatch(name):
        return Scope(text)
    return repository_scope(text) if slash else organization_scope(text)

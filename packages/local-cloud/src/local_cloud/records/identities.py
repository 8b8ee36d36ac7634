"""Records of RAM: roles, policies, what is attached to what, and identity providers. They belong to no region."""

from __future__ import annotations

from msgspec import field

from local_cloud.records.base import Record


class RamRole(Record, frozen=True, kw_only=True):
    """A RAM role.

    Attributes:
        id: its account and name.
        trust: its trust policy, as given.
        session_seconds: how long a session may last.
    """

    account: str
    name: str
    trust: str
    description: str = ""
    session_seconds: int = 3600
    created: float = 0.0
    updated: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)


class PolicyVersion(Record, frozen=True, kw_only=True):
    """A version of a policy; ``id`` is ``v1`` and so on."""

    document: str
    created: float


class RamPolicy(Record, frozen=True, kw_only=True):
    """A custom policy.

    Attributes:
        id: its account and name.
        versions: oldest first.
        default: the id of the version that applies.
    """

    account: str
    name: str
    versions: tuple[PolicyVersion, ...]
    default: str
    last: int = 1
    description: str = ""
    created: float = 0.0
    updated: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def document(self) -> str:
        """The document that applies."""
        return next(version.document for version in self.versions if version.id == self.default)


class PolicyAttachment(Record, frozen=True, kw_only=True):
    """A policy that a role has; ``id`` is made of all its members."""

    account: str
    role: str
    policy: str
    kind: str
    created: float


class OidcProvider(Record, frozen=True, kw_only=True):
    """An identity provider; ``id`` is its account and name."""

    account: str
    name: str
    issuer: str
    clients: tuple[str, ...]
    fingerprints: tuple[str, ...]
    description: str = ""
    hours: int = 6
    created: float = 0.0
    updated: float = 0.0

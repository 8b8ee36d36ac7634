"""What the local cloud remembers: one frozen record a thing. What changes with time alone is computed, not stored."""

from __future__ import annotations

import msgspec

READY = "Available"
DEPRECATED = "Deprecated"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is remembered under an id."""

    id: str


class Resource(Record, frozen=True, kw_only=True):
    """Something of the cloud's that an account owns and can tag."""

    region: str
    owner: str
    name: str = ""
    created: float
    tags: dict[str, str] = {}


class Made(Resource, frozen=True, kw_only=True):
    """A resource whose creation takes time.

    Attributes:
        ready: when its creation ends.
    """

    ready: float

    def progress(self, now: float) -> str:
        """The progress of its creation at a moment."""
        if now >= self.ready:
            return "100%"
        return f"{int(100 * (now - self.created) / (self.ready - self.created))}%"


class Image(Made, frozen=True, kw_only=True):
    """An image.

    Attributes:
        state: its status from then on.
        shared_with: accounts that may use it.
        public: a community image.
        copying: it is the copy of an image; its copying can be cancelled until it is ready.
    """

    state: str = READY
    architecture: str = "x86_64"
    family: str = ""
    description: str = ""
    version: str = ""
    size: int = 40
    os_type: str = "linux"
    os_name: str = "Ubuntu  24.04 64位"
    os_name_en: str = "Ubuntu  24.04 64 bit"
    platform: str = "Ubuntu"
    boot_mode: str = "UEFI-Preferred"
    imds_support: str = ""
    snapshot: str = ""
    shared_with: dict[str, float] = {}
    public: bool = False
    copying: bool = False

    def status(self, now: float) -> str:
        """The status at a moment."""
        return self.state if now >= self.ready else "Creating"


class Snapshot(Made, frozen=True, kw_only=True):
    """A snapshot of a disk."""

    size: int = 40
    disk: str = ""
    disk_type: str = "system"
    description: str = ""


class Instance(Resource, frozen=True, kw_only=True):
    """An instance, as far as images need to know of it."""

    image: str
    state: str = "Running"
    architecture: str = "x86_64"
    disk: str = ""
    disk_size: int = 40


class AccessKey(Record, frozen=True, kw_only=True):
    """An AccessKey; ``id`` is its id.

    Attributes:
        user: the RAM user's or role session's name; empty for the account itself.
        role: the role's name, if it is a role session's temporary key.
        token: what must come with it then.
        expires: on the machine's clock; 0: never.
    """

    secret: str
    account: str
    user: str = ""
    role: str = ""
    token: str = ""
    expires: float = 0.0
    active: bool = True


class Denial(Record, frozen=True, kw_only=True):
    """A RAM statement that denies; ``id`` is the pattern of actions, e.g. ``ecs:DescribeImages`` or ``ecs:*``."""


class Policy(Record, frozen=True, kw_only=True):
    """A RAM policy that is attached to an AccessKey; ``id`` is the key's."""

    document: dict[str, object]


class Receipt(Record, frozen=True, kw_only=True):
    """The answer to a creating call, kept under its ``ClientToken``."""

    fingerprint: str
    answer: dict[str, object]
    created: float


class Settings(Record, frozen=True, kw_only=True):
    """How this cloud behaves; ``id`` is always ``settings``.

    Attributes:
        image_seconds: virtual seconds that the creation of an image takes.
        copy_seconds: virtual seconds that a copy to another region takes.
        image_quota: images an account may have in a region.
    """

    image_seconds: float = 120.0
    copy_seconds: float = 300.0
    image_quota: int = 1000

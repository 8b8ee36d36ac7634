"""The schema of the tags. They are goldrun's database: nothing else records the owner and purpose of a resource.

``tools/docs.py`` generates the table in docs/tags.md. Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias


Tags: TypeAlias = "Mapping[str, str]"


class Tag(NamedTuple):
    """A key, the meaning of its values, and the commands that use it.

    Attributes:
        key: the key in the API.
        resources: what has the tag: image, snapshot, instance (and the disks created with one).
        meaning: what it records.
        writers: the commands that write it.
        readers: the commands that read it.
        values: all valid values; empty: any of the form ``form``.
        form: an example or the pattern of its values.
    """

    key: str
    resources: tuple[str, ...]
    meaning: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    values: tuple[str, ...] = ()
    form: str = ""

    def of(self, value: str | None = None) -> dict[str, str]:
        """Return the tag with that value (default: its only value)."""
        return {self.key: self.values[0] if value is None else value}

    def read(self, tags: Tags, default: str = "") -> str:
        """Return its value among a resource's tags."""
        return tags.get(self.key, default)

    def matches(self, tags: Tags, value: str | None = None) -> bool:
        """Return whether a resource's tags have it with that value (default: its only value)."""
        return tags.get(self.key) == (self.values[0] if value is None else value)


def is_parked(tags: Tags) -> bool:
    """Return whether an instance waits in a pool, stopped or about to be."""
    return PARKED.key in tags and STARTED.key not in tags


def to_api(tags: Tags) -> list[Mapping[str, str]]:
    """Return the tags as the parameter ``Tag`` of an action."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def from_api(element: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a resource in an answer; in some actions the members are ``Key`` and ``Value``."""
    tags = element.get("Tags", {}).get("Tag", [])
    return {tag.get("TagKey", tag.get("Key", "")): tag.get("TagValue", tag.get("Value", "")) for tag in tags}


def has(element: Mapping[str, Any], tags: Tags) -> bool:
    """Return whether an element has these tags: what is deleted is not chosen by the server alone."""
    found = from_api(element)
    return all(found.get(key) == value for key, value in tags.items())


MAX_VALUE = 128  # characters
BUILDER, TESTER, KEPT, RUNNER = "builder", "tester", "kept", "runner"
GARM_RUNNER, SERVED_RUNNER = "garm-runner", "served-runner"
PENDING, PASSED, FAILED, HELD = "pending", "passed", "failed", "held"

_IMAGE, _SNAPSHOT, _INSTANCE = ("image",), ("snapshot",), ("instance",)
_BUILD = ("image build",)
_JOB = ("instance create", "runner up", "image build")
_LAUNCH = (*_JOB, "garm", "serve")
_PUBLISH = ("image publish", "image rollback", "image build")

MANAGED_BY = Tag(
    "ManagedBy",
    ("image", "snapshot", "instance"),
    "created by goldrun, which may delete it; the RAM policies allow changes to nothing else",
    (*_LAUNCH, "image copy", "image rm", "image prune"),
    ("image prune", "sweep", "cost", "instance ls", "runner ls", "runner down", "garm", "policy"),
    values=("goldrun",),
)
RUNNER_TYPE = Tag(
    "GITHUB_RUNNER_TYPE",
    _INSTANCE,
    "an instance for GitHub Actions, for your own RAM policies and bills",
    _LAUNCH,
    ("sweep",),
    values=("aliyun-ecs-spot",),
)
IS_LATEST = Tag(
    "Latest",
    _IMAGE,
    "the channel `latest` shows it; look-ups use this tag while no image has the alias",
    _PUBLISH,
    ("image id", "image ls", "image prune", "image rm", *_PUBLISH),
    values=("true",),
)
CHANNEL = Tag(
    "Channel",
    _IMAGE,
    "the channel that shows it",
    _PUBLISH,
    ("image id", "image prune", "image rm", *_PUBLISH),
    form="canary",
)
FAMILY = Tag(
    "Family",
    ("image", "snapshot", "instance"),
    "the family that it belongs to, or is built for",
    (*_BUILD, "image rm", "image prune"),
    ("image build", "image prune", "sweep"),
    form="github-runner-ubuntu24",
)
ARCHITECTURE = Tag(
    "Architecture",
    ("image", "snapshot", "instance"),
    "its architecture, or the one that it builds for",
    (*_BUILD, "image rm", "image prune"),
    ("image build", "image prune", "sweep"),
    values=("amd64", "arm64"),
)
VERSION_HASH = Tag(
    "VersionHash",
    ("image", "instance"),
    "SHA-256 of the recipe, its base image, architecture and pinned versions; the same hash is not built twice",
    _BUILD,
    ("image build", "image history", "sweep"),
    form="3f0c…",
)
BUILD_TIMESTAMP = Tag(
    "BuildTimestamp",
    ("image", "instance"),
    "when its build began, in UTC; versions are sorted by it",
    _BUILD,
    (*_PUBLISH, "image prune", "sweep"),
    form="YYYYMMDDHHMMSS",
)
BASE_IMAGE = Tag("BaseImageId", _IMAGE, "the base image that it was built from", _BUILD, (), form="m-…")
SOURCE = Tag("Source", _IMAGE, "the recipe's repository and commit", _BUILD, ("image history",), form="owner/name@…")
BOOT_TEST = Tag(
    "BootTest",
    _IMAGE,
    "the result of its boot test (`held`: passed, but advisories hold it back); only one that passed is published",
    _BUILD,
    ("image build", "image publish"),
    values=(PENDING, PASSED, FAILED, HELD),
)
MANIFEST = Tag(
    "Manifest",
    _IMAGE,
    "its tools and their versions, in pieces: `Manifest.1` to `Manifest.6`",
    _BUILD,
    ("image diff", "image test", "runner up", "garm"),
    form="git=2.43.0;…",
)
CONTENTS = Tag(
    "Contents",
    _IMAGE,
    "SHA-256 of the list of its packages, which names its bill of materials in the bucket",
    _BUILD,
    ("image verify", "image sbom", "image scan", "image diff"),
    form="9c0a…",
)
SIGNATURE = Tag(
    "Signature",
    _IMAGE,
    "the signature of its id and of what its tags say of its making",
    _BUILD,
    ("image verify", "image id --verified"),
    form="MEUCIQ…",
)
STAGE = Tag(
    "BuildStage",
    _IMAGE,
    "the state of a builder after so many steps of a recipe, and the hash of what made it",
    _BUILD,
    ("image build", "image prune"),
    form="3 3f0c…",
)
COPIED_FROM = Tag("CopiedFrom", _IMAGE, "the image that it is a copy of", ("image copy",), ("image copy",), form="m-…")
RESTORED = Tag(
    "Restored",
    _IMAGE,
    "when a roll-back chose it: for some minutes no publish takes it off its channel",
    ("image rollback", "image publish"),
    ("image rollback", "image publish"),
    form="YYYY-MM-DDThh:mm:ssZ",
)
DELETING = Tag(
    "Deleting",
    _IMAGE,
    "since when somebody deletes it: for some minutes it is not published",
    ("image prune", "image rm"),
    ("image publish", "image rollback"),
    form="YYYY-MM-DDThh:mm:ssZ",
)
PROTECTED = Tag(
    "Protected",
    ("image", "snapshot", "instance", "disk"),
    "protected by a user: `image rm`, `image prune` and `sweep` do not delete it",
    ("image protect", "image build --on-failure keep"),
    ("image prune", "image rm", "sweep"),
    values=("true",),
)
IMAGE = Tag(
    "ImageId",
    _SNAPSHOT,
    "the image that it belonged to, written before the image is deleted",
    ("image rm", "image prune"),
    ("image prune", "sweep"),
    form="m-…",
)
ROLE = Tag(
    "Role",
    _INSTANCE,
    "its role; `kept` is the builder of a failed build, kept for inspection",
    ("image build", "runner up", "garm", "serve"),
    ("image build", "runner ls", "runner down", "sweep", "garm", "serve"),
    values=(BUILDER, TESTER, KEPT, RUNNER, GARM_RUNNER, SERVED_RUNNER),
)
HEARTBEAT = Tag(
    "Heartbeat",
    _INSTANCE,
    "when its build was last known to be running, in UTC",
    _BUILD,
    ("image build", "sweep"),
    form="2026-11-23T08:00:00Z",
)
LAUNCH = Tag(
    "Launch",
    _INSTANCE,
    "the launch that created it; instances whose answer was lost are found by it",
    _LAUNCH,
    _LAUNCH,
    form="32 hexadecimal digits",
)
REPOSITORY = Tag("Repository", _INSTANCE, "the repository whose job created it", _JOB, (), form="owner/name")
RUN = Tag("Run", _INSTANCE, "the workflow run whose job created it", _JOB, (), form="RUN_ID/ATTEMPT")
RUNNER_NAME = Tag(
    "Runner",
    _INSTANCE,
    "the runner's name at GitHub",
    ("runner up",),
    ("runner ls", "runner down", "sweep"),
    form="goldrun-REGION-…",
)
SCOPE = Tag(
    "GitHub",
    _INSTANCE,
    "the repository, organization or enterprise of the runner",
    ("runner up", "serve"),
    ("runner ls", "runner down", "sweep", "serve"),
    form="owner/name or organization",
)
RUN_LABEL = Tag(
    "RunLabel",
    _INSTANCE,
    "the workflow run that started the runner",
    ("runner up",),
    ("runner down --this-run",),
    form="run-RUN_ID-ATTEMPT",
)
ONLINE_WITHIN = Tag(
    "OnlineWithin",
    _INSTANCE,
    "seconds that the runner may take to come online",
    ("runner up",),
    ("sweep",),
    form="600",
)
SCALE_SET = Tag("ScaleSet", _INSTANCE, "the scale set whose jobs it runs", ("serve",), ("serve",), form="ubuntu-spot")
CONFIGURED = Tag(
    "Configured",
    _INSTANCE,
    "when its runner was given its configuration, in UTC",
    ("serve",),
    ("serve",),
    form="2026-11-23T08:00:00Z",
)
PARKED = Tag(
    "Parked",
    _INSTANCE,
    "when it was stopped to wait in a pool, in UTC",
    ("serve",),
    ("serve", "sweep"),
    form="2026-11-23T08:00:00Z",
)
STARTED = Tag(
    "Started",
    _INSTANCE,
    "when it was started from the pool, in UTC",
    ("serve",),
    ("serve", "sweep"),
    form="2026-11-23T08:05:00Z",
)
JOB = Tag(
    "Job",
    _INSTANCE,
    "the repository and workflow of its job, where a profile limits them",
    ("serve",),
    ("serve",),
    form="owner/name ci.yml",
)
SPENT = Tag(
    "Spent",
    ("securitygroup",),
    "what a scale set with a budget has cost, as `Spent.SET.SCOPE`: until when, that day, that month, an hour then",
    ("serve",),
    ("serve",),
    form="2026-11-23T08:00:00Z 12.3400 310.2000 1.5800",
)
SETUP = Tag(
    "GoldrunSetup",
    ("vpc", "vswitch", "securitygroup", "natgateway", "eip", "role", "policy"),
    "the setup that it belongs to, by its name",
    ("setup",),
    ("setup",),
    form="goldrun",
)
GARM_CONTROLLER = Tag("GarmController", _INSTANCE, "the controller that it serves", ("garm",), ("garm",), form="id")
GARM_POOL = Tag("GarmPool", _INSTANCE, "the pool that it belongs to", ("garm",), ("garm",), form="id")
GARM_NAME = Tag("Name", _INSTANCE, "the name that GARM gave it", ("garm",), ("garm",), form="garm-…")

SCHEMA = (
    *(MANAGED_BY, RUNNER_TYPE, PROTECTED),
    *(IS_LATEST, CHANNEL, FAMILY, ARCHITECTURE, VERSION_HASH, BUILD_TIMESTAMP, BASE_IMAGE, SOURCE, BOOT_TEST, MANIFEST),
    *(DELETING, RESTORED),
    *(
        CONTENTS,
        SIGNATURE,
        STAGE,
        COPIED_FROM,
        IMAGE,
        ROLE,
        HEARTBEAT,
        LAUNCH,
        REPOSITORY,
        RUN,
        RUNNER_NAME,
        SCOPE,
        RUN_LABEL,
        ONLINE_WITHIN,
    ),
    *(SCALE_SET, CONFIGURED, PARKED, STARTED, JOB, SPENT, SETUP, GARM_CONTROLLER, GARM_POOL, GARM_NAME),
)
OWNED = MANAGED_BY.of()
MOST_TAGS = 20  # of a resource

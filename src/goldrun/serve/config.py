"""The configuration of ``goldrun serve``: scopes, the network, and the profiles whose names are labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from goldrun.cloud.instances import MIN_LIFE_SECONDS
from goldrun.durations import parse_duration
from goldrun.errors import GoldrunError
from goldrun.github.scope import read_scope
from goldrun.launch.offers import DEFAULT_POLICY, POLICIES, parse_span
from goldrun.serve.schedules import parse_days, parse_hours
from goldrun.toml_file import Problem, parse, read_file, refuse

MAX_RUNNERS = 1000
MAX_SETUP = 16 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SIZE = re.compile(r"(?:(?P<arch>amd64|arm64)-)?(?P<cpu>\d{1,3})c(?P<memory>\d{1,4})g")


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration."""


class GitHubPart(Part, frozen=True, kw_only=True):
    """Whose jobs are run.

    Attributes:
        scopes: organizations, repositories (``owner/name``) and enterprises (``enterprises/name``).
        group: the runner group of the scale sets.
    """

    scopes: tuple[str, ...]
    group: str = "Default"


class NetworkPart(Part, frozen=True, kw_only=True):
    """Where instances are placed; what is left out comes from the environment, as for ``runner up``.

    Attributes:
        security_group: their security group.
        vswitches: their vSwitches.
        vpc: the VPC whose vSwitches are used.
        key_pair: their SSH key pair.
        role: the RAM role by which they delete themselves.
    """

    security_group: str = ""
    vswitches: tuple[str, ...] = ()
    vpc: str = ""
    key_pair: str = ""
    role: str = ""


class Schedule(Part, frozen=True, kw_only=True):
    """When more, or fewer, runners wait for jobs; the first schedule that fits counts.

    Attributes:
        days: ``mon-fri``, ``sat,sun``.
        hours: ``08:00-19:00``; to ``24:00`` at the latest.
        timezone: a name of the IANA database.
        min_idle: how many wait then.
    """

    days: str = "mon-sun"
    hours: str = "00:00-24:00"
    timezone: str = "UTC"
    min_idle: int


class Profile(Part, frozen=True, kw_only=True):
    """A kind of runner; its name is the label.

    Attributes:
        image: an image's name, id, or ``family[:channel]``.
        arch: ``amd64`` or ``arm64``; left out: the image's.
        cpu: vCPUs: ``8``, ``8..16``.
        memory: GiB, as cpu.
        types: only these instance types.
        zones: only these zones.
        policy: how offers are ranked.
        protect: ``1h``: the market spares a new instance for an hour; ``none``: it does not, and costs less.
        max_price: the most that an hour may cost.
        on_demand_fallback: whether to pay the list price if there is no spot offer.
        life: how long a runner lives at most.
        longest_job: how long a job may take: an idle runner takes none when less of its life is left.
        boot: how long it may take to come online.
        disk: GiB of the system disk.
        encrypted: whether the disk is encrypted.
        public_ip: whether it gets a public address.
        setup: a script beside the configuration that runs as root before the runner starts.
        max_runners: how many there are at most.
        min_idle: how many wait for a job.
        schedules: other numbers of those at other times.
        labels: in addition to the name.
        repositories: whose jobs are run: ``octo-org/*``; left out: any of the scopes.
        events: which events' jobs are run; left out: any.
        forks: whether code of pull requests from forks is run.
        sizes: ``8c16g``, ``arm64-8c16g``: a scale set each, named ``PROFILE-SIZE``, of that size instead of cpu and
            memory.
    """

    image: str
    arch: Literal["", "amd64", "arm64"] = ""
    cpu: str = "8"
    memory: str = ".."
    types: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    policy: str = DEFAULT_POLICY
    protect: Literal["1h", "none"] = "1h"
    max_price: float | None = None
    on_demand_fallback: bool = False
    life: str = "6h"
    longest_job: str = "1h"
    boot: str = "10m"
    disk: int | None = None
    encrypted: bool = False
    public_ip: bool = False
    setup: str = ""
    max_runners: int = 20
    min_idle: int = 0
    schedules: tuple[Schedule, ...] = ()
    labels: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    forks: bool = False
    sizes: tuple[str, ...] = ()


class Config(Part, frozen=True, kw_only=True):
    """The whole file."""

    github: GitHubPart
    network: NetworkPart = NetworkPart()
    profile: dict[str, Profile]


class Size(msgspec.Struct, frozen=True):
    """A size: ``8c16g``, or ``arm64-8c16g``; empty texts: not given."""

    name: str
    arch: str
    cpu: str
    memory: str


def load(file: Path) -> Config:
    """Read the configuration, and check all of it.

    Raises:
        UsageError: it is not valid; lists every mistake with its line.
    """
    text = read_file(file, fix="docs/serve.md has an example.")
    config = parse(file, text, Config, fix="goldrun serve schema prints the schema of the file.")
    refuse(file, text, _problems(config, file.parent))
    return config


def schema() -> dict[str, Any]:
    """Return the JSON schema of the file."""
    return msgspec.json.schema(Config)


def parse_size(text: str) -> Size | None:
    """Return the size that a text names; None if it is none."""
    match = _SIZE.fullmatch(text)
    return Size(text, match["arch"] or "", match["cpu"], f"{match['memory']}..") if match else None


def _problems(config: Config, folder: Path) -> Iterator[Problem]:
    """Yield every mistake with its place."""
    if not config.github.scopes:
        words = "name an organization, a repository (owner/name) or an enterprise (enterprises/name)"
        yield ("github", "scopes"), words
    for scope in config.github.scopes:
        yield from _try(("github", "scopes"), read_scope, scope)
    if not config.profile:
        yield (), "a configuration needs at least one profile: [profile.NAME]"
    names: dict[str, str] = {}
    for name, profile in config.profile.items():
        place = ("profile", name)
        if not _NAME.fullmatch(name):
            yield place, f"{name!r} cannot be a label: use letters, digits, dots, hyphens and underscores"
        for label in (name, *profile.labels):
            if label.lower() in names:
                yield place, f"{label!r} is a label of the profile {names[label.lower()]} too"
            names[label.lower()] = name
        yield from _profile(place, profile, folder)


def _profile(place: tuple[str, ...], profile: Profile, folder: Path) -> Iterator[Problem]:
    if not profile.image:
        yield (*place, "image"), "the image is missing"
    yield from _try((*place, "cpu"), parse_span, profile.cpu, "vCPUs")
    yield from _try((*place, "memory"), parse_span, profile.memory, "GiB")
    if profile.policy not in POLICIES:
        yield (*place, "policy"), f"{profile.policy!r} is not one of {', '.join(POLICIES)}"
    for kind in profile.types:
        if not kind.startswith("ecs."):
            yield (*place, "types"), f"{kind!r} is not an instance type, such as ecs.c7.2xlarge"
    if profile.max_price is not None and not 0 < profile.max_price < 10_000:
        yield (*place, "max_price"), "a price is greater than 0"
    if profile.disk is not None and not 20 <= profile.disk <= 2048:
        yield (*place, "disk"), "a disk has 20 to 2048 GiB"
    if not 1 <= profile.max_runners <= MAX_RUNNERS:
        yield (*place, "max_runners"), f"from 1 to {MAX_RUNNERS:,} runners"
    for label in profile.labels:
        if not _NAME.fullmatch(label):
            yield (*place, "labels"), f"{label!r} cannot be a label"
    for pattern in profile.repositories:
        if pattern.count("/") != 1:
            yield (*place, "repositories"), f"{pattern!r} is not a repository, such as octo-org/repo or octo-org/*"
    yield from _sizes(place, profile)
    yield from _times(place, profile)
    yield from _idle(place, profile)
    yield from _setup(place, profile, folder)


def _sizes(place: tuple[str, ...], profile: Profile) -> Iterator[Problem]:
    for size in profile.sizes:
        if parse_size(size) is None:
            yield (*place, "sizes"), f"{size!r} is not a size, such as 8c16g or arm64-8c16g"
        if profile.sizes.count(size) > 1:
            yield (*place, "sizes"), f"{size!r} is named twice"
    if profile.sizes and profile.labels:
        yield (*place, "labels"), "with sizes, a label would be one of several scale sets: leave labels or sizes out"


def _times(place: tuple[str, ...], profile: Profile) -> Iterator[Problem]:
    found: dict[str, float] = {}
    for name in ("life", "longest_job", "boot"):
        try:
            found[name] = parse_duration(getattr(profile, name))
        except GoldrunError as error:
            yield (*place, name), _words(error)
    if len(found) < 3:
        return
    if found["life"] < MIN_LIFE_SECONDS:
        yield (*place, "life"), "an instance lives at least 30m"
    elif found["longest_job"] + found["boot"] >= found["life"]:
        yield (*place, "longest_job"), "a life has to hold the boot, the wait for a job, and the job: make life longer"


def _idle(place: tuple[str | int, ...], profile: Profile) -> Iterator[Problem]:
    words = f"from 0 to max_runners, {profile.max_runners}"
    if not 0 <= profile.min_idle <= profile.max_runners:
        yield (*place, "min_idle"), words
    for number, part in enumerate(profile.schedules):
        here: tuple[str | int, ...] = (*place, "schedules", number)
        if not 0 <= part.min_idle <= profile.max_runners:
            yield (*here, "min_idle"), words
        yield from _try((*here, "days"), parse_days, part.days)
        yield from _try((*here, "hours"), parse_hours, part.hours)
        try:
            ZoneInfo(part.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield (*here, "timezone"), f"{part.timezone!r} is not a time zone, such as Asia/Shanghai"


def _setup(place: tuple[str, ...], profile: Profile, folder: Path) -> Iterator[Problem]:
    if not profile.setup:
        return
    try:
        content = (folder / profile.setup).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        yield (*place, "setup"), f"{profile.setup} cannot be read as text"
        return
    if len(content.encode()) > MAX_SETUP:
        yield (*place, "setup"), f"{profile.setup} is longer than {MAX_SETUP:,} bytes: let it fetch the rest"


def _try(path: tuple[str | int, ...], check: Callable[..., object], *given: str) -> Iterator[Problem]:
    try:
        check(*given)
    except GoldrunError as error:
        yield path, _words(error)


def _words(error: GoldrunError) -> str:
    return "; ".join([error.what.rstrip("."), *error.fix])

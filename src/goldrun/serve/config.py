"""The configuration of ``goldrun serve``: scopes, the network, and the profiles whose names are labels."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from goldrun.launch.offers import DEFAULT_POLICY

MAX_RUNNERS = 1000
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


class Cost(Part, frozen=True, kw_only=True):
    """The most that machines may cost, in the account's currency, without disks and traffic.

    Attributes:
        day: in a day of Beijing's time, as on the bill.
        month: in a month.
    """

    day: float | None = None
    month: float | None = None

    @property
    def is_limited(self) -> bool:
        """Whether it is a limit at all."""
        return self != Cost()


class Limits(Part, frozen=True, kw_only=True):
    """What all profiles share; profiles of a higher priority come first.

    Attributes:
        max_runners: how many there are at most.
        max_cost: what they may cost.
    """

    max_runners: int | None = None
    max_cost: Cost = Cost()


NO_LIMITS = Limits()


class Schedule(Part, frozen=True, kw_only=True):
    """When more, or fewer, runners wait for jobs; the first schedule that fits counts.

    Attributes:
        days: ``mon-fri``, ``sat,sun``.
        hours: ``08:00-19:00``; to ``24:00`` at the latest.
        timezone: a name of the IANA database.
        min_idle: how many wait then.
        min_stopped: how many wait then, stopped; left out: as in the profile.
    """

    days: str = "mon-sun"
    hours: str = "00:00-24:00"
    timezone: str = "UTC"
    min_idle: int
    min_stopped: int | None = None


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
        max_price: the most that an hour of a spot instance may cost.
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
        min_stopped: how many more wait, stopped: they start faster than new ones, and cost their disk.
        stopped_life: how long one of them is kept.
        schedules: other numbers of those at other times.
        priority: profiles with a greater one come first when the limits or the account's quota run out.
        per_repository: how many jobs of one repository are run at once; 0: any number.
        per_workflow: the same for one workflow file of a repository.
        max_cost: what its runners may cost.
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
    min_stopped: int = 0
    stopped_life: str = "7d"
    schedules: tuple[Schedule, ...] = ()
    priority: int = 0
    per_repository: int = 0
    per_workflow: int = 0
    max_cost: Cost = Cost()
    labels: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    forks: bool = False
    sizes: tuple[str, ...] = ()


class Config(Part, frozen=True, kw_only=True):
    """The whole file."""

    github: GitHubPart
    network: NetworkPart = NetworkPart()
    limits: Limits = NO_LIMITS
    profile: dict[str, Profile]


class Size(msgspec.Struct, frozen=True):
    """A size: ``8c16g``, or ``arm64-8c16g``; empty texts: not given."""

    name: str
    arch: str
    cpu: str
    memory: str


def schema() -> dict[str, Any]:
    """Return the JSON schema of the file."""
    return msgspec.json.schema(Config)


def parse_size(text: str) -> Size | None:
    """Return the size that a text names; None if it is none."""
    match = _SIZE.fullmatch(text)
    return Size(text, match["arch"] or "", match["cpu"], f"{match['memory']}..") if match else None

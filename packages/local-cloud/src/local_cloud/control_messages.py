"""The control API's requests and answers, as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from local_cloud.clock import iso
from local_cloud.faults import FaultRule
from local_cloud.market import Market, Scenario
from local_cloud.ram import Document
from local_cloud.trust import Document as TrustDocument

Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Number = Annotated[int, Meta(ge=0, le=10**9)]
Pattern = Annotated[str, Meta(max_length=128)]


class SpeedChange(msgspec.Struct, forbid_unknown_fields=True):
    """A change of the clock: another speed, or a leap forward."""

    speed: float | None = None
    advance: float = 0.0


class Patterns(msgspec.Struct, forbid_unknown_fields=True):
    """Actions to deny or allow again, e.g. ``ecs:DescribeImages``."""

    actions: list[Pattern]


class Attachment(msgspec.Struct, forbid_unknown_fields=True):
    """A RAM policy for an AccessKey, or for an instance role of that name; None removes it."""

    key: str
    role: bool = False
    document: Document | None = None


class Trust(msgspec.Struct, forbid_unknown_fields=True):
    """Whom a role trusts; None: every job that GitHub knows."""

    role: str
    document: TrustDocument | None = None


class Population(msgspec.Struct, forbid_unknown_fields=True):
    """What to fill an empty cloud with."""

    seed: bool = False


class SettingsChange(msgspec.Struct, forbid_unknown_fields=True):
    """Settings to change."""

    image_seconds: Seconds | None = None
    copy_seconds: Seconds | None = None
    image_quota: Number | None = None
    boot_seconds: Seconds | None = None
    start_seconds: Seconds | None = None
    stop_seconds: Seconds | None = None
    release_seconds: Seconds | None = None
    cpu_quota: Number | None = None
    balance: bool | None = None
    calls_per_second: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    calls_per_minute: Annotated[int, Meta(ge=0, le=10**9)] | None = None


class MarketChange(msgspec.Struct, forbid_unknown_fields=True):
    """Changes of the market; a missing member stays as it is."""

    seed: Number | None = None
    scarcity: float | None = None
    phantoms: float | None = None
    scenario: Scenario | None = None
    zones: tuple[str, ...] | None = None


class NewJob(msgspec.Struct, forbid_unknown_fields=True):
    """A job for GitHub's queue: of a new run, or of an existing one.

    Attributes:
        event: what triggered its run.
        head: the repository that its code comes from, if it is another one.
        hosted: it runs on a GitHub-hosted runner; its creator reports its progress.
    """

    repository: str
    name: str
    labels: tuple[str, ...]
    script: str = ""
    workflow: str = "local.yml"
    event: str = "push"
    head: str = ""
    run: str = ""
    needs: tuple[str, ...] = ()
    hosted: bool = False


class NewApp(msgspec.Struct, forbid_unknown_fields=True):
    """A GitHub App: its key in PEM, of which the public part is kept."""

    key: Annotated[str, Meta(max_length=20_000)]


class JobState(msgspec.Struct, forbid_unknown_fields=True):
    """The progress of a hosted job."""

    job: str
    status: Literal["in_progress", "completed"]
    conclusion: Literal["", "success", "failure", "cancelled"] = ""


class MarketState(msgspec.Struct, frozen=True, kw_only=True):
    """The spot market of the local cloud.

    Attributes:
        seed: the seed of all chance in it.
        scarcity: the share of offers that are sold out at any time, from 0 to 1.
        phantoms: the share of offers that are reported in stock and are not, from 0 to 1.
        scenario: what is happening.
        since: when the scenario began.
        zones: the zones it strikes; empty: all.
    """

    seed: int
    scarcity: float
    phantoms: float
    scenario: Scenario
    since: str
    zones: tuple[str, ...]

    @classmethod
    def of(cls, market: Market) -> MarketState:
        """The state of a market."""
        return msgspec.convert({**msgspec.structs.asdict(market), "since": iso(market.since)}, cls)


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What the local cloud reports about itself.

    Attributes:
        pid: its process.
        data: its data file; empty: in memory.
        time: its time.
        speed: how fast its time runs.
        images: how many images the account has.
        snapshots: how many snapshots there are.
        instances: how many instances there are.
        denied: RAM actions that are denied, as patterns.
        faults: the faults that are set.
        market: the spot market.
        machines: what instances are: `simulated`, or `qemu`.
        runs_jobs: whether its runners run their jobs.
        calls: how often each action was called.
    """

    pid: int
    data: str
    time: str
    speed: float
    images: int
    snapshots: int
    instances: int
    denied: list[str]
    faults: list[FaultRule]
    market: MarketState
    machines: str
    runs_jobs: bool
    calls: dict[str, int]

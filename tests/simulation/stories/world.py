"""Where a story happens: a cloud, GitHub and the machines, in one process and one virtual time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from random import Random
from urllib.parse import parse_qsl

from benchmarks.in_memory import SERVER, answer, open_clients
from benchmarks.interleaving import Stage
from msgspec.structs import replace

from goldrun.cloud.client import EcsClient
from goldrun.cloud.tags import (
    ARCHITECTURE,
    BOOT_TEST,
    BUILD_TIMESTAMP,
    CHANNEL,
    FAMILY,
    IS_LATEST,
    OWNED,
    PASSED,
    PENDING,
    PROTECTED,
)
from goldrun.github.client import GitHub
from goldrun.http.endpoint import Endpoint
from goldrun.http.errors import UnreachableError
from goldrun.http.http1 import Answer
from goldrun.launch.offers import DISKS
from local_cloud import lifecycle, seed
from local_cloud.catalogue import REGIONS
from local_cloud.clock import LocalClock
from local_cloud.faults import FaultRule, Faults
from local_cloud.gateway import Gateway
from local_cloud.github import router
from local_cloud.github.jobs import Jobs
from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.market import NEVER, STOCK_SECONDS, Market, disks_in, spot_stock
from local_cloud.records import Image, Instance, Snapshot
from local_cloud.store import Store
from tests.simulation.dying import Crash
from tests.simulation.played import Played
from tests.simulation.stories.auditing import START, Auditor

SCOPE = "octo-org/octo-repo"
SPANS = 24  # of stock, in the longest story
SERVED_TYPE = "ecs.c7.2xlarge"  # the one type of servers' machines
GROUP = f"sg-local-{seed.REGION}"
ALIAS = "fam-amd64-latest"
STAMPS = tuple(f"2026010{number}000000" for number in range(1, 6))
OLDER, SHOWN, TESTED, UNTESTED = (f"m-family0000{number}" for number in range(2, 6))
SOMEBODYS = "i-somebodys"
QUIET_SECONDS = 3600.0  # before a story begins: reads that lag show nothing older
LATENCY = (0.05, 2.0)  # of a call
TEND_SECONDS = 5.0
POLL_SECONDS = 2.0  # how often a request that waits is looked at
IMAGE_SECONDS = 300.0
BOOT_SECONDS = 10.0


class CountedFaults(Faults):
    """Faults, and how many calls met which.

    Attributes:
        struck: by the trouble's kind.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.struck: Counter[str] = Counter()

    def take_rule(self, action: str) -> FaultRule | None:
        """See ``Faults.take_rule``."""
        rule = super().take_rule(action)
        if rule:
            self.struck["token-ends" if rule.status in (401, 403) else rule.kind] += 1
        return rule


def _market(number: int) -> Market:
    """Return a market that has what servers want, at any moment: where nobody has it, no job can ever run."""
    markets = (Market(seed=one, scarcity=0.0, phantoms=0.1) for one in count(number))
    moments = [START + STOCK_SECONDS * span for span in range(SPANS)]
    return next(market for market in markets if all(_is_to_be_had(market, moment) for moment in moments))


def _is_to_be_had(market: Market, moment: float) -> bool:
    kind = INSTANCE_TYPES[SERVED_TYPE]
    return any(
        spot_stock(market, kind, zone, moment) and not set(DISKS).isdisjoint(disks_in(market, kind, zone))
        for zone in REGIONS[seed.REGION].zones
    )


class World:
    """Everything but those who act.

    Attributes:
        stage: its time, and whose turn it is.
        owners: who has made an instance or a runner, by its id or name.
        handed_over: instances of runners that are up: from then on the job counts.
        calls: what was asked for, how often.
        calm: the trouble is over.
        settled: servers need not go on any more.
    """

    def __init__(self, number: int, *, lingers: bool, budget: float = 0.0) -> None:
        """Begin with a published family, and things that belong to others."""
        self.stage = Stage(Random(f"turns {number}"), START - QUIET_SECONDS)
        self.clock = LocalClock(wall=self.stage.now)
        self.store = Store(None, self.stage.now)
        seed.put_defaults(self.store)
        self.market_as_usual = _market(number)
        settings = self.store.settings()
        self.store.put(
            replace(settings, market=self.market_as_usual, image_seconds=IMAGE_SECONDS, boot_seconds=BOOT_SECONDS)
        )
        self.faults = CountedFaults(number)
        self.gateway = Gateway(self.store, self.clock, self.faults)
        self.jobs = Jobs(self.store, self.clock)
        self.github = router.Router(self.jobs, self.faults, router.Urls(SERVER, SERVER), secret="")
        self.played = Played(self.store, self.jobs, lingers=lingers)
        self.owners: dict[str, Actor] = {}
        self.handed_over: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.calm = self.settled = False
        self._rules: list[FaultRule] = []
        self._tended = 0.0
        self._furnish()
        self.stage.pass_by(QUIET_SECONDS)
        self.auditor = Auditor(self.store, self.clock, self.owners, self.handed_over, budget)

    def _furnish(self) -> None:
        for number, stamp in enumerate(STAMPS, 1):
            image = f"m-family0000{number}"
            tags = {**OWNED, **FAMILY.of("fam"), **ARCHITECTURE.of("amd64"), **BUILD_TIMESTAMP.of(stamp)}
            tags |= BOOT_TEST.of(PENDING if image == UNTESTED else PASSED)
            if image == SHOWN:
                tags |= {**IS_LATEST.of(), **CHANNEL.of("latest")}
            if number == 1:
                tags |= PROTECTED.of()
            self._image(image, ALIAS if image == SHOWN else f"fam-amd64-{stamp}", tags, 86400.0 * (9 - number))
        # A version that was published in the console: nobody but its name says whose it is.
        self._image("m-somebodys0", "fam-amd64-golden", {}, 86400.0 * 99)
        self.store.put(
            Instance(
                id=SOMEBODYS,
                name="github-runner",
                region=seed.REGION,
                owner=seed.ACCOUNT,
                created=START - 9e5,
                image="m-somebodys0",
                tags={"team": "billing"},
            )
        )

    def _image(self, image_id: str, name: str, tags: dict[str, str], age: float) -> None:
        fields = {"region": seed.REGION, "owner": seed.ACCOUNT, "created": START - age, "ready": 0.0}
        snapshot = image_id.replace("m-", "s-")
        self.store.put(Snapshot(id=snapshot, tags=dict(tags), **fields))  # type: ignore[arg-type]
        family = "fam-amd64" if image_id == SHOWN else ""
        self.store.put(
            Image(id=image_id, name=name, tags=tags, family=family, snapshot=snapshot, **fields)  # type: ignore[arg-type]
        )

    def close(self) -> None:
        """End it: nothing is asked of it any more."""
        self.store.close()

    def tend(self) -> None:
        """What the cloud and its machines do by themselves."""
        now = self.stage.now()
        if now >= self._tended + TEND_SECONDS:
            self._tended = now
            self.played.tend(now)

    def suffer(self, rules: list[FaultRule], *, over: bool = False) -> None:
        """Put faults in force, or end them."""
        self._rules = [rule for rule in self._rules if all(rule is not each for each in rules)] + rules * (not over)
        self.faults.clear()
        for rule in self._rules:
            self.faults.add(rule)

    def market(self, market: Market) -> None:
        """Let the market change."""
        self.store.put(replace(self.store.settings(), market=market))

    def instances(self) -> list[Instance]:
        """Those that exist now."""
        lifecycle.settle(self.store, self.stage.now())
        return [one for one in self.store.all(Instance) if one.status(self.stage.now()) != "Released"]


@dataclass
class Skewed:
    """A computer's clock that is wrong."""

    stage: Stage
    skew: float

    def now(self) -> float:
        """See ``Clock.now``."""
        return self.stage.now() + self.skew

    def sleep(self, seconds: float) -> None:
        """See ``Clock.sleep``."""
        self.stage.sleep(seconds)


@dataclass(eq=False)
class Actor:
    """A process of somebody's, as the transport of its calls.

    Attributes:
        world: where.
        name: who, for people.
        random: how long its calls take.
        dies: with which of its calls; 0: never.
        after: when that has had its effect, or before.
        skew: seconds that its clock is ahead.
        alive: it runs.
        sent: how many calls it has made.
        serves: its scale set, if it is a server.
        until: when its process dies, if it is not a call that decides that.
    """

    world: World
    name: str
    random: Random
    dies: int = 0
    after: bool = True
    skew: float = 0.0
    alive: bool = True
    sent: int = 0
    serves: str = ""
    until: float = NEVER

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        """See ``Transport.send``: takes a while, has its effect at one moment, and may be the last."""
        world = self.world
        self.sent += 1
        late = world.stage.now() >= self.until
        if late or (self.dies and (self.sent > self.dies or (self.sent == self.dies and not self.after))):
            self.alive = False
            raise Crash
        world.stage.sleep(self.random.uniform(*LATENCY))
        world.tend()
        path, _, query = target.partition("?")
        action = headers.get("x-acs-action") or f"{method} {path.rpartition('/actions/')[2].partition('/')[0]}"
        reads = action.startswith(("Describe", "GET "))
        params = {} if reads else dict(parse_qsl(query))
        world.calls[action] += 1
        if path.endswith("/generate-jitconfig"):
            world.owners.setdefault(json.loads(content)["name"], self)  # its answer may be lost
        judged = world.auditor.before(self, action, path, params)
        reply = answer(world.gateway, world.github, method, target, headers, content)
        end = min(deadline, self.clock.now() + reply.patience)
        while reply.again and reply.status == 202 and self.clock.now() < end:
            world.stage.sleep(POLL_SECONDS)
            reply = reply.again()
        if action == "RunInstances":
            self._own()
        world.auditor.after(self, action, params, judged, world.stage.now())
        if self.sent == self.dies:
            self.alive = False
            raise Crash
        if reply.hold is not None:
            world.stage.sleep(max(0.0, min(reply.hold, deadline - self.clock.now())))
            raise UnreachableError(f"{endpoint} did not answer in time.")
        headers = {**reply.headers, **world.clock.headers()}
        return Answer(reply.status, headers.get("content-type", ""), reply.body, headers)

    def close(self) -> None:
        """See ``Transport.close``."""

    @property
    def clock(self) -> Skewed:
        """Its computer's clock."""
        return Skewed(self.world.stage, self.skew)

    def clients(self) -> tuple[EcsClient, GitHub]:
        """Both sides, as it sees them."""
        return open_clients(self, self.clock, timeout=180.0)

    def _own(self) -> None:
        """What is new is its own, whether the answer says so or is lost."""
        for one in self.world.store.all(Instance):
            if one.id != SOMEBODYS:
                self.world.owners.setdefault(one.id, self)

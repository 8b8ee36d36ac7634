"""What must be true at every moment of a story, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.in_memory import open_clients

from goldrun.cloud.tags import BOOT_TEST, LAUNCH, MANAGED_BY, PARKED, PASSED, PROTECTED, SCALE_SET
from goldrun.http.endpoint import Endpoint
from goldrun.http.http1 import Answer
from goldrun.images.lookup import look_up
from goldrun.images.naming import name_reference
from local_cloud import seed
from local_cloud.clock import LocalClock
from local_cloud.faults import Faults
from local_cloud.gateway import Gateway
from local_cloud.github.payloads import is_online
from local_cloud.github.records import GitHubRunner
from local_cloud.market import NEVER
from local_cloud.params import Params
from local_cloud.records import Image, Instance, Snapshot
from local_cloud.store import Store

if TYPE_CHECKING:
    from tests.simulation.stories.world import Actor

START = 1_795_000_000.0
REGIONS = (seed.REGION, "cn-beijing")
ALIASES = ("fam-amd64-latest", "built-amd64-latest")
MOST_LIFE_SECONDS = 6 * 3600.0
LONGEST_JOB_SECONDS = 1800.0
TAKE_OVER_SECONDS = 60.0
COUNT_LAG = 0.02  # CNY: servers write down once a minute what was spent
IMAGE_CALLS = frozenset(
    {"TagResources", "UntagResources", "ModifyImageAttribute", "DeleteImage", "CreateImage", "CopyImage"}
)


@dataclass
class Bill:
    """What a machine costs.

    Attributes:
        by: who has launched it.
        since: when it was launched.
        price: an hour, now; 0: it is stopped or gone.
        amount: so far, in CNY.
        until: when it was read last.
        begun: its runner has been registered.
        ended: it is not any more: the job is over, and nothing is promised.
    """

    by: Actor | None
    since: float
    price: float = 0.0
    amount: float = 0.0
    until: float = 0.0
    begun: bool = False
    ended: bool = False

    def read(self, now: float, price: float) -> None:
        """Add what it has cost since it was read last, and take its price from now on."""
        self.amount += self.price * (now - self.until) / 3600
        self.price, self.until = price, now


@dataclass
class Auditor:
    """Looks at everything without being part of it.

    Attributes:
        budget: what scale sets may spend on a day, in CNY; 0: any amount.
        broken: what was not true, and when.
        published: the names that have had an answer: they have one from then on.
        checks: how often something was checked.
        bills: of the machines of scale sets, by id.
    """

    store: Store
    clock: LocalClock
    owners: Mapping[str, Actor]
    handed_over: set[str]
    budget: float = 0.0
    broken: list[str] = field(default_factory=list)
    published: set[tuple[str, str]] = field(default_factory=set)
    checks: int = 0
    wanted: dict[str, int] = field(default_factory=dict)
    bills: dict[str, Bill] = field(default_factory=dict)

    def __post_init__(self) -> None:
        straight = _Straight(Gateway(self.store, self.clock, Faults()))
        self._client, _ = open_clients(straight, _Still(self.clock), timeout=1.0)
        self.names(0.0, "the beginning")

    def before(self, actor: Actor, action: str, path: str, params: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return what this call must not have for an effect: the ids of what it would delete, and why not."""
        if action == "DeleteInstances":
            named = [value for name, value in params.items() if name.startswith("InstanceId.")]
            return [(one, why) for one in named if (why := self._why_not_instance(actor, one))]
        if action == "StopInstances":
            named = [value for name, value in params.items() if name.startswith("InstanceId.")]
            return [(one, why) for one in named if (why := self._why_not_instance(actor, one)) == "it is somebody's"]
        if action == "DeleteImage":
            return [(params["ImageId"], why) for why in self._why_not_image(params["ImageId"])]
        if action == "DeleteSnapshot":
            used = [one for one in self.store.all(Image) if params["SnapshotId"] in one.snapshots]
            return [(params["SnapshotId"], f"{one.id} consists of it") for one in used]
        if action == "DELETE runners":
            runner = self.store.get(GitHubRunner, path.rpartition("/")[2])
            owner = self.owners.get(runner.name) if runner else None
            if runner and owner is not actor and (runner.job or is_online(runner, self.clock.now())):
                return [(runner.id, f"{runner.name} is online")]
        return []

    def after(
        self, actor: Actor, action: str, params: Mapping[str, str], judged: list[tuple[str, str]], now: float
    ) -> None:
        """Judge what the call has done."""
        for one, why in judged:
            if self._gone(one):
                self._break(now, f"{actor.name}: {action} of {one} ({why})")
        if action in IMAGE_CALLS:
            self.names(now, f"{actor.name}: {action} {params.get('ImageId', '')}")
        self._meter(now)
        if action == "RunInstances":
            self._limits(actor, now)
            self._amounts(actor, params, now)
            self._spending(actor, now)

    def names(self, now: float, what: str) -> None:
        """Each published name has an answer: an image that is Available and has passed its test."""
        for region in REGIONS:
            for alias in ALIASES:
                self.checks += 1
                found = look_up(self._client.in_region(region), name_reference(alias, "amd64"))
                if found is None:
                    if (region, alias) in self.published:
                        self._break(now, f"{what}: {alias} has no answer in {region}")
                    continue
                self.published.add((region, alias))
                image = found.image
                if image.status != "Available" or not BOOT_TEST.matches(image.tags, PASSED):
                    self._break(now, f"{what}: {alias} is {image.image_id}, {image.status}, {dict(image.tags)}")

    def _limits(self, actor: Actor, now: float) -> None:
        for one in self.store.all(Instance):
            self.checks += 1
            limited = one.auto_release <= one.created + MOST_LIFE_SECONDS or PARKED.key in one.tags
            if self.owners.get(one.id) is actor and MANAGED_BY.matches(one.tags) and not limited:
                self._break(now, f"{actor.name}: {one.id} has no end")

    def _amounts(self, actor: Actor, params: Mapping[str, str], now: float) -> None:
        """A launch has no more instances than it asked for, however often its calls were repeated."""
        launch = dict(Params(params).pairs("Tag")).get(LAUNCH.key)
        if launch is None:
            return  # the field's protocols do not tell their launches apart
        self.checks += 1
        most = self.wanted[launch] = max(self.wanted.get(launch, 0), int(params["Amount"]))
        made = [one.id for one in self.store.all(Instance) if LAUNCH.read(one.tags) == launch and one.gone == NEVER]
        if len(made) > most:
            self._break(now, f"{actor.name}: {', '.join(made)} are of one launch, which wants {most}")

    def _meter(self, now: float) -> None:
        """Read what the machines of scale sets cost: they run, stop, run again, and go."""
        if not self.budget:
            return
        runners = " ".join(runner.name for runner in self.store.all(GitHubRunner))
        for one in self.store.all(Instance):
            if one.id in self.bills and SCALE_SET.key not in one.tags:
                self.bills[one.id].ended = True  # a person has taken its tags: nobody can tell whose it is
            elif SCALE_SET.key in one.tags:
                bill = self.bills.setdefault(one.id, Bill(self.owners.get(one.id), one.created))
                registered = one.id.removeprefix("i-") in runners  # the names of runners contain it
                bill.begun |= registered
                bill.ended = one.gone != NEVER or (bill.begun and not registered)
                bill.read(now, one.price if one.gone > now and one.state == "Running" else 0.0)
        for name in self.bills.keys() - {one.id for one in self.store.all(Instance)}:
            self.bills[name].read(now, 0.0)

    def _spending(self, actor: Actor, now: float) -> None:
        """A server launches what the budget holds if each of its machines does the longest job."""
        if not self.budget or not actor.serves:
            return
        self.checks += 1
        spent = sum(bill.amount for bill in self.bills.values())
        # Who takes over does not see yet what the one before has launched at the last moment.
        known = [
            bill
            for bill in self.bills.values()
            if not bill.ended and (bill.by is actor or now - bill.since > TAKE_OVER_SECONDS)
        ]
        promised = sum(bill.price * max(0.0, LONGEST_JOB_SECONDS - (now - bill.since)) / 3600 for bill in known)
        if spent + promised > self.budget * 1.05 + COUNT_LAG:
            self._break(now, f"{actor.name}: {spent:.2f} CNY are spent, {promised:.2f} promised, of {self.budget:.2f}")

    def _why_not_instance(self, actor: Actor, instance_id: str) -> str:
        one = self.store.get(Instance, instance_id)
        self.checks += 1
        if one is None or one.gone != NEVER or one.state != "Running":
            return ""  # nobody works with what is stopped
        owner = self.owners.get(instance_id)
        if owner is None:
            return "it is somebody's"
        runner = next((each for each in self.store.all(GitHubRunner) if each.name == one.name), None)
        if runner and runner.job and owner is not actor:
            return "it has a job"
        if SCALE_SET.key in one.tags and SCALE_SET.read(one.tags) == actor.serves:
            return ""  # whoever has the session of a scale set has its machines
        if owner is not actor and owner.alive and instance_id not in self.handed_over:
            return f"{owner.name} works with it"
        return ""

    def _why_not_image(self, image_id: str) -> list[str]:
        image = self.store.get(Image, image_id)
        self.checks += 1
        if image is None:
            return []
        why = [] if MANAGED_BY.matches(image.tags) else ["it is somebody's"]
        why += ["it is protected"] if PROTECTED.matches(image.tags) else []
        return why + (["it is published"] if image.name in ALIASES else [])

    def _gone(self, one: str) -> bool:
        if one.startswith("i-"):
            instance = self.store.get(Instance, one)
            return instance is None or instance.gone != NEVER or instance.state != "Running"
        if one.startswith("m-"):
            return self.store.get(Image, one) is None
        return self.store.get(Snapshot, one) is None and self.store.get(GitHubRunner, one) is None

    def _break(self, now: float, words: str) -> None:
        self.broken.append(f"at {now - START:.0f} s: {words}" if now else words)


@dataclass
class _Straight:
    """A transport without a network, without waits and without trouble."""

    gateway: Gateway

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        """See ``Transport.send``."""
        del endpoint, deadline
        path, _, query = target.partition("?")
        lower = {name.lower(): value for name, value in headers.items()}
        reply = self.gateway.handle(method, path, query, lower, content)
        return Answer(reply.status, reply.headers.get("content-type", ""), reply.body, reply.headers)

    def close(self) -> None:
        """See ``Transport.close``."""


@dataclass
class _Still:
    """A clock on which nobody waits."""

    clock: LocalClock

    def now(self) -> float:
        """See ``Clock.now``."""
        return self.clock.now()

    def sleep(self, seconds: float) -> None:
        """See ``Clock.sleep``."""
        raise AssertionError(f"who only looks does not wait ({seconds} s)")

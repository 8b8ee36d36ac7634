"""Random markets, and what it takes to get an instance in each: goldrun's launch beside the usual way.

The usual way (as published scripts do it): an advisor lists the five cheapest offers by vCPU, whatever their stock;
each is tried with three disk categories, blindly. Both go over HTTP, on the same markets; what could be had at all, and
for how much, is read from the local cloud's own ledger.

Usage: python -m benchmarks.spot_markets [--markets N] [--processes N] [--json FILE]
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec.structs import replace as replaced

from benchmarks.results import Ratio, report
from goldrun.cloud.client import EcsClient
from goldrun.cloud.credentials import Credentials
from goldrun.cloud.errors import ApiError
from goldrun.errors import GoldrunError
from goldrun.http.endpoint import parse_endpoint
from goldrun.http.transport import HttpTransport
from goldrun.launch.acquire import acquire
from goldrun.launch.offers import DISKS, Criteria, Span
from goldrun.launch.settings import LaunchSettings, Network
from local_cloud import seed
from local_cloud.catalogue import REGIONS
from local_cloud.clock import LocalClock
from local_cloud.instance_types import INSTANCE_TYPES, InstanceType
from local_cloud.listening import listen
from local_cloud.market import Market, disks_in, sold_in, spot_price, spot_stock
from local_cloud.records import Disk, Image, Instance, Usage
from local_cloud.server import LocalCloud

ZONES = REGIONS[seed.REGION].zones
GROUP = f"sg-local-{seed.REGION}"
USUAL_CANDIDATES = 5
USUAL_DISKS = ("cloud_essd", "cloud_ssd", "cloud_efficiency")
# What people ask for, and how often: most workflows name a type.
KINDS = {"one type": 8, "two types": 4, "five types": 2, "a size, two zones": 3, "a size, all zones": 3}


class StandingClock:
    """A clock that only moves when somebody waits."""

    def __init__(self, now: float) -> None:
        self.value = now

    def now(self) -> float:
        """Seconds since 1970."""
        return self.value

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.value += seconds


@dataclass
class Bench:
    """A local cloud whose time stands, and a client of it."""

    cloud: LocalCloud
    clock: StandingClock
    url: str
    transport: HttpTransport

    def client(self) -> EcsClient:
        """A client that counts its calls."""
        return EcsClient(
            region=seed.REGION,
            credentials=lambda: Credentials(seed.KEY.id, seed.KEY.secret),
            transport=self.transport,
            clock=self.clock,
            endpoint=parse_endpoint(self.url),
        )

    def enter(self, market: Market) -> None:
        """Let this be the market; no instance runs in it."""
        store = self.cloud.store
        kinds = (Instance, Disk, Usage)
        store.remove(*(record for kind in kinds for record in store.all(kind)))
        store.put(replaced(store.settings(), market=market))


@dataclass(frozen=True)
class Outcome:
    """How one market went.

    Attributes:
        kind: of the criteria.
        best: the lowest price at which an instance could be had; 0: none could.
        paid: what goldrun pays; 0: it got none.
        calls: what that took.
        warm: what it takes with a file of candidates (no discovery).
        usual_paid: what the usual way pays; 0: it got none.
        usual_calls: what that took, the advisor's own calls not counted.
    """

    kind: str
    best: float
    paid: float
    calls: int
    warm: int
    usual_paid: float
    usual_calls: int


@contextmanager
def bench() -> Iterator[Bench]:
    """A local cloud that serves."""
    clock = StandingClock(1_795_000_000.0)
    cloud = LocalCloud(None, clock=LocalClock(wall=clock.now))
    listening = listen(0)
    thread = threading.Thread(target=cloud.serve, args=(listening,), daemon=True)
    thread.start()
    while not cloud.started:
        time.sleep(0.01)
    image = {"region": seed.REGION, "owner": seed.ACCOUNT, "created": 0.0, "ready": 0.0}
    for name, architecture in (("m-amd64", "x86_64"), ("m-arm64", "arm64")):
        cloud.store.put(Image(id=name, name=name, architecture=architecture, **image))  # type: ignore[arg-type]
    transport = HttpTransport({}, clock)
    try:
        yield Bench(cloud, clock, f"http://127.0.0.1:{listening.getsockname()[1]}", transport)
    finally:
        transport.close()
        cloud.stop()
        thread.join(10)
        listening.close()


def draw(number: int) -> tuple[Market, Criteria, tuple[str, ...], str]:
    """A market, criteria, the zones where it could be put, and the kind of the criteria."""
    chance = random.Random(number)
    market = Market(seed=number, scarcity=chance.uniform(0.1, 0.97), phantoms=chance.choice((0.0, 0.03, 0.1)))
    if chance.random() < 0.2:
        struck = tuple(chance.sample(ZONES, chance.randint(1, 3)))
        market = replaced(market, scenario=chance.choice(("stock-out", "price-spike")), zones=struck)
    architecture = chance.choice(("amd64", "arm64"))
    kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
    zones: tuple[str, ...] = ZONES
    cpus = chance.choice((4, 8, 16))
    names = [one.id for one in _of(architecture) if one.cpus == cpus]
    if kind == "one type":
        criteria = Criteria(types=(chance.choice(names),))
    elif kind.endswith("types"):
        criteria = Criteria(types=tuple(chance.sample(names, 2 if kind == "two types" else 5)))
    else:
        criteria = Criteria(architecture=architecture, cpus=Span(cpus))
        if kind == "a size, two zones":
            zones = tuple(chance.sample(ZONES, 2))
    return market, replace(criteria, architecture=architecture), zones, kind


def play(stage: Bench, number: int) -> Outcome:
    """Launch in one market, both ways."""
    market, criteria, zones, kind = draw(number)
    stage.enter(market)
    best = cheapest(market, criteria, zones, stage.clock.now())
    if best == 0:
        return Outcome(kind, 0.0, 0.0, 0, 0, 0.0, 0)
    # Every other time the vSwitches are looked up: a call more.
    vswitches = {} if zones == ZONES and number % 2 else {zone: f"vsw-local-{zone}" for zone in zones}
    settings = LaunchSettings(
        Network(GROUP, vswitches), key=f"bench {number}", image_id=f"m-{criteria.architecture}", criteria=criteria
    )
    client = stage.client()
    try:
        got = acquire(client, settings)
    except GoldrunError:
        return Outcome(kind, best, 0.0, client.calls, 0, *_usual_way(stage, market, criteria, zones))
    calls, offer = client.calls, got[0].offer
    assert offer is not None
    warm = stage.client()
    acquire(warm, replace(settings, key=f"warm {number}", candidates=(offer,)))
    paid = offer.price
    stage.enter(market)
    return Outcome(kind, best, paid, calls, warm.calls, *_usual_way(stage, market, criteria, zones))


def cheapest(market: Market, criteria: Criteria, zones: tuple[str, ...], now: float) -> float:
    """The lowest price of what can be had with the best disk category that anything can be had with; 0: nothing."""
    for disk in DISKS:
        prices = [
            spot_price(market, one, zone, now)
            for one in _matching(criteria)
            for zone in zones
            if sold_in(market, one, zone)
            and disk in disks_in(market, one, zone)
            and spot_stock(market, one, zone, now) > 0
        ]
        if prices:
            return min(prices)
    return 0.0


def _usual_way(stage: Bench, market: Market, criteria: Criteria, zones: tuple[str, ...]) -> tuple[float, int]:
    """Five candidates, three disks each; the price paid (0: no instance) and the calls."""
    now = stage.clock.now()
    listed = sorted(
        (spot_price(market, one, zone, now) / one.cpus, one.id, zone, spot_price(market, one, zone, now))
        for one in _matching(criteria)
        for zone in zones
        if sold_in(market, one, zone)
    )
    client = stage.client()
    for _, name, zone, price in listed[:USUAL_CANDIDATES]:
        for disk in USUAL_DISKS:
            try:
                client.call(
                    "RunInstances",
                    {
                        "ImageId": f"m-{criteria.architecture}",
                        "InstanceType": name,
                        "VSwitchId": f"vsw-local-{zone}",
                        "SecurityGroupId": GROUP,
                        "SpotStrategy": "SpotWithPriceLimit",
                        "SpotPriceLimit": f"{price * 1.2:.3f}",
                        "SystemDisk.Category": disk,
                    },
                )
            except ApiError as error:
                if "InvalidSystemDiskCategory" in error.code:
                    continue
                break
            return price, client.calls
    return 0.0, client.calls


def _of(architecture: str) -> list[InstanceType]:
    wanted = "x86_64" if architecture == "amd64" else "arm64"
    return [one for one in INSTANCE_TYPES.values() if one.architecture == wanted]


def _matching(criteria: Criteria) -> list[InstanceType]:
    if criteria.types:
        return [INSTANCE_TYPES[name] for name in criteria.types]
    return [one for one in _of(criteria.architecture) if one.cpus in criteria.cpus]


def play_many(numbers: range) -> list[Outcome]:
    """Play several markets on a cloud of their own."""
    with bench() as stage:
        return [play(stage, number) for number in numbers]


def main() -> int:
    """Play, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--markets", type=int, default=10_000, help="with an offer that can be had")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    outcomes: list[Outcome] = []
    batch, number = 250, 0
    with ProcessPoolExecutor(options.processes) as pool:
        while len(outcomes) < options.markets:
            spans = [range(number + batch * part, number + batch * (part + 1)) for part in range(options.processes)]
            number = spans[-1].stop
            outcomes += [one for found in pool.map(play_many, spans) for one in found if one.best > 0]
    outcomes = outcomes[: options.markets]
    got = [one for one in outcomes if one.paid]
    usual = [one for one in outcomes if one.usual_paid]
    worst = max(one.paid / one.best for one in got)
    calls, warm = statistics.median(one.calls for one in got), statistics.median(one.warm for one in got)
    print(f"{len(outcomes)} markets with an offer that could be had, of {number} drawn")
    print(f"goldrun: got one in {len(got)}; paid at worst {worst:.3f} x the cheapest; median {calls:g} calls, ", end="")
    print(f"{warm:g} without discovery (what time it is, and the launch)")
    for kind in KINDS:
        some = sorted(one.calls for one in got if one.kind == kind)
        print(f"  {kind}: median {statistics.median(some):g} calls, at most {some[-1]} ({len(some)} markets)")
    ratio = statistics.mean(one.usual_paid / one.best for one in usual)
    tries = statistics.median(one.usual_calls for one in outcomes)
    print(f"the usual way: got one in {len(usual)} ({len(usual) / len(outcomes):.0%}); paid on the average ", end="")
    print(f"{ratio:.2f} x the cheapest; median {tries:g} tries, after an advisor's own calls")
    ratios = [
        Ratio("spot, price: goldrun at worst / the cheapest that could be had", worst, 1.05),
        Ratio("spot, price: goldrun on the average / the usual way", _mean(got, "paid") / _mean(usual, "usual_paid")),
        Ratio("spot, instances not got: goldrun / what could be had", 1 - len(got) / len(outcomes), 0.0),
    ]
    return int(report(ratios, options.json) or calls > 5 or warm > 2)


def _mean(outcomes: list[Outcome], member: str) -> float:
    """The mean of a price, as a multiple of the cheapest."""
    return float(statistics.mean(getattr(one, member) / one.best for one in outcomes))


if __name__ == "__main__":
    sys.exit(main())

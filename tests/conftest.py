"""A local cloud over real HTTP, and clients for it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings
from msgspec.structs import replace

from goldrun.cloud.client import EcsClient
from goldrun.cloud.credentials import Credentials
from goldrun.http.endpoint import Endpoint, parse_endpoint
from goldrun.http.transport import Transport
from local_cloud import seed
from local_cloud.clock import LocalClock
from local_cloud.faults import FaultRule, Kind
from local_cloud.github.api import API, TOKEN
from local_cloud.github.router import PREFIX
from local_cloud.listening import listen
from local_cloud.market import Market
from local_cloud.records import Image, Instance, Snapshot
from local_cloud.server import LocalCloud
from local_cloud.store import KINDS
from tests.commands import Goldrun
from tests.virtual_time import DirectTransport, FakeClock, FakeTimeTransport, Wall

# A shell's background jobs ignore it, and so would every program that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["GOLDRUN_LANG"] = "en"  # whatever the developer's own language is
settings.register_profile("goldrun", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile("goldrun")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a part of the tests, by their files: ``GOLDRUN_TEST_SHARD=1/3`` is the first of three parts."""
    wanted = os.environ.get("GOLDRUN_TEST_SHARD") or "1/1"
    number, _, parts = wanted.partition("/")
    if not (number.isdigit() and parts.isdigit() and 1 <= int(number) <= int(parts)):
        raise pytest.UsageError(f"GOLDRUN_TEST_SHARD={wanted}: write 1/3 for the first of three parts")
    left_out = [
        item for item in items if crc32(item.nodeid.partition("::")[0].encode()) % int(parts) != int(number) - 1
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


REGION = seed.REGION
NOW = 1_795_000_000.0  # 2026-11-18
QUICK = {"boot_seconds": 1.0, "release_seconds": 0.5, "image_seconds": 1.0, "stop_seconds": 0.5}


@dataclass
class Running:
    """A local cloud that serves, and a hand inside it.

    Attributes:
        direct: clients of this process need no network.
    """

    cloud: LocalCloud
    port: int
    wall: Wall
    direct: bool
    transports: list[Transport] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> Endpoint:
        return parse_endpoint(self.url)

    def fault(self, kind: Kind, action: str = "*", times: int | None = 1, **more: Any) -> None:
        self.cloud.gateway.faults.add(FaultRule(kind=kind, action=action, times=times, **more))

    def image(self, name: str, **fields: Any) -> str:
        """Put an image into the account, and return its id."""
        number = sum(1 for _ in self.cloud.store.all(Image))
        made: dict[str, Any] = {
            "id": f"m-test{number:08d}",
            "region": REGION,
            "owner": seed.ACCOUNT,
            "name": name,
            "created": self.wall.value - 3600 - number,
            "ready": 0.0,
            **fields,
        }
        image = Image(**made)
        self.cloud.store.put(image)
        return image.id

    def instances(self) -> list[Instance]:
        """The instances that there are now, although nothing has asked for them since others ended."""
        now = self.cloud.clock.now()
        return [one for one in self.cloud.store.all(Instance) if now < one.ends()]

    def instance_ids(self) -> set[str]:
        return {one.id for one in self.instances()}

    def undeleted(self) -> set[str]:
        """The ids of the instances whose deletion has not begun."""
        now = self.cloud.clock.now()
        return {one.id for one in self.instances() if one.status(now) != "Stopping"}

    def snapshot(self, snapshot_id: str = "s-test0001", **fields: Any) -> str:
        made: dict[str, Any] = {
            "id": snapshot_id,
            "region": REGION,
            "owner": seed.ACCOUNT,
            "created": NOW - 100,
            "ready": 0.0,
            **fields,
        }
        self.cloud.store.put(Snapshot(**made))
        return snapshot_id

    def always_in_stock(self, seed: int = 11, /, *, speed: float | None = None, **settings: float) -> Self:
        """Let the market sell every offer that it lists.

        Args:
            seed: decides prices, and what is sold where.
            speed: how fast the cloud's time runs (None: as before).
            settings: how long things take, by the names of the cloud's settings.
        """
        store = self.cloud.store
        market = Market(seed=seed, scarcity=0.0, phantoms=0.0)
        store.put(replace(store.settings(), market=market, **settings))
        if speed is not None:
            self.cloud.clock.set_speed(speed)
        return self

    def checkpoint(self) -> Callable[[], None]:
        """Return what makes the cloud again as it is now, but for the time, which goes on."""
        store = self.cloud.store
        records = [one for kind in KINDS.values() for one in store.all(kind)]

        def return_there() -> None:
            store.clear()
            store.put(*records)

        return return_there

    def client(self, **options: Any) -> EcsClient:
        """A client in virtual time."""
        clock = FakeClock(self.wall)
        self.transports.append(DirectTransport(self.cloud, clock) if self.direct else FakeTimeTransport(clock))
        made: dict[str, Any] = {
            "region": REGION,
            "credentials": lambda: Credentials(seed.KEY.id, seed.KEY.secret),
            "transport": self.transports[-1],
            "clock": clock,
            "endpoint": self.endpoint,
            **options,
        }
        return EcsClient(**made)

    def environment(self, **more: str) -> dict[str, str]:
        """What a script of the seed needs, and nothing else."""
        return {
            "PATH": os.environ["PATH"],
            "GOLDRUN_ENDPOINT": self.url,
            "ALIBABA_CLOUD_ACCESS_KEY_ID": seed.KEY.id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": seed.KEY.secret,
            "ALIYUN_REGION_ID": REGION,
            **more,
        }

    def github(self) -> dict[str, str]:
        """What a command needs to use the cloud's GitHub."""
        url = f"{self.url}{PREFIX}"
        return {"GITHUB_API_URL": url + API, "GITHUB_SERVER_URL": url, "GOLDRUN_GITHUB_TOKEN": TOKEN}


def _serve(clock: LocalClock, wall: Wall, *, run_jobs_here: bool = False, direct: bool = False) -> Iterator[Running]:
    cloud = LocalCloud(None, clock=clock, run_jobs_here=run_jobs_here)
    listening = listen(0)
    port = listening.getsockname()[1]

    def serve() -> None:
        with listening:
            cloud.serve(listening)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not cloud.started:
        assert time.monotonic() < deadline, "the local cloud did not start"
        time.sleep(0.005)
    running = Running(cloud, port, wall, direct)
    yield running
    for transport in running.transports:
        transport.close()
    cloud.stop()
    # It ends while the next test runs: a server notices within a tenth of a second, and there are a thousand of them.
    _ending.append(thread)


_ending: list[threading.Thread] = []


@pytest.fixture(autouse=True, scope="session")
def no_server_stays() -> Iterator[None]:
    """Every local cloud of the tests has ended in the end."""
    yield
    for thread in _ending:
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def frozen() -> Iterator[Running]:
    """An empty local cloud whose time a test moves; only clients on the same clock can talk to it."""
    wall = Wall(NOW)
    yield from _serve(LocalClock(wall=wall), wall, direct=True)


@pytest.fixture
def live() -> Iterator[Running]:
    """An empty local cloud on the machine's time, for SDKs, scripts and commands.

    Its market never sells out: what a test can launch would depend on the hour.
    """
    wall = Wall(time.time())
    for running in _serve(LocalClock(), wall, run_jobs_here=True):
        yield running.always_in_stock(1)


@pytest.fixture
def populated(live: Running) -> Running:
    """``live`` with the realistic account in it."""
    seed.populate(live.cloud.store, live.cloud.clock.now())
    return live


@pytest.fixture
def env(populated: Running, tmp_path: Path) -> dict[str, str]:
    """The environment of ``goldrun``; a module that needs another one overrides this fixture alone."""
    return populated.environment(HOME=str(tmp_path), ALIYUN_SECURITY_GROUP_ID=f"sg-local-{REGION}")


@pytest.fixture
def goldrun(env: dict[str, str], tmp_path: Path) -> Goldrun:
    """Runs commands in an empty folder, which is the home too."""
    return Goldrun(env, tmp_path)


@pytest.fixture
def fake_clock() -> Callable[[], FakeClock]:
    return lambda: FakeClock(Wall(NOW))

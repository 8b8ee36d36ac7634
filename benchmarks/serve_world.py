"""A world for `goldrun serve` in virtual time: a cloud, a GitHub, machines, servers, and any number of jobs.

The servers are goldrun's own, two threads for each scale set; every request takes a while. What a machine does between
its configuration and its end is played: its runner connects, takes a job, runs it, and the machine is gone.
"""

from __future__ import annotations

import base64
import heapq
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs

from msgspec.structs import replace as replaced

from benchmarks.in_memory import SERVER, answer, open_clients
from benchmarks.interleaving import Stage
from goldrun.cloud.client import EcsClient
from goldrun.config import DEFAULT_TIMEOUT_SECONDS
from goldrun.github.client import GitHub
from goldrun.github.paths import general_path
from goldrun.github.scope import Scope
from goldrun.guest import INBOX, read_configuration
from goldrun.http.endpoint import Endpoint
from goldrun.http.http1 import Answer
from goldrun.launch.cache import FileCache
from goldrun.serve.assembly import Common, build_worker
from goldrun.serve.config import NetworkPart, Profile
from goldrun.serve.observer import Observer
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.serve.server import Steps
from goldrun.serve.worker import Worker
from local_cloud import lifecycle, seed
from local_cloud.actions.assistant import ASSISTANT_SECONDS
from local_cloud.clock import LocalClock
from local_cloud.faults import Faults
from local_cloud.gateway import Gateway, Reply
from local_cloud.github import router
from local_cloud.github.jobs import Jobs
from local_cloud.github.records import GitHubJob, GitHubRun, GitHubRunner
from local_cloud.market import Market
from local_cloud.records import Image, Instance, Invocation, Usage
from local_cloud.store import Store

START = 1_795_000_000.0
SCOPE = Scope("octo-org")
REPOSITORY = "octo-org/octo-repo"
LATENCY = 0.1  # of a request
DELIVERY_SECONDS = 0.3  # of a file
CONNECT_SECONDS = 3.0  # of a runner
SEEN_SECONDS = 15.0
TICK_SECONDS = 0.25  # how exactly things happen


@dataclass
class Ran:
    """A job that has ended.

    Attributes:
        label: its label.
        queued: when it was queued.
        started: when a runner had it.
    """

    label: str
    queued: float
    started: float


@dataclass
class Tally:
    """What requests cost.

    Attributes:
        calls: requests by what they ask.
        minutes: the same in each minute.
        answering: processor seconds of the local cloud, not of the server.
    """

    calls: Counter[str] = field(default_factory=Counter)
    minutes: Counter[tuple[str, int]] = field(default_factory=Counter)
    answering: float = 0.0


class World:
    """Everything but the servers."""

    def __init__(self, number: int, folder: Path, *, market: Market | None = None) -> None:
        """Begin, with random choices seeded by ``number``; the market's cache is in ``folder``."""
        self.random = Random(number)
        self.stage = Stage(self.random, START)
        clock = LocalClock(wall=self.stage.now)
        self.store = Store(None, self.stage.now)
        seed.put_defaults(self.store)
        settings = replaced(self.store.settings(), market=market or Market(seed=number, scarcity=0.0, phantoms=0.0))
        self.store.put(replaced(settings, cpu_quota=1_000_000))
        faults = Faults(number)
        self.gateway = Gateway(self.store, clock, faults)
        self.jobs = Jobs(self.store, clock)
        self.github = router.Router(self.jobs, faults, router.Urls(SERVER, SERVER), secret="")
        self.cache = FileCache({}, self.stage, folder)
        self.tally = Tally()
        self.ran: list[Ran] = []
        self.most = 0  # machines at once
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._idle: dict[str, tuple[str, str]] = {}  # runners that wait: by number, their set and machine
        self._busy: set[str] = set()  # runners with a job
        self._seen = START
        self._seconds: dict[str, float] = {}
        self.store.put(
            Image(
                id="m-runner",
                region=seed.REGION,
                owner=seed.ACCOUNT,
                name="fam-amd64-latest",
                family="fam-amd64",
                created=START - 86400.0,
                ready=START - 86000.0,
            )
        )

    @property
    def unavoidable(self) -> float:
        """Seconds that the cloud and the runner take from a launch to a job."""
        return self.store.settings().boot_seconds + ASSISTANT_SECONDS + DELIVERY_SECONDS + CONNECT_SECONDS

    def at(self, moment: float, what: Callable[[], None]) -> None:
        """Let something happen at a moment."""
        self._count += 1
        heapq.heappush(self._events, (moment, self._count, what))

    def queue(self, label: str, seconds: float) -> None:
        """Queue a job that takes so long."""
        run = self.jobs.begin_run(REPOSITORY, "ci.yml")
        job = self.jobs.add_job(run, name="test", labels=(label,))
        self._seconds[job.id] = seconds

    def live(self) -> None:
        """Let happen what is due, for ever."""
        while True:
            while self._events and self._events[0][0] <= self.stage.now():
                heapq.heappop(self._events)[2]()
            if self.stage.now() >= self._seen + SEEN_SECONDS:
                self._refresh()
            self._take()
            self.most = max(self.most, sum(1 for _ in self.store.all(Instance)))
            self.stage.sleep(TICK_SECONDS)

    def send(self, method: str, target: str, headers: Mapping[str, str], content: bytes, deadline: float) -> Reply:
        """Answer a request, after a while."""
        self.stage.sleep(LATENCY)
        query = target.partition("?")[2]
        name = headers.get("x-acs-action") or f"github {method} {general_path(target)}"
        self.tally.calls[name] += 1
        self.tally.minutes[name, int(self.stage.now() // 60)] += 1
        began = time.thread_time()
        reply = answer(self.gateway, self.github, method, target, headers, content)
        self.tally.answering += time.thread_time() - began
        end = min(deadline, self.stage.now() + reply.patience)
        while reply.again and self.stage.now() < end:
            self.stage.sleep(TICK_SECONDS)
            began = time.thread_time()
            later = reply.again()
            self.tally.answering += time.thread_time() - began
            if later.status != reply.status:
                return later
        if headers.get("x-acs-action") == "SendFile" and reply.status == 200:
            self._sent(parse_qs(query)["InstanceId.1"][0])
        return reply

    def _sent(self, machine: str) -> None:
        found = [one for one in self.store.all(Invocation) if one.instance == machine and one.file == INBOX]
        packed = json.loads(base64.b64decode(read_configuration(found[-1].content)["JITCONFIG"]))
        number = str(json.loads(base64.b64decode(packed[".runner"]))["agentId"])
        self.store.remove(*found[:-1])
        self.at(self.stage.now() + CONNECT_SECONDS, lambda: self._connect(number, machine))

    def _connect(self, number: str, machine: str) -> None:
        runner = self.store.get(GitHubRunner, number)
        if runner is not None and self.store.get(Instance, machine):
            self.store.put(replaced(runner, seen=self.stage.now()))
            self._idle[number] = runner.scale_set, machine

    def _refresh(self) -> None:
        self._seen = self.stage.now()
        for number in (*self._idle, *self._busy):
            if runner := self.store.get(GitHubRunner, number):
                self.store.put(replaced(runner, seen=self.stage.now()))
            else:
                self._idle.pop(number, None)
                self._busy.discard(number)

    def _take(self) -> None:
        """Let runners that wait take the jobs of their sets."""
        open_jobs: dict[str, list[GitHubJob]] = {}
        for job in self.store.all(GitHubJob):
            if job.status == "queued" and job.assigned:
                open_jobs.setdefault(job.scale_set, []).append(job)
        for number, (scale_set, machine) in list(self._idle.items()):
            runner = self.store.get(GitHubRunner, number)
            if runner is None or not open_jobs.get(scale_set):
                continue
            open_jobs[scale_set].pop()
            if taken := self.jobs.take(runner):
                del self._idle[number]
                self._busy.add(number)
                self.at(self.stage.now() + self._seconds.pop(taken.id), partial(self._end, taken, machine))

    def _end(self, job: GitHubJob, machine: str) -> None:
        self.ran.append(Ran(job.labels[0], job.created, job.started))
        self.jobs.end(job, "success")
        # What is over is of no use here, and would slow down every look.
        run = self.store.get(GitHubRun, job.run)
        runner = self.store.get(GitHubRunner, job.runner)
        self.store.remove(*(one for one in (self.store.get(GitHubJob, job.id), run, runner) if one))
        if instance := self.store.get(Instance, machine):
            lifecycle.release(self.store, self.store.settings().market, [instance], self.stage.now())
        self.store.remove(*(one for one in self.store.all(Usage) if one.id == machine))
        self.store.remove(*(one for one in self.store.all(Invocation) if one.instance == machine))

    def clients(self) -> tuple[EcsClient, GitHub]:
        """Return both clients of a thread."""
        return open_clients(_Transport(self), self.stage, timeout=DEFAULT_TIMEOUT_SECONDS)


@dataclass
class _Transport:
    """See ``Transport``: every request goes to the world."""

    world: World

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
        del endpoint
        reply = self.world.send(method, target, headers, content, deadline)
        return Answer(reply.status, reply.headers.get("content-type", ""), reply.body, reply.headers)

    def close(self) -> None:
        """See ``Transport.close``."""


@dataclass
class Served:
    """A scale set that a server serves.

    Attributes:
        worker: its worker.
        said: what the server has said.
        seconds: processor seconds of its threads, the answers included.
    """

    worker: Worker
    said: list[str]
    seconds: dict[str, float] = field(default_factory=dict)


def serve(world: World, label: str, common: Common, observer: Observer | None = None, **profile: Any) -> Served:
    """Serve a label from now on, in two threads."""
    given = {"image": "fam-amd64-latest", "life": "6h", "cpu": "4", **profile}
    network = NetworkPart(security_group=f"sg-local-{seed.REGION}", role="self-destruct")
    spec = ScaleSetSpec(label, SCOPE, "Default", (label,), Profile(**given), None, "", network, label)
    said: list[str] = []
    client, github = world.clients()
    worker = build_worker(
        client, github, spec, {}, owner="one", report=said.append, cache=world.cache, common=common, observer=observer
    )
    steps = Steps(worker, world.stage, said.append)
    served = Served(worker, said)

    def repeat(name: str, step: Callable[[], float]) -> Callable[[], None]:
        def run() -> None:
            while True:
                pause = steps.guarded(name, step)
                served.seconds[name] = time.thread_time()
                world.stage.sleep(max(pause, 0.001))

        return run

    world.stage.add(f"{label} works", repeat("work", steps.work), endless=True)
    world.stage.add(f"{label} listens", repeat("listen", steps.listen), endless=True)
    return served

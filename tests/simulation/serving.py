"""A server of ``goldrun serve`` in virtual time: a step at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from goldrun.clock import Clock
from goldrun.github.scope import Scope
from goldrun.serve.assembly import Common, build_worker
from goldrun.serve.config import NO_LIMITS, Limits, NetworkPart, Profile
from goldrun.serve.observer import Observer
from goldrun.serve.quota import Quota
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.serve.server import Steps
from goldrun.serve.worker import Worker
from local_cloud.github.api import TOKEN
from local_cloud.github.records import GitHubJob
from local_cloud.records import Instance
from tests.conftest import REGION, Running
from tests.simulation.played import open_github

SCOPE = Scope("octo-org/octo-repo")
LABEL = "ubuntu-spot"


def with_image(running: Running, **settings: float) -> Running:
    """Give a cloud a market that has everything, settings of its own, and the image that runners boot from."""
    running.image("fam-amd64-latest", id="m-runner", family="fam-amd64")
    return running.always_in_stock(**settings)


def scale_set_spec(label: str = LABEL, limits: Limits = NO_LIMITS, **profile: Any) -> ScaleSetSpec:
    given = {"image": "fam-amd64-latest", "types": ("ecs.c7.2xlarge",), "life": "2h", "longest_job": "30m", **profile}
    network = NetworkPart(security_group=f"sg-local-{REGION}", role="self-destruct")
    return ScaleSetSpec(label, SCOPE, "Default", (label,), Profile(**given), None, "", network, label, limits)


@dataclass
class Served:
    """A server of one scale set."""

    worker: Worker
    steps: Steps
    clock: Clock
    said: list[str]
    free: dict[str, float] = field(default_factory=dict)

    def step(self) -> None:
        """Do both steps that are due now."""
        for name, step in (("listen", self.steps.listen), ("work", self.steps.work)):
            if self.clock.now() >= self.free.get(name, 0.0):
                self.free[name] = self.clock.now() + self.steps.guarded(name, step)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False, *, pace: float = 1.0) -> None:
        """Let the server run for so long, a step each ``pace`` seconds."""
        end = self.clock.now() + seconds
        while self.clock.now() < end and not until():
            self.step()
            self.clock.sleep(pace)


def serve(
    running: Running,
    owner: str = "one",
    client: Any = None,
    *,
    common: Common | None = None,
    observer: Observer | None = None,
    token: str = TOKEN,
    **profile: Any,
) -> Served:
    assert running.cloud._github
    running.cloud._github.poll_seconds = 0.0
    client = client or running.client()
    said: list[str] = []
    github = open_github(running.url, client, token=token)
    spec, report = scale_set_spec(**profile), said.append
    worker = build_worker(client, github, spec, {}, owner=owner, report=report, common=common, observer=observer)
    clock = client.clock.machine
    return Served(worker, Steps(worker, clock, said.append), clock, said)


def queue(running: Running, count: int = 1, label: str = LABEL) -> list[str]:
    jobs = running.cloud.jobs
    run = jobs.begin_run(str(SCOPE), "ci.yml")
    return [jobs.add_job(run, name=f"job-{number}", labels=(label,)).id for number in range(count)]


def jobs_of(running: Running) -> list[GitHubJob]:
    return list(running.cloud.store.all(GitHubJob))


def all_done(running: Running) -> bool:
    return all(job.status == "completed" for job in jobs_of(running))


def machines(running: Running) -> list[Instance]:
    now = running.cloud.clock.now()
    return [one for one in running.cloud.store.all(Instance) if one.status(now) != "Released"]


def alive(cloud: Running) -> list[Instance]:
    """The machines that cost money."""
    now = cloud.cloud.clock.now()
    return [one for one in machines(cloud) if one.status(now) in ("Pending", "Starting", "Running")]


def together(seconds: int, *servers: Served, until: Any = lambda: False, pace: int = 1) -> None:
    """Let several sets, or servers, work in turn, a step each ``pace`` seconds."""
    for _ in range(0, seconds, pace):
        for server in servers:
            server.step()
        servers[0].clock.sleep(float(pace))
        if until():
            return


def promised(cloud: Running) -> float:
    """What the machines that run cost, if each does the longest job."""
    return sum(one.price * 0.5 for one in alive(cloud))


def common_of() -> Common:
    """What the sets of one server share."""
    return Common(Quota(lambda _: None))


def conclusions(cloud: Running, numbers: list[str]) -> list[str]:
    return [one.conclusion or one.status for one in jobs_of(cloud) if one.id in numbers]


def status_of(cloud: Running, number: str) -> str:
    return next(one.conclusion or one.status for one in jobs_of(cloud) if one.id == number)


class Refusing:
    """One set's launches are refused, a number of times."""

    def __init__(self, cloud: Running, inner: Any, times: int, code: str) -> None:
        self.cloud, self.inner, self.times, self.code = cloud, inner, times, code

    def send(self, endpoint: Any, method: str, target: str, headers: Mapping[str, str], *rest: Any) -> Any:
        if headers.get("x-acs-action") == "RunInstances" and self.times > 0:
            self.times -= 1
            self.cloud.fault("error", "RunInstances", times=1, code=self.code, status=403)
        return self.inner.send(endpoint, method, target, headers, *rest)

    def close(self) -> None:
        self.inner.close()


def refuse(cloud: Running, server: Any, times: int, code: str = "OperationDenied.NoStock") -> Refusing:
    found = Refusing(cloud, server.worker.client._transport, times, code)
    server.worker.client._transport = found
    return found


class Capped:
    """ECS refuses a set's launches for a quota that nobody tells: beyond so many machines, its own or of all."""

    def __init__(self, cloud: Running, server: Served, most: int, *, own: bool) -> None:
        self.cloud, self.server, self.most, self.own = cloud, server, most, own
        self.inner: Any = server.worker.client._transport

    def send(self, endpoint: Any, method: str, target: str, headers: Mapping[str, str], *rest: Any) -> Any:
        if headers.get("x-acs-action") == "RunInstances":
            asked = int(re.findall(r"\bAmount=(\d+)", target)[0]) if "Amount=" in target else 1
            there = machines_of(self.cloud, self.server) if self.own else alive(self.cloud)
            if len(there) + asked > self.most:
                self.cloud.fault("error", "RunInstances", times=1, code="QuotaExceed.ElasticQuota", status=403)
        return self.inner.send(endpoint, method, target, headers, *rest)

    def close(self) -> None:
        self.inner.close()


def cap(cloud: Running, server: Served, most: int, *, own: bool = False) -> None:
    server.worker.client._transport = Capped(cloud, server, most, own=own)


def machines_of(cloud: Running, server: Served) -> list[Instance]:
    """The machines of one set that cost money."""
    return [one for one in alive(cloud) if one.id in server.worker.fleet.machines]


def limit_quota(cloud: Running, vcpus: int) -> None:
    cloud.cloud.store.put(replace(cloud.cloud.store.settings(), cpu_quota=vcpus))

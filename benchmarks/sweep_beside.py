"""Sweeps without pause beside builds, runners and launches, in virtual time: what lives stays, what is dead goes.

Images take half an hour; calls take a while, fail, lose their answers and show what was seconds ago; GitHub's list
moves while it is read; a third of the work dies in the middle, and some machines do not delete themselves. Every
deletion is judged when it takes effect, by what the stage knows and no sweep can: who still works with the thing.

Usage: python -m benchmarks.sweep_beside [--works N] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from urllib.parse import parse_qsl

from msgspec.structs import replace as replaced

from benchmarks.in_memory import URL, answer, open_clients
from benchmarks.interleaving import Ended, Stage, Work, chance
from benchmarks.silence import SilentReport
from goldrun import sweep
from goldrun.bake.build import build
from goldrun.bake.context import Options
from goldrun.bake.reading import load
from goldrun.bake.template import TEMPLATE
from goldrun.cloud.client import EcsClient
from goldrun.errors import GoldrunError
from goldrun.github.client import PAGE_SIZE, GitHub
from goldrun.github.scope import repository_scope
from goldrun.guest import INBOX
from goldrun.http.endpoint import Endpoint
from goldrun.http.errors import UnreachableError
from goldrun.http.http1 import Answer
from goldrun.launch.acquire import acquire
from goldrun.launch.offers import Criteria
from goldrun.launch.release import release
from goldrun.launch.settings import LaunchSettings, Network
from goldrun.runners.bootstrap import Bootstrap
from goldrun.runners.lifecycle import Plan, bring_down, bring_up
from goldrun.runners.naming import read_name
from goldrun.runners.orphans import GRACE_SECONDS
from local_cloud import lifecycle, seed
from local_cloud.clock import LocalClock
from local_cloud.faults import FaultRule, Faults
from local_cloud.gateway import Gateway
from local_cloud.github import router
from local_cloud.github.jobs import Jobs
from local_cloud.github.payloads import is_online
from local_cloud.github.records import GitHubJob, GitHubRunner
from local_cloud.market import NEVER, Market
from local_cloud.records import (
    Disk,
    Image,
    Instance,
    Invocation,
    Snapshot,
)
from local_cloud.store import Store

SCOPE = repository_scope("octo-org/octo-repo")
GROUP = f"sg-local-{seed.REGION}"
START = 1_795_000_000.0
TYPES = ("ecs.c7.xlarge", "ecs.g7.xlarge", "ecs.c7.2xlarge")
IMAGE_SECONDS = 1800.0
BEGIN_SECONDS = 2400.0  # within that, all works begin
LATENCY = (0.05, 2.0)
OTHERS = 180  # runners of somebody's at GitHub: two pages
COMING_SECONDS = 15.0
SHIFTING = 0.2  # how often a list moves between its pages so that a runner of ours slips through
TEND_SECONDS = 5.0
IDLE_SECONDS = 900.0
LONGER_SECONDS = 3600.0  # what is dead has to be gone so long after the last work has ended
DYING = 0.35
FORGETFUL = 0.2  # machines that do not delete themselves
FAILING = 0.1  # images whose creation fails


class Crash(BaseException):
    """The process dies."""


@dataclass
class Outcome:
    """How it went.

    Attributes:
        works: builds, runners and launches.
        died: those that were killed in the middle.
        sweeps: sweeps that came to an end.
        unsteady: sweeps that gave up, as the cloud or GitHub could not be read.
        removed: what sweeps have deleted, by kind.
        spared: what they had found, and left alive when they asked again.
        killed: what was alive when it was deleted. There must be none.
        left: what is dead and still there in the end. There must be none.
        errors: what went wrong in works that were not killed, by class.
    """

    works: int = 0
    died: int = 0
    sweeps: int = 0
    unsteady: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    spared: int = 0
    killed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


class World:
    """The cloud, GitHub and the machines, in one process and one time."""

    def __init__(self, number: int) -> None:
        """Begin one that ``number`` decides everything in."""
        self.random = Random(number)
        self.stage = Stage(self.random, START)
        clock = LocalClock(wall=self.stage.now)
        self.store = Store(None, self.stage.now)
        seed.put_defaults(self.store)
        market = Market(seed=number, scarcity=0.0, phantoms=0.2)
        settings = replaced(self.store.settings(), market=market, image_seconds=IMAGE_SECONDS, image_quota=10_000)
        self.store.put(settings)
        self.faults = Faults(number)
        for kind, probability in (("error", 0.01), ("error-after", 0.01), ("timeout-after", 0.005), ("throttle", 0.02)):
            self.faults.add(FaultRule(kind=kind, times=None, probability=probability))  # type: ignore[arg-type]
        self.faults.add(FaultRule(kind="stale", action="Describe*", times=None, probability=0.03, seconds=8.0))
        self.gateway = Gateway(self.store, clock, self.faults)
        self.jobs = Jobs(self.store, clock)
        self.github = router.Router(self.jobs, self.faults, router.Urls(URL, URL), secret="")
        self.outcome = Outcome()
        self.owners: dict[str, Party] = {}  # by instance's id and runner's name
        self.forgetful: set[str] = set()
        self.handed_over: set[str] = set()  # runners' instances, once they are online: from then on the job counts
        self._tended = 0.0
        self._online: dict[str, float] = {}
        self._image("m-runner", "runners-amd64-latest")

    def close(self) -> None:
        """End it."""
        self.store.close()

    def _image(self, image_id: str, name: str) -> None:
        fields = {"region": seed.REGION, "owner": seed.ACCOUNT, "created": START - 9000, "ready": 0.0}
        self.store.put(Image(id=image_id, name=name, **fields))  # type: ignore[arg-type]

    def tend(self) -> None:
        """What machines and their runners do by themselves."""
        now = self.stage.now()
        if now - self._tended < TEND_SECONDS:
            return
        self._tended = now
        lifecycle.settle(self.store, now)
        self._fail_images(now)
        runners = {one.name: one for one in self.store.all(GitHubRunner)}
        given = {
            one.instance for one in self.store.all(Invocation) if one.file == INBOX and one.status(now) == "Success"
        }
        for instance in list(self.store.all(Instance)):
            name = instance.tags.get("Runner", "")
            if name and instance.id in given and instance.status(now) == "Running":
                self._work(instance, runners.get(name), now)

    def _work(self, instance: Instance, runner: GitHubRunner | None, now: float) -> None:
        since = self._online.setdefault(instance.id, now)
        if runner is None:
            self._leave(instance, now)
            return
        runner = replaced(runner, seen=now)
        self.store.put(runner)
        job = self.store.get(GitHubJob, runner.job) if runner.job else self.jobs.take(runner)
        if job and now >= job.started + float(job.name):
            self.store.remove(runner)
            self.jobs.end(job, "success")
            self._leave(instance, now)
        elif job is None and now > since + IDLE_SECONDS:
            self._leave(instance, now)

    def _leave(self, instance: Instance, now: float) -> None:
        if instance.id not in self.forgetful:
            lifecycle.release(self.store, self.store.settings().market, [instance], now)

    def _fail_images(self, now: float) -> None:
        for image in self.store.all(Image):
            if image.tags.get("Family") and image.status(now) == "Creating" and Random(image.id).random() < FAILING:
                self.store.put(replaced(image, state="CreateFailed"))

    def shift(self) -> None:
        """A runner that is old enough for an orphan moves from the second page to the first; the total stands still."""
        runners, now = self.jobs.runners(str(SCOPE)), self.stage.now()
        ours = [
            number
            for number, one in enumerate(runners)
            if number >= PAGE_SIZE and (made := read_name(one.name)) and now - made.at > GRACE_SECONDS
        ]
        if ours:
            others = [one for one in runners[:PAGE_SIZE] if not read_name(one.name)]
            for one in others[: self.random.choice(ours) - PAGE_SIZE + 1]:
                self.store.remove(one)
                self.jobs.register(str(SCOPE), f"{one.name}-again", ["x"], 1)

    def lives(self, instance: Instance) -> bool:
        """Whether somebody still works with it, or it with a job."""
        owner = self.owners.get(instance.id)
        if instance.gone != NEVER:
            return False
        runner = next((one for one in self.store.all(GitHubRunner) if one.name == instance.tags.get("Runner")), None)
        used = owner is not None and owner.alive and instance.id not in self.handed_over
        return used or (runner is not None and is_online(runner, self.stage.now()))

    def dead(self) -> list[str]:
        """What nobody needs any more."""
        now = self.stage.now()
        lifecycle.settle(self.store, now)
        images = {one.id for one in self.store.all(Image)}
        return [
            *(f"instance {one.id} {one.tags}" for one in self.store.all(Instance) if not self.lives(one)),
            *(f"disk {one.id}" for one in self.store.all(Disk) if not self.store.get(Instance, one.instance)),
            *(
                f"snapshot {one.id}"
                for one in self.store.all(Snapshot)
                if one.tags.get("ImageId", "x") not in {*images, "x"}
            ),
            *(f"image {one.id}" for one in self.store.all(Image) if one.status(now) == "CreateFailed"),
            *(
                f"runner {one.name}"
                for one in self.store.all(GitHubRunner)
                if read_name(one.name) and not is_online(one, now)
            ),
        ]


@dataclass
class Party:
    """Somebody who makes calls, as a transport of their own.

    Attributes:
        world: where.
        random: how long its calls take.
        dies: with which of its calls; 0: never.
        alive: its process runs.
    """

    world: World
    random: Random
    dies: int = 0
    alive: bool = True
    sent: int = 0

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
        del deadline
        self.sent += 1
        if self.dies and self.sent > self.dies:
            raise Crash
        self.world.stage.sleep(self.random.uniform(*LATENCY))
        path, _, query = target.partition("?")
        self.world.tend()
        killed = self._judge(method, path, headers, dict(parse_qsl(query)))
        reply = answer(self.world.gateway, self.world.github, method, target, headers, content)
        if reply.status < 300:
            self.world.outcome.killed += killed
            self._own(reply.body)
        if self.sent == self.dies:
            self.alive = False
            raise Crash
        if reply.hold is not None:
            raise UnreachableError(f"{endpoint} did not answer in time.")
        return Answer(reply.status, reply.headers.get("content-type", ""), reply.body, reply.headers)

    def close(self) -> None:
        """See ``Transport.close``."""

    def _own(self, body: bytes) -> None:
        """What it has made is its own."""
        answer = json.loads(body) if body.startswith(b"{") else {}
        made = [*answer.get("InstanceIdSets", {}).get("InstanceIdSet", [])]
        made += [answer["runner"]["name"]] if "encoded_jit_config" in answer else []
        for name in made:
            self.world.owners[name] = self
            if self.random.random() < FORGETFUL:
                self.world.forgetful.add(name)

    def _judge(self, method: str, path: str, headers: Mapping[str, str], params: Mapping[str, str]) -> list[str]:
        """What of others' would die by this call, if it has its effect."""
        store, action = self.world.store, headers.get("x-acs-action", "")
        if action == "DeleteInstances":
            named = [store.get(Instance, value) for name, value in params.items() if name.startswith("InstanceId.")]
            others = [one for one in named if one and self.world.owners.get(one.id) is not self]
            return [f"instance {one.id} {one.tags}" for one in others if self.world.lives(one)]
        if action == "DeleteImage" and isinstance(self, Sweeper):
            image = store.get(Image, params["ImageId"])
            return [f"image {image.name}"] if image and image.state != "CreateFailed" else []
        if method == "DELETE" and "/actions/runners/" in path:
            runner = store.get(GitHubRunner, path.rpartition("/")[2])
            owner = self.world.owners.get(runner.name) if runner else None
            if runner and owner is not self and ((owner and owner.alive) or is_online(runner, self.world.stage.now())):
                return [f"runner {runner.name}"]
        return []

    def both(self) -> tuple[EcsClient, GitHub]:
        """Both sides, as it sees them."""
        return open_clients(self, self.world.stage, timeout=180.0)


class Sweeper(Party):
    """Sweeps without pause; sometimes the list moves under it in the worst of ways."""

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        """See ``Party.send``."""
        if target.endswith("&page=2") and self.random.random() < SHIFTING:
            self.world.shift()
        return super().send(endpoint, method, target, headers, deadline, content)

    def run(self) -> None:
        """For ever."""
        outcome = self.world.outcome
        while True:
            client, github = self.both()
            try:
                found = sweep.find(client, github=github, scopes=[SCOPE])
                swept = sweep.remove(client, found, github, scopes=[SCOPE])
            except GoldrunError:
                outcome.unsteady += 1
                continue
            outcome.sweeps += 1
            outcome.removed.update(one.kind for one in swept.removed)
            outcome.spared += len(swept.spared)


class Others(Party):
    """Whoever else has runners there: one comes, one goes, all the time."""

    def run(self) -> None:
        """For ever."""
        names = [self._come(number) for number in range(OTHERS)]
        while True:
            self.world.stage.sleep(self.random.expovariate(1 / COMING_SECONDS))
            names.append(self._come(len(names)))
            self.world.stage.sleep(self.random.expovariate(1 / COMING_SECONDS))
            gone = names.pop(self.random.randrange(OTHERS // 2))
            self.world.store.remove(*(one for one in self.world.store.all(GitHubRunner) if one.id == gone))

    def _come(self, number: int) -> str:
        name = f"somebody-s-{number}-{self.random.random()}"
        return self.world.jobs.register(str(SCOPE), name, ["x"], 1).id


class Worker(Party):
    """Builds, has a runner for a job, or launches; and may die over it."""

    def run(self, number: int, folder: Path) -> None:
        """Do it."""
        try:
            if number % 5 < 2:
                self.build(f"tools{number - (number % 20 == 1)}", folder)
            elif number % 5 < 4:
                self.runner()
            else:
                self.launch(f"launch {number}", 1 + number % 3)
        finally:
            self.alive = False

    def build(self, name: str, folder: Path) -> None:
        """An image; of some families two at once."""
        (folder / name).mkdir(exist_ok=True)
        for path, text in TEMPLATE.items():
            (folder / name / path).parent.mkdir(exist_ok=True)
            (folder / name / path).write_text(text.replace("FAMILY", name))
        (folder / name / "scripts/install.sh").write_text("#!/bin/bash\n# simulate: seconds=120\n")
        settings = LaunchSettings(Network(GROUP), criteria=Criteria(types=TYPES))
        build(self.both()[0], load(folder / name), "amd64", settings, Options(), SilentReport())

    def runner(self) -> None:
        """A runner, a job for longer than a sweep's patience, and sometimes nobody who takes it down."""
        client, github = self.both()
        criteria = Criteria(types=TYPES, architecture="amd64")
        settings = LaunchSettings(Network(GROUP), image_id="m-runner", role="self-destruct", criteria=criteria)
        plan = Plan(scope=SCOPE, launch=settings, bootstrap=Bootstrap(life=0.0), settings={})
        made = bring_up(client, github, plan, report=lambda _: None)
        self.world.handed_over.add(made.instance_id)
        run = self.world.jobs.begin_run(str(SCOPE), "ci.yml")
        seconds = self.random.choice((60, 1500, 2400))
        self.world.jobs.add_job(run, name=str(seconds), labels=(made.name,))
        if self.random.random() < 0.5:
            client.clock.sleep(seconds + 60)
            bring_down(client, github, SCOPE, made.name)

    def launch(self, key: str, amount: int) -> None:
        """Instances that somebody uses for a while."""
        client, _ = self.both()
        criteria = Criteria(types=TYPES)
        settings = LaunchSettings(
            Network(GROUP), key=key, image_id="m-runner", amount=amount, life=5400.0, criteria=criteria
        )
        got = acquire(client, settings)
        client.clock.sleep(self.random.uniform(300, 3000))
        release(client, [one for some in got for one in some.ids])


def play(number: int, works: int, *, sweepers: int = 2) -> Outcome:
    """One world, and what became of it."""
    with tempfile.TemporaryDirectory() as name, chance(Random(number)), closing(World(number)) as world:
        random, stage, outcome = world.random, world.stage, world.outcome
        stage.add("others", Others(world, Random(random.random())).run, endless=True)
        endless = [Sweeper(world, Random(random.random())) for _ in range(sweepers)]
        watching = [stage.add("sweep", one.run, endless=True) for one in endless]
        played: list[Work] = []
        for each in range(works):
            dies = random.randint(1, random.choice((40, 300))) if random.random() < DYING else 0
            worker = Worker(world, Random(random.random()), dies)
            after = random.uniform(0.0, BEGIN_SECONDS)
            played.append(stage.add(f"work {each}", partial(worker.run, each, Path(name)), after=after))
        stage.play(longer=LONGER_SECONDS)
        for one in watching:
            if one.error and not isinstance(one.error, Ended):
                raise one.error
        outcome.works = works
        for work in played:
            outcome.died += isinstance(work.error, Crash)
            if work.error and not isinstance(work.error, Crash):
                outcome.errors[f"{type(work.error).__name__}: {work.error}".splitlines()[0]] += 1
        outcome.left = world.dead()
        return outcome


def main() -> int:
    """Play, print, judge."""
    parser = argparse.ArgumentParser(description="Sweeps without pause beside builds and launches.")
    parser.add_argument("--works", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    outcome = play(given.seed, given.works)
    print(f"{outcome.works} builds, runners and launches, {outcome.died} of them killed in the middle")
    print(
        f"{outcome.sweeps} sweeps, and {outcome.unsteady} that gave up; "
        f"removed: {dict(outcome.removed)}; spared: {outcome.spared}"
    )
    print(f"errors of works that lived: {dict(outcome.errors)}")
    print(f"alive and deleted: {len(outcome.killed)}; dead and still there: {len(outcome.left)}")
    for words in (*outcome.killed, *outcome.left):
        print(f"  {words}")
    return int(bool(outcome.killed or outcome.left))


if __name__ == "__main__":
    sys.exit(main())

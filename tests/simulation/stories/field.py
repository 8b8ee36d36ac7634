"""The field's protocols as small models, in the same stories: what they cost beside goldrun's.

Three that are in use: a published script that builds images and renames the old one first; a workflow whose first job
starts an instance and whose last one stops it; a webhook that starts an instance for each job and stops it afterwards.
They ask the same cloud through the same client, which repeats calls for half a minute: more than the official CLI does.

Usage: python -m tests.simulation.stories.field [--runs N] [--seed N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.in_memory import open_clients
from benchmarks.interleaving import Work, chance
from msgspec.structs import replace

from goldrun.cloud.client import EcsClient
from goldrun.errors import GoldrunError, NotFoundError
from goldrun.github.runners import create_registration_token
from goldrun.github.scope import repository_scope
from goldrun.images.find import find_image
from goldrun.images.naming import name_reference
from local_cloud import lifecycle, seed
from local_cloud.catalogue import REGIONS
from local_cloud.github.records import GitHubJob
from local_cloud.market import NEVER
from local_cloud.records import Instance, Usage
from tests.simulation.dying import Crash
from tests.simulation.stories.acting import LABEL, TYPES, Act, acts, queue, serve, suffer, sweep_once
from tests.simulation.stories.playing import story_recipe
from tests.simulation.stories.story import TROUBLES, Story, write
from tests.simulation.stories.world import ALIAS, GROUP, SCOPE, SHOWN, Actor, World

PATIENCE_SECONDS = 30.0  # of the field's client
PROVISIONING_SECONDS = 300.0  # "to be done", whatever happens
BOOT_SECONDS = 45.0
JOB_SECONDS = 30.0
AFTERWARDS_SECONDS = 3 * 3600.0  # what is still there then, nobody sees
KINDS = frozenset({"build", "look-up", "runner", "serve"}) | TROUBLES
LOOKS = 20
CALL_SECONDS = 1.0  # about


@dataclass
class Tally:
    """What a way of doing it has cost.

    Attributes:
        looks: look-ups of a published name.
        unresolved: those that found nothing.
        jobs: jobs that somebody wanted to run.
        lost: those that had not succeeded in the end, or could not even be queued as no runner came up.
        hours: instance-hours, all together.
        leaked: those of instances that nobody used any more, in the second and third hour after.
        cost: CNY.
    """

    looks: int = 0
    unresolved: int = 0
    jobs: int = 0
    lost: int = 0
    hours: float = 0.0
    leaked: float = 0.0
    cost: float = 0.0


def play(story: Story, *, ours: bool) -> Tally:
    """Play a story, as goldrun or as the field does it."""
    number, tally = story.seed, Tally(jobs=sum(event.kind == "runner" for event in story.events))
    events = [event for event in story.events if event.kind in KINDS]
    with chance(Random(f"chance {number}")), closing(World(number, lingers=story.lingers)) as world:
        todo = (_goldrun if ours else _field)(tally)
        works: list[Work] = []
        for event in events:
            if event.kind in TROUBLES:
                works.append(world.stage.add(event.kind, partial(suffer, world, event), after=event.at))
                continue
            random = Random(f"actor {number} {event.number}")
            actor = Actor(world, f"{event.kind} {event.number}", random)
            if event.dies:
                # At a moment, and not with a call: who makes fewer calls does not live longer.
                actor.until = world.stage.now() + event.at + event.dies * CALL_SECONDS
            works.append(world.stage.add(actor.name, partial(_act, todo[event.kind], actor), after=event.at))
        works.append(world.stage.add("the end", partial(_watch, world, works, tally, ours)))
        world.stage.play(longer=0.0)
        for work in works:
            if work.error:
                raise work.error
    return tally


def _act(act: Act, actor: Actor) -> None:
    try:
        act(actor)
    except (Crash, GoldrunError):
        return
    finally:
        actor.alive = False


def _watch(world: World, works: list[Work], tally: Tally, ours: bool) -> None:
    """Count what is there while they work, and what stays when they have ended."""
    servers = [work for work in works if work.name.startswith("serve ")]
    others = [work for work in works[:-1] if work not in servers]
    began: float | None = None
    swept = False
    while began is None or world.stage.now() < began + AFTERWARDS_SECONDS:
        world.stage.sleep(60.0)
        world.tend()
        there = sum(one.id != "i-somebodys" for one in world.instances())
        tally.hours += there / 60
        if all(work.done for work in others) and began is None:
            began = world.stage.now()
        if began is None:
            continue
        if ours and not swept and world.stage.now() > began + 1800.0:
            swept = True
            _tidy(world, dead=bool(servers) and all(server.done for server in servers))
        if world.stage.now() > began + 3600.0:
            tally.leaked += there / 60
    world.settled = True
    now = world.stage.now()
    jobs = list(world.store.all(GitHubJob))
    # One that was lost and is run again is a second record of the same job.
    tally.jobs += len({(job.run, job.name) for job in jobs if LABEL in job.labels})
    tally.lost = tally.jobs - len({(job.run, job.name) for job in jobs if job.conclusion == "success"})
    market = world.store.settings().market
    bills = [lifecycle.usage(market, one, now) for one in world.instances() if one.id != "i-somebodys"]
    tally.cost += sum(sum(bill.amounts.values()) for bill in (*bills, *world.store.all(Usage)))


def _tidy(world: World, *, dead: bool) -> None:
    """What the docs advise: systemd restarts a server that has died, and a workflow sweeps every half hour."""
    if dead:
        end = world.stage.now() + 1800.0
        serve(Actor(world, "restarted", Random(0)), lambda: world.stage.now() >= end)
    sweep_once(*Actor(world, "sweep", Random(0)).clients())


def _goldrun(tally: Tally) -> Mapping[str, Act]:
    return {**acts(story_recipe(), Story(0, ())), "look-up": partial(_look_up, tally=tally)}


def _look_up(actor: Actor, tally: Tally) -> None:
    client, _ = actor.clients()
    for _ in range(LOOKS):
        tally.looks += 1
        try:
            find_image(client, name_reference(ALIAS, "amd64"))
        except NotFoundError:
            tally.unresolved += 1
        except GoldrunError:
            pass  # an error is told, and is no answer
        client.clock.sleep(30)


def _field(tally: Tally) -> Mapping[str, Act]:
    return {
        "build": _script_builds,
        "look-up": partial(_script_looks_up, tally=tally),
        "runner": _workflow_starts_and_stops,
        "serve": _webhook,
    }


def _client(actor: Actor) -> EcsClient:
    return open_clients(actor, actor.clock, timeout=PATIENCE_SECONDS)[0]


def _script_looks_up(actor: Actor, tally: Tally) -> None:
    """The first of ten images that the fuzzy name finds; an error is printed, and read as nothing."""
    client = _client(actor)
    for _ in range(LOOKS):
        tally.looks += 1
        try:
            answer = client.call("DescribeImages", {"ImageName": ALIAS, "ImageOwnerAlias": "self"})
            tally.unresolved += not answer["Images"]["Image"]
        except GoldrunError:
            tally.unresolved += 1
        client.clock.sleep(30)


def _script_builds(actor: Actor) -> None:
    """Rename the old image, and delete it if that fails; wait a fixed time; create the new one under the name."""
    client = _client(actor)
    images = client.call("DescribeImages", {"ImageName": ALIAS, "ImageOwnerAlias": "self"})["Images"]["Image"]
    machine = _run(client)
    client.clock.sleep(PROVISIONING_SECONDS)
    for old in images:
        stamp = int(client.clock.now()) // 60  # to the minute
        try:
            client.call("ModifyImageAttribute", {"ImageId": old["ImageId"], "ImageName": f"fam-amd64-{stamp}"})
        except GoldrunError:
            client.call("DeleteImage", {"ImageId": old["ImageId"]})
    made = client.call("CreateImage", {"InstanceId": machine, "ImageName": ALIAS})["ImageId"]
    while True:
        found = client.call("DescribeImages", {"ImageId": made, "Status": "Creating,Available,CreateFailed"})
        if [one["Status"] for one in found["Images"]["Image"]] != ["Creating"]:
            break
        client.clock.sleep(15)
    _stop(client, machine)


def _workflow_starts_and_stops(actor: Actor) -> None:
    """One job of the workflow starts the instance, the next runs on it, and the last stops it, `if: always()`."""
    client, world = _client(actor), actor.world
    github = actor.clients()[1]
    create_registration_token(github, repository_scope(SCOPE))
    (job,) = queue(world, actor.name, 1, label=actor.name)
    machine = _run(client)
    world.stage.add(f"{machine} boots", partial(_machine, world, machine, actor.name))
    end = client.clock.now() + 3600.0
    while not _is_done(world, job) and client.clock.now() < end:
        client.clock.sleep(15)
    _stop(client, machine)


def _webhook(actor: Actor) -> None:
    """A delivery for each queued job starts an instance; a delivery when it is done stops it. None comes twice."""
    client, world = _client(actor), actor.world
    machines: dict[str, str] = {}
    for job in queue(world, actor.name, actor.random.randint(1, 4)):
        try:
            machines[job] = _run(client)
        except GoldrunError:
            continue  # the delivery is answered with an error, and is over
        world.stage.add(f"{machines[job]} boots", partial(_machine, world, machines[job], LABEL))
    end = client.clock.now() + 7200.0
    while machines and client.clock.now() < end:
        client.clock.sleep(5)
        for job, machine in list(machines.items()):
            if _is_done(world, job):
                del machines[job]
                _stop(client, machine)


def _run(client: EcsClient) -> str:
    """Create an instance without an end of its own, of the first type in the first zone that has it.

    Raises:
        GoldrunError: none of them has.
    """
    refused: GoldrunError | None = None
    for zone in REGIONS[seed.REGION].zones:
        for instance_type in TYPES:
            wanted = {
                "ImageId": SHOWN,
                "InstanceType": instance_type,
                "SecurityGroupId": GROUP,
                "VSwitchId": f"vsw-local-{zone}",
                "SpotStrategy": "SpotAsPriceGo",
            }
            try:
                made: str = client.call("RunInstances", wanted)["InstanceIdSets"]["InstanceIdSet"][0]
            except GoldrunError as error:
                refused = error
            else:
                return made
    assert refused
    raise refused


def _stop(client: EcsClient, machine: str) -> None:
    """Delete it; whatever the answer is, it was deleted already."""
    try:
        client.call("DeleteInstance", {"InstanceId": machine, "Force": True})
    except GoldrunError:
        return


def _machine(world: World, machine: str, label: str) -> None:
    """What an instance does: its runner registers, takes a job, runs it and is gone; the instance stays."""
    world.stage.sleep(BOOT_SECONDS)
    runner = world.jobs.register(SCOPE, f"runner-{machine}", [label], 1)
    while world.store.get(Instance, machine) and not world.settled:
        world.stage.sleep(15.0)
        runner = replace(runner, seen=world.stage.now())
        job = world.jobs.take(runner)
        if job is not None:
            world.stage.sleep(JOB_SECONDS)
            if (there := world.store.get(Instance, machine)) and there.gone == NEVER:
                world.store.remove(*(one for one in [world.store.get(type(runner), runner.id)] if one))
                world.jobs.end(job, "success")
            return


def _is_done(world: World, job: str) -> bool:
    found = world.store.get(GitHubJob, job)
    return found is not None and found.status == "completed"


def _play(number: int, *, ours: bool) -> Tally:
    return play(write(number), ours=ours)


def _total(tallies: list[Tally]) -> Tally:
    return Tally(**{part.name: sum(getattr(one, part.name) for one in tallies) for part in fields(Tally)})


def main() -> int:
    """Play both, count, write."""
    parser = argparse.ArgumentParser(description="The field's protocols beside goldrun's, in the same stories.")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    seeds = range(given.seed, given.seed + given.runs)
    with ProcessPoolExecutor() as pool:
        counted = {
            name: asdict(_total(list(pool.map(partial(_play, ours=ours), seeds, chunksize=8))))
            for name, ours in (("goldrun", True), ("field", False))
        }
    counted["stories"] = given.runs
    text = json.dumps(counted, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())

"""Plays a story to its end, and beyond: once the trouble is over, everything settles."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import traceback
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

from benchmarks.interleaving import Work, chance

from goldrun import sweep
from goldrun.bake.template import TEMPLATE
from goldrun.cloud.tags import SCALE_SET
from goldrun.errors import GoldrunError
from goldrun.github.scope import repository_scope
from goldrun.runners.naming import read_name
from local_cloud.github.payloads import is_online
from local_cloud.github.records import GitHubJob, GitHubRunner
from local_cloud.github.scale_sets import NOT_ACQUIRED
from local_cloud.market import NEVER
from local_cloud.records import Disk, Image, Instance, Snapshot
from tests.simulation.dying import Crash
from tests.simulation.stories.acting import LABEL, acts, queue, serve, suffer, sweep_once
from tests.simulation.stories.bugs import BUGS
from tests.simulation.stories.story import TROUBLES, Event, Story
from tests.simulation.stories.world import SCOPE, Actor, World

SETTLE_SECONDS = 4 * 3600.0  # longer than anything may live
SERVED_SECONDS = 3600.0


@dataclass(frozen=True)
class Outcome:
    """How a story ended.

    Attributes:
        broken: the invariants that it broke, in the order of time; none: it is a good story.
        calls: what was asked of the cloud and of GitHub, how often.
        ends: how those who acted ended: ``done``, ``died``, or with which error.
        struck: how many calls met which trouble.
        checks: how many looks the invariants took.
        seconds: how long it was, in its own time.
    """

    broken: tuple[str, ...]
    calls: Counter[str]
    ends: Counter[tuple[str, str]]
    struck: Counter[str]
    checks: int
    seconds: float


def play(story: Story, bug: str = "") -> Outcome:
    """Play it, the same way each time; with a bug of ``bugs.BUGS``, if one is named."""
    with (
        chance(Random(f"chance {story.seed}")),
        BUGS[bug](),
        closing(World(story.seed, lingers=story.lingers, budget=story.budget)) as world,
    ):
        ends: Counter[tuple[str, str]] = Counter()
        todo = acts(story_recipe(), story)
        began = world.stage.now()

        def act(event: Event, actor: Actor) -> None:
            end = "done"
            try:
                todo[event.kind](actor)
            except Crash:
                end = "died"
            except GoldrunError as error:
                end = type(error).__name__
            except Exception as error:  # noqa: BLE001 - a traceback is no answer to anything that happens here
                end = "traceback"
                world.auditor.broken.append(f"{actor.name}: {error!r}\n{traceback.format_exc()}")
            finally:
                actor.alive = False
            ends[event.kind, end] += 1

        works: list[Work] = []
        for event in story.events:
            if event.kind in TROUBLES:
                works.append(world.stage.add(event.kind, partial(suffer, world, event), after=event.at))
                continue
            random = Random(f"actor {story.seed} {event.number}")
            actor = Actor(world, f"{event.kind} {event.number}", random, event.dies, event.after, event.skew)
            works.append(world.stage.add(actor.name, partial(act, event, actor), after=event.at))
        works.append(world.stage.add("the end", partial(_settle, world, works)))
        world.stage.play(longer=0.0)
        for work in works:
            if work.error:
                raise work.error
        auditor = world.auditor
        return Outcome(
            tuple(auditor.broken), world.calls, ends, world.faults.struck, auditor.checks, world.stage.now() - began
        )


def _settle(world: World, works: list[Work]) -> None:
    """The trouble is over: jobs are done, and what nobody needs goes away."""
    servers = [work for work in works if work.name.startswith("serve ")]
    while any(not work.done for work in works[:-1] if work not in servers):
        world.stage.sleep(30.0)
    world.calm, world.auditor.budget = True, 0.0
    broken = world.auditor.broken
    if servers:
        end = world.stage.now() + SERVED_SECONDS
        queue(world, "after the trouble", 1)
        while not _all_done(world) and world.stage.now() < end:
            if all(server.done for server in servers):
                serve(Actor(world, "the last server", Random(0)), lambda: _all_done(world) or world.stage.now() >= end)
            world.stage.sleep(30.0)
        broken += [f"the job {job.name} is never done" for job in _served(world) if job.status != "completed"]
        broken += [f"no runner took the job {job.name}" for job in _served(world) if job.note == NOT_ACQUIRED]
        broken += [f"an hour after the last job: {left}" for left in _machines(world) if SCALE_SET.key in left]
    world.settled = True
    end = world.stage.now() + SETTLE_SECONDS
    while world.stage.now() < end:
        world.stage.sleep(60.0)
        world.tend()
    client, github = Actor(world, "the last sweep", Random(0)).clients()
    for _ in range(2):
        sweep_once(client, github)
    scopes = [repository_scope(SCOPE)]
    broken += [f"still there: {left}" for left in _left(world)]
    broken += [f"the sweep finds {one}" for one in sweep.find(client, github=github, scopes=scopes)]
    world.auditor.names(world.stage.now(), "the end")


def _served(world: World) -> list[GitHubJob]:
    return [job for job in world.store.all(GitHubJob) if LABEL in job.labels]


def _all_done(world: World) -> bool:
    return all(job.status == "completed" for job in _served(world)) and not _machines(world)


def _machines(world: World) -> list[str]:
    return [
        f"instance {one.id} {one.tags}"
        for one in world.instances()
        if one.id in world.owners and not _is_lost_from_pool(one)
    ]


def _is_lost_from_pool(one: Instance) -> bool:
    """Whether a person has taken the tags of a stopped machine: nobody knows it any more, and its release time ends it.

    Stopped ones may be kept for days, so that is not awaited.
    """
    return not one.tags and one.state == "Stopped" and one.auto_release != NEVER


def _left(world: World) -> list[str]:
    """What nobody needs any more."""
    now, images = world.stage.now(), {one.id for one in world.store.all(Image)}
    instances = {one.id for one in world.instances()}
    return [
        *_machines(world),
        *(f"disk {one.id}" for one in world.store.all(Disk) if one.instance not in instances),
        *(
            f"snapshot {one.id}"
            for one in world.store.all(Snapshot)
            if one.tags.get("ImageId", "") not in {*images, ""}
        ),
        *(f"image {one.id}" for one in world.store.all(Image) if one.status(now) == "CreateFailed"),
        *(
            f"runner {one.name}"
            for one in world.store.all(GitHubRunner)
            if read_name(one.name) and not is_online(one, now)
        ),
    ]


@cache
def story_recipe() -> Path:
    """Return a small recipe, for as long as this process runs."""
    folder = Path(tempfile.mkdtemp(prefix="story-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for path, text in TEMPLATE.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text.replace("FAMILY", "built"))
    (folder / "scripts/install.sh").write_text("#!/bin/bash\n# simulate: seconds=120\n")
    return folder

"""Those who act in a story, and what goes wrong in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.silence import SilentReport
from msgspec.structs import replace

from goldrun import sweep
from goldrun.bake.build import build
from goldrun.bake.context import Options
from goldrun.bake.reading import load
from goldrun.cloud.client import EcsClient
from goldrun.cloud.tags import IS_LATEST, LAUNCH
from goldrun.errors import NotFoundError
from goldrun.github.client import PAGE_SIZE, GitHub
from goldrun.github.scope import Scope, repository_scope
from goldrun.images.find import find_image
from goldrun.images.lineage import find_own
from goldrun.images.naming import PublishedName, name_reference
from goldrun.images.publish import publish, roll_back
from goldrun.images.replicate import copy_image
from goldrun.images.retention import prune
from goldrun.launch.acquire import acquire
from goldrun.launch.offers import Criteria
from goldrun.launch.release import release
from goldrun.launch.settings import LaunchSettings, Network
from goldrun.runners.bootstrap import Bootstrap
from goldrun.runners.lifecycle import Plan, bring_down, bring_up
from goldrun.serve.assembly import build_worker
from goldrun.serve.config import Cost, NetworkPart, Profile
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.serve.server import Steps
from local_cloud import lifecycle
from local_cloud.faults import FaultRule
from local_cloud.github.records import GitHubRunner
from local_cloud.market import NEVER
from local_cloud.records import Image
from tests.simulation.stories.story import Event, Story
from tests.simulation.stories.world import (
    ALIAS,
    GROUP,
    OLDER,
    SCOPE,
    SERVED_TYPE,
    SHOWN,
    TESTED,
    UNTESTED,
    Actor,
    World,
)

TYPES = ("ecs.c7.xlarge", "ecs.g7.xlarge", "ecs.c7.2xlarge")
FAM = PublishedName("fam", "amd64", "latest")
BUILT = PublishedName("built", "amd64", "latest")
LABEL = "served"
Act = Callable[[Actor], None]


def _build(actor: Actor, recipe: Path) -> None:
    settings = LaunchSettings(Network(GROUP), criteria=Criteria(types=TYPES))
    build(actor.clients()[0], load(recipe), "amd64", settings, Options(), SilentReport())


def _publish(actor: Actor) -> None:
    publish(actor.clients()[0], actor.random.choice((SHOWN, TESTED, TESTED, UNTESTED, OLDER)))


def _roll_back(actor: Actor) -> None:
    roll_back(actor.clients()[0], FAM)


def _prune(actor: Actor) -> None:
    prune(actor.clients()[0], actor.random.choice((FAM, BUILT)), keep=actor.random.choice((1, 2, 3)))


def _copy(actor: Actor) -> None:
    client, _ = actor.clients()
    copy_image(client, find_own(client, TESTED), "cn-beijing", publish=True)


def _look_up(actor: Actor) -> None:
    client, _ = actor.clients()
    for _ in range(20):
        try:
            find_image(client, name_reference(ALIAS, "amd64"))
        except NotFoundError as error:
            actor.world.auditor.broken.append(f"{actor.name}: {ALIAS} is told to be missing: {error.what}")
        client.clock.sleep(30)


def _must_be_gone(actor: Actor, ids: Iterable[str]) -> None:
    """What a command has reported as gone is gone."""
    left = {one.id for one in actor.world.instances()} & set(ids)
    actor.world.auditor.broken += [f"{actor.name}: {one} is told to be gone" for one in left]


def _launch(actor: Actor) -> None:
    (client, _), world = actor.clients(), actor.world
    settings = LaunchSettings(
        Network(GROUP),
        key=actor.name.replace(" ", "-"),
        image_id=SHOWN,
        amount=actor.random.randint(1, 3),
        life=3600.0,
        criteria=Criteria(types=TYPES, architecture="amd64"),
    )
    got = acquire(client, settings)
    told = {one for some in got for one in some.ids}
    made = {one.id for one in world.instances() if LAUNCH.read(one.tags) == settings.key and one.gone == NEVER}
    if unknown := made - told:
        world.auditor.broken.append(f"{actor.name}: nobody is told of {unknown}")
    client.clock.sleep(actor.random.uniform(100, 1500))
    release(client, told)
    _must_be_gone(actor, told)


def _runner(actor: Actor) -> None:
    client, github = actor.clients()
    criteria = Criteria(types=TYPES, architecture="amd64")
    settings = LaunchSettings(Network(GROUP), image_id=SHOWN, role="self-destruct", criteria=criteria)
    plan = Plan(scope=repository_scope(SCOPE), launch=settings, bootstrap=Bootstrap(life=0.0), settings={})
    made = bring_up(client, github, plan, report=lambda _: None)
    actor.world.handed_over.add(made.instance_id)
    run = actor.world.jobs.begin_run(SCOPE, "ci.yml")
    actor.world.jobs.add_job(run, name="job", labels=(made.name,))
    if actor.random.random() < 0.6:
        client.clock.sleep(actor.random.choice((120, 600)))
        bring_down(client, github, repository_scope(SCOPE), made.name)
        _must_be_gone(actor, [made.instance_id])


def sweep_once(client: EcsClient, github: GitHub) -> None:
    """Find what is left over, and delete it."""
    scopes = [repository_scope(SCOPE)]
    sweep.remove(client, sweep.find(client, github=github, scopes=scopes), github, scopes=scopes)


def _sweep(actor: Actor) -> None:
    client, github = actor.clients()
    for _ in range(3):
        sweep_once(client, github)
        client.clock.sleep(200)


PLAIN = Profile(image=ALIAS, types=(SERVED_TYPE,), life="2h", longest_job="30m", min_idle=0, max_runners=4)


def serve(actor: Actor, until: Callable[[], bool], profile: Profile = PLAIN) -> None:
    """Serve a label until then; both threads of the server in turn."""
    client, github = actor.clients()
    actor.serves = LABEL
    network = NetworkPart(security_group=GROUP, role="self-destruct")
    wanted = ScaleSetSpec(LABEL, Scope(SCOPE), "Default", (LABEL,), profile, None, "", network, LABEL)
    worker = build_worker(client, github, wanted, {}, owner=actor.name, report=lambda _: None)
    steps = Steps(worker, client.clock.machine, lambda _: None)
    free = dict.fromkeys(("listen", "work"), 0.0)
    while not until():
        for name, step in (("listen", steps.listen), ("work", steps.work)):
            if actor.world.stage.now() >= free[name]:
                free[name] = actor.world.stage.now() + steps.guarded(name, step)
        actor.world.stage.sleep(2.0)


def queue(world: World, name: str, count: int, *, label: str = LABEL) -> list[str]:
    """Queue jobs with a label, and return their ids."""
    run = world.jobs.begin_run(SCOPE, "ci.yml")
    return [world.jobs.add_job(run, name=f"{name} {number}", labels=(label,)).id for number in range(count)]


def _serve(actor: Actor, story: Story) -> None:
    """Serve; with pools or a budget as long as there is trouble, because afterwards all is done, and nothing waits."""
    world = actor.world
    queue(world, actor.name, actor.random.randint(1, 4))
    cost = Cost(day=story.budget or None)
    profile = replace(PLAIN, min_idle=story.min_idle, min_stopped=story.min_stopped, max_cost=cost)
    serve(actor, lambda: world.settled or (world.calm and profile != PLAIN), profile)


def _meddle(actor: Actor) -> None:
    """A person in the console does what a person in the console does."""
    world, random = actor.world, actor.random
    ours = [one for one in world.instances() if one.id in world.owners and one.gone == NEVER]
    runners = [one for one in world.store.all(GitHubRunner) if not one.job]  # GitHub keeps one that has a job
    shown = {one.id for one in world.store.all(Image) if one.name == ALIAS or IS_LATEST.matches(one.tags)}
    unused = [one for one in world.store.all(Image) if one.id in {OLDER, TESTED} - shown]
    what = random.choice(("delete", "stop", "untag", "unregister", "delete image", "rename"))
    if what == "delete" and ours:
        lifecycle.release(world.store, world.market_as_usual, [random.choice(ours)], world.stage.now())
    elif what == "stop" and ours:
        world.store.put(replace(random.choice(ours), state="Stopped"))
    elif what == "untag" and ours:
        world.store.put(replace(random.choice(ours), tags={}))
    elif what == "unregister" and runners:
        world.store.remove(random.choice(runners))
    elif what == "delete image" and unused:
        world.store.remove(random.choice(unused))
    elif what == "rename" and unused:
        world.store.put(replace(random.choice(unused), name="tried-by-hand"))


def _reclaim(world: World) -> None:
    for one in world.instances():
        if one.strategy != "NoSpot" and one.gone == NEVER:
            world.store.put(replace(one, reclaimed=world.stage.now()))


def _shift(world: World) -> None:
    """GitHub's list has two pages, and one of the first leaves while the second is read: another slips through."""
    others = [one for one in world.store.all(GitHubRunner) if one.name.startswith("somebody-")]
    if not others:
        for number in range(PAGE_SIZE + 20):
            world.jobs.register(SCOPE, f"somebody-{number}", ["x"], 1)
        return
    world.store.remove(others[0])
    world.jobs.register(SCOPE, f"{others[0].name}-again", ["x"], 1)


@contextmanager
def trouble(world: World, event: Event) -> Iterator[None]:
    """Let something go wrong."""
    market = world.store.settings().market
    rules: list[FaultRule] = []
    if event.kind in ("throttle", "error", "error-after", "timeout", "timeout-after"):
        share = {"throttle": 0.5, "error": 0.3}.get(event.kind, 0.1)
        rules = [FaultRule(kind=event.kind, times=None, probability=share)]
    elif event.kind == "stale":
        rules = [FaultRule(kind="stale", action="Describe*", times=None, probability=0.3, seconds=8.0)]
    elif event.kind == "token-ends":
        rules = [
            FaultRule(kind="error", action="github:*", times=None, status=401),
            FaultRule(kind="error", action="[A-Z]*", times=None, status=403, code="InvalidSecurityToken.Expired"),
        ]
    elif event.kind == "stock-out":
        world.market(replace(market, scenario="stock-out", since=world.stage.now()))
    world.suffer(rules)
    yield
    world.suffer(rules, over=True)
    if event.kind == "stock-out":
        world.market(world.market_as_usual)


def suffer(world: World, event: Event) -> None:
    """Be a trouble from its beginning to its end."""
    if event.kind == "reclaim-wave":
        _reclaim(world)
        return
    with trouble(world, event):
        end = world.stage.now() + event.lasts
        while world.stage.now() < end:
            if event.kind == "shifting-pages":
                _shift(world)
            world.stage.sleep(20.0)


def acts(recipe: Path, story: Story) -> dict[str, Act]:
    """Return what each kind of event does in a story; builds are of ``recipe``."""
    return {
        "build": partial(_build, recipe=recipe),
        "publish": _publish,
        "rollback": _roll_back,
        "prune": _prune,
        "copy": _copy,
        "look-up": _look_up,
        "launch": _launch,
        "runner": _runner,
        "serve": partial(_serve, story=story),
        "sweep": _sweep,
        "person": _meddle,
    }

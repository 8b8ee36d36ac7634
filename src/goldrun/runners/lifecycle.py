"""The life of a runner: registered, launched, configured, online; and deleted, in the cloud and at GitHub.

A runner's name identifies it on both sides, and contains its creation time, which GitHub does not record. The order is
chosen so that an interruption leaves only what a sweep recognises: a registration without an instance, or vice versa.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import LostError
from goldrun.cloud.instances import describe_instances, was_reclaimed
from goldrun.cloud.market import Cache
from goldrun.cloud.tags import ONLINE_WITHIN, ROLE, RUN_LABEL, RUNNER, RUNNER_NAME, SCOPE
from goldrun.errors import GoldrunError, RefusedError, UnavailableError
from goldrun.github.client import GitHub, GitHubError
from goldrun.github.runners import DEFAULT_GROUP, Registration, find_registrations
from goldrun.github.scope import Scope
from goldrun.guest import INBOX
from goldrun.launch.acquire import acquire
from goldrun.launch.launch import Launched
from goldrun.launch.machine import Machine
from goldrun.launch.release import release
from goldrun.launch.settings import LaunchSettings
from goldrun.report import Report
from goldrun.runners import registrations
from goldrun.runners.bootstrap import Bootstrap, configuration, user_data
from goldrun.runners.diagnostics import explain, failure
from goldrun.runners.listing import find_instances
from goldrun.runners.naming import new_name
from goldrun.runners.registrations import Download, OneUse, Wanted
from goldrun.waiting import at_least, wait_for

DEFAULT_ONLINE_SECONDS = 600.0
LOOKS_A_CONSOLE = 3


@dataclass(frozen=True)
class Runner:
    """A runner that is online.

    Attributes:
        name: its name, in the cloud and at GitHub, which is also a label that no other runner has.
        instance_id: its instance.
        registration: its registration with GitHub.
        launched: the instance's offer and price.
        seconds: how long it took from the first call to being online.
    """

    name: str
    instance_id: str
    registration: Registration
    launched: Launched
    seconds: float


@dataclass(frozen=True)
class Plan:
    """The runner to start.

    Attributes:
        scope: its repository or organization.
        launch: the settings of its instance.
        labels: in addition to the unique one.
        run: marks the runners of a workflow run, see ``run_label``; empty: none.
        group: the number of its runner group.
        bootstrap: how the instance runs its job.
        settings: of the instance's proxy; may contain a secret.
        mirror: where the runner is downloaded from.
        online_seconds: time limit for coming online.
    """

    scope: Scope
    launch: LaunchSettings
    labels: tuple[str, ...] = ()
    run: str = ""
    group: int = DEFAULT_GROUP
    bootstrap: Bootstrap = field(default_factory=lambda: Bootstrap(life=0.0))
    settings: Mapping[str, str] = field(default_factory=dict)
    mirror: str = ""
    online_seconds: float = DEFAULT_ONLINE_SECONDS


@dataclass(frozen=True)
class Gone:
    """The result of ``bring_down``.

    Attributes:
        instances: the deleted instances.
        registered: whether the runner was still registered with GitHub.
        reclaimed: the market reclaimed the instance, or had announced it.
    """

    instances: tuple[str, ...]
    registered: bool
    reclaimed: bool


def bring_up(
    client: EcsClient,
    github: GitHub,
    plan: Plan,
    *,
    cache: Cache | None = None,
    report: Report,
    deliver: Callable[[Runner], None] = lambda _: None,
) -> Runner:
    """Start a runner, and wait until it is online and ready for one job.

    If anything fails, neither an instance nor a registration is left.

    Args:
        client: the cloud.
        github: GitHub's API.
        plan: the runner.
        cache: cached answers about the market.
        report: receives a sentence about each stage.
        deliver: hands the runner over; if it fails, nothing is left either.

    Raises:
        GoldrunError: the runner did not start; with diagnostics if its instance did not come online.
    """
    start = client.clock.now()
    name = new_name(client.region, start)
    report(f"registering {name} with {plan.scope}.")
    download = registrations.find_download(github, plan.scope, plan.launch.criteria.architecture, plan.mirror)
    instance_id = ""
    try:
        # The registration comes first: a wrong token costs no instance.
        one_use = registrations.register(github, plan.scope, _wanted(name, plan))
        settings = _machine_settings(plan, name, download)
        (launched,) = acquire(client, settings, cache=cache, report=report)
        instance_id = launched.ids[0]
        report(f"{instance_id} exists; waiting until it answers.")
        machine = Machine(client, instance_id, name)
        _hand_over(machine, one_use, plan, report)
        registration = _wait_until_online(machine, github, plan, start)
        made = Runner(name, instance_id, registration, launched, client.clock.now() - start)
        deliver(made)
    except BaseException as error:
        _undo(client, github, plan.scope, name, instance_id, error)
        raise
    return made


def bring_down(client: EcsClient, github: GitHub, scope: Scope, name: str, instance_id: str = "") -> Gone:
    """Delete a runner's instance and registration, and verify that both are gone.

    Args:
        client: the cloud.
        github: GitHub's API.
        scope: the runner's repository or organization.
        name: the runner's name.
        instance_id: its instance, if known: tells a reclaim from an instance that deleted itself.

    Raises:
        RefusedError: its instance exists, and nothing but its name or id says that it is the runner's.
        GoldrunError: one of them may still exist.
    """
    found = find_instances(client, scope, name)
    if not found:
        _require_gone(client, name, instance_id)
    reclaimed = any(instance.reclaimed for instance in found)
    # The instance first: it costs money, and GitHub removes a busy runner only when its instance is silent.
    release(client, [instance.id for instance in found])
    missing = registrations.remove(github, scope, [name])
    known = instance_id or next((instance.id for instance in found), "")
    if known and not reclaimed:
        reclaimed = was_reclaimed(client, known)
    return Gone(tuple(instance.id for instance in found), not missing, reclaimed)


def _require_gone(client: EcsClient, name: str, instance_id: str) -> None:
    """Make sure that an instance which has none of the runner's tags is not just one that has lost them."""
    there = describe_instances(client, ids=[instance_id]) if instance_id else describe_instances(client, name=name)
    if there:
        raise RefusedError(
            f"{there[0].id} is not deleted: it may be the runner {name}, but its tags do not say so any more.",
            why=["somebody has changed them, in the console perhaps."],
            fix=[
                f"if it is the runner, delete it in the console: {there[0].id} in {client.region}, then run this again."
            ],
        )


def _wanted(name: str, plan: Plan) -> Wanted:
    marks = (plan.run,) if plan.run else ()
    return Wanted(name, (name, *plan.labels, *marks), plan.group)


def _machine_settings(plan: Plan, name: str, download: Download) -> LaunchSettings:
    tags = {
        **plan.launch.tags,
        **ROLE.of(RUNNER),
        **RUNNER_NAME.of(name),
        **SCOPE.of(plan.scope.tag),
        **ONLINE_WITHIN.of(str(int(plan.online_seconds))),
        **(RUN_LABEL.of(plan.run) if plan.run else {}),
    }
    script = user_data(
        replace(plan.bootstrap, life=plan.launch.life, runner_url=download.url, runner_sha256=download.sha256)
    )
    return replace(plan.launch, key=name, name=name, tags=tags, user_data=script)


def _hand_over(machine: Machine, one_use: OneUse, plan: Plan, report: Report) -> None:
    """Send the instance its configuration by Cloud Assistant, into memory."""
    machine.wait_until_ready(plan.online_seconds)
    machine.send(configuration({**plan.settings, **one_use.settings}), INBOX, mode="0600", owner="root")
    report("it has its configuration; waiting until it is online.")


def _wait_until_online(machine: Machine, github: GitHub, plan: Plan, start: float) -> Registration:
    looks = count()

    def look() -> Registration | None:
        for registration in find_registrations(github, plan.scope, machine.key):
            if registration.online:
                return registration
        if next(looks) % LOOKS_A_CONSOLE == 0:
            if words := failure(machine):
                raise RefusedError(f"{machine.id} cannot run its job: {words}.", **explain(machine, github.server))
            if not describe_instances(machine.client, ids=[machine.id]):
                taken = was_reclaimed(machine.client, machine.id)
                why = "the market reclaimed it." if taken else "it deleted itself, or someone else did."
                raise LostError(f"{machine.id} is gone before its runner came online.", why=[why])
        return None

    clock = machine.client.clock
    return wait_for(
        clock,
        look,
        seconds=start + plan.online_seconds - clock.now(),
        late=lambda _: UnavailableError(
            f"{machine.key} is not online after {clock.now() - start:.0f} s.", **explain(machine, github.server)
        ),
        often=at_least(2.0),
    )


def _undo(client: EcsClient, github: GitHub, scope: Scope, name: str, instance_id: str, error: BaseException) -> None:
    """Remove everything of a runner that failed to start; a sweep removes what cannot be removed now."""
    if instance_id:
        try:
            release(client, [instance_id])
        except GoldrunError as second:
            error.add_note(f"{instance_id} could not be deleted ({second.what}): it deletes itself, or a sweep does.")
    if isinstance(error, GitHubError) and error.status in (401, 403, 404) and not error.unsure:
        return  # GitHub denies access: there is no registration
    try:
        registrations.remove(github, scope, [name])
    except GoldrunError as second:
        error.add_note(f"{name} could not be removed from GitHub ({second.what}): a sweep does it.")

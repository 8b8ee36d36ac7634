"""What a server would do now, without doing it."""

from __future__ import annotations

from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import describe_instances
from goldrun.cloud.tags import is_parked
from goldrun.github import scale_sets
from goldrun.github.actions_service import ActionsService
from goldrun.github.client import GitHub
from goldrun.serve.preparation import Prepare
from goldrun.serve.scale_set_spec import ScaleSetSpec


@dataclass(frozen=True)
class Planned:
    """A scale set, and what would be done for it.

    Attributes:
        spec: the scale set as configured.
        exists: whether GitHub has it; else it would be created.
        assigned: jobs that need a runner.
        machines: its machines, without those that are stopped.
        stopped: those that are stopped.
        launches: how many more would be launched.
        deletions: how many would be deleted, if they stay without a job.
        image: the image that they would boot from, or its family.
    """

    spec: ScaleSetSpec
    exists: bool
    assigned: int
    machines: int
    stopped: int
    launches: int
    deletions: int
    image: str


def make_plan(client: EcsClient, github: GitHub, spec: ScaleSetSpec, prepare: Prepare) -> Planned:
    """Return what a server would do for a scale set now; it changes nothing.

    Raises:
        GoldrunError: the cloud or GitHub refuses or fails, or the image is not fit.
    """
    service = ActionsService(github, spec.scope)
    found = scale_sets.find_scale_set(service, spec.name, scale_sets.find_group(service, spec.group))
    assigned = found.statistics.assigned if found and found.statistics else 0
    found_machines = describe_instances(client, tags=spec.tags())
    stopped = sum(is_parked(one.tags) for one in found_machines)
    machines, now = len(found_machines) - stopped, client.clock.now()
    needed = min(spec.profile.max_runners, assigned + spec.min_idle(now))
    started = min(stopped, max(0, needed - machines))
    to_stop = max(0, spec.min_stopped(now) - (stopped - started))
    settings = prepare()
    return Planned(
        spec=spec,
        exists=found is not None,
        assigned=assigned,
        machines=machines,
        stopped=stopped,
        launches=max(0, needed - machines - started) + to_stop,
        deletions=max(0, machines - needed),
        image=settings.image_id or settings.image_family,
    )

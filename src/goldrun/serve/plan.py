"""What a server would do now, without doing it."""

from __future__ import annotations

from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import describe_instances
from goldrun.github import scale_sets
from goldrun.github.actions_service import ActionsService
from goldrun.github.client import GitHub
from goldrun.serve.preparation import Preparation
from goldrun.serve.wanted import WantedSet


@dataclass(frozen=True)
class Planned:
    """A scale set, and what would be done for it.

    Attributes:
        wanted: the scale set as configured.
        exists: whether GitHub has it; else it would be created.
        assigned: jobs that need a runner.
        machines: its machines.
        launches: how many more would be launched.
        deletions: how many would be deleted, if they stay without a job.
        image: the image that they would boot from, or its family.
    """

    wanted: WantedSet
    exists: bool
    assigned: int
    machines: int
    launches: int
    deletions: int
    image: str


def make_plan(client: EcsClient, github: GitHub, wanted: WantedSet, prepare: Preparation) -> Planned:
    """Return what a server would do for a scale set now; it changes nothing.

    Raises:
        GoldrunError: the cloud or GitHub refuses or fails, or the image is not fit.
    """
    service = ActionsService(github, wanted.scope)
    found = scale_sets.find_scale_set(service, wanted.name, scale_sets.find_group(service, wanted.group))
    assigned = found.statistics.assigned if found and found.statistics else 0
    machines = len(describe_instances(client, tags=wanted.tags()))
    needed = min(wanted.profile.max_runners, assigned + wanted.min_idle(client.clock.now()))
    settings = prepare()
    return Planned(
        wanted=wanted,
        exists=found is not None,
        assigned=assigned,
        machines=machines,
        launches=max(0, needed - machines),
        deletions=max(0, machines - needed),
        image=settings.image_id or settings.image_family,
    )

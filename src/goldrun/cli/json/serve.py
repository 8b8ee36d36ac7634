"""What ``goldrun serve --plan`` shows, for programs."""

from __future__ import annotations

from typing import Self

from goldrun.cli.json.encoding import public
from goldrun.serve.plan import Planned


@public
class PlannedSet:
    """A scale set, and what a server would do for it now.

    Attributes:
        name: its name, which is a label.
        scope: the repository, organization or enterprise.
        labels: all its labels.
        exists: whether GitHub has it; else it would be created.
        assigned: jobs that need a runner.
        machines: its instances, without those that are stopped.
        stopped: those that are stopped.
        launches: how many more would be launched.
        deletions: how many would be deleted, if they stay without a job.
        image: the image that instances would boot from, or its family.
    """

    name: str
    scope: str
    labels: tuple[str, ...]
    exists: bool
    assigned: int
    machines: int
    stopped: int
    launches: int
    deletions: int
    image: str

    @classmethod
    def of(cls, plan: Planned) -> Self:
        """Return the public form."""
        return cls(
            name=plan.spec.name,
            scope=str(plan.spec.scope),
            labels=plan.spec.labels,
            exists=plan.exists,
            assigned=plan.assigned,
            machines=plan.machines,
            stopped=plan.stopped,
            launches=plan.launches,
            deletions=plan.deletions,
            image=plan.image,
        )

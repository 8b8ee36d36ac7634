"""Shares a scale set among repositories and workflows: none has more jobs at once than its limit.

Which jobs run is known from GitHub's messages; a server that takes over reads it from the machines' tags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import Instance
from goldrun.cloud.tagging import tag_existing
from goldrun.cloud.tags import JOB, MAX_VALUE
from goldrun.errors import GoldrunError
from goldrun.github.scale_sets import JobEvent
from goldrun.serve.config import Profile

ENDED_KEPT = 5000  # jobs; a message comes again within minutes
Origin = tuple[str, str]  # repository and workflow file


def origin_of(event: JobEvent) -> Origin:
    """Return the repository and the workflow of a job."""
    return event.repository.lower(), event.workflow.partition("@")[0].rpartition("/")[2]


@dataclass
class Concurrency:
    """Jobs that are accepted or run, by the number of the request or the name of the runner."""

    client: EcsClient
    profile: Profile
    _taken: dict[int | str, Origin] = field(default_factory=dict)
    _ended: dict[int, None] = field(default_factory=dict)  # requests, in the order in which they ended
    _unknown: int = 0  # jobs that another server has accepted, and that have not begun
    _untagged: dict[str, Origin] = field(default_factory=dict)  # machines whose tag does not say yet whose job they run

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return bool(self.profile.per_repository or self.profile.per_workflow)

    def reason(self, event: JobEvent) -> str:
        """Return why a job has to wait; empty: it has not."""
        if self.limited and self._unknown:
            return "the server has just taken over, and does not know yet which repositories the accepted jobs are from"
        repository, workflow = origin_of(event)
        most = self.profile.per_repository
        if most and Counter(one for one, _ in self._taken.values())[repository] >= most:
            return f"its repository has {most} jobs at once already, as many as the profile allows"
        most = self.profile.per_workflow
        if most and Counter(self._taken.values())[repository, workflow] >= most:
            return f"its workflow has {most} jobs at once already, as many as the profile allows"
        return ""

    def take(self, event: JobEvent) -> None:
        """Count a job that is accepted."""
        if event.request in self._ended:
            return  # a message that was not acknowledged comes again
        self._meet(event)
        self._taken[event.request] = origin_of(event)

    def start(self, event: JobEvent, machine: str) -> None:
        """Count a job that runs."""
        if event.request in self._ended:
            return
        self._meet(event)
        self._taken.pop(event.request, None)
        self._taken[event.runner] = origin_of(event)
        if self.limited:
            self._untagged[machine] = origin_of(event)

    def step(self) -> None:
        """Note on machines whose jobs they run, for a server that takes over.

        Raises:
            GoldrunError: one cannot be tagged; that is tried again only if it may succeed.
        """
        for machine, origin in list(self._untagged.items()):
            try:
                tag_existing(self.client, "instance", [machine], JOB.of(" ".join(origin)[:MAX_VALUE]))
            except GoldrunError as error:
                if not error.retryable:
                    del self._untagged[machine]
                raise
            del self._untagged[machine]

    def end(self, event: JobEvent) -> None:
        """Count a job that has ended no more, whatever old messages say of it."""
        self.release(event)
        self._ended[event.request] = None
        if len(self._ended) > ENDED_KEPT:
            del self._ended[next(iter(self._ended))]

    def release(self, event: JobEvent) -> None:
        """Count a job no more that was not accepted after all."""
        self._meet(event)
        self._taken.pop(event.request, None)
        self._taken.pop(event.runner, None)

    def recall(self, machines: Iterable[tuple[str, Instance]], waiting: int) -> None:
        """Begin again.

        Args:
            machines: what the machines say: pairs of a runner's name and its machine.
            waiting: how many accepted jobs have not begun.
        """
        self._taken.clear()
        self._unknown = waiting
        for runner, machine in machines:
            repository, _, workflow = JOB.read(machine.tags).partition(" ")
            if repository:
                self._taken[runner] = (repository, workflow)

    def settle(self, waiting: int) -> None:
        """Learn how many accepted jobs have not begun: no more than those are unknown."""
        self._unknown = min(self._unknown, waiting)

    def _meet(self, event: JobEvent) -> None:
        if event.request not in self._taken and event.runner not in self._taken:
            self._unknown = max(0, self._unknown - 1)

    def forget(self, runner: str) -> None:
        """Count no job of a runner whose machine is gone."""
        self._taken.pop(runner, None)

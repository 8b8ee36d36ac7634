"""Removes registrations whose machine is gone: what a server leaves behind that dies between the two."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import describe_instances
from goldrun.github.actions_service import ActionsService
from goldrun.github.runners import list_registrations
from goldrun.github.scale_sets import remove_runner
from goldrun.launch.launch import Report
from goldrun.serve.wanted import WantedSet

EVERY_SECONDS = 600.0


@dataclass
class Leftovers:
    """The registrations of one scale set.

    Attributes:
        report: receives a sentence about each that was removed.
    """

    client: EcsClient
    service: ActionsService
    wanted: WantedSet
    report: Report
    _looked: float = 0.0

    def step(self, machines: Container[str]) -> None:
        """Look now and then; ``machines`` are those that were just seen.

        Raises:
            GoldrunError: the cloud or GitHub fails.
        """
        now = self.client.clock.now()
        if now - self._looked < EVERY_SECONDS:
            return
        prefix = self.wanted.runner_name("i-")
        found = {
            runner.name.removeprefix(self.wanted.runner_name("")): runner
            for runner in list_registrations(self.service.github, self.wanted.scope)
            if runner.name.startswith(prefix) and self.wanted.name in runner.labels and not runner.online
        }
        missing = [machine for machine in found if machine not in machines]
        there = {instance.id for instance in describe_instances(self.client, ids=missing)} if missing else set()
        for machine in missing:
            # GitHub keeps one that has a job.
            if machine not in there and remove_runner(self.service, found[machine].id):
                self.report(f"{found[machine].name} was registered without a machine: removed.")
        self._looked = now

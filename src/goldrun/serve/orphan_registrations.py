"""Removes registrations whose machine is gone: what a server leaves behind that dies between the two."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import describe_instances
from goldrun.github.actions_service import ActionsService
from goldrun.github.runners import page_of_registrations
from goldrun.github.scale_sets import remove_runner
from goldrun.report import Report
from goldrun.serve.scale_set_spec import ScaleSetSpec

EVERY_SECONDS = 600.0  # between the end of a look through all of them and the next one
PAGE_SECONDS = 60.0  # between its pages: an organization's runners may be thousands, and GitHub counts requests


@dataclass
class OrphanRegistrations:
    """The registrations of one scale set.

    Attributes:
        report: receives a sentence about each that was removed.
    """

    client: EcsClient
    service: ActionsService
    spec: ScaleSetSpec
    report: Report
    _page: int = 1
    _next: float = float("-inf")

    def step(self, machines: Container[str]) -> None:
        """Look at a page now and then; ``machines`` are those that were just seen.

        The list need not be complete: what moves to another page while it is read is found the next time.

        Raises:
            GoldrunError: the cloud or GitHub fails.
        """
        now = self.client.clock.now()
        if now < self._next:
            return
        self._next = now + PAGE_SECONDS  # also if it fails
        page, more = page_of_registrations(self.service.github, self.spec.scope, self._page)
        prefix = self.spec.runner_name("i-")
        found = {
            self.spec.machine_of(runner.name): runner
            for runner in page
            if runner.name.startswith(prefix) and self.spec.name in runner.labels and not runner.online
        }
        missing = [machine for machine in found if machine not in machines]
        there = {instance.id for instance in describe_instances(self.client, ids=missing)} if missing else set()
        for machine in missing:
            # GitHub keeps one that has a job.
            if machine not in there and remove_runner(self.service, found[machine].id):
                self.report(f"{found[machine].name} was registered without an instance: removed.")
        self._page, self._next = (self._page + 1, now + PAGE_SECONDS) if more else (1, now + EVERY_SECONDS)

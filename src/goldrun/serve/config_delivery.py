"""Gives each machine its runner's configuration, by Cloud Assistant: many at once, a step of each at every look.

A configuration is made when its machine answers, not before: so nothing secret has to survive the death of a server.
What the next one finds is a machine without the tag ``Configured``. If its runner is online, the tag alone was missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from goldrun.cloud import assistant
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import Instance
from goldrun.cloud.moments import format_moment
from goldrun.cloud.tagging import tag_existing
from goldrun.cloud.tags import CONFIGURED
from goldrun.github import scale_sets
from goldrun.github.actions_service import ActionsService
from goldrun.github.client import GitHubError
from goldrun.github.runners import find_registrations
from goldrun.guest import INBOX
from goldrun.runners.bootstrap import configuration
from goldrun.serve.observer import Observer
from goldrun.serve.retries import Retries
from goldrun.serve.scale_set_spec import ScaleSetSpec

# A registration whose runner is not online may be one that starts at this moment.
START_SECONDS = 90.0
DELIVERY_SECONDS = 120.0
STEP_SECONDS = 10.0  # what takes longer goes on at the next step


@dataclass
class ConfigDelivery:
    """Hands configurations over.

    Attributes:
        observer: is told about each.
        retries: tries again what has failed, each machine at its own pace.
        proxy: the runners' proxy settings; may contain a secret.
        configured: machines that have theirs, as far as this server knows; their tag may not show yet.
    """

    client: EcsClient
    service: ActionsService
    spec: ScaleSetSpec
    observer: Observer
    retries: Retries
    proxy: Mapping[str, str] = field(default_factory=dict)
    configured: set[str] = field(default_factory=set)
    _sent: dict[str, tuple[str, float]] = field(default_factory=dict)
    _doubted: dict[str, float] = field(default_factory=dict)
    _untagged: set[str] = field(default_factory=set)  # configured machines whose tag was not written yet
    _machines: Mapping[str, Instance] = field(default_factory=dict)

    def is_done(self, machine: Instance) -> bool:
        """Return whether a machine has its configuration."""
        return CONFIGURED.key in machine.tags or machine.id in self.configured

    def is_begun(self, machine: Instance) -> bool:
        """Return whether a machine has its configuration, or is being sent it."""
        return self.is_done(machine) or machine.id in self._sent

    def step(self, machines: Mapping[str, Instance], scale_set: int) -> None:
        """Take each machine's next step.

        Raises:
            GoldrunError: the cloud or GitHub fails; what was begun goes on at the next step.
        """
        self.retries.forget(f"configure {one}" for one in self._machines.keys() - machines.keys())
        self._machines = machines
        self._sent = {one: sent for one, sent in self._sent.items() if one in machines}
        self.configured &= machines.keys()
        self._untagged &= machines.keys()
        waiting = [
            one
            for one, machine in machines.items()
            if machine.status == "Running" and not self.is_done(machine) and one not in self._sent
        ]
        until = self.client.clock.now() + STEP_SECONDS
        for one in sorted(assistant.find_ready(self.client, waiting)) if waiting else ():
            # One that fails keeps no other from its turn.
            self.retries.attempt(f"configure {one}", partial(self._begin, one, scale_set))
            if self.client.clock.now() > until:
                break  # it is somebody else's fault: messages and launches are not to wait for all of them
        self._finish()

    def tag(self) -> None:
        """Note on machines that they have their configuration: until that shows, they are read again and again.

        Raises:
            GoldrunError: ECS refuses, or cannot be reached; the next call tries it again.
        """
        if self._untagged:
            tags = CONFIGURED.of(format_moment(self.client.clock.now()))
            tag_existing(self.client, "instance", sorted(self._untagged), tags)  # one may be gone, with its job
            self._untagged.clear()

    def _begin(self, machine: str, scale_set: int) -> None:
        name = self.spec.runner_name(machine)
        try:
            _, secret = scale_sets.generate_set_jit_config(self.service, scale_set, name)
        except GitHubError as error:
            if not scale_sets.is_name_taken(error):
                raise
            if not self._may_register_again(machine, name):
                return
            _, secret = scale_sets.generate_set_jit_config(self.service, scale_set, name)
        content = configuration({**self.proxy, "JITCONFIG": secret})
        folder, _, file = INBOX.rpartition("/")
        token = hashlib.sha256(f"{machine} {hashlib.sha256(content).hexdigest()}".encode()).hexdigest()
        try:
            invocation = assistant.send_file(
                self.client, machine, name=file, folder=folder, content=content, mode="0600", owner="root", token=token
            )
        except ApiError as error:
            if assistant.is_instance_unfit(error):
                return  # it is gone, or going: the next look shows it
            raise
        self._sent[machine] = (invocation, self.client.clock.now())

    def _may_register_again(self, machine: str, name: str) -> bool:
        """Decide about a registration that is there already; return whether it was removed.

        It comes from a call whose answer was lost, or from a server that died.
        """
        now = self.client.clock.now()
        found = find_registrations(self.service.github, self.spec.scope, name)
        if any(runner.online or runner.busy for runner in found):
            self._mark([machine])
            return False
        since = self._doubted.setdefault(machine, now)
        if found and now - since < START_SECONDS:
            return False
        number = scale_sets.find_runner(self.service, name)
        if number is not None and not scale_sets.remove_runner(self.service, number):
            self._mark([machine])
            return False
        return True

    def _finish(self) -> None:
        """See which files have arrived."""
        done = []
        for machine, (invocation, at) in list(self._sent.items()):
            delivery = assistant.read_delivery(self.client, invocation)
            late = self.client.clock.now() - at > DELIVERY_SECONDS
            if delivery and delivery.ok:
                done.append(machine)
            elif late or (delivery and not delivery.running):
                del self._sent[machine]  # sent again, with another configuration
        if done:
            self._mark(done)

    def _mark(self, machines: list[str]) -> None:
        for machine in machines:
            self._sent.pop(machine, None)
            self._doubted.pop(machine, None)
            if machine not in self.configured and machine in self._machines:
                self.observer.configured(self.spec, self._machines[machine])
        self.configured |= set(machines)
        self._untagged |= set(machines)
        self.tag()

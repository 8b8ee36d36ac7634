"""The commands of the contract but CreateInstance: what exists is described, started, stopped and deleted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from goldrun import stdio
from goldrun.clock import Clock
from goldrun.cloud.client import EcsClient, connect
from goldrun.cloud.instances import Instance, describe_instances, start_instance, stop_instance
from goldrun.cloud.tags import GARM_CONTROLLER, GARM_NAME, GARM_POOL, GARM_RUNNER, OWNED, ROLE
from goldrun.errors import GoldrunError, RefusedError
from goldrun.garm import contract, settings
from goldrun.garm.contract import Call
from goldrun.launch.release import release
from goldrun.waiting import every

Say = Callable[[str], None]
LOOK_SECONDS = 5.0  # a deletion takes several
STATUS = {
    "Running": "running",
    "Pending": "running",
    "Starting": "running",
    "Stopping": "stopped",
    "Stopped": "stopped",
}


class NoSuchInstanceError(GoldrunError):
    """This controller has no such instance."""

    exit_code = contract.EXIT_NOT_FOUND


class Provider:
    """Answers one call."""

    def __init__(self, call: Call, env: Mapping[str, str], clock: Clock) -> None:
        """Connect to the cloud that the configuration names.

        Raises:
            UsageError: the configuration is not valid.
        """
        self.call = call
        self.clock = clock
        self.config = settings.read_config(call.config_file)
        self.env = {**env, **self.config.environment}
        self.client: EcsClient = connect(self.env, clock, notice=note, trace=stdio.trace(self.env))

    def delete(self) -> None:
        """Delete the instance and verify that it is gone; a missing one is not an error.

        Raises:
            RefusedError: it exists, and has lost the tags that say whose it is.
            GoldrunError: it may still exist.
        """
        found = self._named(lost=True)
        for instance in found:
            if GARM_CONTROLLER.key not in instance.tags:
                raise RefusedError(
                    f"{instance.id} is not deleted: it may be the engine's, but its tags do not say so any more.",
                    why=["somebody has changed them, in the console perhaps."],
                    fix=[f"if it is a runner, delete it in the console: {instance.id} in {self.client.region}."],
                )
        # Few looks: an account has one limit of calls for all of the engine's processes.
        release(self.client, [instance.id for instance in found], often=every(LOOK_SECONDS))

    def get(self) -> dict[str, Any]:
        """Describe the instance.

        Raises:
            NoSuchInstanceError: it does not exist.
        """
        return self._describe(self._one())

    def list_pool(self) -> list[dict[str, Any]]:
        """Describe the pool's instances."""
        return [self._describe(instance) for instance in self.all(GARM_POOL.of(self.call.pool))]

    def start(self) -> None:
        """Start the instance.

        Raises:
            NoSuchInstanceError: it does not exist.
        """
        start_instance(self.client, self._one().id)

    def stop(self) -> None:
        """Stop the instance. GARM itself never does; a sweep deletes stopped instances.

        Raises:
            NoSuchInstanceError: it does not exist.
        """
        stop_instance(self.client, self._one().id, force=True)

    def remove_all(self) -> None:
        """Delete every instance of this controller."""
        release(self.client, [instance.id for instance in self.all({})])

    def _one(self) -> Instance:
        found = self._named()
        if not found:
            raise NoSuchInstanceError(f"This controller has no instance {self.call.instance}.")
        return found[0]

    def _named(self, *, lost: bool = False) -> list[Instance]:
        """Return this controller's instances with the provider id or name; ``lost``: or one that has no controller."""
        wanted = self.call.instance
        if wanted.startswith("i-"):
            whose = ("", self.call.controller) if lost else (self.call.controller,)
            found = describe_instances(self.client, ids=[wanted])
            return [instance for instance in found if GARM_CONTROLLER.read(instance.tags) in whose]
        return self.all(GARM_NAME.of(wanted))

    def all(self, more: Mapping[str, str]) -> list[Instance]:
        """Return this controller's instances that have these tags, too."""
        return describe_instances(self.client, tags={**OWNED, **self.own_tags(), **more})

    def own_tags(self) -> dict[str, str]:
        """Return the tags of this controller's instances."""
        return {**ROLE.of(GARM_RUNNER), **GARM_CONTROLLER.of(self.call.controller)}

    def _describe(self, one: Instance) -> dict[str, Any]:
        addresses = [(one.private_ip, "private"), (one.public_ip, "public")]
        return {
            **as_json(one.id, GARM_NAME.read(one.tags, one.name), status_of(one)),
            "addresses": [{"address": address, "type": kind} for address, kind in addresses if address],
        }


def as_json(instance_id: str, name: str, status: str) -> dict[str, Any]:
    """Return what every answer says of an instance."""
    return {"provider_id": instance_id, "name": name, "os_type": "linux", "status": status}


def status_of(one: Instance) -> str:
    """Return the engine's word for an instance's state."""
    return STATUS.get(one.status, "unknown")


def read_specs(given: Mapping[str, Any]) -> settings.Specs:
    """Return a pool's extra specs; what is not known is told.

    Raises:
        UsageError: one is not valid.
    """
    specs = settings.read_specs(given)
    if specs.unknown:
        known = ", ".join(settings.SPECS)
        note(f"goldrun does not use these extra specs: {', '.join(specs.unknown)}. It knows: {known}.")
    return specs


def note(words: str) -> None:
    """Print a note: the engine logs it."""
    print(f"note: {words}", file=sys.stderr)  # noqa: T201 - the engine logs it

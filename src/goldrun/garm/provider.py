"""The commands of the contract, implemented with goldrun's own launch, look-up and release."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from goldrun import stdio
from goldrun.clock import Clock
from goldrun.cloud.client import EcsClient, connect
from goldrun.cloud.instances import Instance, describe_instances, start_instance, stop_instance
from goldrun.cloud.tags import GARM_CONTROLLER, GARM_NAME, GARM_POOL, GARM_RUNNER, OWNED, ROLE
from goldrun.errors import GoldrunError
from goldrun.garm import contract, settings
from goldrun.garm.contract import BootstrapInstance, Call
from goldrun.garm.launching import read_settings
from goldrun.garm.runner_version import require_current_runner
from goldrun.garm.underway import underway
from goldrun.images.resolve import resolve_image
from goldrun.launch.acquire import acquire
from goldrun.launch.cache import FileCache
from goldrun.launch.launch import Launched
from goldrun.launch.release import release
from goldrun.launch.settings import LaunchSettings
from goldrun.launch.spread import LEAST
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


class DuplicateError(GoldrunError):
    """Another instance already has the name."""

    exit_code = contract.EXIT_DUPLICATE


class NoSuchInstanceError(GoldrunError):
    """This controller has no such instance."""

    exit_code = contract.EXIT_NOT_FOUND


def own_folder() -> Path:
    """Return a folder for what a call leaves to the next one, which nobody else can write to; else one that is none.

    What others have put there would be believed: prices, and which instances are being created.
    """
    folder = Path(tempfile.gettempdir()) / f"goldrun-garm-{os.getuid()}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
            return folder
    return Path(os.devnull) / "none"


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
        self.client: EcsClient = connect(self.env, clock, notice=_note, trace=stdio.trace(self.env))
        self.folder = Path(self.config.cache_folder) if self.config.cache_folder else own_folder()
        self.cache = FileCache(self.env, clock, self.folder)

    def create(self, wanted: BootstrapInstance, say: Say) -> None:
        """Create the instance, or find the one that an earlier call created, and report it.

        Raises:
            GoldrunError: it was not created, or could not be reported; no instance is left.
        """
        if not self._report_existing(wanted, self._all(GARM_NAME.of(wanted.name)), say):
            with underway(self.folder, wanted.pool, wanted.name, self.clock) as names:
                self._launch(wanted, names, say)

    def _report_existing(self, wanted: BootstrapInstance, found: Sequence[Instance], say: Say) -> bool:
        """Report the instance if an earlier call created it."""
        for instance in found:
            if GARM_NAME.matches(instance.tags, wanted.name):
                if not GARM_POOL.matches(instance.tags, wanted.pool):
                    raise DuplicateError(f"{wanted.name} already exists ({instance.id}), in another pool.")
                say(json.dumps(_as_json(instance.id, wanted.name, _status(instance)) | _pool_of(wanted)))
                return True
        return False

    def _launch(self, wanted: BootstrapInstance, names: set[str], say: Say) -> None:
        siblings = self._all(GARM_POOL.of(wanted.pool))
        if self._report_existing(wanted, siblings, say):  # a list may lag behind: this is the second one
            return
        names |= {GARM_NAME.read(instance.tags) for instance in siblings}
        settings = self._launch_settings(wanted, spread=len(names) >= LEAST)
        require_current_runner(self.client, settings, wanted.repo_url, self.env, self.clock, _note)

        def deliver(got: Sequence[Launched]) -> None:
            (launched,) = got
            say(json.dumps(_as_json(launched.ids[0], wanted.name, "running") | _pool_of(wanted)))

        acquire(self.client, settings, cache=self.cache, report=_note, deliver=deliver)

    def delete(self) -> None:
        """Delete the instance and verify that it is gone; a missing one is not an error.

        Raises:
            GoldrunError: it may still exist.
        """
        # Few looks: an account has one limit of calls for all of the engine's processes.
        release(self.client, [instance.id for instance in self._named()], often=every(LOOK_SECONDS))

    def get(self) -> dict[str, Any]:
        """Describe the instance.

        Raises:
            NoSuchInstanceError: it does not exist.
        """
        return self._describe(self._one())

    def list_pool(self) -> list[dict[str, Any]]:
        """Describe the pool's instances."""
        return [self._describe(instance) for instance in self._all(GARM_POOL.of(self.call.pool))]

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
        release(self.client, [instance.id for instance in self._all({})])

    def _one(self) -> Instance:
        found = self._named()
        if not found:
            raise NoSuchInstanceError(f"This controller has no instance {self.call.instance}.")
        return found[0]

    def _named(self) -> list[Instance]:
        """Return this controller's instances with the provider id or name."""
        wanted = self.call.instance
        if wanted.startswith("i-"):
            found = describe_instances(self.client, ids=[wanted])
            return [instance for instance in found if GARM_CONTROLLER.matches(instance.tags, self.call.controller)]
        return self._all(GARM_NAME.of(wanted))

    def _all(self, more: Mapping[str, str]) -> list[Instance]:
        return describe_instances(self.client, tags={**OWNED, **self._own_tags(), **more})

    def _own_tags(self) -> dict[str, str]:
        return {**ROLE.of(GARM_RUNNER), **GARM_CONTROLLER.of(self.call.controller)}

    def _launch_settings(self, wanted: BootstrapInstance, *, spread: bool) -> LaunchSettings:
        found = read_settings(
            wanted,
            _read_specs(wanted.specs),
            self.config,
            self.env,
            self.client.region,
            key=f"garm {self.call.controller} {wanted.pool} {wanted.name}",
            tags={**self._own_tags(), **GARM_POOL.of(wanted.pool), **GARM_NAME.of(wanted.name)},
            spread=spread,
        )
        return resolve_image(self.client, found, _note)

    def _describe(self, one: Instance) -> dict[str, Any]:
        addresses = [(one.private_ip, "private"), (one.public_ip, "public")]
        return {
            **_as_json(one.id, GARM_NAME.read(one.tags, one.name), _status(one)),
            "addresses": [{"address": address, "type": kind} for address, kind in addresses if address],
        }


def _as_json(instance_id: str, name: str, status: str) -> dict[str, Any]:
    return {"provider_id": instance_id, "name": name, "os_type": "linux", "status": status}


def _pool_of(wanted: BootstrapInstance) -> dict[str, Any]:
    return {"os_arch": wanted.architecture, "pool_id": wanted.pool}


def _status(one: Instance) -> str:
    return STATUS.get(one.status, "unknown")


def answer(env: Mapping[str, str], stdin: str, clock: Clock, say: Say) -> None:
    """Answer a call.

    Args:
        env: the environment, which contains the call.
        stdin: the call's input.
        clock: the clock for waits.
        say: prints the answer for the engine.

    Raises:
        GoldrunError: the call failed.
    """
    call = contract.read_call(env)
    if call.command in _PLAIN:
        say(_PLAIN[call.command]())
        return
    if call.command == contract.VALIDATE:
        _read_specs(call.specs)
        if call.config_file:
            settings.read_config(call.config_file)
        return
    wanted = contract.read_bootstrap_instance(stdin, call) if call.command == contract.CREATE else None
    provider = Provider(call, env, clock)
    try:
        if wanted:
            provider.create(wanted, say)
        elif (result := _WORK[call.command](provider)) is not None:
            say(json.dumps(result))
    finally:
        provider.client.close()


# Answered without the cloud.
_PLAIN: dict[str, Callable[[], str]] = {
    contract.GET_VERSIONS: lambda: json.dumps(list(contract.VERSIONS)),
    contract.CONFIG_SCHEMA: lambda: json.dumps(settings.config_schema()),
    contract.SPECS_SCHEMA: lambda: json.dumps(settings.specs_schema()),
}
_WORK: dict[str, Callable[[Provider], Any]] = {
    contract.GET: Provider.get,
    contract.LIST: Provider.list_pool,
    contract.DELETE: Provider.delete,
    contract.START: Provider.start,
    contract.STOP: Provider.stop,
    contract.REMOVE_ALL: Provider.remove_all,
}


def _read_specs(given: Mapping[str, Any]) -> settings.Specs:
    specs = settings.read_specs(given)
    if specs.unknown:
        known = ", ".join(settings.SPECS)
        _note(f"goldrun does not use these extra specs: {', '.join(specs.unknown)}. It knows: {known}.")
    return specs


def _note(words: str) -> None:
    print(f"note: {words}", file=sys.stderr)  # noqa: T201 - the engine logs it

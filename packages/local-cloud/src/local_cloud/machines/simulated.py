"""Runners on simulated instances: nothing boots, but the stand-in runner runs the job on this computer.

It does what a real instance's bootstrap does: it waits for the runner's configuration, or fetches it from GARM, waits
for a job, reads the reclaim notice, and deletes its instance in the end. There is no background task: due work is done
before the next request is handled, and the stand-in itself polls every second.

Every caller that may call SendFile can send a configuration. So the stand-in trusts only the server that started it,
which proves itself with a secret, and gets a job's script only if the user allows jobs on this computer (``REFUSAL``).
"""

from __future__ import annotations

import base64
import contextlib
import os
import tarfile
import tempfile
from dataclasses import dataclass, field
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from goldrun.guest import INBOX, read_configuration, read_settings, read_waits
from local_cloud import lifecycle
from local_cloud.github import archive
from local_cloud.machines.supervised import Supervised
from local_cloud.records import Instance, Invocation
from local_cloud.store import Store

REFUSAL = (
    "This job has not run: it would have run on this computer, in no sandbox, and nobody has allowed that. Start the"
    " local cloud with: goldrun local up --run-jobs-here\n"
)
# What GARM's part of the bootstrap reads.
_ENGINE = (
    *("METADATA_URL", "CALLBACK_URL", "INSTANCE_TOKEN", "JIT", "CA_BUNDLE"),
    *("REPO_URL", "RUNNER_NAME", "LABELS", "GROUP", "TEMPLATE"),
)

# Python 3.11.2, which Debian 12 has, extracts without filters; the archive is our own.
_SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


@dataclass(frozen=True)
class _Bootstrap:
    """The settings and waits in the user data; no waits if the instance is not a runner."""

    settings: dict[str, str]
    waits: dict[str, float]


@dataclass
class _Guest:
    """A running stand-in."""

    process: Supervised
    home: Path
    since: float
    noticed: float | None = None


@dataclass
class SimulatedRunners:
    """The stand-ins of a local cloud, which they recognise by its ``secret``."""

    store: Store
    secret: str
    _guests: dict[str, _Guest] = field(default_factory=dict)
    _bootstraps: dict[str, _Bootstrap] = field(default_factory=dict)

    def tend(self, now: float) -> None:
        """Do the work that is due by ``now``."""
        if not self._guests and not any(instance.user_data for instance in self.store.all(Instance)):
            return
        lifecycle.settle(self.store, now)
        instances = {instance.id: instance for instance in self.store.all(Instance)}
        for instance_id in list(self._guests):
            if instance_id not in instances or instances[instance_id].state == "Stopped":
                self._end_guest(instance_id)
        for instance in instances.values():
            if not instance.user_data or instance.status(now) != "Running":
                continue
            if instance.id not in self._bootstraps:
                settings = read_settings(base64.b64decode(instance.user_data).decode("utf-8", "replace"))
                self._bootstraps[instance.id] = _Bootstrap(settings, read_waits(settings))
            bootstrap = self._bootstraps[instance.id]
            if bootstrap.waits:
                self._tend(instance, bootstrap.settings, bootstrap.waits, now)

    def stop(self) -> None:
        """End every stand-in."""
        for instance_id in list(self._guests):
            self._end_guest(instance_id)

    def _tend(self, instance: Instance, settings: dict[str, str], limits: dict[str, float], now: float) -> None:
        guest = self._guests.get(instance.id)
        if guest is None:
            if settings.get("METADATA_URL"):
                self._start(instance, *_use_garm(settings), now)
            elif given := self._configuration(instance, now):
                self._start(instance, *_use_configuration(given), now)
            elif now > instance.ready + limits["CONFIG_SECONDS"]:
                self._delete(instance, now)
            return
        if not guest.process.running:
            self._delete(instance, now)
        elif lifecycle.noticed(instance, now):
            if guest.noticed is None:
                guest.noticed = now
                with contextlib.suppress(FileNotFoundError):  # it is ending, and its folder is removed first
                    (guest.home / "spot-notice").write_text("soon\n", encoding="utf-8")
            if now >= guest.noticed + limits["NOTICE_SECONDS"]:
                guest.process.interrupt()
        elif not (guest.home / "job").exists() and now > _patience_ends(instance, guest, limits):
            self._delete(instance, now)

    def _configuration(self, instance: Instance, now: float) -> dict[str, str]:
        for invocation in self.store.all(Invocation):
            if invocation.instance == instance.id and invocation.file == INBOX and invocation.status(now) == "Success":
                return read_configuration(invocation.content)
        return {}

    def _start(self, instance: Instance, command: list[str], settings: dict[str, str], now: float) -> None:
        home = Path(tempfile.mkdtemp(prefix="goldrun-runner-"))
        with tarfile.open(fileobj=BytesIO(archive.content())) as packed:
            packed.extractall(home, **_SAFELY)  # noqa: S202 - our own archive
        hook = home / "job-started.sh"
        hook.write_text(': > "$(dirname "${GOLDRUN_SPOT_NOTICE}")/job"\n', encoding="utf-8")
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "GOLDRUN_SERVER_SECRET": self.secret,
            "GOLDRUN_SPOT_NOTICE": str(home / "spot-notice"),
            "ACTIONS_RUNNER_HOOK_JOB_STARTED": str(hook),
            **settings,
        }
        process = Supervised(command, home / "log", home=home, env=environment)
        self._guests[instance.id] = _Guest(process, home, now)

    def _delete(self, instance: Instance, now: float) -> None:
        """Delete the instance, as the bootstrap does in the end."""
        self._end_guest(instance.id)
        lifecycle.release(self.store, self.store.settings().market, [instance], now)

    def _end_guest(self, instance_id: str) -> None:
        """End the stand-in of a deleted instance, which does not sign off."""
        guest = self._guests.pop(instance_id, None)
        if guest is not None:
            guest.process.end()


def _patience_ends(instance: Instance, guest: _Guest, limits: dict[str, float]) -> float:
    return min(guest.since + limits["JOB_SECONDS"], instance.ready + limits["IDLE_SECONDS"])


def _use_configuration(given: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the command of a runner that was sent its configuration, and its environment."""
    if jit_config := given.get("JITCONFIG"):
        return ["./run.sh"], {"ACTIONS_RUNNER_INPUT_JITCONFIG": jit_config}
    wanted = {f"ACTIONS_RUNNER_INPUT_{name}": given.get(name, "") for name in ("TOKEN", "URL", "NAME", "LABELS")}
    return ["bash", "-c", "./config.sh && exec ./run.sh"], wanted


def _use_garm(settings: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the command of a runner that fetches its configuration from GARM, and its environment."""
    script, functions = files("local_cloud.machines") / "garm_guest.sh", files("goldrun.garm") / "engine.sh"
    return ["bash", str(script), str(functions)], {name: settings.get(name, "") for name in _ENGINE}

"""Runners that are played in virtual time: online as soon as their machine has its configuration, one job, gone."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from msgspec.structs import replace

from goldrun.cloud.client import EcsClient
from goldrun.github.client import GitHub
from goldrun.guest import INBOX, read_configuration
from local_cloud import lifecycle
from local_cloud.github.api import API, TOKEN
from local_cloud.github.jobs import Jobs
from local_cloud.github.records import GitHubJob, GitHubRunner
from local_cloud.github.router import PREFIX
from local_cloud.records import Instance, Invocation
from local_cloud.store import Store
from tests.conftest import Running

JOB_SECONDS = 30.0
CONFIG_SECONDS = 600.0


@dataclass
class Played:
    """Stands where the local cloud starts stand-ins for GitHub's runner.

    Attributes:
        silent: no runner comes online.
        idle: seconds that one waits for a job.
        lingers: a machine does not delete itself after its job.
        conclusion: how jobs end.
        seconds: how long a job takes.
    """

    store: Store
    jobs: Jobs
    silent: bool = False
    idle: float = 900.0
    lingers: bool = False
    conclusion: str = "success"
    seconds: float = JOB_SECONDS
    began: dict[str, float] = field(default_factory=dict)

    def tend(self, now: float) -> None:
        store = self.store
        lifecycle.settle(store, now)
        for instance in list(store.all(Instance)):
            if instance.status(now) != "Running" or not instance.user_data:
                continue
            runner = self._registration(instance, now)
            since = self.began.setdefault(instance.id, now) if runner else instance.ready
            if runner is None or self.silent:
                if now > since + CONFIG_SECONDS:
                    self._delete(instance, now)
                continue
            runner = store.get(GitHubRunner, runner.id)
            if runner is None:
                if now > since + self.idle:
                    self._delete(instance, now)
                continue
            store.put(replace(runner, seen=now))
            job = store.get(GitHubJob, runner.job) if runner.job else self.jobs.take(runner)
            if job and now >= job.started + self.seconds:
                current = store.get(GitHubRunner, runner.id)
                assert current is not None
                store.remove(current)
                self.jobs.end(job, self.conclusion)
                if not self.lingers:
                    self._delete(instance, now)
            elif job is None and now > since + self.idle:
                self._delete(instance, now)

    def stop(self) -> None:
        """Nothing runs."""

    def _registration(self, instance: Instance, now: float) -> GitHubRunner | None:
        store = self.store
        for one in store.all(Invocation):
            if one.instance == instance.id and one.file == INBOX and one.status(now) == "Success":
                settings, number = _read(one.content)
                if not number:
                    scope = settings["URL"].partition(f"{PREFIX}/")[2]
                    known = [one for one in store.all(GitHubRunner) if one.name == settings["NAME"]]
                    labels = settings["LABELS"].split(",")
                    return known[0] if known else self.jobs.register(scope, settings["NAME"], labels, 1)
                return store.get(GitHubRunner, number) or GitHubRunner(id=number, scope="", name="gone", labels=())
        return None

    def _delete(self, instance: Instance, now: float) -> None:
        store = self.store
        lifecycle.release(store, store.settings().market, [instance], now)


@lru_cache
def _read(content: bytes) -> tuple[Mapping[str, str], str]:
    """Return a runner's configuration, and its number; none if it is to register itself."""
    settings = read_configuration(content)
    if "TOKEN" in settings:
        return settings, ""
    packed = json.loads(base64.b64decode(settings["JITCONFIG"]))
    return settings, str(json.loads(base64.b64decode(packed[".runner"]))["agentId"])


def play(frozen: Running) -> Played:
    """Let the cloud's runners be played."""
    frozen.cloud._runners = played = Played(frozen.cloud.store, frozen.cloud.jobs)  # type: ignore[assignment]
    return played


def open_github(url: str, client: EcsClient, *, token: str = TOKEN) -> GitHub:
    """A client of the local GitHub, in the same time and over the same connections as the cloud's."""
    server = f"{url}{PREFIX}"
    return GitHub(url=server + API, server=server, token=token, transport=client._transport, clock=client.clock.machine)

"""The control API, under ``/_goldrun/``: reports what the local cloud is doing and changes how it behaves."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from local_cloud import addresses, seed
from local_cloud.access import AccessKey, Denial, Policy, TrustPolicy
from local_cloud.clock import iso
from local_cloud.control_messages import (
    Attachment,
    JobState,
    MarketChange,
    MarketState,
    NewApp,
    NewJob,
    Patterns,
    Population,
    SettingsChange,
    SpeedChange,
    Status,
    Trust,
)
from local_cloud.errors import ApiFault
from local_cloud.faults import FaultRule
from local_cloud.gateway import Gateway, Reply
from local_cloud.github import apps
from local_cloud.github.jobs import Jobs
from local_cloud.github.records import GitHubJob, GitHubRun, GitHubRunner
from local_cloud.json_input import decode
from local_cloud.lifecycle import change_market, settle
from local_cloud.recorder import Recorder
from local_cloud.records import Image, Instance, Settings, Snapshot

PREFIX = addresses.CONTROL
MAX_LEAP = 366 * 86400.0  # running instances are billed hour by hour


@dataclass
class Control:
    """Answers control API requests that have the ``token``; ``stop`` ends the server."""

    gateway: Gateway
    jobs: Jobs
    recorder: Recorder
    pid: int
    data: str
    stop: Callable[[], None]
    token: str
    runs_jobs: bool

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer a request under ``PREFIX``; the names of ``headers`` are in lower case.

        Requests that change anything must be JSON with its content type: a page cannot send that across origins.
        """
        if not hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {self.token}".encode()):
            return _json(401, {"error": "send the token that the server has written beside its data file"})
        if method != "GET" and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _json(415, {"error": "a body must be application/json"})
        serve = self._routes().get((method, path.removeprefix(PREFIX)))
        if serve is None:
            return _json(404, {"error": f"no {method} {path}"})
        try:
            return serve(body)
        except ApiFault as fault:
            return self.refuse(fault)
        except ValueError as error:
            return _json(400, {"error": str(error)})

    def refuse(self, fault: ApiFault) -> Reply:
        """An error answer."""
        return _json(fault.status, {"error": str(fault)})

    def _routes(self) -> dict[tuple[str, str], Callable[[bytes], Reply]]:
        return {
            ("GET", "status"): self._status,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "deny"): self._deny,
            ("POST", "allow"): self._allow,
            ("POST", "policy"): self._attach,
            ("POST", "trust"): self._trust,
            ("POST", "clock"): self._change_clock,
            ("PATCH", "settings"): self._change_settings,
            ("PATCH", "market"): self._change_market,
            ("GET", "jobs"): self._list_jobs,
            ("POST", "jobs"): self._add_job,
            ("PATCH", "jobs"): self._change_job,
            ("POST", "github-app"): self._add_app,
            ("POST", "reset"): self._reset,
            ("POST", "seed"): self._seed,
            ("POST", "recording"): self._begin_recording,
            ("DELETE", "recording"): self._end_recording,
            ("POST", "shutdown"): self._shutdown,
        }

    def _status(self, _: bytes = b"") -> Reply:
        store, clock = self.gateway.store, self.gateway.clock
        settle(store, clock.now())
        status = Status(
            pid=self.pid,
            data=self.data,
            time=iso(clock.now()),
            speed=clock.anchor.speed,
            images=sum(1 for image in store.all(Image) if image.owner == seed.ACCOUNT),
            snapshots=sum(1 for _ in store.all(Snapshot)),
            instances=sum(1 for _ in store.all(Instance)),
            denied=[denial.id for denial in store.all(Denial)],
            faults=self.gateway.faults.rules(),
            market=MarketState.of(store.settings().market),
            machines="qemu" if store.settings().machines else "simulated",
            runs_jobs=self.runs_jobs,
            calls=self.gateway.calls,
        )
        return Reply(200, {"content-type": "application/json"}, msgspec.json.encode(status))

    def _add_fault(self, body: bytes) -> Reply:
        self.gateway.faults.add(decode(body, FaultRule))
        return self._status()

    def _clear_faults(self, _: bytes) -> Reply:
        self.gateway.faults.clear()
        return self._status()

    def _deny(self, body: bytes) -> Reply:
        patterns = decode(body, Patterns).actions
        self.gateway.store.put(*(Denial(id=pattern) for pattern in patterns))
        return self._status()

    def _allow(self, body: bytes) -> Reply:
        patterns = decode(body, Patterns).actions
        store = self.gateway.store
        store.remove(*(denial for denial in store.all(Denial) if denial.id in patterns))
        return self._status()

    def _attach(self, body: bytes) -> Reply:
        attachment = decode(body, Attachment)
        store = self.gateway.store
        if store.get(AccessKey, attachment.key) is None and not attachment.role:
            raise ApiFault(404, "InvalidAccessKeyId.NotFound", f"there is no AccessKey {attachment.key}")
        if attachment.document:
            store.put(Policy(id=attachment.key, document=msgspec.to_builtins(attachment.document)))
        elif old := store.get(Policy, attachment.key):
            store.remove(old)
        return self._status()

    def _trust(self, body: bytes) -> Reply:
        change = decode(body, Trust)
        store = self.gateway.store
        if change.document:
            store.put(TrustPolicy(id=change.role, document=msgspec.to_builtins(change.document)))
        elif old := store.get(TrustPolicy, change.role):
            store.remove(old)
        return self._status()

    def _change_clock(self, body: bytes) -> Reply:
        change = decode(body, SpeedChange)
        clock = self.gateway.clock
        if not 0 <= change.advance <= MAX_LEAP or (change.speed is not None and not 0 <= change.speed <= 1e6):
            raise ApiFault(
                400,
                "InvalidClock",
                "time goes forward, a year at most in one leap, at 0 to 1,000,000 times the usual speed",
            )
        clock.advance(change.advance)
        if change.speed is not None:
            clock.set_speed(change.speed)
        self.gateway.store.save_anchor(clock.anchor)
        return self._status()

    def _change_settings(self, body: bytes) -> Reply:
        change = decode(body, SettingsChange)
        given = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
        settings: Settings = replace(self.gateway.store.settings(), **given)
        self.gateway.store.put(settings)
        return self._status()

    def _change_market(self, body: bytes) -> Reply:
        change = decode(body, MarketChange)
        given = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
        for name in ("scarcity", "phantoms"):
            if not 0 <= given.get(name, 0.0) <= 1:
                raise ApiFault(400, "InvalidMarket", f"{name} is a share: from 0 to 1")
        now = self.gateway.clock.now()
        if "scenario" in given:
            given["since"] = now
        change_market(self.gateway.store, replace(self.gateway.store.settings().market, **given), now)
        return self._status()

    def _list_jobs(self, _: bytes = b"") -> Reply:
        self.jobs.settle()
        store = self.gateway.store
        answer = {
            "runs": list(store.all(GitHubRun)),
            "jobs": list(store.all(GitHubJob)),
            # A runner's credential is secret.
            "runners": [replace(runner, credential="") for runner in store.all(GitHubRunner)],
        }
        return Reply(200, {"content-type": "application/json"}, msgspec.json.encode(answer))

    def _add_job(self, body: bytes) -> Reply:
        new = decode(body, NewJob)
        if new.repository.count("/") != 1:
            raise ApiFault(400, "InvalidRepository", "a repository is OWNER/NAME")
        found = self.gateway.store.get(GitHubRun, new.run) if new.run else None
        if new.run and found is None:
            raise ApiFault(404, "InvalidRun", f"there is no run {new.run}")
        run = found or self.jobs.begin_run(new.repository, new.workflow, event=new.event, head=new.head)
        job = self.jobs.add_job(
            run, name=new.name, labels=new.labels, script=new.script, needs=new.needs, hosted=new.hosted
        )
        return _json(200, {"run": run.id, "job": job.id})

    def _change_job(self, body: bytes) -> Reply:
        state = decode(body, JobState)
        job = self.gateway.store.get(GitHubJob, state.job)
        if job is None or not job.hosted:
            raise ApiFault(404, "InvalidJob", f"there is no hosted job {state.job}")
        self.jobs.report(job, state.status, state.conclusion)
        return _json(200, {"job": job.id})

    def _add_app(self, body: bytes) -> Reply:
        app = apps.register(self.gateway.store, decode(body, NewApp).key.encode())
        return _json(200, {"client_id": app.id, "installation": app.installation})

    def _reset(self, body: bytes) -> Reply:
        population = decode(body or b"{}", Population)
        self.gateway.store.clear()
        self.gateway.faults.clear()
        self.gateway.calls.clear()
        seed.put_defaults(self.gateway.store)
        if population.seed:
            seed.populate(self.gateway.store, self.gateway.clock.now())
        return self._status()

    def _seed(self, _: bytes) -> Reply:
        seed.populate(self.gateway.store, self.gateway.clock.now())
        return self._status()

    def _begin_recording(self, _: bytes) -> Reply:
        self.recorder.begin()
        return _json(200, {})

    def _end_recording(self, _: bytes) -> Reply:
        return _json(200, {"calls": self.recorder.end(), "lost": self.recorder.lost})

    def _shutdown(self, _: bytes) -> Reply:
        self.stop()
        return _json(200, {"stopping": True})


def _json(status: int, content: object) -> Reply:
    return Reply(status, {"content-type": "application/json"}, msgspec.json.encode(content))

"""Runs the workers: two threads for each scale set, one that listens and one that works, until told to stop.

Threads, because all clients are blocking and take their clock from outside: the same code runs in a test in virtual
time, step by step (docs/decisions.md).
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from goldrun.clock import Clock, StoppableClock
from goldrun.cloud.client import EcsClient
from goldrun.cloud.market import Cache
from goldrun.config import Environment
from goldrun.errors import GoldrunError
from goldrun.github.client import GitHub
from goldrun.report import Report
from goldrun.serve.assembly import Common, build_worker
from goldrun.serve.observer import Observer
from goldrun.serve.quota import Quota
from goldrun.serve.retries import Retries
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.serve.worker import Worker
from goldrun.waiting import looks

TICK_SECONDS = 0.5
STANDBY_SECONDS = 10.0  # between attempts to begin a session that another server has
QUICK_SECONDS = 1.0  # a poll that ends sooner without a message is followed by a pause
DEFECT_SECONDS = 60.0  # after a defect
END_SECONDS = 60.0  # a step that is underway is waited for so long


Clients = Callable[[Clock], tuple[EcsClient, GitHub]]
Step = Callable[[], float]


@dataclass
class Steps:
    """The two steps of a worker that are repeated, each in its own thread; both return the pause after them.

    Attributes:
        worker: the worker.
        clock: the clock of the machine.
        report: receives a sentence about each failure.
    """

    worker: Worker
    clock: Clock
    report: Report

    def __post_init__(self) -> None:
        """Begin with no failure."""
        self._patience = Retries(self.worker.listener.spec.name, self.clock, self.report)

    def listen(self) -> float:
        """Begin a session if there is none, or wait for a message."""
        listener = self.worker.listener
        if not listener.connected:
            return 0.0 if listener.connect() else STANDBY_SECONDS
        before = self.clock.now()
        listener.poll(self.worker.capacity)
        return 0.0 if self.clock.now() - before > QUICK_SECONDS else QUICK_SECONDS

    def work(self) -> float:
        """Do what is to be done now."""
        self.worker.tick()
        return TICK_SECONDS

    def guarded(self, name: str, step: Step) -> float:
        """Return a step's pause; after a failure a longer one each time."""
        pauses: list[float] = []
        return self._patience.attempt(name, lambda: pauses.append(step())) or pauses[0]


class Server:
    """All scale sets of a configuration."""

    def __init__(
        self,
        clients: Clients,
        env: Environment,
        *,
        owner: str,
        report: Report,
        cache: Cache | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Make a server; ``serve`` starts it.

        Args:
            clients: makes the clients of a thread, on the clock of that thread.
            env: the environment.
            owner: this server's name at GitHub.
            report: receives a sentence about what happens.
            cache: cached answers about the market.
            observer: is told what happens.
        """
        self._observer = observer or Observer()
        self._clients, self._env, self._owner, self._report, self._cache = clients, env, owner, report, cache
        self._common = Common(Quota(report))
        self._running: dict[ScaleSetSpec, _Running] = {}
        self._retiring: dict[tuple[str, str], _Running] = {}
        self._ending: list[_Running] = []

    def serve(self, spec: Iterable[ScaleSetSpec]) -> None:
        """Serve these scale sets from now on, and no others."""
        sets = list(spec)
        self._common.ledger.know(sets)
        kept = {_key(one) for one in sets}
        for one in [one for one in self._running if one not in sets]:
            running = self._running.pop(one)
            self._observer.ended(one)
            if _key(one) in kept:
                self._end(running)  # it has changed
            else:
                self._report(f"{one.name}: not configured any more; it ends with its jobs.")
                running.worker.retiring = True
                self._retiring[_key(one)] = running
        new = [one for one in sets if one not in self._running]
        for one in new:
            if (ending := self._retiring.pop(_key(one), None)) is not None:
                self._end(ending)
        self._common.shares.know(new)  # all of them, before the first one begins
        for one in new:
            self._observer.begun(one)
            self._running[one] = self._start(one)

    def tidy(self) -> None:
        """Let go of scale sets that have ended with their jobs."""
        for key, running in list(self._retiring.items()):
            if running.worker.retired:
                del self._retiring[key]
                self._end(running)
        self._forget()

    def unconnected(self) -> list[str]:
        """Return the scale sets that this server neither serves nor stands by for: it has not reached GitHub yet."""
        return [
            spec.name
            for spec, running in list(self._running.items())
            if not (running.worker.listener.connected or running.worker.listener.waits)
        ]

    def stop(self) -> None:
        """End every session, so that another server takes over at once. Machines and jobs go on."""
        every = [*self._running.values(), *self._retiring.values()]
        for running in every:
            running.halt()
        for running in every:
            running.stop()
        self._running.clear()
        self._retiring.clear()

    def _end(self, running: _Running) -> None:
        running.stop()
        self._ending.append(running)
        self._forget()

    def _forget(self) -> None:
        """Keep no places for what has ended: not before its last step is over, which may claim some."""
        for running in [one for one in self._ending if not one.works]:
            self._ending.remove(running)
            if (spec := running.worker.listener.spec) not in self._running:
                self._common.shares.leave(spec)
                self._observer.left(spec)

    def _start(self, spec: ScaleSetSpec) -> _Running:
        clocks = StoppableClock(), StoppableClock()
        client, github = self._clients(clocks[0])
        worker = build_worker(
            client,
            github,
            spec,
            self._env,
            owner=self._owner,
            report=self._report,
            cache=self._cache,
            common=self._common,
            observer=self._observer,
        )
        steps = Steps(worker, clocks[0], self._report)
        threads = (
            Repeated(f"{spec.name} works", lambda: steps.guarded("work", steps.work), clocks[0], self._report),
            Repeated(f"{spec.name} listens", lambda: steps.guarded("listen", steps.listen), clocks[1], self._report),
        )
        for thread in threads:
            thread.start()
        return _Running(worker, threads, client, github)


def _key(spec: ScaleSetSpec) -> tuple[str, str]:
    """Return what a scale set is known by at GitHub."""
    return spec.name.lower(), str(spec.scope).lower()


class Repeated(threading.Thread):
    """Repeats a step until its clock is stopped, whatever happens: a server runs for months, and nobody watches it."""

    def __init__(self, name: str, step: Step, clock: StoppableClock, report: Report) -> None:
        """Make the thread; ``report`` receives what is a defect of goldrun."""
        super().__init__(name=name, daemon=True)  # a poll may last a minute: nobody waits for it
        self._step, self.clock, self._report, self._pause = step, clock, report, 0.0

    def run(self) -> None:
        """Repeat."""
        with suppress(KeyboardInterrupt):
            for _ in looks(self.clock, often=lambda _: self._pause):
                self._pause = self._try()

    def _try(self) -> float:
        try:
            return self._step()
        except Exception:  # noqa: BLE001 - a machine that nobody looks after costs money
            pause = DEFECT_SECONDS
            self._report(
                f"{self.name}: this is a defect of goldrun; please report it. Trying again in {pause:.0f} s.\n"
                f"{traceback.format_exc()}"
            )
            return pause


@dataclass
class _Running:
    worker: Worker
    threads: tuple[Repeated, ...]
    client: EcsClient
    github: GitHub

    @property
    def works(self) -> bool:
        """Whether a step is underway, or may begin."""
        return self.threads[0].is_alive()

    def halt(self) -> None:
        """Let both threads end at their next wait."""
        for thread in self.threads:
            thread.clock.stop()

    def stop(self) -> None:
        """End the work, then the session."""
        self.halt()
        self.threads[0].join(timeout=END_SECONDS)
        with suppress(GoldrunError):  # it ends by itself, after a minute
            self.worker.listener.close()
        self.client.close()
        self.github.close()

"""Keeps one scale set's machines: as many as its jobs and its pool need, configured, and none longer than needed.

``tick`` is called again and again, by the one thread that has the worker; it waits for nothing. Every decision rests on
GitHub's statistics and on what the cloud shows, so that another server decides the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import Instance, was_reclaimed
from goldrun.cloud.market import Cache
from goldrun.errors import EXIT_CREDENTIALS, EXIT_PERMISSION, EXIT_USAGE, GoldrunError
from goldrun.github import scale_sets
from goldrun.github.runners import find_registrations
from goldrun.github.scale_sets import JobEvent, Message, Statistics
from goldrun.launch.acquire import acquire, describe_launch
from goldrun.launch.launch import Report
from goldrun.launch.settings import LaunchSettings, new_key
from goldrun.serve.admission import Admission
from goldrun.serve.breaker import Breaker
from goldrun.serve.fleet import Fleet
from goldrun.serve.hand_over import HandOver
from goldrun.serve.leftovers import Leftovers
from goldrun.serve.listener import Listener
from goldrun.serve.observer import Observer, State
from goldrun.serve.reruns import Reruns

LOOK_SECONDS = 3.0  # between looks at machines that change
CALM_SECONDS = 30.0  # … and at machines that do not
BATCH = 20  # machines of one launch
PAUSE_SECONDS = (30.0, 300.0)  # after a launch that was refused: the first pause and the longest
SURPLUS_SECONDS = 60.0  # a machine that nobody needs waits so long for a job
LOST_SECONDS = 1800.0  # GitHub has noticed by then that a runner is gone
ENDED_SECONDS = 120.0  # a machine whose job has ended deletes itself within that time
SILENT_SECONDS = 120.0  # a configured machine whose runner is not online after that is asked about at GitHub
ASK_SECONDS = 60.0  # … not more often than that

Prepare = Callable[[], LaunchSettings]


@dataclass
class Worker:
    """A scale set at work.

    Attributes:
        client: the cloud.
        listener: the scale set's session.
        prepare: returns the settings of a new machine, its image looked up.
        report: receives a sentence about what happens.
        cache: cached answers about the market.
        fleet: the machines.
        hands: gives them their configurations.
        admission: decides whose jobs are run.
        reruns: runs jobs again that lost their machine.
        leftovers: removes registrations without a machine.
        breaker: leaves out offers that are reclaimed again and again.
        observer: is told what happens.
        statistics: the last ones; None: none since this server leads.
    """

    client: EcsClient
    listener: Listener
    prepare: Prepare
    report: Report
    fleet: Fleet
    hands: HandOver
    admission: Admission
    reruns: Reruns
    leftovers: Leftovers
    breaker: Breaker
    observer: Observer
    cache: Cache | None = None
    statistics: Statistics | None = None
    _accepted: int = 0  # since those statistics
    _ended: dict[str, float] = field(default_factory=dict)  # runners whose job has ended, by name
    _busy: set[str] = field(default_factory=set)  # runners with a job, by name
    _lost: dict[str, float] = field(default_factory=dict)  # those whose machine is gone, and whose job has not ended
    _unanswered: list[Message] = field(default_factory=list)  # messages whose machines are to be asked for
    _offered: list[int] = field(default_factory=list)  # jobs that are to be accepted
    _gone: list[Instance] = field(default_factory=list)  # machines whose end is to be looked into
    _failed: dict[str, JobEvent] = field(default_factory=dict)  # jobs that failed, by their runners
    _reclaimed: dict[str, float] = field(default_factory=dict)  # runners whose machine the market took back
    _asked: dict[str, float] = field(default_factory=dict)  # when GitHub was last asked about a machine
    _looked: float = 0.0
    _surplus_since: float | None = None
    _batch: int = BATCH
    _pause: float = PAUSE_SECONDS[0]
    _paused_until: float = 0.0

    @property
    def capacity(self) -> int:
        """How many jobs the scale set can take in all: while nothing can be launched, as many as have a machine."""
        most = self.listener.wanted.profile.max_runners
        return min(most, self._alive) if self._now < self._paused_until else most

    def tick(self) -> None:
        """Do what is to be done now.

        Raises:
            GoldrunError: the cloud or GitHub fails; what was left undone is done at a later tick.
        """
        try:
            if self.listener.leads:
                self._tick()
        finally:
            self.observer.state(self.listener.wanted, self._state())

    def _tick(self) -> None:
        if begun := self.listener.take_begun():
            # Another server may have changed everything meanwhile.
            self.statistics, self._accepted, self._looked = begun, 0, 0.0
            self._busy, self._lost, self._unanswered, self._offered = set(), {}, [], []
        for message in self.listener.take():
            self._unanswered.append(message)
            self._read(message)
        if self._offered:
            self._accepted += self.listener.acquire(self._offered)
            self._offered = []
        if self._unanswered or self._now - self._looked >= (LOOK_SECONDS if self.fleet.restless else CALM_SECONDS):
            self._look()
        self._launch()
        while self._unanswered:
            self.listener.acknowledge(self._unanswered.pop(0))
        self._retire_surplus()

    def _state(self) -> State:
        known = self.statistics if self.listener.leads else None
        starting = sum(not self.hands.is_done(one) for one in self.fleet.machines.values()) if known else 0
        busy = self._busy_machines if known else 0
        return State(
            leads=self.listener.leads,
            waiting=max(0, known.assigned - known.running) if known else 0,
            running=known.running if known else 0,
            starting=starting,
            idle=max(0, self._alive - starting - busy) if known else 0,
            busy=busy,
        )

    @property
    def _now(self) -> float:
        return self.client.clock.now()

    @property
    def _alive(self) -> int:
        """How many machines there are that have not had their job."""
        return self.fleet.count - sum(self._name(one) in self._ended for one in self.fleet.machines)

    @property
    def _busy_machines(self) -> int:
        """How many machines run a job.

        A new session knows no names, but GitHub's number; that one counts lost machines too, until GitHub notices.
        """
        running = self.statistics.running if self.statistics else 0
        known = sum(self._name(one) in self._busy for one in self.fleet.machines)
        return min(self._alive, max(known, running - len(self._lost)))

    @property
    def _free(self) -> int:
        """How many machines wait for a job, or will."""
        return self._alive - self._busy_machines

    @property
    def _needed(self) -> int:
        """How many free machines GitHub and the pool want: a job that runs needs none, wherever it runs."""
        if self.statistics is None:
            return 0
        waiting = max(0, self.statistics.assigned - self.statistics.running) + self._accepted
        return waiting + self.listener.wanted.min_idle(self._now)

    def _name(self, machine: str) -> str:
        return self.listener.wanted.runner_name(machine)

    def _read(self, message: Message) -> None:
        self.statistics, self._accepted = message.statistics, 0
        for event in message.events:
            if event.kind == "JobStarted":
                self._busy.add(event.runner)
                self.observer.job_started(self.listener.wanted, event)
            elif event.kind == "JobCompleted" and event.runner:
                self._busy.discard(event.runner)
                self._ended[event.runner] = self._now
                self.observer.job_completed(self.listener.wanted, event)
                lost = self._lost.pop(event.runner, None)
                if event.result != "succeeded":
                    self._failed[event.runner] = event
                words = "; its machine was gone" if lost is not None and event.result != "succeeded" else ""
                self.report(f"{event.runner}: {event.name} of {event.repository} has {event.result}{words}.")
        self._offered += [
            event.request for event in message.events if event.kind == "JobAvailable" and self.admission.admits(event)
        ]

    def _look(self) -> None:
        """See what the machines do, and take each a step further."""
        self._gone += self.fleet.look()
        while self._gone:
            self._forget(self._gone[0])
            del self._gone[0]
        self.reruns.step()
        names = {self._name(one) for one in self.fleet.machines}
        recent, since = self._now - ENDED_SECONDS, self._now - LOST_SECONDS
        self._ended = {name: at for name, at in self._ended.items() if name in names or at > recent}
        self._lost = {name: at for name, at in self._lost.items() if at > since}
        self._reclaimed = {name: at for name, at in self._reclaimed.items() if at > since}
        if made := self.listener.scale_set:
            self.hands.step(self.fleet.machines, made.id)
        self._run_again()
        self._drop_useless()
        self._renew_pool()
        self.leftovers.step(self.fleet.machines)
        self._looked = self._now

    def _forget(self, gone: Instance) -> None:
        machine, name = gone.id, self._name(gone.id)
        self._asked.pop(machine, None)
        if (name not in self._ended or name in self._failed) and gone.spot and was_reclaimed(self.client, machine):
            self._reclaimed[name] = self._now
            self.observer.reclaimed(self.listener.wanted, gone.type, gone.zone)
            if self.breaker.note((gone.type, gone.zone), self._now):
                self.report(f"{gone.type} in {gone.zone} is left out for a while: its instances are reclaimed.")
        if name in self._busy:
            # Its job has just ended, or GitHub notices in some minutes that its runner is silent.
            self._busy.discard(name)
            self._lost[name] = self._now
        elif name not in self._ended and not self._remove_registration(machine):
            self._lost[name] = self._now  # GitHub still has it at work

    def _run_again(self) -> None:
        """Have jobs run again that failed because the market took their machine."""
        for name in self._failed.keys() & self._reclaimed.keys():
            self.reruns.add(self._failed.pop(name))
            del self._reclaimed[name]
        # A job whose machine is still there, or has deleted itself, failed for its own reasons.
        self._failed = {name: event for name, event in self._failed.items() if name in self._ended}

    def _launch(self) -> None:
        room = self.listener.wanted.profile.max_runners - self._alive
        missing = min(self._needed - self._free, room)
        while missing > 0 and self._now >= self._paused_until:
            amount = min(missing, self._batch)
            try:
                avoid = self.breaker.out(self._now)
                settings = replace(self.prepare(), amount=amount, key=new_key(), avoid=avoid)
                got = acquire(self.client, settings, cache=self.cache, report=self.report)
            except GoldrunError as error:
                self._refused(error, amount)
                return
            for launched in got:
                self.fleet.add(launched.ids)
                self.observer.launched(self.listener.wanted, len(launched.ids))
                self.report(f"{self.listener.wanted.name}: {describe_launch(launched)}")
            self._batch, self._pause = min(BATCH, 2 * self._batch), PAUSE_SECONDS[0]
            missing -= amount

    def _refused(self, error: GoldrunError, amount: int) -> None:
        """Try a smaller launch; after the smallest, wait, and tell GitHub to assign no more.

        Raises:
            GoldrunError: the error, if a person has to do something about it.
        """
        self.observer.refused(self.listener.wanted, error.code if isinstance(error, ApiError) else type(error).__name__)
        if error.exit_code in (EXIT_CREDENTIALS, EXIT_PERMISSION, EXIT_USAGE):
            self._paused_until = self._now + self._pause
            raise error
        if amount > 1:
            self._batch = max(1, amount // 4)
            return
        self._paused_until = self._now + self._pause
        self.report(f"{self.listener.wanted.name}: {error.what} Trying again in {self._pause:.0f} s.")
        self._pause = min(PAUSE_SECONDS[1], 2 * self._pause)

    def _drop_useless(self) -> None:
        """Delete machines that will not serve a job: too slow, silent, or still there after their job."""
        wanted = self.listener.wanted
        for one, machine in list(self.fleet.machines.items()):
            name, age = self._name(one), self._now - machine.created
            if name in self._ended:
                if self._now - self._ended[name] > ENDED_SECONDS:
                    self._delete(one, "its job has ended, and it did not delete itself")
            elif machine.status in ("Stopping", "Stopped") and age > SURPLUS_SECONDS:
                self._delete(one, f"it is {machine.status.lower()}")
            elif not self.hands.is_done(machine):
                if age > wanted.boot_seconds:
                    self._delete(one, f"it does not answer after {age:.0f} s")
            elif name not in self._busy and age > SILENT_SECONDS and self._is_silent(one, age):
                self._delete(one, "its runner is not online")

    def _renew_pool(self) -> None:
        """Replace a machine of the pool that boots from an older image; one at a look, so that a pool is left."""
        if self.listener.wanted.min_idle(self._now) == 0 or self._free < self._needed or self.fleet.restless:
            return
        try:
            image = self.prepare().image_id
        except GoldrunError:
            return  # the next launch reports it
        old = [one for one in self._free_machines() if image and one.image_id and one.image_id != image]
        if old:
            self._delete(old[0].id, "its image is not the newest")

    def _free_machines(self) -> list[Instance]:
        """Return the machines without a job: those that still boot first, then the oldest."""
        free = [
            machine
            for one, machine in self.fleet.machines.items()
            if self._name(one) not in self._busy and self._name(one) not in self._ended
        ]
        return sorted(free, key=lambda machine: (self.hands.is_done(machine), machine.created))

    def _is_silent(self, machine: str, age: float) -> bool:
        """Return whether GitHub says that a machine's runner is not online, and it had time enough."""
        if self._now - self._asked.get(machine, 0.0) < ASK_SECONDS:
            return False
        self._asked[machine] = self._now
        found = find_registrations(self.listener.service.github, self.listener.wanted.scope, self._name(machine))
        if any(runner.online or runner.busy for runner in found):
            self._asked[machine] = float("inf")  # from now on the machine watches itself
            return False
        return age > self.listener.wanted.boot_seconds or not found

    def _retire_surplus(self) -> None:
        """Delete what has waited for nothing."""
        surplus = self._free - self._needed
        if self.statistics is None or surplus <= 0:
            self._surplus_since = None
            return
        if self._surplus_since is None:
            self._surplus_since = self._now
        if self._now - self._surplus_since < SURPLUS_SECONDS:
            return
        for machine in self._free_machines()[:surplus]:
            self._delete(machine.id, "no job needs it")
        self._surplus_since = self._now

    def _delete(self, machine: str, reason: str) -> None:
        """Delete a machine, unless its runner has a job: GitHub says so when its registration is to be removed."""
        if not self._remove_registration(machine):
            self._busy.add(self._name(machine))
            return
        self.report(f"{machine} is deleted: {reason}.")
        self.fleet.delete([machine])

    def _remove_registration(self, machine: str) -> bool:
        """Remove a machine's registration; return whether there is none any more."""
        service = self.listener.service
        number = scale_sets.find_runner(service, self._name(machine))
        return number is None or scale_sets.remove_runner(service, number)

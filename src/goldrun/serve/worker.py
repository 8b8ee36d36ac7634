"""Keeps one scale set's machines: as many as its jobs and its pool need, configured, and none longer than needed.

``tick`` is called again and again, by the one thread that has the worker; it waits for nothing. Every decision rests on
GitHub's statistics and on what the cloud shows, so that another server decides the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.errors import GoldrunError
from goldrun.github.scale_sets import JobEvent, Message
from goldrun.report import Report
from goldrun.serve.budget import Budget, OutdatedError
from goldrun.serve.cleanup import Cleanup
from goldrun.serve.config_delivery import ConfigDelivery
from goldrun.serve.endings import Endings
from goldrun.serve.fleet import Fleet, started_at
from goldrun.serve.intake import Intake
from goldrun.serve.launching import Launching
from goldrun.serve.listener import Listener
from goldrun.serve.observer import Observer, State
from goldrun.serve.orphan_registrations import OrphanRegistrations
from goldrun.serve.parking import Parking
from goldrun.serve.quota import Quota
from goldrun.serve.retries import Retries
from goldrun.serve.roster import Roster
from goldrun.serve.shares import Claim, Shares

SOON_SECONDS = 1.0  # between looks at machines that may answer at any moment
LOOK_SECONDS = 3.0  # between looks at machines that change
CALM_SECONDS = 30.0  # between looks at machines that do not
REST_SECONDS = 60.0  # steps that fail for longer keep no place for what is missing


@dataclass
class Worker:
    """A scale set at work.

    Attributes:
        client: the cloud.
        listener: the scale set's session.
        report: receives a sentence about what happens.
        fleet: the machines.
        roster: what they do.
        hands: gives them their configurations.
        intake: accepts jobs.
        launching: launches machines.
        cleanup: deletes those that serve nobody.
        parking: keeps some stopped.
        budget: counts what they cost.
        quota: what the account may run.
        shares: what the other scale sets need.
        endings: looks into the ends of jobs and machines.
        orphans: removes registrations without a machine.
        observer: is told what happens.
        retries: tries again what has failed.
        retiring: the profile is not configured any more: what runs goes on, and nothing new is accepted.
        retired: that has ended, and the scale set is deleted.
    """

    client: EcsClient
    listener: Listener
    report: Report
    fleet: Fleet
    roster: Roster
    hands: ConfigDelivery
    intake: Intake
    launching: Launching
    cleanup: Cleanup
    parking: Parking
    budget: Budget
    quota: Quota
    shares: Shares
    endings: Endings
    orphans: OrphanRegistrations
    observer: Observer
    retries: Retries
    retiring: bool = False
    retired: bool = False
    _accepted: int = 0  # since GitHub's last statistics
    _to_begin: bool = False  # a session whose machines were not looked at yet
    _unread: list[Message] = field(default_factory=list)
    _unacknowledged: list[Message] = field(default_factory=list)  # messages whose machines are to be asked for
    _looked: float = 0.0
    _fails_since: float | None = None  # the first of the steps that failed in a row
    _crowded: int = 0  # offered jobs that wait because the server runs as many machines as it may
    _queued: int = 0  # those that wait for the account's quota

    @property
    def capacity(self) -> int:
        """How many jobs the scale set can take in all: while nothing can be launched, as many as have a machine."""
        spec = self.listener.spec
        if self.retiring:
            return self.roster.statistics.assigned if self.roster.statistics else 0
        # Jobs that wait for what less important sets hold of the quota are to be known: their turn comes first.
        quota = self.launching.quota_room
        room = math.inf if quota is None else quota + self.shares.alive_below(spec)
        if self.launching.paused:
            room = 0
        return self.intake.waiting + int(min(spec.profile.max_runners, self.roster.alive + room))

    def tick(self) -> None:
        """Do what is to be done now.

        Raises:
            GoldrunError: the cloud or GitHub fails; what was left undone is done at a later tick.
        """
        try:
            if self.listener.leads:
                self._tick()
            else:
                self._wait()
            self._fails_since = None
        except Exception:  # a defect, too
            self._fails_since = self._now if self._fails_since is None else self._fails_since
            if self._now - self._fails_since > REST_SECONDS:
                self.shares.rest(self.listener.spec, self.roster.alive)
                self.budget.ledger.rest(self.listener.spec)
            raise
        finally:
            self.observer.state(self.listener.spec, self._state())

    def _tick(self) -> None:
        session, messages = self.listener.take()
        if session:
            self.roster.begin(session)
            self.intake.clear()
            self._accepted, self._looked, self._to_begin = 0, 0.0, True
            self._unread, self._unacknowledged = [], []
        self._unread += messages
        if self._to_begin:
            self._begin()
        while self._unread:
            self._read(self._unread[0])
            self._unacknowledged.append(self._unread.pop(0))
        self._crowded = self._queued = 0
        if self.intake.waiting:
            self.retries.attempt("admit", self.intake.admit)
            self.retries.attempt("accept", self._accept)
        if self._unacknowledged or self._now - self._looked >= self._pace:
            self._look()
        self._supply()
        while self._unacknowledged:
            self.listener.acknowledge(self._unacknowledged.pop(0))
        self.cleanup.retire_surplus(self._needed)
        if self.retiring and not self._busy_with_something:
            self.budget.step(self._idle)
            self.listener.delete()
            self._leave()
            self.retired = True

    def _wait(self) -> None:
        """Wait for the session, which is lost, or which another server has."""
        if not self.shares.keep_places(self.listener.spec, self._now):
            self.budget.ledger.leave(self.listener.spec)
        # Another server has it: it is that one's to keep, or to end.
        self.retired = self.retired or (self.retiring and self.listener.taken)

    def _leave(self) -> None:
        """Keep nothing from the other sets of this server."""
        self.shares.leave(self.listener.spec)
        self.budget.ledger.leave(self.listener.spec)

    def _supply(self) -> None:
        """Get the machines that are missing: stopped ones first, then new ones for jobs, then those for the pool."""
        if (claim := self._claim(self._needed_now)).missing:
            self._start(claim)
            claim = self._claim(self._needed_now)
        if claim.missing:
            self.launching.launch(claim)
        else:
            self.launching.launch(self._claim(self._needed), self.parking.unfit)

    def _claim(self, needed: int) -> Claim:
        """Return what there is, and what is missing if so many free machines are needed."""
        roster = self.roster
        missing = max(0, min(needed - roster.free, self.listener.spec.profile.max_runners - roster.alive))
        jobs = min(missing, max(0, self._jobs - roster.free))
        return Claim(roster.alive, roster.working + self._jobs, jobs, missing - jobs, self._crowded, self._queued)

    def _start(self, claim: Claim) -> None:
        """Start stopped machines for what is missing: each takes its place like a new one."""
        spec, missing = self.listener.spec, claim.missing
        allowed = min(missing, self.budget.room()) if self.budget.limited else missing
        if ready := self.parking.ready(allowed):
            ready = ready[: self.shares.claim(spec, claim.within(len(ready)), self._now)]
        if not ready:
            return
        try:
            self.budget.announce_started(ready)
            self.parking.start(ready)
        except OutdatedError as error:
            self.parking.rest(ready)
            self.report(error.what)
        except GoldrunError as error:
            if not isinstance(error, ApiError):
                raise  # it may have happened: nothing is launched instead before it is known
            self.report(f"{self.listener.spec.name}: stopped instances cannot be started: {error.what}")

    def _begin(self) -> None:
        """See what another server has left, before anything is decided."""
        self.fleet.begin()
        self.endings.note(self.fleet.look())
        machines = ((self.roster.name(one), machine) for one, machine in self.fleet.machines.items())
        self.intake.concurrency.recall(machines, self.roster.waiting)
        self.budget.begin()
        self._to_begin = False

    def _state(self) -> State:
        leads, roster = self.listener.leads and self.roster.statistics is not None, self.roster
        moving = list(roster.standing().values()) if leads else []
        starting = sum(not self.hands.is_done(one) for one in moving)
        busy = roster.working if leads else 0
        return State(
            leads=self.listener.leads,
            waiting=roster.waiting if leads else 0,
            running=roster.statistics.running if leads and roster.statistics else 0,
            starting=starting,
            idle=max(0, roster.alive - starting - busy) if leads else 0,
            busy=busy,
            stopped=len(roster.aside) if leads else 0,
            oldest=max((self._now - started_at(one) for one in moving), default=0.0),
        )

    @property
    def _now(self) -> float:
        return self.client.clock.now()

    @property
    def _pace(self) -> float:
        """How long to wait between looks."""
        if self.fleet.eager:
            return SOON_SECONDS
        return LOOK_SECONDS if self.fleet.restless else CALM_SECONDS

    @property
    def _busy_with_something(self) -> bool:
        known = self.roster.statistics
        return self.fleet.count > 0 or known is None or known.assigned > 0 or self._accepted > 0

    @property
    def _jobs(self) -> int:
        """How many accepted jobs wait for a machine."""
        return self.roster.waiting + self._accepted

    @property
    def _idle(self) -> int:
        """How many machines have no job, and get none for now."""
        return max(0, self.roster.free - self._jobs)

    @property
    def _quota_room(self) -> float:
        """How many more machines the quota allows, if less important sets give up those without a job."""
        reach = self.launching.quota_reach
        return math.inf if reach is None else reach

    @property
    def _given_up(self) -> int:
        """How many machines without a job are not to be kept: others need their place, or they cost too much."""
        return max(self.shares.to_yield(self.listener.spec), self.budget.short)

    @property
    def _needed_now(self) -> int:
        """How many free machines GitHub and the pool want; the pool is for quiet times of more important sets."""
        if self.roster.statistics is None:
            return 0
        pool = 0 if self.retiring else self.listener.spec.min_idle(self._now)
        if given_up := self._given_up:
            pool = min(pool, max(0, self._idle - given_up))
        return self._jobs + pool

    @property
    def _stopped(self) -> int:
        """How many stopped machines there are to be."""
        return 0 if self.retiring else self.listener.spec.min_stopped(self._now)

    @property
    def _needed(self) -> int:
        """How many free machines are wanted, with those that will be stopped when they have booted."""
        lacks = 0 if self.parking.broken or self._given_up else max(0, self._stopped - self.parking.count)
        return self._needed_now + lacks

    def _accept(self) -> None:
        """Accept the jobs that a machine waits for, or may be launched for: GitHub cancels those that get none."""
        spec, roster = self.listener.spec, self.roster
        unused = roster.free - self._jobs  # less than 0: some are to be launched still
        if unused > 0:
            unused = max(0, unused - self.shares.to_yield(spec))
        own = 0 if self.launching.paused else max(0, spec.profile.max_runners - roster.alive)
        places, quota = self.shares.room(spec, roster.alive, self._now), self._quota_room
        room, reason = min(
            (places, f"the server has {spec.limits.max_runners} runners at once, as many as it may"),
            (quota, "the account's quota of spot instances is used up"),
            self._affordable(),
            (own, f"the profile has {spec.profile.max_runners} runners at once, as many as it may"),
        )
        self._accepted += self.intake.step(max(0, unused + room), reason)
        if room == places:
            self._crowded = self.intake.crowded
        elif room == quota:
            self._queued = min(self.intake.crowded, max(0, own + min(0, unused)))

    def _affordable(self) -> tuple[float, str]:
        """Return how many more machines the budget holds, and why not more."""
        if not self.budget.limited:
            return math.inf, ""
        try:
            return self.budget.room(yielded=not self.launching.yield_request.vain), self.budget.reason
        except GoldrunError as error:
            return 0, error.what

    def _read(self, message: Message) -> None:
        """Take note of a message; one that is read again after a failure changes nothing more."""
        self.roster.statistics, self._accepted = message.statistics, 0
        self.intake.concurrency.settle(self.roster.waiting)
        for event in message.events:
            if event.kind == "JobAvailable":
                if not self.retiring:
                    self.intake.offer(event)
            elif event.kind == "JobAssigned":
                self.intake.assigned(event)
            elif event.kind == "JobStarted":
                self._started(event)
            elif event.kind == "JobCompleted":
                self.intake.end(event)
                if event.runner:
                    self.endings.complete(event, self.listener.spec.machine_of(event.runner))

    def _started(self, event: JobEvent) -> None:
        machine = self.listener.spec.machine_of(event.runner)
        self.intake.concurrency.start(event, machine)
        if machine not in self.roster.busy:
            self.observer.job_started(self.listener.spec, event)
        self.roster.busy[machine] = event

    def _look(self) -> None:
        """See what the machines do, and take each a step further."""
        self.endings.note(self.fleet.look())
        self.quota.look(self.client)
        # First what a job waits for. None of them keeps the others from their turn.
        attempt = self.retries.attempt
        attempt("park", lambda: self.parking.look(self._stopped, self.roster.free - self._needed_now))
        attempt("configure", self._configure)
        attempt("mark", self.hands.tag)
        attempt("part", self.endings.look)
        attempt("rerun", self.endings.run_again)
        attempt("note", self.intake.concurrency.step)
        attempt("drop", self.cleanup.drop_useless)
        attempt("delete", self.fleet.delete_again)
        attempt("renew", lambda: self.cleanup.renew_pool(self._needed))
        attempt("tidy", lambda: self.orphans.step(self.fleet.machines))
        self.budget.step(self._idle)  # if it cannot be written down, nothing is launched
        self._looked = self._now

    def _configure(self) -> None:
        if made := self.listener.scale_set:
            self.hands.step(self.roster.standing(), made.id)

"""Keeps machines stopped in economical mode, and starts them when jobs wait: faster than new ones, for a disk's price.

What a machine is, its tags say: ``Parked`` is written before it is stopped, ``Started`` once it was started again; it
never is stopped a second time. As "Economical mode" in the ECS documentation says, some types go on costing, without an
error, and a start may be refused because the place was given away. Then a new machine is launched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files

from goldrun.cloud import assistant
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import (
    MIN_LIFE_SECONDS,
    Instance,
    is_in_wrong_state,
    is_wrong_state,
    park_instance,
    set_release_time,
    start_instances,
)
from goldrun.cloud.market import Place
from goldrun.cloud.moments import format_moment, moment_or
from goldrun.cloud.tagging import tag_existing
from goldrun.cloud.tags import PARKED, STARTED, is_parked
from goldrun.errors import GoldrunError
from goldrun.report import Report
from goldrun.serve.cleanup import Cleanup
from goldrun.serve.fleet import started_at
from goldrun.serve.observer import Observer
from goldrun.serve.preparation import Prepare
from goldrun.serve.roster import Roster
from goldrun.waiting import LAG_SECONDS

SCRIPT_SECONDS = 300.0  # cloud-init may still be at work
BROKEN_SECONDS = 1800.0  # after a machine could not be prepared, no other one is meant for the pool for so long
REFUSED_SECONDS = 300.0  # a machine whose start was refused is not tried again for so long
SLACK_SECONDS = 600.0  # a release time that is off by less is left as it is
STARTS_A_CALL = 100
UNKNOWN = float("-inf")


@dataclass
class Parking:
    """The stopped machines of one scale set.

    Attributes:
        client: the cloud.
        roster: the machines; those that are stopped, or will be, are set aside there.
        cleanup: deletes machines.
        prepare: returns the settings of a new machine.
        report: receives a sentence about what happens.
        observer: is told what was started.
        unfit: offers whose machines go on costing when they are stopped.
    """

    client: EcsClient
    roster: Roster
    cleanup: Cleanup
    prepare: Prepare
    report: Report
    observer: Observer
    unfit: set[Place] = field(default_factory=set)
    _sent: dict[str, str] = field(default_factory=dict)  # machines whose script runs, and its invocation
    # Machines that were started, whatever they show yet, and when; a start whose outcome is not known has no moment.
    _started: dict[str, float] = field(default_factory=dict)
    _refused: dict[str, float] = field(default_factory=dict)
    _broken: float = UNKNOWN  # when a machine could not be prepared last

    @property
    def _now(self) -> float:
        return self.client.clock.now()

    @property
    def count(self) -> int:
        """How many machines are stopped, or will be."""
        return len(self.roster.aside)

    @property
    def broken(self) -> bool:
        """Whether a machine could not be prepared a while ago: the next one may not be either."""
        return self._now - self._broken < BROKEN_SECONDS

    def look(self, wanted: int, spare: int) -> None:
        """Take each machine a step further.

        Args:
            wanted: how many are to be stopped.
            spare: how many machines without a job are not needed running.

        Raises:
            GoldrunError: the cloud or GitHub fails; what was begun goes on at the next look.
        """
        machines = self.roster.fleet.machines
        self._sent = {one: invocation for one, invocation in self._sent.items() if one in machines}
        self._refused = {one: at for one, at in self._refused.items() if one in machines}
        self._started = {one: at for one, at in self._started.items() if one in machines}
        self._set_aside()
        for one, machine in list(machines.items()):
            if STARTED.key in machine.tags or one in self._started:
                self._follow(machine)
            elif is_parked(machine.tags):
                self._keep(machine)
        self._finish()
        self._set_aside()
        self._trim(wanted)
        lacking = min(wanted - self.count, spare)
        if lacking > 0 and not self.broken:
            self._choose(lacking)

    def ready(self, count: int) -> list[str]:
        """Return up to so many stopped machines that may be started."""
        return [
            one
            for one, machine in self.roster.fleet.machines.items()
            if one in self.roster.aside and machine.saves and machine.status == "Stopped" and self._may_start(one)
        ][: min(count, STARTS_A_CALL)]

    def start(self, ready: Sequence[str]) -> None:
        """Start these stopped machines.

        Raises:
            GoldrunError: ECS refuses all of them, or cannot be reached.
        """
        self._started |= dict.fromkeys(ready, UNKNOWN)  # the call may have its effect even if it fails
        self.roster.fleet.watch(ready)
        answered = start_instances(self.client, ready)
        # What an earlier attempt has started, whose answer was lost, is refused for its state.
        refused = {one: code for one, code in answered.items() if not is_wrong_state(code)}
        for one, code in refused.items():
            del self._started[one]
            self._refused[one] = self._now
            self.report(f"{one} is not started: {code}.")
        self._set_aside()
        started = [one for one in ready if one not in answered]
        if started:
            self._started |= dict.fromkeys(started, self._now)
            self.roster.fleet.restart(started)
            self.observer.resumed(self.roster.fleet.spec, started)
            tag_existing(self.client, "instance", started, STARTED.of(format_moment(self._now)))
            self.report(f"{self.roster.fleet.spec.name}: {len(started)} stopped instances are started.")

    def rest(self, ready: Sequence[str]) -> None:
        """Do not start these stopped machines for a while: they cost more than may be spent."""
        self._refused |= dict.fromkeys(ready, self._now)

    def _may_start(self, machine: str) -> bool:
        return self._now - self._refused.get(machine, float("-inf")) > REFUSED_SECONDS

    def _set_aside(self) -> None:
        parked = {one for one, machine in self.roster.fleet.machines.items() if is_parked(machine.tags)}
        self.roster.aside = (parked | self._sent.keys()) - self._started.keys()

    def _follow(self, machine: Instance) -> None:
        """See that a started machine has its tag, and the release time of a running one."""
        if STARTED.key not in machine.tags:
            if machine.status in ("Starting", "Running"):
                self._started[machine.id] = max(self._started[machine.id], self._now)
                tag_existing(self.client, "instance", [machine.id], STARTED.of(format_moment(self._now)))
            elif machine.status == "Stopped" and self._now - self._started[machine.id] > LAG_SECONDS:
                # The call had no effect; sooner, a read may be from before it.
                del self._started[machine.id]
                self._refused[machine.id] = self._now
                self.report(f"{machine.id} has not started; it rests for {REFUSED_SECONDS:.0f} s.")
            return
        self._release(machine, started_at(machine) + self.roster.fleet.spec.life)

    def _keep(self, machine: Instance) -> None:
        """Stop a machine that is to be stopped; delete one that should not be kept."""
        kept = self.roster.fleet.spec.stopped_life
        parked = moment_or(PARKED.read(machine.tags), machine.created)
        if machine.status == "Running":
            if self.cleanup.has_runner(machine.id):
                self._started[machine.id] = self._now  # it was started, and may have a job: its tag is late
                return
            self._release(machine, parked + kept)
            try:
                park_instance(self.client, machine.id)
            except ApiError as error:
                if not is_in_wrong_state(error):
                    raise
        elif machine.status == "Stopped" and not machine.saves:
            self.unfit.add((machine.type, machine.zone))
            self.cleanup.delete(machine.id, f"{machine.type} costs as much when it is stopped")
        elif machine.status == "Stopped" and self._now > parked + kept - MIN_LIFE_SECONDS:
            self.cleanup.delete(machine.id, "it was stopped for as long as the profile allows")

    def _release(self, machine: Instance, moment: float) -> None:
        if abs((machine.released or 0.0) - moment) > SLACK_SECONDS and moment > self._now + MIN_LIFE_SECONDS:
            set_release_time(self.client, machine.id, format_moment(moment))

    def _finish(self) -> None:
        """Stop the machines whose script has ended."""
        done = []
        for one, invocation in list(self._sent.items()):
            result = assistant.read_result(self.client, invocation, one)
            if result is None or result.running:
                continue
            del self._sent[one]
            if result.ok:
                done.append(one)
            else:
                self._broken = self._now
                self.cleanup.delete(one, f"it cannot be prepared to be stopped (exit code {result.exit_code})")
        if done:
            # Whose it is too: if a person has taken its tags meanwhile, nobody would find what is stopped.
            parked = {**self.roster.fleet.spec.tags(), **PARKED.of(format_moment(self._now))}
            tag_existing(self.client, "instance", done, parked)
            for one in done:
                machine = self.roster.fleet.machines[one]
                tagged = {**machine.tags, **PARKED.of(format_moment(self._now))}
                self.roster.fleet.machines[one] = replaced = replace(machine, tags=tagged)
                self._keep(replaced)

    def _trim(self, wanted: int) -> None:
        """Delete stopped machines that are too many; and one at a look that boots from an older image."""
        stopped = [machine for one, machine in self.roster.fleet.machines.items() if one in self.roster.aside]
        stopped.sort(key=lambda machine: machine.created)
        surplus = stopped[: max(0, len(stopped) - wanted)]
        for machine in surplus:
            if machine.status == "Stopped":
                self.cleanup.delete(machine.id, "fewer stopped instances are wanted")
        if surplus or len(stopped) < wanted or any(one.status != "Stopped" for one in stopped):
            return  # one at a time, so that a pool is left
        try:
            image = self.prepare().image_id
        except GoldrunError:
            return  # the next launch reports it
        old = [one for one in stopped if image and one.image_id and one.image_id != image and one.status == "Stopped"]
        if old:
            self.cleanup.delete(old[0].id, "its image is not the newest")

    def _choose(self, lacking: int) -> None:
        """Begin to stop machines that answer, and have no runner yet."""
        roster = self.roster
        waiting = [
            machine.id
            for machine in roster.free_machines()
            if machine.status == "Running" and not roster.hands.is_begun(machine) and STARTED.key not in machine.tags
            if (machine.type, machine.zone) not in self.unfit
        ]
        ready = assistant.find_ready(self.client, waiting) if waiting else set()
        script = files("goldrun.runners").joinpath("guest", "park.sh").read_bytes()
        for one in sorted(ready)[:lacking]:
            if self.cleanup.has_runner(one):
                continue  # its tag is late, or the server died that gave it its configuration
            token = hashlib.sha256(f"park {one}".encode()).hexdigest()
            try:
                self._sent[one] = assistant.run_command(
                    self.client, one, name="goldrun-park", script=script, timeout=SCRIPT_SECONDS, token=token
                )
            except ApiError as error:
                if not assistant.is_instance_unfit(error):
                    raise
        self._set_aside()

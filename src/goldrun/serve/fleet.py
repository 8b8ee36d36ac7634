"""The machines of one scale set, as the cloud shows them: its tags are the only record."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import Instance, delete_instances, describe_instances, is_missing, is_passing
from goldrun.cloud.moments import moment_or
from goldrun.cloud.tags import CONFIGURED, STARTED, is_parked
from goldrun.errors import GoldrunError
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.waiting import LAG_SECONDS

WHOLE_SECONDS = 25.0  # between looks at all machines
BOOT_SECONDS = 15.0  # no machine answers sooner
GONE_SECONDS = 30.0  # a deletion that shows no effect for so long is asked for again
CURRENT_SECONDS = 30.0  # for so long after a look at all of them, no other server is expected to have launched any


def started_at(machine: Instance) -> float:
    """Return when a machine was created, or started from a pool."""
    return moment_or(STARTED.read(machine.tags), machine.created)


@dataclass
class Fleet:
    """Machines, read again and again; what was created or deleted a moment ago is remembered until it shows.

    Attributes:
        machines: what the last look showed, by id, without those that are being deleted.
    """

    client: EcsClient
    spec: ScaleSetSpec
    machines: dict[str, Instance] = field(default_factory=dict)
    _created: dict[str, float] = field(default_factory=dict)
    _deleted: dict[str, float] = field(default_factory=dict)
    _watched: dict[str, float] = field(default_factory=dict)
    _launched: dict[str, float] = field(default_factory=dict)  # or started: what a read shows may be older
    _read: float = float("-inf")  # when all of them were last read
    _confirmed: float = float("-inf")  # when no others were found

    def look(self) -> list[Instance]:
        """Read the machines, and return those that are gone since the last look, though nobody here deleted them.

        While something changes, only what changes is read; all of them now and then. So a look costs as many calls when
        there are thousands as when there are few.

        Raises:
            GoldrunError: the cloud cannot be read.
        """
        now = self.client.clock.now()
        whole = now - self._read >= WHOLE_SECONDS
        self._watched = {one: at for one, at in self._watched.items() if now - at < LAG_SECONDS}
        changing = {*self._created, *self._deleted, *self._watched}
        changing |= {one for one in self.machines if self._changes(one)}
        if whole:
            found = self._describe(tags=self.spec.tags())
            self._read = now
        else:
            found = {one: machine for one, machine in self.machines.items() if one not in changing}
            found |= self._describe(ids=sorted(changing)) if changing else {}
        # A read may go back behind an earlier one: what has shown once is kept as long as it might not show at all.
        young = {one for one, at in self._launched.items() if now - at < LAG_SECONDS}
        found |= {
            one: machine
            for one, machine in self.machines.items()
            if one in young and one not in found and self._changes(one)
        }
        gone = [instance for one, instance in self.machines.items() if one not in found and one not in self._deleted]
        self._created = {one: at for one, at in self._created.items() if one not in found and now - at < LAG_SECONDS}
        self._deleted = {one: at for one, at in self._deleted.items() if one in found}
        self._launched = {one: at for one, at in self._launched.items() if one in found or one in self._created}
        self.machines = {one: instance for one, instance in found.items() if one not in self._deleted}
        return gone

    def begin(self) -> None:
        """Read all of them at the next look: another server may have changed everything."""
        self._read = float("-inf")

    def is_current(self) -> bool:
        """Return whether there are no machines but those known here; asked again if the last look is old.

        In trouble, what is decided after a look happens minutes later, and another server may have launched meanwhile.

        Raises:
            GoldrunError: the cloud cannot be read.
        """
        now = self.client.clock.now()
        if now - max(self._read, self._confirmed) >= CURRENT_SECONDS:
            found = self._describe(tags=self.spec.tags())
            if found.keys() - self.machines.keys() - self._created.keys() - self._deleted.keys():
                self.begin()
                return False
            self._confirmed = now
        return True

    def _describe(self, *, ids: Sequence[str] = (), tags: Mapping[str, str] | None = None) -> dict[str, Instance]:
        return {one.id: one for one in describe_instances(self.client, ids=ids, tags=tags)}

    def _changes(self, machine: str) -> bool:
        """Return whether a machine is expected to change soon."""
        one = self.machines[machine]
        waits = one.status == "Stopped" and one.saves and is_parked(one.tags)
        return CONFIGURED.key not in one.tags and not waits

    @property
    def count(self) -> int:
        """How many machines there are, those included that do not show yet."""
        return len(self.machines) + len(self._created)

    @property
    def unseen(self) -> Collection[str]:
        """The ids of those that do not show yet."""
        return self._created.keys()

    @property
    def restless(self) -> bool:
        """Whether something is expected to change soon."""
        return bool(self._created or self._deleted or self._watched) or any(map(self._changes, self.machines))

    @property
    def eager(self) -> bool:
        """Whether a machine may answer at any moment: its runner waits for no more than that."""
        late = self.client.clock.now() - BOOT_SECONDS
        return any(self.start_time(machine) <= late for one, machine in self.machines.items() if self._changes(one))

    def start_time(self, machine: Instance) -> float:
        """Return when a machine was created, or started: ECS tells the minute; what was launched here is known."""
        return max(started_at(machine), self._launched.get(machine.id, 0.0))

    def add(self, ids: Iterable[str]) -> None:
        """Remember machines that were just created."""
        now = self.client.clock.now()
        made = {one: now for one in ids if one not in self.machines}
        self._created |= made
        self._launched |= made

    def restart(self, ids: Collection[str]) -> None:
        """Remember that stopped machines are being started: a read from before may show otherwise."""
        self._launched |= dict.fromkeys(ids, self.client.clock.now())
        self.watch(ids)

    def watch(self, ids: Iterable[str]) -> None:
        """Read these at the following looks: something was done to them."""
        self._watched |= dict.fromkeys(ids, self.client.clock.now())

    def delete(self, machine: str) -> None:
        """Ask for a deletion; the following looks show whether it has happened. From now on the machine serves nobody.

        One that is gone already is not an error, nor is one that cannot be deleted at this moment.

        Raises:
            GoldrunError: ECS refuses for a lasting reason, or cannot be reached.
        """
        self.machines.pop(machine, None)
        self._created.pop(machine, None)
        self._delete(machine, listed=False)

    def delete_again(self) -> None:
        """Ask again where the last look still showed a machine though its deletion was asked for a while ago.

        Raises:
            GoldrunError: ECS refuses to delete some of them for a lasting reason, or cannot be reached.
        """
        late = self.client.clock.now() - GONE_SECONDS
        refusal: GoldrunError | None = None
        for one in [one for one, at in self._deleted.items() if at < late]:
            try:
                self._delete(one, listed=True)
            except GoldrunError as error:
                refusal = error
                if error.retryable:
                    break  # it is not about this machine
        if refusal:
            raise refusal

    def _delete(self, machine: str, *, listed: bool) -> None:
        """Ask for a deletion. ECS denies access to what is gone; to what is still ``listed``, it means that."""
        self._deleted[machine] = self.client.clock.now()
        try:
            delete_instances(self.client, [machine])
        except GoldrunError as error:
            if not (is_passing(error) or error.unsure or (is_missing(error) and not listed)):
                error.what = f"{machine}: {error.what}"
                raise

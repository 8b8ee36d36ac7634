"""An instance that scripts run on: receives files, reports exit codes, and shows output as far as it is told."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

from goldrun.cloud import assistant
from goldrun.cloud.assistant import MAX_FILE, Result
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError, LostError, gone
from goldrun.cloud.instances import describe_instances
from goldrun.errors import GoldrunError, RefusedError, UnavailableError
from goldrun.launch.console import last_lines
from goldrun.report import Report
from goldrun.waiting import LAG_SECONDS, at_least, expecting, pause, wait_for, watch

GRACE_SECONDS = 60.0
BOOT_SECONDS = 20.0  # a boot takes that long and more,
BOOT_LOOK_SECONDS = 2.0  # and nobody knows how much more
_PIECE = ".goldrun-piece"  # no file of the image's own has such a name, as it may have data.part001 beside data
LOOKS_A_CHECK = 5  # while the assistant does not answer, look up the instance itself every so many looks


class SilentError(UnavailableError):
    """The instance is there, and its assistant has not answered in time."""


@dataclass(frozen=True)
class Machine:
    """An instance that scripts run on.

    Attributes:
        client: the cloud.
        id: the instance.
        key: identifies the work; with the name of a script it makes that script's ``ClientToken``.
    """

    client: EcsClient
    id: str
    key: str

    def again(self) -> Machine:
        """Return the same machine for a second attempt: what it was given already is run again."""
        return replace(self, key=f"{self.key} again")

    def wait_until_ready(self, seconds: float, *, expected: float = 0.0) -> None:
        """Wait until the assistant answers.

        Args:
            seconds: time limit.
            expected: how many seconds it should take: there are few looks before; 0: not known.

        Raises:
            LostError: the instance is gone.
            SilentError: it does not answer in time.
        """
        looks, clock = count(), self.client.clock
        start = clock.now()

        def look() -> bool | None:
            ready = assistant.is_ready(self.client, self.id)
            if ready:
                return True
            # An instance that was just created may not be listed yet.
            if (next(looks) % LOOKS_A_CHECK == 0 or ready is None) and clock.now() - start > LAG_SECONDS:
                self._require_there()
            return None

        wait_for(
            self.client.clock,
            look,
            seconds=seconds,
            late=lambda elapsed: SilentError(
                f"{self.id} has booted, but its Cloud Assistant does not answer after {elapsed:.0f} s.",
                why=last_lines(self.client, self.id),
                fix=["check that the image has the agent (goldrun image test)."],
            ),
            often=expecting(expected, pause) if expected else expecting(BOOT_SECONDS, at_least(BOOT_LOOK_SECONDS)),
            later=True,
        )

    def run(
        self,
        name: str,
        script: bytes,
        *,
        timeout: float,
        variables: Mapping[str, str],
        report: Report = lambda _: None,
    ) -> Result:
        """Run a bash script as root, and return when it has ended.

        Cloud Assistant tells the first 6 KB of its output while it runs, and the rest when it has ended.

        Args:
            name: its name in the cloud's list of invocations.
            script: its text.
            timeout: time limit in seconds.
            variables: its environment.
            report: receives each line when it is told.

        Raises:
            LostError: the instance is gone.
        """
        sent, token = assistant.command(script, variables), self._token("run", name, script)
        invocation = self._start(
            lambda: assistant.run_command(self.client, self.id, name=name, script=sent, timeout=timeout, token=token)
        )
        return self._follow(invocation, timeout, report)

    def send(self, content: bytes, target: str, *, mode: str, owner: str) -> None:
        """Put a file on the instance, in pieces if it is long.

        Raises:
            LostError: the instance is gone.
            RefusedError: the file could not be written.
        """
        folder, _, name = target.rpartition("/")
        pieces = [content[start : start + MAX_FILE] for start in range(0, len(content), MAX_FILE)] or [b""]
        for number, piece in enumerate(pieces):
            part = name if len(pieces) == 1 else f"{name}{_PIECE}{number:03d}"
            call = partial(
                assistant.send_file,
                self.client,
                self.id,
                name=part,
                folder=folder,
                content=piece,
                mode=mode,
                owner=owner,
                token=self._token("send", f"{target} {number}", piece),
            )
            self._follow_file(self._start(call), target)
        if len(pieces) > 1:
            quoted = shlex.quote(target)
            join = f"set -e\ncat {quoted}{_PIECE}* > {quoted}\nrm {quoted}{_PIECE}*\nchmod {mode} {quoted}\n"
            join += f"chown {shlex.quote(owner)} {quoted}\n"
            done = self.run(f"join {name}", join.encode(), timeout=60, variables={})
            if not done.ok:
                raise RefusedError(f"{target} could not be joined on {self.id}.", why=[done.output[-400:]])

    def _start(self, call: Callable[[], str]) -> str:
        try:
            return call()
        except ApiError as error:
            if assistant.is_instance_unfit(error):
                self._require_there()
            raise

    def _follow(self, invocation: str, timeout: float, report: Report) -> Result:
        shown = 0

        def look() -> Result | None:
            nonlocal shown
            result = assistant.read_result(self.client, invocation, self.id)
            if result is None:
                return None
            lines = result.output.splitlines()
            if result.running and not result.output.endswith("\n"):
                lines = lines[:-1]
            if result.dropped:
                report(f"… {result.dropped:,} bytes are left out here: Cloud Assistant keeps 24 KB of an output.")
            for line in lines[shown:]:
                report(line)
            shown = max(shown, len(lines))
            if result.running:
                return None
            if result.stopped_by_instance:
                self._require_there()
            return result

        result = watch(self.client.clock, look, seconds=timeout + GRACE_SECONDS, later=True)
        if result is None:
            self._require_there()
            return Result("Timeout", -1, "", "no result came in time")
        return result

    def _follow_file(self, invocation: str, target: str) -> None:
        def look() -> bool | None:
            delivery = assistant.read_delivery(self.client, invocation)
            if delivery is None or delivery.running:
                return None
            if not delivery.ok:
                self._require_there()
                raise RefusedError(f"{target} could not be sent to {self.id}: {delivery.status}.")
            return True

        def late(elapsed: float) -> GoldrunError:
            self._require_there()
            return UnavailableError(f"{target} was not on {self.id} after {elapsed:.0f} s.")

        wait_for(
            self.client.clock,
            look,
            seconds=2 * GRACE_SECONDS,
            late=late,
            often=lambda elapsed: pause(elapsed) / 2,
            later=True,
        )

    def _require_there(self) -> None:
        found = describe_instances(self.client, ids=[self.id])
        if not found:
            raise gone(self.id)
        if found[0].status in ("Stopping", "Stopped"):
            raise LostError(f"{self.id} is {found[0].status}.", why=["it was stopped, or it stopped itself."])

    def _token(self, kind: str, name: str, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        return hashlib.sha256(f"{self.key} {self.id} {kind} {name} {digest}".encode()).hexdigest()

"""The sign of life of whoever works with a machine: a heartbeat in the machine's tags.

While it beats the work is alive, wherever it runs, and nobody else touches the machine. When it has stopped, whoever
comes next removes what was left.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import Instance
from goldrun.cloud.moments import format_moment, parse_moment
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import HEARTBEAT
from goldrun.errors import UnavailableError
from goldrun.http.cloud_clock import CloudClock
from goldrun.waiting import Beating

BEAT_SECONDS = 60.0
# A live heart is silent no longer than this: a beat's interval, a try of a call that hangs, and the beat's own call
# until it gives up. A sweep waits longer still.
DEAD_SECONDS = 360.0


@dataclass
class Heart:
    """Beats in an instance's tags, at most once a minute.

    Attributes:
        client: the cloud, on a clock that does not beat.
        instance_id: where it beats; empty: nowhere.
        last: when it beat last, in seconds since 1970.
    """

    client: EcsClient
    instance_id: str = ""
    last: float = field(default=0.0)

    def beat(self) -> None:
        """Beat, if it is time."""
        now = self.client.clock.now()
        if not self.instance_id or 0 <= now - self.last < BEAT_SECONDS:
            return
        self.last = now
        # A missed beat is no reason to end: the work's own next call tells what is wrong.
        with contextlib.suppress(ApiError, UnavailableError):
            tagging("instance", [self.instance_id], HEARTBEAT.of(format_moment(now))).make(self.client)

    def pace(self, client: EcsClient) -> EcsClient:
        """The same client, on a clock that lets this heart beat during every wait, also the one between two tries."""
        return client.on_clock(Beating(client.clock.machine, self.beat, BEAT_SECONDS / 4))


def has_heart(instance: Instance) -> bool:
    """Whether somebody said that the machine is worked with."""
    return HEARTBEAT.key in instance.tags


def silence(instance: Instance, clock: CloudClock) -> float:
    """Seconds since the last sign of life; being made is one, too.

    The tag is written into the request that makes the instance, and that may have to be repeated for minutes. The
    seconds are this machine's: how long a live process can be silent is a matter of machines, however fast the cloud's
    time runs.
    """
    beat = parse_moment(HEARTBEAT.read(instance.tags)) if has_heart(instance) else instance.created
    return clock.here(clock.now() - max(beat, instance.created))

"""The heartbeat of a build, in the tags of its instance.

While the heartbeat is fresh, the build is running, wherever that is, and nothing else touches the instance. Once it is
stale, the next build or sweep deletes what the build left.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import Instance
from goldrun.cloud.moments import format_moment, moment_or
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import HEARTBEAT
from goldrun.errors import UnavailableError
from goldrun.http.cloud_clock import CloudClock
from goldrun.waiting import Beating

BEAT_SECONDS = 60.0
# A running build is never silent for longer than this: the interval, an attempt of a call that hangs, and the call of
# the beat itself until it gives up. A sweep waits even longer.
STALE_SECONDS = 360.0


@dataclass
class Heartbeat:
    """Writes the heartbeat into an instance's tags, at most once a minute.

    Attributes:
        client: the cloud, on a clock that does not beat.
        instance_id: the instance; empty: none.
        last: time of the last beat, in seconds since 1970.
        began: when the last instance was launched, in seconds since 1970.
    """

    client: EcsClient
    instance_id: str = ""
    last: float = field(default=0.0)
    began: float = field(default=0.0)

    def start(self, instance_id: str) -> None:
        """Beat for this instance from now on; it was launched with the tag."""
        self.instance_id, self.last = instance_id, self.client.clock.now()
        self.began = self.last

    def stop(self) -> None:
        """Stop beating."""
        self.instance_id = ""

    def beat(self) -> None:
        """Beat, if it is due."""
        now = self.client.clock.now()
        if not self.instance_id or 0 <= now - self.last < BEAT_SECONDS:
            return
        self.last = now
        # A missed beat is not a reason to fail: the build's next call reports what is wrong.
        with contextlib.suppress(ApiError, UnavailableError):
            tagging("instance", [self.instance_id], HEARTBEAT.of(format_moment(now))).make(self.client)

    def pace(self, client: EcsClient) -> EcsClient:
        """Return the same client on a clock that beats during every wait, also between two attempts of a call."""
        return client.on_clock(Beating(client.clock.machine, self.beat, BEAT_SECONDS / 4))


def has_heartbeat(instance: Instance) -> bool:
    """Return whether the instance is a build's, running or interrupted."""
    return HEARTBEAT.key in instance.tags


def silence(instance: Instance, clock: CloudClock) -> float:
    """Return seconds since the last beat or, if that is later, since the instance's creation.

    The tag is part of the request that creates the instance, which may have to be repeated for minutes. The seconds are
    this machine's: how long a running process can be silent does not depend on how fast the cloud's time runs.
    """
    beat = moment_or(HEARTBEAT.read(instance.tags), instance.created)
    return clock.here(clock.now() - max(beat, instance.created))

"""Instances with their disks, and what happened to them."""

from __future__ import annotations

from local_cloud.market import NEVER
from local_cloud.records.base import Resource

PENDING_SECONDS = 2.0


class Instance(Resource, frozen=True, kw_only=True):
    """An instance.

    Attributes:
        state: its status, or from ``ready`` on: ``Running`` or ``Stopped``.
        type: its instance type.
        strategy: ``NoSpot``, ``SpotWithPriceLimit`` or ``SpotAsPriceGo``.
        limit: the maximum price per hour.
        protected: it cannot be reclaimed within its first hour.
        behavior: what a reclaim does: ``Terminate`` or ``Stop``.
        auto_release: when it is released.
        reclaimed: when the market reclaims it.
        gone: when its deletion ends.
        user_data: in base64, as received.
        agent: the guest agent of its virtual machine has answered.
        reboots: how often a reboot was requested.
        reboot_forced: the last one was without a clean shutdown.
        saves: it was stopped in economical mode.
        stops: the beginnings and ends of its times in that mode; one that has not ended has no end.
        started: when it was last started; 0: when it was created.
        undeletable: no call deletes it (``DeletionProtection``).
        bandwidth: Mbit/s of its public address to the internet.
        bandwidth_in: and from the internet.
        internet_charge: how its public address is billed: ``PayByTraffic`` or ``PayByBandwidth``.
        diskless: its system disk has been detached.
    """

    image: str
    state: str = "Running"
    ready: float = 0.0
    architecture: str = "x86_64"
    disk: str = ""
    disk_size: int = 40
    type: str = "ecs.c7.large"
    zone: str = ""
    vswitch: str = ""
    vpc: str = ""
    security_groups: tuple[str, ...] = ()
    ip: str = ""
    public_ip: str = ""
    key_pair: str = ""
    role: str = ""
    user_data: str = ""
    http_tokens: str = "optional"
    strategy: str = "NoSpot"
    limit: float = 0.0
    protected: bool = True
    behavior: str = "Terminate"
    price: float = 0.0
    auto_release: float = NEVER
    reclaimed: float = NEVER
    gone: float = NEVER
    agent: bool = False
    reboots: int = 0
    reboot_forced: bool = False
    saves: bool = False
    stops: tuple[float, ...] = ()
    started: float = 0.0
    undeletable: bool = False
    description: str = ""
    host_name: str = ""
    bandwidth: int = 0
    bandwidth_in: int = 10
    internet_charge: str = "PayByTraffic"
    diskless: bool = False

    def status(self, now: float) -> str:
        """The status at a moment."""
        if self.gone != NEVER:
            return "Stopping"
        if now >= self.ready:
            return self.state
        if self.state == "Stopped":
            return "Stopping"
        return "Pending" if now < self.created + PENDING_SECONDS else "Starting"

    def ends(self) -> float:
        """Return when it will be deleted, from what is known now."""
        return min(self.auto_release, self.reclaimed, self.gone)


DATA_DEVICES = tuple(f"/dev/xvd{letter}" for letter in "bcdefghijklmnopq")


class Disk(Resource, frozen=True, kw_only=True):
    """A disk.

    Attributes:
        instance: the instance that it is attached to, or empty.
        with_instance: it is deleted with the instance.
        level: the performance level of an ESSD; empty: the usual one.
        key: the KMS key that encrypts it; empty: the service's.
        unused: it was never attached to an instance.
    """

    zone: str
    category: str
    size: int
    kind: str = "system"
    instance: str = ""
    with_instance: bool = True
    encrypted: bool = False
    description: str = ""
    device: str = "/dev/xvda"
    snapshot: str = ""
    level: str = ""
    key: str = ""
    unused: bool = False


class Interruption(Resource, frozen=True, kw_only=True):
    """A spot instance was to be reclaimed at ``created``; ``id`` is the event's.

    Attributes:
        instance: the instance.
        status: ``Executed``; ``Avoided``: it was deleted after the notice, and before it was taken.
    """

    instance: str
    status: str = "Executed"


class Usage(Resource, frozen=True, kw_only=True):
    """The cost of a deleted instance; ``id`` is the instance's.

    Attributes:
        amounts: CNY by day of the bill.
    """

    type: str
    zone: str
    spot: bool
    amounts: dict[str, float]

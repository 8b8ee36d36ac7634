"""The records of the local cloud, which are frozen. What changes with time alone is computed, not stored."""

from __future__ import annotations

import msgspec

from local_cloud.market import NEVER, Market

PENDING_SECONDS = 2.0
READY = "Available"
DEPRECATED = "Deprecated"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is stored under an id."""

    id: str


class Resource(Record, frozen=True, kw_only=True):
    """A cloud resource, which an account owns and can tag."""

    region: str
    owner: str
    name: str = ""
    created: float
    tags: dict[str, str] = {}


class Made(Resource, frozen=True, kw_only=True):
    """A resource whose creation takes time.

    Attributes:
        ready: when its creation ends.
    """

    ready: float

    def progress(self, now: float) -> str:
        """Return the progress of its creation at a moment."""
        if now >= self.ready:
            return "100%"
        return f"{int(100 * (now - self.created) / (self.ready - self.created))}%"


class Image(Made, frozen=True, kw_only=True):
    """An image.

    Attributes:
        state: its status when it is ready.
        shared_with: accounts that may use it.
        public: a community image.
        copying: a copy of another image; it can be cancelled until it is ready.
        imds_support: ``v1`` forbids instances whose metadata requires tokens.
        source_instance: the instance whose disk becomes the image's, with virtual machines.
    """

    state: str = READY
    architecture: str = "x86_64"
    family: str = ""
    description: str = ""
    version: str = ""
    size: int = 40
    os_type: str = "linux"
    os_name: str = "Ubuntu  24.04 64位"
    os_name_en: str = "Ubuntu  24.04 64 bit"
    platform: str = "Ubuntu"
    boot_mode: str = "UEFI-Preferred"
    imds_support: str = "v2"
    snapshot: str = ""
    shared_with: dict[str, float] = {}
    public: bool = False
    copying: bool = False
    source_instance: str = ""

    def status(self, now: float) -> str:
        """The status at a moment."""
        return self.state if now >= self.ready else "Creating"


class Snapshot(Made, frozen=True, kw_only=True):
    """A snapshot of a disk."""

    size: int = 40
    disk: str = ""
    disk_type: str = "system"
    description: str = ""


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
        agent: the guest's agent has answered, with virtual machines.
        undeletable: no call deletes it (``DeletionProtection``).
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
    undeletable: bool = False

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


class Disk(Resource, frozen=True, kw_only=True):
    """A disk.

    Attributes:
        instance: the instance that it is attached to, or empty.
        with_instance: it is deleted with the instance.
    """

    zone: str
    category: str
    size: int
    kind: str = "system"
    instance: str = ""
    with_instance: bool = True
    encrypted: bool = False


class Network(Resource, frozen=True, kw_only=True):
    """A VPC.

    Attributes:
        default: ECS made it for a launch that named no vSwitch.
    """

    cidr: str = "172.16.0.0/12"
    description: str = ""
    default: bool = False


class VSwitch(Resource, frozen=True, kw_only=True):
    """A vSwitch: a network in one zone."""

    vpc: str
    zone: str
    cidr: str
    description: str = ""
    default: bool = False


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a security group; ``cidr`` or ``group`` is the other end."""

    direction: str
    protocol: str
    ports: str
    cidr: str = ""
    group: str = ""
    policy: str = "Accept"
    priority: int = 1
    description: str = ""
    created: float = 0.0


class SecurityGroup(Resource, frozen=True, kw_only=True):
    """A security group."""

    vpc: str
    description: str = ""
    rules: tuple[Rule, ...] = ()


class KeyPair(Resource, frozen=True, kw_only=True):
    """An SSH key pair; ``id`` is its name with the region."""

    fingerprint: str = ""


class Interruption(Resource, frozen=True, kw_only=True):
    """A spot instance was reclaimed at ``created``; ``id`` is the event's."""

    instance: str


class Invocation(Resource, frozen=True, kw_only=True):
    """A command (or a file) for one instance.

    Attributes:
        invocation: its invocation's id.
        command: its command's id.
        instance: the instance that runs it.
        timeout: seconds that it may take.
        seconds: seconds that it takes.
        output: its whole output.
        answered: the assistant was running and accepted it.
        stopped: when it was stopped.
        lost: when its instance ends.
        file: the file's path, or empty for a command.
        live: ``waiting``, ``running`` or ``done`` in a virtual machine; empty in a simulated one.
        content: the script or the file's content.
        mode: the file's mode.
        user: the file's owner.
    """

    invocation: str
    command: str
    instance: str
    timeout: float
    seconds: float
    exit_code: int = 0
    output: str = ""
    answered: bool = True
    stopped: float = NEVER
    lost: float = NEVER
    file: str = ""
    live: str = ""
    content: bytes = b""
    mode: str = "0644"
    user: str = "root"

    def end(self) -> float:
        """Return when it ends, for any reason."""
        if self.live in ("waiting", "running"):
            return min(self.stopped, self.lost)
        return min(self.created + min(self.seconds, self.timeout), self.stopped, self.lost)

    def status(self, now: float) -> str:
        """The status at a moment."""
        if not self.answered:
            return "Failed"
        if now < self.end():
            return "Running"
        if self.end() == self.stopped:
            return "Stopped"
        if self.end() == self.lost:
            return "Failed"
        if self.seconds > self.timeout:
            return "Timeout"
        return "Success" if self.exit_code == 0 else "Failed"

    def printed(self, now: float) -> str:
        """Return its output up to a moment, which grows line by line over its time."""
        if self.live:
            return self.output
        lines = self.output.splitlines(keepends=True)
        share = (min(now, self.end()) - self.created) / self.seconds if self.seconds else 1.0
        return "".join(lines[: int(len(lines) * min(1.0, share))])

    def error(self, now: float) -> str:
        """Return the API's error code of its failure; empty if it did not fail."""
        if not self.answered:
            return "ClientNotRunning"
        status = self.status(now)
        if status == "Failed":
            return "InstanceReleased" if self.end() == self.lost else "ExitCodeNonzero"
        return "ExecutionTimeout" if status == "Timeout" else ""


class Usage(Resource, frozen=True, kw_only=True):
    """The cost of a deleted instance; ``id`` is the instance's.

    Attributes:
        amounts: CNY by day of the bill.
    """

    type: str
    zone: str
    spot: bool
    amounts: dict[str, float]


class Receipt(Record, frozen=True, kw_only=True):
    """The answer to a creating call, kept under its ``ClientToken``."""

    fingerprint: str
    answer: dict[str, object]
    created: float


class Settings(Record, frozen=True, kw_only=True):
    """The local cloud's settings; ``id`` is always ``settings``.

    Attributes:
        image_seconds: virtual seconds that the creation of an image takes.
        copy_seconds: virtual seconds that a copy to another region takes.
        image_quota: images an account may have in a region.
        boot_seconds: virtual seconds from the call to ``Running``.
        stop_seconds: virtual seconds that stopping takes.
        release_seconds: virtual seconds that a deletion takes.
        cpu_quota: vCPUs an account may have running in a region.
        balance: whether the account can pay.
        calls_per_second: calls of each action before throttling; 0: any number.
        calls_per_minute: the same in a minute of the clock; throttling ends with the minute.
        market: the spot market's settings.
        machines: the folder of the virtual machines; empty: they are simulated.
    """

    image_seconds: float = 120.0
    copy_seconds: float = 300.0
    image_quota: int = 1000
    boot_seconds: float = 25.0
    stop_seconds: float = 8.0
    release_seconds: float = 4.0
    cpu_quota: int = 20_000
    balance: bool = True
    calls_per_second: float = 0.0
    calls_per_minute: int = 0
    market: Market = Market()
    machines: str = ""

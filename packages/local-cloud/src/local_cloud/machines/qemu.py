"""Instances as virtual machines. A thread makes them, and the commands in them, follow the store.

Each guest boots an overlay over its image's disk, without a boot loader. It finds its metadata at 100.100.100.200
(QEMU's user network forwards that to the local cloud), runs user data by cloud-init's own AliYun data source, and
executes Cloud Assistant commands by the guest agent. An image that is created from an instance contains its disks.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from goldrun.errors import UsageError
from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.lifecycle import settle
from local_cloud.machines import base_image, disk_files, forward, port_forwarding
from local_cloud.machines.base_image import disk_file
from local_cloud.machines.guest_agent import AgentError, GuestAgent
from local_cloud.machines.hardware import ARM64, HARDWARE, X86_64, Hardware, missing
from local_cloud.machines.supervised import Supervised
from local_cloud.market import NEVER
from local_cloud.records import Eip, Image, Instance, Invocation
from local_cloud.store import Store
from local_cloud.volumes import attached_disks, data_snapshots

_log = logging.getLogger(__name__)
TICK_SECONDS = 0.3
LOOKS_A_REQUEST = 10
LOOKS_BEFORE_FORCE = 200  # about a minute
PROBE_SECONDS = 15.0
MAX_MEMORY_MIB = 2048
KERNEL_BANNER = b"Linux version"


@dataclass
class _Guest:
    """A running virtual machine."""

    process: Supervised
    agent: GuestAgent
    reboots: int  # the number of requested reboots when it booted
    stopping: int = 0  # looks since the first request to shut down
    pids: dict[str, int] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    forwarded: dict[str, int] = field(default_factory=dict)


class VirtualMachines:
    """The virtual machines of a local cloud."""

    def __init__(self, folder: Path, store: Store, now: Callable[[], float], lock: threading.Lock) -> None:
        """Prepare to run the instances of ``store``.

        Args:
            folder: the folder of disks, consoles and sockets.
            store: the wanted state; used only under ``lock``.
            now: the cloud's time.
            lock: guards the store.

        Raises:
            UsageError: QEMU is not installed.
        """
        needed = {**X86_64.needs, "qemu-img": "qemu-utils"}
        if disk_file(folder / "images", ARM64.image_id).exists():
            needed |= ARM64.needs
        if packages := missing(needed):
            raise UsageError("QEMU is not installed.", fix=[f"apt-get install {' '.join(packages)}"])
        self.folder, self.images = folder, folder / "images"
        folder.mkdir(mode=0o700, exist_ok=True)
        self.images.mkdir(exist_ok=True)
        self._store, self._now, self._lock = store, now, lock
        self._guests: dict[str, _Guest] = {}
        self._accelerators: dict[str, str] = {}
        self._port = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="machines", daemon=True)

    def start(self, port: int) -> None:
        """Start; the metadata service answers on ``port``."""
        self._port = port
        self._thread.start()

    def stop(self) -> None:
        """End every guest."""
        self._end.set()
        self._thread.join(30)
        for instance_id in list(self._guests):
            self._end_guest(instance_id)

    def _follow(self) -> None:
        while not self._end.wait(TICK_SECONDS):
            try:
                self._look()
            except Exception:  # noqa: BLE001 - a full disk or a broken instance must not stop the others
                _log.exception("the virtual machines could not be updated; trying again")

    def _look(self) -> None:
        """Make every virtual machine, image and command follow its record."""
        with self._lock:
            settle(self._store, self._now())
            instances = {instance.id: instance for instance in self._store.all(Instance)}
            addresses = [(address.bound_to, address.ip) for address in self._store.all(Eip) if address.bound_to]
            images = [image for image in self._store.all(Image) if image.source_instance and image.ready == NEVER]
            commands = [command for command in self._store.all(Invocation) if command.live in ("waiting", "running")]
        for instance_id in list(self._guests):
            if instance_id not in instances:
                self._end_guest(instance_id)
        for disk in self.folder.glob(disk_files.ALL):
            if disk.parent.name not in instances:
                disk.unlink()  # the console's log stays
        for instance in instances.values():
            self._tend(instance)
            if guest := self._guests.get(instance.id):
                public = {ip for owner, ip in addresses if owner == instance.id} | {instance.public_ip} - {""}
                port_forwarding.update(self._monitor(instance.id), guest.forwarded, public)
        for image in images:
            self._capture(image, instances.get(image.source_instance))
        for command in commands:
            with contextlib.suppress(AgentError):  # retried until its time limit
                self._execute(command)

    def _tend(self, instance: Instance) -> None:
        """Boot or shut down a virtual machine, as its instance's state demands."""
        guest = self._guests.get(instance.id)
        if guest and not guest.process.running:
            self._guests.pop(instance.id)
            guest = None
        if instance.gone != NEVER:
            self._end_guest(instance.id)
        elif instance.state == "Running" and guest is None and disk_file(self.images, instance.image).exists():
            self._boot(instance)
        elif guest and (instance.state == "Stopped" or instance.reboots != guest.reboots):
            # The branch above boots it again once it has ended, if its instance is to run.
            rebooted = instance.state == "Running"
            if rebooted and (instance.reboot_forced or guest.stopping > LOOKS_BEFORE_FORCE):
                self._end_guest(instance.id)
            elif guest.stopping % LOOKS_A_REQUEST == 0:  # its agent may not have started yet
                guest.agent.shut_down()
            guest.stopping += 1
            return
        if guest and instance.state == "Running" and not instance.agent and guest.agent.ping():
            self._change(instance, agent=True)

    def _boot(self, instance: Instance) -> None:
        home = self.folder / instance.id
        home.mkdir(exist_ok=True)
        with self._lock:
            _, *data = attached_disks(self._store, instance.id)
        disks = [disk_files.system_disk(self.folder, self.images, instance)]
        disks += [disk_files.data_disk(self.folder, self.images, disk) for disk in data]
        kind = INSTANCE_TYPES.get(instance.type)
        hardware = HARDWARE[kind.architecture if kind else X86_64.architecture]
        memory = min(MAX_MEMORY_MIB, int((kind.memory if kind else 1) * 1024))
        socket_path = home / "agent.sock"
        socket_path.unlink(missing_ok=True)
        self._monitor(instance.id).unlink(missing_ok=True)
        carrier = f"{sys.executable} -I -S {forward.__file__} {self._port} {instance.id}"
        command = [
            *(hardware.program, *hardware.options, *self._acceleration(hardware, instance.image)),
            *("-smp", "2", "-m", str(memory)),
            *("-nodefaults", "-nographic", "-no-reboot", "-serial", f"file:{home / 'console.log'}"),
            *self._kernel(hardware, instance.image),
            *(word for disk in disks for word in disk_files.drive(disk)),
            *("-smbios", f"type=1,product=Alibaba Cloud ECS,serial={instance.id}"),
            *("-nic", f"user,model=virtio,net=100.100.100.0/24,guestfwd=tcp:100.100.100.200:80-cmd:{carrier}"),
            *("-qmp", f"unix:{self._monitor(instance.id)},server=on,wait=off"),
            *("-device", "virtio-rng-pci", "-device", "virtio-serial"),
            *("-chardev", f"socket,path={socket_path},server=on,wait=off,id=agent"),
            *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
        ]
        self._guests[instance.id] = _Guest(
            Supervised(command, home / "qemu.log"), GuestAgent(socket_path), instance.reboots
        )

    def _monitor(self, instance_id: str) -> Path:
        return self.folder / instance_id / "monitor.sock"

    def _kernel(self, hardware: Hardware, image_id: str) -> list[str]:
        kernel, initrd = (str(disk_file(self.images, image_id, suffix)) for suffix in ("vmlinuz", "initrd"))
        root = disk_file(self.images, image_id, "root").read_text(encoding="utf-8").strip()
        # Without KVM a kernel may panic while it boots on a busy computer: then QEMU ends, and is started again.
        words = (
            f"root={root} rw console={hardware.console} net.ifnames=0 mitigations=off loglevel=4 audit=0"
            " random.trust_cpu=on panic=2"
        )
        return ["-kernel", kernel, "-initrd", initrd, "-append", words]

    def _acceleration(self, hardware: Hardware, image_id: str) -> list[str]:
        """Return KVM if a short boot proves that it works: an existing device can hang at the first instruction."""
        if hardware.architecture not in self._accelerators:
            self._accelerators[hardware.architecture] = "kvm" if self._probe(hardware, image_id) else "tcg"
        if self._accelerators[hardware.architecture] == "kvm":
            return ["-accel", "kvm", "-cpu", "host"]
        return ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", hardware.processor]

    def _probe(self, hardware: Hardware, image_id: str) -> bool:
        if not hardware.is_native or not Path("/dev/kvm").exists():
            return False
        log = self.folder / "kvm-probe.log"
        command = [hardware.program, *hardware.options, "-accel", "kvm", "-cpu", "host", "-m", "512"]
        command += ["-nodefaults", "-nographic", "-no-reboot", "-serial", f"file:{log}"]
        process = subprocess.Popen(
            [*command, *self._kernel(hardware, image_id)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(int(PROBE_SECONDS / TICK_SECONDS)):
                if log.exists() and KERNEL_BANNER in log.read_bytes():
                    return True
                if process.poll() is not None or self._end.wait(TICK_SECONDS):
                    return False
            return False
        finally:
            process.kill()
            process.wait()

    def _capture(self, image: Image, instance: Instance | None) -> None:
        """Copy an instance's disks for an image, when it has powered off or while it runs."""
        if instance is None:
            self._change(image, state="CreateFailed", ready=self._now())
            return
        guest = self._guests.get(instance.id)
        if guest and guest.process.running:
            if instance.state == "Running" and not guest.stopping:
                # The image of a running instance has the content of its disk at that moment.
                with contextlib.suppress(AgentError):
                    guest.agent.wait(guest.agent.start("/bin/sync", []))
            elif self._now() < instance.ready + 60.0:
                return
            else:
                self._end_guest(instance.id)
        with self._lock:
            data = data_snapshots(self._store, image)
        for snapshot in data:
            disk = disk_files.data_file(self.folder, instance.id, snapshot.disk)
            disk_files.copy(disk, disk_file(self.images, snapshot.id))
        for suffix in base_image.BOOT_FILES:
            link = disk_file(self.images, image.id, suffix)
            link.unlink(missing_ok=True)
            link.symlink_to(disk_file(self.images, instance.image, suffix).resolve())
        disk_files.copy(self.folder / instance.id / disk_files.SYSTEM, disk_file(self.images, image.id))
        self._change(image, ready=self._now())

    def _execute(self, command: Invocation) -> None:
        """Start a command or a file in its guest, or update its progress."""
        guest = self._guests.get(command.instance)
        now = self._now()
        if guest is None or now > command.created + command.timeout + 5:
            seconds = min(now - command.created, command.timeout) if guest is None else command.timeout + 1
            self._change(command, live="done", exit_code=-1, answered=guest is not None, seconds=seconds)
            return
        if command.file:
            if not command.overwrite and not guest.agent.wait(guest.agent.start("/usr/bin/test", ["-e", command.file])):
                self._change(command, live="done", exists=True, seconds=now - command.created)
                return
            guest.agent.write(command.file, command.content)
            guest.agent.wait(guest.agent.start("/bin/chmod", [command.mode, command.file]))
            owned = guest.agent.wait(
                guest.agent.start("/bin/chown", [f"{command.user}:{command.user_group}", command.file])
            )
            self._change(command, live="done", exit_code=owned, seconds=now - command.created)
            return
        path = f"/run/goldrun/{command.invocation}"
        if command.id not in guest.pids:
            guest.agent.write(path, command.content)
            # As Cloud Assistant does: a login's environment, stdout and stderr in order.
            guest.pids[command.id] = guest.agent.start("/bin/bash", ["-c", f"HOME=/root bash {path} > {path}.out 2>&1"])
            self._change(command, live="running")
            return
        # The agent reports the end of a program once, then forgets it.
        if command.id not in guest.codes and (code := guest.agent.exit_code(guest.pids[command.id])) is not None:
            guest.codes[command.id] = code
        offset = guest.offsets.get(command.id, 0)
        piece = guest.agent.read(f"{path}.out", offset)
        guest.offsets[command.id] = offset + len(piece)
        if piece:
            self._change(command, output=command.output + piece.decode("utf-8", "replace"))
        elif command.id in guest.codes:
            ended = guest.codes[command.id]
            self._change(command, live="done", exit_code=ended, seconds=max(0.1, now - command.created))

    def _change(self, record: Image | Instance | Invocation, **fields: object) -> None:
        """Change a record, unless it has been removed."""
        with self._lock:
            current = self._store.get(type(record), record.id)
            if current is not None:
                self._store.put(replace(current, **fields))

    def _end_guest(self, instance_id: str) -> None:
        guest = self._guests.pop(instance_id, None)
        if guest:
            guest.process.end()


def console(folder: Path, instance_id: str, most: int = 64 * 1024) -> str:
    """Return the last output on an instance's serial console."""
    try:
        return (folder / instance_id / "console.log").read_bytes()[-most:].decode("utf-8", "replace")
    except OSError:
        return ""


def base_records(folder: Path, now: float, owner: str, region: str) -> list[Image]:
    """Return the base images that have been made."""
    return [
        Image(
            id=hardware.image_id,
            region=region,
            owner=owner,
            name=hardware.image_id,
            architecture=hardware.architecture,
            family=hardware.family,
            created=now,
            ready=now,
            description="Debian 13, made by goldrun local base-image",
            size=base_image.DISK_GIB,
            os_name="Debian  13 64位",
            os_name_en="Debian  13 64 bit",
            platform="Debian",
        )
        for hardware in HARDWARE.values()
        if disk_file(folder / "images", hardware.image_id).exists()
    ]

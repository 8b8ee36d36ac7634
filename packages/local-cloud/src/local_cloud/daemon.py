"""Starts the local cloud in the background, finds it, stops it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from goldrun.clock import Clock
from goldrun.errors import UnavailableError, UsageError
from goldrun.waiting import every, looks, watch
from local_cloud import addresses, tls_files
from local_cloud.addresses import GUESTS_HOST, HOST
from local_cloud.control_client import NotRunningError, call_control
from local_cloud.lock import InUseError, Lock
from local_cloud.private_files import privately, write_privately

DEFAULT_PORT = 4679
START_SECONDS = 60.0  # it takes one; a computer with much to do took twenty
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05


class Running(NamedTuple):
    """A local cloud that was started: its process, its ports (https: 0 without TLS) and its control API's token."""

    pid: int
    port: int
    token: str
    https_port: int = 0

    @property
    def url(self) -> str:
        """Its URL."""
        return f"http://{HOST}:{self.port}"

    @property
    def https_url(self) -> str:
        """Its URL with TLS; empty without."""
        return f"https://{HOST}:{self.https_port}" if self.https_port else ""


def default_data() -> Path:
    """Return the default data file: in the user's cache directory."""
    return Path(platformdirs.user_cache_dir("goldrun")) / "local-cloud.db"


def note_of(data: Path) -> Path:
    """Return the file beside the data that has its server's process, port and token; private to the user."""
    return data.with_name(f"{data.name}.run.json")


def write_note(data: Path, port: int, token: str, https_port: int = 0) -> None:
    """Record that this process serves ``data`` on ``port``; ``token`` gives access to its control API.

    The file is written atomically, and other users can never read it.
    """
    note = {"pid": os.getpid(), "port": port, "token": token, "https_port": https_port}
    write_privately(note_of(data), json.dumps(note).encode())


def find(data: Path) -> tuple[Running, dict[str, Any]] | None:
    """Return the local cloud that serves ``data``, and its status; None if none answers."""
    try:
        note = json.loads(note_of(data).read_text(encoding="utf-8"))
        running = Running(int(note["pid"]), int(note["port"]), str(note["token"]), int(note.get("https_port", 0)))
        status = call_control(running.port, running.token, "GET", "status")
    except (OSError, ValueError, KeyError, NotRunningError):
        return None
    # Another cloud may use the port now.
    return (running, status) if status["pid"] == running.pid else None


def require(data: Path) -> tuple[Running, dict[str, Any]]:
    """As ``find``.

    Raises:
        UnavailableError: none answers.
    """
    found = find(data)
    if found is None:
        raise UnavailableError("The local cloud is not running.", fix=["start it: goldrun local up --detach"])
    return found


def start(data: Path, arguments: list[str], clock: Clock) -> Running:
    """Start a server for ``data`` in the background and wait until it answers.

    Args:
        data: the data file.
        arguments: further arguments of ``local-cloud up``.
        clock: the clock for waits.

    Raises:
        UnavailableError: it ended, or did not answer in time: which of them, with the end of its log.
    """
    log = data.with_name(f"{data.name}.log")
    # -P: a module in the current folder must not shadow ours.
    command = [sys.executable, "-P", "-m", "local_cloud", "up", "--data", str(data), *arguments]
    log.unlink(missing_ok=True)
    with open(log, "wb", opener=privately) as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    for _ in looks(clock, seconds=START_SECONDS, often=every(POLL_SECONDS)):
        ended = process.poll() is not None
        # If two were started at the same time, the other one may hold the data file.
        if found := find(data):
            return found[0]
        if ended and not _in_use(data):
            why = f"Its process ended with exit code {process.returncode}."
            break
    else:
        why = f"It did not answer within {START_SECONDS:.0f} s."
    process.kill()
    process.wait()
    words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    raise UnavailableError("The local cloud did not start.", why=[*words, why], fix=[f"its log: {log}"])


def stop(data: Path, clock: Clock) -> bool:
    """Stop the server of ``data`` and verify that its process has ended; False if none was running.

    Raises:
        UnavailableError: it did not stop.
    """
    found = find(data)
    if found is None:
        if not data.exists():
            return False
        try:
            lock = Lock(data)
        except InUseError as error:
            raise UnavailableError(
                "The local cloud does not answer.", why=error.why, fix=[f"end it by force: kill -9 {error.pid}"]
            ) from error
        note_of(data).unlink(missing_ok=True)
        lock.release()
        return False
    running = found[0]
    call_control(running.port, running.token, "POST", "shutdown")
    ended = watch(clock, lambda: not _is_running(running.pid) or None, seconds=STOP_SECONDS, often=every(POLL_SECONDS))
    if not ended:
        os.kill(running.pid, signal.SIGKILL)
        raise UnavailableError(f"The local cloud (process {running.pid}) would not stop; it was killed.")
    note_of(data).unlink(missing_ok=True)
    return True


def variables(url: str, machines: str = "simulated", https_url: str = "", data: Path | None = None) -> dict[str, str]:
    """Return the environment variables that make goldrun, its scripts and other clients use the local cloud.

    Args:
        url: its URL.
        machines: the kind of its instances.
        https_url: its URL with TLS; empty without.
        data: its data file, beside which the certificates are.
    """
    # Virtual machines use another address.
    for_guests = url.replace(HOST, GUESTS_HOST)
    guests = {"GOLDRUN_INSTANCE_ENDPOINT": for_guests} if machines == "qemu" else {}
    return {
        **guests,
        **(_over_tls(https_url, tls_files.files(data)) if https_url and data else {}),
        "GOLDRUN_ENDPOINT": url,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": addresses.KEY_ID,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": addresses.KEY_SECRET,
        "ALIYUN_REGION_ID": addresses.REGION,
        # The official CLI.
        "ALIBABA_CLOUD_REGION_ID": addresses.REGION,
        "ALIBABA_CLOUD_ENDPOINT": (https_url or url).partition("://")[2],
        # Packer's plugin and Terraform's provider for Alibaba Cloud.
        "ALICLOUD_ACCESS_KEY": addresses.KEY_ID,
        "ALICLOUD_SECRET_KEY": addresses.KEY_SECRET,
        "ALICLOUD_REGION": addresses.REGION,
        "ALIYUN_SECURITY_GROUP_ID": f"sg-local-{addresses.REGION}",
        "GITHUB_API_URL": f"{url}{addresses.GITHUB}{addresses.GITHUB_API}",
        "GITHUB_SERVER_URL": f"{url}{addresses.GITHUB}",
        "GOLDRUN_GITHUB_TOKEN": addresses.GITHUB_TOKEN,
    }


def _over_tls(url: str, files: tls_files.Files) -> dict[str, str]:
    """Return what makes clients trust the certificate (OpenSSL and Go, curl, requests, Node.js), and those of `gh`.

    It speaks https alone, and finds the API at a host of its own.
    """
    return {
        "GH_HOST": url.partition("://")[2],
        "GH_ENTERPRISE_TOKEN": addresses.GITHUB_TOKEN,
        "SSL_CERT_FILE": str(files.bundle),
        "CURL_CA_BUNDLE": str(files.bundle),
        "REQUESTS_CA_BUNDLE": str(files.bundle),
        "NODE_EXTRA_CA_CERTS": str(files.authority),
    }


# What every local cloud sets; virtual machines add one, TLS some more.
USUAL = tuple(variables(f"http://{HOST}:1"))


def left_in(env: Mapping[str, str], data: Path) -> list[str]:
    """Return the further variables that a local cloud with this data file has set in ``env``; not a user's own."""
    whole = variables(f"http://{HOST}:", "qemu", f"https://{HOST}:", data)  # at any port
    return [name for name, begin in whole.items() if name not in USUAL and env.get(name, "").startswith(begin)]


def make_room(data: Path) -> None:
    """Create the data file and its folder, both private to this user.

    An existing folder other than the default one keeps its mode, and so does what is not a data file.

    Raises:
        UsageError: it cannot be created, or the file is not a data file.
    """
    try:
        data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if data.parent == default_data().parent:
            data.parent.chmod(0o700)
        if data.exists() and not _is_data(data):
            raise UsageError(f"{data} is not a data file of the local cloud.", fix=["name another: --data FILE"])
        data.touch(0o600)
        data.chmod(0o600)  # SQLite's files beside it get the same mode
    except OSError as error:
        raise UsageError(f"{data} cannot be used as the data file.", why=[f"{error.strerror}."]) from error


def _is_data(file: Path) -> bool:
    """Return whether a file holds a local cloud's data, or nothing yet."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        head = opened.read(16)
    return not head or head.startswith(b"SQLite format 3")


def _in_use(data: Path) -> bool:
    try:
        Lock(data).release()
    except InUseError:
        return True
    return False


def _is_running(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

"""A million malformed requests at the local cloud's four endpoints: no 500, no traceback, bounded memory, nothing lost.

Requests are made from each endpoint's own grammar, signed and authorized as a client would, and then spoilt: parameters
that no machine can take before they are signed, bytes and fields after it. So most of them are let in. What
belongs to another account is compared before and after, and the data file is opened anew.

Usage: python -m benchmarks.fuzz [--requests N] [--sockets N] [--seed N]
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import logging
import multiprocessing
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from benchmarks.fuzz_grammar import REGION, Grammar, Sent
from goldrun.clock import SystemClock
from local_cloud import daemon, seed
from local_cloud.access import AccessKey, Denial, Policy
from local_cloud.github.records import (
    GitHubHook,
    GitHubJob,
    GitHubRun,
    GitHubRunner,
    GitHubToken,
)
from local_cloud.listening import listen
from local_cloud.metadata import TTL_HEADER
from local_cloud.records import (
    Disk,
    Image,
    Instance,
    Invocation,
    Receipt,
    Record,
    Resource,
    Settings,
    Snapshot,
    Usage,
    VSwitch,
)
from local_cloud.server import LocalCloud
from local_cloud.store import Store

# What a server process may hold at most; in process the sender's own requests are in it too.
MAX_MEMORY = 256 * 1024
ROUND = 500  # requests after which faults, denials and what was made are taken away again


class Outcome(NamedTuple):
    """What came of it.

    Attributes:
        statuses: how many answers of which status.
        failures: what must not be, for a person.
        memory: the most that the process held, in KiB.
    """

    statuses: Counter[int]
    failures: list[str]
    memory: int


class _Errors(logging.Handler):
    """Keeps whatever is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


def plant(store: Store, now: float) -> dict[tuple[str, str], bytes]:
    """Give the other account something that nobody who sends requests has a key for."""
    own: dict[str, Any] = {"region": REGION, "owner": seed.OTHER_ACCOUNT, "created": now}
    planted: list[Record] = [
        Image(id="m-planted", name="planted-amd64-latest", ready=now, snapshot="s-planted", tags={"a": "b"}, **own),
        Snapshot(id="s-planted", ready=now, **own),
        Disk(
            id="d-planted",
            instance="i-planted",
            zone=f"{REGION}-k",
            category="cloud_essd",
            size=40,
            kind="system",
            **own,
        ),
        GitHubRun(id="1", repository="planted/kept", workflow="kept.yml", created=now),
        GitHubJob(id="1", run="1", attempt=1, created=now, name="kept", labels=("nobody-has-this",)),
    ]
    store.put(*planted)
    return {(type(one).__name__, one.id): msgspec.json.encode(one) for one in planted}


def lost(store: Store, planted: dict[tuple[str, str], bytes]) -> list[str]:
    """What of the planted is no more as it was."""
    kinds: list[type[Record]] = [Image, Snapshot, Disk, GitHubRun, GitHubJob]
    now = {(kind.__name__, one.id): msgspec.json.encode(one) for kind in kinds for one in store.all(kind)}
    return [f"lost or changed: {key}" for key, content in planted.items() if now.get(key) != content]


@contextmanager
def served(data: Path) -> Iterator[tuple[LocalCloud, int]]:
    """A local cloud in this process."""
    cloud = LocalCloud(data)
    listening = listen(0)
    thread = threading.Thread(target=cloud.serve, args=(listening,), daemon=True)
    thread.start()
    while not cloud.started:
        SystemClock().sleep(0.01)
    try:
        yield cloud, listening.getsockname()[1]
    finally:
        cloud.stop()
        thread.join(30)
        listening.close()


def in_process(requests: int, seed_: int) -> Outcome:
    """Send requests past the socket, to what answers them."""
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    statuses: Counter[int] = Counter()
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "cloud.db"
        with served(data) as (cloud, port):
            seed.populate(cloud.store, cloud.clock.now())
            planted = plant(cloud.store, cloud.clock.now())
            grammar = Grammar(seed_, cloud.token, port)
            asyncio.run(_send_all(cloud, grammar, requests, statuses, failures))
            failures += lost(cloud.store, planted)
        again = Store(data, time.time)
        failures += [f"after opening anew: {one}" for one in lost(again, planted)]
        again.close()
    logging.getLogger().removeHandler(errors)
    return Outcome(statuses, failures + errors.texts, peak_memory("self"))


async def _send_all(
    cloud: LocalCloud, grammar: Grammar, requests: int, statuses: Counter[int], failures: list[str]
) -> None:
    for number in range(requests):
        if number % ROUND == 0:
            with cloud._lock:
                _tidy(cloud)
                _introduce(cloud, grammar)
        sent = grammar.request()
        try:
            status = await _answer(cloud, sent)
        except Exception as error:  # noqa: BLE001 - what is looked for
            failures.append(f"{error!r} from {sent!r}"[:2000])
            continue
        statuses[status] += 1
        if status == 500 or not 200 <= status <= 599:
            failures.append(f"{status} to {sent!r}"[:2000])


async def _answer(cloud: LocalCloud, sent: Sent) -> int:
    path, _, query = sent.target.partition("?")
    scope = {
        "type": "http",
        "method": sent.method,
        "path": unquote(path),
        "query_string": query.encode(),
        "headers": [*sent.headers, (b"content-length", str(len(sent.body)).encode())],
    }
    incoming: Iterator[Any] = iter([{"type": "http.request", "body": sent.body, "more_body": False}])
    status = 0

    async def receive() -> Any:
        return next(incoming, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await cloud(scope, receive, send)
    return status


def _tidy(cloud: LocalCloud) -> None:
    """Take away what requests that succeeded have made or set, so that the next ones find what they are about."""
    store = cloud.store
    cloud.gateway.faults.clear()
    kinds: list[type[Record]] = [Denial, Policy, Receipt, Invocation, GitHubHook, GitHubToken, GitHubRunner, Usage]
    with store.transaction():
        for kind in kinds:
            store.remove(*store.all(kind))
        store.remove(*(one for one in store.all(AccessKey) if one.token))
        store.remove(*(one for one in store.all(GitHubRun) if one.id != "1"))
        store.remove(*(one for one in store.all(GitHubJob) if one.id != "1"))
        resources: list[type[Resource]] = [Image, Snapshot, Instance, Disk]
        for some in resources:
            store.remove(*[one for one in store.all(some) if one.owner == seed.ACCOUNT])
        store.put(Settings(id="settings"))
    seed.populate(store, cloud.clock.now())


def _introduce(cloud: LocalCloud, grammar: Grammar) -> None:
    """Let the grammar name what is there."""
    store = cloud.store
    known: list[tuple[str, type[Record]]] = [("ImageId", Image), ("SnapshotId", Snapshot), ("DiskId", Disk)]
    known.append(("InstanceId", Instance))
    for name, kind in known:
        grammar.know(name, [one.id for one in store.all(kind)])
    grammar.know("VSwitchId", [one.id for one in store.all(VSwitch) if one.region == REGION])
    grammar.know("ResourceId", [*grammar.ids["ImageId"], *grammar.ids["InstanceId"]])
    runner = cloud.jobs.register("octo-org/octo-repo", "known", ["a", "b"], 1)
    grammar.know("Credential", [runner.credential])
    grammar.know("Registration", [cloud.jobs.issue_token("octo-org/octo-repo").id])
    run = cloud.jobs.begin_run("octo-org/octo-repo", "a.yml")
    jobs = [cloud.jobs.add_job(run, name=f"j{hosted}", labels=("a",), hosted=hosted) for hosted in (True, False)]
    grammar.know("Number", ["1", run.id, runner.id, *(one.id for one in jobs)])
    now = cloud.clock.now()
    tokens = []
    for instance_id in grammar.ids["InstanceId"][:3]:
        answer = cloud._instances.handle(instance_id, "PUT", "latest/api/token", {TTL_HEADER: "21600"}, now)
        tokens.append(answer.text)
    grammar.know("MetadataToken", tokens)


SMUGGLED = [
    *(b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"Host: x", b"\0", b" folded"),
    *(b"Connection: close", b"Connection: Upgrade\r\nUpgrade: websocket", b"Expect: 100-continue", b":"),
    b"a" * 300_000,
]


def over_sockets(requests: int, seed_: int) -> Outcome:
    """Send requests as bytes to a server of its own, some of them spoilt as HTTP; then kill it, and start it anew."""
    statuses: Counter[int] = Counter()
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "cloud.db"
        store = Store(data, time.time)
        seed.put_defaults(store)
        seed.populate(store, time.time())
        planted = plant(store, time.time())
        ids = {"ImageId": [one.id for one in store.all(Image)], "InstanceId": [one.id for one in store.all(Instance)]}
        store.close()
        running = _up(data)
        try:
            grammar = Grammar(seed_, running.token, running.port)
            for kind, some_ids in ids.items():
                grammar.know(kind, some_ids)
            for number in range(requests):
                if number % ROUND == 0:
                    _lift(grammar, running.port)
                status, content = _exchange(grammar, running.port)
                statuses[status] += 1
                if status == 500:
                    failures.append(f"500 to {content!r}"[:2000])
            memory = peak_memory(str(running.pid))
        finally:
            daemon.stop(data, SystemClock())
        failures += _log_lines(data)
        store = Store(data, time.time)
        failures += lost(store, planted)
        store.close()
    return Outcome(statuses, failures, memory)


def _up(data: Path) -> daemon.Running:
    """Start a server in the background, as a person does."""
    command = [sys.executable, "-m", "goldrun.cli.main", "local", "up", "--detach", "--port", "0", "--data", str(data)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return daemon.require(data)[0]


def _lift(grammar: Grammar, port: int) -> None:
    """Take faults and policies away again."""
    control = (b"authorization", f"Bearer {grammar.token}".encode()), (b"content-type", b"application/json")
    for method, name, body in (("DELETE", "faults", b""), ("POST", "policy", b'{"key":"goldrun-local"}')):
        sent = Sent(method, f"/_goldrun/{name}", [(b"host", grammar.host.encode()), *control], body)
        status = _ask(port, _bytes(sent), method)
        assert status == 200, status


def _exchange(grammar: Grammar, port: int) -> tuple[int, bytes]:
    """One request, as bytes, and the status of its answer; 0: none."""
    chance = grammar.random
    sent = grammar.request()
    content = _bytes(sent, chunked=chance.random() < 0.1)
    spoilt = chance.random()
    if spoilt < 0.1:
        return _ask(port, _garbled(content, chance), sent.method, patient=False), content
    if spoilt < 0.15:
        return _ask(port, content[: chance.randrange(len(content))], sent.method, patient=False), content
    if spoilt < 0.2:
        content *= 2
    return _ask(port, content, sent.method), content


def _bytes(sent: Sent, *, chunked: bool = False) -> bytes:
    head = f"{sent.method} {sent.target} HTTP/1.1\r\n".encode("latin-1", "replace")
    head += b"".join(name + b": " + value + b"\r\n" for name, value in sent.headers)
    if chunked:
        half = len(sent.body) // 2
        pieces = [piece for piece in (sent.body[:half], sent.body[half:]) if piece]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        return head + b"transfer-encoding: chunked\r\n\r\n" + body
    return head + b"content-length: %d\r\n\r\n" % len(sent.body) + sent.body


def _garbled(content: bytes, chance: random.Random) -> bytes:
    head, _, body = content.partition(b"\r\n\r\n")
    extra = chance.choice(SMUGGLED)
    if chance.random() < 0.6:
        return head + b"\r\n" + extra + b"\r\n\r\n" + body
    place = chance.randrange(len(content))
    return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]


def _ask(port: int, content: bytes, method: str, *, patient: bool = True) -> int:
    """The status of the answer; 0 where there is none. Who is not patient says that nothing more will come."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        response = http.client.HTTPResponse(connection, method=method)
        try:
            connection.sendall(content)
            if not patient:
                connection.shutdown(socket.SHUT_WR)
            response.begin()
            response.read()
        except TimeoutError:
            raise  # the server is stuck
        except (OSError, http.client.HTTPException):
            return 0  # cut: it was too much, or not a whole request
        finally:
            response.close()
        return response.status


def _log_lines(data: Path) -> list[str]:
    """What the server has written beside that it was started."""
    lines = data.with_name(f"{data.name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if "the local cloud listens on" not in line]


def peak_memory(pid: str) -> int:
    """The most that a process has held, in KiB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmHWM:")[2].split()[0])


def main() -> int:
    """Send them, in two processes, and print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--sockets", type=int, default=50_000, help="how many of them over sockets")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    inside = options.requests - options.sockets
    start = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=1) as pool:
        tasks = [
            ("over sockets", pool.apply_async(over_sockets, (options.sockets, options.seed))),
            ("in process", pool.apply_async(in_process, (inside // 2, options.seed + 1))),
            ("in process", pool.apply_async(in_process, (inside - inside // 2, options.seed + 2))),
        ]
        outcomes = [(name, task.get()) for name, task in tasks]
    bad = 0
    for name, outcome in outcomes:
        counts = ", ".join(f"{status or 'none'} {count:,}" for status, count in sorted(outcome.statuses.items()))
        print(f"{name}: {sum(outcome.statuses.values()):,} answers ({counts}); at most {outcome.memory / 1024:.0f} MiB")
        for failure in outcome.failures[:20]:
            print(f"  {failure}", file=sys.stderr)
        bad += len(outcome.failures) + (outcome.memory > MAX_MEMORY)
    print(f"{bad} failures in {time.perf_counter() - start:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""Requests a second of the local cloud, and its processor time a request, beside moto's server with the same images.

Both are asked for one image by its exact name: that is what users' tools ask most. Connections are kept open where the
server keeps them open.
Ours checks each request's signature, its age and its nonce; moto checks none. The requests are made and signed before
the clock starts, so that the client costs little. The servers are asked in turn, round by round. Processor time is the
server's own, from the kernel.

Usage: python -m benchmarks.local_cloud [--images N,N] [--requests N] [--json FILE]
    with moto_server on the PATH, or MOTO_SERVER=/path/to/moto_server, it is measured beside ours.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from benchmarks.results import Ratio, report
from goldrun.clock import SystemClock
from goldrun.cloud.credentials import Credentials
from goldrun.cloud.endpoints import ECS
from goldrun.cloud.rpc import sign
from goldrun.cloud.signature import canonical_query
from goldrun.http.endpoint import parse_endpoint
from local_cloud import daemon, seed
from local_cloud.records import Image
from local_cloud.store import Store

CONNECTIONS = (1, 32)
ROUNDS = 5
TICKS = os.sysconf("SC_CLK_TCK")


class Server(NamedTuple):
    """A server that runs.

    Attributes:
        name: for people.
        pid: its process.
        port: where it listens.
        requests: yields requests, each of which finds one image.
        found: what the answer contains then.
    """

    name: str
    pid: int
    port: int
    requests: Iterator[bytes]
    found: bytes


class Round(NamedTuple):
    """What a round took: seconds of each request, of all of them, and of the server's processor."""

    each: list[float]
    wall: float
    cpu: float


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", default="10,10000")
    parser.add_argument("--requests", type=int, default=1000, help="in each round")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    moto = os.environ.get("MOTO_SERVER") or shutil.which("moto_server") or ""
    ratios: list[Ratio] = []
    print("images connections server         requests/s  ms of CPU   p50 ms   p99 ms")
    for images in map(int, options.images.split(",")):
        with tempfile.TemporaryDirectory() as folder, ours(Path(folder), images) as first:
            if moto:
                with theirs(moto, images) as second:
                    ratios += compare([first, second], images, options.requests)
            else:
                ratios += compare([first], images, options.requests)
    return report(ratios, options.json)


def compare(servers: Sequence[Server], images: int, amount: int) -> Iterator[Ratio]:
    """Ask the servers in turn, print the medians of the rounds, and yield what they say."""
    for connections in CONNECTIONS:
        rounds: dict[str, list[Round]] = {server.name: [] for server in servers}
        for number in range(ROUNDS + 1):
            for server in servers:
                taken = asyncio.run(ask(server, connections, amount if number else 50))
                if number:
                    rounds[server.name].append(taken)
        rows = {name: summary(taken, amount) for name, taken in rounds.items()}
        for name, (rate, cpu, p50, p99) in rows.items():
            print(f"{images:6} {connections:11} {name:<12} {rate:12.0f} {cpu:10.2f} {p50:8.2f} {p99:8.2f}")
        where = f"local cloud, {images:,} images, {connections} connection{'s' * (connections > 1)}"
        rate, cpu, p50, p99 = rows["local cloud"]
        yield Ratio(f"{where}: p99 / p50", p99 / p50, 3.0)
        if "moto" in rows:
            their_rate, their_cpu, *_ = rows["moto"]
            yield Ratio(f"{where}: seconds a request / moto's", their_rate / rate, 0.2)
            yield Ratio(f"{where}: processor time / moto's", cpu / their_cpu, 0.1)


def summary(rounds: Sequence[Round], amount: int) -> tuple[float, float, float, float]:
    """Requests a second, milliseconds of processor a request, and two percentiles in milliseconds."""
    each = sorted(itertools.chain.from_iterable(one.each for one in rounds))
    rate = statistics.median(amount / one.wall for one in rounds)
    cpu = statistics.median(one.cpu / amount for one in rounds)
    return rate, 1000 * cpu, 1000 * each[len(each) // 2], 1000 * each[len(each) * 99 // 100]


async def ask(server: Server, connections: int, amount: int) -> Round:
    """Send so many requests over so many connections."""
    prepared = [next(server.requests) for _ in range(amount)]
    each: list[float] = []

    async def work() -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while prepared:
            request = prepared.pop()
            began = time.perf_counter()
            connection = connection or await asyncio.open_connection("127.0.0.1", server.port)
            reader, writer = connection
            writer.write(request)
            head, body = await _answer(reader)
            each.append(time.perf_counter() - began)
            if server.found not in body:
                raise SystemExit(f"{server.name} answered: {head.decode()}{body[:500].decode()}")
            if b"connection: close" in head.lower():  # moto's server keeps none open
                writer.close()
                connection = None
        if connection:
            connection[1].close()

    before, began = processor_seconds(server.pid), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return Round(each, time.perf_counter() - began, processor_seconds(server.pid) - before)


async def _answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return an answer's head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


def processor_seconds(pid: int) -> float:
    """What a process has used so far (proc(5))."""
    values = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / TICKS


@contextmanager
def ours(folder: Path, images: int) -> Iterator[Server]:
    """A local cloud with so many images."""
    data = folder / "cloud.db"
    store, now = Store(data, time.time), time.time()
    seed.put_defaults(store)
    store.put(*(_image(number, now - 9e6 - number) for number in range(images)))
    store.close()
    running = daemon.start(data, ["--port", "0"], SystemClock())
    try:
        requests = _signed(running.url, f"image-{images // 2:06}")
        yield Server("local cloud", running.pid, running.port, requests, f'"m-{images // 2:012}"'.encode())
    finally:
        daemon.stop(data, SystemClock())


def _image(number: int, created: float) -> Image:
    return Image(
        id=f"m-{number:012}",
        region=seed.REGION,
        owner=seed.ACCOUNT,
        name=f"image-{number:06}",
        created=created,
        ready=0.0,
    )


def _signed(url: str, name: str) -> Iterator[bytes]:
    endpoint, credentials = parse_endpoint(url), Credentials(seed.KEY.id, seed.KEY.secret)
    query = canonical_query({"RegionId": seed.REGION, "ImageName": name, "ImageOwnerAlias": "self"})
    while True:
        headers = sign(ECS, "DescribeImages", query, endpoint, credentials, time.time())
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        yield f"POST /?{query} HTTP/1.1\r\n{lines}content-length: 0\r\n\r\n".encode()


@contextmanager
def theirs(program: str, images: int) -> Iterator[Server]:
    """Moto's server with so many images, beside those that it begins with unless it is told not to."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "amis.json"
        empty.write_text("[]")
        env = {**os.environ, "MOTO_AMIS_PATH": str(empty)}
        port = _free_port()
        process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _fill(port, images)
            request = _aws("Action=DescribeImages", f"Filter.1.Name=name&Filter.1.Value.1=image-{images // 2:06}")
            yield Server("moto", process.pid, port, itertools.repeat(request), f"image-{images // 2:06}<".encode())
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _aws(*params: str) -> bytes:
    body = "&".join([*params, "Version=2016-11-15"])
    credential = quote("AKIAIOSFODNN7EXAMPLE/20261129/us-east-1/ec2/aws4_request", safe="/")
    return (
        "POST / HTTP/1.1\r\nhost: ec2.us-east-1.amazonaws.com\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        f"authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _fill(port: int, images: int) -> None:
    async def fill() -> None:
        for number in range(images):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    await asyncio.sleep(0.1)
            writer.write(_aws("Action=RegisterImage", f"Name=image-{number:06}", "Architecture=x86_64"))
            head, _ = await _answer(reader)
            writer.close()
            if b" 200 " not in head.partition(b"\r\n")[0]:
                raise SystemExit(f"moto answered: {head.decode()}")

    asyncio.run(fill())


if __name__ == "__main__":
    sys.exit(main())

"""The client: retries, deadlines, kept connections, proxies; and the local cloud's bad days."""

from __future__ import annotations

import http.server
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import ECS, region_endpoint
from goldrun.cloud.errors import ApiError, ServiceError, api_error
from goldrun.errors import UsageError
from goldrun.http.endpoint import Endpoint, parse_endpoint
from goldrun.http.errors import UnreachableError
from goldrun.http.retrying import jittered_backoff
from goldrun.http.transport import HttpTransport, find_proxy
from tests.background import serve_in_background
from tests.conftest import Running
from tests.virtual_time import FakeClock, FakeTimeTransport


def over_http(running: Running, **options: Any) -> EcsClient:
    clock = FakeClock(running.wall)
    running.transports.append(FakeTimeTransport(clock))
    return running.client(clock=clock, transport=running.transports[-1], **options)


def test_connections_are_kept_between_calls(frozen: Running) -> None:
    notes: list[str] = []
    client = over_http(frozen, notice=notes.append)
    for _ in range(5):
        client.call("DescribeRegions")
    idle = client._transport._idle  # type: ignore[attr-defined]
    assert [len(connections) for connections in idle.values()] == [1]
    assert (client.calls, notes) == (5, [])


def test_a_kept_connection_that_the_server_closed_is_not_used(frozen: Running) -> None:
    client = over_http(frozen)
    client.call("DescribeRegions")
    (connections,) = client._transport._idle.values()  # type: ignore[attr-defined]
    connections[0]._socket.shutdown(socket.SHUT_RDWR)
    client.call("DescribeRegions")
    assert client.calls == 2


def test_a_kept_connection_that_another_thread_takes_first_is_not_missed(frozen: Running) -> None:
    """Prices are asked for in parallel; after a pause long enough that the server had hung up, a thread failed."""

    class Contended(list[Any]):
        def __len__(self) -> int:
            seen = super().__len__()
            self.clear()  # by another thread, between the look and the taking
            return seen

    client = over_http(frozen)
    client.call("DescribeRegions")
    idle = client._transport._idle  # type: ignore[attr-defined]
    idle.update({endpoint: Contended(connections) for endpoint, connections in idle.items()})
    client.call("DescribeRegions")
    assert client.calls == 2


@pytest.mark.parametrize("kind", ["throttle", "error", "error-after"])
def test_temporary_failures_are_retried(frozen: Running, kind: str) -> None:
    frozen.fault(kind, times=2)  # type: ignore[arg-type]
    client = frozen.client()
    client.call("DescribeRegions")
    assert client.calls == 3


def test_a_call_gives_up_at_its_deadline(frozen: Running) -> None:
    frozen.fault("error", times=None)
    client = frozen.client(timeout=10.0, backoff=lambda _: 4.0)
    with pytest.raises(ServiceError, match="ServiceUnavailable") as caught:
        client.call("DescribeRegions")
    assert client.calls == 3
    assert "tried 3 times" in str(caught.value)


def test_plain_http_is_told_from_a_broken_connection(live: Running) -> None:
    """It was tried for ten seconds, and then the network was to be checked."""
    place = live.url.removeprefix("http://")
    client = over_http(live, endpoint=parse_endpoint(place))
    with pytest.raises(UnreachableError, match="answers http, not https") as caught:
        client.call("DescribeRegions")
    assert caught.value.fix == (f"export GOLDRUN_ENDPOINT=http://{place}",)
    assert client.calls == 1


def test_a_refusal_is_not_retried(frozen: Running) -> None:
    client = frozen.client()
    with pytest.raises(ApiError, match="InvalidImageId"):
        client.call("ModifyImageAttribute", {"ImageId": "m-nothing"})
    assert client.calls == 1


def test_a_creation_whose_answer_was_lost_happens_once(live: Running) -> None:
    """The effect happened, the answer did not come: the same ClientToken brings the same image."""
    from goldrun.clock import SystemClock

    live.fault("timeout-after", "CreateImage", seconds=30.0)
    live.fault("error-after", "CreateImage")
    live.snapshot("s-1", created=1.0)

    clock = SystemClock()
    transport = HttpTransport({}, clock)
    client = live.client(clock=clock, transport=transport, timeout=1.0, backoff=lambda _: 0.0)
    params = {"SnapshotId": "s-1", "ImageName": "once", "ClientToken": "build-1"}
    with pytest.raises(UnreachableError, match="did not answer in time"):
        client.call("CreateImage", params)
    first = client.call("CreateImage", params)["ImageId"]
    transport.close()
    found = live.client(clock=SystemClock()).call("DescribeImages", {"ImageName": "once", "Status": "ALL"})
    assert [image["ImageId"] for image in found["Images"]["Image"]] == [first]


def test_stale_reads_show_the_cloud_as_it_was(frozen: Running) -> None:
    frozen.image("old")
    frozen.wall.value += 100
    frozen.image("new")
    frozen.wall.value += 1
    frozen.fault("stale", "DescribeImages", times=1, seconds=50.0)
    client = frozen.client()

    def names() -> set[str]:
        answer = client.call("DescribeImages", {"ImageOwnerAlias": "self"})
        return {image["ImageName"] for image in answer["Images"]["Image"]}

    assert names() == {"old"}
    assert names() == {"old", "new"}


def test_backoff_grows_and_is_spread() -> None:
    for attempt, middle in enumerate([0.3, 0.6, 1.2, 2.4, 4.8, 8.0, 8.0]):
        waits = {jittered_backoff(attempt) for _ in range(50)}
        assert len(waits) > 10
        assert all(middle * 0.5 <= wait <= middle * 1.5 for wait in waits)


def test_endpoints() -> None:
    assert str(region_endpoint(ECS, "cn-hangzhou")) == "https://ecs.cn-hangzhou.aliyuncs.com"
    assert parse_endpoint("ecs.example.com") == Endpoint("https", "ecs.example.com", 443)
    assert parse_endpoint("http://localhost:8080/").netloc == "localhost:8080"
    assert parse_endpoint("http://[::1]:9").netloc == "[::1]:9"


@pytest.mark.parametrize(
    ("env", "host", "expected"),
    [
        ({}, "a.com", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "a.com", ("p", 3128, "")),
        ({"https_proxy": "p"}, "a.com", ("p", 80, "")),
        ({"HTTPS_PROXY": "http://me:p%40ss@p:1"}, "a.com", ("p", 1, "Basic bWU6cEBzcw==")),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x.com, .a.com"}, "ecs.a.com", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.com"}, "ecs-a.com", ("p", 1, "")),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "*"}, "a.com", None),
        ({"HTTPS_PROXY": "http://p:1"}, "127.0.0.1", None),
        ({"HTTP_PROXY": "http://p:1"}, "a.com", None),
    ],
)
def test_proxies(env: dict[str, str], host: str, expected: tuple[str, int, str] | None) -> None:
    assert find_proxy(env, Endpoint("https", host, 443)) == expected


@pytest.mark.parametrize("value", ["socks5://p:1", "http://:1", "http://p:port"])
def test_bad_proxies(value: str) -> None:
    with pytest.raises(UsageError, match="HTTPS_PROXY"):
        find_proxy({"HTTPS_PROXY": value}, Endpoint("https", "a.com", 443))


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[tuple[str, str, str | None]]]]:
    """An HTTP proxy that answers itself, and what it was asked."""
    asked: list[tuple[str, str, str | None]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked.append(("POST", self.path, self.headers.get("proxy-authorization")))
            body = b'{"RequestId": "r"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_CONNECT(self) -> None:
            asked.append(("CONNECT", self.path, self.headers.get("proxy-authorization")))
            self.send_error(403)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serve_in_background(server)
        yield f"http://me:secret@127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def test_requests_go_through_the_proxy(proxy: tuple[str, list[tuple[str, str, str | None]]], frozen: Running) -> None:
    url, asked = proxy
    clock = FakeClock(frozen.wall)
    transport = HttpTransport({"HTTP_PROXY": url, "HTTPS_PROXY": url}, clock)
    client = frozen.client(transport=transport, clock=clock, endpoint=Endpoint("http", "ecs.example.com", 80))
    assert client.call("DescribeRegions") == {"RequestId": "r"}
    assert asked == [("POST", "http://ecs.example.com/?RegionId=cn-hangzhou", "Basic bWU6c2VjcmV0")]
    client = frozen.client(transport=transport, clock=clock, endpoint=None, timeout=1.0)
    with pytest.raises(UnreachableError, match="through the proxy") as caught:
        client.call("DescribeRegions")
    assert asked[-1] == ("CONNECT", "ecs.cn-hangzhou.aliyuncs.com:443", "Basic bWU6c2VjcmV0")
    assert "secret" not in str(caught.value)
    transport.close()


def test_an_error_message_leaves_out_what_was_signed() -> None:
    long = "Specified signature is not matched with our calculation. server string to sign is:POST&%2F&AccessKeyId%3Dx"
    error = api_error("ecs:DescribeImages", 400, {"Code": "SignatureDoesNotMatch", "Message": long, "RequestId": "R"})
    assert "AccessKeyId%3D" not in str(error)
    assert "request id: R" in str(error)

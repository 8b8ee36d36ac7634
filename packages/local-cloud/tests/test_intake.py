"""What no client of good will sends: too much, too slowly, malformed, or half of it. None of it may cost the server."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.conftest import REGION, Running

from local_cloud import auth, intake, metadata, seed
from local_cloud.access import Denial
from local_cloud.data_file import DataFile
from local_cloud.github.api import TOKEN
from local_cloud.records import Instance, VSwitch
from wire import send, signed, v1, v3

ENDPOINTS = ["/", "/_goldrun/deny", "/_github/api/v3/repos/o/r/actions/runners/generate-jitconfig", "/_metadata/i-1/x"]
GITHUB = "/_github/api/v3/repos/octo-org/octo-repo"


@pytest.fixture(autouse=True)
def _silent_log(live: Running, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a client does, it is no error of the server's."""
    assert live.cloud.started
    caplog.set_level(logging.WARNING)
    logging.getLogger("uvicorn").addHandler(caplog.handler)  # it keeps what it says from the root's
    yield
    logging.getLogger("uvicorn").removeHandler(caplog.handler)
    # At this point ``records`` are those of the teardown alone.
    assert [*caplog.get_records("call"), *caplog.records] == []


def ask(
    live: Running, method: str, path: str, body: bytes | str = b"", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    control = {"authorization": f"Bearer {live.cloud.token}", "content-type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)) as connection:
        connection.request(method, path, body, headers or (control if path.startswith("/_goldrun/") else {}))
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


def github(live: Running, method: str, path: str, body: bytes | str = b"") -> tuple[int, Any]:
    status, _, text = ask(live, method, GITHUB + path, body, {"authorization": f"Bearer {TOKEN}"})
    return status, json.loads(text) if text else None


def raw(live: Running, *pieces: bytes) -> bytes:
    """What a connection answers to bytes as they are, until it is closed."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


def peak_memory() -> int:
    """The most that this process has ever held, in KiB."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0])


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_body_of_ten_megabytes_is_refused_before_it_is_read(live: Running, path: str) -> None:
    before = peak_memory()
    body = b"a=1&" * (10 * 1024 * 1024 // 4)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    status, _, text = ask(live, "POST", path, body, kind)
    assert status == 413
    assert "too large" in text
    assert peak_memory() - before < 100 * 1024  # our own copy of the body among it


def test_a_body_without_a_length_is_counted_while_it_comes(live: Running) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert raw(live, head, *[chunk] * 40, b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")


def test_a_client_that_expects_100_continue_is_refused_before_it_sends(live: Running) -> None:
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("where", ["query", "form"])
def test_a_hundred_thousand_fields_are_refused_before_they_are_parsed(live: Running, where: str) -> None:
    fields = "&".join(["a"] * 100_000)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    if where == "query":
        status, _, text = ask(live, "GET", f"/?{fields}")
    else:
        status, _, text = ask(live, "POST", "/", fields, kind)
    assert status == 400
    assert "InvalidParameter" in text


def test_a_head_without_end_is_refused(live: Running) -> None:
    assert raw(live, b"GET /?" + b"a" * (intake.MAX_HEAD_BYTES + 1)).startswith(b"HTTP/1.1 400 ")


def test_everything_that_the_api_allows_passes(live: Running) -> None:
    """User data of 32 KB in base64 in the query, its padding percent-encoded."""
    data = "A" * 43_690 + "=="
    query = signed("GET", v1("DescribeImages", RegionId=REGION, UserData=data))
    assert send(live, "GET", query)[0] == 200


@pytest.mark.parametrize("depth", [101, 20_000])
def test_deep_nesting_is_refused(live: Running, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    assert github(live, "POST", "/actions/runners/registration-token", nested)[0] == 400
    assert ask(live, "POST", "/_goldrun/deny", '{"actions":' + nested + "}")[0] == 400
    query = signed("GET", v1("DescribeInstances", RegionId=REGION, InstanceIds=nested))
    assert send(live, "GET", query)[2]["Code"] == "InvalidInstanceIds"


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nhalf"],
    ids=["silent", "half a head", "half a body"],
)
def test_a_half_open_connection_is_closed(live: Running, monkeypatch: pytest.MonkeyPatch, beginning: bytes) -> None:
    monkeypatch.setattr(intake, "REQUEST_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        connection.sendall(beginning)
        assert _received(connection) == b""


def test_a_client_that_sends_a_byte_at_a_time_is_disconnected(live: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "REQUEST_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        _until(lambda: _fails(connection.sendall, b"G"))


def test_a_second_request_has_its_own_deadline(live: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "REQUEST_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        connection.sendall(b"GET /_metadata/i-1/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = b""
        while not answer.endswith(b"no such instance"):
            answer += connection.recv(65536)
        connection.sendall(b"GET /again")
        assert _received(connection) == b""


def test_a_client_that_does_not_read_its_answer_is_disconnected(live: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn waits for ever until the answer has gone out."""
    assert live.cloud._server
    monkeypatch.setattr(intake, "REQUEST_SECONDS", 0.3)
    live.cloud.store.put(*(Denial(id=f"{number} {'x' * 10_000}") for number in range(1000)))
    request = f"GET /_goldrun/status HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {live.cloud.token}\r\n\r\n"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", live.port))
        connection.sendall(request.encode())
        connections = live.cloud._server.server_state.connections
        _until(lambda: len(connections) == 1)
        _until(lambda: not connections)


def test_a_fault_may_hold_a_connection_for_longer(live: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "REQUEST_SECONDS", 0.1)
    live.fault("timeout", seconds=0.6)
    assert ask(live, "GET", "/?Action=DescribeRegions")[0] == 504


def test_connections_beyond_the_limit_are_refused(live: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_CONNECTIONS", 3)
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", live.port), timeout=20)) for _ in range(4)]
        assert _received(held[3]) == b""
        held[2].close()
        _until(lambda: ask(live, "GET", "/_goldrun/status")[0] == 200)


def test_a_client_that_hangs_up_causes_no_traceback(live: Running) -> None:
    """In the middle of a head, of a body, and of waiting for the answer."""
    whole = b"POST /_goldrun/deny HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20\r\n\r\n" + b" " * 20
    for end in (10, len(whole) - 5, len(whole)):
        connection = socket.create_connection(("127.0.0.1", live.port), timeout=20)
        connection.sendall(whole[:end])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a reset, not an end
        connection.close()
    live.fault("timeout", seconds=60)
    connection = socket.create_connection(("127.0.0.1", live.port), timeout=20)
    connection.sendall(b"GET /?Action=DescribeRegions HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    _until(lambda: not live.cloud.gateway.faults.rules())
    connection.close()
    assert ask(live, "GET", "/_goldrun/status")[0] == 200


def test_an_incomplete_request_does_nothing(live: Running) -> None:
    """What has come of it would make sense by itself."""
    head = (
        f"POST /_goldrun/deny HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {live.cloud.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    )
    assert raw(live, head.encode(), b'{"actions":["ecs:*"]}') == b""
    assert json.loads(ask(live, "GET", "/_goldrun/status")[2])["denied"] == []


@pytest.mark.parametrize("change", [{"Signature": "é"}, {"SecurityToken": "ü"}, {"AccessKeyId": "\0"}])
def test_a_non_ascii_signature_is_refused(live: Running, change: dict[str, str]) -> None:
    status, _, answer = send(live, "GET", signed("GET", v1("DescribeRegions")) | change)
    assert (status // 100, isinstance(answer["Code"], str)) == (4, True)


@pytest.mark.parametrize("name", ["authorization", "x-acs-date", "x-acs-content-sha256", "x-acs-security-token"])
def test_headers_that_are_not_ascii(live: Running, name: str) -> None:
    headers = v3(live, query={"RegionId": REGION})
    headers[name] = headers.get(name, "")[:-1] + "\u00e9"
    assert send(live, "POST", {"RegionId": REGION}, headers)[0] // 100 == 4


@pytest.mark.parametrize(
    ("action", "change", "code"),
    [
        ("DescribeInstances", {"MaxResults": "10", "NextToken": "9" * 5000}, "InvalidNextToken"),
        ("DescribeInstances", {"InstanceIds": '["\\ud800"]'}, "InvalidInstanceIds"),
        ("DescribeImages", {"ImageOwnerAlias": "é"}, "InvalidImageOwnerAlias.ValueNotSupported"),
        (
            "DescribeSpotPriceHistory",
            {"NetworkType": "vpc", "InstanceType": "ecs.g7.large", "EndTime": "0001-01-01T00:00:00Z"},
            "InvalidEndTime",
        ),
    ],
)
def test_impossible_parameters(live: Running, action: str, change: dict[str, str], code: str) -> None:
    answer = send(live, "GET", signed("GET", v1(action, RegionId=REGION, **change)))[2]
    assert answer["Code"] == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"DataDisk.1.Size": "9" * 5000}, "InvalidDataDisk.1.Size"),
        ({"DataDisk.1.Size": "9" * 30}, "InvalidDataDisk.1.Size"),
        ({"SpotStrategy": "SpotWithPriceLimit", "SpotPriceLimit": "inf"}, "InvalidSpotPriceLimit"),
        ({"SpotStrategy": "SpotWithPriceLimit", "SpotPriceLimit": "nan"}, "InvalidSpotPriceLimit"),
    ],
)
def test_numbers_that_the_data_file_could_not_give_back(populated: Running, change: dict[str, str], code: str) -> None:
    params = v1(
        "RunInstances",
        RegionId=REGION,
        ImageId="m-localnewamd64",
        InstanceType="ecs.g7.large",
        VSwitchId=_vswitch(populated),
        SecurityGroupId=f"sg-local-{REGION}",
        **change,
    )
    assert send(populated, "GET", signed("GET", params))[2]["Code"] == code


@pytest.mark.parametrize("query", ["per_page=x", "per_page=-1", "per_page=0", "page=-3", "page=" + "9" * 5000])
def test_invalid_pages_are_the_default_as_at_github(live: Running, query: str) -> None:
    status, answer = github(live, "GET", f"/actions/runners?{query}")
    assert (status, answer["total_count"]) == (200, 0)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/actions/runners/generate-jitconfig", "{", 400),
        ("/actions/runners/generate-jitconfig", b"\xff\xfe", 400),
        ("/actions/runners/generate-jitconfig", "[]", 400),
        ("/actions/runners/generate-jitconfig", '{"name":"\\ud800","runner_group_id":1,"labels":["a"]}', 400),
        ("/actions/runners/generate-jitconfig", '{"name":"n","runner_group_id":99999999999999999,"labels":["a"]}', 422),
        ("/actions/runners/generate-jitconfig", '{"name":"n","runner_group_id":true,"labels":["a"]}', 422),
        ("/actions/workflows/a.yml/dispatches", '{"ref":"main","inputs":[1]}', 422),
        ("/hooks", '{"config":{"url":"http://127.0.0.1:9/"},"events":5}', 422),
        ("/hooks", '{"config":{"url":"http://["},"events":["workflow_job"]}', 422),
    ],
)  # fmt: skip
def test_bodies_that_github_would_refuse(live: Running, path: str, body: bytes | str, status: int) -> None:
    assert github(live, "POST", path, body)[0] == status


@pytest.mark.parametrize(
    "body", ["[]", "{", '{"labels":5,"name":"x","token":"TOKEN","scope":"o/r"}', '{"scope":"o/r"}']
)
def test_a_runner_that_says_nonsense(live: Running, body: str) -> None:
    token = live.cloud.jobs.issue_token("o/r").id
    assert ask(live, "POST", "/_github/_runner/register", body.replace("TOKEN", token))[0] // 100 == 4


@pytest.mark.parametrize(
    ("method", "name", "body"),
    [
        ("POST", "clock", '{"advance":1e308}'),
        ("PATCH", "settings", '{"image_seconds":-1}'),
        ("PATCH", "settings", '{"image_quota":99999999999999999999}'),
        ("PATCH", "market", '{"seed":99999999999999999999}'),
        ("POST", "faults", '{"kind":"error","status":99999}'),
        ("POST", "faults", '{"kind":"error","seconds":-1}'),
        ("POST", "deny", '{"actions":["' + "*a" * 1000 + '"]}'),
        ("POST", "deny", b'{"actions":["\xff"]}'),
        ("POST", "jobs", '{"repository":"a/b","name":1}'),
        ("POST", "policy", '{"key":"k","document":{"Version":"1"}}'),
    ],
)
def test_the_control_endpoint_reports_what_is_wrong(live: Running, method: str, name: str, body: bytes | str) -> None:
    status, _, text = ask(live, method, f"/_goldrun/{name}", body)
    assert status == 400
    assert json.loads(text)["error"]


def test_time_that_runs_out_of_all_years_stands_still(live: Running) -> None:
    """At a million times the usual speed, after some days."""
    live.cloud.clock.advance(3e11)
    status, _, text = ask(live, "GET", "/_goldrun/status")
    assert (status, json.loads(text)["time"][:4]) == (200, "9000")


@pytest.mark.parametrize("ttl", ["9" * 5000, "-1", "x", "\u00b2", ""])
def test_an_invalid_token_lifetime_is_refused_by_the_metadata_service(populated: Running, ttl: str) -> None:
    headers = {"x-aliyun-ecs-metadata-token-ttl-seconds": ttl.encode().decode("latin-1")}
    path = f"/_metadata/{_instance(populated)}/latest/api/token"
    assert ask(populated, "PUT", path, b"", headers)[0] == 400


@pytest.mark.parametrize(
    "request_",
    [
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET / HTTP/1.1\r\nHost: [\r\n\r\n",
        b"GET /%00%ff?%00%zz=%&&=& HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET http://127.0.0.1/ HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_invalid_requests(live: Running, request_: bytes) -> None:
    assert raw(live, request_)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 403", b"HTTP/1.1 404")


def test_garbage_after_an_answer_that_came_early(live: Running) -> None:
    """The body is refused by its length while it comes, and then turns out to be malformed."""
    head = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        connection.sendall(head + (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 40)
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
        connection.sendall(b"ZZ\r\n")
        while _received(connection):
            pass
    assert ask(live, "GET", "/_goldrun/status")[0] == 200


def test_metadata_tokens_are_not_kept_without_end(populated: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MAX_TOKENS", 3)
    path = f"/_metadata/{_instance(populated)}/latest/api/token"
    ttl = {metadata.TTL_HEADER: "60"}
    assert [ask(populated, "PUT", path, b"", ttl)[0] for _ in range(4)] == [200, 200, 200, 429]
    populated.cloud.clock.advance(61)
    assert ask(populated, "PUT", path, b"", ttl)[0] == 200


def test_nonces_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MAX_NONCES", 3)
    book = auth.NonceBook()
    assert [book.enter(str(number), 0.0) for number in (1, 2, 3, 3, 4, 1)] == [True, True, True, False, True, True]


def test_an_instance_that_requests_its_key_again_gets_the_same_one(populated: Running) -> None:
    store, clock = populated.cloud.store, populated.cloud.clock
    instance = store.get(Instance, _instance(populated))
    assert instance is not None
    store.put(replace(instance, role="r", http_tokens="optional"))
    path = f"/_metadata/{instance.id}/latest/meta-data/ram/security-credentials/r"
    first, second = (json.loads(ask(populated, "GET", path)[2])["AccessKeyId"] for _ in range(2))
    assert first == second
    wall = clock.wall
    populated.cloud._instances.wall = lambda: wall() + metadata.KEY_SECONDS * 0.6
    assert json.loads(ask(populated, "GET", path)[2])["AccessKeyId"] != first


def test_a_data_file_that_cannot_be_written_is_an_error_response_without_a_traceback(
    live: Running, tmp_path: Path
) -> None:
    file = live.cloud.store._file = DataFile(tmp_path / "cloud.db")
    file._db.execute("PRAGMA query_only = ON")
    status, answer = github(live, "POST", "/actions/runners/registration-token")
    assert (status, "readonly" in answer["message"]) == (503, True)
    assert ask(live, "POST", "/_goldrun/deny", '{"actions":["ecs:*"]}')[0] == 503
    file._db.execute("PRAGMA query_only = OFF")
    assert github(live, "POST", "/actions/runners/registration-token")[0] == 201


class TestADefect:
    """A defect of the local cloud's own must be seen: in the log with its traceback, and by the client."""

    @pytest.fixture(autouse=True)
    def _silent_log(self) -> None:
        """Here the log is meant to speak."""

    @pytest.mark.parametrize("path", ENDPOINTS)
    def test_a_server_error_is_an_answer_and_a_traceback(
        self, live: Running, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError("a defect")

        monkeypatch.setattr(live.cloud, "_answer", broken)
        status, headers, text = ask(live, "POST", path, b"{}")
        assert status == 500
        assert "a defect" not in text
        [record] = caplog.records
        assert record.exc_info is not None
        assert record.exc_info[0] is ZeroDivisionError
        if path == "/":
            assert "<Code>InternalError</Code>" in text
            assert headers["x-acs-request-id"] in text
            assert headers["x-acs-request-id"] in record.getMessage()


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def _fails(do: Callable[[bytes], object], data: bytes) -> bool:
    try:
        do(data)
    except ConnectionError:
        return True
    return False


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if done():
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise AssertionError("it never came to that")


def _vswitch(live: Running) -> str:
    return next(one.id for one in live.cloud.store.all(VSwitch) if one.region == REGION and one.owner == seed.ACCOUNT)


def _instance(live: Running) -> str:
    return next(iter(live.cloud.store.all(Instance))).id

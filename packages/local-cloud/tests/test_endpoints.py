"""Who may ask the local cloud: no page of the web, whatever it sends and whatever its name resolves to."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from tests.conftest import Running

from local_cloud import seed
from local_cloud.control_client import NotRunningError, call_control
from local_cloud.guard import Guard
from local_cloud.machines import forward
from local_cloud.records import Image, Instance
from wire import signed_query

Headers = dict[str, str]


def send(port: int, method: str, target: str, headers: Headers, body: str = "") -> tuple[int, bytes, Headers]:
    """One request, with these headers and no others beside the body's length."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def each_endpoint(running: Running) -> Iterator[tuple[str, str, Headers, str]]:
    """A request to each endpoint that answers its own clients."""
    instance = next(iter(running.cloud.store.all(Instance)))
    yield "GET", f"/?{urlencode(signed_query('GET', 'DescribeImages'))}", {}, ""
    yield "POST", f"/?{urlencode(signed_query('POST', 'DescribeImages'))}", {}, ""
    yield "PUT", f"/_metadata/{instance.id}/latest/api/token", {"X-aliyun-ecs-metadata-token-ttl-seconds": "60"}, ""
    yield "GET", "/_github/api/v3/orgs/octo-org/actions/runners", {"Authorization": "Bearer goldrun-local-github"}, ""
    yield "GET", "/_goldrun/status", {"Authorization": f"Bearer {running.cloud.token}"}, ""


PAGES = {
    "a name that resolves to 127.0.0.1": {"Host": "evil.test:{port}"},
    "that name, no port": {"Host": "evil.test"},
    "a name that begins like ours": {"Host": "127.0.0.1.evil.test:{port}"},
    "an address of the network": {"Host": "0.0.0.0:{port}"},
    "a page of another port": {"Host": "127.0.0.1:{port}", "Origin": "http://127.0.0.1:1"},
    "a page of another name": {"Host": "127.0.0.1:{port}", "Origin": "http://localhost:{port}"},
    "a page from a file": {"Host": "127.0.0.1:{port}", "Origin": "null"},
    "an image on a page": {"Host": "127.0.0.1:{port}", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a page of this host": {"Host": "127.0.0.1:{port}", "Sec-Fetch-Site": "same-site"},
    "a site that sends the address bar here": {"Host": "127.0.0.1:{port}", "Sec-Fetch-Site": "none"},
}


@pytest.mark.parametrize("page", PAGES)
def test_no_endpoint_answers_a_web_page(populated: Running, page: str) -> None:
    sent = {name: value.format(port=populated.port) for name, value in PAGES[page].items()}
    answers = set()
    for method, target, own, body in each_endpoint(populated):
        status, content, headers = send(populated.port, method, target, {**own, **sent}, body)
        answers.add((status, content, tuple(sorted(set(headers) - {"date"}))))
    # The same answer for all: it does not reveal what exists, and a page cannot read it.
    assert answers == {(403, b"Forbidden\n", ("content-length", "content-type"))}
    assert populated.cloud.gateway.calls == {}


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "[::1]:9"])
@pytest.mark.parametrize("own", [False, True])
def test_every_endpoint_answers_local_programs(populated: Running, host: str, own: bool) -> None:
    name = host.format(port=populated.port)
    page = {"Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"} if own else {}
    for method, target, headers, body in each_endpoint(populated):
        status, content, _ = send(populated.port, method, target, {**headers, "Host": name, **page}, body)
        assert status == 200, (target, content)


def test_a_guest_reaches_its_metadata(populated: Running) -> None:
    """It asks 100.100.100.200, by that name."""
    instance = next(iter(populated.cloud.store.all(Instance)))
    asked = "PUT /latest/api/token HTTP/1.1\r\nHost: 100.100.100.200\r\nConnection: keep-alive\r\n"
    asked += "X-aliyun-ecs-metadata-token-ttl-seconds: 60\r\nContent-Length: 0\r\n\r\n"
    command = [sys.executable, "-I", "-S", forward.__file__, str(populated.port), instance.id]
    done = subprocess.run(command, input=asked.encode(), capture_output=True, timeout=30, check=True)
    assert done.stdout.startswith(b"HTTP/1.1 200 ")


def test_two_host_headers_are_refused(populated: Running) -> None:
    """Readers of the first and of the last one must not see different hosts. HTTP/1.0 needs none."""
    guard = Guard()
    assert not guard.admits([])
    assert guard.admits([(b"host", b"localhost")])
    assert not guard.admits([(b"host", b"localhost"), (b"host", b"evil.test")])
    assert not guard.admits([(b"host", b"localhost"), (b"origin", b"http://localhost"), (b"origin", b"http://a.test")])


def test_virtual_machines_have_their_own_host_name_for_it() -> None:
    asked = [(b"host", b"100.100.100.2:4679")]
    assert not Guard().admits(asked)
    assert Guard("100.100.100.2").admits(asked)


@pytest.mark.parametrize("words", ["", "Bearer ", "Bearer wrong", "Basic {token}", "{token}", "bearer {token}x"])
def test_control_requires_its_token(populated: Running, words: str) -> None:
    """Without it any program of any user of this machine could queue jobs, and they may run here."""
    token = populated.cloud.token
    headers = {"Host": "localhost", "Content-Type": "application/json", "Authorization": words.format(token=token)}
    for method, name in (("GET", "status"), ("GET", "jobs"), ("POST", "jobs"), ("POST", "reset"), ("POST", "shutdown")):
        status, content, _ = send(populated.port, method, f"/_goldrun/{name}", headers, "{}")
        assert (status, list(json.loads(content))) == (401, ["error"])
    assert any(populated.cloud.store.all(Instance))
    with pytest.raises(NotRunningError):
        call_control(populated.port, f"not {token}", "POST", "reset")
    assert call_control(populated.port, token, "GET", "status")["images"] == 11


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_control_accepts_only_json(populated: Running, kind: str) -> None:
    headers = {"Host": "localhost", "Authorization": f"Bearer {populated.cloud.token}", "Content-Type": kind}
    status, _, _ = send(populated.port, "POST", "/_goldrun/reset", headers, "{}")
    assert status == 415
    assert any(image.owner == seed.ACCOUNT for image in populated.cloud.store.all(Image))
    json_kind = {**headers, "Content-Type": "Application/JSON; charset=utf-8"}
    assert send(populated.port, "POST", "/_goldrun/reset", json_kind, "{}")[0] == 200

"""Pages in a real Chromium try every endpoint of a local cloud that runs: nothing happens, and nothing is learned.

A page comes from another port of this machine, from another name, or from a name that is rebound: after the page has
been loaded, its own origin leads to the local cloud. Each is tried a second time with the guard taken away, to see that
it would have got in.
"""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace
from tests.background import serve_in_background
from tests.chromium import CHROMIUM, FLAGS, needs_chromium, surroundings
from tests.conftest import Running

from local_cloud.control_client import call_control
from local_cloud.github.api import TOKEN, jit_config
from local_cloud.github.records import GitHubRunner
from local_cloud.guard import Guard
from local_cloud.records import Instance, Invocation
from wire import signed_query

pytestmark = needs_chromium
SCRIPT = Path(__file__).with_name("attack.js").read_text(encoding="utf-8")
PATIENCE = 180.0
NAME = "evil.test"
REFUSED = "Forbidden\n"

MACHINE, OLD_MACHINE, NOBODY = "i-runner", "i-old", "i-nobody"
MARK = "a-line-of-user-data"
USER_DATA = f"/opt/goldrun/agent.sh\nCONFIG_SECONDS=3000\nJOB_SECONDS=3000\nNOTICE_SECONDS=120\n# {MARK}\n"


class CountingGuard(Guard):
    """The guard, and what it has seen; or nobody in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = False
        self.refused = self.admitted = 0

    def admits(self, headers: Iterable[tuple[bytes, bytes]], *, visit: bool = False) -> bool:
        fine = self.opened or super().admits(headers, visit=visit)
        self.admitted += fine
        self.refused += not fine
        return fine


class Evil:
    """The server of the pages. What it does not serve itself it passes on to the local cloud, as it came."""

    def __init__(self, cloud: int) -> None:
        self.page, self.redirect, self.report = "", "", ""
        self.reported = threading.Event()
        evil = self

        class Handler(BaseHTTPRequestHandler):
            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                if self.path == "/evil/page":
                    self.answer(200, [("content-type", "text/html")], evil.page.encode())
                elif self.path == "/evil/redirect":
                    self.answer(302, [("location", evil.redirect)], b"")
                elif self.path == "/evil/report":
                    evil.report = body.decode()
                    self.answer(204, [], b"")
                    evil.reported.set()
                elif self.path == "/favicon.ico":
                    self.answer(404, [], b"")
                else:
                    self.answer(*relay(cloud, self.command, self.path, self.headers.items(), body))

            def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in [*headers, ("content-length", str(len(body))), ("connection", "close")]:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = serve  # noqa: N815 - their names are given

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        serve_in_background(self.server)


def relay(
    port: int, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """What a connection to the local cloud itself would have brought."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    kept = [
        (name, value) for name, value in answer.getheaders() if name.lower() not in ("content-length", "connection")
    ]
    return answer.status, kept, content


@pytest.fixture
def cloud(live: Running) -> Running:
    """Two machines, one of them a runner's, which waits for its configuration."""
    call_control(live.port, live.cloud.token, "POST", "seed")
    store, now = live.cloud.store, live.cloud.clock.now()
    first = next(iter(store.all(Instance)))
    user_data = base64.b64encode(USER_DATA.encode()).decode()
    made = replace(first, id=MACHINE, user_data=user_data, created=now - 60, ready=now - 50, http_tokens="optional")
    store.put(made, replace(first, id=OLD_MACHINE, http_tokens="optional"))
    return live


@pytest.fixture
def guard(cloud: Running) -> CountingGuard:
    cloud.cloud._guard = made = CountingGuard()
    return made


@pytest.fixture
def evil(cloud: Running) -> Iterator[Evil]:
    made = Evil(cloud.port)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def browse(evil: Evil, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Opens an address in Chromium; the name of the page leads to the page's server, whatever the port."""
    assert CHROMIUM, "Chromium is not installed"
    opened: list[subprocess.Popen[bytes]] = []

    def open_page(url: str) -> None:
        rules = f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{evil.port}"
        with (tmp_path / "chromium.log").open("wb") as log:
            command = [CHROMIUM, *FLAGS, rules, f"--user-data-dir={tmp_path / 'chromium'}", url]
            opened.append(subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    with surroundings() as env:
        yield open_page
        for process in opened:
            process.terminate()
            process.wait(30)


def requests(running: Running) -> Iterator[dict[str, Any]]:
    """What a page asks for, at every endpoint; signed anew each time."""
    theirs = GitHubRunner(id="1", scope="octo-org/octo-repo", name="theirs", labels=("x",), credential="theirs")
    config = jit_config(theirs, f"http://{NAME}/_github")

    def ecs(method: str, action: str, **params: str) -> dict[str, Any]:
        signed = signed_query(method, action, **params)
        return {"name": f"ecs {action}", "method": method, "target": f"/?{urlencode(signed)}", "fields": signed}

    tags = {"ResourceType": "image", "ResourceId.1": "m-localnewamd64", "Tag.1.Key": "planted", "Tag.1.Value": "x"}
    file = {
        "InstanceId.1": MACHINE,
        "Name": "config",
        "TargetDir": "/run/goldrun",
        "Content": f"JITCONFIG={config}\nEND=1\n",
    }
    for method in ("GET", "POST"):
        yield ecs(method, "DescribeImages")
        yield ecs(method, "TagResources", **tags)
        yield ecs(method, "SendFile", **file)
        yield ecs(method, "DeleteImage", ImageId="m-localoldarm64")
    for instance in (MACHINE, OLD_MACHINE, NOBODY):
        yield {"name": f"metadata {instance}", "method": "GET", "target": f"/_metadata/{instance}/latest/user-data"}
    token = {"X-aliyun-ecs-metadata-token-ttl-seconds": "60"}
    yield {"name": "token", "method": "PUT", "target": f"/_metadata/{MACHINE}/latest/api/token", "headers": token}
    runners = "/_github/api/v3/repos/octo-org/octo-repo/actions/runners"
    known = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    new = json.dumps({"name": "planted", "runner_group_id": 1, "labels": ["x"]})
    yield {"name": "github ls", "method": "GET", "target": runners, "headers": known}
    made = f"{runners}/generate-jitconfig"
    yield {"name": "github add", "method": "POST", "target": made, "headers": known, "body": new}
    yield {"name": "github token", "method": "POST", "target": f"{runners}/registration-token", "headers": known}
    yield {"name": "runner", "method": "POST", "target": "/_github/_runner/register", "body": new}
    for page in ("/_github/settings/apps", "/_github/github-apps/planted/installations/new"):
        fields = {"authenticity_token": "x", "name": "planted"}
        yield {"name": f"page {page}", "method": "POST", "target": page, "body": urlencode(fields)}
    yield {"name": "code", "method": "POST", "target": "/_github/api/v3/app-manifests/x/conversions", "body": "{}"}
    yield {"name": "proof", "method": "GET", "target": "/_github/_runner/proof?x"}
    job = {"repository": "octo-org/octo-repo", "name": "planted", "labels": ["x"], "script": "touch /tmp/planted"}
    for name, body in (("reset", {}), ("jobs", job), ("clock", {"speed": 1000}), ("shutdown", {})):
        for kind in ("text/plain", "application/json"):
            asked = {"target": f"/_goldrun/{name}", "body": json.dumps(body), "headers": {"Content-Type": kind}}
            yield {"name": f"control {name}", "method": "POST", **asked}
    for name in ("status", "jobs"):
        yield {"name": f"control {name}", "method": "GET", "target": f"/_goldrun/{name}"}


READING = ("fetch", "blind", "xhr", "image", "script", "style", "frame", "events", "socket")
WRITING = ("fetch", "blind", "xhr", "form", "beacon")


def attempts(running: Running) -> list[dict[str, Any]]:
    """Each of them in every way that there is."""
    found = []
    for way in dict.fromkeys((*READING, *WRITING)):
        for one in requests(running):
            if one["method"] == "PUT" and way in ("fetch", "xhr"):
                found.append({"way": way, "headers": {}, **one})
            elif (one["method"] == "GET" and way in READING) or (one["method"] == "POST" and way in WRITING):
                # A form has the call in its body; other content goes as text, which needs nobody's leave.
                form = {"target": "/", "enctype": "application/x-www-form-urlencoded"} if "fields" in one else {}
                fields = list(one.get("fields", {one.get("body", ""): ""}).items())
                more = {"enctype": "text/plain", **form} if way == "form" else {}
                found.append({"way": way, "headers": {}, **one, **more, "fields": fields})
    return found


def state(running: Running) -> Any:
    """All that there is to change, and what control says of it."""
    cloud = running.cloud
    records = {kind: dict(found) for kind, found in cloud.store._current.items() if found}
    status = call_control(running.port, cloud.token, "GET", "status")
    return records, cloud._instances._tokens.copy(), {**status, "time": ""}


def attack(running: Running, evil: Evil, browse: Callable[[str], None], page: str) -> list[dict[str, Any]]:
    """Let a page try everything, and return what it tells its own server."""
    if page == "rebound":
        base, origin = "", f"{NAME}:{running.port}"
    elif page == "name":
        base, origin = f"http://localhost:{running.port}", f"{NAME}:{evil.port}"
    else:
        base, origin = running.url, f"127.0.0.1:{evil.port}"
    known = f"const base = {json.dumps(base)}, attempts = {json.dumps(attempts(running))};"
    evil.page = f"<!doctype html><body><script>{known}\n{SCRIPT}</script>"
    browse(f"http://{origin}/evil/page")
    assert evil.reported.wait(PATIENCE), "the page reported nothing"
    outcomes: list[dict[str, Any]] = json.loads(evil.report)
    assert {one["way"] for one in outcomes} == {*READING, *WRITING}
    return outcomes


PAGES = ["port", "name", "rebound"]


@pytest.mark.parametrize("page", PAGES)
def test_a_web_page_changes_nothing_and_learns_nothing(
    cloud: Running, guard: CountingGuard, evil: Evil, browse: Callable[[str], None], page: str
) -> None:
    before = state(cloud)
    mine = guard.admitted
    outcomes = attack(cloud, evil, browse, page)
    assert guard.admitted == mine
    assert guard.refused > 100, "they did not reach it"
    assert state(cloud) == before
    if page == "rebound":
        # Its own origin: it reads every answer, and all are the same.
        assert {one["text"] for one in outcomes if "text" in one} == {REFUSED}
        assert {one["status"] for one in outcomes if "status" in one} == {403}
    else:
        assert [one for one in outcomes if one.get("text") or "status" in one] == []
    for way in READING:
        # Whether a request ends well or ill tells a page whether a thing is there; here it does not.
        ends = {name: one for one in outcomes if one["way"] == way and (name := one["name"]).startswith("metadata ")}
        assert len(ends) == 3
        assert len({json.dumps({**one, "name": ""}) for one in ends.values()}) == 1


@pytest.mark.parametrize("page", PAGES)
def test_without_the_guard_the_page_would_get_in(
    cloud: Running, guard: CountingGuard, evil: Evil, browse: Callable[[str], None], page: str
) -> None:
    """But not to control, which has a token."""
    guard.opened = True
    _, tokens, status = state(cloud)
    outcomes = attack(cloud, evil, browse, page)
    records, new_tokens, new_status = state(cloud)
    names = {kind.__name__: found for kind, found in records.items()}
    assert names["Image"]["m-localnewamd64"].tags["planted"] == "x"
    assert "m-localoldarm64" not in names["Image"]
    assert any(
        isinstance(one, Invocation) and one.file == "/run/goldrun/config" for one in names["Invocation"].values()
    )
    assert (new_status["pid"], new_status["speed"]) == (status["pid"], 1.0)
    assert "GitHubJob" not in names
    read = {one["name"] for one in outcomes if one.get("status") == 200}
    if page == "rebound":
        assert read >= {"ecs DescribeImages", f"metadata {MACHINE}", "token", "github ls", "proof"}
        assert any(MARK in one.get("text", "") for one in outcomes)
        assert any(one.name == "planted" for one in names["GitHubRunner"].values())
        assert new_tokens != tokens
    else:
        assert read == set()
    assert not any(one.startswith("control") for one in read)


@pytest.mark.parametrize("opened", [False, True])
def test_the_address_bar_leads_nowhere(
    cloud: Running, guard: CountingGuard, evil: Evil, browse: Callable[[str], None], opened: bool
) -> None:
    """A site that was typed in sends the browser on: of that the browser says only that the user wanted it."""
    guard.opened = opened
    params = {"ResourceType": "image", "ResourceId.1": "m-localnewamd64", "Tag.1.Key": "planted", "Tag.1.Value": "x"}
    evil.redirect = f"{cloud.url}/?{urlencode(signed_query('GET', 'TagResources', **params))}"
    before = state(cloud)
    browse(f"http://127.0.0.1:{evil.port}/evil/redirect")
    limit = time.monotonic() + PATIENCE
    while state(cloud) == before if opened else not guard.refused:
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.05)
    assert (state(cloud) == before) is not opened

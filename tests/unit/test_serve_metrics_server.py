"""Metrics and states of ``goldrun serve``: what they say, and to whom."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from typing import Any

import pytest

from goldrun.clock import SystemClock
from goldrun.errors import UsageError
from goldrun.serve import metrics_server
from goldrun.serve.metrics_server import Address, parse_address, start_metrics_server


def ask(port: int, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def serve(token: str = "", **given: Any) -> int:
    whole = {"metrics": lambda: b"goldrun_leader 1\n", "healthy": list, "ready": list, **given}
    return start_metrics_server(Address("127.0.0.1", 0), token, clock=SystemClock(), **whole)


def test_the_states_say_what_is_wrong() -> None:
    wrong: list[str] = []
    port = serve(healthy=lambda: wrong, ready=lambda: ["spot"])
    assert ask(port, "/healthz") == (200, "ok\n")
    wrong.append("ubuntu-spot")
    assert ask(port, "/healthz") == (503, "ubuntu-spot\n")
    assert ask(port, "/readyz") == (503, "spot\n")
    assert ask(port, "/")[0] == 404
    assert ask(port, "/metrics/../etc")[0] == 404


def test_a_web_page_with_a_name_of_its_own_learns_nothing() -> None:
    port = serve()
    for name in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
        assert ask(port, "/metrics", host=name)[0] == 403
    for name in ("localhost", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert ask(port, "/metrics", host=name)[0] == 200


def test_metrics_need_the_token() -> None:
    port = serve(token="a-token")
    assert ask(port, "/metrics")[0] == 401
    assert ask(port, "/metrics", authorization="Bearer another")[0] == 401
    assert ask(port, "/metrics", authorization="Bearer a-token") == (200, "goldrun_leader 1\n")
    assert ask(port, "/healthz")[0] == 200


def test_an_address_that_others_reach_needs_a_token() -> None:
    with pytest.raises(UsageError, match="need a token: others reach that address"):
        start_metrics_server(Address("0.0.0.0", 0), "", bytes, list, list, SystemClock())
    port = start_metrics_server(Address("0.0.0.0", 0), "a-token", lambda: b"", list, list, SystemClock())
    assert ask(port, "/metrics", host="server.example", authorization="Bearer a-token")[0] == 200


def test_an_address_that_is_taken_is_told() -> None:
    with pytest.raises(UsageError, match="cannot be listened on"):
        start_metrics_server(Address("127.0.0.1", serve()), "", bytes, list, list, SystemClock())


def test_it_listens_on_version_6_of_the_protocol_too() -> None:
    port = start_metrics_server(Address("::1", 0), "", lambda: b"goldrun_leader 1\n", list, list, SystemClock())
    connection = http.client.HTTPConnection("::1", port, timeout=20)
    connection.request("GET", "/metrics")
    assert connection.getresponse().status == 200
    connection.close()


def test_many_who_say_nothing_keep_nobody_out_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each had a thread for as long as it sent a byte now and then."""
    monkeypatch.setattr(metrics_server, "MOST_AT_ONCE", 4)
    monkeypatch.setattr(metrics_server, "ANSWER_SECONDS", 0.5)
    port, before = serve(), threading.active_count()
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for one in silent:
        with contextlib.suppress(OSError):
            one.sendall(b"G")
    assert threading.active_count() <= before + 4
    for _ in range(200):
        try:
            assert ask(port, "/healthz") == (200, "ok\n")
            break
        except (OSError, http.client.HTTPException):
            for one in silent:
                with contextlib.suppress(OSError):
                    one.sendall(b"E")  # slowly, and never to an end
            time.sleep(0.05)
    else:
        pytest.fail("it is not answered")
    for one in silent:
        one.close()


def test_who_gets_no_thread_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each took one of the places until the server's end."""
    monkeypatch.setattr(metrics_server, "MOST_AT_ONCE", 2)
    port = serve()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("no more threads")))
        for _ in range(4):
            with pytest.raises((OSError, http.client.HTTPException)):
                ask(port, "/healthz")
    assert ask(port, "/healthz") == (200, "ok\n")


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:1", ("::1", 1)), ("localhost:0", ("localhost", 0))],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "9464", ":9464", "host", "host:", "host:x", "host:99999", "host:-1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="is not an address"):
        parse_address(text)

"""HTTP/1.1 over a pair of sockets: what comes, in whatever pieces, is read as RFC 9112 says, or refused."""

from __future__ import annotations

import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldrun.http.http1 import MAX_BODY_BYTES, Answer, Connection, ProtocolError, TooLargeError


def exchange(
    answer: bytes, *, cut: list[int] | None = None, close: bool = True, most: int = MAX_BODY_BYTES
) -> tuple[Answer, Connection]:
    ours, theirs = socket.socketpair()

    def speak() -> None:
        theirs.recv(65536)
        start = 0
        for end in [*sorted(cut or []), len(answer)]:
            theirs.sendall(answer[start:end])
            start = max(start, end)
        if close:
            theirs.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=speak)
    thread.start()
    connection = Connection(ours, most)
    try:
        return connection.exchange("POST", "/?a=b", {"host": "h"}, lambda: 5.0), connection
    finally:
        thread.join()
        theirs.close()
        ours.close()


BODY = b'{"RequestId": "r"}'
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 18\r\n\r\n" + BODY
CHUNKED = (
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"Re\r\nE;x=y\r\nquestId": "r"}\r\n0\r\nT: x\r\n\r\n'
)
TO_END = b"HTTP/1.0 200 OK\r\n\r\n" + BODY


@pytest.mark.parametrize(("answer", "reusable"), [(LENGTH, True), (CHUNKED, True), (TO_END, False)])
def test_the_three_ways_to_end_a_body(answer: bytes, reusable: bool) -> None:
    got, connection = exchange(answer)
    assert (got.status, got.body, connection.reusable) == (200, BODY, reusable)


@given(st.sampled_from([LENGTH, CHUNKED, TO_END]), st.data())
def test_an_answer_may_arrive_in_any_pieces(answer: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(answer)), max_size=5))
    assert exchange(answer, cut=cuts)[0].body == BODY


@given(st.sampled_from([LENGTH, CHUNKED]), st.data())
def test_a_truncated_answer_is_never_taken_for_complete(answer: bytes, data: st.DataObject) -> None:
    # The last line end of the trailers may be missing no more than any other byte.
    with pytest.raises(ProtocolError):
        exchange(answer[: data.draw(st.integers(0, len(answer) - 1))])


@given(st.binary(max_size=200))
def test_every_input_is_answered_or_refused(noise: bytes) -> None:
    with pytest.raises(ProtocolError):
        exchange(noise)


def test_interim_responses_are_skipped() -> None:
    assert (
        exchange(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LENGTH)[0].body == BODY
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
def test_bad_answers_are_refused(answer: bytes) -> None:
    with pytest.raises(ProtocolError):
        exchange(answer)


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED, TO_END])
def test_an_answer_has_the_size_that_is_allowed(answer: bytes) -> None:
    assert exchange(answer, most=len(BODY))[0].body == BODY
    with pytest.raises(TooLargeError, match=f"larger than {len(BODY) - 1} bytes"):
        exchange(answer, most=len(BODY) - 1)


def test_a_line_break_in_a_header_is_never_sent() -> None:
    ours, theirs = socket.socketpair()
    with pytest.raises(ProtocolError, match="line break"):
        Connection(ours).exchange("POST", "/", {"x": "a\r\nEvil: yes"}, lambda: 5.0)
    ours.close()
    assert theirs.recv(100) == b""
    theirs.close()


def test_a_connection_that_promises_to_close_is_not_reused() -> None:
    answer = LENGTH.replace(b"Content-Type", b"Connection: close\r\nContent-Type")
    assert exchange(answer)[1].reusable is False


def test_bytes_after_the_answer_spoil_the_connection() -> None:
    assert exchange(LENGTH + b"HTTP/1.1 200 OK")[1].reusable is False

"""As much of HTTP/1.1 as a client of a JSON API needs: requests and answers over a persistent connection.

``http.client`` imports the e-mail package to read headers, which doubles the start-up time of a look-up
(docs/decisions.md has the figures). Source: RFC 9112.
"""

from __future__ import annotations

from goldrun.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Mapping
    from typing import TypeAlias


MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_LENGTH_DIGITS = 18
RECEIVE_BYTES = 64 * 1024

# Returns the seconds that are left; raises TimeoutError when there are none.
TimeLeft: TypeAlias = "Callable[[], float]"


class ProtocolError(OSError):
    """The answer is not HTTP/1.1, or is cut short."""


class TooLargeError(ProtocolError):
    """The answer is larger than it may be: it will not be smaller the next time."""


class Answer(NamedTuple):
    """An HTTP answer; the headers' names are in lower case."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = {}


class Connection:
    """A connected socket that carries one request after the other."""

    def __init__(self, sock: socket, most: int = MAX_BODY_BYTES) -> None:
        self._socket, self._most = sock, most
        self._received = b""
        self.reusable = True

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], left: TimeLeft, content: bytes = b""
    ) -> Answer:
        """Send a request, and return the answer.

        Raises:
            OSError: the connection broke, the time is up (TimeoutError), or the answer is not HTTP (ProtocolError).
        """
        self._send(method, target, {**headers, "content-length": str(len(content))}, left, content)
        status, fields = self._read_head(left)
        while 100 <= status < 200:
            status, fields = self._read_head(left)
        body = self._read_body(status, fields, left)
        self.reusable = self.reusable and "close" not in fields.get("connection", "").lower() and not self._received
        return Answer(status, fields.get("content-type", "").split(";")[0].strip().lower(), body, fields)

    def tunnel(self, authority: str, headers: Mapping[str, str], left: TimeLeft) -> None:
        """Ask a proxy to connect this connection to ``authority``.

        Raises:
            OSError: as ``exchange``; or the proxy refused.
        """
        self._send("CONNECT", authority, {"host": authority, **headers}, left)
        status, _ = self._read_head(left)
        if not 200 <= status < 300:
            hint = ": it asks for a user name and a password" if status == 407 else ""
            raise ProtocolError(f"the proxy refused to connect to {authority} (HTTP {status}){hint}")

    def closed_by_peer(self) -> bool:
        """Whether the other side has hung up since the last answer."""
        try:
            self._socket.setblocking(False)
            # Before the next request there is nothing to read, neither the end nor a byte.
            self._socket.recv(1)
        except BlockingIOError:
            return False
        except OSError as error:
            # Over TLS an idle connection reports "want read" where a plain one would block.
            return type(error).__name__ != "SSLWantReadError"
        return True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _send(self, method: str, target: str, headers: Mapping[str, str], left: TimeLeft, content: bytes = b"") -> None:
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1:
            raise ProtocolError("a header has a line break in it")
        self._socket.settimeout(left())
        self._socket.sendall(text.encode("latin-1", "strict") + content)

    def _receive(self, left: TimeLeft) -> bytes:
        self._socket.settimeout(left())
        return self._socket.recv(RECEIVE_BYTES)

    def _read_head(self, left: TimeLeft) -> tuple[int, dict[str, str]]:
        """Return the status, and the headers with their names in lower case."""
        block = self._take_before(b"\r\n\r\n", left)
        status_line, *lines = block.decode("latin-1").split("\r\n")
        version, _, rest = status_line.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise ProtocolError(f"not an HTTP answer: {status_line[:60]!r}")
        if version == "HTTP/1.0":
            self.reusable = False
        pairs = (line.partition(":") for line in lines)
        return int(rest[:3]), {name.strip().lower(): value.strip() for name, _, value in pairs}

    def _read_body(self, status: int, headers: Mapping[str, str], left: TimeLeft) -> bytes:
        if status in (204, 304):
            return b""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._read_chunks(left)
        length = headers.get("content-length")
        if length is None:
            return self._read_to_end(left)
        if not length.isdigit() or len(length) > MAX_LENGTH_DIGITS:
            raise ProtocolError("the answer's length is not a number")
        return self._take(int(length), left)

    def _read_to_end(self, left: TimeLeft) -> bytes:
        self.reusable = False
        pieces, size = [self._received], len(self._received)
        self._received = b""
        while piece := self._receive(left):
            pieces.append(piece)
            size += len(piece)
            self._check_size(size)
        self._check_size(size)
        return b"".join(pieces)

    def _read_chunks(self, left: TimeLeft) -> bytes:
        pieces: list[bytes] = []
        whole = 0
        while True:
            size_line = self._take_before(b"\r\n", left).split(b";")[0].strip()
            try:
                size = int(size_line, 16)
            except ValueError:
                raise ProtocolError("a chunk's length is not a number") from None
            whole += size
            self._check_size(whole)
            if size == 0:
                while self._take_before(b"\r\n", left):
                    pass  # trailers, then an empty line
                return b"".join(pieces)
            pieces.append(self._take(size, left))
            self._take_before(b"\r\n", left)

    def _take_before(self, mark: bytes, left: TimeLeft) -> bytes:
        """Return what precedes ``mark``, and remove both from what was received."""
        while mark not in self._received:
            if len(self._received) > MAX_HEAD_BYTES:
                raise ProtocolError("a line or the headers have no end")
            piece = self._receive(left)
            if not piece:
                raise ProtocolError("the server closed the connection in the middle of an answer")
            self._received += piece
        taken, _, self._received = self._received.partition(mark)
        return taken

    def _take(self, size: int, left: TimeLeft) -> bytes:
        self._check_size(size)
        pieces = [self._received]
        missing = size - len(self._received)
        while missing > 0:
            piece = self._receive(left)
            if not piece:
                raise ProtocolError(f"the answer was cut short: {missing} of {size} bytes are missing")
            pieces.append(piece)
            missing -= len(piece)
        received = b"".join(pieces)
        self._received = received[size:]
        return received[:size]

    def _check_size(self, size: int) -> None:
        if size > self._most:
            raise TooLargeError(f"the answer is larger than {self._most} bytes")

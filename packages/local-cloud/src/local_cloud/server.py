"""The APIs and the control API behind HTTP, on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import uvicorn
from msgspec.structs import replace
from starlette.types import Receive, Scope, Send

from goldrun.clock import steady_seconds
from local_cloud import seed
from local_cloud.addresses import GUESTS_HOST, HOST
from local_cloud.catalogue import EVERYWHERE, SYSTEM_ACCOUNT
from local_cloud.clock import LocalClock
from local_cloud.control import PREFIX, Control
from local_cloud.data_file import StoreError
from local_cloud.errors import ApiFault, internal_error
from local_cloud.faults import Faults
from local_cloud.gateway import Gateway, Reply, new_request_id
from local_cloud.github import router
from local_cloud.github.jobs import Jobs
from local_cloud.guard import Guard
from local_cloud.intake import MAX_BODY_BYTES, MAX_HEAD_BYTES, ClientDisconnectedError, PunctualProtocol, read_body
from local_cloud.lifecycle import settle
from local_cloud.machines.qemu import VirtualMachines, base_records
from local_cloud.machines.simulated import REFUSAL, SimulatedRunners
from local_cloud.metadata import Metadata
from local_cloud.oss.endpoint import MAX_OBJECT_BYTES, Endpoint, is_for_oss
from local_cloud.recorder import Recorder
from local_cloud.records import Network
from local_cloud.servers import MainServer, SecureServer
from local_cloud.store import Store
from local_cloud.tls_files import Files

# Followed by an instance's id and path: an instance's requests to 100.100.100.200 are forwarded here.
METADATA_PREFIX = "/_metadata/"
POLL_EVERY = 0.1  # seconds between two answers to a request that waits
# The same for every path: a web page must not learn which paths exist.
REFUSED = Reply(403, {"content-type": "text/plain"}, b"Forbidden\n")

_log = logging.getLogger(__name__)


class LocalCloud:
    """A local cloud: its data file open, ready to serve.

    Attributes:
        token: gives access to the control API; a new one at every start.
    """

    def __init__(
        self,
        data: Path | None,
        *,
        clock: LocalClock | None = None,
        machines: Path | None = None,
        run_jobs_here: bool = False,
    ) -> None:
        """Open the cloud.

        Args:
            data: its file; None: in memory.
            clock: its time; None: the file's clock, resumed, or the computer's time.
            machines: the folder of virtual machines; None: they are simulated.
            run_jobs_here: whether jobs of simulated instances may run: they run on this computer.

        Raises:
            UsageError: the data file is in use, or virtual machines do not work here.
        """
        self.data = data
        self.clock = clock or LocalClock()
        self.store = Store(data, self.clock.now)
        if clock is None and (anchor := self.store.load_anchor()):
            self.clock.resume(anchor, self.store.latest)
        self.store.save_anchor(self.clock.anchor)
        if not any(self.store.all(Network)):
            seed.put_defaults(self.store)
        self.store.put(replace(self.store.settings(), machines=str(machines or "")))
        self._lock = threading.Lock()
        self._virtual_machines = VirtualMachines(machines, self.store, self.clock.now, self._lock) if machines else None
        for base in base_records(machines, self.clock.now(), SYSTEM_ACCOUNT, EVERYWHERE) if machines else ():
            self.store.put(base)
        self.gateway = Gateway(self.store, self.clock, Faults())
        self._oss = Endpoint(self.gateway)
        self._instances = Metadata(self.store, self.clock.wall)
        self.jobs = Jobs(self.store, self.clock)
        self._github: router.Router | None = None
        self._secret = secrets.token_hex(32)
        self._refusal = "" if machines or run_jobs_here else REFUSAL
        self._runners = None if machines else SimulatedRunners(self.store, self._secret)
        self.token = secrets.token_urlsafe(32)
        self._recorder = Recorder()
        self._control = Control(
            self.gateway,
            self.jobs,
            self._recorder,
            os.getpid(),
            str(data or ":memory:"),
            self.stop,
            self.token,
            runs_jobs=not self._refusal,
        )
        self._guard = Guard(GUESTS_HOST) if machines else Guard()
        self._server: uvicorn.Server | None = None

    def serve(
        self,
        listening: socket.socket,
        ready: Callable[[], None] = lambda: None,
        secure: tuple[socket.socket, Files] | None = None,
    ) -> None:
        """Serve until stopped; call ``ready`` when requests are answered and Ctrl-C ends it properly.

        Args:
            listening: where http is answered.
            ready: see above.
            secure: where https is answered, and with which certificate.
        """
        more = SecureServer(self._config(secure[1]), secure[0]) if secure else None
        self._server = MainServer(self._config(), ready, more)
        port = listening.getsockname()[1]
        # Guests, and so runners, use another address for this computer.
        for_clients, for_guests = (f"http://{host}:{port}{router.PREFIX}" for host in (HOST, GUESTS_HOST))
        urls = router.Urls(clients=for_clients, runners=for_guests if self._virtual_machines else for_clients)
        self._github = router.Router(self.jobs, self.gateway.faults, urls, secret=self._secret, refusal=self._refusal)
        if self._virtual_machines:
            self._virtual_machines.start(port)
        try:
            self._server.run(sockets=[listening])
        finally:
            if self._virtual_machines:
                self._virtual_machines.stop()
            if self._runners:
                self._runners.stop()
            self.store.close()

    def _config(self, files: Files | None = None) -> uvicorn.Config:
        return uvicorn.Config(
            self,
            http=PunctualProtocol,
            log_level="error",  # a client's mistakes are reported to the client
            lifespan="off",
            access_log=False,
            server_header=False,
            date_header=False,
            ws="none",
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            ssl_certfile=files.certificate if files else None,
            ssl_keyfile=files.key if files else None,
        )

    def stop(self) -> None:
        """End ``serve``."""
        if self._server:
            self._server.should_exit = True

    @property
    def started(self) -> bool:
        """Return whether ``serve`` accepts requests."""
        return self._server is not None and self._server.started

    def _metadata(self, method: str, path: str, headers: dict[str, str]) -> Reply:
        now = self.clock.now()
        settle(self.store, now)
        instance_id, _, rest = path.partition("/")
        answer = self._instances.handle(instance_id, method, rest, headers, now)
        return Reply(answer.status, {"content-type": "text/plain;charset=utf-8"}, answer.text.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        visit = router.admits_pages(scope["method"], scope["path"])
        if not self._guard.admits(scope["headers"], visit=visit):
            await _send(REFUSED, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method, path, query = scope["method"], scope["path"], scope["query_string"].decode("latin-1")
        try:
            most = MAX_OBJECT_BYTES if is_for_oss(path, headers) else MAX_BODY_BYTES
            body = await read_body(query, headers, receive, most)
            reply = self.answer(method, path, query, headers, body)
            if reply.again:
                reply = await self._answer_later(reply, reply.again, receive)
                self._recorder.note(self.clock.now(), method, path, query, headers, body, reply)
        except ClientDisconnectedError:
            return
        except Exception as error:  # noqa: BLE001 - any defect must be logged, and must not end the server
            reply = self._explain(method, path, query, headers, error)
        if reply.hold is not None:
            await _hold(reply.hold, receive)
            reply = Reply(504, {"content-type": "text/html"}, b"<html><body>504 Gateway Time-out</body></html>")
        # After the work: no moment in the answer is in the future.
        await _send(reply, send, self.clock.headers())

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer one request of an admitted program, over HTTP or not; whatever happens, there is an answer.

        Args:
            method: HTTP's.
            path: without the query.
            query: raw.
            headers: names in lower case.
            body: as received.
        """
        try:
            with self._lock:
                return self._answer(method, path, query, headers, body)
        except Exception as error:  # noqa: BLE001 - any defect must be logged, and must not end the server
            return self._explain(method, path, query, headers, error)

    def poll(self, again: Callable[[], Reply]) -> Reply:
        """Return the present answer to a request that waits; ``again`` answers it."""
        with self._lock:
            if self._runners:
                self._runners.tend(self.clock.now())
            return again()

    def _explain(self, method: str, path: str, query: str, headers: dict[str, str], error: Exception) -> Reply:
        """Return the answer to a request that has failed."""
        request_id = new_request_id()
        if isinstance(error, ApiFault):
            fault = error
        elif isinstance(error, StoreError):
            fault = ApiFault(503, "ServiceUnavailable", f"{error.what} {error.why[0]}")
        else:
            _log.error("a defect of the local cloud, answered as request %s", request_id, exc_info=error)
            fault = internal_error()
        return self._refuse(method, path, query, headers, fault, request_id)

    async def _answer_later(self, reply: Reply, again: Callable[[], Reply], receive: Receive) -> Reply:
        """Answer when the status changes, or when the patience ends.

        Raises:
            ClientDisconnectedError: the client has disconnected.
        """
        limit = steady_seconds() + reply.patience
        disconnected = asyncio.ensure_future(receive())
        try:
            while steady_seconds() < limit:
                if (await asyncio.wait([disconnected], timeout=POLL_EVERY))[0]:
                    raise ClientDisconnectedError
                later = self.poll(again)
                if later.status != reply.status:
                    return later
        finally:
            disconnected.cancel()
        return reply

    def _answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        """Handle one request at a time, and not while virtual machines are updated: the store is not thread-safe."""
        if path.startswith(PREFIX):
            return self._control.handle(method, path, headers, body)
        if self._runners:
            self._runners.tend(self.clock.now())
        if path.startswith(METADATA_PREFIX):
            return self._metadata(method, path.removeprefix(METADATA_PREFIX), headers)
        at = self.clock.now()
        reply = self._perform(method, path, query, headers, body)
        if not reply.again:
            self._recorder.note(at, method, path, query, headers, body, reply)
        return reply

    def _perform(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        if self._github and (github_path := router.path_at_github(path)) is not None:
            return self._github.handle(method, github_path, query, headers, body)
        if is_for_oss(path, headers):
            return self._oss.handle(method, path, query, headers, body)
        return self.gateway.handle(method, path, query, headers, body)

    def _refuse(
        self, method: str, path: str, query: str, headers: dict[str, str], fault: ApiFault, request_id: str
    ) -> Reply:
        """Return the error in the form of the requested endpoint."""
        if path.startswith(PREFIX):
            return self._control.refuse(fault)
        if self._github and router.path_at_github(path) is not None:
            return self._github.refuse(fault.status, fault.message, request_id)
        if path.startswith(METADATA_PREFIX):
            return Reply(fault.status, {"content-type": "text/plain;charset=utf-8"}, fault.message.encode())
        if is_for_oss(path, headers):
            return self._oss.refuse(method, headers, fault, request_id)
        return self.gateway.refuse(query, headers, fault, request_id)


async def _send(reply: Reply, send: Send, more: Mapping[str, str] | None = None) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [
                *(
                    (name.encode(), value.encode("latin-1"))  # as they are read
                    for name, value in {**reply.headers, **(more or {})}.items()
                ),
                *(() if "content-length" in reply.headers else ((b"content-length", str(len(reply.body)).encode()),)),
            ],
        }
    )
    await send({"type": "http.response.body", "body": reply.body})


async def _hold(seconds: float, receive: Receive) -> None:
    """Wait, without an answer, until the client disconnects or ``seconds`` have passed."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass

"""The two servers of one local cloud: http, and https beside it."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn


class MainServer(uvicorn.Server):
    """Reports when it has started, its signal handlers installed; serves https beside itself."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], secure: SecureServer | None) -> None:
        super().__init__(config)
        self._ready = ready
        self._secure = secure

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, https first."""
        if self._secure:
            await self._secure.begin()
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, https first."""
        if self._secure:
            await self._secure.end()
        await super().shutdown(sockets)


class SecureServer(uvicorn.Server):
    """Serves https from the start to the end of another server, which receives the signals."""

    def __init__(self, config: uvicorn.Config, listening: socket.socket) -> None:
        super().__init__(config)
        self._sockets = [listening]

    async def begin(self) -> None:
        """Start, without handlers of signals."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(self._sockets)

    async def end(self) -> None:
        """Stop."""
        await self.shutdown(self._sockets)

"""Sockets that listen on the loopback alone."""

from __future__ import annotations

import socket

from goldrun.errors import UsageError
from local_cloud.addresses import HOST


def listen(port: int) -> socket.socket:
    """Return a socket that listens on ``port`` of the loopback (0: a free one).

    Raises:
        OSError: the port is in use.
    """
    # The protocol is set explicitly: otherwise asyncio does not switch off Nagle's delay.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening


def require_listening(port: int) -> socket.socket:
    """As ``listen``.

    Raises:
        UsageError: the port cannot be used.
    """
    try:
        return listen(port)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "There is no such port"
        raise UsageError(
            f"Port {port} cannot be used.", why=[f"{reason}."], fix=["name another: --port N (0: a free one)"]
        ) from error

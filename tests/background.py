"""HTTP servers of Python's library that serve beside a test."""

from __future__ import annotations

import threading
from socketserver import BaseServer

POLL_SECONDS = 0.02  # how late ``shutdown`` returns; half a second by default


def serve_in_background(server: BaseServer) -> threading.Thread:
    """Serve until ``shutdown``, and return the thread that does."""
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    return thread

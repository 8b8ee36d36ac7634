"""Pages that a command needs a person to visit."""

from __future__ import annotations

import os
import sys

from goldrun.cli import output


def open_page(url: str) -> None:
    """Tell a page's address, and open it where there is a screen."""
    output.note(f"open this page in your browser: {url}")
    if os.environ.get("SSH_CONNECTION") and "//127.0.0.1:" in url:
        port = url.partition("//127.0.0.1:")[2].partition("/")[0]
        output.note(f"it is on this computer: from yours, ssh -L {port}:127.0.0.1:{port} leads there.")
    elif sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        import webbrowser

        webbrowser.open(url)

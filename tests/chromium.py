"""A real Chromium, told what to do over its own protocol (Chrome DevTools), by pipes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
needs_chromium = pytest.mark.skipif(
    not CHROMIUM and not os.environ.get("GOLDRUN_TEST_BROWSER"),
    reason="Chromium is not installed: apt-get install chromium",
)
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--disable-default-apps", "--password-store=basic", "--no-proxy-server"),
]
PATIENCE = 120.0


class LeftError(AssertionError):
    """The page was left while it was asked."""


class Tab:
    """One tab."""

    def __init__(self, to: IO[bytes], back: IO[bytes]) -> None:
        self._to, self._back, self._number, self._session = to, back, 0, ""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def open(self, url: str) -> None:
        """Go to an address."""
        self._ask("Page.navigate", url=url)

    def click(self, selector: str) -> None:
        """Click, as soon as it is there."""
        self.wait(f"document.querySelector({json.dumps(selector)}) !== null")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def run(self, script: str) -> Any:
        """Run a script in the page, and return its value."""
        return self._ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a condition holds."""
        limit = time.monotonic() + PATIENCE
        while not self._holds(condition):
            assert time.monotonic() < limit, (condition, self.run("document.documentElement.outerHTML"))
            time.sleep(0.1)

    def _holds(self, condition: str) -> bool:
        try:
            return self.run(condition) is True
        except LeftError:
            return False

    def framed(self) -> str:
        """Return what another site's frame shows, as soon as it is there."""
        limit = time.monotonic() + PATIENCE
        while True:
            for target in self._ask("Target.getTargets")["targetInfos"]:
                if target["type"] == "iframe" and target["url"]:
                    return self._text_of(target["targetId"])
            assert time.monotonic() < limit, "the frame shows nothing"
            time.sleep(0.1)

    def _text_of(self, target: str) -> str:
        mine, self._session = self._session, ""
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.wait("document.readyState === 'complete'")
        text = self.run("document.documentElement.innerText")
        self._session = mine
        return str(text)

    def _ask(self, method: str, **params: Any) -> Any:
        self._number += 1
        asked = {"id": self._number, "method": method, "params": params}
        if self._session:
            asked["sessionId"] = self._session
        self._to.write(json.dumps(asked).encode() + b"\0")
        self._to.flush()
        while True:
            answer = json.loads(self._message())
            if answer.get("id") == self._number:
                if "navigated" in answer.get("error", {}).get("message", ""):
                    raise LeftError(method, answer)
                assert "error" not in answer, (method, answer)
                return answer["result"]

    def _message(self) -> bytes:
        found = bytearray()
        while (byte := self._back.read(1)) != b"\0":
            assert byte, "Chromium has ended"
            found += byte
        return bytes(found)


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    """Start one, with a new profile in this folder."""
    assert CHROMIUM, "Chromium is not installed"
    with surroundings() as env, _started(folder, env) as tab:
        yield tab


@contextlib.contextmanager
def surroundings() -> Iterator[dict[str, str]]:
    """Its environment, with a folder for what it leaves: a socket among it, whose path has to be short."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        yield {**os.environ, "TMPDIR": temporary}


@contextlib.contextmanager
def _started(folder: Path, env: dict[str, str]) -> Iterator[Tab]:
    (here_in, there_out), (there_in, here_out) = os.pipe(), os.pipe()
    # It reads from 3 and writes to 4.
    shell = ["bash", "-c", f'exec "$@" 3<&{there_in} 4>&{there_out} {there_in}<&- {there_out}>&-', "chromium"]
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [*shell, CHROMIUM, *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder / 'chromium'}"],
            pass_fds=(there_in, there_out),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    os.close(there_in)
    os.close(there_out)
    try:
        with os.fdopen(here_out, "wb") as to, os.fdopen(here_in, "rb", buffering=0) as back:
            yield Tab(to, back)
    finally:
        process.terminate()
        process.wait(30)

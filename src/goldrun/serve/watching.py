"""Runs a server until it is interrupted, and follows its configuration file."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

from goldrun.clock import Clock
from goldrun.errors import GoldrunError
from goldrun.report import Report
from goldrun.serve.loading import load
from goldrun.serve.retries import Retries
from goldrun.serve.scale_set_spec import ScaleSetSpec, scale_set_specs
from goldrun.serve.server import Server
from goldrun.waiting import every, looks

LOOK_SECONDS = 2.0


def run(server: Server, file: Path, clock: Clock, report: Report, ready: Callable[[], None] = lambda: None) -> None:
    """Serve the configuration until KeyboardInterrupt; read it again when it has changed, or on SIGHUP.

    A change that is not valid is reported, and the server goes on as before; one that cannot be begun is tried again.

    Args:
        server: the server.
        file: the configuration, checked before.
        clock: the clock to wait on.
        report: receives a sentence about what happens.
        ready: called when the work has begun.
    """
    hung_up, retries = _HangUp(), Retries(file.name, clock, report)
    current, sets, begun = _read(file), _sets(file), True
    server.serve(sets)
    ready()
    try:
        for _ in looks(clock, often=every(LOOK_SECONDS)):
            server.tidy()
            text = _read(file)
            if hung_up.take() or text not in (current, None):
                current = text
                try:
                    sets, begun = _sets(file), False
                except GoldrunError as error:
                    report(f"{error.what} The server goes on as before.")
                    continue
                except Exception as error:  # noqa: BLE001 - a file that somebody edits must not end a server
                    report(f"{file} cannot be read: {error!r} is a defect of goldrun. The server goes on as before.")
                    continue
                report(f"{file} has changed.")
            if not begun:
                begun = not retries.attempt("begin", partial(server.serve, sets))
    except KeyboardInterrupt:
        report("ending: instances and jobs go on, for another server.")
    finally:
        server.stop()


class _HangUp:
    """Remembers SIGHUP."""

    def __init__(self) -> None:
        self._came = False
        signal.signal(signal.SIGHUP, self._note)

    def take(self) -> bool:
        came, self._came = self._came, False
        return came

    def _note(self, _: int, __: FrameType | None) -> None:
        self._came = True


def _read(file: Path) -> str | None:
    """Return the file's text; None while it cannot be read: an editor may be replacing it."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _sets(file: Path) -> list[ScaleSetSpec]:
    return scale_set_specs(load(file), file.parent)

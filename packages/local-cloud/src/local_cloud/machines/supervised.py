"""Processes that represent instances: they end with the local cloud, even if it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_cloud.machines import supervisor


class Supervised:
    """A command under a supervisor, which ends it and its descendants when this process ends."""

    def __init__(
        self, command: Sequence[str], log: Path, *, home: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Start ``command``.

        Args:
            command: the program and its arguments.
            log: the file for its output.
            home: a folder of its own, in which it runs, and which is removed after it; None: it runs in this process's.
            env: its environment; None: this process's.
        """
        with log.open("wb") as output:
            # In another session: Ctrl-C goes to the server, which ends its instances in order.
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, str(home or ""), *command],
                env=env,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Return whether it is running."""
        return self._supervisor.poll() is None

    def interrupt(self) -> None:
        """Send it SIGINT."""
        self._supervisor.send_signal(signal.SIGINT)

    def end(self) -> None:
        """End it and its descendants; return when all of them have ended."""
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.close()
        self._supervisor.wait()

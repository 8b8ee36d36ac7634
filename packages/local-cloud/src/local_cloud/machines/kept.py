"""Processes that stand for machines: they end with the local cloud, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_cloud.machines import warden


class Kept:
    """A command that runs under a warden, which ends it with all that it has started when this process ends."""

    def __init__(
        self, command: Sequence[str], log: Path, *, folder: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Start ``command``.

        Args:
            command: its words.
            log: the file for what it says.
            folder: where it runs; None: here.
            env: its environment; None: ours.
        """
        with log.open("wb") as output:
            # In a session of its own: Ctrl-C is for the server, which ends its machines in order.
            self._warden = subprocess.Popen(
                [sys.executable, "-I", "-S", warden.__file__, *command],
                cwd=folder,
                env=env,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._warden.poll() is None

    def interrupt(self) -> None:
        """Send it SIGINT."""
        self._warden.send_signal(signal.SIGINT)

    def end(self) -> None:
        """End it at once; return when it is gone, and all that it has started."""
        assert self._warden.stdin is not None
        self._warden.stdin.close()
        self._warden.wait()

"""``goldrun-garm-provider``: GARM calls it once for each command. docs/scale-out.md explains the set-up."""

from __future__ import annotations

import os
import sys

from goldrun import interrupts, stdio
from goldrun.clock import SystemClock
from goldrun.errors import EXIT_INTERRUPTED, GoldrunError
from goldrun.garm import contract, provider
from goldrun.garm.hints import for_operators


def run() -> None:
    """Answer the call in the environment, and exit with its code."""
    sys.exit(_run())


def _run() -> int:
    interrupts.end_once()
    env = os.environ
    stdin = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    try:
        provider.answer(env, stdin, SystemClock(), _say)
    except GoldrunError as error:
        # Nothing on stdout: the engine shows what a failed provider printed there too, before the reason.
        stdio.to_stderr(f"error: {for_operators(str(error))}")
        return error.exit_code if error.exit_code in (contract.EXIT_NOT_FOUND, contract.EXIT_DUPLICATE) else 1
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def _say(text: str) -> None:
    """Print for GARM to read."""
    with stdio.required():
        print(text)  # noqa: T201 - its contract


if __name__ == "__main__":
    run()

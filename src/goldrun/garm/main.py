"""``goldrun-garm-provider``: GARM calls it once for each command. docs/scale-out.md explains the set-up.

What a command needs is imported when it is known: answers about the provider itself take no longer than Python's start.
"""

from __future__ import annotations

import os
import sys

from goldrun import __version__


def run() -> None:
    """Answer the call in the environment, and exit with its code."""
    sys.exit(_answer_version() if os.environ.get("GARM_COMMAND") == "GetVersion" else _run())


def _answer_version() -> int:
    try:
        print(f"v{__version__}", flush=True)  # noqa: T201 - the contract
    except (OSError, ValueError):
        return 1
    return 0


def _run() -> int:
    from goldrun import interrupts, stdio
    from goldrun.clock import SystemClock
    from goldrun.errors import EXIT_INTERRUPTED, GoldrunError
    from goldrun.garm import answering, contract
    from goldrun.garm.hints import for_operators

    interrupts.end_once()
    stdin = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    try:
        answering.answer(os.environ, stdin, SystemClock(), _say)
    except GoldrunError as error:
        # Nothing on stdout: the engine shows what a failed provider printed there too, before the reason.
        stdio.to_stderr(f"error: {for_operators(str(error))}")
        return error.exit_code if error.exit_code in (contract.EXIT_NOT_FOUND, contract.EXIT_DUPLICATE) else 1
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def _say(text: str) -> None:
    """Print for GARM to read."""
    from goldrun import stdio

    with stdio.required():
        print(text)  # noqa: T201 - its contract


if __name__ == "__main__":
    run()

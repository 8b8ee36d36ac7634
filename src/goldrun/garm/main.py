"""``goldrun-garm-provider``: called by GARM, once for every command. docs/scale-out.md says how it is set up."""

from __future__ import annotations

import os
import sys

from goldrun import interrupts
from goldrun.clock import SystemClock
from goldrun.errors import EXIT_INTERRUPTED, GoldrunError
from goldrun.garm import contract, provider


def run() -> None:
    """Answer the call in the environment, and leave with its exit code."""
    sys.exit(_run())


def _run() -> int:
    interrupts.end_once()
    env = os.environ
    stdin = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    try:
        told = provider.answer(env, stdin, SystemClock())
    except GoldrunError as error:
        if told := provider.failure(env, stdin, error):
            print(told)  # noqa: T201 - what GARM reads
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - what GARM logs
        return error.exit_code if error.exit_code in (contract.EXIT_NOT_FOUND, contract.EXIT_DUPLICATE) else 1
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    if told:
        print(told)  # noqa: T201 - what GARM reads
    return 0


if __name__ == "__main__":
    run()

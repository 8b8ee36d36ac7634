"""What the scripts of `.github/scripts` have in common: errors for people, the step's output, one line on stdout.

Standard library alone: the scripts run inside other people's jobs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from goldrun import interrupts, workflow
from goldrun.config import Environment
from goldrun.errors import EXIT_INTERRUPTED, EXIT_OK, GoldrunError

Work = Callable[[Environment], str]


def run(output: str, work: Work) -> int:
    """Do the work, and print ``OUTPUT=value``.

    Args:
        output: the name of the value, also as a step's output.
        work: makes the value.

    Returns:
        The exit code.
    """
    env = os.environ
    interrupts.end_once()
    try:
        value = work(env)
        workflow.write_output(env, output, value)
    except GoldrunError as error:
        print(workflow.describe_error(env, error), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    print(f"{output}={value}")
    return EXIT_OK


def tell(words: str) -> None:
    """Say something to the person."""
    print(f"note: {words}", file=sys.stderr)

"""What the scripts of `.github/scripts` share: errors for people, the step's output, lines on stdout.

Standard library alone: the scripts run inside other people's jobs.
"""

from __future__ import annotations

import os
import sys

from goldrun import interrupts, language, stdio, workflow
from goldrun.config import Environment
from goldrun.errors import EXIT_DEFECT, EXIT_INTERRUPTED, EXIT_OK, GoldrunError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn


def run(work: Callable[[Environment], None], arguments: Sequence[str], about: str) -> int:
    """Do the work, and print its error.

    Args:
        work: what the script does.
        arguments: what it was called with; it takes none but ``--help``.
        about: what ``--help`` prints.

    Returns:
        The exit code.
    """
    env = os.environ
    interrupts.end_once()
    try:
        if any(word in ("-h", "--help") for word in arguments):
            with stdio.whole():
                print(about.strip())
            return EXIT_OK
        if arguments:
            raise UsageError(
                f"This script takes no arguments: {' '.join(arguments)!r}.", fix=["set variables; --help names them."]
            )
        work(env)
    except GoldrunError as error:
        stdio.to_stderr(workflow.describe_error(env, error))
        return error.exit_code
    except KeyboardInterrupt:
        stdio.to_stderr(language.say(env, "interrupted"))
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - Python would exit with 1, which means that there is no such image
        return report_defect(env, error)
    return EXIT_OK


def report_defect(env: Environment, error: Exception) -> int:
    """Print what nobody foresaw, and return its exit code."""
    import traceback

    stdio.to_stderr("".join(traceback.format_exception(error)).rstrip())
    words = "this is a defect of goldrun; please report it, with the lines above."
    stdio.to_stderr(language.say(env, f"error: {words}"))
    return EXIT_DEFECT


def leave(code: int) -> NoReturn:
    """End the process at once: Python would take apart all that was imported, a tenth of a look-up's time."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stdio.flush(stream)
    os._exit(code)


def result(env: Environment, name: str, value: str, *more: str) -> None:
    """Write the result: ``name=value`` on stdout and as a step's output, then ``more`` lines on stdout.

    Raises:
        OutputError: the result could not be written.
    """
    workflow.write_output(env, name, value)
    with stdio.required():
        for line in (f"{name}={value}", *more):
            print(line)


def note(words: str) -> None:
    """Print a note for people."""
    stdio.to_stderr(workflow.shown(os.environ, workflow.legible(language.say(os.environ, f"note: {words}"))))

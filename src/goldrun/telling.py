"""How a result reaches the caller: on stdout and as a step's outputs. It arrives whole, or that is an error.

An instance whose id was lost costs money, and nobody knows of it. Whoever makes one calls ``require_open`` before, and
tells the id where a failure still undoes the work (``deliver`` of ``launch``).

Standard library alone: the seed's scripts run inside other people's jobs.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from goldrun import config, workflow
from goldrun.config import Environment
from goldrun.errors import UntoldError

if TYPE_CHECKING:
    from goldrun.http.trace import Trace


class ReaderGoneError(UntoldError):
    """Nobody reads the result any more."""


def require_open(env: Environment) -> None:
    """See that there is somebody to tell, before something is made.

    Raises:
        UntoldError: stdout is closed, or the step's outputs cannot be written.
    """
    _require_stdout()
    workflow.require_outputs(env)


@contextlib.contextmanager
def whole() -> Iterator[None]:
    """What is written to stdout inside arrives there.

    Raises:
        UntoldError: stdout is closed, or does not take it (a full disk).
        ReaderGoneError: the reader has gone, which is how ``| head`` ends a listing.
    """
    _require_stdout()
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        _give_up(sys.stdout)
        kind = ReaderGoneError if isinstance(error, BrokenPipeError) else UntoldError
        raise kind("The result could not be written to stdout.", why=[f"{error.strerror}."]) from error


@contextlib.contextmanager
def required() -> Iterator[None]:
    """As ``whole``, where a reader that has gone is an error too: it was to be told what was made.

    Raises:
        UntoldError: stdout did not take it.
    """
    try:
        with whole():
            yield
    except ReaderGoneError as error:
        raise UntoldError(error.what, why=error.why) from error


def aside(words: str) -> None:
    """Say something to the person, on stderr; whether anybody listens makes no difference to the work."""
    try:
        print(words, file=sys.stderr, flush=True)
    except OSError:
        _give_up(sys.stderr)


def trace(env: Environment, *, wanted: bool = False) -> Trace | None:
    """Where to write down every request, retry and pause: on stderr; None if nobody asks for it.

    Args:
        env: the environment; it may ask for it (GOLDRUN_DEBUG, RUNNER_DEBUG), and its secrets are masked.
        wanted: it is wanted whatever the environment says.
    """
    if not (wanted or config.wants_debug(env)):
        return None
    from goldrun.http.trace import Trace

    return Trace(lambda line: aside(workflow.shown(env, f"debug: {line}")), config.secrets_in(env))


def _require_stdout() -> None:
    # Python has no stdout at all when it was started with a closed one, whatever its type says.
    if getattr(sys, "stdout", None) is None:
        raise UntoldError("The result cannot be written: stdout is closed.")


def _give_up(stream: TextIO) -> None:
    """Let Python's own last attempt to write, at exit, succeed: it would change the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)

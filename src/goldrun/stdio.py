"""Writes results for the caller: on stdout and as a step's outputs. They are written completely, or it is an error.

An instance whose id was lost costs money unnoticed. Code that creates one calls ``require_open`` before, and writes the
id while a failure still undoes the work (``deliver`` of ``launch``).

Standard library alone: the seed's scripts run inside other people's jobs.
"""

from __future__ import annotations

import os
import sys

from goldrun import config, workflow
from goldrun.config import Environment
from goldrun.errors import OutputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import TextIO

    from goldrun.http.trace import Trace


class ReaderGoneError(OutputError):
    """The reader of stdout has gone."""


def require_open(env: Environment) -> None:
    """Check that results can be written, before anything is created.

    Raises:
        OutputError: stdout is closed, or the step's outputs cannot be written.
    """
    _require_stdout()
    workflow.require_outputs(env)


def whole() -> AbstractContextManager[None]:
    """Ensure that everything written to stdout in this block arrives.

    Raises:
        OutputError: stdout is closed, or cannot be written (a full disk).
        ReaderGoneError: the reader has gone, which is how ``| head`` ends a listing.
    """
    return _Whole(ReaderGoneError)


def required() -> AbstractContextManager[None]:
    """As ``whole``, but a reader that has gone is an error too: the result names what was created.

    Raises:
        OutputError: stdout could not be written.
    """
    return _Whole(OutputError)


class _Whole:
    """A block of output; a class, as ``contextlib`` takes long to import."""

    def __init__(self, reader_gone: type[OutputError]) -> None:
        self._reader_gone = reader_gone

    def __enter__(self) -> None:
        _require_stdout()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            try:
                sys.stdout.flush()
            except OSError as failed:
                error = failed
        if isinstance(error, ReaderGoneError):  # of a block in this one
            raise self._reader_gone(error.what, why=error.why) from error
        if isinstance(error, OSError):
            give_up(sys.stdout)
            kind = self._reader_gone if isinstance(error, BrokenPipeError) else OutputError
            raise kind("The result could not be written to stdout.", why=[f"{error.strerror}."]) from error


def to_stderr(words: str) -> None:
    """Print a message for people on stderr; a closed stderr does not affect the work."""
    # Python sets it to None then, which to ``print`` means stdout.
    if getattr(sys, "stderr", None) is None:
        return
    try:
        print(words, file=sys.stderr, flush=True)
    except OSError:
        give_up(sys.stderr)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; one that is closed is none."""
    return stream is not None and not stream.closed and stream.isatty()


def flush(stream: TextIO) -> None:
    """Write what a stream still holds; its reader may have gone."""
    try:
        stream.flush()
    except OSError:
        give_up(stream)


def trace(env: Environment, *, wanted: bool = False) -> Trace | None:
    """Return the trace of every request, retry and pause on stderr; None if it is not requested.

    Args:
        env: the environment; it may request a trace (GOLDRUN_DEBUG, RUNNER_DEBUG), and its secrets are masked.
        wanted: trace regardless of the environment.
    """
    if not (wanted or config.wants_debug(env)):
        return None
    from goldrun.http.trace import Trace

    return Trace(lambda line: to_stderr(workflow.shown(env, f"debug: {line}")), config.secrets_in(env))


def _require_stdout() -> None:
    # Python sets stdout to None when it was started with a closed one; its type does not say so.
    if getattr(sys, "stdout", None) is None:
        raise OutputError("The result cannot be written: stdout is closed.")


def give_up(stream: TextIO) -> None:
    """Let Python's own flush at exit succeed: its failure would change the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)

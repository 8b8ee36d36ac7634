"""An interrupt ends the work wherever it arrives, and leaves the clean-up alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, time, weakref
from goldrun import interrupts

class Thing:
    def __del__(self):
        {finalizer}

def interrupt(_=None):
    os.kill(os.getpid(), signal.{signal})
    sum(range(1000))  # the handler runs between two instructions of this function

signal.signal(signal.SIGHUP, {hang_up})  # under nohup it is ignored
interrupts.end_once()
try:
    {work}
    time.sleep(20)
    print("was not interrupted")
except KeyboardInterrupt:
    interrupt()
    print("cleaned up")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize(
    ("work", "finalizer"),
    [
        ("interrupt()", "pass"),
        ("thing = Thing(); watch = weakref.ref(thing, interrupt); del thing", "pass"),
        ("thing = Thing(); del thing", "interrupt()"),
    ],
    ids=["in plain code", "in a weak reference's callback", "in a finalizer"],
)
def test_an_interrupt_ends_the_work_once(name: str, work: str, finalizer: str) -> None:
    program = PROGRAM.format(signal=name, work=work, finalizer=finalizer, hang_up="signal.SIG_DFL")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("cleaned up\n", "")


def test_other_lost_exceptions_are_still_reported() -> None:
    program = PROGRAM.format(
        signal="SIGINT", work="thing = Thing(); del thing; interrupt()", finalizer="1 / 0", hang_up="signal.SIG_DFL"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "cleaned up\n"
    assert "ZeroDivisionError" in done.stderr


def test_under_nohup_a_closed_terminal_ends_nothing() -> None:
    work = "os.kill(os.getpid(), signal.SIGHUP); print('goes on'); interrupt()"
    program = PROGRAM.format(signal="SIGTERM", work=work, finalizer="pass", hang_up="signal.SIG_IGN")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("goes on\ncleaned up\n", "")


def test_what_could_not_be_cleaned_up_is_told_after_an_interrupt() -> None:
    """The option parser raises an exception of its own, which has no notes."""
    program = """
import click
from goldrun.cli.main import run_command

@click.command()
def work():
    ended = KeyboardInterrupt()
    ended.add_note("i-1 exists, and could not be deleted.")
    raise ended

run_command(work)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130
    assert "note: i-1 exists, and could not be deleted." in done.stderr

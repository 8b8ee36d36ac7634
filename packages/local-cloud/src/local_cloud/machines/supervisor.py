"""Runs a command, and ends it and its descendants when the other end of stdin is closed.

The kernel closes it when its holder ends, even by ``kill -9``: so the command never outlives its server. A single file
without dependencies. SIGINT is passed on to the command. The folder HOME, if it is not empty, is where the command
runs, and is removed after it.

Usage: python3 -I -S supervisor.py HOME COMMAND [ARGUMENT]...
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

LOOK_SECONDS = 0.1
PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    """Run until the command ends, or stdin is closed."""
    if sys.platform == "linux":
        # Orphaned descendants become children of this process, which finds them.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    # Before the command starts: it may be interrupted at once. A server that a script has started in the background
    # ignores SIGINT, which the command would inherit; a handler it does not.
    interrupts: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    home, *words = sys.argv[1:]
    try:
        command = subprocess.Popen(words, stdin=subprocess.DEVNULL, cwd=home or None)
        while command.poll() is None:
            while interrupts:
                command.send_signal(interrupts.pop())
            if select.select([0], [], [], LOOK_SECONDS)[0] and not os.read(0, 1):
                return 1
        return command.returncode
    finally:
        end_all()
        if home:
            shutil.rmtree(home, ignore_errors=True)


def end_all() -> None:
    """Kill every descendant; repeat until none is left, because one may just have started another."""
    while found := descendants():
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def descendants() -> list[int]:
    """Return every descendant of this process."""
    children: dict[int, list[int]] = {}
    for process, parent in listing():
        children.setdefault(parent, []).append(process)
    found = list(children.get(os.getpid(), []))
    for child in found:
        found += children.get(child, [])
    return found


def listing() -> list[tuple[int, int]]:
    """Return every process with its parent: from /proc on Linux, where ``ps`` may be missing, else from ``ps``."""
    if sys.platform != "linux":
        with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, text=True) as ps:
            lines = [line.split() for line in ps.communicate()[0].splitlines()]
        return [(int(process), int(parent)) for process, parent in lines if int(process) != ps.pid]
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            found.append((int(stat.parent.name), int(fields[1])))
    return found


if __name__ == "__main__":
    sys.exit(main())

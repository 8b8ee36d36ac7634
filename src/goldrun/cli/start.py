"""Where the command begins. ``goldrun image id`` in a script is answered at once: it runs before every job.

Importing the option parser takes longer than the look-up. So the plain form of that command, without a terminal and
without files of settings, is read here; whatever is not plain, help and mistakes included, is left to the parser.
"""

from __future__ import annotations

import gc
import os
import sys

from goldrun import config, script, setting_files, stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
_VALUES = {"--arch": config.ARCH, "--region": config.REGION}
_QUIET = ("-q", "--quiet")


def run() -> None:
    """Run the command line and exit with its code."""
    if lookup := _plain(sys.argv[1:]):
        gc.disable()  # it is over before there is anything to collect
        script.leave(script.run(lambda _: _look_up(*lookup), (), ""))
    from goldrun.cli.main import run as run_any

    run_any()


def _plain(words: Sequence[str]) -> tuple[str, dict[str, str], bool] | None:
    """Return a look-up's name, options, and whether it is quiet; None: it is another command, or not plain."""
    if words[:2] != ["image", "id"] or len(words) < 3 or words[2].startswith("-") or not words[2].isprintable():
        return None
    options: dict[str, str] = {}
    rest = list(words[3:])
    quiet = False
    while rest:
        word = rest.pop(0)
        if word in _QUIET:
            quiet = True
        elif word in _VALUES and rest and rest[0].strip() and not rest[0].startswith("-"):
            options[word] = rest.pop(0)
        else:
            return None
    env = os.environ
    if stdio.is_terminal(sys.stdout) or config.wants_debug(env) or setting_files.are_there(env):
        return None
    return words[2], options, quiet


def _look_up(name: str, options: dict[str, str], quiet: bool) -> None:
    from goldrun import workflow
    from goldrun.clock import SystemClock
    from goldrun.cloud.client import connect
    from goldrun.images.find import find_image
    from goldrun.images.naming import parse_reference

    env = os.environ
    note = (lambda _: None) if quiet else script.note
    reference = parse_reference(name, options.get("--arch") or config.ARCH.read(env))
    found = find_image(connect(env, SystemClock(), region=options.get("--region"), notice=note), reference)
    if found.notice:
        note(found.notice)
    with stdio.whole():
        sys.stdout.write(
            workflow.shown(env, found.image.image_id if quiet else f"IMAGE_ID={found.image.image_id}") + "\n"
        )

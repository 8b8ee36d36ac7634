"""Inside a runner's instance: the paths and the user data that goldrun writes and the local cloud recognises.

Shared by both, and dependent on neither.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

FOLDER = "/opt/goldrun"  # what the user data writes; survives a reboot
AGENT = f"{FOLDER}/agent.sh"  # starts the runner and deletes the instance; user data that names it makes a runner
INBOX = "/run/goldrun/config"  # where Cloud Assistant leaves the runner's configuration, in memory
WAITS = ("CONFIG_SECONDS", "JOB_SECONDS", "IDLE_SECONDS", "NOTICE_SECONDS")
_SETTINGS = re.compile(rf"^cat > {FOLDER}/settings <<'(\w+)'\n(.*?)\n\1$", re.MULTILINE | re.DOTALL)


def read_settings(user_data: str) -> dict[str, str]:
    """Return the settings that a runner's user data writes for its agent; empty if it is not a runner's."""
    found = _SETTINGS.search(user_data)
    if found is None or AGENT not in user_data:
        return {}
    try:
        assignments = shlex.split(found[2])
    except ValueError:  # others may write user data that looks like a runner's
        return {}
    return dict(assignment.partition("=")[::2] for assignment in assignments)


def read_waits(settings: Mapping[str, str]) -> dict[str, float]:
    """Return the seconds that a runner's instance waits for its configuration, for a job and after a spot notice.

    ``IDLE_SECONDS`` counts from its boot, the others from when their wait begins. Empty if one is missing.
    """
    found = {name: float(settings[name]) for name in WAITS if re.fullmatch("[0-9]{1,9}", settings.get(name, ""))}
    return found if len(found) == len(WAITS) else {}


def read_configuration(content: bytes) -> dict[str, str]:
    """Return the settings in a file that was sent to ``INBOX``."""
    return dict(line.partition("=")[::2] for line in content.decode("utf-8", "replace").splitlines())

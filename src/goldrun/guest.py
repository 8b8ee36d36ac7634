"""Inside a runner's instance: the paths and the user data that goldrun writes and the local cloud recognises.

Shared by both, and dependent on neither.
"""

from __future__ import annotations

import re

FOLDER = "/opt/goldrun"  # what the user data writes; survives a reboot
AGENT = f"{FOLDER}/agent.sh"  # starts the runner and deletes the instance; user data that names it makes a runner
INBOX = "/run/goldrun/config"  # where Cloud Assistant leaves the runner's configuration, in memory
WAITS = ("CONFIG_SECONDS", "JOB_SECONDS", "NOTICE_SECONDS")
_WAIT = re.compile(rf"^({'|'.join(WAITS)})=(\d+)$", re.MULTILINE)


def read_waits(user_data: str) -> dict[str, float]:
    """Return the seconds that a runner's instance waits for its configuration, for a job and after a spot notice.

    Empty if the user data is not a runner's.
    """
    found = {name: float(value) for name, value in _WAIT.findall(user_data)}
    return found if AGENT in user_data and len(found) == len(WAITS) else {}


def read_configuration(content: bytes) -> dict[str, str]:
    """Return the settings in a file that was sent to ``INBOX``."""
    return dict(line.partition("=")[::2] for line in content.decode("utf-8", "replace").splitlines())

"""The user data of a runner: makes an instance run one job and then delete itself.

It contains no secret. The runner's configuration follows by Cloud Assistant, and stays in memory.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from goldrun.errors import UsageError
from goldrun.guest import FOLDER
from goldrun.launch.settings import MAX_USER_DATA
from goldrun.runners.versions import MINIMUM

ENDED = "goldrun: the runner has ended"  # on the console, before the instance deletes itself
FAILED = "goldrun: failed: "  # on the console, before an instance that cannot run its job deletes itself
NOTICE_SECONDS = 120.0
_END = "GOLDRUN_END"


@dataclass(frozen=True)
class Bootstrap:
    """How an instance runs its job.

    Attributes:
        life: seconds after which it deletes itself in any case.
        runner_url: where the runner is downloaded from, on images without it.
        runner_sha256: the download's checksum.
        endpoint: the endpoint of the ECS API for the instance; empty: the region's own endpoints.
        config_seconds: how long it waits for the runner's configuration.
        job_seconds: how long it waits for a job.
        longest_job: seconds of its life that must be left for it to wait on: a job takes so long at most.
        notice_seconds: how long a job may continue after the spot market's notice, of five minutes.
        examine_seconds: how long an instance that failed stays, so that it can be examined.
        setup: a script that root runs before the runner starts.
        pre_install: scripts that root runs before the runner is installed, in this order.
        debug: whether the console shows each command of the installation and of the scripts.
        engine: a part of the agent that gets its configuration in another way.
    """

    life: float
    runner_url: str = ""
    runner_sha256: str = ""
    endpoint: str = ""
    config_seconds: float = 300.0
    job_seconds: float = 900.0
    longest_job: float = 0.0
    notice_seconds: float = NOTICE_SECONDS
    examine_seconds: float = 60.0
    setup: str = ""
    pre_install: Mapping[str, bytes] = field(default_factory=dict)
    debug: bool = False
    engine: str = ""


def user_data(bootstrap: Bootstrap, more: Mapping[str, str] | None = None) -> bytes:
    """Return the script that an instance runs at its first boot.

    Args:
        bootstrap: how the instance runs its job.
        more: settings of the engine's part.

    Raises:
        UsageError: it is longer than ECS allows; only the scripts can be that long.
    """
    here = files("goldrun.runners").joinpath("guest")
    settings = {
        "LIFE_SECONDS": f"{bootstrap.life:.0f}",
        "CONFIG_SECONDS": f"{bootstrap.config_seconds:.0f}",
        "JOB_SECONDS": f"{bootstrap.job_seconds:.0f}",
        "IDLE_SECONDS": f"{bootstrap.life - bootstrap.longest_job:.0f}",
        "NOTICE_SECONDS": f"{bootstrap.notice_seconds:.0f}",
        "EXAMINE_SECONDS": f"{bootstrap.examine_seconds:.0f}",
        "ENDPOINT": bootstrap.endpoint,
        "RUNNER_OLDEST": ".".join(map(str, MINIMUM)),
        "RUNNER_URL": bootstrap.runner_url,
        "RUNNER_SHA256": bootstrap.runner_sha256,
        "BOOT_DEBUG": "true" if bootstrap.debug else "",
        **(more or {}),
    }
    parts = {
        # The self-destruct is written first.
        "signature.py": files("goldrun.cloud").joinpath("signature.py").read_text(encoding="utf-8"),
        "self_destruct.py": here.joinpath("self_destruct.py")
        .read_text(encoding="utf-8")
        # Python runs it isolated, and so does not find modules beside it.
        .replace("from goldrun.cloud import signature", f"sys.path.insert(0, {FOLDER!r})\nimport signature"),
        "agent.sh": here.joinpath("agent.sh").read_text(encoding="utf-8"),
        "job-started.sh": here.joinpath("job-started.sh").read_text(encoding="utf-8"),
        "engine.sh": bootstrap.engine,
        "setup": bootstrap.setup,
    }
    assignments = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    # An engine's settings contain a token until the agent removes it.
    text = f"#!/bin/bash\n# A runner for one job, by goldrun.\numask 077\ninstall -d -m 0755 {FOLDER}\n"
    text += _write("settings", assignments)
    for name, content in parts.items():
        if content:
            text += _write(name, content)
    text += f"chmod 0755 {FOLDER}/job-started.sh\n"
    text += _write_scripts(bootstrap.pre_install)
    text += here.joinpath("bootstrap.sh").read_text(encoding="utf-8")
    data = text.encode()
    if len(data) > MAX_USER_DATA:
        raise UsageError(
            f"The user data would be {len(data):,} bytes long; ECS takes {MAX_USER_DATA:,}.",
            fix=["make the scripts shorter: let them fetch the rest, or put it into the image."],
        )
    return data


def configuration(settings: Mapping[str, str]) -> bytes:
    """Return the runner's configuration as the instance reads it.

    Raises:
        UsageError: a value contains a line break.
    """
    for name, value in settings.items():
        if "\n" in value or "\r" in value:
            raise UsageError(f"The runner's {name} has a line break in it.")
    return "".join(f"{name}={value}\n" for name, value in {**settings, "END": "1"}.items()).encode()


def _write(name: str, content: str) -> str:
    if f"\n{_END}\n" in f"\n{content}\n":
        raise UsageError(f"A line of the {name} script is {_END!r}, which ends the script: use another word.")
    return f"cat > {FOLDER}/{name} <<'{_END}'\n{content.rstrip()}\n{_END}\n"


def _write_scripts(scripts: Mapping[str, bytes]) -> str:
    """Return commands that write scripts, whose bytes may be any."""
    text = ""
    for number, (name, content) in enumerate(scripts.items()):
        folder = f"{FOLDER}/pre-install/{number:02d}"
        text += f"install -d -m 0700 {folder}\nbase64 -d > {folder}/{shlex.quote(name)} <<< "
        text += f"{base64.b64encode(content).decode()}\nchmod 0700 {folder}/{shlex.quote(name)}\n"
    return text

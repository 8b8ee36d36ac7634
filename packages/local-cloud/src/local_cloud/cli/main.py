"""``goldrun local``, which is also ``local-cloud`` and ``python -m local_cloud``."""

from __future__ import annotations

import click

from goldrun.cli.lazy import LazyGroup
from goldrun.cli.main import run_command

_MODULES = {
    "serving": ("up", "down", "status", "env"),
    "base_image": ("base_image",),
    "account": ("seed", "reset", "deny", "allow", "policy", "trust"),
    "conditions": ("fault", "throttle", "clock", "market"),
    "github": ("github_app",),
    "job": ("job",),
    "workload": ("workload",),
    "recording": ("record",),
}


@click.group(
    cls=LazyGroup,
    lazy={
        name.replace("_", "-"): f"local_cloud.cli.{module}:{name}"
        for module, names in _MODULES.items()
        for name in names
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def local() -> None:
    """Run the local cloud: ECS on this computer, with its data in one file.

    The official SDKs work with it unchanged.
    """


def run() -> None:
    """Run the command line and exit with its code."""
    run_command(local)

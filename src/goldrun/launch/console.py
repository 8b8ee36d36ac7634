"""The last lines of an instance's console, for errors: the instance may be deleted before anybody can read it."""

from __future__ import annotations

from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import console_output
from goldrun.errors import GoldrunError


def last_lines(client: EcsClient, instance_id: str, count: int = 5) -> list[str]:
    """Return so many lines of the console with a heading, none if it is empty, or why it cannot be read."""
    try:
        lines = [line for line in console_output(client, instance_id).splitlines() if line.strip()]
    except GoldrunError as error:
        return [f"its console cannot be read ({error.what})"]
    return ["the console's last lines:", *(f"  {line}" for line in lines[-count:])] if lines else []

"""Stops the builder and starts it again, each seen done: what a reboot, a stage and an image need."""

from __future__ import annotations

from collections.abc import Callable

from goldrun.bake.context import Context
from goldrun.bake.instances import wait_for_boot
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError, gone
from goldrun.cloud.instances import describe_instances, is_in_wrong_state, start_instance, stop_instance
from goldrun.errors import UnavailableError
from goldrun.launch.machine import Machine
from goldrun.waiting import expecting, wait_for

POWER_SECONDS = 300.0
USUAL_SECONDS = 10.0


def stop_builder(context: Context, builder: Machine) -> None:
    """Shut the builder down, and return when it is stopped.

    Raises:
        LostError: it is gone.
        UnavailableError: it does not stop in time.
    """
    _switch(context.client, builder, stop_instance, "Stopping", "Stopped", "did not stop")


def start_builder(context: Context, builder: Machine) -> None:
    """Start the stopped builder, and return when its assistant answers.

    Raises:
        LostError: it is gone.
        UnavailableError: it does not start in time.
    """
    _switch(context.client, builder, start_instance, "Starting", "Running", "did not start")
    wait_for_boot(context, builder)


def restart_builder(context: Context, builder: Machine) -> None:
    """Stop the builder and start it again: that it was stopped is seen, which a reboot leaves open."""
    stop_builder(context, builder)
    start_builder(context, builder)


def _switch(
    client: EcsClient, builder: Machine, call: Callable[[EcsClient, str], None], underway: str, goal: str, failed: str
) -> None:
    """Make the call, and wait until the builder has the status ``goal``."""
    try:
        call(client, builder.id)
    except ApiError as error:
        # A call that was repeated, because its answer was lost, finds the instance on its way already.
        switches = _status(client, builder.id) in (underway, goal)
        if not is_in_wrong_state(error) or not switches:
            raise
    wait_for(
        client.clock,
        lambda: _status(client, builder.id) == goal or None,
        seconds=POWER_SECONDS,
        late=lambda elapsed: UnavailableError(f"{builder.id} {failed} within {elapsed:.0f} s."),
        often=expecting(USUAL_SECONDS),
        later=True,
    )


def _status(client: EcsClient, instance_id: str) -> str:
    found = describe_instances(client, ids=[instance_id])
    if not found:
        raise gone(instance_id)
    return found[0].status

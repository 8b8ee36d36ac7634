"""Stops the builder and starts it again, each seen done: what a reboot, a stage and an image need."""

from __future__ import annotations

from goldrun.bake.context import Context
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError, LostError
from goldrun.cloud.instances import describe_instances, is_in_wrong_state, start_instance, stop_instance
from goldrun.durations import parse_duration
from goldrun.errors import UnavailableError
from goldrun.launch.machine import Machine
from goldrun.waiting import wait_for

POWER_SECONDS = 300.0


def stop_builder(context: Context, builder: Machine) -> None:
    """Shut the builder down, and return when it is stopped.

    Raises:
        LostError: it is gone.
        UnavailableError: it does not stop in time.
    """
    client = context.client
    try:
        stop_instance(client, builder.id)
    except ApiError as error:
        # A call that was repeated, because its answer was lost, finds the instance stopping already.
        stops = _status(client, builder.id) in ("Stopping", "Stopped")
        if not is_in_wrong_state(error) or not stops:
            raise
    _wait_until(client, builder, "Stopped", "did not stop")


def start_builder(context: Context, builder: Machine) -> None:
    """Start the stopped builder, and return when its assistant answers.

    Raises:
        LostError: it is gone.
        UnavailableError: it does not start in time.
    """
    client = context.client
    try:
        start_instance(client, builder.id)
    except ApiError as error:
        starts = _status(client, builder.id) in ("Starting", "Running")
        if not is_in_wrong_state(error) or not starts:
            raise
    _wait_until(client, builder, "Running", "did not start")
    builder.wait_until_ready(parse_duration(context.recipe.limits.boot))


def restart_builder(context: Context, builder: Machine) -> None:
    """Stop the builder and start it again: that it was stopped is seen, which a reboot leaves open."""
    stop_builder(context, builder)
    start_builder(context, builder)


def _wait_until(client: EcsClient, builder: Machine, status: str, failed: str) -> None:
    wait_for(
        client.clock,
        lambda: _status(client, builder.id) == status or None,
        seconds=POWER_SECONDS,
        late=lambda elapsed: UnavailableError(f"{builder.id} {failed} within {elapsed:.0f} s."),
    )


def _status(client: EcsClient, instance_id: str) -> str:
    found = describe_instances(client, ids=[instance_id])
    if not found:
        raise LostError(f"{instance_id} is gone.", why=["the market reclaimed it, or it was deleted by someone else."])
    return found[0].status

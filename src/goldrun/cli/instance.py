"""``goldrun instance``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import click

from goldrun import stdio
from goldrun.cli import output, shell_complete
from goldrun.cli.cache import market_cache
from goldrun.cli.common import IDS, JSON, REGION, YES, confirm, open_client, place_of, require_consent, silence
from goldrun.cli.launching import launch_options, read_life, read_settings
from goldrun.cli.lazy import LazyGroup
from goldrun.cloud import instances
from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import Instance
from goldrun.cloud.tags import OWNED
from goldrun.durations import format_duration, parse_duration
from goldrun.errors import NotFoundError, RefusedError
from goldrun.launch import environment, lifetime
from goldrun.launch.acquire import acquire, describe_launch, find_offers
from goldrun.launch.launch import Launched
from goldrun.launch.offers import Offer
from goldrun.launch.release import release
from goldrun.launch.settings import LaunchSettings
from goldrun.waiting import LAG_SECONDS

COLUMNS = ("ID", "NAME", "STATUS", "TYPE", "ZONE", "SPOT", "AGE", "RELEASED IN", "ADDRESS")
WAIT_SECONDS = "10m"


@click.group(
    cls=LazyGroup,
    lazy={
        "ssh": "goldrun.cli.instance_ssh:instance_ssh",
        "start": "goldrun.cli.instance_power:instance_start",
        "stop": "goldrun.cli.instance_power:instance_stop",
        "reboot": "goldrun.cli.instance_power:instance_reboot",
    },
)
def instance() -> None:
    """Create, watch and release instances."""


@instance.command("create")
@launch_options
@click.option(
    "--amount",
    type=click.IntRange(1, 5000),
    default=1,
    show_default=True,
    help="Number of instances; all or none are created.",
)
@click.option("--name", help="Name of the instances. [env: INSTANCE_NAME]")
@click.option("--user-data", type=click.Path(exists=True, dir_okay=False), help="Script to run at the first boot.")
@click.option("--key", help="Idempotency key: the same key returns the same instances.")
@click.option("--dry-run", is_flag=True, help="Show the offers that would be tried, best first, and launch nothing.")
@click.option("--wait", is_flag=True, help="Print the ids and wait until the instances are Running.")
@REGION
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print only the ids.")
def instance_create(
    *,
    amount: int,
    name: str | None,
    user_data: str | None,
    key: str | None,
    dry_run: bool,
    wait: bool,
    region: str | None,
    as_json: bool,
    quiet: bool,
    **launch: Any,
) -> None:
    """Create spot instances from the best offers, and print INSTANCE_ID=….

    vSwitches, security group, key pair and role come from the environment (docs/configuration.md). Every
    instance has a release time; by default it accepts only IMDSv2 and has no public address.

    \b
    Examples:
      goldrun instance create --image github-runner-ubuntu24 --arch amd64 --cpu 8..
      goldrun instance create --image m-bp1g7004ksh0oeuco3bd --type ecs.c7.2xlarge --amount 20 --wait
    """
    silence(quiet)
    stdio.require_open(os.environ)
    client = open_client(region)
    settings = read_settings(
        client,
        amount=amount,
        name=name,
        user_data=None if user_data is None else environment.read_script(user_data, "--user-data"),
        key=key,
        **launch,
    )

    if dry_run:
        offers = list(islice(find_offers(client, settings, market_cache(client.clock.machine)), 5))
        _show_offers(offers, settings, as_json=as_json)
        return

    def deliver(got: Sequence[Launched]) -> None:
        with stdio.required():
            _print(got, as_json, quiet)

    got = acquire(client, settings, cache=market_cache(client.clock.machine), report=output.note, deliver=deliver)
    if wait:
        _wait(client, [instance_id for some in got for instance_id in some.ids], parse_duration(WAIT_SECONDS))


def _show_offers(offers: Sequence[Offer], settings: LaunchSettings, *, as_json: bool) -> None:
    """Print what a launch would try.

    Raises:
        RefusedError: nothing is offered.
    """
    if not offers:
        raise RefusedError(
            "No offer matches.", fix=["set fewer limits or more zones: goldrun spot ls shows the offers."]
        )
    rows = [
        (offer.type, offer.zone, offer.vswitch, f"{offer.price:.3f} {offer.currency}" if offer.price else "not known")
        for offer in offers
    ]
    if as_json:
        from goldrun.cli.json.instances import Offer as Shown

        output.result_json([Shown.of(offer) for offer in offers])
    else:
        output.table(("TYPE", "ZONE", "VSWITCH", "PRICE"), rows)
    image = settings.image_id or settings.image_family
    life = format_duration(settings.life)
    output.note(
        f"would launch {settings.amount} of the first offer, from {image}, for {life} at most: nothing was done."
    )


@instance.command("ls")
@click.option("-a", "--all", "everybodys", is_flag=True, help="Include instances that goldrun did not create.")
@REGION
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print only the ids.")
def instance_ls(everybodys: bool, region: str | None, as_json: bool, quiet: bool) -> None:
    """List goldrun's instances, newest first."""
    silence(quiet)
    client = open_client(region)
    found = instances.describe_instances(client, tags=None if everybodys else OWNED)
    if as_json:
        from goldrun.cli.json.instances import Instance

        output.result_json([Instance.of(listed) for listed in found])
    elif quiet:
        for listed in found:
            output.result(listed.id)
    elif found:
        output.table(COLUMNS, [_row(listed, client.clock.now()) for listed in found])
    else:
        output.note(f"no instances in {client.region}.")


@instance.command("wait")
@IDS
@click.option("--timeout", default=WAIT_SECONDS, show_default=True, help="Longest wait.")
@REGION
def instance_wait(ids: tuple[str, ...], timeout: str, region: str | None) -> None:
    """Wait until the instances are Running."""
    seconds = parse_duration(timeout, "--timeout")
    for one_id in ids:
        instances.check_id(one_id)
    client = open_client(region)
    if seconds > LAG_SECONDS:
        lifetime.require_listed(client, ids, output.note)
    _wait(client, ids, seconds)


@instance.command("console")
@click.argument("instance_id", metavar="ID", shell_complete=shell_complete.instances)
@REGION
def instance_console(instance_id: str, region: str | None) -> None:
    """Print the instance's serial console output."""
    instances.check_id(instance_id)
    client = open_client(region)
    text = instances.console_output(client, instances.find_instance(client, instance_id).id)
    if text:
        output.result(text.rstrip("\n"))
    else:
        output.note(f"{instance_id} has written nothing yet.")


@instance.command("rm")
@IDS
@YES
@click.option("--missing-ok", is_flag=True, help="Do not fail if an instance does not exist.")
@REGION
def instance_rm(ids: tuple[str, ...], yes: bool, missing_ok: bool, region: str | None) -> None:
    """Delete instances and wait until they are gone."""
    for one_id in ids:
        instances.check_id(one_id)
    require_consent(f"The deletion of {', '.join(ids)}", yes=yes)
    client = open_client(region)
    if not confirm(f"Delete {', '.join(ids)}?", _plan(client, ids), place_of(client), yes=yes):
        return
    from goldrun.cli.progress import moving

    with moving("deleting, and waiting until it is gone"):
        missing = release(client, ids)
    if deleted := [instance_id for instance_id in ids if instance_id not in missing]:
        output.note(f"deleted: {', '.join(deleted)}.")
    if missing and not missing_ok:
        raise NotFoundError(
            f"Instance not found: {', '.join(missing)} in {client.region}.",
            why=["it was deleted, it is in another region, or the id is wrong."],
            fix=["pass --missing-ok if instances delete themselves", "another region: --region"],
        )


@instance.command("extend")
@click.argument("instance_id", metavar="ID", shell_complete=shell_complete.instances)
@click.argument("life", metavar="TIME")
@REGION
def instance_extend(instance_id: str, life: str, region: str | None) -> None:
    """Move an instance's release time to TIME from now, for example 2h (at least 30m)."""
    instances.check_id(instance_id)
    seconds = read_life(life, "TIME")
    client = open_client(region)
    found = instances.find_instance(client, instance_id)
    output.result(f"RELEASE_TIME={lifetime.prolong(client, found.id, seconds)}")


def _plan(client: EcsClient, ids: Sequence[str]) -> Iterator[str]:
    now = client.clock.now()
    for found in instances.describe_instances(client, ids=ids):
        yield f"would delete: {found.id} {found.name}, {found.status}, {format_duration(now - found.created)} old"


def _print(got: Sequence[Launched], as_json: bool, quiet: bool) -> None:
    if as_json:
        from goldrun.cli.json.instances import Launch

        output.result_json([Launch.of(launched) for launched in got])
        return
    for launched in got:
        output.note(describe_launch(launched))
    for one_id in (instance_id for some in got for instance_id in some.ids):
        output.result(one_id if quiet else f"INSTANCE_ID={one_id}")


def _wait(client: EcsClient, ids: Sequence[str], seconds: float) -> None:
    from goldrun.cli.progress import moving

    with moving("waiting for the instances"):
        found = lifetime.wait_until_running(client, ids, seconds)
    for running in found:
        output.note(
            f"{running.id} is Running: {running.private_ip}{f', {running.public_ip}' if running.public_ip else ''}."
        )


def _row(one: Instance, now: float) -> tuple[str, ...]:
    return (
        one.id,
        one.name,
        f"{one.status} (reclaimed)" if one.reclaimed else one.status,
        one.type,
        one.zone,
        "spot" if one.spot else "on demand",
        format_duration(now - one.created),
        "never" if one.released is None else format_duration(one.released - now),
        one.public_ip or one.private_ip,
    )

"""``goldrun local``."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from goldrun import config
from goldrun.cli import output
from goldrun.cli.common import YES, Number, confirm, require_consent
from goldrun.clock import SystemClock
from goldrun.errors import UsageError
from goldrun.waiting import every, looks
from local_cloud import daemon
from local_cloud.control_client import ask
from local_cloud.faults import KINDS, FaultRule
from local_cloud.machines import base_image
from local_cloud.market import SCENARIOS
from local_cloud.server import LocalCloud, listen

JOB_SECONDS = 0.5


def _data_file(_: click.Context, __: click.Parameter, value: Path | None) -> Path:
    named = value or (Path(text) if (text := config.LOCAL_DATA.read(os.environ)) else None)
    return (named or daemon.default_data()).absolute()


DATA = click.option(
    "--data",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_data_file,
    help="The data file. [env: GOLDRUN_LOCAL_DATA; default: in the user's cache directory]",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def local() -> None:
    """Run the local cloud: ECS on this machine, its data in one file.

    The official SDKs talk to it as they do to the real one.
    """


@local.command()
@DATA
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=daemon.DEFAULT_PORT,
    show_default=True,
    help="0: a free one.",
)
@click.option("--detach", "-d", is_flag=True, help="Run in the background, and return when it answers.")
@click.option("--speed", type=Number(0, 1e6), help="How fast its time runs: 60 makes a minute a second.")
@click.option("--seed", is_flag=True, help="Add the realistic account (as `goldrun local seed`).")
@click.option(
    "--machines",
    type=click.Choice(["simulated", "qemu"]),
    default="simulated",
    show_default=True,
    help="What instances are: nothing is run in simulated ones, qemu boots real virtual machines.",
)
@click.option(
    "--run-jobs-here",
    is_flag=True,
    help="Let jobs on simulated machines run, on this computer and as you; else they fail.",
)
def up(
    data: Path, port: int, detach: bool, speed: float | None, seed: bool, machines: str, run_jobs_here: bool
) -> None:
    """Start the local cloud.

    \b
    Examples:
      goldrun local up --detach --seed && eval "$(goldrun local env)"
      goldrun local up --port 0 --speed 60
    """
    daemon.make_room(data)
    if found := daemon.find(data):
        output.note(f"the local cloud is up already: {found[0].url} (goldrun local down stops it).")
        if not detach:
            raise UsageError("The data file is in use.", fix=["name another: --data FILE"])
        if run_jobs_here and not found[1]["runs_jobs"]:
            raise UsageError(
                "The local cloud that is up runs no jobs here.",
                fix=["goldrun local down", "then start it with --run-jobs-here"],
            )
        return
    if detach:
        arguments = ["--port", str(port)]
        arguments += ["--speed", str(speed)] if speed is not None else []
        arguments += ["--seed"] if seed else []
        arguments += ["--machines", machines]
        arguments += ["--run-jobs-here"] if run_jobs_here else []
        running = daemon.start(data, arguments, SystemClock())
        output.note(f'the local cloud is up: {running.url}. Use it: eval "$(goldrun local env)"')
        return
    _serve(data, port, speed, seed, machines, run_jobs_here)


def _serve(data: Path, port: int, speed: float | None, seed: bool, machines: str, run_jobs_here: bool) -> None:
    from local_cloud.seed import populate

    try:
        listening = listen(port)
    except OSError as error:
        raise UsageError(
            f"Port {port} cannot be used.",
            why=[f"{error.strerror}."],
            fix=["name another: --port N (0: a free one)"],
        ) from error
    cloud = LocalCloud(data, machines=_machines(data) if machines == "qemu" else None, run_jobs_here=run_jobs_here)
    if speed is not None:
        cloud.clock.set_speed(speed)
        cloud.store.save_anchor(cloud.clock.anchor)
    if seed:
        populate(cloud.store, cloud.clock.now())
    chosen = listening.getsockname()[1]

    def ready() -> None:
        daemon.write_note(data, chosen, cloud.token)
        output.note(f"the local cloud answers on http://127.0.0.1:{chosen}; Ctrl-C stops it.")

    try:
        cloud.serve(listening, ready)
    finally:
        daemon.note_of(data).unlink(missing_ok=True)


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@local.command("base-image")
@DATA
@click.option("--mirror", default=base_image.MIRROR, show_default=True, help="Where Debian's packages come from.")
@click.option("--import", "disk", type=FILE, help="A disk file instead: a cloud image, say.")
@click.option("--kernel", type=FILE, help="Its kernel.")
@click.option("--initrd", type=FILE, help="Its initial RAM disk.")
@click.option("--root", default="/dev/vda1", show_default=True, help="Where the root file system of --import is.")
def base_image_command(
    data: Path, mirror: str, disk: Path | None, kernel: Path | None, initrd: Path | None, root: str
) -> None:
    """Make the disk that machines boot from (`goldrun local up --machines qemu`): the family acs:debian_13_x64.

    From Debian's packages, which takes about a minute, as root; or from a cloud image's disk (qcow2 or raw, with
    cloud-init and the guest agent on it), its kernel and its initial RAM disk.
    """
    folder = _machines(data) / "images"
    if disk:
        if not kernel or not initrd:
            raise UsageError("A disk needs --kernel and --initrd: machines boot without a boot loader.")
        base_image.take(folder, disk, kernel, initrd, root)
    else:
        base_image.make(folder, output.note, mirror=mirror)
    output.note(f"{base_image.FAMILY} is ready: goldrun local up --machines qemu")


def _machines(data: Path) -> Path:
    return data.with_name(f"{data.name}.machines")


@local.command()
@DATA
def down(data: Path) -> None:
    """Stop the local cloud; its data stays."""
    stopped = daemon.stop(data, SystemClock())
    output.note("the local cloud is down." if stopped else "the local cloud was not running.")


@local.command()
@DATA
@JSON
def status(data: Path, as_json: bool) -> None:
    """Say whether the local cloud runs, and what is in it."""
    running, told = daemon.require(data)
    if as_json:
        output.result_json({"url": running.url, **told})
        return
    calls = ", ".join(f"{name} {count}" for name, count in told.pop("calls").items())
    rows = [("url", running.url), *((key, _plain(value)) for key, value in told.items()), ("calls", calls)]
    output.table(("FIELD", "VALUE"), rows)


@local.command()
@DATA
def env(data: Path) -> None:
    """Print what to export so that goldrun uses the local cloud: eval "$(goldrun local env)"."""
    running, told = daemon.require(data)
    for name, value in daemon.variables(running.url, told["machines"]).items():
        output.result(f"export {name}={shlex.quote(value)}")


@local.command()
@DATA
@click.option("--seed", is_flag=True, help="Then add the realistic account.")
@YES
def reset(data: Path, seed: bool, yes: bool) -> None:
    """Empty the local cloud; faults and denials go too."""
    require_consent("The reset", yes=yes)
    running, told = daemon.require(data)
    plan = (f"would delete: {key} {_plain(value)}" for key, value in told.items() if isinstance(value, int) and value)
    if not confirm("Empty it?", plan, lambda: f"the local cloud at {running.url}, its data in {data}", yes=yes):
        return
    _tell(data, "POST", "reset", {"seed": seed})
    output.note("the local cloud is empty." if not seed else "the local cloud has the realistic account.")


@local.command()
@DATA
def seed(data: Path) -> None:
    """Add a realistic account: both images of the guide, older ones, near ones, shared ones."""
    _tell(data, "POST", "seed")
    output.note("the realistic account is there: goldrun image ls --all")


@local.command()
@DATA
@click.argument("actions", nargs=-1, required=True)
def deny(data: Path, actions: tuple[str, ...]) -> None:
    """Deny ACTIONS, e.g. ecs:DescribeImages or 'ecs:*', as a RAM policy would."""
    _tell(data, "POST", "deny", {"actions": [_action(one) for one in actions]})


@local.command()
@DATA
@click.argument("actions", nargs=-1, required=True)
def allow(data: Path, actions: tuple[str, ...]) -> None:
    """Allow ACTIONS again that were denied."""
    _tell(data, "POST", "allow", {"actions": [_action(one) for one in actions]})


@local.command()
@DATA
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--key", default="goldrun-local", show_default=True, help="The AccessKey that it is for.")
@click.option("--role", help="Instead: the role of instances that it is for.")
@click.option("--clear", is_flag=True, help="Take the policy away: the key may do everything again.")
def policy(data: Path, file: BinaryIO | None, key: str, role: str | None, clear: bool) -> None:
    """Attach the RAM policy of FILE (- for standard input) to an AccessKey; from then on it is enforced.

    \b
    Examples:
      goldrun policy --for lookup | goldrun local policy -
      goldrun local policy --clear
    """
    document = _read_policy(file, clear=clear)
    _tell(data, "POST", "policy", {"key": role or key, "role": role is not None, "document": document})


@local.command()
@DATA
@click.argument("role")
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--clear", is_flag=True, help="Take the policy away: the role trusts every job again.")
def trust(data: Path, role: str, file: BinaryIO | None, clear: bool) -> None:
    """Let ROLE trust whom the trust policy of FILE (- for standard input) names; AssumeRoleWithOIDC enforces it.

    \b
    Example:
      goldrun policy --trust --repo octo-org/octo-repo --account 1000000000000001 | goldrun local trust ci -
    """
    _tell(data, "POST", "trust", {"role": role, "document": _read_policy(file, clear=clear)})


def _read_policy(file: BinaryIO | None, *, clear: bool) -> Any:
    if bool(file) == clear:
        raise UsageError("Name a file, or say --clear.")
    try:
        return json.load(file) if file else None
    except ValueError as error:
        raise UsageError("The policy is not JSON.", why=[f"{error}."]) from error


@local.command()
@DATA
@click.option("--kind", type=click.Choice(KINDS), help="What happens.")
@click.option("--action", default="*", show_default=True, help="To which actions (a pattern).")
@click.option("--times", type=click.IntRange(1), help="How many times; for ever where not said.")
@click.option("--skip", type=click.IntRange(0), default=0, help="How many calls pass before.")
@click.option("--probability", type=Number(0, 1), default=1.0, help="How likely, each time.")
@click.option(
    "--seconds",
    type=Number(0),
    default=5.0,
    help="How long a timeout holds; how old stale reads are.",
)
@click.option("--clear", is_flag=True, help="Lift every fault.")
@JSON
def fault(data: Path, kind: str | None, clear: bool, as_json: bool, **rule: object) -> None:
    """Make calls fail as they do on a bad day; without --kind or --clear show what is set.

    \b
    Examples:
      goldrun local fault --kind throttle --action 'Describe*' --times 3
      goldrun local fault --kind error-after --action CreateImage --times 1
      goldrun local fault --clear
    """
    told = _tell(data, "DELETE", "faults") if clear else _tell(data, "GET", "status")
    if kind:
        wanted = msgspec.convert({"kind": kind, **rule}, FaultRule)
        told = _tell(data, "POST", "faults", msgspec.structs.asdict(wanted))
    if as_json:
        output.result_json(told["faults"])
    elif told["faults"]:
        columns = ("kind", "action", "times", "skip", "probability", "seconds")
        rows = [[str(one[column]) for column in columns] for one in told["faults"]]
        output.table([column.upper() for column in columns], rows)
    else:
        output.note("no faults are set.")


@local.command()
@DATA
@click.option("--per-minute", type=click.IntRange(0), help="In each minute of the clock; 0: any number.")
@click.option("--per-second", type=Number(0), help="In any second; 0: any number.")
def throttle(data: Path, per_minute: int | None, per_second: float | None) -> None:
    """Limit how often each action may be called, in each region, as the real API does by the minute.

    \b
    Examples:
      goldrun local throttle --per-minute 100
      goldrun local throttle --per-minute 0
    """
    given = {"calls_per_minute": per_minute, "calls_per_second": per_second}
    if not (change := {name: value for name, value in given.items() if value is not None}):
        raise UsageError("Say --per-minute or --per-second.")
    _tell(data, "PATCH", "settings", change)


@local.command()
@DATA
@click.option("--speed", type=Number(0, 1e6), help="How fast time runs from now on.")
@click.option("--advance", type=Number(0), default=0.0, help="Seconds to leap forward.")
def clock(data: Path, speed: float | None, advance: float) -> None:
    """Show the local cloud's time, change its speed, or leap forward."""
    told = _tell(data, "POST", "clock", {"speed": speed, "advance": advance})
    output.result(f"{told['time']} speed {told['speed']:g}")


@local.command()
@DATA
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--repo", required=True, metavar="OWNER/NAME", help="The repository.")
@click.option("--label", "labels", multiple=True, required=True, metavar="LABEL", help="What its runner must have.")
@click.option("--name", default="job", show_default=True, help="The job's name.")
@click.option("--wait", is_flag=True, help="Return when it has ended; the exit code is 1 if it failed.")
def job(data: Path, script: Path, repo: str, labels: tuple[str, ...], name: str, wait: bool) -> None:
    """Queue a job of one step, SCRIPT, with the local GitHub; print its log when it has ended.

    \b
    Example:
      goldrun local job test.sh --repo octo-org/octo-repo --label "$RUNNER_LABEL" --wait
    """
    body = {"repository": repo, "name": name, "labels": list(labels), "script": script.read_text(encoding="utf-8")}
    number = _tell(data, "POST", "jobs", body)["job"]
    output.result(f"JOB_ID={number}")
    for _ in looks(SystemClock(), often=every(JOB_SECONDS)) if wait else ():
        found = next(one for one in _tell(data, "GET", "jobs")["jobs"] if one["id"] == number)
        if found["status"] == "completed":
            output.note(f"{found['conclusion']} on {found['runner_name'] or 'no runner'}. {found['note']}".rstrip())
            output.result(found["log"].rstrip("\n"))
            click.get_current_context().exit(0 if found["conclusion"] == "success" else 1)


@local.command()
@DATA
@click.option("--scenario", type=click.Choice(SCENARIOS), help="What happens from now on.")
@click.option(
    "--zone", "zones", multiple=True, metavar="ZONE", help="Where; can be repeated. Everywhere where not said."
)
@click.option("--seed", type=int, help="Another market: other prices, stock and reclaim rates.")
@click.option("--scarcity", type=Number(0, 1), help="The share of offers that are sold out at any time.")
@click.option("--phantoms", type=Number(0, 1), help="The share that is said to be in stock and is not.")
@JSON
def market(data: Path, scenario: str | None, zones: tuple[str, ...], as_json: bool, **fields: object) -> None:
    """Show or change the spot market.

    \b
    Scenarios:
      calm          prices go up and down by the day
      stock-out     nearly everything is sold out
      price-spike   prices rise to a multiple
      reclaim-wave  spot instances are taken back within minutes, after their protected hour

    \b
    Examples:
      goldrun local market --scenario reclaim-wave --zone cn-hangzhou-k
      goldrun local market --scenario calm
    """
    change = {name: value for name, value in fields.items() if value is not None}
    if scenario:
        change |= {"scenario": scenario, "zones": list(zones)}
    elif zones:
        raise UsageError("--zone says where a scenario is: say --scenario too.")
    told = (_tell(data, "PATCH", "market", change) if change else _tell(data, "GET", "status"))["market"]
    if as_json:
        output.result_json(told)
    else:
        output.table(("FIELD", "VALUE"), [(name, _plain(value)) for name, value in told.items()])


def _tell(data: Path, method: str, name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    running, _ = daemon.require(data)
    return ask(running.port, running.token, method, name, body)


def _action(text: str) -> str:
    if ":" not in text:
        raise UsageError(f"{text!r} is not an action of RAM.", fix=[f"write ecs:{text}"])
    return text


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)

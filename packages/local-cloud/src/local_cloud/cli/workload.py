"""``goldrun local workload``: many jobs for the local GitHub, as a day has them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from goldrun.cli import output
from goldrun.cli.scopes import REPOSITORY
from goldrun.clock import SystemClock
from goldrun.durations import parse_duration
from goldrun.waiting import every, looks
from local_cloud.cli.common import DATA, control

POLL_SECONDS = 0.5
BURSTS = 5
SCRIPT = "true\n"


def moments(shape: str, jobs: int, seconds: float) -> Iterator[float]:
    """Yield when each job is queued, in seconds from now."""
    for number in range(jobs):
        share = number / jobs
        if shape == "bursts":
            share = int(share * BURSTS) / BURSTS
        elif shape == "ramp":  # more and more
            share = share**0.5
        yield share * seconds


@click.command()
@DATA
@REPOSITORY
@click.option("--label", "labels", multiple=True, required=True, metavar="LABEL", help="Label of the jobs.")
@click.option("--jobs", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many jobs.")
@click.option(
    "--shape",
    type=click.Choice(("bursts", "steady", "ramp")),
    default="bursts",
    show_default=True,
    help="How they are spread over the time.",
)
@click.option("--over", default="1m", show_default=True, metavar="TIME", help="Over what time.")
@click.option(
    "--script",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Their one step (default: one that does nothing).",
)
@click.option("--wait", is_flag=True, help="Wait until all have ended; the exit code is 1 if one failed.")
def workload(
    data: Path,
    repo: str | None,
    labels: tuple[str, ...],
    jobs: int,
    shape: str,
    over: str,
    script: Path | None,
    wait: bool,
) -> None:
    """Queue many jobs on the local GitHub; with --wait, say how long they waited for a runner.

    \b
    Example:
      goldrun local workload --repo octo-org/octo-repo --label ubuntu-spot --jobs 500 --over 5m --wait
    """
    body = {
        "repository": repo or "octo-org/octo-repo",
        "labels": list(labels),
        "script": script.read_text(encoding="utf-8") if script else SCRIPT,
    }
    plan = list(moments(shape, jobs, parse_duration(over, "--over")))
    queued: set[str] = set()

    def due(elapsed: float) -> bool:
        while len(queued) < jobs and plan[len(queued)] <= elapsed:
            name = f"job-{len(queued) + 1}"
            queued.add(control(data, "POST", "jobs", {**body, "name": name})["job"])
        return len(queued) == jobs

    for elapsed in looks(SystemClock(), often=every(POLL_SECONDS)):
        if due(elapsed):
            break
    output.note(f"{jobs} jobs are queued.")
    if wait:
        _wait(data, lambda one: one["id"] in queued)


def _wait(data: Path, ours: Callable[[dict[str, Any]], bool]) -> None:
    found: list[dict[str, Any]] = []
    for _ in looks(SystemClock(), often=every(POLL_SECONDS)):
        found = [one for one in control(data, "GET", "jobs")["jobs"] if ours(one)]
        if all(one["status"] == "completed" for one in found):
            break
    failed = [one for one in found if one["conclusion"] != "success"]
    waited = sorted(one["started"] - one["created"] for one in found if one["started"])
    output.result(f"JOBS={len(found)}")
    output.result(f"FAILED={len(failed)}")
    if waited:
        output.result(f"WAIT_P50={statistics.median(waited):.1f}")
        output.result(f"WAIT_P95={waited[int(0.95 * (len(waited) - 1))]:.1f}")
    for one in failed[:5]:
        output.note(f"{one['name']}: {one['conclusion']}. {one['note']}".rstrip())
    click.get_current_context().exit(1 if failed else 0)

"""``goldrun local job``: a job for the local GitHub."""

from __future__ import annotations

from pathlib import Path

import click

from goldrun.cli import output
from goldrun.cli.files import read_text
from goldrun.clock import SystemClock
from goldrun.waiting import every, looks
from local_cloud.cli.common import DATA, control

POLL_SECONDS = 0.5


@click.command()
@DATA
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--repo", required=True, metavar="OWNER/NAME", help="The repository.")
@click.option(
    "--label", "labels", multiple=True, required=True, metavar="LABEL", help="Label that the runner must have."
)
@click.option("--name", default="job", show_default=True, help="The job's name.")
@click.option("--event", default="push", show_default=True, help="The event that triggers its run.")
@click.option("--fork", default="", metavar="OWNER/NAME", help="The fork that its code comes from.")
@click.option("--wait", is_flag=True, help="Wait until it has ended; the exit code is 1 if it failed.")
def job(
    data: Path, script: Path, repo: str, labels: tuple[str, ...], name: str, event: str, fork: str, wait: bool
) -> None:
    """Queue a job with one step, SCRIPT, on the local GitHub; with --wait, print its log.

    \b
    Example:
      goldrun local job job.sh --repo octo-org/octo-repo --label "$RUNNER_LABEL" --wait
    """
    text = read_text(script)
    body = {"repository": repo, "name": name, "labels": list(labels), "script": text, "event": event, "head": fork}
    number = control(data, "POST", "jobs", body)["job"]
    output.result(f"JOB_ID={number}")
    for _ in looks(SystemClock(), often=every(POLL_SECONDS)) if wait else ():
        found = next(job for job in control(data, "GET", "jobs")["jobs"] if job["id"] == number)
        if found["status"] == "completed":
            output.note(f"{found['conclusion']} on {found['runner_name'] or 'no runner'}.")
            if found["note"]:
                output.note(found["note"])
            output.result(found["log"].rstrip("\n"))
            click.get_current_context().exit(0 if found["conclusion"] == "success" else 1)

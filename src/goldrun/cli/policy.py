"""``goldrun policy``."""

from __future__ import annotations

import click

from goldrun.cli import output
from goldrun.policies import JOBS, policy_for


@click.command()
@click.option(
    "--for",
    "jobs",
    multiple=True,
    type=click.Choice(list(JOBS)),
    default=("lookup",),
    show_default=True,
    help="The job; can be repeated.",
)
def policy(jobs: tuple[str, ...]) -> None:
    """Print the least RAM policy for jobs, as JSON ready to paste.

    \b
    lookup   find images by name
    publish  publish, roll back, prune, protect, remove, copy and share versions
    build    build, boot-test and publish images
    run      choose offers; create, watch, prolong and release instances
    runner   start and stop runners for GitHub Actions jobs
    self-destruct  delete oneself: for the role of runners' instances
    sweep    find and delete what should not be alive
    cost     tell what instances cost

    \b
    Examples:
      goldrun policy
      goldrun policy --for run --for sweep > policy.json
    """
    output.result_json(policy_for(list(jobs)))

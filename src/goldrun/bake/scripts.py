"""Runs scripts and tests, which must succeed, on a build's instance."""

from __future__ import annotations

from collections.abc import Mapping

from goldrun.bake.context import Context
from goldrun.bake.parts import Test
from goldrun.cloud.assistant import Result
from goldrun.durations import parse_duration
from goldrun.errors import RefusedError
from goldrun.launch.console import last_lines
from goldrun.launch.machine import Machine

SHOWN_LINES = 15


def run_script(
    context: Context, instance: Machine, name: str, script: bytes, timeout: float, variables: Mapping[str, str]
) -> Result:
    """Run a script with that environment.

    Raises:
        RefusedError: the script failed; with its exit code and last lines, and the console's.
    """
    result = instance.run(name, script, timeout=timeout, variables=variables, report=context.report.line)
    if result.ok:
        return result
    late = result.status == "Timeout"
    where = context.alias.lineage
    lines = [f"  {line}" for line in result.output.splitlines()[-SHOWN_LINES:]]
    console = last_lines(context.client, instance.id)
    raise RefusedError(
        f"{name!r} took longer than {timeout:.0f} s ({where})."
        if late
        else f"{name!r} ended with exit code {result.exit_code} ({where}).",
        why=["its last lines:", *lines, *console] if lines else console,
        fix=["fix the recipe and build again; what is published has not changed."],
    )


def read_output(
    context: Context, instance: Machine, name: str, script: bytes, timeout: float, variables: Mapping[str, str]
) -> str:
    """Run a script, and return all that it prints.

    Raises:
        RefusedError: it failed, or it prints more than Cloud Assistant keeps.
    """
    result = run_script(context, instance, name, script, timeout, variables)
    if result.dropped:
        raise RefusedError(
            f"{name!r} prints {result.dropped:,} bytes too much ({context.alias.lineage}).",
            why=["Cloud Assistant keeps 24 KB of an output; the rest is lost."],
            fix=["make it print less."],
        )
    return result.output


def run_test(context: Context, instance: Machine, test: Test) -> None:
    """Run a test of the recipe.

    Raises:
        RefusedError: the test failed.
    """
    script = f"#!/bin/bash\nset -euo pipefail\n{test.command}\n".encode()
    variables = context.loaded.variables(context.architecture)
    run_script(context, instance, test.name, script, parse_duration(test.timeout), variables)

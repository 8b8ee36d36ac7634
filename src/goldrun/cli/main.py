"""The ``goldrun`` command."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from goldrun import __version__, config, extras, interrupts, language, script, setting_files, settings, stdio, workflow
from goldrun.cli import output, shell_complete
from goldrun.cli.lazy import LazyGroup, in_language
from goldrun.errors import EXIT_CODES, EXIT_INTERRUPTED, EXIT_USAGE, GoldrunError, OutputError, UsageError

# Imported when they are called, so that a look-up does not load the local cloud's server.
_NOUNS = {
    "setup": "Create what goldrun needs in an account: network, roles, variables.",
    "doctor": "Find what is broken or costs money, and how to fix it.",
    "whoami": "Show the current account and identity.",
    "image": "Find, inspect and publish images.",
    "recipe": "Write and check recipes.",
    "spot": "Look at the spot market.",
    "instance": "Create, watch and release instances.",
    "runner": "Start, list and stop runners for GitHub Actions jobs.",
    "serve": "Run jobs by label, with as many runners as GitHub requests.",
    "sweep": "Find and delete what is no longer used.",
    "cost": "Show what instances cost.",
    "policy": "Print the RAM policy that a job needs.",
    "migrate": "Move workflows from the guide's own scripts and action to goldrun.",
    "local": "Run the local cloud: ECS on this computer.",
    "config": "Show settings, and where they come from.",
    "context": "Switch between accounts and regions.",
    "completion": "Print a script that completes commands in a shell.",
}
_ELSEWHERE = {"local": "local_cloud.cli.main"}


class _Nouns(LazyGroup):
    """Commands by noun, each in its own module, listed without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_NOUNS)

    def summaries(self, ctx: click.Context) -> list[tuple[str, str]]:  # noqa: ARG002 - the group's signature
        return [(noun, language.say(os.environ, text)) for noun, text in _NOUNS.items()]


@click.group(
    cls=_Nouns,
    lazy={noun: f"{_ELSEWHERE.get(noun, f'goldrun.cli.{noun}')}:{noun}" for noun in _NOUNS},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: "
    + "; ".join(f"{code} {meaning.split(':')[0].split(' (')[0]}" for code, meaning in EXIT_CODES.items())
    + ".",
)
@click.version_option(__version__, prog_name="goldrun")
@click.option("-q", "--quiet", is_flag=True, help="Print results only: no notes.")
@click.option(
    "--debug",
    is_flag=True,
    help="Print every request, retry and pause to stderr, without secrets. [env: GOLDRUN_DEBUG]",
)
@click.option(
    "--context",
    "named",
    default="",
    metavar="NAME",
    shell_complete=shell_complete.contexts,
    help="Context to use. [env: GOLDRUN_CONTEXT]",
)
@click.option(
    "--profile", default="", metavar="NAME", help="Profile of the official CLI; takes precedence over variables."
)
@click.option("--region", default="", metavar="REGION", help="Region to work in. [env: ALIYUN_REGION_ID]")
@click.pass_context
def goldrun(context: click.Context, quiet: bool, debug: bool, named: str, profile: str, region: str) -> None:
    """Golden images and spot runners for GitHub Actions on Alibaba Cloud ECS."""
    before = dict(os.environ)
    # A context that is broken must not keep one from fixing it.
    found = [] if context.invoked_subcommand == "context" else settings.load(before, Path(setting_files.here()), named)
    given = _given(region, profile)
    context.obj = {"quiet": quiet, "debug": debug, "environment": before, "settings": found, "options": given}
    settings.apply(os.environ, found)
    for variable, value in given.items():
        _only(variable, value)


def _given(region: str, profile: str) -> dict[config.Variable, str]:
    """Return the variables that the options stand for, with their values; empty: not set, whoever sets it."""
    found = {config.REGION: region} if region else {}
    if profile:
        keys = (config.ACCESS_KEY_ID, config.ACCESS_KEY_SECRET, config.SECURITY_TOKEN, config.ROLE_ARN)
        found |= {config.PROFILE: profile, **dict.fromkeys(keys, "")}
    return found


def _only(variable: config.Variable, value: str) -> None:
    """Set a variable for this process, by its first name alone; empty: not at all."""
    for name in variable.names:
        os.environ.pop(name, None)
    if value:
        os.environ[variable.names[0]] = value


def run() -> None:
    """Run the command line and exit with its code."""
    run_command(goldrun)


def run_command(command: click.Command) -> NoReturn:
    """Run a command line: errors are printed as sentences, and the process ends with their exit codes."""
    interrupts.end_once(language.say(os.environ, "interrupted: stopping …"))
    if language.speaks_chinese(os.environ):
        from goldrun.cli import translated

        translated.install()
    in_language(command)
    sys.exit(_exit_code(command))


def _exit_code(command: click.Command) -> int:
    try:
        _require_text(sys.argv[1:])
        code = int(command.main(standalone_mode=False) or 0)
    except stdio.ReaderGoneError:
        code = 0  # `| head` ends a listing like this
    except (GoldrunError, ModuleNotFoundError, OSError) as raised:
        code = _report(raised)
    except click.exceptions.Exit as leaving:
        code = leaving.exit_code
    except (click.Abort, KeyboardInterrupt) as ended:
        stdio.to_stderr(language.say(os.environ, "interrupted"))
        # The parser raises its own exception instead, from the one that has the notes.
        for note in getattr(ended.__cause__ or ended, "__notes__", ()):
            stdio.to_stderr(language.say(os.environ, f"  note: {note}"))
        code = EXIT_INTERRUPTED
    except click.ClickException as problem:
        _show(problem)
        code = EXIT_USAGE
    except Exception as defect:  # noqa: BLE001 - Python would exit with 1, which means "not found"
        code = script.report_defect(os.environ, defect)
    return code


def _require_text(words: Sequence[str]) -> None:
    """Check the arguments: Python keeps bytes that are not UTF-8 in a form that cannot be sent or printed.

    Raises:
        UsageError: one is not text.
    """
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{word!a} is not text in UTF-8.") from error


def _report(raised: GoldrunError | ModuleNotFoundError | OSError) -> int:
    if (problem := _explain(raised)) is None:
        return script.report_defect(os.environ, raised)
    output.error(problem)
    return problem.exit_code


def _show(problem: click.ClickException) -> None:
    if not workflow.in_workflow(os.environ):
        problem.show()
        return
    if isinstance(problem, click.UsageError) and problem.ctx:
        stdio.to_stderr(workflow.harmless(problem.ctx.get_usage()))
    output.error(UsageError(problem.format_message()))  # an annotation


def _explain(raised: GoldrunError | ModuleNotFoundError | OSError) -> GoldrunError | None:
    """Return the error to print; None: it is a defect."""
    if isinstance(raised, ModuleNotFoundError):
        return extras.explain(raised)
    if isinstance(raised, GoldrunError):
        return raised
    # What click prints itself: --help and --version. The error of another file names it.
    if raised.filename is not None or raised.errno not in (errno.ENOSPC, errno.EIO):
        return None
    stdio.give_up(sys.stdout)
    return OutputError("The result could not be written to stdout.", why=[f"{raised.strerror}."])


if __name__ == "__main__":
    run()

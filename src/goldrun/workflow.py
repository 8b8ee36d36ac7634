"""GitHub Actions: step outputs, annotations, summaries; and text that must not be read as a workflow command.

Sources: "Workflow commands for GitHub Actions" in GitHub's documentation; ``ActionCommand.cs`` of actions/runner.
Standard library alone: the seed's scripts run inside other people's jobs.
"""

from __future__ import annotations

import os

from goldrun.config import Environment, Variable
from goldrun.errors import GoldrunError, OutputError
from goldrun.language import say

# All but tabs and line ends.
_CONTROLS = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)], "�")
GITHUB_ACTIONS = Variable(("GITHUB_ACTIONS",), "true inside a GitHub Actions job")
GITHUB_STEP_SUMMARY = Variable(("GITHUB_STEP_SUMMARY",), "the file that a step's summary is written to")
GITHUB_OUTPUT = Variable(("GITHUB_OUTPUT",), "the file that a step's outputs are written to")


def in_workflow(env: Environment) -> bool:
    """Return whether this process runs inside a GitHub Actions job."""
    return GITHUB_ACTIONS.read(env) == "true"


def write_output(env: Environment, name: str, value: str) -> None:
    """Set the step's output ``name``; does nothing outside a job.

    The value is written between random delimiters, so no value can set another output.

    Raises:
        OutputError: the file cannot be written: the next step would continue with an empty value.
    """
    delimiter = f"goldrun_{os.urandom(16).hex()}"
    _append(env, f"{name}<<{delimiter}\n{value}\n{delimiter}\n", f"The step's output {name} could not be written.")


def require_outputs(env: Environment) -> None:
    """Check that outputs can be written, before anything is created whose id belongs there; does nothing outside a job.

    Raises:
        OutputError: they cannot be written.
    """
    _append(env, "", "The step's outputs cannot be written.")


def _append(env: Environment, text: str, failure: str) -> None:
    path = GITHUB_OUTPUT.read(env)
    if not in_workflow(env) or not path:
        return
    try:
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes 5 ms to import
            file.write(text)
    except OSError as error:
        raise OutputError(failure, why=[f"GITHUB_OUTPUT: {error.strerror}."]) from error


def write_summary(env: Environment, markdown: str) -> None:
    """Add to the step's summary; does nothing outside a job, and ignores a summary that cannot be written."""
    path = GITHUB_STEP_SUMMARY.read(env)
    if in_workflow(env) and path:
        import contextlib

        with contextlib.suppress(OSError), open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - as above
            file.write(f"{markdown}\n")


def describe_error(env: Environment, error: GoldrunError) -> str:
    """Return the error as it is printed on stderr: in a job the first line becomes an annotation."""
    if not in_workflow(env):
        return legible(say(env, f"error: {error}"))
    details = [harmless(legible(say(env, line))) for line in error.details()]
    return "\n".join([f"::error title=goldrun::{escape(legible(say(env, error.what)))}", *details])


def shown(env: Environment, text: str) -> str:
    """Return ``text`` as it may be printed: in a job, text from elsewhere must not become a workflow command."""
    return harmless(text) if in_workflow(env) else text


def legible(text: str) -> str:
    """Return text without what would move a terminal's cursor: some is what others wrote, or servers answered."""
    return text if text.isprintable() else text.translate(_CONTROLS)


def harmless(text: str) -> str:
    """Return text that reads the same, and that GitHub's runner does not take for a command.

    The runner accepts two forms, in upper and lower case: ``::command::`` at the start of a line, after any blanks,
    and ``##[command]`` anywhere in a line. It compares by culture, which ignores invisible characters. So any
    characters but plain ones may stand between two of the signs; a blank is inserted there.
    """
    if text.count(":") < 2 and text.count("#") < 2:
        return text
    import re  # takes a while to import, and the look-up does not need it

    unseen = r"[^\x21-\x7e]*"
    command = re.compile(rf"^{unseen}:(?={unseen}:)|#{unseen}#(?={unseen}\[)")
    return "\n".join(command.sub(lambda sign: f"{sign.group()} ", line) for line in text.splitlines())


def escape(text: str) -> str:
    """Return ``text`` as the data of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

"""If an id cannot be printed, what was created is deleted, and it is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from local_cloud.github.records import GitHubRunner
from tests.commands import GOLDRUN
from tests.conftest import Running

ROOT = Path(__file__).parents[2]
CREATE = [sys.executable, "-S", str(ROOT / ".github/scripts/create-spot-instance.py")]
LOOK_UP = [sys.executable, "-S", str(ROOT / ".github/scripts/get-image-id-by-name.py")]
IMAGE = "github-runner-ubuntu24-amd64-latest"


BROKEN = {
    "stdout is closed": 'exec "$@" >&-',
    "stdout is on a full disk": 'exec "$@" >/dev/full',
    # The pipe's reader ends before the first line comes.
    "nobody reads stdout": 'exec 3> >(exec true); wait $!; exec "$@" >&3',
}
OUTPUTS = {"no such folder": "/proc/none/output", "a full disk": "/dev/full"}


@pytest.fixture
def populated(populated: Running) -> Running:
    populated.cloud.clock.set_speed(20)  # what cannot be printed is deleted, which takes its time
    return populated


def run(command: list[str], env: dict[str, str], how: str = 'exec "$@"') -> subprocess.CompletedProcess[str]:
    shell = ["bash", "-c", how, "bash", *command]
    return subprocess.run(shell, env=env, capture_output=True, text=True, timeout=60, check=False)


def environment(cloud: Running, tmp_path: Path, **more: str) -> dict[str, str]:
    return cloud.environment(
        HOME=str(tmp_path), ALIYUN_SECURITY_GROUP_ID="sg-local-cn-hangzhou", IMAGE_NAME=IMAGE, **more
    )


def require_undone(cloud: Running, before: set[str], done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 8, done.stderr
    assert "written" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert cloud.undeleted() == before


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_an_instance_is_deleted_if_its_id_cannot_be_printed(populated: Running, tmp_path: Path, broken: str) -> None:
    before = populated.undeleted()
    require_undone(populated, before, run(CREATE, environment(populated, tmp_path), broken))


@pytest.mark.parametrize("path", OUTPUTS.values(), ids=OUTPUTS)
def test_an_instance_is_deleted_if_its_id_cannot_be_a_step_output(
    populated: Running, tmp_path: Path, path: str
) -> None:
    before = populated.undeleted()
    env = environment(populated, tmp_path, GITHUB_ACTIONS="true", GITHUB_OUTPUT=path)
    require_undone(populated, before, run(CREATE, env))


@pytest.mark.parametrize("closed", ["stdout", "output"])
def test_a_closed_output_costs_no_instance(populated: Running, tmp_path: Path, closed: str) -> None:
    env = environment(populated, tmp_path, GITHUB_ACTIONS="true")
    env["GITHUB_OUTPUT"] = str(tmp_path / "file" if closed == "stdout" else tmp_path)
    done = run(CREATE, env, BROKEN["stdout is closed"] if closed == "stdout" else 'exec "$@"')
    assert done.returncode == 8, done.stderr
    assert "RunInstances" not in populated.cloud.gateway.calls


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_look_up_that_cannot_be_printed_is_an_error(populated: Running, tmp_path: Path, broken: str) -> None:
    require_undone(populated, populated.undeleted(), run(LOOK_UP, environment(populated, tmp_path), broken))


def test_a_closed_stderr_stops_nothing(populated: Running, tmp_path: Path) -> None:
    done = run(CREATE, environment(populated, tmp_path), 'exec "$@" 2>/dev/full')
    assert done.returncode == 0
    assert done.stdout.split()[-1] in populated.undeleted()


def test_with_stderr_closed_messages_do_not_become_results(populated: Running, tmp_path: Path) -> None:
    """They went to stdout, where a shell evaluates them."""
    env = environment(populated, tmp_path)
    done = run([*GOLDRUN, "instance", "create", "--image", IMAGE], env, 'exec "$@" 2>&-')
    assert done.returncode == 0
    assert all(line.partition("=")[0].isupper() for line in done.stdout.splitlines()), done.stdout
    done = run([*GOLDRUN, "image", "id", "nosuch"], env, 'exec "$@" 2>&-')
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(
    "command", ["sweep", "instance rm i-1", "image rm m-1", "setup --repo o/r", "runner down x --repo o/r"]
)
def test_with_stdin_closed_nobody_can_be_asked(populated: Running, tmp_path: Path, command: str) -> None:
    done = run([*GOLDRUN, *command.split()], environment(populated, tmp_path), 'exec "$@" <&-')
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["--help", "--version", "image ls --help"])
def test_pages_of_help_are_output_too(tmp_path: Path, command: str) -> None:
    env = {**os.environ, "HOME": str(tmp_path)}
    done = run([*GOLDRUN, *command.split()], env, BROKEN["stdout is on a full disk"])
    assert done.returncode == 8, done.stderr
    assert done.stderr.startswith("error: The result could not be written to stdout.")


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("more", [["--amount", "3"], ["--json", "--wait"]], ids=["several", "json"])
def test_instances_whose_ids_cannot_be_printed(
    populated: Running, tmp_path: Path, broken: str, more: list[str]
) -> None:
    before = populated.undeleted()
    command = [*GOLDRUN, "instance", "create", "--image", IMAGE, *more]
    require_undone(populated, before, run(command, environment(populated, tmp_path), broken))


RUNNER = {**BROKEN, "an output on a full disk": 'GITHUB_ACTIONS=true GITHUB_OUTPUT=/dev/full exec "$@"'}


@pytest.mark.parametrize("broken", RUNNER.values(), ids=RUNNER)
def test_a_runner_whose_name_cannot_be_printed_is_deleted_on_both_sides(
    populated: Running, tmp_path: Path, broken: str
) -> None:
    store = populated.cloud.store
    store.put(replace(store.settings(), boot_seconds=1.0, release_seconds=0.5))
    before = populated.undeleted()
    command = [*GOLDRUN, "runner", "up", "--repo", "octo-org/octo-repo", "--image", IMAGE]
    require_undone(populated, before, run(command, environment(populated, tmp_path, **populated.github()), broken))
    assert list(store.all(GitHubRunner)) == []


@pytest.mark.parametrize(("command", "code"), [("image ls", 8), ("image ls --json", 8), ("policy --for lookup", 8)])
def test_a_listing_on_a_full_disk_is_no_success(populated: Running, tmp_path: Path, command: str, code: int) -> None:
    done = run([*GOLDRUN, *command.split()], environment(populated, tmp_path), BROKEN["stdout is on a full disk"])
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("error: The result could not be written to stdout.")


def test_closing_stdout_during_a_listing_is_not_an_error(populated: Running, tmp_path: Path) -> None:
    done = run([*GOLDRUN, "image", "ls"], environment(populated, tmp_path), BROKEN["nobody reads stdout"])
    assert (done.returncode, done.stderr) == (0, "")


def test_a_table_shows_its_cells_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ARN has `:ram:` in it, which is the name of an emoji; a name may be in brackets, like markup."""
    from goldrun.cli import output

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.table(("NAME", "ARN"), [("[bold]x", "acs:ram::1:user/a")])
    shown = capsys.readouterr().out
    assert "acs:ram::1:user/a" in shown
    assert "[bold]x" in shown


def test_a_table_on_a_terminal_keeps_its_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chinese takes two places a sign; what would move the cursor is no part of a name."""
    from goldrun.cli import output

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    output.table(("NAME", "STATUS", "AGE"), [("构建机", "Available", "2d"), ("a\x1b[2J\nb", "Creating 40%", "3h")])
    assert capsys.readouterr().out.splitlines() == [
        "NAME     STATUS        AGE",
        "构建机   Available     2d",
        "a�[2J�b  Creating 40%  3h",
    ]


def test_a_table_has_colours_where_they_are_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from goldrun.cli import output

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for term, coloured in (("xterm-256color", True), ("dumb", False)):
        monkeypatch.setenv("TERM", term)
        output.table(("NAME", "STATUS"), [("x", "Available")])
        assert ("\x1b[32mAvailable\x1b[0m" in capsys.readouterr().out) is coloured

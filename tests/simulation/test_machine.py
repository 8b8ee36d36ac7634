"""Scripts on an instance: what is told of their output, and when."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from goldrun.cloud import assistant
from goldrun.errors import UnavailableError
from goldrun.launch.machine import Machine
from local_cloud import seed
from local_cloud.records import Instance, Invocation
from tests.conftest import NOW, REGION, Running
from tests.simulation.watching import meanwhile

LINES = [f"line {number:04}: unpacking something or other\n" for number in range(1000)]  # 43 KB


def run(frozen: Running, printed: str) -> tuple[list[tuple[float, str]], str]:
    """What a script of 100 seconds tells, with the second; and its output in the end."""
    where = {"region": REGION, "owner": seed.ACCOUNT, "created": NOW - 600.0, "ready": 0.0}
    frozen.cloud.store.put(Instance(id="i-machine", image="m-any", **where))  # type: ignore[arg-type]
    client, heard = frozen.client(), list[tuple[float, str]]()

    def print_it() -> None:
        (command,) = frozen.cloud.store.all(Invocation)
        frozen.cloud.store.put(replace(command, output=printed, seconds=100.0))

    meanwhile(client, "DescribeInvocationResults", print_it)
    began = client.clock.now()
    result = Machine(client, "i-machine", "test").run(
        "install",
        b"#!/bin/bash\n",
        timeout=600,
        variables={},
        report=lambda line: heard.append((client.clock.now() - began, line)),
    )
    assert result.ok
    return heard, result.output


def test_a_machine_that_does_not_answer_shows_its_console(frozen: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The advice was to read it, and the machine was deleted right after."""
    where = {"region": REGION, "owner": seed.ACCOUNT, "created": NOW - 600.0, "ready": 0.0}
    frozen.cloud.store.put(Instance(id="i-machine", image="m-any", **where))  # type: ignore[arg-type]
    monkeypatch.setattr("goldrun.cloud.assistant.is_ready", lambda *_: False)
    with pytest.raises(UnavailableError, match="does not answer") as caught:
        Machine(frozen.client(), "i-machine", "test").wait_until_ready(120.0)
    assert caught.value.why[0] == "the console's last lines:"
    assert "  i-machine login:" in caught.value.why
    assert "instance console" not in str(caught.value)


def test_a_short_output_is_told_line_by_line(frozen: Running) -> None:
    heard, output = run(frozen, "".join(LINES[:100]))
    assert [line for _, line in heard] == [line.rstrip("\n") for line in LINES[:100]]
    assert heard[9][0] < 15
    assert output == "".join(LINES[:100])


def test_of_a_long_output_the_beginning_and_the_end_are_told_and_what_is_missing(frozen: Running) -> None:
    """The assistant sends 6,000 bytes while a script runs, and keeps 24 KB of all; what is lost was not said."""
    heard, output = run(frozen, "".join(LINES))
    early = [line for at, line in heard if at < 100]
    assert early == [line.rstrip("\n") for line in LINES[: len(early)]]
    assert len("".join(LINES[: len(early)])) > 5900
    late = [line for at, line in heard if at >= 100]
    assert (
        late[0]
        == f"… {len(''.join(LINES)) - 24 * 1024:,} bytes are left out here: Cloud Assistant keeps 24 KB of an output."
    )
    assert late[-1] == LINES[-1].rstrip("\n")
    assert len(output) == 24 * 1024


def test_a_file_in_pieces_takes_no_other_files_with_it(
    frozen: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`data.part*` were its pieces: what the image had of that name was put at its end, and removed."""

    def send_file(*_: object, name: str, folder: str, content: bytes, **__: object) -> str:
        (Path(folder) / name).write_bytes(content)
        return "f-1"

    def run_command(*_: object, script: bytes, **__: object) -> str:
        subprocess.run(["bash"], input=script, check=True)
        return "t-1"

    monkeypatch.setattr(assistant, "send_file", send_file)
    monkeypatch.setattr(assistant, "run_command", run_command)
    done = assistant.Result("Success", 0, "", "")
    monkeypatch.setattr(assistant, "read_delivery", lambda *_: done)
    monkeypatch.setattr(assistant, "read_result", lambda *_: done)
    (tmp_path / "data.partial").write_text("another file")
    (tmp_path / "data.part002").write_text("a third one")
    content = os.urandom(30_000)
    Machine(frozen.client(), "i-1", "key").send(content, f"{tmp_path}/data", mode="0600", owner="root")
    assert (tmp_path / "data").read_bytes() == content
    assert sorted(one.name for one in tmp_path.iterdir()) == ["data", "data.part002", "data.partial"]

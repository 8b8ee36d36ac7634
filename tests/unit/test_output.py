"""Tables on narrow terminals: what is left out, what gets more lines, and what is never split."""

from __future__ import annotations

import sys

import pytest

from goldrun import stdio
from goldrun.cli import output

VERSION = "github-runner-ubuntu24-amd64-20261123080000"


def drawn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: tuple[str, ...], *cells: str
) -> list[str]:
    """The lines of a table of one row on a terminal of 80 columns."""
    monkeypatch.setattr(stdio, "is_terminal", lambda stream: stream is sys.stdout)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    output.table(columns, [cells])
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_the_first_column_stays(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """At 80 columns a history had no versions."""
    columns = ("VERSION", "CHANNEL", "STATUS", "AGE", "PRUNE")
    lines = drawn(monkeypatch, capsys, columns, VERSION, "latest", "Deprecated", "12d", "keep: " + "reason " * 9)
    assert lines[0].split() == ["VERSION", "STATUS", "PRUNE"]
    assert lines[1].startswith(f"{VERSION}  Deprecated  keep: reason")
    assert max(map(len, lines)) <= 80


def test_where_a_setting_comes_from_stays(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """At 80 columns `config show --origin` showed no origins: values are folded instead."""
    value = "https://github.com/actions/runner/releases/download" * 2
    lines = drawn(monkeypatch, capsys, ("VARIABLE", "VALUE", "ORIGIN"), "GOLDRUN_RUNNER_MIRROR", value, "default")
    assert lines[0].split() == ["VARIABLE", "VALUE", "ORIGIN"]
    assert lines[1].endswith("  default")
    assert value == "".join(line.split()[0 if number else 1] for number, line in enumerate(lines[1:]))


@pytest.mark.parametrize("name", ["goldrun-octo-repo-1234567890-1-a1b2c3d4-12", "x" * 100])
def test_names_and_ids_are_not_split(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """They were folded in the middle, and could not be copied."""
    columns = ("NAME", "STATE", "INSTANCE", "TYPE", "ID")
    cells = (name, "online", "i-bp1234567890abcdefgh", "ecs.g7.2xlarge", "m-bp1234567890abcdefgh")
    _, row = drawn(monkeypatch, capsys, columns, *cells)
    assert {name, "m-bp1234567890abcdefgh"} <= {*row.split()} <= {*cells}


def test_for_programs_a_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The line breaks and tabs of a description looked like rows and columns."""
    output.table(("FIELD", "VALUE"), [("description", "two\tcolumns\r\nm-other  row")])
    assert capsys.readouterr().out == "FIELD\tVALUE\ndescription\ttwo columns  m-other  row\n"

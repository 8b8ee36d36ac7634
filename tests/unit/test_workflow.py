"""What is printed inside a GitHub Actions job, as GitHub's runner reads it."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldrun import script, workflow
from goldrun.cli import output
from goldrun.cli.reports import view
from goldrun.errors import GoldrunError
from tests.commands import run_goldrun

COMMANDS = (
    "add-mask",
    "add-path",
    "debug",
    "echo",
    "error",
    "group",
    "notice",
    "set-env",
    "set-output",
    "stop-commands",
)
FOREIGN = [
    "::error::x",
    "  \t::add-mask::x",
    "::Set-Output name=a::b",
    "\u00a0::error::x",
    "##[error]x",
    "12:00 ##[add-mask]x",
    "a##[SET-ENV name=PATH]/tmp",
    "###[error]x",
    "##[no] ##[##[error]x",
    "harmless\r::error::x",
    "harmless\r##[error]x\n",
    # What a comparison by culture does not see.
    ":\u200d:error::x",
    "\ufeff::error::x",
    "\x1b::error::x",
    "\u00ad:\x00:error::x",
    "#\u200b#[error]x",
    "##\x7f[error]x",
]
INNOCENT = ["std::vector", "a::b::c", "#include [x]", "## heading", "12:30:45", "[error] ##", "C# [x]", ""]


def _seen(text: str) -> str:
    """What a comparison by culture compares."""
    return "".join(one for one in text if unicodedata.category(one) not in ("Cc", "Cf", "Cn") or one in "\t ")


def taken(text: str) -> list[str]:
    """The commands that the runner takes out of what is printed (``ActionCommand.TryParseV2`` and ``TryParse``)."""
    found = []
    for line in re.split(r"\r\n|\r|\n", text):
        plain = _seen(line).lstrip()
        info = ""
        if plain.startswith("::") and (end := plain.find("::", 2)) >= 0:
            info = plain[2:end]
        if info.split(" ")[0].lower() not in COMMANDS:
            _, sign, rest = plain.partition("##[")
            info = rest.partition("]")[0] if sign and "]" in rest else ""
        name = info.split(" ")[0].lower()
        if name in COMMANDS:
            found.append(name)
    return found


@pytest.mark.parametrize("text", FOREIGN)
def test_form_encoded_commands_are_refused(text: str) -> None:
    """``##[…]`` was let through, ``::`` after a carriage return too."""
    if text != "##[no] ##[##[error]x":
        assert taken(text), "the oracle takes it as it stands"
    assert taken(workflow.harmless(text)) == []
    assert "".join(workflow.harmless(text).split()) == "".join(text.split()), "a reader sees the same"


@pytest.mark.parametrize("text", INNOCENT)
def test_other_text_stays_unchanged(text: str) -> None:
    assert workflow.harmless(text) == text


PIECES = [
    "::",
    ":",
    "##[",
    "#",
    "[",
    "]",
    "error",
    "add-mask",
    " ",
    "\t",
    "\r",
    "\n",
    "\u200d",
    "\ufeff",
    "\x00",
    "\x7f",
    "x",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_every_combination(text: str) -> None:
    assert taken(workflow.harmless(text)) == []


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")


@pytest.mark.usefixtures("job")
@pytest.mark.parametrize("text", FOREIGN)
def test_every_end_of_a_job(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.result(text)
    output.result_json({"a": text, text: [text]})
    output.note(text)
    output.table(("NAME", text), [(text, "a")])
    script.note(text)
    output.error(GoldrunError("it failed", why=[text], fix=[text]))
    report = view(("amd64",), quiet=False).of("amd64")
    report.begin("a step")
    report.line(text)
    report.end("a step", 1.0, failed=False)
    printed = capsys.readouterr()
    assert taken(printed.out) == []
    assert taken(printed.err) == ["error", "group"], "goldrun's own"


@pytest.mark.usefixtures("job")
def test_a_step_of_a_recipes_cannot_end_its_own_title(capsys: pytest.CaptureFixture[str]) -> None:
    report = view(("amd64",), quiet=False).of("amd64")
    report.end("a\n::add-mask::b", 1.0, failed=False)
    assert taken(capsys.readouterr().err) == ["group"]


@pytest.mark.usefixtures("job")
def test_json_and_form_input_are_equivalent(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"a": [*FOREIGN, "镜像", "\x7f"]}
    output.result_json(value)
    assert json.loads(capsys.readouterr().out) == value


def test_a_wrong_option_is_an_annotation_in_a_job(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "GOLDRUN_"))}
    told = run_goldrun(("image", "ls", "--nope"), env | {"GITHUB_ACTIONS": "true"}, tmp_path, code=2)
    assert "::error title=goldrun::No such option" in told.stderr
    assert "image ls [OPTIONS]" in told.stderr, "its usage"
    assert "::error" not in run_goldrun(("image", "ls", "--nope"), env, tmp_path, code=2).stderr


def test_outside_a_job_words_stay_unchanged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    output.result("::error::x ##[error]")
    assert capsys.readouterr().out == "::error::x ##[error]\n"

"""People read Chinese where their environment asks for it; programs read the same bytes in every language."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldrun import messages
from goldrun.cli import translated
from goldrun.language import say, speaks_chinese
from tests.commands import GOLDRUN, Goldrun, run_goldrun
from tests.conftest import Running

ROOT = Path(__file__).parents[2]
LOOK_UP = [sys.executable, "-S", str(ROOT / ".github/scripts/get-image-id-by-name.py")]
CHINESE = re.compile(r"[一-鿿]")
CATALOGUE = messages.read((ROOT / "src/goldrun/locale/zh_CN/LC_MESSAGES/goldrun.mo").read_bytes())


def run(command: Sequence[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, capture_output=True, encoding="utf-8", timeout=60, check=False)


@pytest.mark.parametrize(
    ("env", "chinese"),
    [
        ({}, False),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.GB18030"}, True),
        ({"LC_ALL": "", "LANG": "zh_CN"}, True),
        ({"GOLDRUN_LANG": "zh-CN"}, True),
        ({"GOLDRUN_LANG": "zh", "LC_ALL": "C"}, True),
        ({"GOLDRUN_LANG": "en", "LANG": "zh_CN.UTF-8"}, False),
        ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, False),
        ({"LC_MESSAGES": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, False),
        ({"LANG": "zh_TW.UTF-8"}, False),
    ],
)
def test_the_first_variable_that_is_set_decides(env: dict[str, str], chinese: bool) -> None:
    assert speaks_chinese(env) == chinese


def test_a_help_page_is_chinese_and_fits_the_terminal(tmp_path: Path) -> None:
    env = {**os.environ, "GOLDRUN_LANG": "zh_CN", "COLUMNS": "80"}
    shown = run_goldrun(("image", "rollback", "--help"), env, tmp_path).stdout
    assert "选项：" in shown
    assert "显示此信息并退出。" in shown
    assert "用法：" in shown
    assert all(translated._columns(line) <= 80 for line in shown.splitlines() if "    goldrun " not in line)
    assert "goldrun image rollback github-runner-ubuntu24 --arch amd64 --to 20261114080000" in shown


def test_a_wrong_option_is_answered_in_chinese(tmp_path: Path) -> None:
    env = {**os.environ, "GOLDRUN_LANG": "", "LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}
    done = run_goldrun(("image", "ls", "--nonsense"), env, tmp_path, code=2)
    assert CHINESE.search(done.stderr)
    assert "--nonsense" in done.stderr


@pytest.mark.parametrize("command", [[*GOLDRUN, "image", "id", "no-such-image"], LOOK_UP], ids=["command", "script"])
def test_an_error_is_chinese_with_the_same_exit_code(populated: Running, tmp_path: Path, command: list[str]) -> None:
    env = populated.environment(HOME=str(tmp_path), IMAGE_NAME="no-such-image")
    english, chinese = run(command, env), run(command, {**env, "GOLDRUN_LANG": "zh_CN"})
    assert english.returncode == chinese.returncode == 1
    assert english.stdout == chinese.stdout == ""
    assert chinese.stderr.startswith("错误：")
    assert "no-such-image" in chinese.stderr
    assert not CHINESE.search(english.stderr)


def test_a_single_file_script_without_a_catalogue_speaks_english(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "tools/build_scripts.py", tmp_path], check=True, capture_output=True)
    script = tmp_path / LOOK_UP[2].rsplit("/", 1)[1]
    assert "Needs Python 3.11, nothing installed." in script.read_text()
    done = run([sys.executable, "-S", str(script)], {"GOLDRUN_LANG": "zh_CN"})
    assert (done.returncode, done.stderr.split("\n")[0]) == (2, "error: IMAGE_NAME is not set.")


@pytest.mark.parametrize("command", ["image ls", "image ls --json", "image id github-runner-ubuntu24 --arch amd64"])
def test_results_are_the_same_bytes(goldrun: Goldrun, command: str) -> None:
    english, chinese = (goldrun(*command.split(), GOLDRUN_LANG=name) for name in ("en", "zh_CN"))
    assert english.stdout == chinese.stdout


def test_a_translation_has_the_same_values() -> None:
    """Every name in braces, and every option, variable and command."""
    named = re.compile(r"\{[^}]*\}|%\(\w+\)s|--[a-z-]+|\b[A-Z]+_[A-Z_]+\b")
    wrong = []
    for english, chinese in CATALOGUE.items():
        says = english.rsplit("\0", maxsplit=1)[-1]  # the plural, which Chinese has alone
        if english and {*named.findall(says)} != {*named.findall(chinese)}:
            wrong.append(english)
    assert wrong == []


def test_a_message_is_found_by_the_text_around_its_values() -> None:
    for template in CATALOGUE:
        literals, names = messages.parse(template.rsplit("\0", maxsplit=1)[-1])
        values = [f"value{number}" for number, _ in enumerate(names)]
        text = literals[0] + "".join(a + b for a, b in zip(values, literals[1:], strict=True))
        found = list(messages.matches(text, literals))
        # Of values that touch each other nobody knows where one ends.
        assert values in found or ("" in literals[1:-1] and "".join(values) in map("".join, found))


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4), st.text(max_size=30))
def test_a_match_consists_of_the_literals_and_the_values(literals: list[str], text: str) -> None:
    for values in messages.matches(text, literals):
        assert literals[0] + "".join(a + b for a, b in zip(values, literals[1:], strict=True)) == text


def test_no_message_is_mistaken_for_another() -> None:
    for (literals, names), chinese in messages._catalogue()[1]:
        values = {name: f"value-{number}" for number, name in enumerate(dict.fromkeys(names))}
        text = literals[0] + "".join(values[a] + b for a, b in zip(names, literals[1:], strict=True))
        assert messages._best(text)[2] == chinese.format_map(values), text


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "error: r/recipe.toml:8: 'eight' is not a range of vCPUs; for example 8, 8.., ..64 or 8..64.",
            "错误：r/recipe.toml:8：'eight' 不是有效的 vCPUs 范围；例如 8、8..、..64 或 8..64",
        ),
        ("  why: r/recipe.toml:3: there is no step 'Nope'", "  原因：r/recipe.toml:3：没有步骤 'Nope'"),
        ("error: a/recipe.toml:8: run.sh cannot be read.", "错误：a/recipe.toml:8：无法读取 run.sh"),
    ],
)
def test_a_mistake_in_a_file_is_translated_behind_its_place(english: str, chinese: str) -> None:
    """The place was taken for a part of a name, or nothing was found at all."""
    assert messages.translate(english) == chinese


def test_the_longest_matching_message_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "{what} Trying again in {pause} s.": "{what}{pause} s 后重试。",
        "{action} was answered with {code}.": "{action} 返回 {code}。",
        "{price}, {saving} below the list price": "{price}，便宜 {saving}",
        "{price}, at most {limit}": "{price}，至多 {limit}",
    }
    templates = [(messages.parse(english), chinese) for english, chinese in said.items()]
    monkeypatch.setattr(messages, "_catalogue", lambda: (said, templates))
    messages._best.cache_clear()
    assert (
        messages.translate("Get was answered with Throttling. Trying again in 2 s.")
        == "Get 返回 Throttling。2 s 后重试。"
    )
    assert messages.translate("1 CNY, at most 2, 90% below the list price") == "1 CNY，至多 2，便宜 90%"
    foreign = "Look in the other box: it says, at most, what it says."
    assert messages.translate(foreign) == foreign
    messages._best.cache_clear()


@given(st.text())
def test_every_text_can_be_translated(text: str) -> None:
    assert say({}, text) == text
    say({"GOLDRUN_LANG": "zh"}, text)


@given(st.text(alphabet="ab 中文，（）", max_size=60))
def test_lines_are_broken_and_nothing_is_lost(text: str) -> None:
    lines = translated._fill(text, 10)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one() -> None:
    lines = translated._fill("一二三四，五六七八（九十）。一二三（四五）", 10)
    assert lines == ["一二三四，", "五六七八", "（九十）。", "一二三（四", "五）"]

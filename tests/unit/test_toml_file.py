"""A mistake in a TOML file is told with its line, whichever table it is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldrun.errors import UsageError
from goldrun.serve.config import Config
from goldrun.toml_file import parse, read_file

START = '[github]\nscopes = ["o/r"]\n[network]\n[profile.a]\nimage = "x"\nmin_idle = 1\ncpu = "4"\n'


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ('cpus = "4"', "[profile.b] has no key cpus: did you mean cpu?"),
        ('min_idle = "two"', "Expected `int`, got `str`"),
        ('max_runners = "x"', "Expected `int`, got `str`"),
        ('protect = "zz"', "profile.b.protect is one of '1h', 'none', not 'zz'"),
        ("[profile.b.max_cost]\nweek = 3", "[profile.b.max_cost] has no key week"),
        ("cpu = 2026-01-01", "Expected `str`, got `date`"),
        ("cpu = 12:00:00", "got `time`"),
        ("max_cost = { day = 2026-01-01 }", "got `date`"),
    ],
)
def test_a_mistake_in_the_second_table(wrong: str, words: str) -> None:
    """It was looked for in the first one: the wrong line, or a traceback that ended a running server."""
    text = f'{START}[profile.b]\nimage = "y"\n{wrong}\n'
    with pytest.raises(UsageError) as caught:
        parse(Path("serve.toml"), text, Config, fix="the schema")
    line = len(text.splitlines())
    assert caught.value.what.startswith(f"serve.toml:{line}: ")
    assert words in caught.value.what
    assert not caught.value.why


def test_a_value_that_is_none_of_those_allowed_hides_no_other_mistake() -> None:
    """It ended the search."""
    text = f'{START}protect = "zz"\nmin_idel = 1\n[profile.b]\ncpu = 4\n'
    with pytest.raises(UsageError) as caught:
        parse(Path("serve.toml"), text, Config, fix="the schema")
    assert [caught.value.what, *caught.value.why] == [
        "serve.toml:8: profile.a.protect is one of '1h', 'none', not 'zz'.",
        "serve.toml:9: [profile.a] has no key min_idel: did you mean min_idle?",
        "serve.toml:10: [profile.b] lacks the key image.",
        "serve.toml:11: profile.b.cpu: Expected `str`, got `int`.",
    ]


def test_a_text_without_quotes_is_told_what_it_lacks() -> None:
    """It was an invalid value, and no more."""
    with pytest.raises(UsageError, match=r"serve.toml:1: Invalid value") as caught:
        parse(Path("serve.toml"), "arch = amd64\n", Config, fix="the schema")
    assert caught.value.fix == ('write text in quotes, for example arch = "amd64"',)


@pytest.mark.parametrize("text", [f"x = {'1' * 5000}", f"x = {'[' * 5000}"])
def test_what_the_parser_cannot_read(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        parse(Path("serve.toml"), text, Config, fix="the schema")


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert read_file(file, fix="the schema") == "x = 1\n"

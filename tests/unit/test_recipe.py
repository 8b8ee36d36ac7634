"""Recipes: what is right, what is not and on which line, and what the hash depends on."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from goldrun.bake.reading import load
from goldrun.bake.recipe import schema
from goldrun.bake.template import TEMPLATE
from goldrun.cloud.assistant import command
from goldrun.errors import GoldrunError, UsageError
from goldrun.toml_file import line_of

NOISE = b"#!/bin/bash\n" + random.Random(1).randbytes(30_000).hex().encode()[:59_000]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, text in TEMPLATE.items():
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace("FAMILY", "tools"))
    return tmp_path


def change(folder: Path, old: str, new: str) -> int:
    """Change the recipe; returns the line of the change."""
    file = folder / "recipe.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def test_the_template_is_valid(folder: Path) -> None:
    loaded = load(folder)
    assert loaded.recipe.family == "tools"
    assert loaded.architectures == ("amd64", "arm64")
    assert loaded.variables("amd64") == {"JQ_VERSION": "1.7", "ARCH": "amd64", "FAMILY": "tools"}


def test_every_recipe_in_this_repository_is_valid() -> None:
    for file in (ROOT / "recipes").glob("*/recipe.toml"):
        assert load(file.parent).recipe.family == file.parent.name


WRONG: dict[str, tuple[str, str, str]] = {
    "an unknown key": ('timeout = "10m"', 'timeuot = "10m"', "has no key timeuot: did you mean timeout?"),
    "an unknown table": ("[retention]", "[retain]", "the file has no key retain"),
    "a number for a text": ('description = "Ubuntu 24.04 with jq"', "description = 7", "Expected `str`, got `int`"),
    "a description that is an address": ('"Ubuntu 24.04 with jq"', '"https://wiki.example.com"', "ECS refuses"),
    "a description of one character": ('"Ubuntu 24.04 with jq"', '"x"', "2 characters"),
    "a text for a number": ("disk = 40", 'disk = "big"', "Expected `int`, got `str`"),
    "a version that is a number": ('jq = "1.7"', "jq = 1.7", "Expected `str`, got `float`"),
    "no TOML": ('amd64 = "acs:ubuntu_24_04_x64"', "amd64 = acs", "Invalid value"),
    "a script that is not there": ('script = "scripts/install.sh"', 'script = "none.sh"', "No such file"),
    "a script of elsewhere": ('script = "scripts/install.sh"', 'script = "../../etc/passwd"', "outside the recipe"),
    "a time that is none": ('timeout = "10m"', 'timeout = "soon"', "not a duration"),
    "a mode that is none": ('mode = "0644"', 'mode = "rw-r--r--"', "not a mode"),
    "a target that is no path": ('target = "/etc/motd"', 'target = "motd"', "not the absolute path"),
    "a range that is none": ('cpu = "2.."', 'cpu = "two"', "not a range of vCPUs"),
    "a disk too small": ("disk = 40", "disk = 4", "20 to 2048 GiB"),
    "a family with blanks": ('family = "tools"', 'family = "my tools"', "is not a valid image name"),
    "a family with an architecture": ('family = "tools"', 'family = "tools-amd64"', "not part of a family"),
    "a variable with a blank": ('jq = "1.7"', '"j q" = "1.7"', "cannot be the name of a variable"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_are_reported_with_their_line(folder: Path, case: str) -> None:
    old, new, words = WRONG[case]
    line = change(folder, old, new)
    with pytest.raises(UsageError) as caught:
        load(folder)
    assert re.match(rf".*recipe\.toml:{line}: ", caught.value.what), caught.value.what
    assert words in caught.value.what


def test_all_mistakes_are_reported_at_once(folder: Path) -> None:
    first = change(folder, 'script = "scripts/install.sh"', 'script = "none.sh"')
    second = change(folder, "disk = 40", "disk = 4")
    with pytest.raises(UsageError) as caught:
        load(folder)
    message = str(caught.value)
    assert f"recipe.toml:{first}: " in message
    assert f"recipe.toml:{second}: " in message


MISSING: dict[str, tuple[str, str]] = {
    "no family": (r'family = "tools"\n', "lacks the key family"),
    "no base": (r'\[base\].*?\n\n', "name a base image family"),
    "no architecture": (r'amd64 = .*?\narm64 = .*?\n', "name a base image family"),
    "no steps": (r"\[\[steps\]\].*?\n\n", "at least one step"),
    "no smoke test": (r"\[\[smoke\]\].*?\n\n", "at least one smoke test"),
    "no name of a step": (r'name = "Install jq"\n', "lacks the key name"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSING)
def test_missing_members_are_reported(folder: Path, case: str) -> None:
    pattern, words = MISSING[case]
    file = folder / "recipe.toml"
    text, count = re.subn(pattern, "", file.read_text(), count=1, flags=re.DOTALL)
    assert count == 1
    file.write_text(text)
    with pytest.raises(UsageError, match=re.escape(words)):
        load(folder)


def test_a_script_without_its_first_line(folder: Path) -> None:
    (folder / "scripts/install.sh").write_text("apt-get install jq\n")
    with pytest.raises(UsageError, match="has no first line"):
        load(folder)


def test_mistakes_of_every_type_are_reported_at_once(folder: Path) -> None:
    places = {
        change(folder, 'family = "tools"', "family = 3"): "Expected `str`, got `int`",
        change(folder, "[base]", "base = 5\n[bass]"): "Expected `object`, got `int`",
        change(folder, "[bass]", "[bass]"): "has no key bass",
        change(folder, 'jq = "1.7"', "jq = 1.7"): "Expected `str`, got `float`",
        change(folder, 'name = "Install jq"\n', ""): "lacks the key name",
        change(folder, "disk = 40", "disk = []"): "Expected `int`, got `array`",
    }
    with pytest.raises(UsageError) as caught:
        load(folder)
    assert len(caught.value.why) == len(places) - 1
    message = str(caught.value)
    lines = [int(line) for line in re.findall(r"recipe\.toml:(\d+): ", message)]
    assert lines == sorted(lines)
    for words in places.values():
        assert words in message


def test_windows_line_ends_of_a_script_are_found(folder: Path) -> None:
    file = folder / "recipe.toml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    load(folder)
    script = folder / "scripts/install.sh"
    script.write_bytes(script.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(UsageError, match=r"Windows line ends.* sed -i 's/\\r\$//' "):
        load(folder)


@pytest.mark.parametrize("name", ["recipe.toml", "scripts/install.sh", "files/motd"])
@pytest.mark.parametrize("kind", ["fifo", "loop", "folder"])
def test_what_is_no_file_is_not_read(folder: Path, name: str, kind: str) -> None:
    path = folder / name
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path.name)
    else:
        path.mkdir()
    with pytest.raises(UsageError, match=r"is not a file|has no files|Too many levels|in a circle"):
        load(folder)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "none")


SAME: dict[str, Callable[[Path], object]] = {
    "a comment": lambda folder: change(folder, "# bash, as root", "# really bash, as root"),
    "a time limit": lambda folder: change(folder, 'timeout = "10m"', 'timeout = "20m"'),
    "a step's name": lambda folder: change(folder, 'name = "Install jq"', 'name = "jq"'),
    "the builder's size": lambda folder: change(folder, 'cpu = "2.."', 'cpu = "8.."'),
    "the retention": lambda folder: change(folder, "keep = 2", "keep = 5"),
    "the description": lambda folder: change(folder, "Ubuntu 24.04 with jq", "jq"),
    "a file that nothing names": lambda folder: (folder / "README.md").write_text("hello"),
    "the other architecture's base": lambda folder: change(folder, "acs:ubuntu_24_04_arm64", "acs:another"),
}
OTHER: dict[str, Callable[[Path], object]] = {
    "a byte of a script": lambda folder: (folder / "scripts/install.sh").write_text(
        TEMPLATE["scripts/install.sh"] + "\n"
    ),
    "a byte of a file": lambda folder: (folder / "files/motd").write_text("x"),
    "a version": lambda folder: change(folder, 'jq = "1.7"', 'jq = "1.8"'),
    "a mode": lambda folder: change(folder, 'mode = "0644"', 'mode = "0600"'),
    "a target": lambda folder: change(folder, "/etc/motd", "/etc/motd2"),
    "a test": lambda folder: change(folder, "jq --version", "jq -V"),
    "the disk": lambda folder: change(folder, "disk = 40", "disk = 60"),
}


@pytest.mark.parametrize("case", SAME)
def test_what_does_not_change_the_content_does_not_rebuild(folder: Path, case: str) -> None:
    before = load(folder).version_hash("amd64", "m-base")
    SAME[case](folder)
    assert load(folder).version_hash("amd64", "m-base") == before


@pytest.mark.parametrize("case", OTHER)
def test_what_changes_the_content_rebuilds(folder: Path, case: str) -> None:
    before = load(folder).version_hash("amd64", "m-base")
    OTHER[case](folder)
    assert load(folder).version_hash("amd64", "m-base") != before


def test_the_place_of_a_file_among_the_steps_is_in_the_hash(folder: Path) -> None:
    """It was the step's name: steps that changed names moved the file, and nothing was built."""

    def made(first: str, second: str) -> str:
        change(folder, 'mode = "0644"', 'mode = "0644"\nbefore = "Ours"')
        change(folder, 'name = "Install jq"', f'name = "{first}"')
        change(folder, "[[tests]]", f'[[steps]]\nname = "{second}"\nscript = "more.sh"\n[[tests]]')
        (folder / "more.sh").write_text("#!/bin/bash\n")
        found = load(folder).version_hash("amd64", "m-base")
        (folder / "recipe.toml").write_text(TEMPLATE["recipe.toml"].replace("FAMILY", "tools"))
        return found

    assert made("Ours", "Install jq") != made("Install jq", "Ours")
    assert made("Install jq", "Ours") == made("Other", "Ours")


def test_architecture_and_base_are_in_the_hash(folder: Path) -> None:
    loaded = load(folder)
    hashes = {loaded.version_hash(arch, base) for arch in ("amd64", "arm64") for base in ("m-1", "m-2")}
    assert len(hashes) == 4


def test_the_published_schema_is_the_code_s() -> None:
    published = json.loads((ROOT / "schemas/recipe.schema.json").read_text(encoding="utf-8"))
    assert published == json.loads(json.dumps(schema())), "run: goldrun recipe schema > schemas/recipe.schema.json"


def test_lines() -> None:
    text = 'a = 1\n[t]\nb = 2\n[[x]]\nc = 3\n[[x]]\n"d e" = 4\nf.g = 5\n'
    assert line_of(text, ("a",)) == 1
    assert line_of(text, ("t", "b")) == 3
    assert line_of(text, ("x", 0, "c")) == 5
    assert line_of(text, ("x", 1, "d e")) == 7
    assert line_of(text, ("x", 1, "f", "g")) == 8
    assert line_of(text, ("x", 1, "missing")) == 6
    assert line_of(text, ("nothing",)) == 1


def test_long_scripts_are_packed_and_longer_ones_refused() -> None:
    short = command(b"#!/bin/bash\ntrue\n", {"A": "it's"})
    assert short.startswith(b"#!/bin/bash\nexport A='it'\"'\"'s'\n")
    long = command(b"#!/bin/bash\n" + b"echo a line that repeats\n" * 2000, {})
    assert len(long) < 24 * 1024 * 3 // 4
    assert b"gzip -d" in long
    with pytest.raises(GoldrunError, match="split it"):
        command(NOISE, {})


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize(
    ("first", "code", "printed"),
    [
        ("#!/bin/bash -e", 1, ""),
        ("#!/bin/bash -eu", 1, ""),
        ("#!/usr/bin/env -S bash -euo pipefail", 1, ""),
        ("#!/bin/bash", 0, "on\n"),
        ("#!/usr/bin/env bash", 0, "on\n"),
    ],
)
def test_options_in_a_script_s_first_line_count(first: str, code: int, printed: str, long: bool) -> None:
    """Scripts of actions/runner-images begin with `#!/bin/bash -e`: they went on after a command that had failed."""
    more = "# a line that repeats\n" * 2000 if long else ""
    sent = command(f"{first}\nfalse | cat\nfalse\n{more}echo on\n".encode(), {"A": "b"})
    done = subprocess.run(["bash"], input=sent, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.decode()) == (code, printed)


@pytest.mark.parametrize("first", ["#!/usr/bin/env python3", "#!/usr/bin/fish", "#!/bin/zsh"])
def test_a_script_for_another_program_is_found_by_the_check(folder: Path, first: str) -> None:
    """It was run by bash, on a builder that costs money."""
    (folder / "scripts/install.sh").write_text(f"{first}\n")
    with pytest.raises(UsageError, match="scripts are run by bash"):
        load(folder)
    for good in ("#!/bin/sh", "#!/usr/bin/env -S bash -e", "#! /bin/dash"):
        (folder / "scripts/install.sh").write_text(f"{good}\n")
        load(folder)


def test_a_script_that_cannot_be_sent_is_found_by_the_check(folder: Path) -> None:
    (folder / "scripts/install.sh").write_bytes(NOISE)
    with pytest.raises(UsageError, match="split it"):
        load(folder)


def test_the_latest_runner_enters_the_hash_as_the_version_that_it_is(folder: Path) -> None:
    change(folder, 'jq = "1.7"', 'jq = "1.7"\nrunner = "latest"')
    loaded = load(folder)
    assert loaded.wants_latest_runner
    one, other = loaded.with_runner("2.337.0"), loaded.with_runner("2.338.0")
    assert not one.wants_latest_runner
    assert one.variables("amd64")["RUNNER_VERSION"] == "2.337.0"
    assert one.variables("amd64")["JQ_VERSION"] == "1.7"
    assert one.version_hash("amd64", "m-1") != other.version_hash("amd64", "m-1")
    change(folder, 'runner = "latest"', 'runner = "2.337.0"')
    pinned = load(folder)
    assert not pinned.wants_latest_runner
    assert pinned.version_hash("amd64", "m-1") == one.version_hash("amd64", "m-1")


def test_the_recipe_of_the_guides_images_takes_the_latest_runner() -> None:
    """A pinned one gets no jobs any more some weeks after the next release."""
    assert load(ROOT / "recipes/github-runner-ubuntu24").wants_latest_runner


def test_the_small_image_has_no_languages_and_pins_nothing_of_them() -> None:
    whole = load(ROOT / "recipes/github-runner-ubuntu24")
    small = load(ROOT / "recipes/github-runner-ubuntu24-small")
    assert {step.name for step in small.recipe.steps} < {step.name for step in whole.recipe.steps}
    assert {name for name, wanted in small.recipe.features.items() if wanted} == {"docker", "aliyun_cli"}
    assert "NODE_VERSION" in whole.variables("amd64")
    assert "NODE_VERSION" not in small.variables("amd64")


def test_every_file_that_the_runners_image_downloads_is_pinned_for_both_architectures() -> None:
    tools = load(ROOT / "recipes/github-runner-ubuntu24").recipe.tools
    fetched = {name for name, tool in tools.items() if tool.url}
    assert fetched == {"gh", "node", "python", "go", "java", "kubectl", "helm", "opentofu", "aliyun_cli"}
    for name in fetched:
        assert len(set(tools[name].sha256.values())) == 2, name
        assert tools[name].version.partition("+")[0] in tools[name].file("amd64")

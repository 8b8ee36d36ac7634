"""The user data of a runner: what is written on the instance, with which settings, and within ECS's limit."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from goldrun.errors import UsageError
from goldrun.guest import FOLDER
from goldrun.launch.settings import MAX_USER_DATA
from goldrun.runners.bootstrap import Bootstrap, configuration, user_data


def assignments(data: bytes) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_0-9]+)=(\S*)$", data.decode(), re.MULTILINE))


def test_every_setting_reaches_the_instance() -> None:
    bootstrap = Bootstrap(
        life=7200.4,
        runner_url="https://example.com/runner.tar.gz",
        runner_sha256="ab12",
        endpoint="http://127.0.0.1:1",
        config_seconds=301.0,
        job_seconds=901.0,
        notice_seconds=121.0,
        examine_seconds=61.0,
        longest_job=3600.0,
    )
    found = assignments(user_data(bootstrap, {"MORE": "of an engine"}))
    assert found.items() >= {
        ("LIFE_SECONDS", "7200"),
        ("CONFIG_SECONDS", "301"),
        ("JOB_SECONDS", "901"),
        ("IDLE_SECONDS", "3600"),
        ("NOTICE_SECONDS", "121"),
        ("EXAMINE_SECONDS", "61"),
        ("ENDPOINT", "http://127.0.0.1:1"),
        ("RUNNER_URL", "https://example.com/runner.tar.gz"),
        ("RUNNER_SHA256", "ab12"),
    }
    assert b"MORE='of an engine'\n" in user_data(bootstrap, {"MORE": "of an engine"})


def test_the_self_destruct_imports_nothing_that_the_instance_lacks() -> None:
    """The package is installed where the tests run, and so would hide it."""
    data = user_data(Bootstrap(life=7200.0))
    assert b"\nimport signature\n" in data
    assert not re.search(rb"^\s*(from|import) goldrun", data, re.MULTILINE)


def test_user_data_has_the_length_limit_of_ecs() -> None:
    room = MAX_USER_DATA - len(user_data(Bootstrap(life=7200.0, setup="#")))
    longest = Bootstrap(life=7200.0, setup="#" * (room + 1))
    assert len(user_data(longest)) == MAX_USER_DATA
    with pytest.raises(UsageError, match="ECS takes 32,768"):
        user_data(Bootstrap(life=7200.0, setup="#" * (room + 2)))


def test_a_script_that_would_end_its_own_file_is_refused() -> None:
    marker = re.search(rb"<<'(\w+)'", user_data(Bootstrap(life=7200.0)))
    assert marker is not None
    with pytest.raises(UsageError, match="A line of the setup script"):
        user_data(Bootstrap(life=7200.0, setup=f"echo\n{marker[1].decode()}\necho"))


def test_a_configuration_is_complete_once_its_last_line_has_arrived() -> None:
    assert (
        configuration({"URL": "https://github.com/a/b", "NAME": "n"}) == b"URL=https://github.com/a/b\nNAME=n\nEND=1\n"
    )


@pytest.mark.parametrize("end", ["\n", "\r"])
def test_a_line_break_adds_no_setting(end: str) -> None:
    with pytest.raises(UsageError, match="NAME has a line break"):
        configuration({"NAME": f"n{end}TOKEN=x"})


def test_the_self_destruct_needs_nothing_but_what_the_instance_has(tmp_path: Path) -> None:
    """The files that are written there, and an isolated Python without goldrun: it signs, and gets as far as asking."""
    text = user_data(Bootstrap(life=7200.0)).decode()
    for name, content in re.findall(
        rf"^cat > {FOLDER}/(\S+\.py) <<'(?:\w+)'\n(.*?)\n\w+$", text, re.MULTILINE | re.DOTALL
    ):
        content = content.replace(repr(FOLDER), repr(str(tmp_path)))  # noqa: PLW2901 - where the instance has them
        (tmp_path / name).write_text(content.replace("http://100.100.100.200", "http://127.0.0.1:1") + "\n")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import self_destruct, signature\n"
        "assert not any(name.startswith('goldrun') for name in sys.modules)\n"
        "key = {'AccessKeyId': 'a', 'AccessKeySecret': 'b', 'SecurityToken': 'c'}\n"
        "for ask in (self_destruct.identity, lambda: self_destruct.delete('http://127.0.0.1:1', 'r', 'i', key)):\n"
        "    try: ask()\n"
        "    except OSError as error: print(type(error).__name__)\n"
    )
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("URLError\nURLError\n", "")

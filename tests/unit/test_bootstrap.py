"""The user data of a runner: what is written on the instance, with which settings, and within ECS's limit."""

from __future__ import annotations

import re

import pytest

from goldrun.errors import UsageError
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
    assert b"goldrun import" not in data
    assert b"import goldrun" not in data


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

"""The configuration of ``goldrun serve``: what it means, and every mistake at its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tools.house import ROOT

from goldrun.cli.main import goldrun
from goldrun.errors import UsageError
from goldrun.launch.offers import Span
from goldrun.serve.config import Cost, Limits, Profile
from goldrun.serve.loading import load
from goldrun.serve.scale_set_spec import ScaleSetSpec, scale_set_specs
from goldrun.serve.schedules import includes, parse_days, parse_hours
from tests.commands import run_goldrun

GITHUB = '[github]\nscopes = ["octo-org"]\n'
MONDAY = 1_795_424_400.0  # 2026-11-23 09:00 UTC


def write(folder: Path, text: str) -> Path:
    file = folder / "runners.toml"
    file.write_text(text)
    return file


def sets(folder: Path, text: str) -> list[ScaleSetSpec]:
    return scale_set_specs(load(write(folder, text)), folder)


def test_a_profile_is_a_scale_set_for_each_scope(tmp_path: Path) -> None:
    found = sets(
        tmp_path,
        '[github]\nscopes = ["octo-org", "octo-org/repo", "enterprises/octo"]\ngroup = "Spot"\n'
        '[profile.ubuntu-spot]\nimage = "img"\nlabels = ["linux-spot"]\n',
    )
    assert [(one.name, str(one.scope), one.group, one.labels) for one in found] == [
        ("ubuntu-spot", scope, "Spot", ("ubuntu-spot", "linux-spot"))
        for scope in ("octo-org", "octo-org/repo", "enterprises/octo")
    ]


def test_limits_are_a_profiles_and_those_of_all(tmp_path: Path) -> None:
    text = f'{GITHUB}[limits]\nmax_runners = 100\n[limits.max_cost]\nmonth = 3000.0\n[profile.spot]\nimage = "img"\n'
    (one,) = sets(tmp_path, f"{text}max_cost = {{ day = 50.0 }}\npriority = 5\n")
    assert one.limits == Limits(max_runners=100, max_cost=Cost(month=3000.0))
    assert (one.profile.max_cost, one.profile.priority, one.kind) == (Cost(day=50.0), 5, "spot")


def test_each_size_is_a_scale_set_of_its_own(tmp_path: Path) -> None:
    found = sets(tmp_path, f'{GITHUB}[profile.spot]\nimage = "img"\narch = "amd64"\nsizes = ["8c16g", "arm64-2c4g"]\n')
    assert [(one.name, one.labels) for one in found] == [
        ("spot-8c16g", ("spot-8c16g",)),
        ("spot-arm64-2c4g", ("spot-arm64-2c4g",)),
    ]
    env = {"ALIYUN_SECURITY_GROUP_ID": "sg-1"}
    criteria = [one.settings(env, "cn-hangzhou").criteria for one in found]
    assert [(one.architecture, one.cpus, one.memory) for one in criteria] == [
        ("amd64", Span(8, 8), Span(16)),
        ("arm64", Span(2, 2), Span(4)),
    ]


def test_what_is_left_out_comes_from_the_environment(tmp_path: Path) -> None:
    (one,) = sets(tmp_path, f'{GITHUB}[network]\nrole = "mine"\n[profile.spot]\nimage = "img"\n')
    env = {"ALIYUN_SECURITY_GROUP_ID": "sg-1", "ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME": "other", "ALIYUN_VPC_ID": "vpc-1"}
    settings = one.settings(env, "cn-hangzhou")
    assert (settings.network.security_group, settings.network.vpc, settings.role) == ("sg-1", "vpc-1", "mine")
    assert settings.life == 6 * 3600
    with pytest.raises(UsageError, match="ALIYUN_SECURITY_GROUP_ID"):
        one.settings({}, "cn-hangzhou")


def test_a_setup_script_is_read_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "setup.sh").write_text("echo set up\n")
    (one,) = sets(tmp_path, f'{GITHUB}[profile.spot]\nimage = "img"\nsetup = "setup.sh"\n')
    assert one.setup == "echo set up\n"


PROFILE = '[profile.spot]\nimage = "img"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file lacks the key github"),
        ("[github\n", "runners.toml:1: "),
        (f"{GITHUB}[profile.spot]\n", "runners.toml:3: [profile.spot] lacks the key image"),
        (f"{GITHUB}{PROFILE}cpus = '8'\n", "runners.toml:5: [profile.spot] has no key cpus: did you mean cpu?"),
        (f"{GITHUB}{PROFILE}max_runners = '8'\n", "runners.toml:5: profile.spot.max_runners: Expected `int`"),
        (f"[github]\nscopes = []\n{PROFILE}", "runners.toml:2: name an organization"),
        (f'[github]\nscopes = ["a/b/c"]\n{PROFILE}', "runners.toml:2: 'a/b/c' is not a repository"),
        (f'[github]\nscopes = ["bad name"]\n{PROFILE}', "runners.toml:2: 'bad name' is not an organization"),
        (f'[github]\nscopes = ["octo-org", "Octo-Org"]\n{PROFILE}', "runners.toml:2: octo-org is named 2 times"),
        (
            f"{GITHUB}[profile.arm]\nimage = 'i'\nsizes = ['2c4g']\n[profile.arm-2c4g]\nimage = 'i'\ncpu = '2'\n",
            "2 scale sets would have the name arm-2c4g",
        ),
        (f"{GITHUB}[profile]\n", "needs at least one profile"),
        (f'{GITHUB}[profile."a b"]\nimage = "img"\n', "runners.toml:3: 'a b' cannot be a label"),
        (f"{GITHUB}{PROFILE}cpu = 'many'\n", "runners.toml:5: 'many' is not a range of vCPUs"),
        (f"{GITHUB}{PROFILE}memory = '9..1'\n", "runners.toml:5: '9..1' is not a range of GiB"),
        (f"{GITHUB}{PROFILE}policy = 'best'\n", "runners.toml:5: 'best' is not one of"),
        (f"{GITHUB}{PROFILE}types = ['c7']\n", "runners.toml:5: 'c7' is not an instance type"),
        (f"{GITHUB}{PROFILE}max_price = 0.0\n", "runners.toml:5: a price is greater than 0"),
        (f"{GITHUB}{PROFILE}disk = 5\n", "runners.toml:5: a disk has 20 to 2048 GiB"),
        (f"{GITHUB}{PROFILE}max_runners = 0\n", "runners.toml:5: from 1 to 1,000 runners"),
        (f"{GITHUB}{PROFILE}min_idle = 99\n", "runners.toml:5: from 0 to max_runners, 20"),
        (f"{GITHUB}{PROFILE}life = '5m'\n", "runners.toml:5: an instance lives at least 30m"),
        (f"{GITHUB}{PROFILE}life = 'long'\n", "runners.toml:5: 'long' is not a duration"),
        (f"{GITHUB}{PROFILE}longest_job = '6h'\n", "runners.toml:5: a life has to hold the boot"),
        (f"{GITHUB}{PROFILE}sizes = ['big']\n", "runners.toml:5: 'big' is not a size"),
        (f"{GITHUB}{PROFILE}sizes = ['2c4g', '2c4g']\n", "runners.toml:5: '2c4g' is named twice"),
        (f"{GITHUB}{PROFILE}sizes = ['2c4g']\nlabels = ['x']\n", "runners.toml:6: with sizes, a label would be"),
        (f"{GITHUB}{PROFILE}labels = ['SPOT']\n", "runners.toml:3: 'SPOT' is a label of the profile spot too"),
        (f"{GITHUB}{PROFILE}labels = ['a,b']\n", "runners.toml:5: 'a,b' cannot be a label"),
        (f"{GITHUB}{PROFILE}setup = 'none.sh'\n", "runners.toml:5: none.sh cannot be read as text"),
        (f"{GITHUB}{PROFILE}priority = 101\n", "runners.toml:5: from 0 to 100"),
        (f"{GITHUB}{PROFILE}per_workflow = -1\n", "runners.toml:5: from 0 to 1,000"),
        (f"{GITHUB}{PROFILE}max_cost = {{ day = 0.0 }}\n", "runners.toml:5: the cost of a day is greater than 0"),
        (f"{GITHUB}{PROFILE}max_cost = {{ week = 1.0 }}\n", "runners.toml:5: [profile.spot.max_cost] has no key week"),
        (f"{GITHUB}{PROFILE}[limits]\nmax_runners = 0\n", "runners.toml:6: at least 1"),
        (
            f"{GITHUB}{PROFILE}sizes = {[f'{n}c4g' for n in range(1, 17)]}\n[limits]\nmax_cost.day = 5.0\n",
            "16 scale sets (profiles, times sizes, times scopes) have a budget: at most 15 can",
        ),
        (f"{GITHUB}{PROFILE}protect = '2h'\n", "runners.toml:5: profile.spot.protect is one of '1h', 'none', not '2h'"),
        (
            f"{GITHUB}{PROFILE}[[profile.spot.schedules]]\nmin_idle = 1\ndays = 'monday'\n",
            "runners.toml:7: 'monday' does not name days",
        ),
        (
            f"{GITHUB}{PROFILE}[[profile.spot.schedules]]\nmin_idle = 1\nhours = '19:00-08:00'\n",
            "runners.toml:7: '19:00-08:00' is not a time of day",
        ),
        (
            f"{GITHUB}{PROFILE}[[profile.spot.schedules]]\nmin_idle = 1\ntimezone = 'Mars/Base'\n",
            "runners.toml:7: 'Mars/Base' is not a time zone",
        ),
        (f"{GITHUB}{PROFILE}[[profile.spot.schedules]]\nmin_idle = 30\n", "runners.toml:6: from 0 to max_runners"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        load(write(tmp_path, text))
    assert words in error.value.what


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        load(write(tmp_path, f"{GITHUB}{PROFILE}cpu = 'x'\ndisk = 1\nlife = '1m'\n"))
    assert [words.split(":")[1] for words in (error.value.what, *error.value.why)] == ["5", "6", "7"]


@pytest.mark.parametrize(
    ("text", "days"), [("mon-fri", {0, 1, 2, 3, 4}), ("sat,sun", {5, 6}), ("fri-mon", {4, 5, 6, 0}), ("Wed", {2})]
)
def test_days(text: str, days: set[int]) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "mon-", "-", "someday", "mon-fri-sun", "1-5"])
def test_what_does_not_name_days(text: str) -> None:
    with pytest.raises(UsageError):
        parse_days(text)


@pytest.mark.parametrize("text", ["8-19", "08:00", "08:60-09:00", "24:00-25:00", "09:00-09:00", "00:00-24:01"])
def test_what_is_not_a_time_of_day(text: str) -> None:
    with pytest.raises(UsageError):
        parse_hours(text)


def test_a_schedule_is_in_its_own_time_zone() -> None:
    assert includes("mon-fri", "08:00-10:00", "UTC", MONDAY)
    assert not includes("mon-fri", "08:00-09:00", "UTC", MONDAY), "the end is not included"
    assert not includes("mon-fri", "08:00-10:00", "Asia/Shanghai", MONDAY)
    assert includes("mon", "17:00-17:01", "Asia/Shanghai", MONDAY)
    assert includes("mon", "00:00-24:00", "UTC", MONDAY)
    assert not includes("tue", "00:00-24:00", "UTC", MONDAY)


def test_the_first_schedule_that_fits_counts(tmp_path: Path) -> None:
    text = f"{GITHUB}{PROFILE}min_idle = 1\n"
    for hours, number in (("08:00-12:00", 5), ("00:00-24:00", 3)):
        text += f'[[profile.spot.schedules]]\ndays = "mon-fri"\nhours = "{hours}"\nmin_idle = {number}\n'
    (one,) = sets(tmp_path, text)
    assert [one.min_idle(MONDAY + shift * 3600) for shift in (0, 4, 5 * 24)] == [5, 3, 1]


def command(*words: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(goldrun, ["serve", *words], env=env)


def test_check_says_which_labels_there_will_be(tmp_path: Path) -> None:
    file = write(tmp_path, f"{GITHUB}{PROFILE}")
    done = command("check", str(file))
    assert (done.exit_code, done.stdout) == (0, "spot\tocto-org\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.toml"], "nowhere.toml cannot be read"),
        (["check", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["runners.toml", "--json"], "--json is for --plan"),
        (["runners.toml", "--log", "xml"], "'xml' is not one of"),
        (["runners.toml"], "No GitHub token"),
    ],
)
def test_wrong_inputs_begin_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    write(tmp_path, f"{GITHUB}{PROFILE}")
    monkeypatch.chdir(tmp_path)
    for name in ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"):
        monkeypatch.delenv(name, raising=False)
    done = command(*words, env={"HOME": str(tmp_path), "ALIYUN_REGION_ID": "cn-hangzhou"})
    assert done.exit_code != 0
    assert told in done.output + str(done.exception)


def test_with_log_json_a_failed_start_is_an_event_too(tmp_path: Path) -> None:
    """It was plain text, on which readers of the lines failed."""
    file = write(tmp_path, GITHUB + '[profile.a]\nimage = "img"\nnonsense = 1\n')
    done = run_goldrun(("serve", "run", str(file), "--log", "json"), {"PATH": "/bin"}, tmp_path, code=2)
    (event,) = map(json.loads, done.stderr.splitlines())
    assert event["error"] == "UsageError"
    assert event["message"].startswith(f"{file}:5: ")


@pytest.mark.parametrize("address", ["notaurl", "127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://"])
def test_a_wrong_collector_begins_nothing(tmp_path: Path, address: str) -> None:
    file = write(tmp_path, f"{GITHUB}{PROFILE}")
    done = command(str(file), env={"HOME": str(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": address})
    assert done.exit_code != 0
    assert "is not the address of a collector" in done.output + str(done.exception)


@pytest.mark.parametrize("page", ["serve.md", "serve.zh-CN.md"])
def test_the_docs_name_every_key(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for name in Profile.__struct_fields__:
        assert f"`{name}`" in text, name

"""Aliases of commands and options work, hidden; names are completed from the account; tables fit 80 columns."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tools.terminal import run_on_terminal

from goldrun.cli.aliases import resolve
from local_cloud.records import Instance
from tests.commands import GOLDRUN, Goldrun
from tests.conftest import Running

NAME = "github-runner-ubuntu24-amd64-latest"


def on_terminal(env: dict[str, str], columns: int, *words: str) -> str:
    code, said = run_on_terminal([*GOLDRUN, *words], {**env, "NO_COLOR": "1"}, columns=columns)
    assert code == 0, said
    return said


COMMANDS = [
    (["image", "list"], ["image", "ls"]),
    (["image", "show", "m-localnewamd64"], ["image", "inspect", "m-localnewamd64"]),
    (["image", "describe", "m-localnewamd64"], ["image", "inspect", "m-localnewamd64"]),
    (["instance", "list"], ["instance", "ls"]),
    (["instance", "ps"], ["instance", "ls"]),
    (["instance", "logs", "i-localrunner000001"], ["instance", "console", "i-localrunner000001"]),
    (["spot", "list", "--limit", "2"], ["spot", "ls", "--limit", "2"]),
    (["instance", "ls", "-o", "json"], ["instance", "ls", "--json"]),
    (["instance", "ls", "--format=json"], ["instance", "ls", "--json"]),
    (["instance", "ls", "--output", "name"], ["instance", "ls", "-q"]),
    (["instance", "ls", "-o", "table"], ["instance", "ls"]),
    (["instance", "ls", "-o", "wide"], ["instance", "ls"]),
    (["context", "list"], ["context", "ls"]),
    (["--region", "cn-beijing", "image", "ls"], ["image", "ls", "--region", "cn-beijing"]),
]


@pytest.mark.parametrize(("typed", "meant"), COMMANDS, ids=str)
def test_other_words_do_the_same(goldrun: Goldrun, typed: list[str], meant: list[str]) -> None:
    assert goldrun(*typed).stdout == goldrun(*meant).stdout


@pytest.mark.parametrize(
    ("noun", "typed", "meant"),
    [
        ("runner", "create", "up"), ("runner", "start", "up"), ("runner", "stop", "down"), ("runner", "rm", "down"),
        ("runner", "delete", "down"), ("instance", "delete", "rm"), ("instance", "restart", "reboot"),
        ("image", "remove", "rm"), ("recipe", "validate", "check"), ("recipe", "create", "init"),
        ("local", "start", "up"), ("local", "stop", "down"), ("context", "switch", "use"),
    ],
)  # fmt: skip
def test_other_names_of_commands(goldrun: Goldrun, noun: str, typed: str, meant: str) -> None:
    assert (
        goldrun(noun, typed, "--help").stdout
        == goldrun(noun, meant, "--help").stdout.replace(f"goldrun {noun} {meant} [", f"goldrun {noun} {typed} [", 1)
        or f" {noun} {typed} " in goldrun(noun, typed, "--help").stdout
    )
    listed = goldrun(noun, "--help").stdout
    assert not re.search(rf"^  {typed} ", listed, re.MULTILINE), "hidden"


def test_a_name_that_the_group_has_is_not_another(goldrun: Goldrun) -> None:
    assert resolve("create", {"create", "up"}) == "create"
    assert resolve("rm", {"rm", "down"}) == "rm"
    assert "No such command" in goldrun("image", "lst", code=2).stderr


def test_filters(goldrun: Goldrun) -> None:
    rows = goldrun("image", "ls", "--filter", "arch=ARM64").stdout.splitlines()
    assert len(rows) == 3
    found = json.loads(
        goldrun("image", "ls", "--json", "--filter", "architecture=arm64", "--filter", "image_name=*-latest").stdout
    )
    assert [one["image_id"] for one in found] == ["m-localnewarm64"]
    assert "use one of: name, arch," in goldrun("image", "ls", "--filter", "size_of=3", code=2).stderr
    assert "is not COLUMN=VALUE" in goldrun("image", "ls", "--filter", "x", code=2).stderr
    assert "is not a format" in goldrun("image", "ls", "-o", "xml", code=2).stderr
    assert (
        "does not work where only ids are printed"
        in goldrun("image", "ls", "-q", "--filter", "arch=arm64", code=2).stderr
    )


@pytest.mark.parametrize("words", [("sweep", "--yes"), ("image", "prune", "github-runner-ubuntu24", "--yes")])
def test_a_filter_hides_nothing_that_is_done(goldrun: Goldrun, populated: Running, words: tuple[str, ...]) -> None:
    """What it hid was deleted all the same, and a wrong one was refused only afterwards."""
    before = sum(populated.cloud.gateway.calls.values())
    assert "for commands that only list" in goldrun(*words, "--filter", "name=x", code=2).stderr
    assert sum(populated.cloud.gateway.calls.values()) == before


def test_a_life_and_an_amount_by_other_names(goldrun: Goldrun, populated: Running) -> None:
    words = ["instance", "create", "--image", NAME, "--type", "ecs.c7.2xlarge"]
    done = goldrun(*words, "--count", "2", "--ttl=45m", "--tag", "team=build", "-q")
    made = [populated.cloud.store.get(Instance, one) for one in done.stdout.split()]
    assert len(made) == 2
    for one in made:
        assert one
        assert one.tags["team"] == "build"
        assert 44 * 60 < one.auto_release - one.created <= 47 * 60
    for tag, words_of in (("Role=x", "a tag of goldrun's own"), ("team", "is not KEY=VALUE")):
        assert words_of in goldrun(*words, "--tag", tag, code=2).stderr


def test_a_launch_that_is_only_shown(goldrun: Goldrun, populated: Running) -> None:
    before = len(list(populated.cloud.store.all(Instance)))
    done = goldrun("instance", "create", "--image", NAME, "--cpu", "8", "--dry-run", "--json")
    assert "nothing was done" in done.stderr
    offers = json.loads(done.stdout)
    assert 1 <= len(offers) <= 5
    assert offers[0]["price"] <= offers[-1]["price"]
    assert len(list(populated.cloud.store.all(Instance))) == before
    assert (
        "No offer matches"
        in goldrun("instance", "create", "--image", NAME, "--max-price", "0.001", "--dry-run", code=5).stderr
    )


def complete(goldrun: Goldrun, line: str) -> list[str]:
    words = line.split(" ")
    done = goldrun(_GOLDRUN_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    return [one.partition(",")[2] for one in done.stdout.splitlines() if one]


def test_names_are_completed_from_the_account(goldrun: Goldrun) -> None:
    assert "github-runner-ubuntu24" in complete(goldrun, "goldrun image id github-r")
    assert set(complete(goldrun, "goldrun image rollback ")) == {"github-runner-ubuntu24"}
    assert complete(goldrun, "goldrun image rm m-localnewam") == ["m-localnewamd64"]
    assert complete(goldrun, "goldrun instance rm i-") == ["i-localrunner000001"]
    assert "github-runner-ubuntu24" in complete(goldrun, "goldrun instance create --image github")
    assert complete(goldrun, "goldrun image i") == ["id", "inspect"]
    goldrun("context", "create", "prod", "--set", "arch=amd64")
    assert complete(goldrun, "goldrun context use p") == ["prod"]


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_completes_too(goldrun: Goldrun, env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / ".config/fish/completions"
    folder.mkdir(parents=True)
    (folder / "goldrun.fish").write_text(goldrun("completion", "fish").stdout)
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    words = ["fish", "-c", 'complete -C "goldrun image id github-runner-ub"']
    done = subprocess.run(words, env={**env, **path}, capture_output=True, text=True, timeout=60, check=True)
    assert "github-runner-ubuntu24" in [line.partition("\t")[0] for line in done.stdout.splitlines()], done


def test_completion_is_silent_without_an_account(goldrun: Goldrun) -> None:
    assert complete(goldrun.with_env({"GOLDRUN_ENDPOINT": "http://127.0.0.1:9"}), "goldrun image id x") == []


@pytest.mark.parametrize(
    "words", [["image", "ls", "--all"], ["instance", "ls"], ["spot", "ls", "--limit", "5"], ["cost"]]
)
def test_tables_fit_80_columns_without_splitting_a_value(env: dict[str, str], words: list[str]) -> None:
    shown = re.sub(r"\d+%", "0%", on_terminal(env, 80, *words))  # what is being created goes on meanwhile
    table = [line for line in shown.splitlines() if line and not line.startswith(("note:", "error:"))]
    assert max(map(len, table)) <= 80
    whole = re.sub(r"\d+%", "0%", on_terminal(env, 300, *words))
    cells = {cell for line in whole.splitlines() for cell in re.split(r" {2,}", line.strip())}
    for line in table:
        for cell in re.split(r" {2,}", line.strip()):
            assert cell in cells or cell.isupper(), (cell, line)
    if "too narrow for" in shown:
        assert len(on_terminal(env, 80, *words, "-o", "wide").splitlines()[0]) > 80


def test_a_wait_has_a_moving_clock_on_a_terminal_alone(goldrun: Goldrun, env: dict[str, str]) -> None:
    shown = on_terminal(env, 100, "setup", "--zone", "cn-hangzhou-k", "--yes")
    assert re.search(r"applying.*0:00:0\d", shown)
    assert "note: creating: VPC goldrun" in shown
    assert "ALIYUN_VPC_ID=vpc-" in shown
    done = goldrun("setup", "--destroy", "--yes")
    assert "applying" not in done.stderr + done.stdout


def test_ctrl_c_says_what_happens(env: dict[str, str], populated: Running) -> None:
    populated.cloud.clock.set_speed(20)
    before = populated.instance_ids()
    populated.fault("timeout-after", "RunInstances", seconds=4.0)
    words = ["instance", "create", "--image", NAME, "--type", "ecs.c7.2xlarge"]
    with subprocess.Popen(
        [*GOLDRUN, *words], env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in range(400):
            if populated.cloud.gateway.calls.get("RunInstances"):
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: stopping" in said
    assert populated.undeleted() == before


def test_an_instance_is_stopped_and_started(populated: Running, goldrun: Goldrun) -> None:
    populated.cloud.clock.set_speed(20)
    store = populated.cloud.store
    known = next(one.id for one in store.all(Instance) if one.status(populated.cloud.clock.now()) == "Running")
    assert "stopping: " in goldrun("instance", "stop", known).stderr
    limit = time.monotonic() + 60
    while json.loads(goldrun("instance", "ls", "--all", "--json").stdout)[0]["status"] != "Stopped":
        assert time.monotonic() < limit
        time.sleep(0.5)
    assert "starting: " in goldrun("instance", "start", known).stderr
    assert "is Running" in goldrun("instance", "wait", known).stderr
    for words in (["start", "nonsense"], ["stop", "m-1"], ["start", "--force", known]):
        goldrun("instance", *words, code=2)
    goldrun("instance", "stop", "i-local0000000000", code=1)

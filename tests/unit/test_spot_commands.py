"""`goldrun spot`, `instance`, `sweep` and `cost` as people and machines use them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from local_cloud.records import Disk, Instance
from tests.commands import run_goldrun
from tests.conftest import Running

NAME = "github-runner-ubuntu24-amd64-latest"


@pytest.fixture
def shell(populated: Running, tmp_path: Path) -> Any:
    def goldrun(*words: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        own = {"HOME": str(tmp_path), "ALIYUN_SECURITY_GROUP_ID": "sg-local-cn-hangzhou", "MPLCONFIGDIR": str(tmp_path)}
        return run_goldrun(words, populated.environment(**own, **env), tmp_path, code=code)

    return goldrun


def test_offers_for_people_and_machines(shell: Any) -> None:
    lines = shell("spot", "ls", "--cpu", "8..16", "--arch", "arm64", "--limit", "5").stdout.splitlines()
    assert lines[0].split("\t")[:6] == ["TYPE", "ZONE", "ARCH", "CPU", "GIB", "PRICE"]
    assert len(lines) == 6
    assert all("\tarm64\t" in line for line in lines[1:])
    offers = json.loads(shell("spot", "ls", "--cpu", "8", "--json", "--policy", "steadiest").stdout)
    assert offers[0]["reclaim_rate"] == min(one["reclaim_rate"] for one in offers)
    assert {"type", "zone", "price", "price_per_cpu", "saving", "stock", "disks", "trend"} <= set(offers[0])
    cheap = json.loads(shell("spot", "ls", "--json", "--max-price", "0.2", "--limit", "100").stdout)
    assert cheap
    assert all(one["price"] <= 0.2 for one in cheap)


def test_a_zone_that_the_region_does_not_have_is_said(shell: Any) -> None:
    """It was said that no offer matches."""
    said = shell("spot", "ls", "--zone", "cn-hangzhou-z", code=2).stderr
    assert "'cn-hangzhou-z' is not a zone of cn-hangzhou" in said
    assert "cn-hangzhou-k" in said
    assert "no offer matches" in shell("spot", "ls", "--zone", "cn-hangzhou-k", "--max-price", "0.0001").stderr


def test_a_second_look_is_answered_from_the_cache(shell: Any, populated: Running) -> None:
    first = shell("spot", "ls", "--cpu", "8", "--json").stdout
    asked = sum(populated.cloud.gateway.calls.values())
    assert shell("spot", "ls", "--cpu", "8", "--json").stdout == first
    assert sum(populated.cloud.gateway.calls.values()) == asked
    shell("spot", "ls", "--cpu", "8", "--json", "--fresh")
    assert sum(populated.cloud.gateway.calls.values()) > asked


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_plots(shell: Any, tmp_path: Path, suffix: str, magic: bytes) -> None:
    file = tmp_path / f"prices{suffix}"
    done = shell("spot", "plot", "--type", "ecs.c7.2xlarge", "--days", "2d", "-o", str(file))
    assert "ecs.c7.2xlarge cn-hangzhou-" in done.stdout
    assert "CNY/h" in done.stdout
    assert "\x1b[" not in done.stdout
    assert file.read_bytes().startswith(magic)


def test_a_plot_of_the_longest_span(shell: Any) -> None:
    assert "CNY/h" in shell("spot", "plot", "--type", "ecs.c7.2xlarge", "--days", "30d").stdout
    assert "last 30 days" in shell("spot", "plot", "--days", "31d", code=2).stderr


def test_an_instance_from_the_command_line(shell: Any, populated: Running) -> None:
    done = shell(
        "instance", "create", "--image", NAME, "--type", "ecs.c7.2xlarge", "--name", "runner-7", "--life", "45m"
    )
    made = done.stdout.strip().removeprefix("INSTANCE_ID=")
    instance = populated.cloud.store.get(Instance, made)
    assert instance is not None
    assert (instance.name, instance.image, instance.type) == ("runner-7", "m-localnewamd64", "ecs.c7.2xlarge")
    assert "an hour, at most" in done.stderr
    assert made in shell("instance", "ls", "-q").stdout.split()
    listed = json.loads(shell("instance", "ls", "--json").stdout)
    assert next(one for one in listed if one["instance_id"] == made)["spot"]
    populated.cloud.clock.advance(60)
    assert "is Running" in shell("instance", "wait", made).stderr
    assert made in shell("instance", "console", made).stdout
    assert shell("instance", "extend", made, "3h").stdout.startswith("RELEASE_TIME=20")
    populated.cloud.clock.set_speed(100)
    assert f"deleted: {made}" in shell("instance", "rm", "--yes", made).stderr
    assert populated.cloud.store.get(Instance, made) is None
    shell("instance", "rm", "--yes", "--missing-ok", made)


@pytest.mark.parametrize(("words", "tokens"), [((), "required"), (("--metadata-tokens", "optional"), "optional")])
def test_metadata_tokens_are_required_by_default(
    shell: Any, populated: Running, words: tuple[str, ...], tokens: str
) -> None:
    made = shell("instance", "create", "--image", NAME, "-q", *words).stdout.strip()
    instance = populated.cloud.store.get(Instance, made)
    assert instance
    assert instance.http_tokens == tokens


def test_a_sweep_includes_runners_of_other_tools_on_request(shell: Any, populated: Running) -> None:
    store = populated.cloud.store
    ours = store.get(Instance, "i-localrunner000001")
    assert ours
    tags = {"GITHUB_RUNNER_TYPE": "aliyun-ecs-spot"}
    store.put(replace(ours, id="i-theirs", name="their-runner", tags=tags, state="Stopped", created=ours.created - 9e5))
    assert "nothing to sweep" in shell("sweep", "--yes").stderr
    shown = shell("sweep", "--include-foreign-runners", "--dry-run", code=7).stdout
    assert "i-theirs" in shown
    assert "another tool launched it" in shown
    assert store.get(Instance, "i-theirs")
    populated.cloud.clock.set_speed(100)
    shell("sweep", "--include-foreign-runners", "--yes", code=7)
    assert store.get(Instance, "i-theirs") is None


def test_several_with_a_key(shell: Any, populated: Running) -> None:
    words = ("instance", "create", "--image", NAME, "--amount", "3", "--key", "nightly-7", "-q")
    first = shell(*words).stdout.split()
    assert len(first) == 3
    assert sorted(shell(*words).stdout.split()) == sorted(first)
    launched = json.loads(shell(*words, "--json").stdout)
    assert sorted(one for some in launched for one in some["instance_ids"]) == sorted(first)


def test_a_sweep(shell: Any, populated: Running) -> None:
    assert "nothing to sweep" in shell("sweep", "--yes").stderr
    store = populated.cloud.store
    instance = store.get(Instance, "i-localrunner000001")
    disk = store.get(Disk, "d-localrunner000001")
    assert instance is not None
    assert disk is not None
    store.put(replace(instance, state="Stopped"), replace(disk, instance="", id="d-loose"))
    populated.cloud.clock.set_speed(100)
    dry = shell("sweep", "--dry-run", code=7)
    assert "would delete" in dry.stdout
    assert store.get(Instance, instance.id)
    swept = json.loads(shell("sweep", "--json", "--yes", code=7).stdout)
    assert {one["id"] for one in swept["findings"]} == {"i-localrunner000001", "d-loose"}
    assert all(one["removed"] for one in swept["findings"])
    shell("sweep", "--yes")
    assert store.get(Disk, "d-loose") is None


def test_costs(shell: Any) -> None:
    done = shell("cost", "--days", "2")
    assert "i-localrunner000001" in done.stdout
    assert "an hour" in done.stderr
    costs = json.loads(shell("cost", "--days", "2d", "--json").stdout)
    assert costs["hourly"] == pytest.approx(sum(one["price"] for one in costs["running"]))
    assert len(costs["days"]) == 2


def test_costs_without_the_right_to_read_the_bill(shell: Any, populated: Running) -> None:
    from local_cloud.access import Denial

    populated.cloud.store.put(Denial(id="bssapi:*"))
    done = shell("cost", "--days", "2")
    assert "i-localrunner000001" in done.stdout
    assert "bssapi:DescribeInstanceBill" in done.stderr


def test_the_market_of_the_local_cloud(shell: Any, tmp_path: Path) -> None:
    data = str(tmp_path / "own.db")
    shell("local", "up", "--detach", "--port", "0", "--data", data)
    try:
        spike = ("--scenario", "price-spike", "--zone", "cn-hangzhou-k", "--json", "--data", data)
        market = json.loads(shell("local", "market", *spike).stdout)
        assert (market["scenario"], market["zones"]) == ("price-spike", ["cn-hangzhou-k"])
        assert "price-spike" in shell("local", "market", "--data", data).stdout
    finally:
        shell("local", "down", "--data", data)

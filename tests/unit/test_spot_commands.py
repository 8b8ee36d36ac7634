"""`goldrun spot`, `instance`, `sweep` and `cost` as people and machines use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from local_cloud.records import Disk, Instance
from tests.commands import Goldrun
from tests.conftest import Running

NAME = "github-runner-ubuntu24-amd64-latest"


@pytest.fixture
def env(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return {**env, "MPLCONFIGDIR": str(tmp_path)}


def test_offers_for_people_and_machines(goldrun: Goldrun) -> None:
    lines = goldrun("spot", "ls", "--cpu", "8..16", "--arch", "arm64", "--limit", "5").stdout.splitlines()
    assert lines[0].split("\t")[:6] == ["TYPE", "ZONE", "ARCH", "CPU", "GIB", "PRICE"]
    assert len(lines) == 6
    assert all("\tarm64\t" in line for line in lines[1:])
    offers = json.loads(goldrun("spot", "ls", "--cpu", "8", "--json", "--policy", "steadiest").stdout)
    assert offers[0]["reclaim_rate"] == min(one["reclaim_rate"] for one in offers)
    assert {"type", "zone", "price", "price_per_cpu", "saving", "stock", "disks", "trend"} <= set(offers[0])
    cheap = json.loads(goldrun("spot", "ls", "--json", "--max-price", "0.2", "--limit", "100").stdout)
    assert cheap
    assert all(one["price"] <= 0.2 for one in cheap)


def test_a_zone_that_the_region_does_not_have_is_said(goldrun: Goldrun) -> None:
    """It was said that no offer matches."""
    said = goldrun("spot", "ls", "--zone", "cn-hangzhou-z", code=2).stderr
    assert "'cn-hangzhou-z' is not a zone of cn-hangzhou" in said
    assert "cn-hangzhou-k" in said
    assert "no offer matches" in goldrun("spot", "ls", "--zone", "cn-hangzhou-k", "--max-price", "0.0001").stderr


def test_a_second_look_is_answered_from_the_cache(goldrun: Goldrun, populated: Running) -> None:
    first = goldrun("spot", "ls", "--cpu", "8", "--json").stdout
    asked = sum(populated.cloud.gateway.calls.values())
    assert goldrun("spot", "ls", "--cpu", "8", "--json").stdout == first
    assert sum(populated.cloud.gateway.calls.values()) == asked
    goldrun("spot", "ls", "--cpu", "8", "--json", "--fresh")
    assert sum(populated.cloud.gateway.calls.values()) > asked


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_plots(goldrun: Goldrun, tmp_path: Path, suffix: str, magic: bytes) -> None:
    file = tmp_path / f"prices{suffix}"
    done = goldrun("spot", "plot", "--type", "ecs.c7.2xlarge", "--days", "2d", "-o", str(file))
    assert "ecs.c7.2xlarge cn-hangzhou-" in done.stdout
    assert "CNY/h" in done.stdout
    assert "\x1b[" not in done.stdout
    assert file.read_bytes().startswith(magic)


def test_a_plot_of_the_longest_span(goldrun: Goldrun) -> None:
    assert "CNY/h" in goldrun("spot", "plot", "--type", "ecs.c7.2xlarge", "--days", "30d").stdout
    assert "last 30 days" in goldrun("spot", "plot", "--days", "31d", code=2).stderr


def test_an_instance_from_the_command_line(goldrun: Goldrun, populated: Running) -> None:
    done = goldrun(
        "instance", "create", "--image", NAME, "--type", "ecs.c7.2xlarge", "--name", "runner-7", "--life", "45m"
    )
    made = done.stdout.strip().removeprefix("INSTANCE_ID=")
    instance = populated.cloud.store.get(Instance, made)
    assert instance is not None
    assert (instance.name, instance.image, instance.type) == ("runner-7", "m-localnewamd64", "ecs.c7.2xlarge")
    assert "an hour, at most" in done.stderr
    assert made in goldrun("instance", "ls", "-q").stdout.split()
    listed = json.loads(goldrun("instance", "ls", "--json").stdout)
    assert next(one for one in listed if one["instance_id"] == made)["spot"]
    populated.cloud.clock.advance(60)
    assert "is Running" in goldrun("instance", "wait", made).stderr
    assert made in goldrun("instance", "console", made).stdout
    assert goldrun("instance", "extend", made, "3h").stdout.startswith("RELEASE_TIME=20")
    populated.cloud.clock.set_speed(100)
    assert f"deleted: {made}" in goldrun("instance", "rm", "--yes", made).stderr
    assert populated.cloud.store.get(Instance, made) is None
    goldrun("instance", "rm", "--yes", "--missing-ok", made)


@pytest.mark.parametrize(("words", "tokens"), [((), "required"), (("--metadata-tokens", "optional"), "optional")])
def test_metadata_tokens_are_required_by_default(
    goldrun: Goldrun, populated: Running, words: tuple[str, ...], tokens: str
) -> None:
    made = goldrun("instance", "create", "--image", NAME, "-q", *words).stdout.strip()
    instance = populated.cloud.store.get(Instance, made)
    assert instance
    assert instance.http_tokens == tokens


def test_a_sweep_includes_runners_of_other_tools_on_request(goldrun: Goldrun, populated: Running) -> None:
    store = populated.cloud.store
    ours = store.get(Instance, "i-localrunner000001")
    assert ours
    tags = {"GITHUB_RUNNER_TYPE": "aliyun-ecs-spot"}
    store.put(replace(ours, id="i-theirs", name="their-runner", tags=tags, state="Stopped", created=ours.created - 9e5))
    assert "nothing to sweep" in goldrun("sweep", "--yes").stderr
    shown = goldrun("sweep", "--include-foreign-runners", "--dry-run", code=7).stdout
    assert "i-theirs" in shown
    assert "another tool launched it" in shown
    assert store.get(Instance, "i-theirs")
    populated.cloud.clock.set_speed(100)
    goldrun("sweep", "--include-foreign-runners", "--yes", code=7)
    assert store.get(Instance, "i-theirs") is None


def test_several_with_a_key(goldrun: Goldrun, populated: Running) -> None:
    words = ("instance", "create", "--image", NAME, "--amount", "3", "--key", "nightly-7", "-q")
    first = goldrun(*words).stdout.split()
    assert len(first) == 3
    assert sorted(goldrun(*words).stdout.split()) == sorted(first)
    launched = json.loads(goldrun(*words, "--json").stdout)
    assert sorted(one for some in launched for one in some["instance_ids"]) == sorted(first)


def test_a_sweep(goldrun: Goldrun, populated: Running) -> None:
    assert "nothing to sweep" in goldrun("sweep", "--yes").stderr
    store = populated.cloud.store
    instance = store.get(Instance, "i-localrunner000001")
    disk = store.get(Disk, "d-localrunner000001")
    assert instance is not None
    assert disk is not None
    store.put(replace(instance, state="Stopped"), replace(disk, instance="", id="d-loose"))
    populated.cloud.clock.set_speed(100)
    dry = goldrun("sweep", "--dry-run", code=7)
    assert "would delete" in dry.stdout
    assert store.get(Instance, instance.id)
    swept = json.loads(goldrun("sweep", "--json", "--yes", code=7).stdout)
    assert {one["id"] for one in swept["findings"]} == {"i-localrunner000001", "d-loose"}
    assert all(one["removed"] for one in swept["findings"])
    goldrun("sweep", "--yes")
    assert store.get(Disk, "d-loose") is None


def test_costs(goldrun: Goldrun) -> None:
    done = goldrun("cost", "--days", "2")
    assert "i-localrunner000001" in done.stdout
    assert "an hour" in done.stderr
    costs = json.loads(goldrun("cost", "--days", "2d", "--json").stdout)
    assert costs["hourly"] == pytest.approx(sum(one["price"] for one in costs["running"]))
    assert len(costs["days"]) == 2


def test_costs_without_the_right_to_read_the_bill(goldrun: Goldrun, populated: Running) -> None:
    from local_cloud.access import Denial

    populated.cloud.store.put(Denial(id="bssapi:*"))
    done = goldrun("cost", "--days", "2")
    assert "i-localrunner000001" in done.stdout
    assert "bssapi:DescribeInstanceBill" in done.stderr


def test_the_market_of_the_local_cloud(goldrun: Goldrun, tmp_path: Path) -> None:
    data = str(tmp_path / "own.db")
    goldrun("local", "up", "--detach", "--port", "0", "--data", data)
    try:
        spike = ("--scenario", "price-spike", "--zone", "cn-hangzhou-k", "--json", "--data", data)
        market = json.loads(goldrun("local", "market", *spike).stdout)
        assert (market["scenario"], market["zones"]) == ("price-spike", ["cn-hangzhou-k"])
        assert "price-spike" in goldrun("local", "market", "--data", data).stdout
    finally:
        goldrun("local", "down", "--data", data)

"""The local market and its instances' life: by seed, by scenario, in virtual time; and the metadata service."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from msgspec.structs import replace
from tests.conftest import NOW, REGION, Running

from local_cloud import seed
from local_cloud.catalogue import REGIONS
from local_cloud.clock import iso
from local_cloud.control_client import call_control
from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.lifecycle import settle
from local_cloud.market import (
    FLOOR,
    Market,
    on_demand_stock,
    reclaim_rate,
    reported_stock,
    sold_in,
    spot_price,
    spot_stock,
)
from local_cloud.records import (
    Disk,
    Instance,
    Interruption,
    Usage,
    VSwitch,
)
from local_cloud.server import LocalCloud

ZONES = REGIONS[REGION].zones
KIND = INSTANCE_TYPES["ecs.c7.2xlarge"]
HOUR = 3600.0


def launch(frozen: Running, **more: Any) -> Instance:
    """An instance of whatever is in stock."""
    client = frozen.client()
    image = frozen.image("fam", id="m-fam")
    market = frozen.cloud.store.settings().market
    zone = next(zone for zone in ZONES if spot_stock(market, KIND, zone, frozen.wall.value) > 0)
    params = {
        "ImageId": image,
        "InstanceType": KIND.id,
        "VSwitchId": f"vsw-local-{zone}",
        "SecurityGroupId": f"sg-local-{REGION}",
        "SpotStrategy": "SpotAsPriceGo",
        **more,
    }
    (made,) = client.call("RunInstances", params)["InstanceIdSets"]["InstanceIdSet"]
    instance = frozen.cloud.store.get(Instance, made)
    assert instance is not None
    return instance


def gone(frozen: Running, instance: Instance) -> bool:
    settle(frozen.cloud.store, frozen.wall.value)
    return frozen.cloud.store.get(Instance, instance.id) is None


def test_the_catalogue_is_realistic() -> None:
    assert len(INSTANCE_TYPES) >= 60
    assert {kind.architecture for kind in INSTANCE_TYPES.values()} == {"x86_64", "arm64"}
    assert len(ZONES) >= 6


def test_the_same_seed_makes_the_same_market() -> None:
    def picture(market: Market) -> list[float]:
        return [spot_price(market, kind, zone, NOW) for kind in INSTANCE_TYPES.values() for zone in ZONES]

    assert picture(Market(seed=5)) == picture(Market(seed=5))
    assert picture(Market(seed=5)) != picture(Market(seed=6))


def test_prices_move_within_their_bounds() -> None:
    market = Market(seed=5)
    for kind in INSTANCE_TYPES.values():
        prices = {spot_price(market, kind, ZONES[0], NOW + hour * HOUR) for hour in range(48)}
        assert all(FLOOR * kind.price - 0.001 <= price <= kind.price for price in prices)
    moving = {spot_price(market, KIND, zone, NOW + hour * HOUR) for zone in ZONES for hour in range(48)}
    assert len(moving) > 10


def test_scenarios_bend_it() -> None:
    calm = Market(seed=5, scarcity=0.2)
    spike = replace(calm, scenario="price-spike", since=NOW - HOUR, zones=(ZONES[0],))
    out = replace(calm, scenario="stock-out", since=NOW, zones=(ZONES[0],))
    kinds = list(INSTANCE_TYPES.values())

    def total(market: Market, zone: str) -> float:
        return sum(spot_price(market, kind, zone, NOW) for kind in kinds)

    def stocked(market: Market, zone: str) -> int:
        return sum(spot_stock(market, kind, zone, NOW) > 0 for kind in kinds)

    assert total(spike, ZONES[0]) > 1.5 * total(calm, ZONES[0])
    assert total(spike, ZONES[1]) == total(calm, ZONES[1])
    assert stocked(out, ZONES[0]) < 0.4 * stocked(calm, ZONES[0])
    assert stocked(out, ZONES[1]) == stocked(calm, ZONES[1])


def test_without_scarcity_nothing_sells_out() -> None:
    market = Market(seed=5, scarcity=0.0, phantoms=0.0)
    sold = [(kind, zone) for kind in INSTANCE_TYPES.values() for zone in ZONES if sold_in(market, kind, zone)]
    for hour in range(12):
        stocks = [stock(market, *one, NOW + hour * HOUR) for stock in (spot_stock, on_demand_stock) for one in sold]
        assert min(stocks) >= 100


def test_some_reported_instances_do_not_exist() -> None:
    market = Market(seed=5, phantoms=0.3)
    reported = [
        (kind, zone) for kind in INSTANCE_TYPES.values() for zone in ZONES if reported_stock(market, kind, zone, NOW)
    ]
    there = [place for place in reported if spot_stock(market, *place, NOW)]
    assert 0.5 < len(there) / len(reported) < 0.9


def test_automatic_release_is_rounded_down_to_the_minute(frozen: Running) -> None:
    instance = launch(frozen, AutoReleaseTime=iso(NOW + HOUR))
    assert instance.auto_release % 60 == 0
    frozen.wall.value = instance.auto_release - 1
    assert not gone(frozen, instance)
    frozen.wall.value += 1
    assert gone(frozen, instance)
    assert list(frozen.cloud.store.all(Disk)) == []


def test_a_data_disk_can_outlive_its_instance(frozen: Running) -> None:
    instance = launch(frozen, **{"DataDisk.1.Size": "100", "DataDisk.1.DeleteWithInstance": "false"})
    frozen.client().call("DeleteInstance", {"InstanceId": instance.id, "Force": True})
    frozen.wall.value += 60
    assert gone(frozen, instance)
    (left,) = frozen.cloud.store.all(Disk)
    assert (left.kind, left.instance) == ("data", "")


def test_the_first_hour_is_protected(frozen: Running) -> None:
    frozen.cloud.store.put(replace(frozen.cloud.store.settings(), market=Market(seed=5, scarcity=0.0)))
    protected = [launch(frozen) for _ in range(30)]
    assert all(one.reclaimed >= NOW + HOUR for one in protected)


def test_a_reclaim_wave_gives_notice(frozen: Running) -> None:
    instance = launch(frozen, SpotDuration=0)
    frozen.cloud.store.put(replace(instance, reclaimed=NOW + HOUR))  # by its id it might be sooner
    status = call_control(frozen.port, frozen.cloud.token, "PATCH", "market", {"scenario": "reclaim-wave"})
    assert status["market"]["scenario"] == "reclaim-wave"
    frozen.wall.value += 1
    affected = frozen.cloud.store.get(Instance, instance.id)
    assert affected is not None
    assert NOW + 300 <= affected.reclaimed <= NOW + 300 + 901
    frozen.wall.value = affected.reclaimed - 299
    shown = frozen.client().call("DescribeInstances")["Instances"]["Instance"][0]
    assert shown["OperationLocks"]["LockReason"][0]["LockReason"] == "Recycling"
    frozen.wall.value = affected.reclaimed
    assert gone(frozen, instance)
    assert [one.instance for one in frozen.cloud.store.all(Interruption)] == [instance.id]


def test_a_price_above_the_limit_reclaims_the_instance(frozen: Running) -> None:
    market = frozen.cloud.store.settings().market
    zone = next(zone for zone in ZONES if spot_stock(market, KIND, zone, NOW) > 0)
    price = spot_price(market, KIND, zone, NOW)
    limited = {"SpotStrategy": "SpotWithPriceLimit", "SpotPriceLimit": f"{price:.3f}", "SpotDuration": 0}
    tight = launch(frozen, **limited)
    first = next(
        hour for hour in range(1, 96) if spot_price(market, KIND, zone, NOW + hour * HOUR, protected=False) > price
    )
    assert tight.reclaimed <= NOW + (first + 1) * HOUR


def test_stop_instead_of_release(frozen: Running) -> None:
    instance = launch(frozen, SpotInterruptionBehavior="Stop")
    frozen.cloud.store.put(replace(instance, reclaimed=NOW + 10))
    frozen.wall.value += 100
    assert not gone(frozen, instance)
    stopped = frozen.cloud.store.get(Instance, instance.id)
    assert stopped is not None
    assert stopped.status(frozen.wall.value) == "Stopped"


def test_deleted_instances_are_billed(frozen: Running) -> None:
    instance = launch(frozen)
    frozen.wall.value += HOUR
    frozen.client().call("DeleteInstances", {"InstanceId": [instance.id], "Force": True})
    frozen.wall.value += 60
    assert gone(frozen, instance)
    usage = frozen.cloud.store.get(Usage, instance.id)
    assert usage is not None
    assert 0.5 * instance.price < sum(usage.amounts.values()) < 2.5 * instance.price


def test_steady_offers_are_reclaimed_less(frozen: Running) -> None:
    market = Market(seed=5)
    rates = {reclaim_rate(market, kind, zone) for kind in INSTANCE_TYPES.values() for zone in ZONES}
    assert rates == {0.03, 0.05, 0.1, 0.2, 0.3}


def ask_metadata(frozen: Running, instance_id: str, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{frozen.url}/_metadata/{instance_id}{path}", method=method, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


TTL = {"X_aliyun_ecs_metadata_token_ttl_seconds": "60"}


def test_metadata_with_tokens(frozen: Running) -> None:
    instance = launch(frozen, HttpTokens="required", UserData="IyEvYmluL3NoCg==")
    assert ask_metadata(frozen, instance.id, "/latest/meta-data/instance-id")[0] == 403
    status, token = ask_metadata(frozen, instance.id, "/latest/api/token", "PUT", **TTL)
    assert status == 200
    with_token = {"X_aliyun_ecs_metadata_token": token}
    assert ask_metadata(frozen, instance.id, "/latest/meta-data/instance-id", **with_token) == (200, instance.id)
    assert ask_metadata(frozen, instance.id, "/2016-01-01/user-data", **with_token) == (200, "#!/bin/sh\n")
    listing = ask_metadata(frozen, instance.id, "/latest/meta-data/", **with_token)[1].splitlines()
    assert {"instance-id", "instance/", "zone-id", "private-ipv4"} <= set(listing)
    document = json.loads(
        ask_metadata(frozen, instance.id, "/latest/dynamic/instance-identity/document", **with_token)[1]
    )
    assert document["instance-id"] == instance.id
    assert ask_metadata(frozen, instance.id, "/latest/meta-data/zone-id", X_aliyun_ecs_metadata_token="x")[0] == 401
    frozen.wall.value += 61
    assert ask_metadata(frozen, instance.id, "/latest/meta-data/zone-id", **with_token)[0] == 401


def test_a_token_of_another_instance_is_refused(frozen: Running) -> None:
    one, other = launch(frozen), launch(frozen, HttpTokens="required")
    _, token = ask_metadata(frozen, one.id, "/latest/api/token", "PUT", **TTL)
    assert ask_metadata(frozen, other.id, "/latest/meta-data/zone-id", X_aliyun_ecs_metadata_token=token)[0] == 401


@pytest.mark.parametrize("ttl", ["0", "21601", "x", ""])
def test_bad_lifetimes_of_tokens(frozen: Running, ttl: str) -> None:
    instance = launch(frozen)
    headers = {"X_aliyun_ecs_metadata_token_ttl_seconds": ttl}
    assert ask_metadata(frozen, instance.id, "/latest/api/token", "PUT", **headers)[0] == 400


def test_the_termination_notice(frozen: Running) -> None:
    instance = launch(frozen)
    path = "/latest/meta-data/instance/spot/termination-time"
    assert ask_metadata(frozen, instance.id, path)[0] == 404
    frozen.cloud.store.put(replace(instance, reclaimed=NOW + 200))
    status, moment = ask_metadata(frozen, instance.id, path)
    assert (status, len(moment), moment[-1]) == (200, 20, "Z")
    assert ask_metadata(frozen, "i-nobody", path)[0] == 404


def test_a_data_file_of_an_earlier_version_gets_its_networks(tmp_path: Any) -> None:
    file = tmp_path / "old.db"
    old = LocalCloud(file)
    old.store.clear()
    old.store.put(seed.KEY)
    old.store.close()
    new = LocalCloud(file)
    assert any(new.store.all(VSwitch))
    new.store.close()

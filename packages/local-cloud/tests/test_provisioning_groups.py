"""Auto provisioning groups: what they launch, in which order, and how they keep their capacity."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from tests.conftest import REGION, Running

from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.market import Market, sold_in, spot_price
from local_cloud.records import Instance, ProvisioningGroup
from sdk import ecs, refused

ZONE = "cn-hangzhou-k"
MARKET = Market(seed=3, scarcity=0.0, phantoms=0.0)
TYPES = [name for name, kind in INSTANCE_TYPES.items() if kind.cpus == 2 and sold_in(MARKET, kind, ZONE)][:3]
VSWITCH = f"vsw-local-{ZONE}"


@pytest.fixture
def cloud(populated: Running) -> Running:
    store = populated.cloud.store
    store.remove(*store.all(Instance))
    return populated.always_in_stock(MARKET.seed, boot_seconds=0.0)


def offers(**more: Any) -> list[Any]:
    return [
        models.CreateAutoProvisioningGroupRequestLaunchTemplateConfig(
            instance_type=name, v_switch_id=VSWITCH, priority=number, **more
        )
        for number, name in enumerate(TYPES)
    ]


def create(cloud: Running, total: str, **more: Any) -> Any:
    launch = models.CreateAutoProvisioningGroupRequestLaunchConfiguration(
        image_id="m-localnewamd64", security_group_id=f"sg-local-{REGION}", instance_name="grouped"
    )
    given: dict[str, Any] = {"launch_configuration": launch, "launch_template_config": offers(), **more}
    request = models.CreateAutoProvisioningGroupRequest(region_id=REGION, total_target_capacity=total, **given)
    return ecs(cloud).create_auto_provisioning_group(request).body


def types(cloud: Running) -> list[str]:
    return [one.type for one in cloud.cloud.store.all(Instance)]


def describe(cloud: Running, group: str) -> Any:
    request = models.DescribeAutoProvisioningGroupsRequest(region_id=REGION, auto_provisioning_group_id=[group])
    (found,) = (
        ecs(cloud).describe_auto_provisioning_groups(request).body.auto_provisioning_groups.auto_provisioning_group
    )
    return found


def cheapest(cloud: Running) -> str:
    market, now = cloud.cloud.store.settings().market, cloud.cloud.clock.now()
    return min(TYPES, key=lambda name: spot_price(market, INSTANCE_TYPES[name], ZONE, now))


def test_strategies_choose_among_the_offers(cloud: Running) -> None:
    create(cloud, "3", auto_provisioning_group_type="request")
    assert types(cloud) == [cheapest(cloud)] * 3
    cloud.cloud.store.remove(*cloud.cloud.store.all(Instance))
    create(cloud, "3", auto_provisioning_group_type="request", spot_allocation_strategy="diversified")
    assert sorted(types(cloud)) == sorted(TYPES)
    cloud.cloud.store.remove(*cloud.cloud.store.all(Instance))
    create(cloud, "2", auto_provisioning_group_type="request", spot_allocation_strategy="prioritized")
    assert types(cloud) == [TYPES[0]] * 2


def test_weights_count_for_the_capacity(cloud: Running) -> None:
    create(cloud, "4", launch_template_config=offers(weighted_capacity=2.0), auto_provisioning_group_type="request")
    assert len(types(cloud)) == 2


def test_the_rest_of_the_capacity_is_of_the_default_type(cloud: Running) -> None:
    create(
        cloud,
        "3",
        spot_target_capacity="1",
        default_target_capacity_type="PayAsYouGo",
        auto_provisioning_group_type="request",
    )
    strategies = sorted(one.strategy for one in cloud.cloud.store.all(Instance))
    assert strategies == ["NoSpot", "NoSpot", "SpotAsPriceGo"]


def test_maintain_replaces_what_is_gone_and_request_does_not(cloud: Running) -> None:
    for kind, count in (("maintain", 2), ("request", 1)):
        cloud.cloud.store.remove(*cloud.cloud.store.all(Instance))
        group = create(cloud, "2", auto_provisioning_group_type=kind).auto_provisioning_group_id
        cloud.cloud.store.remove(next(iter(cloud.cloud.store.all(Instance))))
        found = describe(cloud, group)
        assert (len(types(cloud)), found.capacity_specification.total_capacity) == (count, float(count))
        assert found.status == ("fulfilled" if kind == "maintain" else "pending-fulfillment")


def test_what_is_refused_is_passed_over_and_told(cloud: Running) -> None:
    """An instant group tells at once; the history tells too."""
    limited = offers()
    limited[0].max_price = 0.001
    answer = create(
        cloud,
        "1",
        launch_template_config=limited[:1],
        auto_provisioning_group_type="instant",
    )
    (result,) = answer.launch_results.launch_result
    assert (result.error_code, result.amount) == ("InvalidSpotPriceLimit.LowerThanPublicPrice", 0)
    assert types(cloud) == []
    answer = create(
        cloud,
        "1",
        launch_template_config=limited,
        spot_allocation_strategy="prioritized",
        auto_provisioning_group_type="instant",
    )
    launched, refusal = answer.launch_results.launch_result
    assert (launched.instance_type, launched.amount) == (TYPES[1], 1)
    assert refusal.error_code == "InvalidSpotPriceLimit.LowerThanPublicPrice"


def test_deleting_a_group_deletes_its_instances_if_it_shall(cloud: Running) -> None:
    for terminates, left in ((False, 1), (True, 0)):
        cloud.cloud.store.remove(*cloud.cloud.store.all(Instance))
        group = create(cloud, "1", auto_provisioning_group_type="request").auto_provisioning_group_id
        request = models.DeleteAutoProvisioningGroupRequest(
            region_id=REGION, auto_provisioning_group_id=group, terminate_instances=terminates
        )
        ecs(cloud).delete_auto_provisioning_group(request)
        assert len(types(cloud)) == left
        assert group not in {one.id for one in cloud.cloud.store.all(ProvisioningGroup)}


@pytest.mark.parametrize(
    ("total", "more", "code"),
    [
        ("1", {"spot_target_capacity": "2"}, "InvalidParameter.TotalTargetCapacity"),
        ("x", {}, "InvalidTotalTargetCapacity"),
        ("nan", {}, "InvalidTotalTargetCapacity"),
        ("1001", {}, "InvalidTotalTargetCapacity"),
        ("1", {"auto_provisioning_group_type": "never"}, "InvalidAutoProvisioningGroupType.ValueNotSupported"),
        ("1", {"launch_configuration": None}, "MissingParameter.LaunchTemplateId"),
        ("1", {"launch_configuration": None, "launch_template_id": "lt-none"}, "InvalidLaunchTemplate.NotFound"),
    ],
)
def test_wrong_groups_are_refused_and_launch_nothing(
    cloud: Running, total: str, more: dict[str, Any], code: str
) -> None:
    assert refused(lambda: create(cloud, total, **more))[1] == code
    assert types(cloud) == []
    assert not list(cloud.cloud.store.all(ProvisioningGroup))

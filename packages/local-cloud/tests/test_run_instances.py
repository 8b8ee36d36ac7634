"""RunInstances: its error table, and what it does with every documented parameter."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient
from msgspec.structs import replace
from tests.conftest import REGION, Running

from local_cloud.market import Market
from local_cloud.records import Instance, VSwitch
from sdk import config, ecs, refused

ZONE = "cn-hangzhou-k"
VSWITCH, GROUP = f"vsw-local-{ZONE}", f"sg-local-{REGION}"


@pytest.fixture
def stocked(populated: Running) -> Running:
    """A cloud with an image, in which everything is on sale and in stock."""
    store = populated.cloud.store
    store.put(replace(store.settings(), market=Market(seed=3, scarcity=0.0, phantoms=0.0)))
    return populated


def launch(live: Running, **more: Any) -> list[Instance]:
    """Launch, and return the instances in their order."""
    given: dict[str, Any] = {
        "region_id": REGION,
        "image_id": "m-localnewamd64",
        "instance_type": "ecs.c7.large",
        "v_switch_id": VSWITCH,
        "security_group_id": GROUP,
        **more,
    }
    ids = ecs(live).run_instances(models.RunInstancesRequest(**given)).body.instance_id_sets.instance_id_set
    made = [live.cloud.store.get(Instance, one) for one in ids]
    return [one for one in made if one is not None]


def disk(**fields: Any) -> models.RunInstancesRequestSystemDisk:
    return models.RunInstancesRequestSystemDisk(**fields)


TABLE: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "a family without an image": (
        {"image_id": None, "image_family": "no-such-family"},
        (403, "InvalidImageFamily.MissingAvailableImage"),
    ),
    "an image and a family": (
        {"image_family": "github-runner-ubuntu24-amd64"},
        (400, "UnexpectedImageFamily.ImageIdSupplied"),
    ),
    "no image": ({"image_id": None}, (400, "MissingParameter")),
    "no type": ({"instance_type": None}, (400, "MissingParameter")),
    "one group and many": (
        {"security_group_ids": [GROUP]},
        (400, "InvalidSecurityGroupId.SingleIdAndMultiIdConflict"),
    ),
    "a group twice": (
        {"security_group_id": None, "security_group_ids": [GROUP, GROUP]},
        (400, "InvalidParameter.SecurityGroupIdRepeated"),
    ),
    "tokens perhaps": ({"http_tokens": "maybe"}, (400, "InvalidHttpTokens.NotSupported")),
    "an unknown strategy": ({"spot_strategy": "Perhaps"}, (400, "InvalidSpotStrategy")),
    "an unknown interruption": ({"spot_interruption_behavior": "Sleep"}, (400, "InvalidSpotInterruptionBehavior")),
    "two protected hours": ({"spot_strategy": "SpotAsPriceGo", "spot_duration": 2}, (400, "InvalidSpotDuration")),
    "more at least than at most": ({"min_amount": 2}, (400, "InvalidMinAmount.Malformed")),
    "a hundred and one": ({"amount": 101}, (403, "InvalidParam.Amount")),
    "a disk smaller than the image": (
        {"system_disk": disk(size="20")},
        (404, "InvalidSystemDiskSize.LessThanImageSize"),
    ),
    "a disk that is too large": ({"system_disk": disk(size="2049")}, (404, "InvalidSystemDiskSize.MoreThanMaxSize")),
    "a protected spot instance": (
        {"spot_strategy": "SpotAsPriceGo", "deletion_protection": True},
        (403, "InvalidChargeType.ValueNotSupported"),
    ),
    "a release in a century": (
        {"auto_release_time": "2099-01-01T00:00:00Z"},
        (400, "InvalidAutoReleaseTime.Malformed"),
    ),
    "a zone that is not the vSwitch's": ({"zone_id": "cn-hangzhou-b"}, (400, "InvalidParameter.Mismatch")),
    "an image of another architecture": ({"instance_type": "ecs.c8y.large"}, (403, "ImageNotSupportInstanceType")),
}


@pytest.mark.parametrize("case", TABLE)
def test_a_launch_is_refused_with_the_codes_of_its_table(stocked: Running, case: str) -> None:
    fields, answer = TABLE[case]
    assert refused(lambda: launch(stocked, **fields)) == answer


def test_a_group_of_another_vpc_is_inconsistent(stocked: Running) -> None:
    vpc = VpcClient(config(stocked)).create_vpc(vpc_models.CreateVpcRequest(region_id=REGION)).body.vpc_id
    request = models.CreateSecurityGroupRequest(region_id=REGION, vpc_id=vpc)
    group = ecs(stocked).create_security_group(request).body.security_group_id
    refusal = refused(lambda: launch(stocked, security_group_id=group))
    assert refusal == (403, "OperationDenied.InconsistentNetwork")


def test_a_vswitch_without_addresses_has_none_left(stocked: Running) -> None:
    vswitch = stocked.cloud.store.get(VSwitch, VSWITCH)
    assert vswitch is not None
    stocked.cloud.store.put(replace(vswitch, id="vsw-small", cidr="172.16.255.0/29"))
    launch(stocked, v_switch_id="vsw-small", amount=4)
    assert refused(lambda: launch(stocked, v_switch_id="vsw-small")) == (400, "QuotaExceeded.PrivateIpAddress")

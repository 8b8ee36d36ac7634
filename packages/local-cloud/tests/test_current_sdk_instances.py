"""Instances, the market, networks and the bill as the current official SDKs speak of them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from alibabacloud_bssopenapi20171214 import models as bss_models
from alibabacloud_bssopenapi20171214.client import Client as BssClient
from alibabacloud_ecs20140526 import models
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient
from msgspec.structs import replace
from tests.conftest import REGION, Running

from local_cloud import seed
from local_cloud.clock import iso
from local_cloud.lifecycle import usage
from local_cloud.records import Instance
from sdk import config, ecs, refused

TYPE = "ecs.c7.2xlarge"
ZONE = "cn-hangzhou-k"


@pytest.fixture
def stocked(live: Running) -> Running:
    """A cloud in which everything is on sale and in stock."""
    return live.always_in_stock(3)


def place(sdk: Any) -> tuple[str, str]:
    """A zone that sells the type, and a disk category for it."""
    answer = sdk.describe_available_resource(
        models.DescribeAvailableResourceRequest(
            region_id=REGION, destination_resource="SystemDisk", instance_type=TYPE, spot_strategy="SpotAsPriceGo"
        )
    ).body
    for zone in answer.available_zones.available_zone:
        for resource in zone.available_resources.available_resource if zone.available_resources else []:
            return zone.zone_id, resource.supported_resources.supported_resource[0].value
    raise AssertionError("nothing is on sale")


def run(sdk: Any, image: str, **more: Any) -> list[str]:
    zone, disk = place(sdk)
    given: dict[str, Any] = {
        "region_id": REGION,
        "image_id": image,
        "instance_type": TYPE,
        "v_switch_id": f"vsw-local-{zone}",
        "security_group_id": f"sg-local-{REGION}",
        "spot_strategy": "SpotAsPriceGo",
        "system_disk": models.RunInstancesRequestSystemDisk(category=disk, size="60"),
        "tag": [models.RunInstancesRequestTag(key="by", value="sdk")],
        **more,
    }
    return list(sdk.run_instances(models.RunInstancesRequest(**given)).body.instance_id_sets.instance_id_set)


def instances(sdk: Any, **filters: Any) -> list[Any]:
    answer = sdk.describe_instances(models.DescribeInstancesRequest(region_id=REGION, **filters)).body
    return list(answer.instances.instance)


def advance(live: Running, seconds: float) -> None:
    live.cloud.clock.advance(seconds)


def test_an_instance_from_creation_to_deletion(stocked: Running) -> None:
    sdk = ecs(stocked)
    image = stocked.image("fam")
    (made,) = run(
        sdk,
        image,
        instance_name="runner-1",
        http_tokens="required",
        key_pair_name="ci",
        user_data=base64.b64encode(b"#!/bin/sh\ntrue\n").decode(),
        internet_max_bandwidth_out=5,
    )
    assert [one.status for one in instances(sdk, instance_ids=f'["{made}"]')] == ["Pending"]
    advance(stocked, 5)
    assert instances(sdk)[0].status == "Starting"
    advance(stocked, 60)
    (shown,) = instances(sdk, tag=[models.DescribeInstancesRequestTag(key="by", value="sdk")])
    assert (shown.status, shown.instance_name, shown.instance_type, shown.image_id) == (
        "Running",
        "runner-1",
        TYPE,
        image,
    )
    assert (shown.cpu, shown.memory, shown.spot_strategy) == (8, 16 * 1024, "SpotAsPriceGo")
    assert shown.metadata_options.http_tokens == "required"
    assert shown.vpc_attributes.private_ip_address.ip_address[0].startswith("172.16.")
    assert shown.public_ip_address.ip_address
    assert shown.auto_release_time == ""

    status = sdk.describe_instance_status(
        models.DescribeInstanceStatusRequest(region_id=REGION, instance_id=[made])
    ).body.instance_statuses.instance_status
    assert [(one.instance_id, one.status) for one in status] == [(made, "Running")]

    console = sdk.get_instance_console_output(
        models.GetInstanceConsoleOutputRequest(region_id=REGION, instance_id=made)
    ).body
    assert b"cloud-init" in base64.b64decode(console.console_output)

    tomorrow = iso(stocked.cloud.clock.now() + 86_400)[:-3]
    sdk.modify_instance_auto_release_time(
        models.ModifyInstanceAutoReleaseTimeRequest(
            region_id=REGION, instance_id=made, auto_release_time=f"{tomorrow}30Z"
        )
    )
    assert instances(sdk)[0].auto_release_time == f"{tomorrow[:-1]}Z"

    disks = sdk.describe_disks(models.DescribeDisksRequest(region_id=REGION, instance_id=made)).body.disks.disk
    assert [(one.size, one.type, one.status) for one in disks] == [(60, "system", "In_use")]
    assert (
        refused(lambda: sdk.delete_disk(models.DeleteDiskRequest(disk_id=disks[0].disk_id)))[1] == "IncorrectDiskStatus"
    )

    sdk.stop_instance(models.StopInstanceRequest(instance_id=made))
    assert instances(sdk)[0].status == "Stopping"
    advance(stocked, 60)
    assert instances(sdk)[0].status == "Stopped"
    sdk.start_instance(models.StartInstanceRequest(instance_id=made))
    advance(stocked, 60)
    stopped = sdk.stop_instances(models.StopInstancesRequest(region_id=REGION, instance_id=[made])).body
    assert stopped.instance_responses.instance_response[0].current_status == "Stopping"
    advance(stocked, 60)
    sdk.start_instance(models.StartInstanceRequest(instance_id=made))
    advance(stocked, 60)

    delete = models.DeleteInstanceRequest(instance_id=made)
    assert refused(lambda: sdk.delete_instance(delete)) == (403, "IncorrectInstanceStatus")
    sdk.delete_instances(models.DeleteInstancesRequest(region_id=REGION, instance_id=[made], force=True))
    assert instances(sdk)[0].status == "Stopping"
    advance(stocked, 60)
    assert instances(sdk) == []
    assert sdk.describe_disks(models.DescribeDisksRequest(region_id=REGION)).body.disks.disk == []
    assert refused(lambda: sdk.delete_instance(delete)) == (404, "InvalidInstanceId.NotFound")


def test_both_pagings(stocked: Running) -> None:
    sdk = ecs(stocked)
    made = run(sdk, stocked.image("fam"), amount=25, min_amount=25, unique_suffix=True, instance_name="runner")
    names = {one.instance_name for one in instances(sdk, page_size=100)}
    assert names == {f"runner{number:03}" for number in range(1, 26)}
    second = instances(sdk, page_size=20, page_number=2)
    assert len(second) == 5
    token, seen = "", set()
    for _ in range(3):
        answer = sdk.describe_instances(
            models.DescribeInstancesRequest(region_id=REGION, max_results=10, next_token=token or None)
        ).body
        seen |= {one.instance_id for one in answer.instances.instance}
        token = answer.next_token
    assert (seen, token) == (set(made), "")


def test_one_token_one_instance(stocked: Running) -> None:
    sdk = ecs(stocked)
    image = stocked.image("fam")
    assert run(sdk, image, client_token="t-1") == run(sdk, image, client_token="t-1")
    again = refused(lambda: run(sdk, image, client_token="t-1", instance_name="another"))
    assert again[1] == "IdempotentParameterMismatch"


def test_the_market(stocked: Running) -> None:
    sdk = ecs(stocked)
    types = sdk.describe_instance_types(
        models.DescribeInstanceTypesRequest(cpu_architecture="ARM", minimum_cpu_core_count=8, maximum_cpu_core_count=8)
    ).body.instance_types.instance_type
    assert {one.cpu_core_count for one in types} == {8}
    assert "ecs.c8y.2xlarge" in {one.instance_type_id for one in types}

    everything = sdk.describe_instance_types(models.DescribeInstanceTypesRequest()).body.instance_types.instance_type
    assert len(everything) >= 60
    assert {one.cpu_architecture for one in everything} == {"X86", "ARM"}

    stock = sdk.describe_available_resource(
        models.DescribeAvailableResourceRequest(
            region_id=REGION,
            destination_resource="InstanceType",
            spot_strategy="SpotAsPriceGo",
            system_disk_category="cloud_essd",
        )
    ).body.available_zones.available_zone
    assert len(stock) >= 6
    values = stock[0].available_resources.available_resource[0].supported_resources.supported_resource
    assert {one.status for one in values} == {"Available"}

    history = sdk.describe_spot_price_history(
        models.DescribeSpotPriceHistoryRequest(region_id=REGION, instance_type=TYPE, network_type="vpc")
    ).body
    prices = history.spot_prices.spot_price_type
    assert history.currency == "CNY"
    assert all(0.1 * one.origin_price <= one.spot_price + 0.001 <= one.origin_price + 0.002 for one in prices)
    zone = prices[0].zone_id
    assert 3 <= sum(one.zone_id == zone for one in prices) <= 4

    advice = sdk.describe_spot_advice(
        models.DescribeSpotAdviceRequest(region_id=REGION, instance_types=[TYPE])
    ).body.available_spot_zones.available_spot_zone
    rows = [row for one in advice for row in one.available_spot_resources.available_spot_resource]
    assert {row.instance_type for row in rows} == {TYPE}
    assert all(3 <= row.interruption_rate <= 30 and 10 <= row.average_spot_discount <= 60 for row in rows)
    assert {row.interrupt_rate_desc for row in rows} <= {"0-3%", "3-5%", "5-10%", "10-100%"}

    price = sdk.describe_price(
        models.DescribePriceRequest(region_id=REGION, instance_type=TYPE, spot_strategy="SpotAsPriceGo", zone_id=zone)
    ).body.price_info.price
    assert price.trade_price < price.original_price
    assert price.currency == "CNY"


def test_networks(live: Running) -> None:
    vpc = VpcClient(config(live))
    switches = vpc.describe_vswitches(vpc_models.DescribeVSwitchesRequest(region_id=REGION, zone_id=ZONE)).body
    (one,) = switches.v_switches.v_switch
    assert (one.v_switch_id, one.zone_id) == (f"vsw-local-{ZONE}", ZONE)
    assert one.available_ip_address_count == 4096 - 4
    (network,) = vpc.describe_vpcs(vpc_models.DescribeVpcsRequest(region_id=REGION)).body.vpcs.vpc
    assert network.vpc_id == one.vpc_id
    assert len(network.v_switch_ids.v_switch_id) >= 6

    sdk = ecs(live)
    groups = sdk.describe_security_groups(
        models.DescribeSecurityGroupsRequest(region_id=REGION, vpc_id=one.vpc_id)
    ).body
    assert [group.security_group_id for group in groups.security_groups.security_group] == [f"sg-local-{REGION}"]
    pairs = sdk.describe_key_pairs(models.DescribeKeyPairsRequest(region_id=REGION, key_pair_name="ci")).body
    assert [pair.key_pair_name for pair in pairs.key_pairs.key_pair] == ["ci"]


def test_a_reclaim_is_announced_five_minutes_ahead(stocked: Running) -> None:
    sdk = ecs(stocked)
    (made,) = run(sdk, stocked.image("fam"), spot_duration=0)
    advance(stocked, 60)
    now = stocked.cloud.clock.now()
    instance = stocked.cloud.store.get(Instance, made)
    assert instance is not None
    stocked.cloud.store.put(replace(instance, reclaimed=now + 240.0))
    assert instances(sdk)[0].operation_locks.lock_reason[0].lock_reason == "Recycling"
    request = models.DescribeInstanceHistoryEventsRequest(region_id=REGION, instance_id=made)
    (event,) = sdk.describe_instance_history_events(request).body.instance_system_event_set.instance_system_event_type
    assert (event.event_cycle_status.name, event.instance_id) == ("Scheduled", made)
    advance(stocked, 300)
    assert instances(sdk) == []
    (event,) = sdk.describe_instance_history_events(request).body.instance_system_event_set.instance_system_event_type
    assert event.event_cycle_status.name == "Executed"


def test_the_bill(stocked: Running) -> None:
    sdk = ecs(stocked)
    (made,) = run(sdk, stocked.image("fam"))
    advance(stocked, 1800)
    sdk.delete_instance(models.DeleteInstanceRequest(instance_id=made, force=True))
    advance(stocked, 60)
    bill = BssClient(config(stocked))
    from local_cloud.clock import iso

    day = iso(stocked.cloud.clock.now() - 1000 + 8 * 3600)[:10]
    answer = bill.describe_instance_bill(
        bss_models.DescribeInstanceBillRequest(
            billing_cycle=day[:7], billing_date=day, granularity="DAILY", product_code="ecs"
        )
    ).body
    items = [item for item in answer.data.items if item.instance_id == made]
    assert answer.success
    assert items
    assert items[0].tag == "key:by value:sdk"
    assert 0 < items[0].pretax_amount < 2


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown type": ({"instance_type": "ecs.g99.large"}, "InvalidInstanceType.ValueNotSupported"),
    "another architecture": ({"instance_type": "ecs.c8y.2xlarge"}, "ImageNotSupportInstanceType"),
    "an unknown image": ({"image_id": "m-none"}, "InvalidImageId.NotFound"),
    "image and family": ({"image_family": "fam"}, "UnexpectedImageFamily.ImageIdSupplied"),
    "an unknown vSwitch": ({"v_switch_id": "vsw-none"}, "InvalidVSwitchId.NotFound"),
    "an unknown security group": ({"security_group_id": "sg-none"}, "InvalidSecurityGroupId.NotFound"),
    "no security group": ({"security_group_id": None}, "MissingSecurityGroupId"),
    "an unknown key pair": ({"key_pair_name": "none"}, "InvalidKeyPairName.NotFound"),
    "user data in clear": ({"user_data": "#!/bin/sh"}, "InvalidUserData.Base64FormatInvalid"),
    "too much user data": ({"user_data": base64.b64encode(bytes(33_000)).decode()}, "InvalidUserData.SizeExceeded"),
    "a release in ten minutes": ({"auto_release_time": "2020-01-01T00:00:00Z"}, "InvalidAutoReleaseTime.Malformed"),
    "a disk that is too small": (
        {"system_disk": models.RunInstancesRequestSystemDisk(size="20")},
        "InvalidSystemDiskSize.LessThanImageSize",
    ),
    "a disk that the type cannot have": (
        {"system_disk": models.RunInstancesRequestSystemDisk(category="cloud_ssd")},
        "InvalidSystemDiskCategory.ValueNotSupported",
    ),
    "too low a price": (
        {"spot_strategy": "SpotWithPriceLimit", "spot_price_limit": 0.001},
        "InvalidSpotPriceLimit.LowerThanPublicPrice",
    ),
    "a hundred and one": ({"amount": 101}, "InvalidParam.Amount"),
    "a dry run": ({"dry_run": True}, "DryRunOperation"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(stocked: Running, case: str) -> None:
    fields, code = REFUSALS[case]
    sdk = ecs(stocked)
    image = stocked.image("fam")
    assert refused(lambda: run(sdk, **{"image": image, **({"image_id": image} | fields)}))[1] == code
    assert instances(sdk) == []


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "no balance": ({"balance": False}, "InvalidAccountStatus.NotEnoughBalance"),
    "no quota": ({"cpu_quota": 7}, "QuotaExceed.ElasticQuota"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_an_account_without_permission(stocked: Running, case: str) -> None:
    fields, code = SETTINGS[case]
    stocked.cloud.store.put(replace(stocked.cloud.store.settings(), **fields))
    assert refused(lambda: run(ecs(stocked), stocked.image("fam")))[1] == code


def test_stock_runs_out(stocked: Running) -> None:
    sdk = ecs(stocked)
    image = stocked.image("fam")
    while len(made := run(sdk, image, amount=100, min_amount=1)) == 100:
        pass
    assert made
    assert refused(lambda: run(sdk, image))[1] == "OperationDenied.NoStock"


def test_families_stand_for_their_newest_image(stocked: Running) -> None:
    sdk = ecs(stocked)
    stocked.image("old", family="fam-amd64", created=1.0)
    newest = stocked.image("new", family="fam-amd64", created=2.0)
    run(sdk, "", image_id=None, image_family="fam-amd64")
    assert instances(sdk)[0].image_id == newest


def test_calls_are_throttled(stocked: Running) -> None:
    stocked.cloud.store.put(replace(stocked.cloud.store.settings(), calls_per_second=2.0))
    sdk = ecs(stocked)
    for _ in range(2):
        instances(sdk)
    assert refused(lambda: [instances(sdk) for _ in range(5)])[1] == "Throttling.User"


def test_another_account_sees_nothing(stocked: Running) -> None:
    (made,) = run(ecs(stocked), stocked.image("fam"))
    other = ecs(stocked, access_key_id=seed.OTHER_KEY.id, access_key_secret=seed.OTHER_KEY.secret)
    assert instances(other) == []
    delete = models.DeleteInstancesRequest(region_id=REGION, instance_id=[made], force=True)
    assert refused(lambda: other.delete_instances(delete))[1] == "InvalidInstanceId.NotFound"


def test_cloud_assistant(stocked: Running) -> None:
    sdk = ecs(stocked)
    (made,) = run(sdk, stocked.image("fam"))

    def status() -> str:
        request = models.DescribeCloudAssistantStatusRequest(region_id=REGION, instance_id=[made])
        answer = sdk.describe_cloud_assistant_status(request).body
        return str(answer.instance_cloud_assistant_status_set.instance_cloud_assistant_status[0].cloud_assistant_status)

    content = "#!/bin/sh\n# simulate: seconds=20 exit=4 output=first\n# simulate: seconds=20 output=second\n"
    command = models.RunCommandRequest(
        region_id=REGION,
        type="RunShellScript",
        instance_id=[made],
        command_content=base64.b64encode(content.encode()).decode(),
        content_encoding="Base64",
        timeout=100,
        client_token="once",
    )
    assert refused(lambda: sdk.run_command(command))[1] == "IncorrectInstanceStatus"
    advance(stocked, 26)
    assert status() == "false"
    advance(stocked, 10)
    assert status() == "true"

    invocation = sdk.run_command(command).body.invoke_id
    assert sdk.run_command(command).body.invoke_id == invocation

    def result() -> Any:
        request = models.DescribeInvocationResultsRequest(region_id=REGION, invoke_id=invocation)
        return sdk.describe_invocation_results(request).body.invocation.invocation_results.invocation_result[0]

    advance(stocked, 21)
    assert (result().invocation_status, base64.b64decode(result().output)) == ("Running", b"first\n")
    advance(stocked, 21)
    assert (result().invocation_status, result().exit_code, result().error_code) == ("Failed", 4, "ExitCodeNonzero")
    assert base64.b64decode(result().output) == b"first\nsecond\n"
    listed = sdk.describe_invocations(models.DescribeInvocationsRequest(region_id=REGION, invoke_id=invocation)).body
    assert listed.invocations.invocation[0].invoke_instances.invoke_instance[0].exit_code == 4

    send = models.SendFileRequest(
        region_id=REGION, instance_id=[made], name="motd", target_dir="/etc", content="hello", file_mode="0600"
    )
    sent = sdk.send_file(send).body.invoke_id
    advance(stocked, 1)
    files = sdk.describe_send_file_results(models.DescribeSendFileResultsRequest(region_id=REGION, invoke_id=sent)).body
    assert files.invocations.invocation[0].invocation_status == "Success"

    long = models.RunCommandRequest(
        region_id=REGION,
        type="RunShellScript",
        instance_id=[made],
        command_content="#!/bin/sh\n# simulate: seconds=500\n",
    )
    hanging = sdk.run_command(long).body.invoke_id
    sdk.stop_invocation(models.StopInvocationRequest(region_id=REGION, invoke_id=hanging, instance_id=[made]))
    invocation = hanging
    assert result().invocation_status == "Stopped"
    invocation = sdk.run_command(long).body.invoke_id
    advance(stocked, 61)
    assert (result().invocation_status, result().error_code) == ("Timeout", "ExecutionTimeout")


def test_the_limits_of_cloud_assistant(stocked: Running) -> None:
    sdk = ecs(stocked)
    (made,) = run(sdk, stocked.image("fam"))
    advance(stocked, 60)
    command = {"region_id": REGION, "type": "RunShellScript", "instance_id": [made]}
    too_long = models.RunCommandRequest(**command, command_content="#" * 19_000)
    assert refused(lambda: sdk.run_command(too_long))[1] == "CmdContent.ExceedLimit"
    too_big = models.SendFileRequest(
        region_id=REGION, instance_id=[made], name="x", target_dir="/tmp", content="#" * 25_000
    )
    assert refused(lambda: sdk.send_file(too_big))[1] == "FileContent.ExceedLimit"
    nobody = models.RunCommandRequest(**{**command, "instance_id": ["i-none"]}, command_content="true")
    assert refused(lambda: sdk.run_command(nobody))[1] == "InvalidInstanceId.NotFound"


def test_economical_mode_costs_nothing_but_gives_the_place_away(stocked: Running) -> None:
    sdk = ecs(stocked)
    image = stocked.image("fam")
    saving = run(sdk, image, instance_type="ecs.c7.2xlarge")[0]
    advance(stocked, 3600)
    spent = bill(stocked, saving)
    assert spent > 0
    stop = models.StopInstancesRequest(region_id=REGION, instance_id=[saving], stopped_mode="StopCharging")
    sdk.stop_instances(stop)
    advance(stocked, 7200)
    assert [(one.status, one.stopped_mode) for one in instances(sdk)] == [("Stopped", "StopCharging")]
    assert bill(stocked, saving) == pytest.approx(spent, rel=0.02), "the hours that it was stopped cost nothing"
    settings = stocked.cloud.store.settings()
    stocked.cloud.store.put(replace(settings, market=replace(settings.market, scarcity=1.0)))
    start = models.StartInstanceRequest(instance_id=saving)
    assert refused(lambda: sdk.start_instance(start))[1] == "OperationDenied.NoStock"
    each = models.StartInstancesRequest(region_id=REGION, instance_id=[saving], batch_optimization="SuccessFirst")
    (answer,) = sdk.start_instances(each).body.instance_responses.instance_response
    assert (answer.code, answer.current_status) == ("OperationDenied.NoStock", "Stopped")
    stocked.cloud.store.put(settings)
    sdk.start_instance(start)
    advance(stocked, 3600)
    (found,) = instances(sdk)
    assert (found.status, found.stopped_mode) == ("Running", "Not-applicable")
    assert found.start_time > found.creation_time
    assert bill(stocked, saving) == pytest.approx(2 * spent, rel=0.5)


def test_a_local_disk_goes_on_costing_without_an_error(stocked: Running) -> None:
    sdk = ecs(stocked)
    market = replace(stocked.cloud.store.settings().market, scarcity=0.0, phantoms=0.0)
    stocked.cloud.store.put(replace(stocked.cloud.store.settings(), market=market))
    made = run(sdk, stocked.image("fam"), instance_type="ecs.i4.2xlarge", system_disk=None)[0]
    advance(stocked, 60)
    sdk.stop_instance(models.StopInstanceRequest(instance_id=made, stopped_mode="StopCharging"))
    before = bill(stocked, made)
    advance(stocked, 3600)
    assert [(one.status, one.stopped_mode) for one in instances(sdk)] == [("Stopped", "KeepCharging")]
    assert bill(stocked, made) > before + 1.0


def bill(stocked: Running, instance: str) -> float:
    found = stocked.cloud.store.get(Instance, instance)
    assert found
    amounts = usage(stocked.cloud.store.settings().market, found, stocked.cloud.clock.now()).amounts
    return sum(amounts.values())

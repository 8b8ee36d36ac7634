"""Every documented filter of DescribeInstances narrows the list, and pages have the sizes of the documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.conftest import REGION, Running

from conformance.identities import TRUST
from local_cloud import seed
from local_cloud.actions.rules import like
from local_cloud.clock import iso
from local_cloud.records import Eip, Instance
from sdk import config, ecs, refused

TEXTS = st.text("ab", max_size=8)
PATTERNS = st.text("ab*", max_size=6)


def listed(live: Running, **filters: Any) -> list[str]:
    answer = ecs(live).describe_instances(models.DescribeInstancesRequest(region_id=REGION, **filters)).body
    return [one.instance_id for one in answer.instances.instance]


def put(live: Running, instance_id: str, **fields: Any) -> None:
    made = Instance(id=instance_id, region=REGION, owner=seed.ACCOUNT, created=1.0, image="m-1")
    live.cloud.store.put(replace(made, **fields))


def created(key: str, value: str) -> Any:
    return models.DescribeInstancesRequestFilter(key=key, value=value)


@pytest.mark.parametrize(
    "filters",
    [
        {"private_ip_addresses": '["172.16.0.2", "172.16.0.9"]', "instance_network_type": "vpc"},
        {"public_ip_addresses": '["203.0.113.2"]'},
        {"instance_type_family": "ecs.g8y"},
        {"http_tokens": "required"},
        {
            "filter": [
                created("CreationStartTime", "2026-01-02T00:00Z"),
                created("CreationEndTime", "2026-01-04T00:00Z"),
            ]
        },
    ],
    ids=lambda filters: next(iter(filters)),
)
def test_a_filter_leaves_the_instance_that_it_describes(live: Running, filters: dict[str, Any]) -> None:
    put(live, "i-1", ip="172.16.0.1", public_ip="203.0.113.1", type="ecs.c7.large")
    put(
        live,
        "i-2",
        ip="172.16.0.2",
        public_ip="203.0.113.2",
        type="ecs.g8y.large",
        http_tokens="required",
        created=1_767_398_400.0,  # 2026-01-03
    )
    assert listed(live, **filters) == ["i-2"]
    assert listed(live, **filters) == ["i-2"]  # from what is remembered, too


@pytest.mark.parametrize(
    "filters",
    [
        {"instance_network_type": "vpc"},
        {"http_endpoint": "enabled"},
        {"internet_charge_type": "PayByTraffic"},
        {"io_optimized": True},
        {"instance_charge_type": "PostPaid"},
        {"additional_attributes": ["META_OPTIONS"]},
    ],
    ids=lambda filters: next(iter(filters)),
)
def test_every_instance_is_like_that(live: Running, filters: dict[str, Any]) -> None:
    put(live, "i-1")
    assert listed(live, **filters) == ["i-1"]


@pytest.mark.parametrize(
    "filters",
    [
        {"instance_network_type": "classic"},
        {"http_endpoint": "disabled"},
        {"internet_charge_type": "PayByBandwidth"},
        {"io_optimized": False},
        {"instance_charge_type": "PrePaid"},
        {"resource_group_id": "rg-none"},
        {"hpc_cluster_id": "hpc-none"},
        {"inner_ip_addresses": '["10.0.0.1"]'},
        {"rdma_ip_addresses": "10.0.0.1"},
        {"ipv_6address": ["2001:db8::1"]},
        {"lock_reason": "financial"},
    ],
    ids=lambda filters: next(iter(filters)),
)
def test_no_instance_is_like_that(live: Running, filters: dict[str, Any]) -> None:
    put(live, "i-1")
    assert listed(live, **filters) == []


def test_a_lock_reason_finds_an_instance_from_its_notice_on(live: Running) -> None:
    now = live.cloud.clock.now()
    put(live, "i-1", reclaimed=now + 400.0, strategy="SpotAsPriceGo")
    put(live, "i-2")
    assert listed(live, lock_reason="Recycling") == []
    live.cloud.clock.advance(150)
    assert listed(live, lock_reason="Recycling") == ["i-1"]


def test_an_eip_finds_the_instance_that_has_it_now(live: Running) -> None:
    put(live, "i-1")
    address = Eip(id="eip-1", region=REGION, owner=seed.ACCOUNT, created=1.0, ip="203.0.113.9", bound_to="i-1")
    live.cloud.store.put(address)
    wanted = {"eip_addresses": '["203.0.113.9"]', "instance_network_type": "vpc"}
    assert listed(live, **wanted) == ["i-1"]
    live.cloud.store.put(replace(address, bound_to=""))
    assert listed(live, **wanted) == []


def test_a_dry_run_lists_nothing_but_is_checked(live: Running) -> None:
    assert refused(lambda: listed(live, dry_run=True)) == (400, "DryRunOperation")
    assert refused(lambda: listed(live, dry_run=True, private_ip_addresses="nonsense"))[1] == (
        "InvalidPrivateIpAddresses"
    )


def test_an_end_of_subscriptions_is_no_filter_here(live: Running) -> None:
    ends = [created("ExpiredStartTime", iso(0.0))]
    assert refused(lambda: listed(live, filter=ends)) == (501, "NotImplemented.LocalCloud")


@pytest.mark.parametrize("pattern", ["*runner*", "ci*1", "ci-runner-1*", "*ci*n*1*", "ci-runner-1", "*"])
def test_an_asterisk_may_be_anywhere_in_a_name(live: Running, pattern: str) -> None:
    put(live, "i-1", name="ci-runner-1")
    put(live, "i-2", name="")
    found = ["i-2", "i-1"] if pattern == "*" else ["i-1"]
    assert listed(live, instance_name=pattern) == found


@given(PATTERNS, TEXTS)
def test_a_pattern_without_an_asterisk_at_the_ends_is_anchored(pattern: str, text: str) -> None:
    import re

    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert like(pattern, text) is bool(re.fullmatch(expression, text))


def test_key_pairs_are_found_by_the_same_patterns(live: Running) -> None:
    def found(name: str) -> list[str]:
        request = models.DescribeKeyPairsRequest(region_id=REGION, key_pair_name=name)
        return [pair.key_pair_name for pair in ecs(live).describe_key_pairs(request).body.key_pairs.key_pair]

    assert found("c*i") == found("*ci*") == found("ci") == ["ci"]
    assert found("c") == []


@pytest.mark.parametrize(("asked", "shown"), [(1, 10), (9, 10), (11, 11), (100, 100), (101, 100), (5000, 100)])
def test_max_results_of_instances_is_limited_not_refused(live: Running, asked: int, shown: int) -> None:
    for number in range(120):
        put(live, f"i-{number}")
    assert len(listed(live, max_results=asked)) == shown


def test_max_results_of_disks_and_interfaces_goes_to_five_hundred(live: Running) -> None:
    client = ecs(live)
    for number in range(120):
        put(live, f"i-{number}")
    request = models.DescribeNetworkInterfacesRequest(region_id=REGION, max_results=5000)
    interfaces = client.describe_network_interfaces(request).body.network_interface_sets.network_interface_set
    assert len(interfaces) == 120
    disks = client.describe_disks(models.DescribeDisksRequest(region_id=REGION, max_results=5000)).body
    assert disks.page_size == 500


@pytest.mark.parametrize("action", ["invocations", "invocation_results", "send_file_results"])
def test_max_results_of_commands_is_at_most_fifty(live: Running, action: str) -> None:
    name = f"Describe{action.title().replace('_', '')}Request"
    request = getattr(models, name)(region_id=REGION, max_results=5000)
    answer = getattr(ecs(live), f"describe_{action}")(request).body
    assert (answer.invocation if action == "invocation_results" else answer).page_size == 50


def images(live: Running, **filters: Any) -> set[str]:
    request = models.DescribeImagesRequest(region_id=REGION, **filters)
    return {image.image_id for image in ecs(live).describe_images(request).body.images.image}


def test_an_image_owner_counts_for_what_others_share(live: Running) -> None:
    mine = live.image("fam-mine")
    shared = live.image("fam-shared", owner="1000000000000077", shared_with={seed.ACCOUNT: 1.0})
    public = live.image("fam-public", owner="1000000000000078", public=True)
    assert images(live, image_name="fam", image_owner_id=1000000000000077) == {mine, shared}
    assert images(live, image_name="fam", image_owner_alias="others", image_owner_id=1000000000000099) == set()
    community = {"image_owner_alias": "others", "is_public": True}
    assert images(live, **community, image_owner_id=1000000000000078) == {public}
    assert images(live, **community, image_owner_id=1000000000000077) == set()


def test_an_instance_type_leaves_images_of_its_architecture(live: Running) -> None:
    x86, arm = live.image("fam-x86"), live.image("fam-arm", architecture="arm64")
    assert images(live, image_name="fam", instance_type="ecs.c7.large") == {x86}
    assert images(live, image_name="fam", instance_type="ecs.g8y.large") == {arm}
    assert images(live, image_name="fam", instance_type="ecs.g8y.large", architecture="x86_64") == set()
    assert refused(lambda: images(live, instance_type="ecs.none"))[1] == "InvalidInstanceType.ValueNotSupported"


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"is_support_cloudinit": True}, True),
        ({"is_support_cloudinit": False}, False),
        ({"is_support_io_optimized": True}, True),
        ({"is_support_io_optimized": False}, False),
        ({"resource_group_id": "rg-none"}, False),
    ],
)
def test_images_by_what_they_support(live: Running, filters: dict[str, Any], found: bool) -> None:
    made = live.image("fam")
    assert (made in images(live, image_name="fam", **filters)) is found


def types(live: Running, **filters: Any) -> list[Any]:
    answer = ecs(live).describe_instance_types(models.DescribeInstanceTypesRequest(**filters)).body
    return list(answer.instance_types.instance_type)


@pytest.mark.parametrize(
    ("filters", "member", "values"),
    [
        ({"cpu_architectures": ["ARM"]}, "cpu_architecture", {"ARM"}),
        ({"instance_type_families": ["ecs.c7", "ecs.i4"]}, "instance_type_family", {"ecs.c7", "ecs.i4"}),
        ({"instance_category": "Memory-optimized"}, "instance_category", {"Memory-optimized"}),
        ({"instance_categories": ["Local SSDs"]}, "instance_type_family", {"ecs.i4"}),
        ({"local_storage_category": "local_ssd_pro"}, "instance_type_family", {"ecs.i4"}),
        ({"local_storage_categories": ["local_ssd_pro"]}, "instance_type_family", {"ecs.i4"}),
        ({"minimum_local_storage_amount": 1}, "instance_type_family", {"ecs.i4"}),
        ({"minimum_local_storage_capacity": 15_000}, "instance_type_id", {"ecs.i4.16xlarge"}),
        ({"physical_processor_model": "yitian"}, "physical_processor_model", {"Yitian 710"}),
        ({"physical_processor_models": ["8475B"]}, "instance_type_family", {"ecs.g8i", "ecs.c8i", "ecs.r8i"}),
        ({"minimum_memory_size": 512.0, "maximum_gpuamount": 1}, "memory_size", {512.0}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_instance_types_by_what_they_have(
    live: Running, filters: dict[str, Any], member: str, values: set[object]
) -> None:
    assert {getattr(kind, member) for kind in types(live, **filters)} == values


@pytest.mark.parametrize(
    "filters",
    [
        {"minimum_gpuamount": 1},
        {"gpuspec": "NVIDIA"},
        {"gpu_specs": ["NVIDIA V100"]},
        {"instance_family_level": "EntryLevel"},
        {"local_storage_category": "local_hdd_pro"},
        {"nvme_support": "required"},
        {"minimum_disk_quantity": 100},
        {"minimum_eni_quantity": 100},
        {"minimum_eni_ipv_6address_quantity": 1},
        {"minimum_eri_quantity": 1},
        {"minimum_queue_pair_number": 1},
        {"minimum_baseline_credit": 1},
        {"minimum_initial_credit": 1},
    ],
    ids=lambda filters: next(iter(filters)),
)
def test_no_instance_type_has_that(live: Running, filters: dict[str, Any]) -> None:
    assert types(live, **filters) == []


def test_a_price_is_that_of_the_instance_with_all_its_disks(live: Running) -> None:
    def price(**more: Any) -> Any:
        request = models.DescribePriceRequest(region_id=REGION, instance_type="ecs.c7.large", **more)
        return ecs(live).describe_price(request).body.price_info.price

    def disk(size: int, level: str) -> Any:
        return models.DescribePriceRequestDataDisk(category="cloud_essd", size=size, performance_level=level)

    with_disks = price(data_disk=[disk(100, "PL1"), disk(1000, "PL2")])
    rows = [(row.resource, row.trade_price) for row in with_disks.detail_infos.detail_info]
    assert rows == [("instanceType", 0.41), ("dataDisk", 0.21), ("dataDisk", 4.2)]
    assert with_disks.trade_price == pytest.approx(0.41 + 0.21 + 4.2)
    assert refused(lambda: price(internet_max_bandwidth_out=5)) == (501, "NotImplemented.LocalCloud")


def test_ids_are_still_a_list_of_at_most_a_hundred(live: Running) -> None:
    many = json.dumps([f"172.16.0.{number}" for number in range(101)])
    assert refused(lambda: listed(live, private_ip_addresses=many)) == (400, "InvalidPrivateIpAddresses")


def test_versions_of_a_template_within_a_range(live: Running) -> None:
    client = ecs(live)
    made = client.create_launch_template(
        models.CreateLaunchTemplateRequest(region_id=REGION, launch_template_name="made")
    ).body.launch_template_id
    for _ in range(2):
        client.create_launch_template_version(
            models.CreateLaunchTemplateVersionRequest(region_id=REGION, launch_template_id=made)
        )
    request = models.DescribeLaunchTemplateVersionsRequest(
        region_id=REGION, launch_template_id=made, min_version=2, max_version=2
    )
    versions = client.describe_launch_template_versions(request).body.launch_template_version_sets
    assert [version.version_number for version in versions.launch_template_version_set] == [2]


def test_roles_are_found_by_their_tags(live: Running) -> None:
    from alibabacloud_ram20150501 import models as ram_models
    from alibabacloud_ram20150501.client import Client

    client = Client(config(live))
    for name in ("one", "two"):
        client.create_role(ram_models.CreateRoleRequest(role_name=name, assume_role_policy_document=TRUST))
    client.tag_resources(
        ram_models.TagResourcesRequest(
            resource_type="role", resource_names=["two"], tag=[ram_models.TagResourcesRequestTag(key="a", value="b")]
        )
    )
    request = ram_models.ListRolesRequest(tag=[ram_models.ListRolesRequestTag(key="a", value="b")])
    assert [role.role_name for role in client.list_roles(request).body.roles.role] == ["two"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"instance_event_type": ["Instance:PreemptibleInstanceInterruption"]}, True),
        ({"instance_event_type": ["SystemMaintenance.Reboot"]}, False),
        ({"event_type": "SystemMaintenance.Reboot"}, False),
        ({"instance_event_cycle_status": ["Scheduled"], "event_cycle_status": "Executed"}, True),
        ({"event_cycle_status": "Executed"}, False),
        ({"resource_id": ["i-1"], "instance_id": "i-2"}, True),
        ({"instance_id": "i-2"}, False),
        ({"event_id": ["e-1"]}, True),
        ({"event_id": ["e-2"]}, False),
    ],
)
def test_events_by_what_they_are(live: Running, filters: dict[str, Any], found: bool) -> None:
    put(live, "i-1", reclaimed=live.cloud.clock.now() + 100.0)
    assert bool(events(live, **filters)) is found


def events(live: Running, **filters: Any) -> list[Any]:
    request = models.DescribeInstanceHistoryEventsRequest(region_id=REGION, **filters)
    answer = ecs(live).describe_instance_history_events(request).body
    return list(answer.instance_system_event_set.instance_system_event_type)


def test_events_by_time(live: Running) -> None:
    at = live.cloud.clock.now() + 100.0
    put(live, "i-1", reclaimed=at)
    span = models.DescribeInstanceHistoryEventsRequestNotBefore
    assert events(live, not_before=span(start=iso(at - 10), end=iso(at + 10)))
    assert not events(live, not_before=span(start=iso(at + 10)))
    assert not events(live, not_before=span(end=iso(at - 10)))
    published = models.DescribeInstanceHistoryEventsRequestEventPublishTime
    assert events(live, event_publish_time=published(end=iso(at - 200)))
    assert not events(live, event_publish_time=published(start=iso(at - 200)))


def test_a_filter_that_is_newer_than_the_metadata_is_refused_too(live: Running) -> None:
    assert refused(lambda: images(live, usable=True)) == (501, "NotImplemented.LocalCloud")

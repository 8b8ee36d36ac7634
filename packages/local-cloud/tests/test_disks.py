"""Disks and their snapshots: what lists find, what a disk keeps of what was asked for, and what its state forbids."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from msgspec.structs import replace
from tests.conftest import REGION, Running

from local_cloud import seed
from local_cloud.records import Disk, Instance
from sdk import ecs, refused

ZONE = "cn-hangzhou-k"
DISK = "d-localrunner000001"
LAUNCH = {
    "region_id": REGION,
    "image_id": "m-localnewamd64",
    "instance_type": "ecs.c7.large",
    "v_switch_id": f"vsw-local-{ZONE}",
    "security_group_id": f"sg-local-{REGION}",
}
SystemDisk = models.RunInstancesRequestSystemDisk
DataDisk = models.RunInstancesRequestDataDisk


@pytest.fixture
def stocked(populated: Running) -> Running:
    """The realistic account, in a cloud in which everything is in stock."""
    return populated.always_in_stock(3)


def launch(live: Running, **more: Any) -> list[str]:
    made = ecs(live).run_instances(models.RunInstancesRequest(**{**LAUNCH, **more})).body
    live.cloud.clock.advance(120)
    return list(made.instance_id_sets.instance_id_set)


def disks(live: Running, **filters: Any) -> list[Any]:
    request = models.DescribeDisksRequest(region_id=REGION, **filters)
    return list(ecs(live).describe_disks(request).body.disks.disk)


def snapshots(live: Running, **filters: Any) -> list[str]:
    request = models.DescribeSnapshotsRequest(region_id=REGION, **filters)
    return [one.snapshot_id for one in ecs(live).describe_snapshots(request).body.snapshots.snapshot]


def stored(live: Running, disk_id: str) -> Disk:
    found = live.cloud.store.get(Disk, disk_id)
    assert found is not None
    return found


def new_disk(live: Running, **fields: Any) -> str:
    given = {"region_id": REGION, "zone_id": ZONE, "size": 20, **fields}
    return str(ecs(live).create_disk(models.CreateDiskRequest(**given)).body.disk_id)


def data_disk_of(live: Running, instance: str) -> str:
    (found,) = [one.disk_id for one in disks(live, instance_id=instance, disk_type="data")]
    return str(found)


def stop(live: Running, instance: str) -> None:
    ecs(live).stop_instance(models.StopInstanceRequest(instance_id=instance))
    live.cloud.clock.advance(60)


def made_after(moment: str) -> list[models.DescribeDisksRequestFilter]:
    return [models.DescribeDisksRequestFilter(key="CreationStartTime", value=moment)]


@pytest.mark.parametrize(
    "filters",
    [
        {"auto_snapshot_policy_id": "sp-none"},
        {"category": "cloud_ssd"},
        {"delete_auto_snapshot": True},
        {"delete_with_instance": False},
        {"disk_charge_type": "PrePaid"},
        {"disk_name": "nothing"},
        {"enable_auto_snapshot": True},
        {"enable_automated_snapshot_policy": True},
        {"enable_shared": True},
        {"encrypted": True},
        {"kmskey_id": "key-none"},
        {"lock_reason": "security"},
        {"multi_attach": "Enabled"},
        {"performance_level": "PL3"},
        {"portable": True},
        {"resource_group_id": "rg-none"},
        {"snapshot_id": "s-none"},
        {"status": "Creating"},
        {"zone_id": "cn-hangzhou-b"},
        {"filter": made_after("2099-01-01T00:00Z")},
    ],
    ids=lambda filters: next(iter(filters)),
)
def test_a_list_has_no_disk_that_a_filter_does_not_fit(populated: Running, filters: dict[str, Any]) -> None:
    assert disks(populated, **filters) == []


def test_a_list_has_the_disks_that_every_filter_fits(populated: Running) -> None:
    fitting: dict[str, Any] = {
        "additional_attributes": ["Placement"],  # of regional disks alone
        "category": "all",
        "delete_auto_snapshot": False,
        "delete_with_instance": True,
        "disk_charge_type": "PostPaid",
        "disk_type": "system",
        "enable_shared": False,
        "encrypted": False,
        "multi_attach": "Disabled",
        "performance_level": "PL1",
        "portable": False,
        "status": "In_use",
        "zone_id": ZONE,
        "filter": made_after("2020-01-01T00:00Z"),
    }
    assert [one.disk_id for one in disks(populated, **fitting)] == [DISK]
    named = new_disk(populated, disk_name="cache", encrypted=True, kmskey_id="key-1")
    found = disks(populated, disk_name="cache", encrypted=True, kmskey_id="key-1", portable=True)
    assert [one.disk_id for one in found] == [named]


@pytest.mark.parametrize(
    ("filters", "answer"),
    [
        ({"category": "floppy"}, (400, "InvalidCategory.ValueNotSupported")),
        ({"disk_type": "third"}, (400, "InvalidDiskType.ValueNotSupported")),
        ({"status": "Gone"}, (400, "InvalidStatus.ValueNotSupported")),
        ({"zone_id": "cn-hangzhou-zz"}, (400, "InvalidZoneId.NotFound")),
        ({"disk_charge_type": "Free"}, (404, "InvalidDiskChargeType.NotFound")),
        ({"lock_reason": "none"}, (404, "InvalidLockReason.NotFound")),
        ({"multi_attach": "Maybe"}, (403, "InvalidParameter.MultiAttach")),
        ({"filter": made_after("yesterday")}, (404, "InvalidFilterValue")),
        ({"filter": [models.DescribeDisksRequestFilter(key="Size", value="1")]}, (404, "InvalidFilterKey.NotFound")),
        ({"dry_run": True}, (400, "DryRunOperation")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value[1],
)
def test_a_list_of_disks_is_refused_with_the_codes_of_its_table(
    populated: Running, filters: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert refused(lambda: disks(populated, **filters)) == answer


@pytest.mark.parametrize(
    "filters",
    [
        {"category": "archive"},
        {"disk_id": "d-none"},
        {"encrypted": True},
        {"instance_id": "i-none"},
        {"kmskey_id": "key-none"},
        {"resource_group_id": "rg-none"},
        {"snapshot_name": "nothing"},
        {"snapshot_type": "auto"},
        {"source_disk_type": "data"},
        {"status": "failed"},
        {"usage": "disk"},
        {"filter": [models.DescribeSnapshotsRequestFilter(key="CreationStartTime", value="2099-01-01T00:00Z")]},
    ],
    ids=lambda filters: next(iter(filters)),
)
def test_a_list_has_no_snapshot_that_a_filter_does_not_fit(populated: Running, filters: dict[str, Any]) -> None:
    assert snapshots(populated, **filters) == []


def test_a_list_has_the_snapshots_of_the_disks_of_an_instance(populated: Running) -> None:
    request = models.CreateSnapshotRequest(disk_id=DISK, snapshot_name="mine")
    made = ecs(populated).create_snapshot(request).body.snapshot_id
    of_instance = {"instance_id": "i-localrunner000001", "snapshot_type": "user", "category": "Standard"}
    assert snapshots(populated, **of_instance, source_disk_type="System", snapshot_name="mine") == [made]
    stop(populated, "i-localrunner000001")
    detach = models.DetachDiskRequest(disk_id=DISK, instance_id="i-localrunner000001")
    ecs(populated).detach_disk(detach)
    assert snapshots(populated, **of_instance) == []


def test_a_snapshot_that_a_disk_was_made_of_is_used_by_a_disk(populated: Running) -> None:
    new_disk(populated, snapshot_id="s-localnewamd64", disk_category="cloud_essd")
    spare = populated.snapshot("s-spare", disk_type="data")
    new_disk(populated, snapshot_id=spare)
    assert snapshots(populated, usage="image_disk") == ["s-localnewamd64"]
    assert snapshots(populated, usage="disk") == [spare]


@pytest.mark.parametrize(
    ("filters", "answer"),
    [
        ({"category": "Lossy"}, (403, "InvalidSnapshotCategory.Malformed")),
        ({"snapshot_link_id": "sl-none"}, (404, "InvalidSnapshotLinkId.NotFound")),
        ({"snapshot_type": "third"}, (404, "InvalidSnapshotType.NotFound")),
        ({"source_disk_type": "third"}, (404, "InvalidSourceDiskType")),
        ({"status": "gone"}, (404, "InvalidStatus.NotFound")),
        ({"usage": "much"}, (404, "InvalidUsage")),
        ({"dry_run": True}, (400, "DryRunOperation")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value[1],
)
def test_a_list_of_snapshots_is_refused_with_the_codes_of_its_table(
    populated: Running, filters: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert refused(lambda: snapshots(populated, **filters)) == answer


def test_a_list_of_images_is_refused_a_filter_that_it_does_not_know(populated: Running) -> None:
    unknown = models.DescribeImagesRequestFilter(key="Colour", value="2026-01-01T00:00Z")
    request = models.DescribeImagesRequest(region_id=REGION, filter=[unknown])
    assert refused(lambda: ecs(populated).describe_images(request)) == (404, "InvalidFilterKey.NotFound")


def test_disks_keep_the_names_and_the_performance_that_a_launch_asks_for(stocked: Running) -> None:
    (made,) = launch(
        stocked,
        system_disk=SystemDisk(
            category="cloud_essd", performance_level="PL0", disk_name="root", description="its root", size="60"
        ),
        data_disk=[
            DataDisk(
                category="cloud_essd",
                size=500,
                performance_level="PL2",
                disk_name="data",
                description="its data",
                encrypted="true",
                kmskey_id="key-1",
            )
        ],
    )
    rows = disks(stocked, instance_id=made)
    assert {(one.disk_name, one.description, one.performance_level, one.encrypted, one.kmskey_id) for one in rows} == {
        ("root", "its root", "PL0", False, ""),
        ("data", "its data", "PL2", True, "key-1"),
    }


def test_disks_keep_what_the_template_of_their_launch_says(stocked: Running) -> None:
    client = ecs(stocked)
    template = client.create_launch_template(
        models.CreateLaunchTemplateRequest(
            region_id=REGION,
            launch_template_name="with-disks",
            system_disk=models.CreateLaunchTemplateRequestSystemDisk(
                category="cloud_essd", performance_level="PL0", disk_name="root", bursting_enabled=False
            ),
            data_disk=[
                models.CreateLaunchTemplateRequestDataDisk(
                    category="cloud_essd", size=500, performance_level="PL2", disk_name="data"
                )
            ],
        )
    ).body.launch_template_id
    (made,) = launch(stocked, launch_template_id=template)
    rows = disks(stocked, instance_id=made)
    assert {(one.disk_name, one.performance_level) for one in rows} == {("root", "PL0"), ("data", "PL2")}
    version = client.describe_launch_template_versions(
        models.DescribeLaunchTemplateVersionsRequest(region_id=REGION, launch_template_id=template)
    ).body.launch_template_version_sets.launch_template_version_set[0]
    assert version.launch_template_data.system_disk.bursting_enabled is False


def group(**more: Any) -> models.CreateAutoProvisioningGroupRequest:
    configuration = models.CreateAutoProvisioningGroupRequestLaunchConfiguration(
        image_id=LAUNCH["image_id"],
        security_group_id=LAUNCH["security_group_id"],
        system_disk_category="cloud_essd",
        system_disk_size=70,
        system_disk_name="root",
        system_disk_description="its root",
        data_disk=[
            models.CreateAutoProvisioningGroupRequestLaunchConfigurationDataDisk(
                category="cloud_essd",
                size=500,
                performance_level="PL2",
                disk_name="data",
                encrypted=True,
                kms_key_id="key-1",
            )
        ],
    )
    offer = models.CreateAutoProvisioningGroupRequestLaunchTemplateConfig(
        instance_type=LAUNCH["instance_type"], v_switch_id=LAUNCH["v_switch_id"]
    )
    return models.CreateAutoProvisioningGroupRequest(
        region_id=REGION,
        auto_provisioning_group_type="instant",
        total_target_capacity="1",
        launch_configuration=configuration,
        launch_template_config=[offer],
        **more,
    )


def test_disks_keep_what_the_launch_configuration_of_their_group_says(stocked: Running) -> None:
    made = ecs(stocked).create_auto_provisioning_group(group()).body
    (instance,) = made.launch_results.launch_result[0].instance_ids.instance_id
    rows = disks(stocked, instance_id=instance)
    assert {(one.disk_name, one.description, one.performance_level, one.size, one.kmskey_id) for one in rows} == {
        ("root", "its root", "PL0", 70, ""),  # another level than that of RunInstances
        ("data", "", "PL2", 500, "key-1"),
    }


def test_a_group_that_chooses_among_disk_categories_is_refused(stocked: Running) -> None:
    several = [models.CreateAutoProvisioningGroupRequestSystemDiskConfig(disk_category="cloud_ssd")]
    request = group(system_disk_config=several)
    answer = refused(lambda: ecs(stocked).create_auto_provisioning_group(request))
    assert answer == (501, "NotImplemented.LocalCloud")


def test_a_data_disk_without_a_category_has_the_usual_one_of_the_instance_type(stocked: Running) -> None:
    (new,) = launch(stocked, data_disk=[DataDisk(size=1)])
    assert stored(stocked, data_disk_of(stocked, new)).category == "cloud_auto"
    (old,) = launch(stocked, instance_type="ecs.c6.large", data_disk=[DataDisk(size=20)])
    assert stored(stocked, data_disk_of(stocked, old)).category == "cloud_efficiency"


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ({"category": "foo"}, (400, "InvalidDataDiskCategory.ValueNotSupported")),
        ({"category": "cloud_essd"}, (400, "InvalidDataDiskSize.ValueNotSupported")),
        ({"category": "cloud_essd", "size": 19}, (400, "InvalidDataDiskSize.ValueNotSupported")),
        ({"category": "cloud_ssd", "size": 32_769}, (400, "InvalidDataDiskSize.ValueNotSupported")),
        ({"category": "cloud", "size": 4}, (400, "InvalidDataDiskSize.ValueNotSupported")),
        (
            {"category": "cloud_essd", "size": 460, "performance_level": "PL2"},
            (403, "OperationDenied.PerformanceLevelNotMatch"),
        ),
        (
            {"category": "cloud_essd", "size": 40, "performance_level": "PL9"},
            (400, "InvalidPerformanceLevel.Malformed"),
        ),
        ({"size": 40, "kmskey_id": "key-1"}, (400, "InvalidEncrypted.NotMatchKmsKeyId")),
        ({"category": "cloud_regional_disk_auto", "size": 40}, (501, "NotImplemented.LocalCloud")),
        ({"size": 40, "bursting_enabled": True}, (501, "NotImplemented.LocalCloud")),
        ({"size": 40, "provisioned_iops": 1000}, (501, "NotImplemented.LocalCloud")),
        ({"size": 40, "auto_snapshot_policy_id": "sp-1"}, (501, "NotImplemented.LocalCloud")),
    ],
)
def test_a_launch_is_refused_data_disks_that_do_not_exist(
    stocked: Running, data: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert refused(lambda: launch(stocked, data_disk=[DataDisk(**data)])) == answer


@pytest.mark.parametrize(
    ("system", "answer"),
    [
        ({"size": "2049"}, (404, "InvalidSystemDiskSize.MoreThanMaxSize")),
        ({"size": "460", "performance_level": "PL2"}, (404, "InvalidSystemDiskSize.LessThanMinSize")),
        ({"performance_level": "PL9"}, (400, "InvalidPerformanceLevel.Malformed")),
    ],
)
def test_a_launch_is_refused_system_disks_that_do_not_exist(
    stocked: Running, system: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert refused(lambda: launch(stocked, system_disk=SystemDisk(category="cloud_essd", **system))) == answer


def test_a_disk_keeps_what_its_creation_asks_for(populated: Running) -> None:
    plain = disks(populated, disk_ids=json.dumps([new_disk(populated)]))[0]
    assert (plain.category, plain.performance_level) == ("cloud", "")
    made = new_disk(
        populated, disk_category="cloud_essd", performance_level="PL0", size=1, kmskey_id="k", encrypted=True
    )
    fast = disks(populated, disk_ids=json.dumps([made]))[0]
    assert (fast.performance_level, fast.size, fast.kmskey_id) == ("PL0", 1, "k")


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"disk_category": "foo"}, (400, "InvalidDiskCategory.ValueNotSupported")),
        ({"size": 2001}, (403, "InvalidDiskSize.NotSupported")),
        ({"disk_category": "cloud_ssd", "size": 19}, (403, "InvalidDiskSize.NotSupported")),
        (
            {"disk_category": "cloud_essd", "size": 1260, "performance_level": "PL3"},
            (403, "OperationDenied.PerformanceLevelNotMatch"),
        ),
        ({"disk_category": "elastic_ephemeral_disk_premium", "size": 64}, (501, "NotImplemented.LocalCloud")),
        ({"disk_category": "cloud_essd", "multi_attach": "Enabled"}, (501, "NotImplemented.LocalCloud")),
        ({"storage_set_id": "ss-1"}, (501, "NotImplemented.LocalCloud")),
    ],
)
def test_disks_that_do_not_exist_are_not_made(
    populated: Running, fields: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert refused(lambda: new_disk(populated, **fields)) == answer


def test_a_snapshot_of_an_encrypted_disk_and_a_disk_made_of_it_are_encrypted(populated: Running) -> None:
    populated.cloud.store.put(replace(stored(populated, DISK), encrypted=True, key="key-1"))
    made = ecs(populated).create_snapshot(models.CreateSnapshotRequest(disk_id=DISK)).body.snapshot_id
    assert snapshots(populated, encrypted=True, kmskey_id="key-1") == [made]
    copy = stored(populated, new_disk(populated, snapshot_id=made, disk_category="cloud_essd"))
    assert (copy.encrypted, copy.key, copy.size) == (True, "key-1", 40)


def test_a_detached_data_disk_outlives_the_next_instance(stocked: Running) -> None:
    client = ecs(stocked)
    first, second = launch(stocked, amount=2, data_disk=[DataDisk(size=20)])
    disk = data_disk_of(stocked, first)
    client.detach_disk(models.DetachDiskRequest(disk_id=disk, instance_id=first))
    assert not stored(stocked, disk).with_instance
    client.attach_disk(models.AttachDiskRequest(disk_id=disk, instance_id=second))
    client.delete_instance(models.DeleteInstanceRequest(instance_id=second, force=True))
    stocked.cloud.clock.advance(300)
    (left,) = disks(stocked, disk_ids=json.dumps([disk]))
    assert (left.status, left.instance_id, left.device) == ("Available", "", "")


def test_a_disk_is_deleted_with_its_instance_if_attaching_says_so(stocked: Running) -> None:
    (instance,) = launch(stocked)
    disk = new_disk(stocked)
    ecs(stocked).attach_disk(models.AttachDiskRequest(disk_id=disk, instance_id=instance, delete_with_instance=True))
    assert stored(stocked, disk).with_instance


def test_a_disk_is_detached_from_its_own_instance_alone(stocked: Running) -> None:
    client = ecs(stocked)
    (instance,) = launch(stocked, data_disk=[DataDisk(size=20)])
    disk = data_disk_of(stocked, instance)

    def detach(disk_id: str, instance_id: str) -> object:
        return client.detach_disk(models.DetachDiskRequest(disk_id=disk_id, instance_id=instance_id))

    assert refused(lambda: detach(disk, "i-localrunner000001")) == (403, "DependencyViolation")
    assert refused(lambda: detach(disk, "i-none")) == (404, "InvalidInstanceId.NotFound")
    detach(disk, instance)
    assert refused(lambda: detach(disk, instance)) == (403, "IncorrectDiskStatus")


def test_the_system_disk_of_a_stopped_instance_moves(stocked: Running) -> None:
    """Its instance cannot start without it; another disk takes no place of it."""
    client = ecs(stocked)
    (instance,) = launch(stocked)
    (disk,) = [one.disk_id for one in disks(stocked, instance_id=instance)]
    detach = models.DetachDiskRequest(disk_id=disk, instance_id=instance)
    assert refused(lambda: client.detach_disk(detach)) == (403, "IncorrectInstanceStatus")
    stop(stocked, instance)
    client.detach_disk(detach)
    (loose,) = disks(stocked, disk_ids=json.dumps([disk]))
    assert (loose.status, loose.type, loose.delete_with_instance) == ("Available", "system", True)
    larger = models.ResizeDiskRequest(disk_id=disk, new_size=80)
    assert refused(lambda: client.resize_disk(larger)) == (400, "InvalidDisk.DetachedSystemDisk")
    start = models.StartInstanceRequest(instance_id=instance)
    assert refused(lambda: client.start_instance(start)) == (403, "InvalidInstance.NotFoundSystemDisk")
    other = models.AttachDiskRequest(disk_id=new_disk(stocked), instance_id=instance, bootable=True)
    assert refused(lambda: client.attach_disk(other)) == (403, "IncorrectDiskStatus")
    client.attach_disk(models.AttachDiskRequest(disk_id=disk, instance_id=instance, bootable=True, key_pair_name="ci"))
    client.start_instance(start)
    back = stocked.cloud.store.get(Instance, instance)
    assert back is not None
    assert (back.disk, back.key_pair) == (disk, "ci")
    assert stored(stocked, disk).device == "/dev/xvda"


def test_a_detached_system_disk_becomes_a_data_disk_of_another_instance(stocked: Running) -> None:
    client = ecs(stocked)
    first, second = launch(stocked, amount=2)
    (disk,) = [one.disk_id for one in disks(stocked, instance_id=first)]
    stop(stocked, first)
    client.detach_disk(models.DetachDiskRequest(disk_id=disk, instance_id=first))
    as_system = models.AttachDiskRequest(disk_id=disk, instance_id=second, bootable=True)
    assert refused(lambda: client.attach_disk(as_system)) == (403, "IncorrectInstanceStatus")
    client.attach_disk(models.AttachDiskRequest(disk_id=disk, instance_id=second))
    moved = stored(stocked, disk)
    assert (moved.kind, moved.device, moved.instance) == ("data", "/dev/xvdb", second)


def test_a_disk_waits_for_its_snapshot(populated: Running) -> None:
    client = ecs(populated)
    again = models.CreateSnapshotRequest(disk_id=DISK)
    client.create_snapshot(again)
    assert refused(lambda: client.create_snapshot(again)) == (403, "IncorrectDiskStatus.CreatingSnapshot")
    larger = models.ResizeDiskRequest(disk_id=DISK, new_size=80)
    assert refused(lambda: client.resize_disk(larger)) == (403, "DiskCreatingSnapshot")
    populated.cloud.clock.advance(600)
    client.resize_disk(larger)
    client.create_snapshot(again)


def test_a_disk_waits_for_the_snapshot_of_an_image_too(populated: Running) -> None:
    client = ecs(populated)
    client.create_image(models.CreateImageRequest(region_id=REGION, instance_id="i-localrunner000001"))
    request = models.CreateSnapshotRequest(disk_id=DISK)
    assert refused(lambda: client.create_snapshot(request)) == (403, "IncorrectDiskStatus.CreatingSnapshot")


@pytest.mark.parametrize(
    ("size", "code"),
    [(40, "InvalidDiskSize"), (39, "InvalidDiskSize.TooSmall"), (2049, "InvalidDiskSize.TooLarge")],
)
def test_a_disk_only_grows_and_not_beyond_its_category(populated: Running, size: int, code: str) -> None:
    request = models.ResizeDiskRequest(disk_id=DISK, new_size=size)
    assert refused(partial(ecs(populated).resize_disk, request)) == (403, code)


def test_a_disk_that_was_never_attached_has_no_snapshot(stocked: Running) -> None:
    client, disk = ecs(stocked), new_disk(stocked)
    request = models.CreateSnapshotRequest(disk_id=disk)
    assert refused(lambda: client.create_snapshot(request)) == (403, "IncorrectDiskStatus.NeverAttached")
    instance = "i-localrunner000001"
    client.attach_disk(models.AttachDiskRequest(disk_id=disk, instance_id=instance))
    client.detach_disk(models.DetachDiskRequest(disk_id=disk, instance_id=instance))
    client.create_snapshot(request)


def test_a_token_of_another_snapshot_is_forbidden(populated: Running) -> None:
    client = ecs(populated)
    first = models.CreateSnapshotRequest(disk_id=DISK, client_token="once")
    made = client.create_snapshot(first).body.snapshot_id
    assert client.create_snapshot(first).body.snapshot_id == made
    other = models.CreateSnapshotRequest(disk_id=DISK, client_token="once", snapshot_name="other")
    assert refused(lambda: client.create_snapshot(other)) == (403, "IdempotentParameterMismatch")


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"category": "Lossy"}, (403, "InvalidSnapshotCategory.Malformed")),
        ({"category": "Flash"}, (501, "NotImplemented.LocalCloud")),
        ({"retention_days": 3}, (501, "NotImplemented.LocalCloud")),
    ],
)
def test_snapshots_of_other_kinds_are_refused(
    populated: Running, fields: dict[str, Any], answer: tuple[int, str]
) -> None:
    request = models.CreateSnapshotRequest(disk_id=DISK, **fields)
    assert refused(lambda: ecs(populated).create_snapshot(request)) == answer


def test_disks_of_older_data_files_have_the_usual_performance_and_were_attached(populated: Running) -> None:
    old = Disk(
        id="d-old",
        region=REGION,
        owner=seed.ACCOUNT,
        created=0.0,
        zone=ZONE,
        category="cloud_essd",
        size=40,
        kind="data",
    )
    populated.cloud.store.put(old)
    assert disks(populated, disk_ids='["d-old"]')[0].performance_level == "PL1"
    ecs(populated).create_snapshot(models.CreateSnapshotRequest(disk_id="d-old"))

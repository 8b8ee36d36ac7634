"""Data disks of instances and images, as the current official SDK speaks of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from tests.conftest import REGION, Running

from sdk import ecs, refused
from test_current_sdk_instances import run

DataDisk = models.RunInstancesRequestDataDisk


@pytest.fixture
def stocked(live: Running) -> Running:
    """A cloud in which everything is in stock, and images are made at once."""
    return live.always_in_stock(3, image_seconds=0.0, copy_seconds=0.0)


def disks(sdk: Any, instance_id: str) -> list[tuple[str, str, int, bool]]:
    found = sdk.describe_disks(models.DescribeDisksRequest(region_id=REGION, instance_id=instance_id)).body.disks.disk
    return sorted((disk.device, disk.type, disk.size, disk.encrypted) for disk in found)


def mappings(sdk: Any, image_id: str, region: str = REGION) -> list[Any]:
    (image,) = sdk.describe_images(models.DescribeImagesRequest(region_id=region, image_id=image_id)).body.images.image
    return list(image.disk_device_mappings.disk_device_mapping)


def with_data(stocked: Running, sdk: Any) -> str:
    """An image of an instance with two data disks, one of them encrypted."""
    data = [DataDisk(size=100, category="cloud_essd"), DataDisk(size=20, encrypted="true")]
    (made,) = run(sdk, stocked.image("fam"), data_disk=data)
    assert disks(sdk, made) == [
        ("/dev/xvda", "system", 60, False),
        ("/dev/xvdb", "data", 100, False),
        ("/dev/xvdc", "data", 20, True),
    ]
    stocked.cloud.clock.advance(120)
    return str(sdk.create_image(models.CreateImageRequest(region_id=REGION, instance_id=made)).body.image_id)


def test_an_image_has_the_data_disks_of_its_instance(stocked: Running) -> None:
    sdk = ecs(stocked)
    image = with_data(stocked, sdk)
    assert [(one.device, one.type, one.size) for one in mappings(sdk, image)] == [
        ("/dev/xvda", "system", "60"),
        ("/dev/xvdb", "data", "100"),
        ("/dev/xvdc", "data", "20"),
    ]
    ids = [one.snapshot_id for one in mappings(sdk, image)]
    assert len(set(ids)) == 3
    for snapshot in ids:
        request = models.DeleteSnapshotRequest(snapshot_id=snapshot)
        assert refused(partial(sdk.delete_snapshot, request)) == (403, "SnapshotCreatedImage")
    found = sdk.describe_images(models.DescribeImagesRequest(region_id=REGION, snapshot_id=ids[2])).body.images.image
    assert [one.image_id for one in found] == [image]
    again = models.CreateImageRequestDiskDeviceMapping
    made = sdk.create_image(
        models.CreateImageRequest(
            region_id=REGION, disk_device_mapping=[again(snapshot_id=ids[0]), again(snapshot_id=ids[1])]
        )
    ).body.image_id
    assert [(one.type, one.snapshot_id) for one in mappings(sdk, made)] == [("system", ids[0]), ("data", ids[1])]
    two = [again(snapshot_id=ids[1]), again(snapshot_id=ids[2])]
    wrong = models.CreateImageRequest(region_id=REGION, disk_device_mapping=two)
    assert refused(lambda: sdk.create_image(wrong)) == (403, "InvalidSnapshotId.NotSystem")


def test_instances_get_the_data_disks_of_their_image(stocked: Running) -> None:
    sdk = ecs(stocked)
    image = with_data(stocked, sdk)
    (plain,) = run(sdk, image)
    assert disks(sdk, plain)[1:] == [("/dev/xvdb", "data", 100, False), ("/dev/xvdc", "data", 20, True)]
    data = [DataDisk(device="/dev/xvdc", size=50), DataDisk(size=30)]
    (changed,) = run(sdk, image, data_disk=data)
    assert disks(sdk, changed)[1:] == [
        ("/dev/xvdb", "data", 100, False),
        ("/dev/xvdc", "data", 50, True),
        ("/dev/xvdd", "data", 30, False),
    ]
    small = [DataDisk(device="/dev/xvdb", size=99)]
    assert refused(lambda: run(sdk, image, data_disk=small)) == (400, "InvalidDataDiskSize.ValueNotSupported")
    stocked.cloud.clock.advance(120)
    sdk.delete_instances(models.DeleteInstancesRequest(region_id=REGION, instance_id=[plain], force=True))
    stocked.cloud.clock.advance(120)
    assert disks(sdk, plain) == []
    found = sdk.describe_disks(models.DescribeDisksRequest(region_id=REGION)).body.disks.disk
    assert not [disk for disk in found if not disk.instance_id], "they are deleted with their instance"


def test_a_copy_has_snapshots_of_its_own(stocked: Running) -> None:
    sdk = ecs(stocked)
    image = with_data(stocked, sdk)
    copy = sdk.copy_image(
        models.CopyImageRequest(region_id=REGION, image_id=image, destination_region_id="cn-shanghai")
    ).body.image_id
    there = mappings(sdk, copy, "cn-shanghai")
    assert [(one.type, one.size) for one in there] == [("system", "60"), ("data", "100"), ("data", "20")]
    assert not {one.snapshot_id for one in there} & {one.snapshot_id for one in mappings(sdk, image)}

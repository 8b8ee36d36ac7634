"""Every action as the current official SDK (alibabacloud_ecs20140526) speaks it."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_sts20150401 import models as sts_models
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from tests.conftest import REGION, Running

from local_cloud import seed
from local_cloud.access import AccessKey, Denial
from local_cloud.records import Instance, Settings
from sdk import config, ecs, refused


def images(client: Any, **filters: Any) -> list[Any]:
    answer = client.describe_images(models.DescribeImagesRequest(region_id=REGION, **filters)).body
    return list(answer.images.image)


def ids(client: Any, **filters: Any) -> set[str]:
    return {image.image_id for image in images(client, **filters)}


def tag(key: str, value: str) -> Any:
    return models.DescribeImagesRequestTag(key=key, value=value)


def test_describe_images_shows_every_member(populated: Running) -> None:
    image = images(ecs(populated), image_id="m-localnewamd64")[0]
    assert image.image_name == "github-runner-ubuntu24-amd64-latest"
    assert (image.architecture, image.status, image.progress, image.usage) == (
        "x86_64",
        "Available",
        "100%",
        "instance",
    )
    assert (image.image_owner_alias, image.image_family) == ("self", "github-runner-ubuntu24-amd64")
    assert image.disk_device_mappings.disk_device_mapping[0].snapshot_id == "s-localnewamd64"
    assert {one.tag_key: one.tag_value for one in image.tags.tag}["Latest"] == "true"
    assert image.size == 40


def test_names_are_searched_fuzzily(live: Running) -> None:
    for name in ("abc", "xABCx", "ab-c"):
        live.image(name)
    assert {image.image_name for image in images(ecs(live), image_name="abc")} == {"abc", "xABCx"}


def test_ten_a_page_by_default_and_a_hundred_at_most(live: Running) -> None:
    for number in range(23):
        live.image(f"fam-{number}")
    client = ecs(live)
    assert len(images(client, image_name="fam-")) == 10
    assert len(images(client, image_name="fam-", page_size=10, page_number=3)) == 3
    assert images(client, image_name="fam-", page_size=10, page_number=4) == []
    answer = client.describe_images(
        models.DescribeImagesRequest(region_id=REGION, image_name="fam-", page_size=100)
    ).body
    assert (answer.total_count, answer.page_size, answer.page_number) == (23, 100, 1)
    assert refused(lambda: images(client, page_size=101)) == (400, "InvalidPageSize")
    assert refused(lambda: images(client, page_number=0)) == (400, "InvalidPageNumber")


def test_filters(populated: Running) -> None:
    client = ecs(populated)
    assert ids(client, image_owner_alias="self", architecture="arm64", status="Available") == {
        "m-localnewarm64",
        "m-localoldarm64",
    }
    assert ids(client, image_owner_alias="self", status="Creating,Deprecated", page_size=100) == {
        "m-localbuildamd64",
        "m-localbadamd64",
        "m-localbadarm64",
    }
    assert ids(client, tag=[tag("Latest", "true"), tag("Architecture", "amd64")]) == {"m-localnewamd64"}
    assert ids(client, image_family="github-runner-ubuntu24-arm64") == {"m-localnewarm64"}
    assert ids(client, snapshot_id="s-localoldamd64") == {"m-localoldamd64"}
    assert ids(client, usage="instance", image_owner_alias="self") == {"m-localnewamd64"}
    assert ids(client, image_owner_alias="others") == {"m-localothers"}
    assert ids(client, image_owner_alias="marketplace") == set()
    assert len(ids(client, image_owner_alias="system")) == 2
    assert ids(client, image_id="m-localcache,m-localnewarm64") == {"m-localcache", "m-localnewarm64"}
    assert refused(lambda: ids(client, status="Ready")) == (404, "InvalidStatus.ValueNotSupported")
    assert refused(lambda: ids(client, architecture="sparc"))[1] == "InvalidArchitecture.ValueNotSupported"


def test_creation_time_filter(populated: Running) -> None:
    from local_cloud.clock import iso

    start = iso(populated.cloud.clock.now() - 3.5 * 86400)[:16] + "Z"
    found = ids(
        ecs(populated),
        image_owner_alias="self",
        architecture="arm64",
        filter=[models.DescribeImagesRequestFilter(key="CreationStartTime", value=start)],
    )
    assert found == {"m-localnewarm64"}


def test_create_image_from_a_snapshot_takes_time_and_is_idempotent(live: Running) -> None:
    client = ecs(live)
    snapshot = live.snapshot(size=25)
    request = models.CreateImageRequest(
        region_id=REGION,
        snapshot_id=snapshot,
        image_name="made",
        image_family="family-x",
        client_token="token-1",
        architecture="arm64",
        tag=[models.CreateImageRequestTag(key="ManagedBy", value="goldrun")],
    )
    image_id = client.create_image(request).body.image_id
    assert image_id.startswith("m-")
    assert client.create_image(request).body.image_id == image_id
    made = images(client, image_id=image_id, status="Creating")[0]
    assert (made.progress, made.size, made.architecture) == ("0%", 25, "arm64")
    assert ids(client, image_id=image_id) == set()
    live.cloud.clock.advance(60)
    assert images(client, image_id=image_id, status="ALL")[0].progress == "50%"
    live.cloud.clock.advance(61)
    assert ids(client, image_id=image_id) == {image_id}
    request.image_name = "other"
    assert refused(lambda: client.create_image(request)) == (400, "IdempotentParameterMismatch")
    request.client_token, request.image_name = None, "made"
    assert refused(lambda: client.create_image(request)) == (400, "InvalidImageName.Duplicated")


def test_create_image_from_an_instance_makes_a_snapshot(populated: Running) -> None:
    client = ecs(populated)
    request = models.CreateImageRequest(region_id=REGION, instance_id="i-localrunner000001", image_name="from-instance")
    image_id = client.create_image(request).body.image_id
    snapshot_id = (
        images(client, image_id=image_id, status="ALL")[0].disk_device_mappings.disk_device_mapping[0].snapshot_id
    )
    snapshot = client.describe_snapshots(
        models.DescribeSnapshotsRequest(region_id=REGION, snapshot_ids=f'["{snapshot_id}"]')
    ).body.snapshots.snapshot[0]
    assert (snapshot.usage, snapshot.status, snapshot.source_disk_id) == ("image", "progressing", "d-localrunner000001")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"image_name": "1bad"}, "InvalidImageName.Malformed"),
        ({"image_name": "aliyun-x"}, "InvalidImageName.Malformed"),
        ({"image_name": "x" * 129}, "InvalidImageName.Malformed"),
        ({"image_family": "-x"}, "InvalidImageFamily.Malformed"),
        ({"description": "x"}, "InvalidDescription.Malformed"),
        ({"description": "http://x"}, "InvalidDescription.Malformed"),
        ({"snapshot_id": "s-nothing"}, "InvalidSnapshotId.NotFound"),
        ({"snapshot_id": "s-data"}, "InvalidSnapshotId.NotSystem"),
        ({"snapshot_id": "s-young"}, "InvalidSnapshotId.NotReady"),
        ({"snapshot_id": None}, "MissingInstanceId"),
        ({"snapshot_id": None, "instance_id": "i-nothing"}, "InvalidInstanceId.NotFound"),
        ({"client_token": "x" * 65}, "InvalidClientToken.Malformed"),
        ({"region_id": "cn-nowhere"}, "InvalidRegionId.NotFound"),
        ({"dry_run": True}, "DryRunOperation"),
        ({"tag": [models.CreateImageRequestTag(key="acs:x", value="")]}, "InvalidTagKey.Malformed"),
        ({"tag": [models.CreateImageRequestTag(key="k", value="v" * 129)]}, "InvalidTagValue.Malformed"),
        ({"tag": [models.CreateImageRequestTag(key="k", value="v")] * 2}, "Duplicate.TagKey"),
        ({"tag": [models.CreateImageRequestTag(key=f"k{n}", value="v") for n in range(21)]}, "NumberExceed.Tags"),
    ],
)
def test_create_image_refusals(live: Running, fields: dict[str, Any], code: str) -> None:
    live.snapshot("s-good")
    live.snapshot("s-data", disk_type="data")
    live.snapshot("s-young", ready=9e9)
    given = {"region_id": REGION, "snapshot_id": "s-good", "image_name": "made", **fields}
    assert refused(lambda: ecs(live).create_image(models.CreateImageRequest(**given)))[1] == code
    assert ids(ecs(live), image_name="made", status="ALL") == set()


def test_image_quota(live: Running) -> None:
    live.cloud.store.put(Settings(id="settings", image_quota=1))
    live.snapshot("s-good")
    live.image("one")
    request = models.CreateImageRequest(region_id=REGION, snapshot_id="s-good", image_name="two")
    assert refused(lambda: ecs(live).create_image(request)) == (403, "QuotaExceed.Image")


def modify(client: Any, image_id: str, **fields: Any) -> object:
    return client.modify_image_attribute(
        models.ModifyImageAttributeRequest(region_id=REGION, image_id=image_id, **fields)
    )


def test_modify_image_attribute(live: Running) -> None:
    client = ecs(live)
    image_id = live.image("before")
    live.image("taken")
    modify(client, image_id, image_name="after", image_family="fam", description="words")
    changed = images(client, image_id=image_id)[0]
    assert (changed.image_name, changed.image_family, changed.description) == ("after", "fam", "words")
    modify(client, image_id, image_name="after")
    assert refused(lambda: modify(client, image_id, image_name="taken")) == (400, "InvalidImageName.Duplicated")
    assert refused(lambda: modify(client, "m-nothing", image_name="x2")) == (404, "InvalidImageId.NotFound")
    assert refused(lambda: modify(client, image_id, status="Gone"))[1] == "InvalidStatus.ValueNotSupported"


def test_families_and_deprecation(live: Running) -> None:
    client = ecs(live)
    now = live.cloud.clock.now()
    old = live.image("v1", family="fam", created=now - 200)
    new = live.image("v2", family="fam", created=now - 100)

    def newest() -> str | None:
        request = models.DescribeImageFromFamilyRequest(region_id=REGION, image_family="fam")
        image = client.describe_image_from_family(request).body.image
        return image.image_id if image else None

    assert newest() == new
    modify(client, new, status="Deprecated")
    assert newest() == old
    assert ids(client, image_family="fam") == {old}
    assert ids(client, image_family="fam", status="Deprecated") == {new}
    modify(client, old, status="Deprecated")
    assert newest() is None
    modify(client, new, status="Available")
    assert newest() == new


def delete(client: Any, image_id: str, **fields: Any) -> object:
    return client.delete_image(models.DeleteImageRequest(region_id=REGION, image_id=image_id, **fields))


def test_delete_image(populated: Running) -> None:
    client = ecs(populated)
    assert refused(lambda: delete(client, "m-localnewamd64")) == (403, "ImageUsingByInstance")
    delete(client, "m-localnewamd64", force=True)
    assert ids(client, image_id="m-localnewamd64", status="ALL") == set()
    delete(client, "m-localnewamd64")
    snapshots = client.describe_snapshots(
        models.DescribeSnapshotsRequest(region_id=REGION, snapshot_ids='["s-localnewamd64"]')
    ).body
    assert snapshots.total_count == 1, "the image's snapshot stays"
    assert refused(lambda: delete(client, "m-localbuildamd64")) == (403, "IncorrectImageStatus")
    assert refused(lambda: delete(client, "m-localothers")) == (404, "InvalidImageId.NotFound")


def copy(client: Any, image_id: str, **fields: Any) -> str:
    request = models.CopyImageRequest(
        region_id=REGION, image_id=image_id, destination_region_id="cn-beijing", destination_image_name="copy", **fields
    )
    return str(client.copy_image(request).body.image_id)


def test_copy_image_and_cancel(live: Running) -> None:
    client = ecs(live)
    source = live.image("source", tags={"a": "b"}, snapshot="s-x")
    copied = copy(client, source, client_token="t", tag=[models.CopyImageRequestTag(key="c", value="d")])
    assert copy(client, source, client_token="t", tag=[models.CopyImageRequestTag(key="c", value="d")]) == copied

    def there() -> Any:
        request = models.DescribeImagesRequest(region_id="cn-beijing", image_id=copied, status="ALL")
        return client.describe_images(request).body.images.image

    assert (there()[0].status, there()[0].is_copied, there()[0].tags.tag[0].tag_key) == ("Creating", True, "c")
    request = models.DeleteImageRequest(region_id="cn-beijing", image_id=copied)
    assert refused(lambda: client.delete_image(request)) == (403, "OperationDenied.ImageCopying")
    live.cloud.clock.advance(301)
    assert there()[0].status == "Available"
    cancel = models.CancelCopyImageRequest(region_id="cn-beijing", image_id=copied)
    assert refused(lambda: client.cancel_copy_image(cancel)) == (403, "IncorrectImageStatus")
    client.delete_image(request)
    again = copy(client, source)
    client.cancel_copy_image(models.CancelCopyImageRequest(region_id="cn-beijing", image_id=again))
    copied = again
    assert there() == []


def test_a_deprecated_image_cannot_be_copied_or_shared(live: Running) -> None:
    client = ecs(live)
    image_id = live.image("old", state="Deprecated")
    assert refused(lambda: copy(client, image_id)) == (403, "IncorrectImageStatus")
    assert refused(lambda: share(client, image_id, add_account=[seed.OTHER_ACCOUNT])) == (403, "IncorrectImageStatus")


def share(client: Any, image_id: str, **fields: Any) -> object:
    return client.modify_image_share_permission(
        models.ModifyImageSharePermissionRequest(region_id=REGION, image_id=image_id, **fields)
    )


def test_sharing(live: Running) -> None:
    client = ecs(live)
    other = ecs(live, access_key_id=seed.OTHER_KEY.id, access_key_secret=seed.OTHER_KEY.secret)
    image_id = live.image("mine")
    assert ids(other, image_id=image_id) == set()
    share(client, image_id, add_account=[seed.OTHER_ACCOUNT])
    assert images(other, image_id=image_id)[0].image_owner_alias == "others"
    assert images(client, image_id=image_id)[0].is_self_shared == "true"
    request = models.DescribeImageSharePermissionRequest(region_id=REGION, image_id=image_id)
    permission = client.describe_image_share_permission(request).body
    assert [account.aliyun_id for account in permission.accounts.account] == [seed.OTHER_ACCOUNT]
    assert refused(lambda: delete(client, image_id)) == (403, "ImageUseShared")
    assert refused(lambda: modify(client, image_id, status="Deprecated")) == (403, "ImageUseShared")
    share(client, image_id, remove_account=[seed.OTHER_ACCOUNT])
    assert ids(other, image_id=image_id) == set()
    share(client, image_id, is_public=True)
    assert ids(other, image_id=image_id) == set(), "community images are found with IsPublic alone"
    assert ids(other, image_id=image_id, image_owner_alias="others", is_public=True) == {image_id}
    assert refused(lambda: share(client, image_id, add_account=["nobody"])) == (404, "InvalidAccount.NotFound")


def test_snapshots(live: Running) -> None:
    client = ecs(live)
    for number in range(12):
        live.snapshot(f"s-{number:02d}")
    live.image("uses", snapshot="s-00")

    def described(**filters: Any) -> Any:
        return client.describe_snapshots(models.DescribeSnapshotsRequest(region_id=REGION, **filters)).body

    assert len(described().snapshots.snapshot) == 10
    assert len(described(page_number=2).snapshots.snapshot) == 2
    first = described(max_results=7)
    rest = described(max_results=7, next_token=first.next_token)
    assert (len(first.snapshots.snapshot), len(rest.snapshots.snapshot), rest.next_token) == (7, 5, "")
    assert described(usage="image").total_count == 1

    def remove(snapshot_id: str) -> object:
        return client.delete_snapshot(models.DeleteSnapshotRequest(snapshot_id=snapshot_id))

    assert refused(lambda: remove("s-00")) == (403, "SnapshotCreatedImage")
    remove("s-01")
    remove("s-01")
    assert described().total_count == 11
    assert refused(lambda: described(snapshot_ids="nonsense")) == (400, "InvalidSnapshotIds")


def test_tags(live: Running) -> None:
    client = ecs(live)
    one, two = live.image("one"), live.image("two", tags={f"k{n}": "v" for n in range(19)})

    def put(ids: list[str], *tags: tuple[str, str], kind: str = "image") -> object:
        made = [models.TagResourcesRequestTag(key=key, value=value) for key, value in tags]
        return client.tag_resources(
            models.TagResourcesRequest(region_id=REGION, resource_type=kind, resource_id=ids, tag=made)
        )

    def listed(**fields: Any) -> dict[str, str]:
        request = models.ListTagResourcesRequest(region_id=REGION, resource_type="image", **fields)
        rows = client.list_tag_resources(request).body.tag_resources.tag_resource
        return {f"{row.resource_id} {row.tag_key}": row.tag_value for row in rows}

    put([one, two], ("Latest", "true"))
    assert listed(resource_id=[one]) == {f"{one} Latest": "true"}
    assert len(listed(tag=[models.ListTagResourcesRequestTag(key="Latest", value="true")])) == 21
    put([one], ("Latest", "false"))
    assert listed(resource_id=[one]) == {f"{one} Latest": "false"}
    assert refused(lambda: put([one, two], ("more", "x"))) == (400, "NumberExceed.Tags")
    assert listed(resource_id=[one]) == {f"{one} Latest": "false"}, "all or none"
    assert refused(lambda: put(["m-nothing"], ("a", "b"))) == (404, "InvalidResourceId.NotFound")
    assert refused(lambda: put([one], ("a", "b"), kind="planet")) == (404, "InvalidResourceType.NotFound")
    client.untag_resources(
        models.UntagResourcesRequest(region_id=REGION, resource_type="image", resource_id=[two], all=True)
    )
    client.untag_resources(
        models.UntagResourcesRequest(region_id=REGION, resource_type="image", resource_id=[one], tag_key=["Latest"])
    )
    assert listed(resource_id=[one, two]) == {}


def test_a_tag_shows_a_thousand_images_at_most(live: Running) -> None:
    for number in range(1005):
        live.image(f"many-{number}", tags={"Many": "yes"})
    request = models.DescribeImagesRequest(region_id=REGION, tag=[tag("Many", "yes")], page_size=100)
    assert ecs(live).describe_images(request).body.total_count == 1000


def test_regions_and_zones(live: Running) -> None:
    client = ecs(live)
    regions = client.describe_regions(models.DescribeRegionsRequest(accept_language="en-US")).body.regions.region
    hangzhou = next(region for region in regions if region.region_id == REGION)
    assert (hangzhou.local_name, hangzhou.status) == ("China (Hangzhou)", "available")
    zones = client.describe_zones(models.DescribeZonesRequest(region_id=REGION)).body.zones.zone
    assert len(zones) >= 6
    assert all(zone.zone_id.startswith("cn-hangzhou-") for zone in zones)
    singapore = client.describe_zones(models.DescribeZonesRequest(region_id="ap-southeast-1")).body.zones.zone
    assert singapore[0].zone_id == "ap-southeast-1a"


def test_sts_identity_and_temporary_keys(live: Running) -> None:
    sts: Any = StsClient(config(live))
    who = sts.get_caller_identity().body
    assert (who.account_id, who.identity_type) == (seed.ACCOUNT, "RAMUser")
    request = sts_models.AssumeRoleRequest(role_arn=f"acs:ram::{seed.ACCOUNT}:role/ci", role_session_name="job-1")
    keys = sts.assume_role(request).body.credentials
    temporary = {"access_key_id": keys.access_key_id, "access_key_secret": keys.access_key_secret}
    assert images(ecs(live, security_token=keys.security_token, **temporary)) is not None
    as_role: Any = StsClient(config(live, security_token=keys.security_token, **temporary))
    assert as_role.get_caller_identity().body.arn == f"acs:ram::{seed.ACCOUNT}:assumed-role/ci/job-1"
    assert refused(lambda: images(ecs(live, **temporary))) == (400, "MissingSecurityToken")
    assert refused(lambda: images(ecs(live, security_token="x", **temporary)))[1] == "InvalidSecurityToken.Malformed"
    key = live.cloud.store.get(AccessKey, keys.access_key_id)
    assert key is not None
    import msgspec

    live.cloud.store.put(msgspec.structs.replace(key, expires=1.0))
    expired = ecs(live, security_token=keys.security_token, **temporary)
    assert refused(lambda: images(expired)) == (400, "InvalidSecurityToken.Expired")


def test_refused_credentials(live: Running) -> None:
    assert refused(lambda: images(ecs(live, access_key_secret="wrong"))) == (400, "SignatureDoesNotMatch")
    assert refused(lambda: images(ecs(live, access_key_id="nobody"))) == (404, "InvalidAccessKeyId.NotFound")


def test_ram_denial(live: Running) -> None:
    live.cloud.store.put(Denial(id="ecs:Describe*"))
    with pytest.raises(AlibabaCloudException) as caught:
        images(ecs(live))
    assert (caught.value.status_code, caught.value.code) == (403, "Forbidden.RAM")


def test_describe_instances_pages_both_ways(live: Running) -> None:
    for number in range(12):
        live.cloud.store.put(
            Instance(
                id=f"i-{number}", region=REGION, owner=seed.ACCOUNT, created=1.0 + number, image=f"m-{number % 2}",
                tags={"n": str(number)},
            )
        )  # fmt: skip
    client = ecs(live)

    def described(**filters: Any) -> Any:
        return client.describe_instances(models.DescribeInstancesRequest(region_id=REGION, **filters)).body

    assert [len(described(page_number=page).instances.instance) for page in (1, 2)] == [10, 2]
    first = described(max_results=10)
    rest = described(max_results=10, next_token=first.next_token)
    assert (len(first.instances.instance), len(rest.instances.instance), rest.next_token) == (10, 2, "")
    assert described(image_id="m-1").total_count == 6
    assert described(instance_ids='["i-3"]').instances.instance[0].image_id == "m-1"
    assert described(tag=[models.DescribeInstancesRequestTag(key="n", value="4")]).total_count == 1
    assert described(status="Stopped").total_count == 0
    assert refused(lambda: described(instance_ids="nonsense")) == (400, "InvalidInstanceIds")


def test_an_instance_is_taggable(live: Running) -> None:
    live.cloud.store.put(Instance(id="i-1", region=REGION, owner=seed.ACCOUNT, created=1.0, image="m-1"))
    ecs(live).tag_resources(
        models.TagResourcesRequest(
            region_id=REGION,
            resource_type="instance",
            resource_id=["i-1"],
            tag=[models.TagResourcesRequestTag(key="a", value="b")],
        )
    )
    found = live.cloud.store.get(Instance, "i-1")
    assert found is not None
    assert found.tags == {"a": "b"}

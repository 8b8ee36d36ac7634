"""Instances, their addresses, disks, interfaces and templates, beyond the table of calls: what holds between them."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient
from cryptography.hazmat.primitives import serialization
from tests.conftest import REGION, Running

from local_cloud import seed
from local_cloud.lifecycle import settle
from local_cloud.metadata import Metadata
from local_cloud.records import Disk, Eip, Instance, NetworkInterface
from sdk import config, ecs, refused

TYPE, ZONE = "ecs.c7.2xlarge", "cn-hangzhou-k"
VSWITCH, GROUP = f"vsw-local-{ZONE}", f"sg-local-{REGION}"
IMAGE = "m-localnewamd64"


def create(live: Running, **more: Any) -> str:
    wanted = {"image_id": IMAGE, "instance_type": TYPE, "v_switch_id": VSWITCH, "security_group_id": GROUP, **more}
    return str(ecs(live).create_instance(models.CreateInstanceRequest(region_id=REGION, **wanted)).body.instance_id)


def described(live: Running, instance_id: str) -> Any:
    request = models.DescribeInstancesRequest(region_id=REGION, instance_ids=json.dumps([instance_id]))
    return ecs(live).describe_instances(request).body.instances.instance[0]


def test_a_created_key_pair_opens_what_is_launched_with_it(populated: Running) -> None:
    client = ecs(populated)
    made = client.create_key_pair(models.CreateKeyPairRequest(region_id=REGION, key_pair_name="packer")).body
    private = serialization.load_pem_private_key(made.private_key_body.encode(), None)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    instance = create(populated, key_pair_name="packer")
    assert described(populated, instance).key_pair_name == "packer"
    metadata = Metadata(populated.cloud.store, lambda: populated.wall.value)
    page = metadata.handle(instance, "GET", "/latest/meta-data/public-keys/0/openssh-key", {}, 0.0)
    assert page.text == public.decode()


def test_an_imported_key_pair_keeps_its_key_and_its_fingerprint_is_stable(populated: Running) -> None:
    client = ecs(populated)
    public = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7" + "A" * 92
    bad = refused(lambda: client.import_key_pair(_import("bad", public)))
    assert bad[1] == "InvalidPublicKeyBody.Malformed"
    made = client.create_key_pair(models.CreateKeyPairRequest(region_id=REGION, key_pair_name="one")).body
    listed = client.describe_key_pairs(models.DescribeKeyPairsRequest(region_id=REGION, include_public_key=True))
    key = next(pair.public_key for pair in listed.body.key_pairs.key_pair if pair.key_pair_name == "one")
    imported = client.import_key_pair(_import("two", key)).body
    assert imported.key_pair_finger_print == made.key_pair_finger_print
    names = models.DescribeKeyPairsRequest(region_id=REGION, key_pair_finger_print=made.key_pair_finger_print)
    assert {pair.key_pair_name for pair in client.describe_key_pairs(names).body.key_pairs.key_pair} == {"one", "two"}


def _import(name: str, key: str) -> models.ImportKeyPairRequest:
    return models.ImportKeyPairRequest(region_id=REGION, key_pair_name=name, public_key_body=key)


def test_a_created_instance_is_stopped_until_it_is_started(populated: Running) -> None:
    instance = create(populated, internet_max_bandwidth_out=5)
    assert described(populated, instance).status == "Stopped"
    assert described(populated, instance).public_ip_address.ip_address == []
    address = ecs(populated).allocate_public_ip_address(models.AllocatePublicIpAddressRequest(instance_id=instance))
    ecs(populated).start_instance(models.StartInstanceRequest(instance_id=instance))
    assert described(populated, instance).status in ("Pending", "Starting")
    populated.cloud.clock.advance(60)
    found = described(populated, instance)
    assert (found.status, found.public_ip_address.ip_address) == ("Running", [address.body.ip_address])


def test_an_instance_has_one_public_address_and_its_eip_outlives_it(populated: Running) -> None:
    instance = create(populated)
    client = VpcClient(config(populated))
    first, second = (
        client.allocate_eip_address(vpc_models.AllocateEipAddressRequest(region_id=REGION)).body for _ in range(2)
    )
    assert first.eip_address != second.eip_address

    def bind(address: str) -> Any:
        request = vpc_models.AssociateEipAddressRequest(region_id=REGION, allocation_id=address, instance_id=instance)
        return client.associate_eip_address(request)

    bind(first.allocation_id)
    bind(first.allocation_id)
    assert refused(lambda: bind(second.allocation_id))[1] == "InstanceAlreadyHasEip"
    assert described(populated, instance).eip_address.ip_address == first.eip_address
    ecs(populated).delete_instance(models.DeleteInstanceRequest(instance_id=instance, force=True))
    populated.cloud.clock.advance(60)
    settle(populated.cloud.store, populated.cloud.clock.now())
    kept = populated.cloud.store.get(Eip, first.allocation_id)
    assert kept is not None
    assert kept.bound_to == ""


def test_interfaces_take_addresses_and_go_with_their_instance_if_they_shall(populated: Running) -> None:
    instance = create(populated)
    client = ecs(populated)
    made = [
        client.create_network_interface(
            models.CreateNetworkInterfaceRequest(
                region_id=REGION, v_switch_id=VSWITCH, security_group_id=GROUP, delete_on_release=goes_along
            )
        ).body
        for goes_along in (True, False)
    ]
    addresses = {one.private_ip_address for one in made} | {
        described(populated, instance).vpc_attributes.private_ip_address.ip_address[0]
    }
    assert len(addresses) == 3
    for one in made:
        request = models.AttachNetworkInterfaceRequest(
            region_id=REGION, network_interface_id=one.network_interface_id, instance_id=instance
        )
        client.attach_network_interface(request)
        assert refused(partial(client.attach_network_interface, request))[1] == "InvalidOperation.EniStatus"
    assert len(described(populated, instance).network_interfaces.network_interface) == 3
    client.delete_instance(models.DeleteInstanceRequest(instance_id=instance, force=True))
    populated.cloud.clock.advance(60)
    settle(populated.cloud.store, populated.cloud.clock.now())
    left = list(populated.cloud.store.all(NetworkInterface))
    assert [(one.id, one.instance) for one in left] == [(made[1].network_interface_id, "")]


def test_a_launch_takes_from_its_template_what_it_does_not_say_itself(populated: Running) -> None:
    client = ecs(populated)
    template = client.create_launch_template(
        models.CreateLaunchTemplateRequest(
            region_id=REGION,
            launch_template_name="web",
            image_id=IMAGE,
            instance_type=TYPE,
            security_group_id=GROUP,
            v_switch_id=VSWITCH,
            instance_name="from-template",
            user_data=base64.b64encode(b"#!/bin/sh\n").decode(),
            tag=[models.CreateLaunchTemplateRequestTag(key="by", value="template")],
            system_disk=models.CreateLaunchTemplateRequestSystemDisk(category="cloud_essd", size=70),
        )
    ).body.launch_template_id

    def launch(**more: Any) -> Instance:
        request = models.RunInstancesRequest(region_id=REGION, **more)
        (made,) = client.run_instances(request).body.instance_id_sets.instance_id_set
        found = populated.cloud.store.get(Instance, made)
        assert found is not None
        return found

    plain = launch(launch_template_id=template)
    assert (plain.name, plain.tags, plain.disk_size, plain.security_groups) == (
        "from-template",
        {"by": "template"},
        70,
        (GROUP,),
    )
    own = launch(
        launch_template_name="web",
        instance_name="own",
        security_group_ids=[GROUP],
        tag=[models.RunInstancesRequestTag(key="mine", value="yes")],
    )
    assert (own.name, own.tags) == ("own", {"mine": "yes"})
    for more, code in (
        ({"launch_template_id": "lt-nowhere"}, "InvalidLaunchTemplate.NotFound"),
        ({"launch_template_id": template, "launch_template_version": 7}, "InvalidLaunchTemplateVersion.NotFound"),
    ):
        assert refused(partial(launch, **more))[1] == code


def test_a_data_disk_is_attached_in_its_zone_and_survives_its_instance(populated: Running) -> None:
    client, instance = ecs(populated), create(populated)
    elsewhere = client.create_disk(
        models.CreateDiskRequest(region_id=REGION, zone_id="cn-hangzhou-h", size=20)
    ).body.disk_id
    attach = models.AttachDiskRequest(instance_id=instance, disk_id=elsewhere)
    assert refused(lambda: client.attach_disk(attach))[1] == "ResourceNotInSameZone"
    here = client.create_disk(models.CreateDiskRequest(region_id=REGION, instance_id=instance, size=20)).body.disk_id
    assert refused(lambda: client.delete_disk(models.DeleteDiskRequest(disk_id=here)))[1] == "IncorrectDiskStatus"
    smaller = models.ResizeDiskRequest(disk_id=here, new_size=10)
    assert refused(lambda: client.resize_disk(smaller))[1] == "InvalidDiskSize.TooSmall"
    client.delete_instance(models.DeleteInstanceRequest(instance_id=instance, force=True))
    populated.cloud.clock.advance(60)
    settle(populated.cloud.store, populated.cloud.clock.now())
    left = populated.cloud.store.get(Disk, here)
    assert left is not None
    assert left.instance == ""


def test_prices_with_four_decimals_are_rounded(populated: Running) -> None:
    """The guide's own scripts send such limits, and are launched."""
    request = models.RunInstancesRequest(
        region_id=REGION,
        image_id=IMAGE,
        instance_type=TYPE,
        v_switch_id=VSWITCH,
        security_group_id=GROUP,
        spot_strategy="SpotWithPriceLimit",
        spot_price_limit=4.1239,
    )
    (made,) = ecs(populated).run_instances(request).body.instance_id_sets.instance_id_set
    assert described(populated, made).spot_price_limit == pytest.approx(4.124)


def test_another_accounts_resources_are_not_found(populated: Running) -> None:
    instance = create(populated)
    address = (
        VpcClient(config(populated))
        .allocate_eip_address(vpc_models.AllocateEipAddressRequest(region_id=REGION))
        .body.allocation_id
    )
    other_key = {"access_key_id": seed.OTHER_KEY.id, "access_key_secret": seed.OTHER_KEY.secret}
    other = VpcClient(config(populated, **other_key))
    bind = vpc_models.AssociateEipAddressRequest(region_id=REGION, allocation_id=address, instance_id=instance)
    assert refused(lambda: other.associate_eip_address(bind))[1] == "InvalidAllocationId.NotFound"
    attribute = models.DescribeInstanceAttributeRequest(instance_id=instance)
    stranger = ecs(populated, **other_key)
    assert refused(lambda: stranger.describe_instance_attribute(attribute))[1] == "InvalidInstanceId.NotFound"

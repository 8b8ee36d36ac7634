"""RunInstances: its error table, and what it does with every documented parameter."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient
from msgspec.structs import replace
from tests.conftest import REGION, Running

import wire
from local_cloud.actions.launch_undone import UNDONE
from local_cloud.params import products
from local_cloud.records import Instance, VSwitch
from sdk import config, ecs, refused

ZONE = "cn-hangzhou-k"
VSWITCH, GROUP = f"vsw-local-{ZONE}", f"sg-local-{REGION}"


@pytest.fixture
def stocked(populated: Running) -> Running:
    """A cloud with an image, in which everything is on sale and in stock."""
    return populated.always_in_stock(3)


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


def described(live: Running, instance: Instance) -> Any:
    request = models.DescribeInstancesRequest(region_id=REGION, instance_ids=f'["{instance.id}"]')
    (found,) = ecs(live).describe_instances(request).body.instances.instance
    return found


@pytest.mark.parametrize("amount", [1, 3])
def test_a_launch_has_the_addresses_from_the_one_that_it_asks_for(stocked: Running, amount: int) -> None:
    vswitch = stocked.cloud.store.get(VSwitch, VSWITCH)
    assert vswitch is not None
    stocked.cloud.store.put(replace(vswitch, id="vsw-small", cidr="172.16.255.0/28"))
    made = launch(stocked, v_switch_id="vsw-small", private_ip_address="172.16.255.7", amount=amount)
    assert [one.ip for one in made] == [f"172.16.255.{7 + number}" for number in range(amount)]


@pytest.mark.parametrize(
    ("address", "amount", "answer"),
    [
        ("here", 1, (400, "InvalidPrivateIpAddress.Malformed")),
        ("10.0.0.1", 1, (400, "InvalidPrivateIpAddress")),
        ("255.255.255.255", 2, (400, "InvalidPrivateIpAddress")),
        ("172.16.255.14", 3, (400, "InvalidPrivateIpAddress")),
        ("172.16.255.0", 1, (403, "InvalidVSwitchId.IpInvalid")),
        ("172.16.255.13", 1, (403, "InvalidVSwitchId.IpInvalid")),
        ("172.16.255.4", 1, (400, "InvalidPrivateIpAddress.Duplicated")),
        ("172.16.255.3", 2, (400, "InvalidPrivateIpAddress.Duplicated")),
    ],
)
def test_an_address_that_a_vswitch_cannot_give_is_refused(
    stocked: Running, address: str, amount: int, answer: tuple[int, str]
) -> None:
    vswitch = stocked.cloud.store.get(VSwitch, VSWITCH)
    assert vswitch is not None
    stocked.cloud.store.put(replace(vswitch, id="vsw-small", cidr="172.16.255.0/28"))
    launch(stocked, v_switch_id="vsw-small", private_ip_address="172.16.255.4")
    again = {"v_switch_id": "vsw-small", "private_ip_address": address, "amount": amount}
    assert refused(lambda: launch(stocked, **again)) == answer


@pytest.mark.parametrize(
    ("fields", "hosts"),
    [
        ({"host_name": "web"}, ["web", "web"]),
        ({"host_name": "web", "unique_suffix": True}, ["web001", "web002"]),
        ({"host_name": "web[1,3]"}, ["web001", "web002"]),
        ({"host_name": "web[9,1]"}, ["web9", "web10"]),
        ({"host_name": "web[99,1]"}, ["web000099", "web000100"]),
        ({"host_name": "web[]"}, ["web000000", "web000001"]),
        ({"host_name": "web[,]"}, ["web000000", "web000001"]),
        ({"host_name": "web[7,]"}, ["web000007", "web000008"]),
        ({"host_name": "web[,2].lan"}, ["web00.lan", "web01.lan"]),
        ({"host_name": "web[1,3]", "unique_suffix": True}, ["web001", "web002"]),
        ({"host_name": "web[1,3]x", "unique_suffix": True}, ["web001x001", "web002x002"]),
        ({"host_names": ["one", "two"]}, ["one", "two"]),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_hosts_of_a_launch_have_names_in_order(stocked: Running, fields: dict[str, Any], hosts: list[str]) -> None:
    assert [one.host_name for one in launch(stocked, amount=2, **fields)] == hosts


def test_a_host_may_be_named_by_its_instance(stocked: Running) -> None:
    (made,) = launch(stocked, host_name="k8s-${instance_id}")
    assert made.host_name == f"k8s-{made.id}"


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"instance_name": "ci", "unique_suffix": True}, ["ci001", "ci002"]),
        ({"instance_name": "ci[5,2]-x"}, ["ci05-x", "ci06-x"]),
    ],
)
def test_instances_of_a_launch_have_names_in_order(stocked: Running, fields: dict[str, Any], names: list[str]) -> None:
    assert [one.name for one in launch(stocked, amount=2, **fields)] == names


def test_instances_without_a_name_are_named_by_their_ids(stocked: Running) -> None:
    made = launch(stocked, amount=2, unique_suffix=True)
    assert [one.name for one in made] == [one.id for one in made]


NAMES: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "a sequence that is none": ({"host_name": "web[a,b]"}, (400, "InvalidInstanceName.CustomMalformed")),
    "a sequence without its digits": ({"instance_name": "web[1]"}, (400, "InvalidInstanceName.CustomMalformed")),
    "too many digits": ({"host_name": "web[1,7]"}, (400, "InvalidInstanceName.CustomMalformed")),
    "a name and names": (
        {"host_name": "web", "host_names": ["one", "two"]},
        (403, "InvalidHostname.SingleAndMultiConflict"),
    ),
    "too few names": ({"host_names": ["one"]}, (403, "InvalidHostname.SizeInvalid")),
    "no place for a number in a host's name": (
        {"host_name": "x" * 62, "unique_suffix": True},
        (403, "InvalidParams.HostnameExceed"),
    ),
    "no place for a number in an instance's name": (
        {"instance_name": "x" * 126, "unique_suffix": True},
        (403, "InvalidParams.InstanceNameExceed"),
    ),
}


@pytest.mark.parametrize("case", NAMES)
def test_names_that_cannot_be_numbered_are_refused(stocked: Running, case: str) -> None:
    fields, answer = NAMES[case]
    assert refused(lambda: launch(stocked, amount=2, **fields)) == answer


def interface(**fields: Any) -> models.RunInstancesRequestNetworkInterface:
    return models.RunInstancesRequestNetworkInterface(**fields)


BARE: dict[str, Any] = {"v_switch_id": None, "security_group_id": None}
PRIMARY: dict[str, Any] = {"instance_type": "Primary", "v_switch_id": VSWITCH, "security_group_id": GROUP}


def test_a_primary_interface_says_where_the_instance_is(stocked: Running) -> None:
    (made,) = launch(stocked, **BARE, network_interface=[interface(**PRIMARY, primary_ip_address="172.16.80.77")])
    assert (made.vswitch, made.security_groups, made.ip) == (VSWITCH, (GROUP,), "172.16.80.77")
    many = {**PRIMARY, "security_group_id": None, "security_group_ids": [GROUP]}
    (other,) = launch(stocked, **BARE, network_interface=[interface(**many)])
    assert (other.vswitch, other.security_groups) == (VSWITCH, (GROUP,))


NOT_DONE = (501, "NotImplemented.LocalCloud")
INTERFACES: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "a secondary one": ({"network_interface": [interface(v_switch_id=VSWITCH)]}, NOT_DONE),
    "an address of version 6": (
        {**BARE, "network_interface": [interface(**PRIMARY, ipv_6address_count=1)]},
        NOT_DONE,
    ),
    "of no kind": ({"network_interface": [interface(instance_type="Third")]}, (400, "InvalidParam.NetworkInterface")),
    "two primary ones": (
        {**BARE, "network_interface": [interface(**PRIMARY), interface(**PRIMARY)]},
        (400, "InvalidParam.NetworkInterface"),
    ),
    "beside a vSwitch": ({"network_interface": [interface(**PRIMARY)]}, (400, "InvalidParam.NetworkInterface")),
    "without a vSwitch": (
        {**BARE, "network_interface": [interface(**{**PRIMARY, "v_switch_id": None})]},
        (400, "InvalidParam.NetworkInterface"),
    ),
}


@pytest.mark.parametrize("case", INTERFACES)
def test_an_interface_that_a_launch_cannot_have_is_refused(stocked: Running, case: str) -> None:
    fields, answer = INTERFACES[case]
    assert refused(lambda: launch(stocked, **fields)) == answer


def test_traffic_is_charged_as_the_launch_says(stocked: Running) -> None:
    (plain,) = launch(stocked)
    shown = described(stocked, plain)
    assert (shown.internet_charge_type, shown.internet_max_bandwidth_in) == ("PayByTraffic", 10)
    (made,) = launch(
        stocked,
        internet_charge_type="PayByBandwidth",
        internet_max_bandwidth_out=50,
        internet_max_bandwidth_in=30,
    )
    shown = described(stocked, made)
    assert (shown.internet_charge_type, shown.internet_max_bandwidth_in) == ("PayByBandwidth", 30)


# Every other documented parameter: with values that ask for nothing, and with one that does.
PARAMETERS: dict[str, tuple[list[str], str | None]] = {
    "Affinity": (["default"], "host"),
    "AutoPay": (["true"], None),
    "AutoRenew": (["true", "false"], None),
    "AutoRenewPeriod": (["1"], None),
    "Arn.1.RoleType": ([], "service"),
    "ClockOptions.PtpStatus": (["disabled"], "enabled"),
    "CpuOptions.Core": ([], "2"),
    "CpuOptions.Numa": ([], "1"),
    "CpuOptions.ThreadsPerCore": ([], "1"),
    "CpuOptions.TopologyType": ([], "DiscreteCoreToHTMapping"),
    "CreditSpecification": (["Standard"], "Unlimited"),
    "DataDisk.1.AutoSnapshotPolicyId": ([], "sp-1"),
    "DataDisk.1.BurstingEnabled": (["false"], "true"),
    "DataDisk.1.EncryptAlgorithm": ([], "aes-256"),
    "DataDisk.1.ProvisionedIops": (["0"], "1000"),
    "DataDisk.1.StorageClusterId": ([], "dbsc-1"),
    "DedicatedHostId": ([], "dh-1"),
    "DeploymentSetGroupNo": ([], "1"),
    "DeploymentSetId": ([], "ds-1"),
    "HibernationOptions.Configured": (["false"], "true"),
    "HpcClusterId": ([], "hpc-1"),
    "HttpEndpoint": (["enabled"], "disabled"),
    "HttpPutResponseHopLimit": (["1"], None),
    "ImageOptions.LoginAsNonRoot": (["false"], "true"),
    "InstanceChargeType": (["PostPaid"], "PrePaid"),
    "IoOptimized": (["optimized"], "none"),
    "Ipv6Address.1": ([], "2001:db8::1"),
    "Ipv6AddressCount": (["0"], "1"),
    "Isp": ([], "ChinaMobile"),
    "ManagedHostId": ([], "mh-1"),
    "NetworkInterfaceQueueNumber": ([], "8"),
    "NetworkOptions.BandwidthWeighting": ([], "Vpc-L1"),
    "NetworkOptions.EnableJumboFrame": (["true", "false"], None),
    "NetworkOptions.EnableNetworkEncryption": (["false"], "true"),
    "Password": ([], "Ecs-2026"),
    "PasswordInherit": (["false"], "true"),
    "Period": (["1"], None),
    "PeriodUnit": (["Month"], None),
    "PrivateDnsNameOptions.EnableIpDnsARecord": (["false"], "true"),
    "PrivateDnsNameOptions.HostnameType": (["Custom"], "IpBased"),
    "PrivatePoolOptions.Id": ([], "eap-1"),
    "PrivatePoolOptions.MatchCriteria": (["None", "Open"], "Target"),
    "ResourceGroupId": ([], "rg-1"),
    "SchedulerOptions.DedicatedHostClusterId": ([], "dc-1"),
    "SecurityEnhancementStrategy": (["Active", "Deactive"], None),
    "SecurityOptions.ConfidentialComputingMode": ([], "Enclave"),
    "SecurityOptions.TrustedSystemMode": ([], "vTPM"),
    "StorageSetId": ([], "ss-1"),
    "StorageSetPartitionNumber": ([], "2"),
    "SystemDisk.AutoSnapshotPolicyId": ([], "sp-1"),
    "SystemDisk.BurstingEnabled": (["false"], "true"),
    "SystemDisk.EncryptAlgorithm": ([], "aes-256"),
    "SystemDisk.ProvisionedIops": (["0"], "1000"),
    "SystemDisk.StorageClusterId": ([], "dbsc-1"),
    "Tenancy": (["default"], "host"),
}
# Done, and tested above or elsewhere.
DONE = {
    *("Amount", "AutoReleaseTime", "ClientToken", "DataDisk", "DeletionProtection", "Description", "DryRun"),
    *("HostName", "HostNames", "HttpTokens", "ImageFamily", "ImageId", "InstanceName", "InstanceType"),
    *("InternetChargeType", "InternetMaxBandwidthIn", "InternetMaxBandwidthOut", "KeyPairName", "LaunchTemplateId"),
    *("LaunchTemplateName", "LaunchTemplateVersion", "MinAmount", "NetworkInterface", "PrivateIpAddress"),
    *("RamRoleName", "RegionId", "SecurityGroupId", "SecurityGroupIds", "SpotDuration", "SpotInterruptionBehavior"),
    *("SpotPriceLimit", "SpotStrategy", "SystemDisk", "Tag", "UniqueSuffix", "UserData", "VSwitchId", "ZoneId"),
}
LAUNCH = {
    "ImageId": "m-localnewamd64",
    "InstanceType": "ecs.c7.large",
    "VSwitchId": VSWITCH,
    "SecurityGroupId": GROUP,
}


def launch_with(live: Running, name: str, value: str) -> int:
    """Return the status of a launch with a parameter as it is sent."""
    disk = {"DataDisk.1.Size": "20"} if name.startswith("DataDisk.1.") else {}
    signed = wire.v1("RunInstances", RegionId=REGION, **LAUNCH, **disk, **{name: value})
    return wire.send(live, "GET", wire.signed("GET", signed))[0]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_is_done_or_refused_but_not_ignored(stocked: Running, name: str) -> None:
    harmless, more = PARAMETERS[name]
    for value in harmless:
        assert launch_with(stocked, name, value) == 200
    if more is not None:
        assert launch_with(stocked, name, more) == 501


@pytest.mark.parametrize("action", ["RunInstances", "CreateInstance"])
def test_every_documented_parameter_has_been_decided_on(action: str) -> None:
    documented = {name.partition(".")[0] for name in products()["ecs"].actions[action]}
    undone = {name.partition(".")[0] for name in (*PARAMETERS, *UNDONE)}
    assert documented <= DONE | undone


CHARGES: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "an unknown charge": ({"instance_charge_type": "Free"}, (404, "InvalidInstanceChargeType.NotFound")),
    "not paid for": ({"auto_pay": False}, (400, "InvalidAutoPay.PostPaidUnsupported")),
    "an endpoint perhaps": ({"http_endpoint": "maybe"}, (400, "InvalidHttpEndpoint.NotSupported")),
    "optimized perhaps": ({"io_optimized": "maybe"}, (400, "InvalidIoOptimize.ValueNotSupported")),
    "traffic for nothing": ({"internet_charge_type": "Free"}, (400, "InvalidInternetChargeType.ValueNotSupported")),
    "more from the internet than to it": (
        {"internet_max_bandwidth_out": 20, "internet_max_bandwidth_in": 21},
        (400, "InvalidInternetMaxBandwidthIn.Malformed"),
    ),
    "a key without encryption": (
        {"system_disk": disk(kmskey_id="key-1")},
        (400, "InvalidEncrypted.NotMatchKmsKeyId"),
    ),
}


@pytest.mark.parametrize("case", CHARGES)
def test_a_value_that_no_parameter_has_is_refused(stocked: Running, case: str) -> None:
    fields, answer = CHARGES[case]
    assert refused(lambda: launch(stocked, **fields)) == answer

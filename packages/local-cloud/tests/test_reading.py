"""No documented parameter of a listing action is ignored: it is read, it may be ignored for a reason, or is refused."""

from __future__ import annotations

import pytest
from alibabacloud_ecs20140526 import models
from msgspec.structs import replace
from tests.conftest import REGION, Running

from conformance.identities import DOCUMENT, TRUST
from local_cloud import seed
from local_cloud.actions.network_interfaces import primary_interface
from local_cloud.actions.registry import ACTIONS, Call
from local_cloud.errors import ApiFault
from local_cloud.params import Params, products
from local_cloud.reading import HARMLESS, is_harmless, require_all_read
from local_cloud.records import Instance
from sdk import ecs, refused
from wire import send, signed, v1

LISTING = sorted(one for one in ACTIONS if one[1].startswith(("Describe", "List")))
# What an action needs besides the parameter in question.
GIVEN = {
    "DestinationResource": "InstanceType",
    "DiskId": "d-localrunner000001",
    "ImageFamily": "github-runner-ubuntu24-amd64",
    "ImageId": "m-localnewamd64",
    "InstanceId": "i-localrunner000001",
    "InstanceType": "ecs.c7.large",
    "NetworkType": "vpc",
    "BillingCycle": "2026-11",
    "SecurityGroupId": f"sg-local-{REGION}",
    "VSwitchId": "vsw-local-cn-hangzhou-k",
    "VpcId": f"vpc-local-{REGION}",
}
# And what its documentation leaves open, but it needs.
ALSO = {
    "DescribeAutoProvisioningGroupHistory": {"AutoProvisioningGroupId": "apg"},
    "DescribeAutoProvisioningGroupInstances": {"AutoProvisioningGroupId": "apg"},
    "DescribeLaunchTemplateVersions": {"LaunchTemplateName": "made"},
    "DescribeNetworkInterfaceAttribute": {"NetworkInterfaceId": "eni"},
    "DescribePrice": {"InstanceType": "ecs.c7.large"},
    "ListEntitiesForPolicy": {"PolicyName": "made", "PolicyType": "Custom"},
    "ListPoliciesForRole": {"RoleName": "made"},
    "ListPolicyVersions": {"PolicyName": "made"},
    "ListTagResources": {"ResourceType": "image", "ResourceId.1": "m-localnewamd64"},
}
MADE: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("ecs", "RunCommand", {"Type": "RunShellScript", "CommandContent": "true", "InstanceId.1": "i-localrunner000001"}),
    ("ecs", "SendFile", {"Name": "x", "TargetDir": "/", "Content": "x", "InstanceId.1": "i-localrunner000001"}),
    ("ecs", "CreateLaunchTemplate", {"LaunchTemplateName": "made"}),
    ("vpc", "AllocateEipAddress", {}),
    ("vpc", "CreateNatGateway", {"VpcId": f"vpc-local-{REGION}", "VSwitchId": "vsw-local-cn-hangzhou-k"}),
    ("ram", "CreateRole", {"RoleName": "made", "AssumeRolePolicyDocument": TRUST}),
    ("ram", "CreatePolicy", {"PolicyName": "made", "PolicyDocument": DOCUMENT}),
)
SAMPLES = {"Integer": "1", "Long": "1", "Float": "1", "Boolean": "false"}


def needs(product: str, action: str) -> dict[str, str]:
    types = products()[product].actions[action]
    return {name: GIVEN[name] for name, kind in types.items() if kind.endswith("!") and name in GIVEN}


def read_by(live: Running, product: str, action: str, name: str) -> bool | None:
    """Whether an action reads a parameter; None if it refuses the call before."""
    kind = products()[product].actions[action][name].rstrip("!")
    given = f"{name}.1" if kind == "RepeatList" else name
    params = Params({given: SAMPLES.get(kind, "x"), **needs(product, action), **ALSO.get(action, {})})
    refusal = None
    try:
        perform(live, product, action, params)
    except ApiFault as fault:
        refusal = fault
    if not params.unread({name: kind}):
        return True
    return None if refusal else False


def perform(live: Running, product: str, action: str, params: Params) -> None:
    cloud = live.cloud
    call = Call(
        product=product,
        action=action,
        params=params,
        caller=seed.KEY,
        region=REGION,
        now=cloud.clock.now(),
        wall=cloud.clock.wall(),
        view=cloud.store,
        store=cloud.store,
    )
    ACTIONS[product, action].perform(call)


def fill(live: Running) -> None:
    """Put one of everything into the account."""
    seed.populate(live.cloud.store, live.cloud.clock.now())
    for product, action, values in MADE:
        perform(live, product, action, Params(values))
    instance = live.cloud.store.get(Instance, "i-localrunner000001")
    assert instance
    live.cloud.store.put(replace(primary_interface(instance), id="eni"))


@pytest.mark.parametrize(("product", "action"), LISTING, ids=[" ".join(one) for one in LISTING])
def test_what_an_action_reads_does_not_depend_on_what_there_is(live: Running, product: str, action: str) -> None:
    names = set(products()[product].actions[action]) - {"RegionId"}  # the gateway reads it
    empty = {name: read_by(live, product, action, name) for name in names}
    fill(live)
    full = {name: read_by(live, product, action, name) for name in names}
    assert {name for name in names if full[name] and empty[name] is False} == set()
    # A second look, at what is remembered, reads the same.
    assert {name: read_by(live, product, action, name) for name in names} == full
    stale = {name for name in names if full[name] and (action, name.partition(".")[0]) in HARMLESS}
    assert stale == set(), "it is read: it needs no exception"


def test_every_exception_is_documented_and_has_a_reason() -> None:
    documented = {(action, name) for product, action in LISTING for name in products()[product].actions[action]}
    anywhere = {("", name) for _, name in documented}
    assert set(HARMLESS) <= documented | anywhere
    assert all(HARMLESS.values())


def test_a_filter_that_is_not_performed_is_refused_by_name(live: Running) -> None:
    request = models.DescribeKeyPairsRequest(region_id=REGION, resource_group_id="rg-1")
    assert refused(lambda: ecs(live).describe_key_pairs(request)) == (501, "NotImplemented.LocalCloud")
    status, _, answer = send(live, "GET", signed("GET", v1("DescribeKeyPairs", RegionId=REGION, ResourceGroupId="rg")))
    assert (status, answer["Code"]) == (501, "NotImplemented.LocalCloud")
    assert "DescribeKeyPairs with ResourceGroupId" in answer["Message"]


def test_a_member_of_a_list_that_is_not_performed_is_refused(live: Running) -> None:
    disk = {"DataDisk.1.Category": "cloud_auto", "DataDisk.1.Size": "20", "DataDisk.1.ProvisionedIops": "1000"}
    query = v1("DescribePrice", RegionId=REGION, InstanceType="ecs.c7.large", **disk)
    assert "DataDisk.1.ProvisionedIops" in send(live, "GET", signed("GET", query))[2]["Message"]


def test_an_empty_parameter_is_none(live: Running) -> None:
    query = v1("DescribeKeyPairs", RegionId=REGION, ResourceGroupId="")
    assert send(live, "GET", signed("GET", query))[0] == 200


def test_a_dry_run_of_any_listing_is_answered(live: Running) -> None:
    def look(**fields: bool) -> tuple[int, str]:
        query = v1("DescribeVpcs", RegionId=REGION, **{name: str(value).lower() for name, value in fields.items()})
        status, _, answer = send(live, "GET", signed("GET", {**query, "Version": "2016-04-28"}))
        return status, answer.get("Code", "")

    assert look(DryRun=True) == (400, "DryRunOperation")
    assert look(DryRun=False) == (200, "")
    assert look(DryRun=True, EnableIpv6=True) == (501, "NotImplemented.LocalCloud")


def test_the_second_page_of_a_remembered_list_is_no_more_refused_than_the_first(populated: Running) -> None:
    for number in (1, 2):
        request = models.DescribeInstancesRequest(
            region_id=REGION, instance_charge_type="PostPaid", page_number=number, page_size=1
        )
        assert ecs(populated).describe_instances(request).body.page_number == number


def test_only_listings_are_held_to_it() -> None:
    require_all_read("RunInstances", Params({"Unicorn": "1"}), {"Unicorn": "String"})
    assert is_harmless("DescribeInstances", "AdditionalAttributes.1")
    assert not is_harmless("DescribeImages", "Verbose")

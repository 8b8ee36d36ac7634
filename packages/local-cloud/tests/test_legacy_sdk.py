"""The actions as the legacy official SDK (aliyun-python-sdk-ecs) speaks them: HMAC-SHA1 among the parameters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkecs.request.v20140526 import (
    CancelCopyImageRequest,
    CopyImageRequest,
    CreateImageRequest,
    DeleteDiskRequest,
    DeleteImageRequest,
    DeleteInstanceRequest,
    DeleteInstancesRequest,
    DeleteSnapshotRequest,
    DescribeAvailableResourceRequest,
    DescribeCloudAssistantStatusRequest,
    DescribeDisksRequest,
    DescribeImageFromFamilyRequest,
    DescribeImageSharePermissionRequest,
    DescribeImagesRequest,
    DescribeInstanceHistoryEventsRequest,
    DescribeInstancesRequest,
    DescribeInstanceStatusRequest,
    DescribeInstanceTypesRequest,
    DescribeInvocationResultsRequest,
    DescribeInvocationsRequest,
    DescribeKeyPairsRequest,
    DescribePriceRequest,
    DescribeRegionsRequest,
    DescribeSecurityGroupsRequest,
    DescribeSnapshotsRequest,
    DescribeSpotAdviceRequest,
    DescribeSpotPriceHistoryRequest,
    DescribeZonesRequest,
    GetInstanceConsoleOutputRequest,
    ListTagResourcesRequest,
    ModifyImageAttributeRequest,
    ModifyImageSharePermissionRequest,
    ModifyInstanceAutoReleaseTimeRequest,
    RunCommandRequest,
    RunInstancesRequest,
    SendFileRequest,
    StartInstanceRequest,
    StopInstanceRequest,
    StopInstancesRequest,
    TagResourcesRequest,
    UntagResourcesRequest,
)
from aliyunsdksts.request.v20150401 import GetCallerIdentityRequest
from tests.conftest import REGION, Running

from local_cloud import seed
from local_cloud.clock import iso


class Legacy:
    def __init__(self, live: Running, secret: str = seed.KEY.secret) -> None:
        self.port = live.port
        self.client = AcsClient(seed.KEY.id, secret, REGION)

    def call(self, request: Any, method: str = "GET", **fields: Any) -> Any:
        request.set_endpoint(f"127.0.0.1:{self.port}")
        request.set_protocol_type("http")
        request.set_accept_format("json")
        request.set_method(method)
        for name, value in fields.items():
            getattr(request, f"set_{name}")(value)
        return json.loads(self.client.do_action_with_exception(request))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_action(populated: Running, method: str) -> None:
    sdk = Legacy(populated)
    described = sdk.call(
        DescribeImagesRequest.DescribeImagesRequest(),
        method,
        ImageName="github-runner-ubuntu24-amd64-latest",
        PageSize=50,
    )
    names = [image["ImageName"] for image in described["Images"]["Image"]]
    assert "github-runner-ubuntu24-amd64-latest" in names
    family = sdk.call(
        DescribeImageFromFamilyRequest.DescribeImageFromFamilyRequest(),
        method,
        ImageFamily="github-runner-ubuntu24-arm64",
    )
    assert family["Image"]["ImageId"] == "m-localnewarm64"
    made = sdk.call(
        CreateImageRequest.CreateImageRequest(), method, SnapshotId="s-localoldamd64", ImageName="legacy",
        ClientToken="t",
        Tags=[{"Key": "a", "Value": "中文"}],
    )["ImageId"]  # fmt: skip
    populated.cloud.clock.advance(600)
    sdk.call(ModifyImageAttributeRequest.ModifyImageAttributeRequest(), method, ImageId=made, ImageName="legacy-2")
    tagging = {"ResourceType": "image", "ResourceIds": [made]}
    sdk.call(TagResourcesRequest.TagResourcesRequest(), method, Tags=[{"Key": "b", "Value": "c"}], **tagging)
    rows = sdk.call(ListTagResourcesRequest.ListTagResourcesRequest(), method, **tagging)["TagResources"]["TagResource"]
    assert {row["TagKey"]: row["TagValue"] for row in rows} == {"a": "中文", "b": "c"}
    sdk.call(UntagResourcesRequest.UntagResourcesRequest(), method, TagKeys=["b"], **tagging)
    sharing = ModifyImageSharePermissionRequest.ModifyImageSharePermissionRequest
    sdk.call(sharing(), method, ImageId=made, AddAccounts=[seed.OTHER_ACCOUNT])
    answer = sdk.call(DescribeImageSharePermissionRequest.DescribeImageSharePermissionRequest(), method, ImageId=made)
    assert answer["Accounts"]["Account"][0]["AliyunId"] == seed.OTHER_ACCOUNT
    sdk.call(sharing(), method, ImageId=made, RemoveAccounts=[seed.OTHER_ACCOUNT])
    copied = sdk.call(
        CopyImageRequest.CopyImageRequest(),
        method,
        ImageId=made,
        DestinationRegionId="cn-beijing",
        DestinationImageName="c1",
    )["ImageId"]
    cancel = CancelCopyImageRequest.CancelCopyImageRequest()
    cancel.add_query_param("RegionId", "cn-beijing")
    sdk.call(cancel, method, ImageId=copied)
    sdk.call(DeleteImageRequest.DeleteImageRequest(), method, ImageId=made)
    sdk.call(DeleteSnapshotRequest.DeleteSnapshotRequest(), method, SnapshotId="s-nothing")
    assert sdk.call(DescribeSnapshotsRequest.DescribeSnapshotsRequest(), method)["TotalCount"] == 7
    assert len(sdk.call(DescribeRegionsRequest.DescribeRegionsRequest(), method)["Regions"]["Region"]) == 20
    assert sdk.call(DescribeZonesRequest.DescribeZonesRequest(), method)["Zones"]["Zone"]
    assert sdk.call(GetCallerIdentityRequest.GetCallerIdentityRequest(), method)["AccountId"] == seed.ACCOUNT


def test_errors(live: Running) -> None:
    request = DescribeImagesRequest.DescribeImagesRequest
    with pytest.raises(ServerException) as caught:
        Legacy(live, secret="wrong").call(request())
    # The SDK compares the string to sign in the answer with its own, and finds that the secret is wrong.
    assert caught.value.get_error_code() == "InvalidAccessKeySecret"
    with pytest.raises(ServerException) as caught:
        Legacy(live).call(request(), PageSize=500)
    assert (caught.value.get_http_status(), caught.value.get_error_code()) == (400, "InvalidPageSize")
    assert caught.value.get_request_id()


def test_a_replayed_request_is_refused(live: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    from aliyunsdkcore.utils import parameter_helper

    monkeypatch.setattr(parameter_helper, "get_uuid", lambda: "the-same-nonce")
    sdk = Legacy(live)
    sdk.call(DescribeRegionsRequest.DescribeRegionsRequest())
    with pytest.raises(ServerException) as caught:
        sdk.call(DescribeRegionsRequest.DescribeRegionsRequest())
    assert caught.value.get_error_code() == "SignatureNonceUsed"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_action_of_instances(populated: Running, method: str) -> None:
    sdk = Legacy(populated)

    def call(module: Any, **fields: Any) -> Any:
        return sdk.call(getattr(module, module.__name__.rpartition(".")[2])(), method, **fields)

    kind = "ecs.c7.2xlarge"
    types = call(DescribeInstanceTypesRequest, InstanceTypess=[kind])["InstanceTypes"]["InstanceType"]
    assert [one["CpuCoreCount"] for one in types] == [8]
    stock = call(DescribeAvailableResourceRequest, DestinationResource="SystemDisk", InstanceType=kind)
    zone = next(
        one for one in stock["AvailableZones"]["AvailableZone"] if one["AvailableResources"]["AvailableResource"]
    )
    disk = zone["AvailableResources"]["AvailableResource"][0]["SupportedResources"]["SupportedResource"][0]["Value"]
    prices = call(DescribeSpotPriceHistoryRequest, InstanceType=kind, NetworkType="vpc")["SpotPrices"]["SpotPriceType"]
    assert prices
    assert call(DescribeSpotAdviceRequest, InstanceTypess=[kind])["AvailableSpotZones"]["AvailableSpotZone"]
    assert call(DescribePriceRequest, InstanceType=kind)["PriceInfo"]["Price"]["TradePrice"] == 1.64
    assert call(DescribeSecurityGroupsRequest)["SecurityGroups"]["SecurityGroup"]
    assert call(DescribeKeyPairsRequest)["KeyPairs"]["KeyPair"]

    (made,) = call(
        RunInstancesRequest,
        ImageId="m-localnewamd64",
        InstanceType=kind,
        VSwitchId=f"vsw-local-{zone['ZoneId']}",
        SecurityGroupId=f"sg-local-{REGION}",
        SystemDiskCategory=disk,
        Tags=[{"Key": "by", "Value": "legacy"}],
    )["InstanceIdSets"]["InstanceIdSet"]
    populated.cloud.clock.advance(60)
    (shown,) = call(DescribeInstancesRequest, Tags=[{"Key": "by", "Value": "legacy"}])["Instances"]["Instance"]
    assert (shown["InstanceId"], shown["Status"]) == (made, "Running")
    assert call(DescribeInstanceStatusRequest, InstanceIds=[made])["TotalCount"] == 1
    assert call(GetInstanceConsoleOutputRequest, InstanceId=made)["ConsoleOutput"]
    assert call(DescribeInstanceHistoryEventsRequest, InstanceId=made)["TotalCount"] == 0
    assert call(DescribeDisksRequest, InstanceId=made)["Disks"]["Disk"][0]["Category"] == disk
    populated.cloud.clock.advance(60)
    assert call(DescribeCloudAssistantStatusRequest, InstanceIds=[made])["InstanceCloudAssistantStatusSet"]
    invocation = call(
        RunCommandRequest,
        Type="RunShellScript",
        InstanceIds=[made],
        CommandContent="# simulate: seconds=5 output=hello",
    )["InvokeId"]
    populated.cloud.clock.advance(10)
    (result,) = call(DescribeInvocationResultsRequest, InvokeId=invocation)["Invocation"]["InvocationResults"][
        "InvocationResult"
    ]
    assert (result["InvocationStatus"], result["ExitCode"], result["Output"]) == ("Success", 0, "aGVsbG8K")
    assert call(DescribeInvocationsRequest, InvokeId=invocation)["TotalCount"] == 1
    call(SendFileRequest, InstanceIds=[made], Name="motd", TargetDir="/etc", Content="hello")
    call(
        ModifyInstanceAutoReleaseTimeRequest, InstanceId=made, AutoReleaseTime=iso(populated.cloud.clock.now() + 86_400)
    )
    call(StopInstanceRequest, InstanceId=made)
    populated.cloud.clock.advance(60)
    call(StartInstanceRequest, InstanceId=made)
    populated.cloud.clock.advance(60)
    call(StopInstancesRequest, InstanceIds=[made])
    populated.cloud.clock.advance(60)
    call(DeleteInstanceRequest, InstanceId=made)
    populated.cloud.clock.advance(60)
    with pytest.raises(ServerException, match=r"InvalidInstanceId\.NotFound"):
        call(DeleteInstancesRequest, InstanceIds=[made], Force=True)
    with pytest.raises(ServerException, match=r"InvalidDiskId\.NotFound"):
        call(DeleteDiskRequest, DiskId="d-none")

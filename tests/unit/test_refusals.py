"""What ECS's refusals of a launch mean. Source: RunInstances' error table, with its HTTP statuses."""

from __future__ import annotations

import pytest

from goldrun.cloud.assistant import is_instance_unfit
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import is_offer_gone, is_sold_out, is_vswitch_wrong

SOLD_OUT, OTHER_DISK, PERSON, VSWITCH = "sold out", "another disk may work", "needs a person", "wrong vSwitch"


def error(status: int, code: str) -> ApiError:
    return ApiError("ECS refused.", code=code, http_status=status, action="RunInstances")


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (403, "OperationDenied.NoStock", SOLD_OUT),
        (403, "Zone.NotOnSale", SOLD_OUT),
        (400, "Zone.NotOnSale", SOLD_OUT),
        (403, "Zone.NotOpen", SOLD_OUT),
        (403, "OperationDenied.ZoneNotAllowed", SOLD_OUT),
        (403, "InstanceType.Offline", SOLD_OUT),
        (403, "InvalidInstanceType.ZoneNotSupported", SOLD_OUT),
        (403, "InvalidInstanceType.NotSupported", SOLD_OUT),
        (400, "InvalidInstanceType.NotSupported", PERSON),
        (403, "InvalidResourceType.NotSupported", OTHER_DISK),
        (400, "InvalidSystemDiskCategory.ValueNotSupported", OTHER_DISK),
        (403, "InvalidInstanceType.NotSupportDiskCategory", OTHER_DISK),
        (403, "InvalidDiskCategory.NotSupported", OTHER_DISK),
        (403, "CategoryNotSupported", OTHER_DISK),
        (403, "OperationDenied.ZoneSystemCategoryNotMatch", OTHER_DISK),
        (403, "OperationDenied.CloudSSDNotSupported", OTHER_DISK),
        (400, "InvalidSpotPriceLimit.LowerThanPublicPrice", OTHER_DISK),
        (400, "QuotaExceeded.PrivateIpAddress", OTHER_DISK),
        (404, "InvalidVSwitchId.NotFound", VSWITCH),
        (404, "InvalidVSwitchId.NotExist", VSWITCH),
        (400, "InvalidParameter.Mismatch", VSWITCH),
        (403, "OperationDenied.InconsistentNetwork", VSWITCH),
        (400, "InvalidSecurityGroup.VpcMismatch", VSWITCH),
        (403, "ImageNotSupportInstanceType", PERSON),
        (403, "QuotaExceed.ElasticQuota", PERSON),
        (403, "InvalidAccountStatus.NotEnoughBalance", PERSON),
    ],
)
def test_a_refusal_means_what_the_table_says(status: int, code: str, meaning: str) -> None:
    refusal = error(status, code)
    assert is_sold_out(refusal) is (meaning == SOLD_OUT)
    assert is_offer_gone(refusal) is (meaning in (SOLD_OUT, OTHER_DISK))
    assert is_vswitch_wrong(refusal) is (meaning == VSWITCH)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "InvalidInstance.NotFound"),
        (400, "InvalidInstance.NotMatch"),
        (404, "InvalidInstanceId.NotFound"),
        (403, "IncorrectInstanceStatus"),
    ],
)
def test_an_instance_that_runs_no_command_is_unfit(status: int, code: str) -> None:
    assert is_instance_unfit(error(status, code))
    assert not is_instance_unfit(error(403, "CmdContent.ExceedLimit"))

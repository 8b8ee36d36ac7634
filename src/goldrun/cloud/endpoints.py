"""The APIs and their endpoints."""

from __future__ import annotations

from goldrun.http.endpoint import Endpoint
from goldrun.lean import NamedTuple


class Api(NamedTuple):
    """An API: its name in RAM policies and in endpoints, and its version."""

    name: str
    version: str


ECS = Api("ecs", "2014-05-26")
VPC = Api("vpc", "2016-04-28")
STS = Api("sts", "2015-04-01")
RAM = Api("ram", "2015-05-01")
IMS = Api("ims", "2019-08-15")
BILLING = Api("bssapi", "2017-12-14")


def region_endpoint(api: Api, region: str) -> Endpoint:
    """Return the public endpoint of an API in ``region`` (source: "Endpoints" in each API's reference)."""
    if api == BILLING:
        host = "business.aliyuncs.com" if region.startswith("cn-") else "business.ap-southeast-1.aliyuncs.com"
    elif api in (RAM, IMS):
        host = f"{api.name}.aliyuncs.com"
    elif api == VPC and region == "cn-hangzhou":
        host = "vpc.aliyuncs.com"
    else:
        host = f"{api.name}.{region}.aliyuncs.com"
    return Endpoint("https", host, 443)

"""Where the APIs of a region answer."""

from typing import NamedTuple
from urllib.parse import urlsplit

from goldrun.errors import UsageError

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class Endpoint(NamedTuple):
    """Scheme, host and port of an API."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """The ``Host`` header: the port only where it is not the scheme's own; an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


_PORTS = {"http": 80, "https": 443}


class Api(NamedTuple):
    """An API: its name in RAM policies and in endpoints, and its version."""

    name: str
    version: str


ECS = Api("ecs", "2014-05-26")
VPC = Api("vpc", "2016-04-28")
STS = Api("sts", "2015-04-01")
BILLING = Api("bssapi", "2017-12-14")


def region_endpoint(api: Api, region: str) -> Endpoint:
    """The public endpoint of an API in ``region`` (source: "Endpoints" in each API's reference)."""
    if api == BILLING:
        host = "business.aliyuncs.com" if region.startswith("cn-") else "business.ap-southeast-1.aliyuncs.com"
    elif api == VPC and region == "cn-hangzhou":
        host = "vpc.aliyuncs.com"
    else:
        host = f"{api.name}.{region}.aliyuncs.com"
    return Endpoint("https", host, 443)


def parse_endpoint(text: str) -> Endpoint:
    """The endpoint that a person wrote: ``http://127.0.0.1:4679``, or a bare host, which means https.

    Raises:
        UsageError: if it is no URL of that form, or sends requests in clear text over a network.
    """
    url = urlsplit(text if "://" in text else f"https://{text}")
    try:
        port = url.port
    except ValueError:
        port = -1
    if url.scheme not in _PORTS or not url.hostname or port == -1 or url.path.strip("/") or url.query:
        raise UsageError(
            f"{text!r} is not an endpoint.",
            fix=["write scheme, host and port alone, e.g. http://127.0.0.1:4679"],
        )
    if url.username is not None or url.password is not None:
        raise UsageError("An endpoint takes no user name and no password.")
    if url.scheme == "http" and url.hostname not in LOOPBACK_HOSTS:
        raise UsageError(
            f"{url.hostname} would get credentials' tokens in clear text.",
            why=["plain http is accepted for this machine alone (127.0.0.1, localhost)."],
            fix=[f"use https://{url.hostname}"],
        )
    return Endpoint(url.scheme, url.hostname, _PORTS[url.scheme] if port is None else port)

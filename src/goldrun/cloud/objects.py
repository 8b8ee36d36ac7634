"""Objects in a bucket of OSS: puts and gets them, with signatures of version 4.

Sources: "PutObject", "GetObject", "Error responses" and "Include V4 signatures in the Authorization header" in the OSS
API reference.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from functools import partial
from html import unescape
from typing import NamedTuple

from goldrun import __version__, config
from goldrun.cloud import signature
from goldrun.cloud.client import EcsClient, Request
from goldrun.cloud.credentials import Credentials
from goldrun.cloud.errors import AccessDeniedError, ApiError, api_error
from goldrun.cloud.home import check_region
from goldrun.cloud.rpc import gateway_error
from goldrun.cloud.signature_v4 import ALGORITHM_V4, UNSIGNED, signature_v4
from goldrun.errors import NotFoundError, UnavailableError, UsageError
from goldrun.http.endpoint import Endpoint
from goldrun.http.http1 import Answer

_URL = re.compile(
    r"https://(?P<bucket>[a-z0-9][a-z0-9-]{1,61}[a-z0-9])\.(?P<host>oss-(?P<region>[a-z0-9-]+?)(-internal)?\.aliyuncs\.com)"
    r"(?P<path>(/[A-Za-z0-9._-]+)*)/?"
)
_MEMBER = re.compile(r"<(Code|Message|RequestId)>([^<]*)</")


class Folder(NamedTuple):
    """A place for objects.

    Attributes:
        bucket: the bucket.
        region: its region.
        host: its region's endpoint.
        path: what its objects' keys begin with: ``sboms/``, or nothing.
    """

    bucket: str
    region: str
    host: str
    path: str

    def __str__(self) -> str:
        return f"oss://{self.bucket}/{self.path}"

    @property
    def url(self) -> str:
        """Its URL, as ``parse_folder`` takes it."""
        return f"https://{self.bucket}.{self.host}/{self.path}".rstrip("/")


def read_folder(env: config.Environment) -> Folder | None:
    """Return the folder for bills of materials; None: the environment names none.

    Raises:
        UsageError: what it names is not a bucket's URL.
    """
    url = config.SBOM_BUCKET.read(env)
    return parse_folder(url) if url else None


def parse_folder(url: str) -> Folder:
    """Parse the URL of a bucket, or of a folder in it, as OSS's console shows it.

    Raises:
        UsageError: it has another form.
    """
    match = _URL.fullmatch(url)
    # A segment of dots alone would be another folder to some of the clients, and to others not.
    if match is None or any(not part.strip(".") for part in match["path"].split("/")[1:]):
        raise UsageError(
            f"{config.without_password(url)!r} is not the URL of a bucket.",
            fix=["write https://BUCKET.oss-REGION.aliyuncs.com/FOLDER; the console shows a bucket's domain name."],
        )
    path = match["path"].removeprefix("/")
    return Folder(match["bucket"], check_region(match["region"]), match["host"], f"{path}/" if path else "")


def put_object(client: EcsClient, folder: Folder, name: str, content: bytes, kind: str) -> None:
    """Put an object where none is. One that is there already stays: its name says what is in it.

    Args:
        client: has the credentials.
        folder: where.
        name: the object's name in it.
        content: at most 5 GB.
        kind: its media type.

    Raises:
        ApiError: OSS refuses.
        GoldrunError: see ``EcsClient.send``.
    """
    # The MD5 is signed, and OSS refuses a body that has another.
    digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    headers = {"content-type": kind, "content-md5": digest, "x-oss-forbid-overwrite": "true"}
    try:
        client.send(_request(client, folder, "PUT", name, headers, content))
    except ApiError as error:
        if error.code != "FileAlreadyExists":
            raise


def get_object(client: EcsClient, folder: Folder, name: str) -> bytes:
    """Return an object.

    Raises:
        NotFoundError: OSS says that there is none.
        ApiError: OSS refuses.
        GoldrunError: see ``EcsClient.send``.
    """
    try:
        answer: Answer = client.send(_request(client, folder, "GET", name, {}))
    except ApiError as error:
        if error.code != "NoSuchKey":
            raise
        raise NotFoundError(f"Not found: {folder}{name}") from error
    return answer.body


def _request(
    client: EcsClient, folder: Folder, method: str, name: str, headers: dict[str, str], content: bytes = b""
) -> Request:
    usual = Endpoint("https", f"{folder.bucket}.{folder.host}", 443)
    endpoint, key = client.at(usual), f"{folder.path}{name}"
    resource = "/" + "/".join(signature.percent_encode(part) for part in f"{folder.bucket}/{key}".split("/"))
    # An endpoint for everything has no hosts for buckets.
    target = resource.removeprefix(f"/{folder.bucket}") if endpoint == usual else resource
    headers = {"host": endpoint.netloc, "user-agent": f"goldrun/{__version__}", **headers}
    sign = partial(_sign, method, resource, headers, folder.region)
    return Request(endpoint, method, target, sign, partial(_read, f"oss:{method.title()}Object", endpoint), content)


def _sign(
    method: str, resource: str, headers: dict[str, str], region: str, credentials: Credentials, now: float
) -> dict[str, str]:
    """Return the headers of a request with its signature, which covers the host too."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signed = {**headers, "x-oss-date": moment, "x-oss-content-sha256": UNSIGNED}
    if credentials.security_token:
        signed["x-oss-security-token"] = credentials.security_token
    scope = f"{moment[:8]}/{region}/oss/aliyun_v4_request"
    covered = {name: text for name, text in signed.items() if name != "user-agent"}
    value = signature_v4(
        method,
        resource,
        "",
        covered,
        ("host",),
        moment=moment,
        scope=scope,
        access_key_secret=credentials.access_key_secret,
    )
    claim = f"Credential={credentials.access_key_id}/{scope},AdditionalHeaders=host,Signature={value}"
    return {**signed, "authorization": f"{ALGORITHM_V4} {claim}"}


def _read(permission: str, endpoint: Endpoint, answer: Answer) -> Answer:
    """Return an answer that is no error.

    Raises:
        ApiError: it is one of OSS's.
        ServiceError: OSS, or a gateway on the way, failed.
        UnavailableError: it is not from OSS.
    """
    if 200 <= answer.status < 300:
        return answer
    said = {name: unescape(text) for name, text in _MEMBER.findall(answer.body[:4096].decode("utf-8", "replace"))}
    if "Code" in said:
        error = api_error(permission, answer.status, said)
        if isinstance(error, AccessDeniedError):
            # What the policy allows is that folder, not all objects of the account.
            error.fix = ("attach what this prints: goldrun policy --for build, or --for scan to read alone.",)
        raise error
    if answer.status >= 500:
        raise gateway_error(permission, endpoint, answer)
    raise UnavailableError(
        f"{endpoint} did not answer as OSS does (HTTP {answer.status}).",
        fix=["a proxy or a login page may be in the way: check HTTPS_PROXY, NO_PROXY and GOLDRUN_SBOM_BUCKET."],
    )

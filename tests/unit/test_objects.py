"""Objects in a bucket: where they are, how requests are signed, and what errors mean."""

from __future__ import annotations

import datetime as dt
from typing import Any

import alibabacloud_oss_v2 as oss
import pytest
from alibabacloud_oss_v2.signer import SignerV4
from alibabacloud_oss_v2.types import HttpRequest, SigningContext

from goldrun.cloud.client import EcsClient
from goldrun.cloud.credentials import Credentials
from goldrun.cloud.errors import AccessDeniedError, ApiError, BadCredentialsError, ServiceError, ThrottledError
from goldrun.cloud.objects import Folder, _sign, get_object, parse_folder, put_object, read_folder
from goldrun.errors import GoldrunError, NotFoundError, UnavailableError, UsageError
from goldrun.http.endpoint import Endpoint
from goldrun.http.http1 import Answer
from local_cloud.access import Denial
from local_cloud.records.objects import Bucket, StoredObject
from local_cloud.seed import ACCOUNT, OTHER_ACCOUNT
from tests.conftest import NOW, REGION, Running
from tests.virtual_time import FakeClock, FakeTimeTransport, Wall

URL = "https://our-boms.oss-cn-hangzhou.aliyuncs.com/goldrun/sboms"
FOLDER = Folder("our-boms", "cn-hangzhou", "oss-cn-hangzhou.aliyuncs.com", "goldrun/sboms/")


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        (URL, FOLDER),
        (f"{URL}/", FOLDER),
        ("https://our-boms.oss-cn-hangzhou.aliyuncs.com", FOLDER._replace(path="")),
        (
            "https://b-1.oss-cn-shanghai-internal.aliyuncs.com/x",
            Folder("b-1", "cn-shanghai", "oss-cn-shanghai-internal.aliyuncs.com", "x/"),
        ),
    ],
)
def test_the_url_of_a_bucket(url: str, folder: Folder) -> None:
    assert parse_folder(url) == folder
    assert parse_folder(folder.url) == folder
    assert read_folder({"GOLDRUN_SBOM_BUCKET": url}) == folder
    assert read_folder({"GOLDRUN_SBOM_BUCKET": " "}) is None


@pytest.mark.parametrize(
    "url",
    [
        "oss://our-boms/sboms",
        "our-boms",
        "http://our-boms.oss-cn-hangzhou.aliyuncs.com",
        "https://oss-cn-hangzhou.aliyuncs.com/our-boms",
        "https://our-boms.oss-cn-hangzhou.aliyuncs.com.example.org",
        "https://our-boms.oss-cn-hangzhou.aliyuncs.com:444",
        "https://our-boms.oss-cn-hangzhou.aliyuncs.com/../x",
        "https://our-boms.oss-cn-hangzhou.aliyuncs.com/a b",
        "https://our-boms.oss-cn-hangzhou.aliyuncs.com/?acl",
        "https://Our_Boms.oss-cn-hangzhou.aliyuncs.com",
        "https://user@our-boms.oss-cn-hangzhou.aliyuncs.com",
        "https://our-boms.oss-accelerate.aliyuncs.com",
        "https://our-boms.oss-cn-hangzhou.aliyuncs.com\n",
    ],
)
def test_what_is_no_bucket_s_url_is_told(url: str) -> None:
    with pytest.raises(UsageError, match="is not"):
        parse_folder(url)


@pytest.mark.parametrize("token", ["", "an-sts-token"])
def test_the_signature_is_the_official_sdk_s(token: str) -> None:
    headers = {
        "host": "our-boms.oss-cn-hangzhou.aliyuncs.com",
        "content-type": "a/b",
        "content-md5": "x",
        "x-oss-a": "1",
    }
    ours = _sign("PUT", "/our-boms/a%20b/%C3%BC", headers, "cn-hangzhou", Credentials("id", "secret", token), NOW)
    request = HttpRequest("PUT", "https://our-boms.oss-cn-hangzhou.aliyuncs.com/a%20b/%C3%BC")
    request.headers.update(headers)
    context = SigningContext(
        product="oss",
        region="cn-hangzhou",
        bucket="our-boms",
        key="a b/ü",
        request=request,
        credentials=oss.credentials.Credentials("id", "secret", token or None),
        signing_time=dt.datetime.fromtimestamp(NOW, dt.UTC),
        additional_headers={"host"},
    )
    SignerV4().sign(context)
    assert ours["authorization"] == request.headers["Authorization"].replace("Host", "host")


@pytest.fixture
def cloud(frozen: Running) -> Running:
    frozen.cloud.store.put(Bucket(id="our-boms", region=REGION, owner=ACCOUNT, created=NOW))
    return frozen


def test_what_was_put_is_read(cloud: Running) -> None:
    client = cloud.client()
    put_object(client, FOLDER, "a b.json", "ü".encode(), "application/json")
    assert get_object(cloud.client(), FOLDER, "a b.json") == "ü".encode()
    (made,) = cloud.cloud.store.all(StoredObject)
    assert (made.id, made.headers["content-type"]) == ("our-boms/goldrun/sboms/a b.json", "application/json")
    put_object(client, FOLDER, "a b.json", b"another", "application/json")
    assert get_object(client, FOLDER, "a b.json") == "ü".encode(), "what is there stays"
    with pytest.raises(NotFoundError, match="Not found: oss://our-boms/goldrun/sboms/nothing"):
        get_object(client, FOLDER, "nothing")


@pytest.mark.parametrize("kind", ["throttle", "error", "error-after", "timeout", "timeout-after"])
def test_what_fails_for_a_while_is_repeated(cloud: Running, kind: Any) -> None:
    cloud.fault(kind, "PutObject", seconds=0.1)
    put_object(cloud.client(), FOLDER, "k", b"x", "a/b")
    cloud.fault(kind, "GetObject", seconds=0.1)
    assert get_object(cloud.client(), FOLDER, "k") == b"x"


def test_a_wrong_clock_is_corrected_as_for_other_calls(cloud: Running) -> None:
    wrong = FakeClock(Wall(NOW - 3600))
    client = cloud.client(clock=wrong, transport=FakeTimeTransport(wrong))
    put_object(client, FOLDER, "k", b"x", "a/b")
    client.close()
    assert get_object(cloud.client(), FOLDER, "k") == b"x"


def test_errors_say_what_to_do(cloud: Running) -> None:
    client = cloud.client()
    with pytest.raises(ApiError, match="NoSuchBucket") as caught:
        get_object(client, FOLDER._replace(bucket="no-bucket"), "k")
    assert "aliyun oss mb" in caught.value.fix[0]
    assert caught.value.request_id
    cloud.cloud.store.put(Bucket(id="theirs", region=REGION, owner=OTHER_ACCOUNT, created=NOW))
    with pytest.raises(AccessDeniedError):
        get_object(client, FOLDER._replace(bucket="theirs"), "k")
    cloud.cloud.store.put(Denial(id="oss:PutObject"))
    with pytest.raises(AccessDeniedError, match="AccessDenied") as refused:
        put_object(client, FOLDER, "k", b"x", "a/b")
    assert "goldrun policy --for build" in refused.value.fix[0]
    with pytest.raises(BadCredentialsError):
        get_object(cloud.client(credentials=lambda: Credentials("nobody", "x")), FOLDER, "k")
    with pytest.raises(BadCredentialsError):
        get_object(cloud.client(credentials=lambda: Credentials("goldrun-local", "x")), FOLDER, "k")


class Canned:
    """A transport that answers the same to everything, and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Endpoint, str, str]] = []

    def send(self, endpoint: Endpoint, method: str, target: str, *_: Any, **__: Any) -> Answer:
        self.asked.append((endpoint, method, target))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self) -> None:
        """Nothing is open."""


def client_of(transport: Canned) -> EcsClient:
    return EcsClient(
        region=REGION,
        credentials=lambda: Credentials("id", "secret"),
        transport=transport,
        clock=FakeClock(Wall(NOW)),
        timeout=5,
    )


def test_a_bucket_has_a_host_of_its_own() -> None:
    transport = Canned(Answer(200, "", b"x"))
    assert get_object(client_of(transport), FOLDER, "k.json") == b"x"
    host = Endpoint("https", "our-boms.oss-cn-hangzhou.aliyuncs.com", 443)
    assert transport.asked == [(host, "GET", "/goldrun/sboms/k.json")]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (503, b"<html>", ServiceError),
        (200 + 200, b"<html>", UnavailableError),
        (302, b"", UnavailableError),
        (503, b"<Error><Code>QpsLimitExceeded</Code><Message>a &amp; b</Message></Error>", ServiceError),
        (500, b"<Error><Code>InternalError</Code><Message>x</Message></Error>", ServiceError),
        (400, b"<Error><Code>Throttling.User</Code></Error>", ThrottledError),
        (403, b"<Error><Code>UserDisable</Code><Message>UserDisable</Message></Error>", ApiError),
    ],
)
def test_what_others_answer_is_no_absence(status: int, body: bytes, kind: type[GoldrunError]) -> None:
    with pytest.raises(kind) as caught:
        get_object(client_of(Canned(Answer(status, "", body))), FOLDER, "k")
    assert not isinstance(caught.value, NotFoundError)

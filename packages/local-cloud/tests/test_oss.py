"""The object storage, as the official SDK (alibabacloud-oss-v2) and the official command line speak it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2 as oss
import pytest
from alibabacloud_oss_v2.crc import Crc64
from msgspec.structs import replace
from tests.conftest import REGION, Running

from goldrun.cloud.errors import AccessDeniedError
from local_cloud import seed
from local_cloud.access import AccessKey, Denial, Policy
from local_cloud.oss import service
from local_cloud.oss.endpoint import MAX_OBJECT_BYTES
from local_cloud.records.objects import StoredObject
from local_cloud.store import Store
from test_official_cli import FOUND, Cli, needs_cli

BUCKET = "boms-of-images"
KEY = "a b/ü+é%.json"


@pytest.fixture(params=["v4", "v1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def client(cloud: Running, version: str = "v4", key: AccessKey = seed.KEY, region: str = REGION) -> Any:
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(key.id, key.secret, key.token or None)
    config.region, config.endpoint, config.signature_version = region, cloud.url, version
    config.retry_max_attempts = 1
    return oss.Client(config)


def with_bucket(cloud: Running, version: str = "v4") -> Any:
    made = client(cloud, version)
    made.put_bucket(oss.PutBucketRequest(bucket=BUCKET))
    return made


def put(made: Any, key: str, body: bytes = b"", **more: Any) -> Any:
    return made.put_object(oss.PutObjectRequest(bucket=BUCKET, key=key, body=body, **more))


def get(made: Any, key: str, **more: Any) -> bytes:
    return bytes(made.get_object(oss.GetObjectRequest(bucket=BUCKET, key=key, **more)).body.read())


def refused(call: Any, *given: Any, **named: Any) -> Any:
    with pytest.raises(oss.exceptions.OperationError) as caught:
        call(*given, **named)
    return caught.value.unwrap()


def test_an_object_comes_back_as_it_was_put(live: Running, version: str) -> None:
    """The SDK compares the object's CRC-64 with the header's."""
    made = with_bucket(live, version)
    stored = put(made, KEY, b"hello " * 10_000, content_type="application/json", metadata={"who": "me"})
    found = made.get_object(oss.GetObjectRequest(bucket=BUCKET, key=KEY))
    assert found.body.read() == b"hello " * 10_000
    assert (found.content_type, found.metadata, found.etag) == ("application/json", {"who": "me"}, stored.etag)
    assert stored.hash_crc64 == found.hash_crc64
    head = made.head_object(oss.HeadObjectRequest(bucket=BUCKET, key=KEY))
    assert (head.content_length, head.object_type, head.storage_class) == (60_000, "Normal", "Standard")
    assert made.is_object_exist(BUCKET, KEY)
    put(made, KEY, b"")
    assert get(made, KEY) == b""


@pytest.mark.parametrize("key", ["a%41.json", "100%25.txt", "b%2Fc", "%", "+", "a?b#c", "é/ü"])
def test_a_key_may_look_like_something_encoded(live: Running, version: str, key: str) -> None:
    """It was decoded twice, and the signature did not match."""
    made = with_bucket(live, version)
    put(made, key, key.encode())
    assert get(made, key) == key.encode()
    assert [one.key for one in made.list_objects_v2(oss.ListObjectsV2Request(bucket=BUCKET)).contents] == [key]


def test_headers_come_back_as_they_were_sent(live: Running) -> None:
    made = with_bucket(live)
    put(made, "k", b"1", content_disposition='attachment; filename="caf\xe9.txt"')
    head = made.head_object(oss.HeadObjectRequest(bucket=BUCKET, key="k"))
    assert head.headers["content-disposition"] == 'attachment; filename="caf\xe9.txt"'


def test_crc64_is_that_of_the_official_sdk() -> None:
    for content in (b"", b"a", b"hello", bytes(range(256)) * 5_000):
        theirs = Crc64(0)
        theirs.update(content)
        assert service._crc64(content) == str(theirs.sum64())


def test_parts_of_an_object(live: Running) -> None:
    made = with_bucket(live)
    put(made, "k", b"0123456789")
    for wanted, part in (("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89"), ("bytes=8-99", b"89")):
        assert get(made, "k", range_header=wanted) == part
    assert get(made, "k", range_header="bytes=20-30") == b"0123456789", "what is not valid counts as none"
    for strange in (f"bytes={'9' * 5000}-", f"bytes=0-{'9' * 5000}", f"bytes=-{'9' * 5000}"):
        assert get(made, "k", range_header=strange) == b"0123456789"
    wrong = refused(get, made, "k", range_header="bytes=20-30", range_behavior="standard")
    assert (wrong.status_code, wrong.code) == (416, "InvalidRange")


def test_lists(live: Running, version: str) -> None:
    made = with_bucket(live, version)
    for key in (KEY, "x/1", "x/2", "y/1", "z"):
        put(made, key)
    pages = made.list_objects_v2_paginator().iter_page(oss.ListObjectsV2Request(bucket=BUCKET, max_keys=2))
    assert [one.key for page in pages for one in page.contents] == [KEY, "x/1", "x/2", "y/1", "z"]
    pages = made.list_objects_paginator().iter_page(oss.ListObjectsRequest(bucket=BUCKET, max_keys=3, prefix="x/"))
    assert [one.key for page in pages for one in page.contents] == ["x/1", "x/2"]
    top = made.list_objects_v2(oss.ListObjectsV2Request(bucket=BUCKET, delimiter="/", encoding_type="url"))
    assert [one.prefix for one in top.common_prefixes] == ["a b/", "x/", "y/"]
    assert [one.key for one in top.contents] == ["z"]
    assert [one.name for one in made.list_buckets(oss.ListBucketsRequest()).buckets] == [BUCKET]
    for most in (1001, int("9" * 4000)):
        wrong = refused(made.list_objects_v2, oss.ListObjectsV2Request(bucket=BUCKET, max_keys=most))
        assert wrong.code == "InvalidArgument"


def test_buckets(live: Running) -> None:
    made = with_bucket(live)
    assert made.get_bucket_info(oss.GetBucketInfoRequest(bucket=BUCKET)).bucket_info.location == f"oss-{REGION}"
    assert made.is_bucket_exist(BUCKET)
    assert not made.is_bucket_exist("no-such-bucket")
    put(made, "k")
    assert refused(made.delete_bucket, oss.DeleteBucketRequest(bucket=BUCKET)).code == "BucketNotEmpty"
    for _ in range(2):  # deleting what is not there succeeds
        made.delete_object(oss.DeleteObjectRequest(bucket=BUCKET, key="k"))
    made.delete_bucket(oss.DeleteBucketRequest(bucket=BUCKET))
    assert refused(get, made, "k").code == "NoSuchBucket"


def test_what_is_not_there_and_what_may_not_be_overwritten(live: Running) -> None:
    made = with_bucket(live)
    missing = refused(get, made, "k")
    assert (missing.status_code, missing.code, len(missing.request_id)) == (404, "NoSuchKey", 24)
    assert refused(made.head_object, oss.HeadObjectRequest(bucket=BUCKET, key="k")).code == "NoSuchKey"
    put(made, "k", b"first", forbid_overwrite=True)
    there = refused(put, made, "k", b"second", forbid_overwrite=True)
    assert (there.status_code, there.code) == (409, "FileAlreadyExists")
    assert get(made, "k") == b"first"
    wrong = base64.b64encode(bytes(16)).decode()
    assert refused(put, made, "k", b"x", content_md5=wrong).code == "InvalidDigest"
    assert refused(put, made, "k" * 1024).code in ("InvalidObjectName", "BadErrorResponse")


def test_who_may_not(live: Running, version: str) -> None:
    with_bucket(live, version)
    theirs = client(live, version, seed.OTHER_KEY)
    assert refused(theirs.put_bucket, oss.PutBucketRequest(bucket=BUCKET)).code == "BucketAlreadyExists"
    assert refused(get, theirs, "k").code == "AccessDenied"
    unknown = client(live, version, AccessKey(id="nobody", secret="x", account="0"))
    assert refused(get, unknown, "k").code == "InvalidAccessKeyId"
    wrong = client(live, version, AccessKey(id=seed.KEY.id, secret="x", account="0"))
    assert (refused(get, wrong, "k").status_code, refused(get, wrong, "k").code) == (403, "SignatureDoesNotMatch")
    token = client(live, version, AccessKey(id=seed.KEY.id, secret=seed.KEY.secret, account="0", token="stray"))
    assert refused(get, token, "k").code == "InvalidSecurityToken"


def test_a_temporary_key_ends(live: Running, version: str) -> None:
    with_bucket(live, version)
    end = live.wall.value + 60
    key = AccessKey(id="STS.x", secret="s", account=seed.ACCOUNT, role="r", token="t", expires=end)
    live.cloud.store.put(key)
    made = client(live, version, key)
    put(made, "k", b"x")
    live.cloud.store.put(replace(key, expires=1.0))
    assert refused(get, made, "k").code == "SecurityTokenExpired"


def test_a_signature_is_for_its_region_and_its_time(live: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with_bucket(live)
    assert refused(get, client(live, region="cn-beijing"), "k").code == "InvalidArgument"
    there = live.cloud.clock.wall
    monkeypatch.setattr(live.cloud.clock, "wall", lambda: there() + 16 * 60)
    assert refused(get, client(live), "k").code == "RequestTimeTooSkewed"


def test_policies_name_objects(live: Running) -> None:
    put(with_bucket(live), "boms/1", b"x")
    made = client(live)

    def allow(action: str, resource: str | list[str]) -> None:
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        live.cloud.store.put(Policy(id=seed.KEY.id, document={"Version": "1", "Statement": [statement]}))

    allow("oss:GetObject", f"acs:oss:*:*:{BUCKET}/boms/*")
    assert get(made, "boms/1") == b"x"
    assert made.is_object_exist(BUCKET, "boms/1")
    assert refused(get, made, "others/1").code == "AccessDenied"
    assert refused(put, made, "boms/2").code == "AccessDenied"
    assert refused(made.list_objects_v2, oss.ListObjectsV2Request(bucket=BUCKET)).code == "AccessDenied"
    allow("oss:*", [f"acs:oss:*:*:{BUCKET}", "acs:oss:*:*:another/*"])
    assert made.list_objects_v2(oss.ListObjectsV2Request(bucket=BUCKET)).key_count == 1
    assert refused(get, made, "boms/1").code == "AccessDenied"
    allow("*", "*")
    live.cloud.store.put(Denial(id="oss:PutObject"))
    assert refused(put, made, "boms/2").code == "AccessDenied"
    assert get(made, "boms/1") == b"x"


def test_a_policy_for_objects_allows_nothing_else(live: Running) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": f"acs:oss:*:*:{BUCKET}/*"}
    live.cloud.store.put(Policy(id=seed.KEY.id, document={"Version": "1", "Statement": [statement]}))
    with pytest.raises(AccessDeniedError):
        live.client().call("DescribeImages")


@pytest.mark.parametrize(
    ("kind", "status", "code"), [("throttle", 503, "QpsLimitExceeded"), ("error", 503, "ServiceUnavailable")]
)
def test_faults(live: Running, kind: Any, status: int, code: str) -> None:
    made = with_bucket(live)
    live.fault(kind, "PutObject")
    failed = refused(put, made, "k", b"x")
    assert (failed.status_code, failed.code) == (status, code)
    assert refused(get, made, "k").code == "NoSuchKey", "before the effect"
    live.fault("error-after", "PutObject")
    refused(put, made, "k", b"x")
    assert get(made, "k") == b"x", "after it"


def test_what_is_not_performed_says_so(live: Running) -> None:
    made = with_bucket(live)
    wrong = refused(made.get_bucket_lifecycle, oss.GetBucketLifecycleRequest(bucket=BUCKET))
    assert (wrong.status_code, wrong.code) == (501, "NotImplemented")
    assert "lifecycle" in wrong.message
    copied = oss.CopyObjectRequest(bucket=BUCKET, key="k", source_key="j")
    assert refused(made.copy_object, copied).code == "NotImplemented"


def test_a_large_object_is_refused(live: Running) -> None:
    made = with_bucket(live)
    put(made, "k", bytes(3 * 1024 * 1024))  # more than other requests may have
    wrong = refused(put, made, "k", bytes(MAX_OBJECT_BYTES + 1))
    assert (wrong.status_code, wrong.code) == (400, "EntityTooLarge")


def test_objects_are_kept(tmp_path: Path) -> None:
    one = StoredObject(id="b/k", bucket="b", key="k", content=bytes(range(256)), created=1.0, headers={"expires": "0"})
    store = Store(tmp_path / "cloud.db", lambda: 2.0)
    store.put(one)
    store.close()
    again = Store(tmp_path / "cloud.db", lambda: 3.0)
    assert list(again.all(StoredObject)) == [one]
    again.close()


def test_objects_are_not_recorded(live: Running) -> None:
    live.cloud._recorder.begin()
    put(with_bucket(live), "k", b"a secret")
    assert live.cloud._recorder.end() == []


@needs_cli
@pytest.mark.parametrize("program", FOUND)
@pytest.mark.parametrize("more", [[], ["--sign-version", "v4"]], ids=["v1", "v4"])
def test_the_official_command_line(live: Running, tmp_path: Path, program: str, more: list[str]) -> None:
    cli = Cli(program, live, tmp_path)
    (tmp_path / "bill.json").write_text(json.dumps({"a": 1}))

    def run(*words: str) -> str:
        done = cli.run("oss", *words, *more, "--region", REGION)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("mb", f"oss://{BUCKET}")
    run("cp", str(tmp_path / "bill.json"), f"oss://{BUCKET}/boms/")
    assert f"oss://{BUCKET}/boms/bill.json" in run("ls", f"oss://{BUCKET}")
    assert '{"a": 1}' in run("cat", f"oss://{BUCKET}/boms/bill.json")
    assert "Normal" in run("stat", f"oss://{BUCKET}/boms/bill.json")
    run("rm", f"oss://{BUCKET}/boms/bill.json")
    run("rm", f"oss://{BUCKET}", "--bucket", "--force")

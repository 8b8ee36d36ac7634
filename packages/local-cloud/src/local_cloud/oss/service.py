"""What OSS does: buckets, and objects in them. Sources: the OSS API reference's pages of the operations."""

from __future__ import annotations

import base64
import hashlib
import lzma
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, NamedTuple
from urllib.parse import quote

from local_cloud.access import AccessKey
from local_cloud.catalogue import REGIONS
from local_cloud.clock import iso
from local_cloud.errors import ApiFault
from local_cloud.gateway import DEFAULT_REGION
from local_cloud.oss.errors import denied, invalid_argument, no_such_bucket, no_such_key, not_implemented
from local_cloud.oss.signing import Request
from local_cloud.records.objects import Bucket, StoredObject
from local_cloud.store import Store

DEFAULT_KEYS, MOST_KEYS = 100, 1000
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
# Sent again with an object as they came with it.
_KEPT = ("content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires")
_OWN = "x-oss-meta-"
_RANGE = re.compile(r"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})", re.ASCII)


class Call(NamedTuple):
    """An authenticated request.

    Attributes:
        store: contains everything.
        request: the request.
        caller: the AccessKey that signed it.
        region: the region that the request was signed for; empty: version 1 signs for no region.
        now: the cloud's time.
    """

    store: Store
    request: Request
    caller: AccessKey
    region: str
    now: float

    def bucket(self) -> Bucket:
        """Return the bucket of the request.

        Raises:
            ApiFault: it does not exist, or another account owns it.
        """
        found = self.store.get(Bucket, self.request.bucket)
        if found is None:
            raise no_such_bucket(self.request.bucket)
        if found.owner != self.caller.account:
            raise denied()
        if self.region and self.region != found.region:
            raise invalid_argument("Invalid signing region in Authorization header.")
        return found

    def find(self) -> StoredObject | None:
        """Return the object of the request; None: it does not exist.

        Raises:
            ApiFault: the bucket does not exist, or another account owns it.
        """
        return self.store.get(StoredObject, f"{self.bucket().id}/{self.request.key}")

    def object(self) -> StoredObject:
        """Return the object of the request.

        Raises:
            ApiFault: it or its bucket does not exist, or another account owns the bucket.
        """
        found = self.find()
        if found is None:
            raise no_such_key(self.request.key)
        return found


@dataclass(frozen=True)
class Outcome:
    """An answer: its status, headers and body; a mapping becomes XML."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | tuple[str, dict[str, Any]] = b""


def operation(request: Request) -> str:
    """Return the name that RAM has for the requested operation; empty: the local cloud does not perform it."""
    marks = "&".join(name for name in request.parameters if name in _MARKS)
    kind = "object" if request.key else "bucket" if request.bucket else "service"
    return "" if "x-oss-copy-source" in request.headers else _NAMES.get((request.method, kind, marks), "")


def perform(name: str, call: Call) -> Outcome:
    """Perform an operation.

    Raises:
        ApiFault: OSS refuses.
    """
    if not name:
        raise not_implemented(f"{call.request.method} {call.request.resource} {call.request.query}".rstrip())
    return OPERATIONS[name](call)


def _list_buckets(call: Call) -> Outcome:
    own = [one for one in call.store.all(Bucket) if one.owner == call.caller.account]
    rows = [_bucket_row(one) for one in sorted(own, key=lambda one: one.id)]
    owner = _owner(call.caller.account)
    content = {"Owner": owner, "Buckets": {"Bucket": rows}, "IsTruncated": False, "MaxKeys": DEFAULT_KEYS}
    return Outcome(body=("ListAllMyBucketsResult", content))


def _put_bucket(call: Call) -> Outcome:
    name = call.request.bucket
    if not _BUCKET.fullmatch(name):
        raise ApiFault(400, "InvalidBucketName", "The specified bucket is not valid.", {"BucketName": name})
    region = call.region or DEFAULT_REGION
    if region not in REGIONS:
        raise ApiFault(400, "InvalidLocationConstraint", "The specified location-constraint is not valid.")
    existing = call.store.get(Bucket, name)
    if existing and existing.owner != call.caller.account:
        raise ApiFault(409, "BucketAlreadyExists", "The requested bucket name is not available.")
    if existing is None:
        call.store.put(Bucket(id=name, region=region, owner=call.caller.account, created=call.now))
    return Outcome(headers={"location": f"/{name}"})


def _delete_bucket(call: Call) -> Outcome:
    bucket = call.bucket()
    if any(True for _ in _objects(call.store, bucket.id, "")):
        raise ApiFault(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.")
    call.store.remove(bucket)
    return Outcome(204)


def _bucket_info(call: Call) -> Outcome:
    bucket = call.bucket()
    return Outcome(body=("BucketInfo", {"Bucket": {**_bucket_row(bucket), **_access(bucket, "private")}}))


def _acl(bucket: Bucket, grant: str) -> Outcome:
    return Outcome(body=("AccessControlPolicy", _access(bucket, grant)))


def _object_acl(call: Call) -> Outcome:
    call.object()
    return _acl(call.bucket(), "default")


def _list_objects(call: Call) -> Outcome:
    """List a bucket's objects; keys that are the same up to the delimiter count as one folder."""
    bucket, given = call.bucket(), call.request.parameters
    second = given.get("list-type") == "2"
    prefix, delimiter = given.get("prefix", ""), given.get("delimiter", "")
    after = given.get("continuation-token") or given.get("start-after", "") if second else given.get("marker", "")
    most = given.get("max-keys", str(DEFAULT_KEYS))
    if not re.fullmatch(r"\d{1,18}", most, re.ASCII) or not 1 <= int(most) <= MOST_KEYS:
        raise invalid_argument(f"Argument max-keys must be from 1 to {MOST_KEYS}.")
    shown: dict[str, StoredObject | None] = {}  # None: a folder
    for one in _objects(call.store, bucket.id, prefix):
        head, found, _ = one.key[len(prefix) :].partition(delimiter) if delimiter else (one.key, "", "")
        name = f"{prefix}{head}{delimiter}" if found else one.key
        if name > after:
            shown.setdefault(name, None if found else one)
    encoded = given.get("encoding-type") == "url"
    names = list(shown)[: int(most)]

    def encode(text: str) -> str:
        return quote(text, safe="") if encoded else text

    whole = len(names) == len(shown)
    content: dict[str, Any] = {
        "Name": bucket.id,
        "Prefix": encode(prefix),
        "MaxKeys": int(most),
        "Delimiter": encode(delimiter),
        "IsTruncated": not whole,
        **({"EncodingType": "url"} if encoded else {}),
        "Contents": [_object_row(each, encode(name), bucket.owner) for name in names if (each := shown[name])],
        "CommonPrefixes": [{"Prefix": encode(name)} for name in names if shown[name] is None],
    }
    if second:
        content |= {"KeyCount": len(names), "StartAfter": encode(given.get("start-after", ""))}
        content |= {} if whole else {"NextContinuationToken": encode(names[-1])}
    else:
        content |= {"Marker": encode(after)} | ({} if whole else {"NextMarker": encode(names[-1])})
    return Outcome(body=("ListBucketResult", content))


def _put_object(call: Call) -> Outcome:
    bucket, request = call.bucket(), call.request
    if len(request.key.encode()) > 1023 or request.key.startswith(("/", "\\")):
        raise ApiFault(400, "InvalidObjectName", "The specified object is not valid.", {"ObjectName": request.key})
    digest = request.headers.get("content-md5")
    if digest is not None and digest != base64.b64encode(_md5(request.body)).decode():
        raise ApiFault(400, "InvalidDigest", "The Content-MD5 you specified was invalid.", {"Content-MD5": digest})
    if call.find() and request.headers.get("x-oss-forbid-overwrite") == "true":
        raise ApiFault(409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten.")
    kept = {name: value for name, value in request.headers.items() if name in _KEPT or name.startswith(_OWN)}
    made = StoredObject(
        id=f"{bucket.id}/{request.key}",
        bucket=bucket.id,
        key=request.key,
        content=request.body,
        created=call.now,
        headers={"content-type": "application/octet-stream", **kept},
    )
    call.store.put(made)
    return Outcome(headers={"etag": _etag(made), "x-oss-hash-crc64ecma": _crc64(made.content)})


def _get_object(call: Call) -> Outcome:
    found = call.object()
    size, headers = len(found.content), {**_object_headers(found), "accept-ranges": "bytes"}
    match = _RANGE.fullmatch(call.request.headers.get("range", ""))
    first, last = _span(match, size) if match else (0, -1)
    if first < size and first <= last:
        headers["content-range"] = f"bytes {first}-{last}/{size}"
        return Outcome(206, headers, found.content[first : last + 1])
    if match and call.request.headers.get("x-oss-range-behavior") == "standard":
        raise ApiFault(416, "InvalidRange", "The requested range cannot be satisfied.")
    return Outcome(headers=headers, body=found.content)  # a range that is not valid counts as none


def _span(match: re.Match[str], size: int) -> tuple[int, int]:
    """Return the first and the last byte of a range."""
    first, last = match["first"], match["last"]
    if not first:
        return (max(0, size - int(last)), size - 1) if last else (0, -1)
    return int(first), min(int(last), size - 1) if last else size - 1


def _head_object(call: Call) -> Outcome:
    found = call.object()
    return Outcome(headers={**_object_headers(found), "content-length": str(len(found.content))})


def _delete_object(call: Call) -> Outcome:
    found = call.find()
    if found:  # to delete a missing object succeeds as well
        call.store.remove(found)
    return Outcome(204)


def _objects(store: Store, bucket: str, prefix: str) -> Iterator[StoredObject]:
    """Yield a bucket's objects, by their keys."""
    found = (one for one in store.all(StoredObject) if one.bucket == bucket and one.key.startswith(prefix))
    yield from sorted(found, key=lambda one: one.key.encode())


def _owner(account: str) -> dict[str, str]:
    return {"ID": account, "DisplayName": account}


def _access(bucket: Bucket, grant: str) -> dict[str, Any]:
    return {"Owner": _owner(bucket.owner), "AccessControlList": {"Grant": grant}}


def _bucket_row(bucket: Bucket) -> dict[str, Any]:
    return {
        "Name": bucket.id,
        "CreationDate": _moment(bucket.created),
        "Location": f"oss-{bucket.region}",
        "Region": bucket.region,
        "ExtranetEndpoint": f"oss-{bucket.region}.aliyuncs.com",
        "IntranetEndpoint": f"oss-{bucket.region}-internal.aliyuncs.com",
        "StorageClass": "Standard",
    }


def _object_row(one: StoredObject, key: str, owner: str) -> dict[str, Any]:
    return {
        "Key": key,
        "LastModified": _moment(one.created),
        "ETag": _etag(one),
        "Type": "Normal",
        "Size": len(one.content),
        "StorageClass": "Standard",
        "Owner": _owner(owner),
    }


def _object_headers(one: StoredObject) -> dict[str, str]:
    return {
        **one.headers,
        "etag": _etag(one),
        "last-modified": formatdate(one.created, usegmt=True),
        "content-md5": base64.b64encode(_md5(one.content)).decode(),
        "x-oss-object-type": "Normal",
        "x-oss-storage-class": "Standard",
        "x-oss-hash-crc64ecma": _crc64(one.content),
    }


def _moment(seconds: float) -> str:
    return iso(seconds).replace("Z", ".000Z")


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def _etag(one: StoredObject) -> str:
    return f'"{_md5(one.content).hex().upper()}"'


def _crc64(content: bytes) -> str:
    """Return the CRC-64 of ECMA-182, as xz has it: an xz file ends with it, an index, and a footer of twelve bytes."""
    if not content:
        return "0"
    packed = lzma.compress(content, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, preset=0)
    index = (int.from_bytes(packed[-8:-4], "little") + 1) * 4
    return str(int.from_bytes(packed[-12 - index - 8 : -12 - index], "little"))


# By method, kind of resource, and the parameter that selects another operation.
_NAMES = {
    ("GET", "service", ""): "ListBuckets",
    ("PUT", "bucket", ""): "PutBucket",
    ("DELETE", "bucket", ""): "DeleteBucket",
    ("GET", "bucket", "bucketInfo"): "GetBucketInfo",
    ("GET", "bucket", "acl"): "GetBucketAcl",
    ("GET", "bucket", ""): "ListObjects",
    ("PUT", "object", ""): "PutObject",
    ("GET", "object", ""): "GetObject",
    ("GET", "object", "acl"): "GetObjectAcl",
    ("HEAD", "object", ""): "HeadObject",
    ("HEAD", "object", "objectMeta"): "GetObjectMeta",
    ("DELETE", "object", ""): "DeleteObject",
}
OPERATIONS: dict[str, Callable[[Call], Outcome]] = {
    "ListBuckets": _list_buckets,
    "PutBucket": _put_bucket,
    "DeleteBucket": _delete_bucket,
    "GetBucketInfo": _bucket_info,
    "GetBucketAcl": lambda call: _acl(call.bucket(), "private"),
    "ListObjects": _list_objects,
    "PutObject": _put_object,
    "GetObject": _get_object,
    "HeadObject": _head_object,
    "GetObjectMeta": _head_object,
    "GetObjectAcl": _object_acl,
    "DeleteObject": _delete_object,
}
_MARKS = frozenset(
    (
        *("acl", "append", "bucketInfo", "cors", "delete", "encryption", "inventory", "lifecycle", "location"),
        *("logging", "objectMeta", "policy", "referer", "replication", "restore", "stat", "symlink", "tagging"),
        *("uploadId", "uploads", "versioning", "versions", "website", "worm", "x-oss-process"),
    )
)

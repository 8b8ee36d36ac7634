"""Requests written by hand, signed as anybody can sign them: the key is in the docs."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from typing import Any

from tests.conftest import Running

from goldrun.cloud import signature
from local_cloud import seed
from local_cloud.clock import iso

VERSION = "2014-05-26"


def send(
    live: Running, method: str, query: dict[str, str], headers: dict[str, str] | None = None, body: str = ""
) -> tuple[int, str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=10)
    connection.request(method, f"/?{signature.canonical_query(query)}", body, headers or {})
    answer = connection.getresponse()
    text = answer.read().decode()
    kind = answer.headers.get_content_type()
    connection.close()
    return answer.status, kind, json.loads(text) if kind == "application/json" else text


def v1(action: str, **more: str) -> dict[str, str]:
    nonce = f"{time.monotonic_ns()}"
    return {
        "Action": action, "Version": VERSION, "Format": "JSON", "AccessKeyId": seed.KEY.id, "SignatureNonce": nonce,
        "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0", "Timestamp": iso(time.time()), **more,
    }  # fmt: skip


def signed(method: str, params: dict[str, str], secret: str = seed.KEY.secret) -> dict[str, str]:
    return {**params, "Signature": signature.signature_v1(method, params, secret)}


def v3(live: Running, body: str = "", query: dict[str, str] | None = None, **change: str) -> dict[str, str]:
    digest = signature.sha256_hex(body.encode())
    headers = {
        "host": f"127.0.0.1:{live.port}", "x-acs-action": "DescribeImages", "x-acs-version": VERSION,
        "x-acs-date": iso(time.time()), "x-acs-signature-nonce": f"{time.monotonic_ns()}",
        "x-acs-content-sha256": digest,
        **change,
    }  # fmt: skip
    authorization = signature.authorization_v3(
        "POST", "/", signature.canonical_query(query or {}), headers, headers["x-acs-content-sha256"],
        access_key_id=seed.KEY.id, access_key_secret=seed.KEY.secret,
    )  # fmt: skip
    return {**headers, "authorization": authorization}


def signed_query(method: str, action: str, **params: str) -> dict[str, str]:
    """The parameters of one signed call."""
    made = {
        "Action": action,
        "Version": "2014-05-26",
        "Format": "JSON",
        "RegionId": seed.REGION,
        "AccessKeyId": seed.KEY.id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **params,
    }
    return {**made, "Signature": signature.signature_v1(method, made, seed.KEY.secret)}

"""Requests to the ECS endpoint, signed as anybody can sign them: the key is in the docs."""

from __future__ import annotations

import time
import uuid

from goldrun.cloud import signature
from local_cloud import seed


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

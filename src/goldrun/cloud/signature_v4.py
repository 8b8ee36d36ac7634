"""The signature of a request to OSS, version 4, which the local cloud verifies as well.

Source: "Include V4 signatures in the Authorization header" in the OSS API reference. A test compares it with the
official SDK's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from goldrun.cloud.signature import hmac_sha256, sha256_hex

ALGORITHM_V4 = "OSS4-HMAC-SHA256"
# OSS signs no digest of a body: this is the only value that it takes for one.
UNSIGNED = "UNSIGNED-PAYLOAD"


def signature_v4(
    method: str,
    resource: str,
    query: str,
    headers: Mapping[str, str],
    additional: Iterable[str],
    *,
    moment: str,
    scope: str,
    access_key_secret: str,
) -> str:
    """Return the signature of a request to OSS.

    Args:
        method: HTTP method in capitals.
        resource: ``/BUCKET/KEY``, encoded, wherever the bucket's name is in the URL.
        query: sorted and encoded.
        headers: those that are signed, their names in lower case; ``x-oss-content-sha256`` included.
        additional: the names among them that OSS does not sign by itself.
        moment: ``x-oss-date``, or else ``date``, as it is in the headers.
        scope: ``DATE/REGION/oss/aliyun_v4_request``.
        access_key_secret: of the AccessKey.
    """
    canonical = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    digest = headers["x-oss-content-sha256"]
    request = "\n".join([method, resource, query, canonical, ";".join(sorted(additional)), digest])
    text = "\n".join([ALGORITHM_V4, moment, scope, sha256_hex(request.encode())])
    key = f"aliyun_v4{access_key_secret}".encode()
    for part in scope.split("/"):
        key = hmac_sha256(key, part.encode())
    return hmac_sha256(key, text.encode()).hex()

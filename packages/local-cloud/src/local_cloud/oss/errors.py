"""OSS's own errors, with the codes, texts and HTTP statuses of its reference ("Error responses")."""

from __future__ import annotations

from local_cloud.errors import ApiFault


def no_such_bucket(name: str) -> ApiFault:
    """There is no bucket of that name."""
    return ApiFault(404, "NoSuchBucket", "The specified bucket does not exist.", {"BucketName": name})


def no_such_key(key: str) -> ApiFault:
    """There is no object of that key."""
    return ApiFault(404, "NoSuchKey", "The specified key does not exist.", {"Key": key})


def denied(detail: dict[str, object] | None = None) -> ApiFault:
    """The caller may not do it."""
    return ApiFault(403, "AccessDenied", "You have no right to access this object.", detail)


def invalid_argument(message: str) -> ApiFault:
    """A parameter is not valid."""
    return ApiFault(400, "InvalidArgument", message)


def not_implemented(what: str) -> ApiFault:
    """OSS does this, and the local cloud does not."""
    return ApiFault(501, "NotImplemented", f"The local cloud does not perform {what} yet.")

"""The API's own errors, with the codes, texts and HTTP statuses of the API reference."""

from __future__ import annotations


class ApiFault(Exception):  # noqa: N818 - not a failure of this program: an answer
    """An error answer.

    Attributes:
        code: the API's error code.
        message: its text.
        status: its HTTP status.
        detail: further members of the answer's body.
    """

    def __init__(self, status: int, code: str, message: str, detail: dict[str, object] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail or {}


def missing(name: str) -> ApiFault:
    """A mandatory parameter is missing."""
    return ApiFault(400, f"Missing{name}", f"{name} is mandatory for this action.")


def invalid(name: str) -> ApiFault:
    """A parameter's value is not valid."""
    return ApiFault(400, f"Invalid{name}", f"Specified parameter {name} is not valid.")


def internal_error() -> ApiFault:
    """The server has failed, not the client."""
    return ApiFault(500, "InternalError", "The request processing has failed due to some unknown error.")


def not_performed(what: str) -> ApiFault:
    """The real cloud does it, this one does not: better refused than ignored."""
    return ApiFault(501, "NotImplemented.LocalCloud", f"The local cloud does not perform {what} yet.")


def no_such_image() -> ApiFault:
    """The image does not exist, or the caller does not own it."""
    return ApiFault(404, "InvalidImageId.NotFound", "The specified ImageId does not exist.")


def wrong_image_status() -> ApiFault:
    """The image is in a state that the action cannot work on."""
    return ApiFault(403, "IncorrectImageStatus", "The current status of the image does not support this operation.")


def dry_run() -> ApiFault:
    """The answer to a dry run that would have succeeded."""
    return ApiFault(400, "DryRunOperation", "Request validation has been passed with DryRun flag set.")


def no_such_instance() -> ApiFault:
    """The instance does not exist, or the caller does not own it."""
    return ApiFault(404, "InvalidInstanceId.NotFound", "The specified InstanceId does not exist.")


def no_such_disk() -> ApiFault:
    """The disk does not exist, or the caller does not own it."""
    return ApiFault(404, "InvalidDiskId.NotFound", "The specified disk does not exist.")


def wrong_disk_status() -> ApiFault:
    """The disk is in a state that the action cannot work on."""
    return ApiFault(403, "IncorrectDiskStatus", "The current disk status does not support this operation.")


def no_such_snapshot() -> ApiFault:
    """The snapshot does not exist, or the caller does not own it."""
    return ApiFault(404, "InvalidSnapshotId.NotFound", "The specified SnapshotId does not exist.")


def wrong_instance_status() -> ApiFault:
    """The instance is in a state that the action cannot work on."""
    return ApiFault(
        403, "IncorrectInstanceStatus", "The current status of the resource does not support this operation."
    )

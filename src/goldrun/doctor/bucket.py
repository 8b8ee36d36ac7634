"""The bucket for bills of materials: whether it is there, and may be read."""

from __future__ import annotations

from collections.abc import Iterator

from goldrun import config
from goldrun.cloud.errors import AccessDeniedError, ApiError
from goldrun.cloud.objects import get_object
from goldrun.doctor.finding import BROKEN, GOOD, UNKNOWN, CheckContext, Finding
from goldrun.errors import NotFoundError, UsageError

# No bill of materials has this name.
NOBODY = "goldrun-doctor"


def check_bucket(context: CheckContext) -> Iterator[Finding]:
    """Whether bills of materials can be read, if there is a bucket for them."""
    try:
        folder = context.sboms
        if folder is None:
            yield Finding("bucket", GOOD, "none is named: image sbom and image scan boot an instance.")
            return
        get_object(context.client, folder, NOBODY)
    except NotFoundError:
        yield Finding("bucket", GOOD, f"bills of materials can be read in {folder}.")
    except AccessDeniedError as error:
        reads = "scan" in context.jobs
        yield Finding(
            "bucket",
            BROKEN if reads else UNKNOWN,
            f"RAM does not allow to read in {folder}.",
            "image sbom, scan and diff boot an instance, or fail." if reads else "",
            error.fix[0],
        )
    except (ApiError, UsageError) as error:
        if error.retryable:
            raise
        yield Finding(
            "bucket",
            BROKEN,
            f"bills of materials cannot be kept: {error.what}",
            "image build fails after its tests.",
            error.fix[0] if error.fix else f"check {config.SBOM_BUCKET.names[0]}.",
        )

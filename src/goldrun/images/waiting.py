"""Waits until an image is Available, and reports the progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import ALL_STATUSES, AVAILABLE, UNFINISHED, Image, describe_images
from goldrun.errors import RefusedError, UnavailableError
from goldrun.waiting import LAG_SECONDS, wait_for

LIMIT_SECONDS = 2 * 3600.0


@dataclass(frozen=True)
class Progress:
    """The progress of an image's creation.

    Attributes:
        percent: 0 to 100.
        elapsed: seconds since the wait began.
        left: estimate of the seconds that remain; None: no estimate yet.
    """

    percent: int
    elapsed: float
    left: float | None


def wait_until_available(
    client: EcsClient, image_id: str, report: Callable[[Progress], None] = lambda _: None
) -> Image:
    """Poll the image, less and less often, until it is Available.

    Raises:
        RefusedError: its creation failed.
        UnavailableError: it was deleted, or is not ready after two hours.
    """
    start = client.clock.now()
    first_percent: int | None = None

    def look() -> Image | None:
        nonlocal first_percent
        elapsed = client.clock.now() - start
        images = describe_images(client, image_id=image_id, status=ALL_STATUSES)
        if not images:
            if elapsed > LAG_SECONDS:
                raise UnavailableError(f"{image_id} was deleted.")
            return None
        image = images[0]
        percent = _percent(image)
        first_percent = percent if first_percent is None else first_percent
        report(Progress(percent, elapsed, _left(first_percent, percent, elapsed)))
        if image.status not in (*UNFINISHED, AVAILABLE):
            raise RefusedError(f"{image.name} ({image_id}) became {image.status}.", fix=["build or copy it again."])
        return image if image.status == AVAILABLE else None

    return wait_for(
        client.clock,
        look,
        seconds=LIMIT_SECONDS,
        late=lambda elapsed: UnavailableError(
            f"{image_id} is not Available after {elapsed / 3600:.0f} hours.",
            fix=["run the same command again: it continues to wait."],
        ),
    )


def _percent(image: Image) -> int:
    digits = image.progress.rstrip("%")
    return 100 if image.status == AVAILABLE else int(digits) if digits.isdigit() else 0


def _left(first: int, now: int, elapsed: float) -> float | None:
    """Return the estimate from the speed so far; None before any progress."""
    return elapsed * (100 - now) / (now - first) if now > first else None

"""Waits until an image is Available, and reports the progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import ALL_STATUSES, AVAILABLE, UNFINISHED, Image, describe_images
from goldrun.errors import RefusedError, UnavailableError
from goldrun.waiting import LAG_SECONDS, approach, pause, wait_for

LIMIT_SECONDS = 2 * 3600.0
SOON_SECONDS = 3.0  # an image takes minutes
LONGEST_SECONDS = 30.0  # between looks


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
    """Poll the image until it is Available: seldom while much is left, by what its progress says.

    Raises:
        RefusedError: its creation failed.
        UnavailableError: it was deleted, or is not ready after two hours.
    """
    start = client.clock.now()
    first_percent: int | None = None
    last = Progress(0, 0.0, None)  # that was progress

    def look() -> Image | None:
        nonlocal first_percent, last
        elapsed = client.clock.now() - start
        images = describe_images(client, image_id=image_id, status=ALL_STATUSES)
        if not images:
            if elapsed > LAG_SECONDS:
                raise UnavailableError(f"{image_id} was deleted.")
            return None
        image = images[0]
        percent = _percent(image)
        first_percent = percent if first_percent is None else first_percent
        progress = Progress(percent, elapsed, _left(first_percent, percent, elapsed))
        last = progress if percent > last.percent else last
        report(progress)
        if image.status not in (*UNFINISHED, AVAILABLE):
            raise RefusedError(f"{image.name} ({image_id}) became {image.status}.", fix=["build or copy it again."])
        return image if image.status == AVAILABLE else None

    return wait_for(
        client.clock,
        look,
        seconds=LIMIT_SECONDS,
        often=lambda elapsed: _pause(last, elapsed),
        late=lambda elapsed: UnavailableError(
            f"{image_id} is not Available after {elapsed / 3600:.0f} hours.",
            fix=["run the same command again: it continues to wait."],
        ),
    )


def _pause(last: Progress, elapsed: float) -> float:
    """Return seconds until the next look, by what is left according to the last progress.

    An estimate is worth little in the beginning, and nothing once it was wrong.
    """
    usual = pause(elapsed - last.elapsed)
    if last.left is None:
        return max(usual, SOON_SECONDS)
    left = last.elapsed + last.left - elapsed
    return max(usual, min(approach(left, LONGEST_SECONDS), elapsed / 2))


def _percent(image: Image) -> int:
    digits = image.progress.rstrip("%")
    return 100 if image.status == AVAILABLE else int(digits) if digits.isdigit() else 0


def _left(first: int, now: int, elapsed: float) -> float | None:
    """Return the estimate from the speed so far; None before any progress."""
    return elapsed * (100 - now) / (now - first) if now > first else None

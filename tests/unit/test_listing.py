from __future__ import annotations

import pytest

from goldrun.cloud.images import Image
from goldrun.cloud.instances import count_by_image
from goldrun.config import read_keep
from goldrun.durations import parse_duration
from goldrun.errors import UsageError
from goldrun.images.listing import age, channel
from local_cloud import seed
from local_cloud.records import Instance
from tests.conftest import NOW, REGION, Running


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86400 * 40, "40d"), (-5, "0s")],
)
def test_ages(seconds: int, expected: str) -> None:
    assert age("2026-01-01T00:00:00Z", 1767225600.0 + seconds) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"ImageName": "fam-amd64-latest", "Status": "Available"}, "latest"),
        ({"ImageName": "fam-amd64-canary", "Status": "Available"}, "canary"),
        ({"ImageName": "fam-amd64-latest", "Status": "Deprecated"}, ""),
        ({"ImageName": "fam-amd64-20260101000000", "Status": "Available"}, ""),
        ({"ImageName": "other", "Tags": {"Tag": [{"TagKey": "Latest", "TagValue": "true"}]}}, "latest"),
    ],
)
def test_channels(data: dict[str, object], expected: str) -> None:
    assert channel(Image.from_api(data)) == expected


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 604800)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("text", "seconds"), [("7", 604800), ("7d", 604800), ("12h", 43200)])
def test_a_number_may_have_a_unit_of_its_own(text: str, seconds: float) -> None:
    """--days was a number here, and needed its unit there."""
    assert parse_duration(text, bare="d") == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5h", "1w", "٣d"])
def test_bad_durations(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


def test_keep_image_count() -> None:
    assert read_keep({}) == 1
    assert read_keep({"KEEP_IMAGE_COUNT": ""}) == 1
    assert read_keep({"KEEP_IMAGE_COUNT": "3"}) == 3
    assert read_keep({"KEEP_IMAGE_COUNT": "3"}, 5) == 5


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "99999"])
def test_a_bad_keep_image_count_deletes_nothing(text: str) -> None:
    with pytest.raises(UsageError, match="KEEP_IMAGE_COUNT"):
        read_keep({"KEEP_IMAGE_COUNT": text})


def test_instances_are_counted_over_all_pages(frozen: Running) -> None:
    frozen.cloud.store.put(
        *(
            Instance(id=f"i-{n:04d}", region=REGION, owner=seed.ACCOUNT, created=NOW, image=f"m-{n % 3}")
            for n in range(250)
        )
    )
    client = frozen.client()
    assert dict(count_by_image(client)) == {"m-0": 84, "m-1": 83, "m-2": 83}
    assert client.calls == 3

"""Images that the guide's own builder made: versions like ours, found, published over, rolled back and pruned.

It renames the image that has the alias to its creation time without seconds, tags every version ``Latest=true`` for
ever, and writes seconds since 1970 into ``BuildTimestamp`` (dianplus/openresty, build-custom-image.py).
"""

from __future__ import annotations

import time

import pytest

from goldrun.cloud.images import AVAILABLE, DEPRECATED
from goldrun.errors import NotFoundError, RefusedError
from goldrun.images import listing
from goldrun.images.lineage import find_own, read_lineage
from goldrun.images.lookup import look_up
from goldrun.images.naming import PublishedName, name_reference, parse_published, parse_reference
from goldrun.images.publish import publish, roll_back
from goldrun.images.removal import remove
from goldrun.images.retention import prune
from local_cloud import seed
from local_cloud.records import Image
from tests.conftest import NOW, Running

ALIAS = PublishedName("fam", "amd64", "latest")
DAY = 86400.0


def made(frozen: Running, number: int, *, shown: bool = False) -> str:
    """Their version ``number``: 1 is the oldest."""
    created = NOW - (30 - number) * DAY
    tags = {
        "VersionHash": "m-bp1base_2025-11-19T00:00:00Z",
        "BaseImageId": "m-bp1base",
        "Architecture": "amd64",
        "BuildTimestamp": f"{created:.0f}",
        "Latest": "true",
    }
    name = str(ALIAS) if shown else f"fam-amd64-{time.strftime('%Y%m%d%H%M', time.gmtime(created))}"
    return frozen.image(name, id=f"m-their{number:05d}", created=created, tags=tags)


@pytest.fixture
def theirs(frozen: Running) -> list[str]:
    """Three old versions, and the one that has the alias."""
    return [*(made(frozen, number) for number in (1, 2, 3)), made(frozen, 4, shown=True)]


def answer(frozen: Running) -> str:
    found = look_up(frozen.client(), name_reference(str(ALIAS), "amd64"))
    return found.image.image_id if found else ""


def left(frozen: Running) -> list[str]:
    return sorted(image.id for image in frozen.cloud.store.all(Image) if image.owner == seed.ACCOUNT)


def ours(frozen: Running, stamp: str, created: float = NOW - DAY) -> str:
    tags = {"ManagedBy": "goldrun", "Family": "fam", "Architecture": "amd64", "BuildTimestamp": stamp}
    return frozen.image(f"fam-amd64-{stamp}", id=f"m-our{stamp}", created=created, tags=tags)


def test_a_version_without_seconds_is_not_a_channel() -> None:
    name = parse_published("fam-amd64-202511192049")
    assert name
    assert name.is_version


def test_a_name_between_their_two_steps_is_found_by_its_tag(frozen: Running) -> None:
    """They rename the old image minutes before the new one exists."""
    made(frozen, 1)
    newest = made(frozen, 2)
    assert answer(frozen) == newest


def test_a_version_is_found_by_its_name(frozen: Running, theirs: list[str]) -> None:
    stamp = find_own(frozen.client(), theirs[0]).name.rpartition("-")[2]
    assert len(stamp) == 12
    found = look_up(frozen.client(), parse_reference(f"fam:{stamp}", "amd64"))
    assert found
    assert found.image.image_id == theirs[0]


def test_only_what_is_shown_is_listed_as_latest(frozen: Running, theirs: list[str]) -> None:
    """The list and the history said so of each of their versions."""
    images = read_lineage(frozen.client(), ALIAS).versions()
    assert [listing.channel(image) for image in images] == ["latest", "", "", ""]


def test_a_version_that_is_shown_is_found_by_its_name(frozen: Running, theirs: list[str]) -> None:
    """Not by its tag: that has seconds since 1970. Neither the name that it had nor that of the history was found."""
    client = frozen.client()
    before = find_own(client, theirs[2]).name
    roll_back(client, ALIAS)
    lineage = read_lineage(client, ALIAS)
    for name in (before, lineage.version_name(lineage.images[theirs[2]])):
        found = look_up(client, parse_reference(name, None))
        assert found
        assert found.image.image_id == theirs[2] == find_own(client, name).image_id
    assert look_up(client, parse_reference(before[:-1] + "9", None)) is None


def test_their_versions_are_in_order_with_ours(frozen: Running, theirs: list[str]) -> None:
    new = ours(frozen, "20990101000000")
    assert [image.image_id for image in read_lineage(frozen.client(), ALIAS).versions()] == [new, *theirs[::-1]]


def test_ours_is_published_over_theirs(frozen: Running, theirs: list[str]) -> None:
    new = ours(frozen, "20990101000000")
    publish(frozen.client(), new)
    assert answer(frozen) == new
    lineage = read_lineage(frozen.client(), ALIAS)
    assert [image.image_id for image in lineage.tagged()] == [new]
    assert all(parse_published(image.name).is_version for image in lineage.images.values() if image.image_id != new)  # type: ignore[union-attr]


def test_theirs_is_rolled_back_to_theirs_and_kept_by_a_prune(frozen: Running, theirs: list[str]) -> None:
    assert roll_back(frozen.client(), ALIAS).image_id == theirs[2]
    assert answer(frozen) == theirs[2]
    lineage = read_lineage(frozen.client(), ALIAS)
    assert lineage.images[theirs[3]].status == DEPRECATED
    assert lineage.images[theirs[2]].status == AVAILABLE
    prune(frozen.client(), ALIAS, keep=1)
    assert left(frozen) == [theirs[2]]


def test_a_roll_back_goes_to_a_version_without_seconds(frozen: Running, theirs: list[str]) -> None:
    stamp = find_own(frozen.client(), theirs[0]).name.rpartition("-")[2]
    assert roll_back(frozen.client(), ALIAS, to=stamp).image_id == theirs[0]
    with pytest.raises(NotFoundError):
        roll_back(frozen.client(), ALIAS, to="200001010000")


def test_a_roll_back_goal_of_theirs_is_marked_before_anything_else_changes(frozen: Running, theirs: list[str]) -> None:
    """Else a prune beside the roll back could delete it: their tag is on every version, and protects none."""
    reported: list[str] = []
    roll_back(frozen.client(), ALIAS, dry_run=True, report=reported.extend)
    assert reported[0] == f"tag {theirs[2]} as latest"


@pytest.mark.parametrize(("keep", "kept"), [(1, [3]), (2, [2, 3]), (4, [0, 1, 2, 3])])
def test_their_versions_are_pruned(frozen: Running, theirs: list[str], keep: int, kept: list[int]) -> None:
    prune(frozen.client(), ALIAS, keep=keep)
    assert left(frozen) == [theirs[number] for number in kept]


def test_a_prune_between_their_two_steps_keeps_what_look_ups_find(frozen: Running) -> None:
    made(frozen, 1)
    newest = made(frozen, 2)
    done = prune(frozen.client(), ALIAS, keep=1)
    assert left(frozen) == [newest]
    assert [verdict.reason for verdict in done.verdicts if verdict.keep] == ["found by look-ups"]
    assert answer(frozen) == newest


def test_a_version_that_neither_made_is_kept(frozen: Running, theirs: list[str]) -> None:
    foreign = frozen.image("fam-amd64-202501010000", id="m-foreign", created=NOW - 300 * DAY, tags={"Latest": "true"})
    prune(frozen.client(), ALIAS, keep=1)
    assert left(frozen) == sorted([foreign, theirs[3]])


def test_what_we_publish_of_theirs_is_protected(frozen: Running, theirs: list[str]) -> None:
    client = frozen.client()
    roll_back(client, ALIAS)
    with pytest.raises(RefusedError):
        remove(client, find_own(client, theirs[2]))
    remove(client, find_own(client, theirs[0]))
    assert theirs[0] not in left(frozen)

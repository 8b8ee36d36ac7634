"""Copies: one and no more, whatever dies; progress; publishing there; sharing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from itertools import pairwise

import pytest
from msgspec.structs import replace as replaced

from goldrun.cloud.images import Encryption, share_image, shared_with
from goldrun.cloud.moments import format_moment
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import BOOT_TEST, DELETING, RESTORED
from goldrun.errors import GoldrunError, RefusedError, UsageError
from goldrun.images.availability import Progress, wait_until_available
from goldrun.images.lineage import find_own
from goldrun.images.lookup import look_up
from goldrun.images.naming import name_reference
from goldrun.images.removal import remove
from goldrun.images.replicate import copy_everywhere, copy_image
from local_cloud.records import DEPRECATED, Image
from tests.conftest import NOW, Running
from tests.simulation.dying import Crash, dying
from tests.simulation.test_publish import STAMPS, V1, V2, version

BEIJING = "cn-beijing"


def copies(frozen: Running) -> list[Image]:
    return [image for image in frozen.cloud.store.all(Image) if image.region == BEIJING]


def test_a_copy_has_the_version_name_and_the_tags_but_no_channel(frozen: Running) -> None:
    version(
        frozen,
        2,
        shown=True,
        tags={"BuildTimestamp": STAMPS[1], "VersionHash": "abc", "Latest": "true", "Channel": "latest"},
    )
    client = frozen.client()
    reports: list[Progress] = []
    made = copy_image(client, find_own(client, V2), BEIJING, report=reports.append)
    assert made.name == f"fam-amd64-{STAMPS[1]}"
    assert made.tags == {"BuildTimestamp": STAMPS[1], "VersionHash": "abc", "CopiedFrom": V2}
    percents = [progress.percent for progress in reports]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    assert reports[-2].left is not None
    assert 0 < reports[-2].left < 20
    assert len(reports) <= 24, "it looks seldom while much is left"
    assert reports[-1].elapsed < 303, "and often in the end"


def test_a_copy_does_not_say_what_is_being_done_with_its_original(frozen: Running) -> None:
    """A copy said that it was being deleted, because a deletion of its original had just been refused."""
    version(frozen, 1)
    client = frozen.client()
    copy_image(client, find_own(client, V1), BEIJING, publish=True)
    now = format_moment(frozen.wall.value)
    version(frozen, 2, tags={"BuildTimestamp": STAMPS[1], **DELETING.of(now), **RESTORED.of(now)})
    made = copy_image(client, find_own(client, V2), BEIJING)
    assert made.tags == {"BuildTimestamp": STAMPS[1], "CopiedFrom": V2}
    assert copy_image(client, find_own(client, V2), BEIJING, publish=True).name == "fam-amd64-latest"


def test_a_wait_whose_progress_lies_is_not_longer_than_ten_seconds_late(frozen: Running) -> None:
    """It stands still at 40 % for a quarter of an hour, and is done at once; and one that has no progress at all."""
    for stands in (True, False):
        client, made = frozen.client(), f"m-lying{stands}"
        frozen.image(f"lying-{stands}", id=made, created=frozen.wall.value, ready=frozen.wall.value + 1000.0)
        looked: list[float] = []

        def report(progress: Progress, looked: list[float] = looked, made: str = made, stands: bool = stands) -> None:
            looked.append(progress.elapsed)
            image = frozen.cloud.store.get(Image, made)
            assert image
            if progress.elapsed > 1300:
                frozen.cloud.store.put(replaced(image, created=0.0, ready=0.0))
            elif progress.percent >= (40 if stands else 1):
                share = 0.4 if stands else 0.0
                now = frozen.wall.value
                frozen.cloud.store.put(replaced(image, created=now - share * 1e6, ready=now + (1 - share) * 1e6))

        assert wait_until_available(client, made, report).status == "Available"
        pauses = [later - sooner for sooner, later in pairwise(looked)]
        assert max(pauses) < 31
        assert len(looked) < 350


@pytest.mark.parametrize("code", ["InvalidImageName.Duplicated", "InvalidImage.Locked"])
def test_a_copy_whose_id_was_lost_is_found(frozen: Running, code: str) -> None:
    version(frozen, 2, shown=True)
    client = frozen.client()
    image = find_own(client, V2)
    frozen.fault("error-after", "CopyImage")
    frozen.fault("error", "CopyImage", code=code, status=400)
    made = copy_image(client, image, BEIJING)
    assert [one.id for one in copies(frozen)] == [made.image_id]


def test_repeating_a_copy_copies_nothing(frozen: Running) -> None:
    version(frozen, 2, shown=True)
    client = frozen.client()
    first = copy_image(client, find_own(client, V2), BEIJING)
    frozen.wall.value += 3 * 86400  # the ClientToken is forgotten by then
    again = copy_image(client, find_own(client, V2), BEIJING, publish=True)
    assert again.image_id == first.image_id
    assert len(copies(frozen)) == 1
    found = look_up(client.in_region(BEIJING), name_reference("fam-amd64-latest", None))
    assert found is not None
    assert found.image.image_id == first.image_id
    assert found.image.family == "fam-amd64"


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_anywhere_ends_with_one_published_copy(frozen: Running, after: bool) -> None:
    """All placements of copy and publish there."""
    frozen.cloud.store.put(replaced(frozen.cloud.store.settings(), copy_seconds=20.0))
    version(frozen, 2, shown=True)
    begin_again = frozen.checkpoint()
    for at in range(1, 300):
        begin_again()
        client = frozen.client()
        transport = dying(client, at, after=after)
        with contextlib.suppress(Crash):
            copy_image(client, find_own(client, V2), BEIJING, publish=True)
        client = frozen.client()
        copy_image(client, find_own(client, V2), BEIJING, publish=True)
        assert [(image.name, image.family) for image in copies(frozen)] == [("fam-amd64-latest", "fam-amd64")], at
        if transport.sent < at:
            assert at > 15
            return
    pytest.fail("it never ended")


def test_a_lost_answer_creates_no_second_copy(frozen: Running) -> None:
    version(frozen, 2, shown=True)
    frozen.fault("error-after", "CopyImage", times=2)
    client = frozen.client()
    copy_image(client, find_own(client, V2), BEIJING)
    assert len(copies(frozen)) == 1


def test_refusals(frozen: Running) -> None:
    version(frozen, 1, state=DEPRECATED)
    version(frozen, 2, shown=True)
    client = frozen.client()
    with pytest.raises(UsageError, match="already"):
        copy_image(client, find_own(client, V2), "cn-hangzhou")
    with pytest.raises(RefusedError, match="is Deprecated"):
        copy_image(client, find_own(client, "m-version001"), BEIJING)
    frozen.image(f"fam-amd64-{STAMPS[1]}", region=BEIJING, id="m-foreign001")
    with pytest.raises(RefusedError, match="Another image is named") as caught:
        copy_image(client, find_own(client, V2), BEIJING)
    assert "m-foreign001" in str(caught.value)


def test_waiting_reports_a_failure(frozen: Running) -> None:
    failed = frozen.image("failed", state="CreateFailed", ready=NOW + 30)
    with pytest.raises(RefusedError, match="became CreateFailed"):
        wait_until_available(frozen.client(), failed)


def test_sharing_with_more_accounts_than_a_call_takes(frozen: Running) -> None:
    version(frozen, 2)
    client = frozen.client()
    image = find_own(client, V2)
    accounts = [f"20000000000000{number:02d}" for number in range(23)]
    share_image(client, image, accounts, on=True)
    assert shared_with(client, image) == accounts
    share_image(client, image, accounts[:22], on=False)
    assert shared_with(client, image) == accounts[22:]
    with pytest.raises(UsageError, match="not an account id"):
        share_image(client, image, ["me@example.com"], on=True)


def test_several_regions_at_once_and_one_failure_does_not_end_the_others(frozen: Running) -> None:
    version(frozen, 2, shown=True)
    client = frozen.client(timeout=600.0)
    image = find_own(client, V2)
    made = copy_everywhere(client, image, [BEIJING, "cn-shanghai"], publish=True)
    assert {region: copy.name for region, copy in made.items()} == dict.fromkeys(made, "fam-amd64-latest")
    with pytest.raises(GoldrunError) as caught:
        copy_everywhere(client, image, ["cn-nowhere", "cn-shenzhen"])
    assert "copying to cn-nowhere" in str(caught.value)
    assert sum(one.region == "cn-shenzhen" for one in frozen.cloud.store.all(Image)) == 1


@pytest.mark.parametrize("encryption", [None, Encryption("key-1")])
def test_a_copy_that_was_deleted_is_made_again(frozen: Running, encryption: Encryption | None) -> None:
    """With the same token ECS answered with the deleted one; and goldrun itself says to delete one that has failed."""
    version(frozen, 2, shown=True)
    client, store = frozen.client(timeout=600.0), frozen.cloud.store
    image = find_own(client, V2)
    made = copy_image(client, image, BEIJING)
    (copy,) = (one for one in store.all(Image) if one.id == made.image_id)
    store.put(replaced(copy, state="CreateFailed"))
    with pytest.raises(RefusedError, match="goldrun image rm"):
        copy_image(client, image, BEIJING)
    there = client.in_region(BEIJING)
    remove(there, find_own(there, made.image_id))
    assert copy_image(client, image, BEIJING, encryption=encryption).image_id != made.image_id


def test_nothing_is_copied_if_one_region_is_the_images_own(frozen: Running) -> None:
    """The others got their copies first."""
    version(frozen, 2)
    client = frozen.client()
    with pytest.raises(UsageError, match=f"is already in {client.region}"):
        copy_everywhere(client, find_own(client, V2), [BEIJING, client.region])
    assert [one.region for one in frozen.cloud.store.all(Image) if one.name.startswith("fam")] == [client.region]


def ending_one(regions: Sequence[str], error: type[BaseException]) -> Callable[[str, Progress], None]:
    """A report that ends the copy to Beijing once all are waited for: else one may be made before the others begin."""
    all_wait = threading.Barrier(len(regions), timeout=60)
    waiting: set[str] = set()

    def report(region: str, _: Progress) -> None:
        if region not in waiting:
            waiting.add(region)
            all_wait.wait()
        if region == BEIJING:
            raise error

    return report


def test_an_interrupt_ends_the_copies_that_are_waited_for(frozen: Running) -> None:
    """Each was waited for, for up to two hours; later signals are ignored meanwhile."""
    version(frozen, 2)
    client = frozen.client(timeout=600.0)
    store, began = frozen.cloud.store, client.clock.now()
    store.put(replaced(store.settings(), copy_seconds=3600.0))
    regions = ["cn-shanghai", BEIJING]
    with pytest.raises(KeyboardInterrupt):
        copy_everywhere(client, find_own(client, V2), regions, report=ending_one(regions, KeyboardInterrupt))
    assert client.clock.now() - began < 600


def test_an_error_that_ends_the_copies_is_the_one_that_is_raised(
    frozen: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the interrupt that the others end with: they have all ended before one looks."""
    version(frozen, 2)
    client = frozen.client(timeout=600.0)
    frozen.cloud.store.put(replaced(frozen.cloud.store.settings(), copy_seconds=3600.0))
    monkeypatch.setattr("concurrent.futures.wait", lambda futures, return_when: wait(futures))
    regions = ["cn-shanghai", "cn-shenzhen", "cn-hongkong", BEIJING]
    with pytest.raises(Crash):
        copy_everywhere(client, find_own(client, V2), regions, report=ending_one(regions, Crash))


def test_a_failure_says_what_was_copied(frozen: Running) -> None:
    version(frozen, 2)
    client = frozen.client(timeout=600.0)
    with pytest.raises(GoldrunError, match=f"copied to {BEIJING}: m-"):
        copy_everywhere(client, find_own(client, V2), ["cn-nowhere", BEIJING])


def test_a_copy_that_may_not_be_published_is_not_made(frozen: Running) -> None:
    version(frozen, 2)
    client = frozen.client()
    tagging("image", [V2], BOOT_TEST.of("failed")).make(client)
    with pytest.raises(RefusedError, match="has not passed its boot test"):
        copy_image(client, find_own(client, V2), BEIJING, publish=True)
    assert [one.region for one in frozen.cloud.store.all(Image) if one.name.startswith("fam")] == [client.region]

"""Retention: what stays and why, on random accounts, and after a crash at every call."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from goldrun.cli.json.prunes import Prune
from goldrun.cloud.images import DEPRECATED
from goldrun.cloud.moments import format_moment
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import PROTECTED
from goldrun.errors import GoldrunError, RefusedError
from goldrun.images.lineage import read_lineage
from goldrun.images.lookup import look_up
from goldrun.images.naming import PublishedName, name_reference, published_names
from goldrun.images.publish import publish, roll_back
from goldrun.images.removal import find_orphan_snapshots
from goldrun.images.retention import Pruned, judge, prune, prune_all
from local_cloud import seed
from local_cloud.records import Image, Instance, Snapshot
from tests.conftest import NOW, REGION, Running
from tests.simulation.dying import Crash, dying
from tests.simulation.watching import meanwhile

ALIAS = PublishedName("fam", "amd64", "latest")


OWN = {"ManagedBy": "goldrun", "Family": "fam", "BuildTimestamp": "20260101000000"}


def built(frozen: Running, number: int, *, shown: bool = False, **fields: Any) -> str:
    """Version ``number`` (1 is the oldest) with its snapshot."""
    stamp = f"202601{number:02d}000000"
    tags = {"ManagedBy": "goldrun", "Family": "fam", "Architecture": "amd64", "BuildTimestamp": stamp}
    if shown:
        tags |= {"Latest": "true", "Channel": "latest"}
    image_id = f"m-version{number:03d}"
    frozen.snapshot(f"s-version{number:03d}")
    made = {
        "id": image_id,
        "created": NOW - 86400 * (30 - number),
        "snapshot": f"s-version{number:03d}",
        **fields,
        "tags": {**tags, **fields.get("tags", {})},
    }
    frozen.image(str(ALIAS) if shown else f"fam-amd64-{stamp}", **made)
    return image_id


def numbers(frozen: Running) -> list[int]:
    """The versions that are left."""
    own = [one for one in frozen.cloud.store.all(Image) if one.owner == seed.ACCOUNT]
    return sorted(int(image.id[-3:]) for image in own)


def snapshots(frozen: Running) -> list[int]:
    return sorted(int(snapshot.id[-3:]) for snapshot in frozen.cloud.store.all(Snapshot))


@pytest.mark.parametrize(("keep", "left"), [(1, [5]), (2, [4, 5]), (3, [3, 4, 5]), (9, [1, 2, 3, 4, 5])])
def test_the_published_version_is_counted_and_snapshots_are_deleted(
    frozen: Running, keep: int, left: list[int]
) -> None:
    """Field: KEEP_IMAGE_COUNT=1 kept two, and snapshots were never deleted."""
    for number in range(1, 5):
        built(frozen, number)
    built(frozen, 5, shown=True)
    prune(frozen.client(), ALIAS, keep=keep)
    assert numbers(frozen) == left
    assert snapshots(frozen) == left


def test_images_in_use_are_kept(frozen: Running) -> None:
    """Field: images that instances ran from were deleted."""
    used = built(frozen, 1)
    built(frozen, 2)
    built(frozen, 3, shown=True)
    frozen.cloud.store.put(Instance(id="i-1", region=REGION, owner=seed.ACCOUNT, created=NOW, image=used))
    done = prune(frozen.client(), ALIAS, keep=1)
    assert numbers(frozen) == [1, 3]
    assert [(v.image.image_id, v.reason) for v in done.verdicts if v.keep] == [
        ("m-version003", "shown by a channel"),
        ("m-version001", "in use by instances"),
    ]


def test_an_image_is_kept_if_an_instance_starts_after_the_plan(frozen: Running) -> None:
    used = built(frozen, 1)
    built(frozen, 2, shown=True)

    def start(_: Pruned) -> bool:
        frozen.cloud.store.put(Instance(id="i-1", region=REGION, owner=seed.ACCOUNT, created=NOW, image=used))
        return True

    done = prune(frozen.client(), ALIAS, keep=1, allow=start)
    assert numbers(frozen) == [1, 2]
    assert (done.verdicts[1].image.image_id, done.verdicts[1].keep) == (used, True)
    assert done.verdicts[1].reason == "in use by instances"
    assert snapshots(frozen) == [1, 2]


def test_a_roll_back_does_not_pass_over_an_image_that_ecs_did_not_delete(frozen: Running) -> None:
    """It looked for a quarter of an hour as if it were being deleted, and an older one was shown, or none."""
    used = built(frozen, 1)
    built(frozen, 2, shown=True)
    client = frozen.client()
    started = Instance(id="i-1", region=REGION, owner=seed.ACCOUNT, created=NOW, image=used)
    reached = meanwhile(client, "DeleteImage", lambda: frozen.cloud.store.put(started))
    assert [one.reason for one in prune(client, ALIAS, keep=1).verdicts][1] == "in use by instances"
    assert reached()
    assert roll_back(frozen.client(), ALIAS).image_id == used


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"tags": {"Protected": "true"}}, "protected"),
        ({"tags": {"ManagedBy": "somebody"}}, "not made by goldrun"),
        ({"shared_with": {seed.OTHER_ACCOUNT: 0.0}}, "shared with other accounts"),
        ({"public": True}, "shared with other accounts"),
        ({"tags": {"Latest": "true"}}, "tagged as a channel's"),
        ({"tags": {"Channel": "canary"}}, "tagged as a channel's"),
        ({"ready": NOW + 50}, "still being created"),
    ],
)
def test_kept_versions_and_their_reasons(frozen: Running, fields: dict[str, Any], reason: str) -> None:
    built(frozen, 1, **fields)
    built(frozen, 2, shown=True)
    done = prune(frozen.client(), ALIAS, keep=1)
    assert numbers(frozen) == [1, 2]
    assert done.verdicts[1].reason == reason


def test_a_running_build_and_an_unpublished_candidate_are_kept(frozen: Running) -> None:
    built(frozen, 1)
    built(frozen, 2, shown=True)
    built(frozen, 3)
    built(frozen, 4, ready=NOW + 99)
    prune(frozen.client(), ALIAS, keep=1)
    assert numbers(frozen) == [2, 3, 4]


def test_candidates_are_kept_and_not_counted(frozen: Running) -> None:
    for number in (1, 2, 4, 5):
        built(frozen, number)
    built(frozen, 3, shown=True)
    confirmed: list[Pruned] = []

    def allow(plan: Pruned) -> bool:
        confirmed.append(plan)
        return True

    done = prune(frozen.client(), ALIAS, keep=2, allow=allow)
    (planned,) = confirmed
    assert (planned.carried_out, done.carried_out) == (False, True)
    assert (planned.verdicts, planned.orphans) == (done.verdicts, done.orphans)
    assert [(one.image.image_id[-1], one.keep, one.reason) for one in done.verdicts] == [
        ("5", True, "newer than what is published"),
        ("4", True, "newer than what is published"),
        ("3", True, "shown by a channel"),
        ("2", True, "one of the newest 2"),
        ("1", False, "beyond the newest 2"),
    ]


def test_a_prune_leaves_orphan_snapshots_of_other_families(frozen: Running) -> None:
    built(frozen, 1, shown=True)
    for number, family in (("s-orphan001", "fam"), ("s-orphan002", "other")):
        tags = {"ManagedBy": "goldrun", "ImageId": "m-gone000000", "Family": family, "Architecture": "amd64"}
        frozen.snapshot(number, tags=tags)
    done = prune(frozen.client(), ALIAS, keep=1)
    assert [one.snapshot_id for one in done.orphans] == ["s-orphan001"]
    assert snapshots(frozen) == [1, 2]


def test_a_rolled_back_version_is_not_counted_and_is_pruned(frozen: Running) -> None:
    built(frozen, 1)
    built(frozen, 2)
    built(frozen, 3, shown=True)
    built(frozen, 4, state=DEPRECATED)
    done = prune(frozen.client(), ALIAS, keep=2)
    assert numbers(frozen) == [2, 3]
    assert done.verdicts[0].reason == "rolled back"


def test_older_than_keeps_younger_versions(frozen: Running) -> None:
    for number in (5, 20):
        built(frozen, number)
    built(frozen, 29, shown=True)
    # Version 5 is 25 days old to the second: the limit itself is old enough.
    done = prune(frozen.client(), ALIAS, keep=1, older_than=25 * 86400.0)
    assert numbers(frozen) == [20, 29]
    assert done.verdicts[1].reason == "not old enough"


def test_a_dry_run_shows_the_same_plan_and_deletes_nothing(frozen: Running) -> None:
    for number in (1, 2):
        built(frozen, number)
    built(frozen, 3, shown=True)
    planned = prune(frozen.client(), ALIAS, keep=1, dry_run=True)
    assert (planned.carried_out, numbers(frozen)) == (False, [1, 2, 3])
    done = prune(frozen.client(), ALIAS, keep=1)
    assert (done.carried_out, numbers(frozen)) == (True, [3])
    assert (done.verdicts, done.orphans) == (planned.verdicts, planned.orphans)


def test_without_a_published_version_the_newest_are_kept(frozen: Running) -> None:
    for number in (1, 2, 3):
        built(frozen, number)
    prune(frozen.client(), ALIAS, keep=2)
    assert numbers(frozen) == [2, 3]


def test_an_error_is_never_an_empty_account(frozen: Running) -> None:
    from goldrun.cloud.errors import ServiceError

    built(frozen, 1)
    built(frozen, 2, shown=True)
    frozen.fault("error", "DescribeImages", times=None)
    with pytest.raises(ServiceError):
        prune(frozen.client(), ALIAS, keep=1)
    assert numbers(frozen) == [1, 2]


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_anywhere_leaks_no_snapshot(frozen: Running, after: bool) -> None:
    """Field: deleted images left their snapshots behind, and the bill. All placements."""
    for number in (1, 2, 3):
        built(frozen, number)
    built(frozen, 4, shown=True)
    begin_again = frozen.checkpoint()
    for at in range(1, 200):
        begin_again()
        client = frozen.client()
        transport = dying(client, at, after=after)
        with contextlib.suppress(Crash):
            prune(client, ALIAS, keep=2)
        found = look_up(frozen.client(), name_reference(str(ALIAS), "amd64"))
        assert found is not None
        assert set(numbers(frozen)) >= {3, 4}
        assert set(snapshots(frozen)) >= set(numbers(frozen)), "no snapshot is deleted before its image"
        prune(frozen.client(), ALIAS, keep=2)
        assert (numbers(frozen), snapshots(frozen)) == ([3, 4], [3, 4]), at
        if transport.sent < at:
            assert at > 10
            return
    pytest.fail("it never ended")


def test_a_snapshot_of_two_images_is_deleted_with_the_last_one(frozen: Running) -> None:
    for number in (1, 2, 3):
        built(frozen, number, snapshot="s-version001")
    built(frozen, 4, shown=True, snapshot="s-version004")
    prune(frozen.client(), ALIAS, keep=2)
    assert numbers(frozen) == [3, 4]
    assert 1 in snapshots(frozen)
    prune(frozen.client(), ALIAS, keep=1)
    assert numbers(frozen) == [4]
    assert 1 not in snapshots(frozen)


def test_a_prune_at_any_moment_of_a_prune(frozen: Running) -> None:
    """Each finds what the other one has deleted meanwhile."""
    for at in range(1, 100):
        frozen.cloud.store.remove(*frozen.cloud.store.all(Image), *frozen.cloud.store.all(Snapshot))
        for number in range(1, 5):
            built(frozen, number)
        built(frozen, 5, shown=True)
        client = frozen.client()
        reached = meanwhile(client, at, lambda: prune(frozen.client(), ALIAS, keep=2))
        prune(client, ALIAS, keep=2)
        assert numbers(frozen) == snapshots(frozen) == [4, 5], at
        if not reached():
            assert at > 20
            break


def test_stale_reads_after_a_deletion_are_waited_out(frozen: Running) -> None:
    built(frozen, 1)
    built(frozen, 2, shown=True)
    frozen.wall.value += 100
    frozen.fault("stale", "DescribeImages", times=3, skip=1, seconds=5.0)
    client = frozen.client()
    prune(client, ALIAS, keep=1)
    assert numbers(frozen) == [2]
    assert client.clock.machine.slept  # type: ignore[attr-defined]


def test_remove_refuses_what_is_protected_and_deletes_the_rest(frozen: Running) -> None:
    from goldrun.errors import RefusedError
    from goldrun.images.lineage import find_own
    from goldrun.images.removal import protect, remove

    victim = built(frozen, 1)
    shown = built(frozen, 2, shown=True)
    client = frozen.client()
    with pytest.raises(RefusedError, match="shown by a channel"):
        remove(client, find_own(client, shown))
    protect(client, find_own(client, victim), on=True)
    with pytest.raises(RefusedError, match="protected") as caught:
        remove(client, find_own(client, victim))
    assert "unprotect" in str(caught.value)
    protect(client, find_own(client, victim), on=False)
    remove(client, find_own(client, victim))
    assert (numbers(frozen), snapshots(frozen)) == ([2], [2])


def test_a_protection_at_any_moment_of_a_prune(frozen: Running) -> None:
    """A version was deleted after it had been told to be protected."""
    from goldrun.images.lineage import find_own
    from goldrun.images.removal import protect

    there = {built(frozen, number, shown=number == 3) for number in (2, 3)}
    restore = frozen.checkpoint()
    told = dict[bool, int]()
    for at in range(1, 20):
        restore()
        client, protected = frozen.client(), False

        def act() -> None:
            nonlocal protected
            with contextlib.suppress(GoldrunError):
                protect(frozen.client(), find_own(frozen.client(), "m-version002"), on=True)
                protected = True

        reached = meanwhile(client, at, act)
        prune(client, ALIAS, keep=1)
        if not reached():
            break
        assert not protected or there <= {image.id for image in frozen.cloud.store.all(Image)}, at
        told[protected] = told.get(protected, 0) + 1
    assert min(told[True], told[False]) > 1


def test_a_version_with_as_many_tags_as_it_may_have_is_deleted(frozen: Running) -> None:
    """It has no room for the tag of a deletion: the whole prune ended with an error, each time."""
    own = {f"team-{number}": "x" for number in range(16)}
    built(frozen, 1, tags=own)
    built(frozen, 2, tags=own, shared_with={seed.OTHER_ACCOUNT: 0.0})
    built(frozen, 3)
    built(frozen, 4, shown=True)
    prune(frozen.client(), ALIAS, keep=1)
    assert (numbers(frozen), snapshots(frozen)) == ([2, 4], [2, 4])


def test_protected_snapshots_are_kept(frozen: Running) -> None:
    """docs/tags.md: neither prune nor rm deletes them; both did."""
    from goldrun.images.lineage import find_own
    from goldrun.images.removal import remove

    for number in (1, 2):
        built(frozen, number)
        frozen.snapshot(f"s-version{number:03d}", tags={"Protected": "true"})
    built(frozen, 3, shown=True)
    orphan = {"ManagedBy": "goldrun", "ImageId": "m-deleted000", "Family": "fam", "Architecture": "amd64"}
    frozen.snapshot("s-version009", tags={**orphan, "Protected": "true"})
    client = frozen.client()
    remove(client, find_own(client, "m-version001"))
    prune(client, ALIAS, keep=1)
    assert prune_all(client, [], keep=1, older_than=0.0, all_orphans=True, dry_run=True, allow=lambda _: True) == [
        Pruned((), ())
    ]
    assert (numbers(frozen), snapshots(frozen)) == ([3], [1, 2, 3, 9])


def test_an_orphan_that_is_protected_while_the_plan_is_shown_is_kept(frozen: Running) -> None:
    """The plan waits for an answer; the image of a version was looked up again then, a snapshot was not."""
    orphan = {"ManagedBy": "goldrun", "ImageId": "m-deleted000", "Family": "fam", "Architecture": "amd64"}
    for number in (1, 2, 3):
        frozen.snapshot(f"s-orphan{number:03d}", tags={**orphan, "Family": "other"} if number == 3 else orphan)
    shown: list[Pruned] = []

    def allow(planned: Pruned) -> bool:
        shown.append(planned)
        for one in planned.orphans:
            if one.snapshot_id != "s-orphan001":
                tagging("snapshot", [one.snapshot_id], PROTECTED.of()).make(frozen.client())
        return True

    done = prune_all(frozen.client(), [ALIAS], keep=1, older_than=0.0, all_orphans=True, dry_run=False, allow=allow)
    assert [len(one.orphans) for one in shown] == [2, 1]
    assert [[one.snapshot_id for one in part.orphans] for part in done] == [["s-orphan001"], []]
    assert snapshots(frozen) == [2, 3]


def test_orphans_of_others_are_not_touched(frozen: Running) -> None:
    frozen.snapshot("s-foreign1")
    frozen.snapshot("s-foreign2", tags={"ManagedBy": "goldrun"})
    frozen.snapshot("s-orphan01", tags={"ManagedBy": "goldrun", "ImageId": "m-gone000000"})
    kept = frozen.image("still-there", snapshot="s-inuse001")
    frozen.snapshot("s-inuse001", tags={"ManagedBy": "goldrun", "ImageId": kept})
    frozen.snapshot("s-inuse002", tags={"ManagedBy": "goldrun", "ImageId": kept})
    assert [snapshot.snapshot_id for snapshot in find_orphan_snapshots(frozen.client())] == ["s-orphan01"]


def _is_ours(image: Image) -> bool:
    return image.name.startswith("fam-amd64-") and image.owner == seed.ACCOUNT


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_in_random_accounts_prune_keeps_what_it_must(frozen: Running, chance: random.Random, keep: int) -> None:
    """Random accounts: look-alike names, other people's images, shared ones, images in use, missing tags."""
    frozen.cloud.store.clear()
    seed.put_defaults(frozen.cloud.store)
    shown = chance.randint(0, 12)
    for number in range(1, 13):
        tags: dict[str, str] = chance.choice([{}, {}, {}, {"ManagedBy": "x"}, {"Protected": "true"}, {"Channel": "c"}])
        fields: dict[str, Any] = {
            "tags": tags,
            "state": chance.choice(["Available", "Available", "Available", DEPRECATED, "CreateFailed"]),
            "shared_with": chance.choice([{}, {}, {seed.OTHER_ACCOUNT: 0.0}]),
            "owner": chance.choice([seed.ACCOUNT] * 5 + [seed.OTHER_ACCOUNT]),
        }
        image_id = built(frozen, number, **(fields if number != shown else {}), shown=number == shown)
        if chance.random() < 0.2:
            frozen.cloud.store.put(
                Instance(id=f"i-{number}", region=REGION, owner=seed.ACCOUNT, created=NOW, image=image_id)
            )
    for number, name in enumerate(
        [
            "fam-amd64-nightly",
            "xfam-amd64-20260101000000",
            "fam-arm64-20260101000000",
            "fam-amd64-2026",
            "FAM-amd64-20260101000000",
        ]
    ):
        frozen.image(name, id=f"m-other{number:03d}", tags={"ManagedBy": "goldrun"}, architecture="arm64")
    before = {image.id: image for image in frozen.cloud.store.all(Image)}
    used = {instance.image for instance in frozen.cloud.store.all(Instance)}
    verdicts = judge(read_lineage(frozen.client(), ALIAS), keep=keep, now=NOW)
    prune(frozen.client(), ALIAS, keep=keep)
    gone = [image for image_id, image in before.items() if frozen.cloud.store.get(Image, image_id) is None]
    assert {image.id for image in gone} == {verdict.image.image_id for verdict in verdicts if not verdict.keep}
    for image in gone:
        assert image.owner == seed.ACCOUNT
        assert image.id not in used
        assert not image.shared_with
        assert image.tags["ManagedBy"] == "goldrun"
        assert not image.tags.keys() & {"Protected", "Latest", "Channel"}
        assert image.name.startswith("fam-amd64-2026")
        assert image.architecture == "x86_64"
    # What other channels show counts among the newest.
    left = [one for one in frozen.cloud.store.all(Image) if _is_ours(one)]
    available = [one for one in before.values() if _is_ours(one)]
    wanted = min(keep, sum(one.state == "Available" for one in available))
    assert sum(one.state == "Available" for one in left) >= wanted


def three_versions(frozen: Running) -> None:
    frozen.cloud.store.clear()
    seed.put_defaults(frozen.cloud.store)
    for number in (1, 2):
        built(frozen, number)
    built(frozen, 3, shown=True)


def shown_now(frozen: Running) -> str:
    found = look_up(frozen.client(), name_reference(str(ALIAS), "amd64"))
    assert found, "the name has no answer"
    return found.image.image_id


def test_a_roll_back_at_any_moment_of_a_prune(frozen: Running) -> None:
    """Found by a story: it went back to a version that the prune had on its list, and the prune deleted it."""
    ends = set()
    for at in range(1, 60):
        three_versions(frozen)

        def go_back() -> None:
            with contextlib.suppress(GoldrunError):
                roll_back(frozen.client(), ALIAS)

        client = frozen.client()
        reached = meanwhile(client, at, go_back)
        prune(client, ALIAS, keep=1)
        shown = shown_now(frozen)
        ends.add(shown)
        assert int(shown[-3:]) in numbers(frozen), at
        assert set(snapshots(frozen)) == set(numbers(frozen)), at
        (image,) = (one for one in frozen.cloud.store.all(Image) if one.id == shown)
        assert "Deleting" not in image.tags, at
        if not reached():
            break
    assert ends == {"m-version001", "m-version002", "m-version003"}, "both have won, at some moment"


@pytest.mark.parametrize("to", ["", "20260101000000"])
def test_a_prune_at_any_moment_of_a_roll_back(frozen: Running, to: str) -> None:
    ends = set()
    for at in range(1, 60):
        three_versions(frozen)
        client = frozen.client()
        reached = meanwhile(client, at, lambda: prune(frozen.client(), ALIAS, keep=1))
        with contextlib.suppress(GoldrunError):
            roll_back(client, ALIAS, to=to)
        ends.add(shown_now(frozen))
        assert int(shown_now(frozen)[-3:]) in numbers(frozen), at
        if not reached():
            break
    assert len(ends) > 1


def test_a_version_that_is_being_deleted_is_not_published(frozen: Running) -> None:
    moment = format_moment(NOW - 60)
    built(frozen, 1)
    built(frozen, 2, tags={"Deleting": moment})
    built(frozen, 3, shown=True)
    with pytest.raises(RefusedError, match="is being deleted by somebody else"):
        publish(frozen.client(), "m-version002", force=True)
    assert shown_now(frozen) == "m-version003"
    (image,) = (one for one in frozen.cloud.store.all(Image) if one.id == "m-version002")
    assert not {"Latest", "Channel"} & image.tags.keys()
    assert roll_back(frozen.client(), ALIAS).image_id == "m-version001", "the one before that stays"
    frozen.wall.value += 900
    assert publish(frozen.client(), "m-version002", force=True).image_id == "m-version002", "it was interrupted"


def test_what_is_shown_already_does_not_give_way(frozen: Running) -> None:
    """A deletion that came late has left its tag, or is about to see ours: the name must not lose its answer."""
    moment = format_moment(NOW - 60)
    built(frozen, 1)
    built(frozen, 2, shown=True, tags={"Deleting": moment})
    assert publish(frozen.client(), "m-version002").image_id == "m-version002"
    # An earlier run has renamed the old one, and died.
    (shown,) = (one for one in frozen.cloud.store.all(Image) if one.id == "m-version002")
    frozen.cloud.store.put(replace(shown, name="fam-amd64-20260102000000"))
    assert publish(frozen.client(), "m-version002").name == str(ALIAS)
    assert shown_now(frozen) == "m-version002"


def test_stale_reads_do_not_let_a_prune_delete_what_is_published_meanwhile(frozen: Running) -> None:
    """A read counts only if it shows the prune's own tag: then it shows the roll-back's, too."""
    three_versions(frozen)
    frozen.wall.value += 60

    def go_back() -> None:
        roll_back(frozen.client(), ALIAS)
        frozen.wall.value += 5
        frozen.fault("stale", "DescribeImages", times=1, seconds=20.0)

    client = frozen.client()
    meanwhile(client, 5, go_back)  # right before the prune's tag
    prune(client, ALIAS, keep=1)
    assert shown_now(frozen) == "m-version002"
    assert numbers(frozen) == [2, 3]


@pytest.mark.parametrize("verdict", ["held", "failed", "pending"])
def test_what_has_not_passed_does_not_count(frozen: Running, verdict: str) -> None:
    """It took the place of the version that one could have gone back to."""
    built(frozen, 1)
    built(frozen, 2, tags={"BootTest": verdict})
    built(frozen, 3, shown=True)
    done = prune(frozen.client(), ALIAS, keep=2)
    assert numbers(frozen) == [1, 3]
    assert [one.reason for one in done.verdicts if not one.keep] == ["it has not passed its boot test"]


@pytest.mark.parametrize("verdict", ["held", "pending"])
def test_before_the_first_publish_an_image_that_is_tested_stays(frozen: Running, verdict: str) -> None:
    built(frozen, 1, tags={"BootTest": verdict})
    prune(frozen.client(), ALIAS, keep=1)
    assert numbers(frozen) == [1]


def test_what_is_declined_is_not_told_as_deleted_nor_the_other_way_round(frozen: Running) -> None:
    """All was told as "would delete" after a yes and a no."""
    built(frozen, 1)
    built(frozen, 3, shown=True)
    other = {"Architecture": "arm64"}
    frozen.image("fam-arm64-20260101000000", id="m-version006", architecture="arm64", tags={**OWN, **other})
    shown = {**OWN, **other, "Channel": "latest", "BuildTimestamp": "20260103000000"}
    frozen.image("fam-arm64-latest", id="m-version007", architecture="arm64", tags=shown)
    asked = iter([True, False])
    first, second = prune_all(
        frozen.client(),
        published_names("fam", None),
        keep=1,
        older_than=0,
        all_orphans=False,
        dry_run=False,
        allow=lambda _: next(asked),
    )
    assert (first.carried_out, second.carried_out, numbers(frozen)) == (True, False, [3, 6, 7])
    told = Prune.of([first, second])
    assert (told.dry_run, [one.image_id for one in told.images if one.deleted]) == (False, ["m-version001"])

"""Publish and roll back: every crash, every interleaving, and a name that answers at every moment."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.images import AVAILABLE, DEPRECATED, Image
from goldrun.cloud.moments import format_moment
from goldrun.cloud.tagging import tagging, untagging
from goldrun.cloud.tags import BOOT_TEST, DELETING, RESTORED
from goldrun.errors import NotFoundError, RefusedError, UsageError
from goldrun.images.find import find_image
from goldrun.images.lineage import Lineage, find_own, read_lineage
from goldrun.images.lookup import look_up
from goldrun.images.moving import Intent, may_be_tagged_by_another_run, next_step, plan, remember, tag_step
from goldrun.images.naming import PublishedName, name_reference, parse_reference
from goldrun.images.publish import publish, roll_back
from local_cloud import seed
from local_cloud.records import READY
from local_cloud.records import Image as Record
from tests.conftest import NOW, Running
from tests.simulation.dying import Crash, dying
from tests.simulation.watching import Watching, meanwhile

ALIAS = PublishedName("fam", "amd64", "latest")
STAMPS = ["20260101000000", "20260201000000", "20260301000000", "20260401000000"]
V1, V2, V3, V4 = (f"m-version00{number}" for number in (1, 2, 3, 4))


def version(frozen: Running, number: int, *, shown: bool = False, **fields: Any) -> str:
    """Put version ``number`` (from 1) into the account."""
    stamp = STAMPS[number - 1]
    tags = {"ManagedBy": "goldrun", "Family": "fam", "Architecture": "amd64", "BuildTimestamp": stamp}
    if shown:
        tags |= {"Latest": "true", "Channel": "latest"}
    made = {
        "id": f"m-version00{number}",
        "created": NOW - 1000 + number,
        "tags": tags,
        "family": "fam-amd64" if shown else "",
        **fields,
    }
    return frozen.image(str(ALIAS) if shown else f"fam-amd64-{stamp}", **made)


def answer(frozen: Running) -> str:
    """What a reader gets for the alias."""
    found = look_up(frozen.client(), name_reference(str(ALIAS), "amd64"))
    assert found is not None, "the name resolves to nothing"
    assert found.image.status == AVAILABLE
    return found.image.image_id


def state(frozen: Running) -> dict[str, tuple[str, str, str, bool]]:
    lineage = read_lineage(frozen.client(), ALIAS)
    tagged = {image.image_id for image in lineage.tagged()}
    return {
        image.image_id: (image.name, image.status, image.family, image.image_id in tagged)
        for image in lineage.images.values()
    }


SHOWN = (str(ALIAS), AVAILABLE, "fam-amd64", True)


def old(number: int, status: str = AVAILABLE, family: str = "fam-amd64") -> tuple[str, str, str, bool]:
    return (f"fam-amd64-{STAMPS[number - 1]}", status, family, False)


def require_answer(frozen: Running) -> None:
    """Check that the name has an answer, whatever reads show."""
    there = [one for one in frozen.cloud.store.all(Record) if one.state == READY]
    assert any(one.name == str(ALIAS) or one.tags.get("Latest") == "true" for one in there)


def test_the_first_version_of_a_lineage(frozen: Running) -> None:
    version(frozen, 1)
    assert publish(frozen.client(), V1).image_id == V1
    assert state(frozen) == {V1: SHOWN}


def test_a_version_s_name_resolves_before_during_and_after_it_is_shown(frozen: Running) -> None:
    """It was not found while it was published: a workflow that had pinned a version broke with its publish."""
    names = f"fam-amd64-{STAMPS[1]}", f"fam:{STAMPS[1]}"

    def require_found() -> None:
        for name in names:
            found = find_image(frozen.client(), parse_reference(name, None)).image
            assert found.image_id == V2, name
        assert find_own(frozen.client(), names[0]).image_id == V2

    version(frozen, 1, shown=True)
    version(frozen, 2)
    version(frozen, 3)
    require_found()
    for number in (V2, V3):
        client = frozen.client()
        client._transport = Watching(client._transport, after=require_found)
        publish(client, number)
        require_found()
    other = find_image(frozen.client(), parse_reference(f"fam-amd64-{STAMPS[2]}", "amd64")).image
    assert other.image_id == V3
    with pytest.raises(NotFoundError):
        find_image(frozen.client(), parse_reference(f"fam-arm64-{STAMPS[2]}", None))
    with pytest.raises(NotFoundError):
        find_own(frozen.client(), f"fam-amd64-{STAMPS[3]}")


def test_an_alias_names_its_image_for_other_commands_too_while_no_image_has_it(frozen: Running) -> None:
    """``image copy …-latest`` beside a publish, or after one that was interrupted, ended with "not found"."""
    version(frozen, 1, shown=True)
    version(frozen, 2)
    named: set[str] = set()

    def name_it() -> None:
        named.add(find_own(frozen.client(), str(ALIAS)).image_id)

    client = frozen.client()
    client._transport = Watching(client._transport, after=name_it)
    publish(client, V2)
    assert named == {V1, V2}
    with pytest.raises(NotFoundError):
        find_own(frozen.client(), "fam-amd64-canary")


def test_publish_reports_its_four_changes_before_making_them(frozen: Running) -> None:
    version(frozen, 1, shown=True)
    version(frozen, 2)
    reported: list[str] = []
    publish(frozen.client(), f"fam-amd64-{STAMPS[1]}", report=reported.extend)
    assert state(frozen) == {V1: old(1), V2: SHOWN}
    assert [words.split()[0] for words in reported] == ["tag", "rename", "show", "remove"]
    assert frozen.cloud.gateway.calls["ModifyImageAttribute"] == 2
    assert frozen.cloud.gateway.calls["TagResources"] == 1
    assert frozen.cloud.gateway.calls["UntagResources"] == 1


def test_publishing_again_changes_nothing(frozen: Running) -> None:
    version(frozen, 1, shown=True)
    reported: list[str] = []
    publish(frozen.client(), V1, report=reported.extend)
    assert reported == []
    assert "ModifyImageAttribute" not in frozen.cloud.gateway.calls


def test_a_dry_run_reports_the_same_plan_and_changes_nothing(frozen: Running) -> None:
    version(frozen, 1, shown=True)
    version(frozen, 2)
    before, planned, done = state(frozen), list[str](), list[str]()
    publish(frozen.client(), V2, dry_run=True, report=planned.extend)
    assert state(frozen) == before
    publish(frozen.client(), V2, report=done.extend)
    assert planned == done


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": DEPRECATED}, "is Deprecated"),
        ({"ready": NOW + 100}, r"is Creating \(\d+%\)"),
        ({"state": "CreateFailed"}, "is CreateFailed: only Available images are published"),
    ],
)
def test_only_available_images_are_published(frozen: Running, fields: dict[str, Any], words: str) -> None:
    version(frozen, 1, shown=True)
    version(frozen, 2, **fields)
    before = state(frozen)
    with pytest.raises(RefusedError, match=words):
        publish(frozen.client(), V2)
    assert state(frozen) == before


def test_other_refusals(frozen: Running) -> None:
    version(frozen, 2, shown=True)
    version(frozen, 1)
    version(frozen, 3, architecture="arm64")
    frozen.image("no-scheme", id="m-noscheme01")
    with pytest.raises(RefusedError, match="is older than what fam-amd64-latest shows"):
        publish(frozen.client(), V1)
    with pytest.raises(UsageError) as caught:
        publish(frozen.client(), V3)
    assert "it is arm64, but its name says amd64" in str(caught.value)
    with pytest.raises(UsageError, match="cannot be published"):
        publish(frozen.client(), "m-noscheme01")
    with pytest.raises(NotFoundError, match="Image not found"):
        publish(frozen.client(), "m-nothing0001")


def test_force_publishes_an_older_one_and_the_family_follows(frozen: Running) -> None:
    version(frozen, 2, shown=True)
    version(frozen, 1)
    publish(frozen.client(), V1, force=True)
    assert state(frozen) == {V1: SHOWN, V2: old(2, family="fam-amd64-not-shown")}
    family = frozen.client().call("DescribeImageFromFamily", {"ImageFamily": "fam-amd64"})
    assert family["Image"]["ImageId"] == V1


def test_the_family_shows_the_same_as_the_name_although_an_older_version_was_copied_later(frozen: Running) -> None:
    """ECS takes the image of a family that was created last: launches by the family got the older version."""
    version(frozen, 1, created=NOW - 100)
    version(frozen, 2, created=NOW - 200)
    for number in (V1, V2):
        publish(frozen.client(), number)
        family = frozen.client().call("DescribeImageFromFamily", {"ImageFamily": "fam-amd64"})
        assert family["Image"]["ImageId"] == number == answer(frozen)


def test_a_name_that_would_be_too_long_is_refused_before_anything_moves(frozen: Running) -> None:
    """The alias fitted, and the version name of what it showed did not: each publish ended half way."""
    family = "f" * 108
    frozen.image(f"{family}-amd64-latest", id=V1, tags={"Latest": "true"})
    frozen.image(f"{family}-amd64-202602010000", id=V2)
    with pytest.raises(UsageError, match="this one has 129"):
        publish(frozen.client(), V2)
    assert "TagResources" not in frozen.cloud.gateway.calls


def test_the_longest_names_of_a_channel_fit(frozen: Running) -> None:
    """The family for versions that are newer than what is shown was longer than ECS takes."""
    family = "f" * 107
    for number in (1, 2):
        frozen.image(f"{family}-amd64-{STAMPS[number - 1]}", id=f"m-version00{number}", created=NOW - 100 + number)
    publish(frozen.client(), V2, channel="canary")
    publish(frozen.client(), V1, channel="canary", force=True)
    found = look_up(frozen.client(), name_reference(f"{family}-amd64-canary", None))
    assert found
    assert found.image.image_id == V1
    publish(frozen.client(), V2, channel="canary", force=True)


def test_channels_are_independent(frozen: Running) -> None:
    version(frozen, 1, shown=True)
    version(frozen, 2)
    publish(frozen.client(), V2, channel="canary")
    canary = look_up(frozen.client(), name_reference("fam-amd64-canary", None))
    assert canary is not None
    assert (canary.image.image_id, canary.image.family) == (V2, "fam-amd64-canary")
    assert answer(frozen) == V1
    version(frozen, 3)
    publish(frozen.client(), V3)
    assert answer(frozen) == V3
    canary = look_up(frozen.client(), name_reference("fam-amd64-canary", None))
    assert canary is not None
    assert canary.image.image_id == V2


def test_roll_back_deprecates_the_bad_version(frozen: Running) -> None:
    version(frozen, 1)
    version(frozen, 2)
    version(frozen, 3, shown=True)
    assert roll_back(frozen.client(), ALIAS).image_id == V2
    assert state(frozen) == {V1: old(1, family=""), V2: SHOWN, V3: old(3, DEPRECATED)}
    with pytest.raises(RefusedError, match="is Deprecated"):
        publish(frozen.client(), V3)


@pytest.mark.parametrize("verdict", ["held", "failed", "pending"])
def test_roll_back_skips_what_has_not_passed(frozen: Running, verdict: str) -> None:
    """A version that the scan had held back was shown."""
    version(frozen, 1)
    version(frozen, 2)
    tagging("image", [V2], BOOT_TEST.of(verdict)).make(frozen.client())
    version(frozen, 3, shown=True)
    assert roll_back(frozen.client(), ALIAS).image_id == V1


@pytest.mark.parametrize("verdict", ["held", "failed", "pending"])
def test_roll_back_shows_nothing_untested_even_by_name(frozen: Running, verdict: str) -> None:
    """``--to`` showed a version that had failed its boot test; what is shown already may be named."""
    version(frozen, 1)
    version(frozen, 2)
    version(frozen, 3, shown=True)
    tagging("image", [V1, V3], BOOT_TEST.of(verdict)).make(frozen.client())
    before = state(frozen)
    with pytest.raises(RefusedError, match=f"has not passed its boot test: it is {verdict}") as caught:
        roll_back(frozen.client(), ALIAS, to=STAMPS[0])
    assert f"goldrun image publish {V1} --channel latest --force" in str(caught.value)
    assert state(frozen) == before
    assert roll_back(frozen.client(), ALIAS, to=STAMPS[2]).image_id == V3
    assert roll_back(frozen.client(), ALIAS, to=STAMPS[1]).image_id == V2


def test_roll_back_shows_no_image_of_another_architecture(frozen: Running) -> None:
    """An image was shown under the name of the other architecture, which publish had refused."""
    version(frozen, 1)
    version(frozen, 2, architecture="arm64")
    version(frozen, 3, shown=True)
    with pytest.raises(RefusedError, match="it is arm64, but its name says amd64"):
        roll_back(frozen.client(), ALIAS, to=STAMPS[1])
    assert roll_back(frozen.client(), ALIAS).image_id == V1


def test_roll_back_twice_goes_back_once_and_further_only_with_to(frozen: Running) -> None:
    """A second run, or one after a crash at the last call, loses no other version."""
    version(frozen, 1)
    version(frozen, 2)
    version(frozen, 3, shown=True)
    roll_back(frozen.client(), ALIAS)
    once = state(frozen)
    assert roll_back(frozen.client(), ALIAS).image_id == V2
    assert state(frozen) == once
    assert roll_back(frozen.client(), ALIAS, to=STAMPS[0]).image_id == V1
    assert state(frozen) == {V1: SHOWN, V2: old(2, DEPRECATED), V3: old(3, DEPRECATED)}


def test_a_roll_back_of_another_channel_does_not_count(frozen: Running) -> None:
    """Taken for this channel's, it left the bad version where it was, and looked like success."""
    for number in (1, 3, 4):
        version(frozen, number)
    version(frozen, 2, shown=True)
    client, canary = frozen.client(), ALIAS._replace(suffix="canary")
    publish(client, V3, channel="canary")
    publish(client, V4, channel="canary")
    assert roll_back(client, canary).image_id == V3
    assert roll_back(client, canary).image_id == V3
    assert roll_back(client, ALIAS).image_id == V1
    assert answer(frozen) == V1
    assert roll_back(client, ALIAS).image_id == V1


def test_a_version_that_somebody_deprecated_by_hand_does_not_count(frozen: Running) -> None:
    version(frozen, 1)
    version(frozen, 2, shown=True)
    version(frozen, 3, state=DEPRECATED)
    assert roll_back(frozen.client(), ALIAS).image_id == V1


def test_a_version_that_only_had_the_tag_is_rolled_back_once(frozen: Running) -> None:
    version(frozen, 1)
    version(frozen, 2)
    version(frozen, 3, tags={"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[2], "Latest": "true"})
    assert roll_back(frozen.client(), ALIAS).image_id == V2
    assert roll_back(frozen.client(), ALIAS).image_id == V2


def test_after_a_roll_back_the_next_build_is_published(frozen: Running) -> None:
    version(frozen, 1)
    version(frozen, 2, shown=True)
    roll_back(frozen.client(), ALIAS)
    version(frozen, 3)
    publish(frozen.client(), V3)
    assert state(frozen) == {V1: old(1), V2: old(2, DEPRECATED), V3: SHOWN}
    assert roll_back(frozen.client(), ALIAS).image_id == V1


def test_a_shared_version_is_not_rolled_back_half_way(frozen: Running) -> None:
    version(frozen, 1)
    version(frozen, 2, shown=True, shared_with={seed.OTHER_ACCOUNT: 0.0})
    before = state(frozen)
    with pytest.raises(RefusedError, match="is shared with other accounts") as caught:
        roll_back(frozen.client(), ALIAS)
    assert "unshare" in str(caught.value)
    assert state(frozen) == before


def test_an_image_that_leaves_a_channel_is_reported(frozen: Running) -> None:
    version(frozen, 1, shown=True)
    version(frozen, 2)
    publish(frozen.client(), V2, channel="canary")
    reported: list[str] = []
    publish(frozen.client(), V2, report=reported.extend)
    assert reported[-1].startswith("fam-amd64-canary shows nothing afterwards")
    assert answer(frozen) == V2


def test_roll_back_refusals(frozen: Running) -> None:
    with pytest.raises(NotFoundError, match="shows nothing"):
        roll_back(frozen.client(), ALIAS)
    version(frozen, 2, shown=True)
    with pytest.raises(NotFoundError, match="no older version"):
        roll_back(frozen.client(), ALIAS)
    version(frozen, 1, state=DEPRECATED)
    with pytest.raises(RefusedError, match="cannot be shown"):
        roll_back(frozen.client(), ALIAS, to=V1)
    with pytest.raises(NotFoundError, match="is not a version of"):
        roll_back(frozen.client(), ALIAS, to="20300101000000")


@pytest.mark.parametrize("verdict", ["pending", "failed"])
def test_an_image_that_has_not_passed_its_boot_test_is_refused_without_force(frozen: Running, verdict: str) -> None:
    version(frozen, 1, shown=True)
    version(frozen, 2, tags={"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[1], **BOOT_TEST.of(verdict)})
    before = state(frozen)
    with pytest.raises(RefusedError, match=f"has not passed its boot test: it is {verdict}"):
        publish(frozen.client(), V2)
    assert state(frozen) == before
    assert publish(frozen.client(), V2, dry_run=True, tested=True).image_id == V2, (
        "the build that has just tested it knows"
    )
    assert publish(frozen.client(), V2, force=True).image_id == V2


def test_a_dry_roll_back_reports_the_same_plan_and_changes_nothing(frozen: Running) -> None:
    version(frozen, 1)
    version(frozen, 2, shown=True)
    before, planned, done = state(frozen), list[str](), list[str]()
    assert roll_back(frozen.client(), ALIAS, dry_run=True, report=planned.extend).image_id == V1
    assert state(frozen) == before
    roll_back(frozen.client(), ALIAS, report=done.extend)
    assert planned == done
    assert f"deprecate {V2}: it is rolled back" in done


def test_a_roll_back_leaves_a_version_that_only_has_the_tag(frozen: Running) -> None:
    """A publish crashed after its first call: its image is what a look-up answers, under its version name."""
    version(frozen, 1)
    version(frozen, 2, tags={"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[1], "Latest": "true"})
    assert answer(frozen) == V2
    assert roll_back(frozen.client(), ALIAS).image_id == V1


def test_a_roll_back_takes_nothing_from_another_channel(frozen: Running) -> None:
    version(frozen, 1)
    publish(frozen.client(), V1, channel="canary")
    version(frozen, 2, shown=True)
    with pytest.raises(NotFoundError, match="no older version"):
        roll_back(frozen.client(), ALIAS)


@pytest.mark.parametrize("half_published", [False, True])
def test_no_other_channel_takes_the_answer_of_latest(frozen: Running, half_published: bool) -> None:
    """A canary that was rolled back ``--to`` the version of latest took its name: latest resolved to nothing."""
    version(frozen, 1)
    tags = {"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[1], "Latest": "true", "Channel": "latest"}
    version(frozen, 2, shown=not half_published, tags=tags)
    version(frozen, 3)
    canary = ALIAS._replace(suffix="canary")
    publish(frozen.client(), V3, channel="canary")
    before = state(frozen)
    with pytest.raises(RefusedError, match="would show nothing"):
        roll_back(frozen.client(), canary, to=STAMPS[1])
    with pytest.raises(RefusedError, match="would show nothing"):
        publish(frozen.client(), V2, channel="beta")
    assert (state(frozen), answer(frozen)) == (before, V2)
    assert roll_back(frozen.client(), canary).image_id == V1


def test_a_second_roll_back_keeps_its_goal_during_a_concurrent_publish(frozen: Running) -> None:
    for number in (1, 2):
        version(frozen, number)
    version(frozen, 3, shown=True)
    roll_back(frozen.client(), ALIAS)

    def meanwhile(_: list[str]) -> None:
        version(frozen, 4)
        publish(frozen.client(), V4)

    assert roll_back(frozen.client(), ALIAS, report=meanwhile).image_id == V4
    assert state(frozen)[V2] == old(2)


def test_a_newer_version_that_was_half_published_wins(frozen: Running) -> None:
    version(frozen, 1, shown=True)
    version(frozen, 3, tags={"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[2], "Latest": "true"})
    version(frozen, 2)
    assert publish(frozen.client(), V2).image_id == V3
    assert state(frozen)[V3] == SHOWN


def test_an_alias_that_lost_its_family_gets_it_back(frozen: Running) -> None:
    version(frozen, 1, shown=True, family="")
    publish(frozen.client(), V1)
    assert state(frozen) == {V1: SHOWN}


def test_the_tags_of_a_channel_come_and_go(frozen: Running) -> None:
    version(frozen, 1)
    publish(frozen.client(), V1)
    version(frozen, 2)
    reported: list[str] = []
    publish(frozen.client(), V2)
    publish(frozen.client(), V1, force=True, report=reported.extend)
    one, two = (read_lineage(frozen.client(), ALIAS).images[version] for version in (V1, V2))
    assert (one.tags["Channel"], one.tags["Latest"]) == ("latest", "true")
    assert not two.tags.keys() & {"Channel", "Latest"}
    assert f"remove {V2} from the family: it is newer than what is shown" in reported


def test_a_concurrent_rename_is_read_again_and_other_refusals_are_reported(frozen: Running) -> None:
    version(frozen, 1, shown=True)
    version(frozen, 2)
    frozen.fault("error", "ModifyImageAttribute", code="InvalidImageName.Duplicated", status=400)
    assert publish(frozen.client(), V2).image_id == V2
    version(frozen, 3)
    frozen.fault("error", "ModifyImageAttribute", code="QuotaExceed.Image", status=400)
    with pytest.raises(ApiError, match=r"QuotaExceed\.Image"):
        publish(frozen.client(), V3)
    frozen.fault("error", "ModifyImageAttribute", times=None, code="InvalidImageName.Duplicated", status=400)
    with pytest.raises(RefusedError, match="fam-amd64-latest did not settle within 60 steps") as caught:
        publish(frozen.client(), V3)
    assert "other publishers keep changing it" in str(caught.value)


def test_a_goal_that_gets_deleted_is_reported(frozen: Running) -> None:
    version(frozen, 1, shown=True)
    version(frozen, 2)

    def meanwhile(_: list[str]) -> None:
        frozen.client().call("DeleteImage", {"ImageId": V2})

    with pytest.raises(NotFoundError, match=f"{V2} was deleted or renamed meanwhile"):
        publish(frozen.client(), V2, report=meanwhile)
    assert answer(frozen) == V1


@pytest.mark.parametrize("change", [{"DeleteImage": {}}, {"ModifyImageAttribute": {"ImageName": "tried-by-hand"}}])
def test_a_candidate_that_goes_right_after_it_was_found_is_reported(
    frozen: Running, change: dict[str, dict[str, str]]
) -> None:
    """Found by a story: a traceback."""
    version(frozen, 1, shown=True)
    version(frozen, 2)
    client = frozen.client()

    def act() -> None:
        for action, params in change.items():
            frozen.client().call(action, {"ImageId": V2, **params})

    meanwhile(client, 2, act)
    with pytest.raises(NotFoundError, match=f"{V2} was deleted or renamed meanwhile"):
        publish(client, V2)
    assert answer(frozen) == V1


Action = Callable[[EcsClient], object]
STORIES: dict[str, tuple[Action, set[str], dict[str, Any]]] = {
    "publish": (
        lambda client: publish(client, V3),
        {V2, V3},
        {V1: old(1, family=""), V2: old(2), V3: SHOWN},
    ),
    "roll back": (
        lambda client: roll_back(client, ALIAS),
        {V1, V2},
        {V1: SHOWN, V2: old(2, DEPRECATED), V3: old(3, family="")},
    ),
    "force": (
        lambda client: publish(client, V1, force=True),
        {V1, V2},
        {V1: SHOWN, V2: old(2, family="fam-amd64-not-shown"), V3: old(3, family="")},
    ),
}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("story", STORIES)
def test_after_a_crash_anywhere_the_name_resolves_and_the_next_run_completes(
    frozen: Running, story: str, after: bool
) -> None:
    """Field: the alias was renamed away first and for good. All placements, before and after every call."""
    run, good, end = STORIES[story]
    placements = 0
    version(frozen, 1)
    version(frozen, 2, shown=True)
    version(frozen, 3)
    begin_again = frozen.checkpoint()
    for at in range(1, 200):
        begin_again()
        client = frozen.client()
        transport = dying(client, at, after=after)
        try:
            run(client)
        except Crash:
            placements += 1
        assert answer(frozen) in good, at
        run(frozen.client())
        assert answer(frozen) in good
        assert state(frozen) == end, at
        if transport.sent < at:
            break
    assert placements > 10


@pytest.mark.parametrize("kind", ["error", "error-after", "throttle"])
def test_temporary_failures_do_not_matter(frozen: Running, kind: Any) -> None:
    version(frozen, 1, shown=True)
    version(frozen, 2)
    frozen.fault(kind, times=None, probability=0.4)
    publish(frozen.client(timeout=600.0), V2)
    frozen.cloud.gateway.faults.clear()
    assert state(frozen) == {V1: old(1), V2: SHOWN}


def published_and_rolled_back(frozen: Running, at: int, *, throttled: bool) -> tuple[set[str], str, bool]:
    """Publish, while others publish the same and roll it back before the call ``at``.

    Return what readers saw, the publish's error, and whether the others came in time.
    """
    client, answers = frozen.client(timeout=600.0), set[str]()

    def act() -> None:
        publish(frozen.client(), V3)
        roll_back(frozen.client(), ALIAS)
        if throttled:
            frozen.fault("throttle", times=1)

    def look() -> None:
        answers.add(answer(frozen))
        if throttled and reached():
            assert state(frozen)[V2] == SHOWN, "a repeated call did what had been decided before"

    reached = meanwhile(client, at, act, after=look)
    try:
        publish(client, V3)
    except RefusedError as error:
        return answers, str(error), reached()
    return answers, "", reached()


@pytest.mark.parametrize("throttled", [False, True])
def test_a_version_that_is_rolled_back_at_any_moment_of_its_publish_does_not_come_back(
    frozen: Running, throttled: bool
) -> None:
    """Found by stories: a publish went on with the deprecated version, and in the end the name had no answer."""
    errors = []
    version(frozen, 1)
    version(frozen, 2, shown=True)
    version(frozen, 3)
    begin_again = frozen.checkpoint()
    for at in range(1, 40):
        begin_again()
        answers, error, in_time = published_and_rolled_back(frozen, at, throttled=throttled)
        assert answers <= {V2, V3}, at
        if not in_time:
            break
        errors.append(error)
        assert "is Deprecated" in error, at
        assert state(frozen)[V3] == old(3, DEPRECATED), at
        assert state(frozen)[V2][:3] == SHOWN[:3], at
    assert sum("it was rolled back meanwhile" in error for error in errors) > 5


def test_a_roll_back_that_gives_way_to_a_publish_leaves_what_another_one_has_chosen(frozen: Running) -> None:
    """Found by a story: it took the tags off its own former goal, which was the other's goal by then."""
    version(frozen, 1)
    version(frozen, 2, shown=True)
    version(frozen, 3)
    client = frozen.client()

    def act() -> None:
        publish(frozen.client(), V3)
        marks = {"Channel": "latest", "Latest": "true", **RESTORED.of("2099-01-01T00:00:00Z")}
        tagging("image", [V1], marks).make(frozen.client())

    meanwhile(client, 5, act)  # it has tagged the first version
    assert roll_back(client, ALIAS).image_id == V3
    assert state(frozen) == {V1: (*old(1, family="")[:3], True), V2: old(2, DEPRECATED), V3: SHOWN}


def test_a_publish_takes_the_tags_off_an_image_once(frozen: Running) -> None:
    """Found by a story: a read that lagged behind made it do so again, when a roll-back wanted the image."""
    version(frozen, 1, shown=True)
    version(frozen, 2)
    client = frozen.client()

    def want_it() -> None:
        tags = read_lineage(frozen.client(), ALIAS).images[V1].tags
        if "Latest" not in tags:
            tagging("image", [V1], {"Channel": "latest", "Latest": "true"}).make(frozen.client())

    client._transport = Watching(client._transport, after=want_it)
    assert publish(client, V2).image_id == V2
    assert state(frozen) == {V1: (*old(1)[:3], True), V2: SHOWN}
    assert publish(frozen.client(), V2).image_id == V2
    assert state(frozen) == {V1: old(1), V2: SHOWN}


def test_a_publish_does_not_take_the_tags_off_again_by_a_read_from_before(frozen: Running) -> None:
    """Found by a story: the answer was lost, and meanwhile a roll-back has given the image its tags again."""
    version(frozen, 1, shown=True)
    version(frozen, 2)
    publish(frozen.client(), V1)
    frozen.wall.value += 100
    frozen.fault("timeout-after", "UntagResources", seconds=0.1)
    client, actions, began = frozen.client(), list[str](), list[float]()

    def before(action: str) -> None:
        actions.append(action)
        if actions.count("UntagResources") != 1:
            return
        if action == "UntagResources":
            frozen.wall.value += 20
            began.append(frozen.wall.value)
        elif actions[-2] == "UntagResources":  # it decides anew
            roll_back(frozen.client(), ALIAS)
            late = frozen.wall.value - began[0] + 10
            frozen.fault("stale", "DescribeImages", times=8, seconds=late)

    client._transport = Watching(client._transport, before=before, after=lambda: require_answer(frozen))
    with contextlib.suppress(RefusedError):
        publish(client, V2)
    frozen.cloud.gateway.faults.clear()
    assert state(frozen)[V1] == SHOWN


def test_a_roll_back_does_not_believe_that_it_is_done_already(frozen: Running) -> None:
    """Found by a story: a read that lags behind shows the alias where it was before the last publish."""
    version(frozen, 1, shown=True)
    before = read_lineage(frozen.client(), ALIAS)
    version(frozen, 2)
    publish(frozen.client(), V2)
    rolling = Intent(V1, bad=V2, force=True, known=frozenset({V2}), began=60.0)
    known = replace(before, images={**before.images, V2: read_lineage(frozen.client(), ALIAS).images[V2]})
    late = replace(known, images={**known.images, V2: known.images[V2]._replace(name=f"fam-amd64-{STAMPS[1]}")})
    step = next_step(late, rolling)
    assert step is not None
    assert step.call.action == "TagResources", "it says that it is underway before it deprecates anything"


@pytest.mark.parametrize("status", [DEPRECATED, AVAILABLE])
def test_giving_way_to_a_deletion_leaves_the_tag_of_a_roll_back(frozen: Running, status: str) -> None:
    """Found by a story: the roll-back had died, and its tag was all that the name had for an answer."""
    marks = {"Latest": "true", "Channel": "latest", **RESTORED.of("2026-01-01T00:00:00Z")}
    deleting = DELETING.of(format_moment(frozen.wall.value))
    version(frozen, 1, tags={"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[0], **marks, **deleting})
    version(frozen, 2, shown=True, state=status)
    if status == DEPRECATED:
        assert publish(frozen.client(), V1).image_id == V1
        return
    with pytest.raises(RefusedError, match="is being deleted by somebody else"):
        publish(frozen.client(), V1, force=True)
    assert state(frozen)[V1] == (*old(1, family="")[:3], True)


def test_a_version_with_as_many_tags_as_it_may_have_is_rolled_back_to(frozen: Running) -> None:
    """It has no room to say that a roll-back is underway."""
    own = {f"own-{number}": "x" for number in range(16)}
    version(frozen, 1, tags={"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[0], **own})
    version(frozen, 2, shown=True)
    assert roll_back(frozen.client(), ALIAS).image_id == V1
    assert state(frozen) == {V1: SHOWN, V2: old(2, DEPRECATED)}


def test_a_roll_back_waits_for_a_publish_that_may_take_its_tag_off(frozen: Running) -> None:
    """The publish has decided to, when the version was not wanted; its call comes while the roll-back waits."""
    version(
        frozen, 1, tags={"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[0], "Latest": "true", "Channel": "latest"}
    )
    version(frozen, 2, shown=True)
    client = frozen.client()
    untag = untagging("image", [V1], ["Channel", "Latest"])
    # The tag has been read again.
    meanwhile(client, 5, lambda: untag.make(frozen.client()), after=lambda: answer(frozen))
    assert roll_back(client, ALIAS).image_id == V1
    assert state(frozen) == {V1: SHOWN, V2: old(2, DEPRECATED)}


def test_a_roll_back_makes_the_tags_of_another_one_its_own(frozen: Running) -> None:
    """Found by a story: the other one gave way to a publish, and took off what it thought was its own alone."""
    others = format_moment(frozen.wall.value - 10)
    marks = {"Latest": "true", "Channel": "latest", **RESTORED.of(others)}
    version(frozen, 1, tags={"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[0], **marks})
    version(frozen, 2, shown=True)
    client, began, said = frozen.client(), frozen.wall.value, list[tuple[str, float]]()

    def look() -> None:
        tags = read_lineage(frozen.client(), ALIAS).images[V1].tags
        if RESTORED.read(tags) != others:
            said.append((RESTORED.read(tags), frozen.wall.value - began))

    client._transport = Watching(client._transport, after=look)
    assert roll_back(client, ALIAS).image_id == V1
    moment, waited = said[0]
    assert moment
    assert waited < 5, "at once: the other one may look meanwhile"


def test_a_roll_back_that_gives_way_leaves_the_tags_that_were_another_one_s(frozen: Running) -> None:
    """Found by a story: it had written its own moment over the other one's, and took that for its own."""
    marks = {"Latest": "true", "Channel": "latest", **RESTORED.of(format_moment(frozen.wall.value - 10))}
    version(frozen, 1, tags={"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[0], **marks})
    version(frozen, 2, shown=True)
    version(frozen, 3)
    client = frozen.client()
    reached = meanwhile(client, "ModifyImageAttribute", lambda: publish(frozen.client(), V3))
    assert roll_back(client, ALIAS).image_id == V3
    assert reached()
    assert state(frozen)[V3] == SHOWN
    assert state(frozen)[V1] == (*old(1, family="")[:3], True)


def test_a_publish_leaves_a_roll_back_that_began_in_the_same_second(frozen: Running) -> None:
    """Found by a story: it took the other one's moment for its own."""
    for number in (1, 2, 3):
        version(frozen, number, shown=number == 2)
    client = frozen.client()
    marks = {"Latest": "true", "Channel": "latest", **RESTORED.of(format_moment(frozen.wall.value))}
    reached = meanwhile(client, "ModifyImageAttribute", lambda: tagging("image", [V1], marks).make(frozen.client()))
    assert publish(client, V3).image_id == V3
    assert reached()
    assert state(frozen)[V1] == (*old(1, family="")[:3], True)


def test_tags_that_a_read_shows_may_be_another_one_s(frozen: Running) -> None:
    """Found by a story: reads go back, and the second one showed tags that the first one did not."""
    marks = {"Latest": "true", "Channel": "latest", **RESTORED.of(format_moment(frozen.wall.value))}
    version(frozen, 1, tags={"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[0], **marks})
    version(frozen, 2, shown=True)
    lineage = read_lineage(frozen.client(), ALIAS)
    rolling = Intent(V1, bad=V2, force=True, began=frozen.wall.value)
    tagged = remember(rolling, tag_step(lineage, lineage.images[V1], rolling))
    cases = (
        (rolling, True),
        (tagged, False),
        (replace(tagged, known=frozenset({V1})), True),
        (replace(rolling, force=False), False),
    )
    for intent, expected in cases:
        assert may_be_tagged_by_another_run(lineage, lineage.images[V1], intent) is expected


def test_a_roll_back_writes_its_tags_again_after_the_wait(frozen: Running) -> None:
    """What a read shows then may be from before somebody else's call took them off."""
    marks = {"Latest": "true", "Channel": "latest", **RESTORED.of(format_moment(frozen.wall.value))}
    version(frozen, 1, tags={"ManagedBy": "goldrun", "BuildTimestamp": STAMPS[0], **marks})
    version(frozen, 2, shown=True)
    frozen.wall.value += 100
    client, untag = frozen.client(), untagging("image", [V1], ["Channel", "Latest", RESTORED.key])

    def act() -> None:
        untag.make(frozen.client())
        frozen.fault("stale", "DescribeImages", times=None, seconds=60.0)

    actions: list[str] = []

    def before(action: str) -> None:
        actions.append(action)
        if actions[-2:] == ["TagResources", "DescribeImages"] and actions.count("TagResources") == 1:
            act()  # it waits

    client._transport = Watching(client._transport, before=before, after=lambda: require_answer(frozen))
    with contextlib.suppress(RefusedError):  # it never sees what it has done
        roll_back(client, ALIAS)
    assert "ModifyImageAttribute" in actions


# Every interleaving, on the pure model: an actor reads the whole lineage, then does one step, then reads again.
World = tuple[tuple[Image, ...], tuple[tuple[Image, ...] | None, ...]]


def picture(images: Iterable[Image]) -> tuple[Image, ...]:
    return tuple(sorted(images, key=lambda image: image.image_id))


def model(number: int, *, shown: bool = False) -> Image:
    stamp = STAMPS[number - 1]
    marks = {"Latest": "true", "Channel": "latest"} if shown else {}
    return Image(
        f"m-version00{number}", str(ALIAS) if shown else f"fam-amd64-{stamp}", "amd64", AVAILABLE, "100%", "",
        "fam-amd64" if shown else "", "", 40, "", "self", False, False, (), Frozen({"BuildTimestamp": stamp, **marks}),
    )  # fmt: skip


class Frozen(dict[str, str]):
    """Tags that can be part of a key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def as_lineage(images: tuple[Image, ...]) -> Lineage:
    return Lineage(ALIAS, {image.image_id: image for image in images})


def read_answer(images: tuple[Image, ...]) -> str | None:
    current = as_lineage(images).current()
    return current.image_id if current else None


def explore(images: tuple[Image, ...], intents: list[Intent]) -> tuple[set[str | None], set[tuple[Image, ...]], int]:
    """Walk through every state that the actors can reach: what readers see, how it ends, how many states there are.

    From every one of them an end can be reached: no publisher blocks the others for ever.
    """
    start: World = (images, (None,) * len(intents))
    seen, waiting = {start}, deque([start])
    answers: set[str | None] = set()
    ends: set[tuple[Image, ...]] = set()
    final: list[World] = []
    before: dict[World, list[World]] = {}
    while waiting:
        world = cloud, views = waiting.popleft()
        answers.add(read_answer(cloud))
        if all(next_step(as_lineage(cloud), intent) is None for intent in intents) and all(v is None for v in views):
            ends.add(cloud)
            final.append(world)
            continue
        for actor, intent in enumerate(intents):
            view = views[actor]
            if view is None:
                if next_step(as_lineage(cloud), intent) is None:
                    continue
                following: World = (cloud, (*views[:actor], cloud, *views[actor + 1 :]))
            else:
                step = next_step(as_lineage(view), intent)
                assert step is not None
                changed = cloud
                name = step.change.get("name")
                taken = any(one.name == name and one.image_id != step.image.image_id for one in cloud)
                if not (name and taken):
                    changed = picture(apply(one, step.image.image_id, view, step.change) for one in cloud)
                following = (changed, (*views[:actor], None, *views[actor + 1 :]))
            before.setdefault(following, []).append(world)
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    leading = set(final)
    while final:
        for world in before.get(final.pop(), []):
            if world not in leading:
                leading.add(world)
                final.append(world)
    assert leading == seen, "a state from which there is no way to an end"
    return answers, ends, len(seen)


def apply(image: Image, target: str, view: tuple[Image, ...], change: dict[str, Any]) -> Image:
    """A call changes what it names and nothing else: tags are added and taken off one by one."""
    if image.image_id != target:
        return image
    if "tags" in change:
        before = next(one for one in view if one.image_id == target).tags
        added = {key: value for key, value in change["tags"].items() if before.get(key) != value}
        removed = set(before) - set(change["tags"])
        kept = {key: value for key, value in image.tags.items() if key not in removed}
        change = {**change, "tags": Frozen({**kept, **added})}
    return image._replace(**change)


@pytest.mark.parametrize("publishers", [(2, 3), (3, 2), (2, 3, 4), (4, 3, 2)])
def test_publishers_at_once_converge_on_the_newest_in_every_interleaving(publishers: tuple[int, ...]) -> None:
    images = picture([model(1, shown=True), *(model(number) for number in publishers)])
    answers, ends, states = explore(images, [Intent(f"m-version00{number}") for number in publishers])
    assert None not in answers, "a moment at which the name resolves to nothing"
    assert states > 50
    newest = max(publishers)
    assert {read_answer(end) for end in ends} == {f"m-version00{newest}"}
    for end in ends:
        lineage = as_lineage(end)
        shown = lineage.shown()
        assert shown is not None
        assert shown.image_id == f"m-version00{newest}"
        assert [image.image_id for image in lineage.tagged()] == [f"m-version00{newest}"]


def test_a_roll_back_and_a_publisher_at_once() -> None:
    """The newer build wins, in any order; the bad version never comes back."""
    images = picture([model(1), model(2, shown=True), model(3)])
    known = frozenset({V2})
    rolling = Intent(V1, bad=V2, force=True, known=known)
    answers, ends, _ = explore(images, [rolling, Intent(V3)])
    assert None not in answers
    assert {read_answer(end) for end in ends} == {V3}
    assert all(image.status == DEPRECATED for end in ends for image in end if image.image_id == V2)


def test_a_roll_back_while_the_bad_version_is_published_again() -> None:
    """Found by a story: each side took the tag from the other's image, and the name had no answer."""
    images = picture([model(1), model(2, shown=True)])
    rolling = Intent(V1, bad=V2, force=True, known=frozenset({V2}), began=60.0)
    answers, ends, _ = explore(images, [rolling, Intent(V2, began=120.0)])
    assert None not in answers
    assert {read_answer(end) for end in ends} == {V1}
    assert all(image.status == DEPRECATED for end in ends for image in end if image.image_id == V2)


def test_the_plan_matches_what_is_done() -> None:
    lineage = as_lineage(picture([model(1, shown=True), model(2)]))
    assert [step.call.action for step in plan(lineage, Intent(V2))] == [
        "TagResources",
        "ModifyImageAttribute",
        "ModifyImageAttribute",
        "UntagResources",
    ]

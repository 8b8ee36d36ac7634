"""One version in several regions: complete wherever it is shown, whatever dies; back in all if one refuses."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from goldrun.bake.build import build
from goldrun.bake.context import Options
from goldrun.bake.reading import load
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.images import Encryption, describe_sharing
from goldrun.errors import GoldrunError, NotFoundError, RefusedError, UnavailableError
from goldrun.images.everywhere import Audience, publish_everywhere, roll_back_everywhere, share_everywhere
from goldrun.images.lineage import find_own
from goldrun.images.lookup import look_up
from goldrun.images.naming import name_reference
from goldrun.images.publish import publish, roll_back
from goldrun.images.replicate import copy_everywhere
from local_cloud.records import READY, Image, Invocation, Receipt, Snapshot, Usage
from tests.conftest import REGION, Running
from tests.simulation.dying import Crash, dying
from tests.simulation.test_build import ALIAS as TOOLS
from tests.simulation.test_build import RECIPE, Heard, cloud, folder, machine_settings, run
from tests.simulation.test_publish import ALIAS, V1, V2, version
from tests.simulation.watching import Watching

__all__ = ["cloud", "folder"]
OTHERS = ("cn-beijing", "cn-shanghai", "cn-shenzhen")
REGIONS = (REGION, *OTHERS)
ACCOUNTS = ("2000000000000001", "2000000000000002")


def shown(frozen: Running, region: str, alias: str = str(ALIAS)) -> Image | None:
    """What a look-up in a region finds, by the same rule, read from the store itself."""
    now = frozen.wall.value
    here = [one for one in frozen.cloud.store.all(Image) if one.region == region and one.status(now) == READY]
    named = [one for one in here if one.name == alias]
    lineage = alias.removesuffix("latest")
    marked = [one for one in here if one.name.startswith(lineage) and one.tags.get("Latest") == "true"]
    return max(named or marked, key=lambda one: (one.created, one.id), default=None)


def is_complete(frozen: Running, image: Image, accounts: tuple[str, ...] = ACCOUNTS) -> bool:
    """Whether every region has the version, Available and shared."""
    stamp, now = image.tags["BuildTimestamp"], frozen.wall.value
    found = [one for one in frozen.cloud.store.all(Image) if one.tags.get("BuildTimestamp") == stamp]
    ready = {one.region for one in found if one.status(now) == READY and set(accounts) <= one.shared_with.keys()}
    return ready >= set(REGIONS)


def release(client: EcsClient, image_id: str) -> dict[str, Any]:
    image = find_own(client, image_id)
    versions = {REGION: image, **copy_everywhere(client, image, OTHERS)}
    share_everywhere(client, versions, Audience(ACCOUNTS))
    return publish_everywhere(client, versions)


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_every_call_shows_complete_releases_everywhere(frozen: Running, after: bool) -> None:
    """Four regions, two accounts. Between any two calls, and after each death, and after the run that completes it."""
    deaths = 0
    frozen.cloud.store.put(replaced(frozen.cloud.store.settings(), copy_seconds=5.0))
    version(frozen, 1)
    release(frozen.client(), V1)
    version(frozen, 2)
    begin_again = frozen.checkpoint()
    for at in range(1, 400):
        begin_again()
        broken: list[str] = []

        def look(at: int = at, broken: list[str] = broken) -> None:
            for region in REGIONS:
                image = shown(frozen, region)
                if image is None or not is_complete(frozen, image):
                    broken.append(f"{at}: {region} shows {image and image.name}")

        client = frozen.client()
        client._transport = Watching(client._transport, after=look)
        transport = dying(client, at, after=after)
        with contextlib.suppress(Crash):
            release(client, V2)
        deaths += transport.sent >= at
        look()
        again = frozen.client()
        again._transport = Watching(again._transport, after=look)
        release(again, V2)
        assert broken == []
        ends = [shown(frozen, region) for region in REGIONS]
        assert {one.tags["BuildTimestamp"] for one in ends if one} == {"20260201000000"}, at
        assert all(one and one.name == str(ALIAS) and is_complete(frozen, one) for one in ends)
        assert len([one for one in frozen.cloud.store.all(Image) if one.name.startswith("fam-")]) == 2 * len(REGIONS)
        if transport.sent < at:
            break
    assert deaths > 50


def test_the_store_s_rule_is_the_look_up_s(frozen: Running) -> None:
    version(frozen, 1)
    release(frozen.client(), V1)
    for region in REGIONS:
        found = look_up(frozen.client(region=region), name_reference(str(ALIAS), "amd64"))
        image = shown(frozen, region)
        assert found
        assert image
        assert found.image.image_id == image.id


@pytest.mark.parametrize("refused", range(1, 12))
def test_a_region_that_refuses_takes_all_of_them_back(frozen: Running, refused: int) -> None:
    """Wherever among the changes of names and tags: every region shows the old release again, none is left between."""
    version(frozen, 1)
    release(frozen.client(), V1)
    version(frozen, 2)
    client = frozen.client()
    image = find_own(client, V2)
    versions = {REGION: image, **copy_everywhere(client, image, OTHERS)}
    share_everywhere(client, versions, Audience(ACCOUNTS))
    changes = 0

    def look() -> None:
        nonlocal changes
        done = sum(frozen.cloud.gateway.calls.get(one, 0) for one in ("ModifyImageAttribute", "TagResources"))
        if done >= start + refused and not changes:
            changes = 1
            frozen.fault("error", "ModifyImageAttribute", code="Forbidden.Somebody", status=403)

    calls = frozen.cloud.gateway.calls
    start = sum(calls.get(one, 0) for one in ("ModifyImageAttribute", "TagResources"))
    client._transport = Watching(client._transport, after=look)
    try:
        publish_everywhere(client, versions)
    except ApiError as error:
        notes = error.__notes__
        assert [shown(frozen, region) and shown(frozen, region).tags["BuildTimestamp"] for region in REGIONS] == [  # type: ignore[union-attr]
            "20260101000000"
        ] * 4, notes
        assert any("again." in note for note in notes)
        for region in REGIONS:
            assert shown(frozen, region).name == str(ALIAS)  # type: ignore[union-attr]
    else:
        pytest.fail("nothing was refused")


def test_nothing_moves_if_one_region_cannot_take_it(frozen: Running) -> None:
    """Asked before the first name moves: a newer version is published there."""
    version(frozen, 1)
    release(frozen.client(), V1)
    version(frozen, 2)
    client = frozen.client()
    image = find_own(client, V2)
    versions = {REGION: image, **copy_everywhere(client, image, OTHERS)}
    newer = {"ManagedBy": "goldrun", "BuildTimestamp": "20270101000000"}
    frozen.image("fam-amd64-20270101000000", id="m-newer00001", region=OTHERS[2], tags=newer)
    publish(frozen.client(region=OTHERS[2]), "m-newer00001")
    before = dict(frozen.cloud.gateway.calls)
    with pytest.raises(RefusedError, match="is older than what"):
        publish_everywhere(client, versions)
    changing = ("ModifyImageAttribute", "TagResources", "UntagResources")
    assert [frozen.cloud.gateway.calls.get(one) for one in changing] == [before.get(one) for one in changing]


def test_another_version_that_came_meanwhile_is_not_taken_back(frozen: Running) -> None:
    version(frozen, 1)
    release(frozen.client(), V1)
    version(frozen, 2)
    version(frozen, 3)
    client = frozen.client()
    image = find_own(client, V2)
    versions = {REGION: image, **copy_everywhere(client, image, OTHERS)}
    others, done = frozen.client(), [False]

    def look() -> None:
        here = shown(frozen, REGION)
        if here and here.id == V2 and here.name == str(ALIAS) and not done[0]:
            done[0] = True
            publish(others, "m-version003")
            frozen.fault("error", "ModifyImageAttribute", code="Forbidden.Somebody", status=403)

    client._transport = Watching(client._transport, after=look)
    with pytest.raises(GoldrunError) as caught:
        publish_everywhere(client, versions)
    here = shown(frozen, REGION)
    assert here
    assert here.id == "m-version003"
    assert any("another version was published there" in note for note in caught.value.__notes__)


def test_a_first_release_that_fails_says_what_is_shown(frozen: Running) -> None:
    version(frozen, 1)
    client = frozen.client()
    image = find_own(client, V1)
    versions = {REGION: image, **copy_everywhere(client, image, OTHERS[:1])}
    frozen.fault("error", "TagResources", code="Forbidden.Somebody", status=403, times=1)
    with pytest.raises(ApiError) as caught:
        publish_everywhere(client, versions)
    assert "showed nothing before" in caught.value.__notes__[0]


def test_a_roll_back_in_all_regions(frozen: Running) -> None:
    version(frozen, 1)
    version(frozen, 2)
    client = frozen.client()
    for one in (V1, V2):
        image = find_own(client, one)
        publish_everywhere(client, {REGION: image, **copy_everywhere(client, image, OTHERS)})
    roll_back_everywhere(client, ALIAS, REGIONS, dry_run=True)
    assert {shown(frozen, one).tags["BuildTimestamp"] for one in REGIONS} == {"20260201000000"}  # type: ignore[union-attr]
    back = roll_back_everywhere(client, ALIAS, REGIONS)
    assert {image.tags["BuildTimestamp"] for image in back.values()} == {"20260101000000"}
    assert {shown(frozen, one).tags["BuildTimestamp"] for one in REGIONS} == {"20260101000000"}  # type: ignore[union-attr]
    again = roll_back_everywhere(client, ALIAS, REGIONS)
    assert {image.image_id for image in again.values()} == {image.image_id for image in back.values()}


def test_a_roll_back_asks_every_region_first(frozen: Running) -> None:
    version(frozen, 1)
    version(frozen, 2)
    client = frozen.client()
    for one, others in ((V1, OTHERS[:1]), (V2, OTHERS[:2])):
        image = find_own(client, one)
        publish_everywhere(client, {REGION: image, **copy_everywhere(client, image, others)})
    with pytest.raises(NotFoundError, match="is not a version of"):
        roll_back_everywhere(client, ALIAS, REGIONS[:3])
    assert {shown(frozen, one).tags["BuildTimestamp"] for one in REGIONS[:3]} == {"20260201000000"}  # type: ignore[union-attr]


@pytest.mark.parametrize("after", [False, True])
def test_a_roll_back_that_dies_is_completed_by_the_same_command(frozen: Running, after: bool) -> None:
    version(frozen, 1)
    version(frozen, 2)
    client = frozen.client()
    for one in (V1, V2):
        image = find_own(client, one)
        publish_everywhere(client, {REGION: image, **copy_everywhere(client, image, OTHERS[:2])})
    begin_again = frozen.checkpoint()
    for at in range(1, 200, 2):
        begin_again()
        client = frozen.client()
        transport = dying(client, at, after=after)
        with contextlib.suppress(Crash):
            roll_back_everywhere(client, ALIAS, REGIONS[:3])
        assert all(shown(frozen, one) for one in REGIONS[:3]), at
        roll_back_everywhere(frozen.client(), ALIAS, REGIONS[:3])
        assert {shown(frozen, one).tags["BuildTimestamp"] for one in REGIONS[:3]} == {"20260101000000"}, at  # type: ignore[union-attr]
        if transport.sent < at:
            return
    pytest.fail("it never ended")


def test_encrypted_copies(frozen: Running) -> None:
    version(frozen, 1)
    client = frozen.client()
    keys = {OTHERS[0]: Encryption("key-beijing"), OTHERS[1]: Encryption()}
    copies = copy_everywhere(client, find_own(client, V1), OTHERS[:2], encryption=keys)
    found = {one.id: (one.encrypted, one.key) for one in frozen.cloud.store.all(Snapshot)}
    assert [found[copies[one].snapshots[0]] for one in OTHERS[:2]] == [(True, "key-beijing"), (True, "")]


def test_a_share_that_ecs_took_and_does_not_list_is_an_error(frozen: Running) -> None:
    version(frozen, 1)
    client = frozen.client()
    image = find_own(client, V1)

    def look() -> None:
        (kept,) = [one for one in frozen.cloud.store.all(Image) if one.id == V1]
        frozen.cloud.store.put(replaced(kept, shared_with={}))

    client._transport = Watching(client._transport, after=look)
    with pytest.raises(UnavailableError, match="is not shared in"):
        share_everywhere(client, {REGION: image}, Audience(ACCOUNTS))


PUBLISH = f"""
[publish]
regions = ["{REGION}", "{OTHERS[0]}", "{OTHERS[1]}"]
accounts = ["{ACCOUNTS[0]}", "{ACCOUNTS[1]}"]
"""


def test_a_build_publishes_where_its_recipe_says(cloud: Running, folder: Path) -> None:
    recipe = (folder / "recipe.toml").read_text()
    first = run(cloud, load(folder))
    (folder / "recipe.toml").write_text(recipe + PUBLISH)
    heard = Heard()
    built = run(cloud, load(folder), heard=heard)
    assert built.skipped
    assert built.image.image_id == first.image.image_id, "where it is published is not what it is"
    assert heard.steps[-4:] == ["copy to other regions", "share with other accounts", "publish", "prune"]
    for region in REGIONS[:3]:
        there = cloud.client(region=region)
        found = look_up(there, name_reference("tools-amd64-latest", "amd64"))
        assert found
        assert describe_sharing(there, found.image) == (False, list(ACCOUNTS))
    assert shown(cloud, OTHERS[2], "tools-amd64-latest") is None


def test_a_build_prunes_in_every_region(cloud: Running, folder: Path) -> None:
    (folder / "recipe.toml").write_text((folder / "recipe.toml").read_text() + PUBLISH.replace("accounts", "# "))
    for text in ("one\n", "two\n"):
        (folder / "motd").write_text(text)
        run(cloud, load(folder))
    found = [one for one in cloud.cloud.store.all(Image) if one.name.startswith("tools-")]
    assert sorted((one.region, one.name) for one in found) == sorted((one, "tools-amd64-latest") for one in REGIONS[:3])
    assert len(list(cloud.cloud.store.all(Snapshot))) == 3


def test_a_version_that_was_rolled_back_in_one_region_alone(cloud: Running, folder: Path) -> None:
    """Each build failed, and said that another image had the name, and to delete it."""
    (folder / "recipe.toml").write_text(RECIPE + '[publish]\nregions = ["cn-beijing"]\n[retention]\nkeep = 3\n')
    run(cloud, load(folder))
    (folder / "motd").write_text("bad\n")
    run(cloud, load(folder))
    roll_back(cloud.client(region="cn-beijing"), TOOLS)
    with pytest.raises(RefusedError, match="was rolled back in cn-beijing"):
        run(cloud, load(folder))


def test_a_build_that_dies_while_it_publishes_is_completed(cloud: Running, folder: Path) -> None:
    recipe = (folder / "recipe.toml").read_text() + PUBLISH.replace("accounts", "# ")
    (folder / "recipe.toml").write_text(recipe)
    client = cloud.client(timeout=600.0)
    counting = dying(client, 10**6, after=False)
    build(client, load(folder), "amd64", machine_settings(), Options(), Heard())
    whole = counting.sent
    for at in range(whole - 45, whole, 4):
        (folder / "motd").write_text(f"{at}\n")
        client = cloud.client(timeout=600.0)
        dying(client, at, after=bool(at % 2))
        with contextlib.suppress(Crash):
            build(client, load(folder), "amd64", machine_settings(), Options(), Heard())
        built = run(cloud, load(folder))
        stamps = {shown(cloud, one, "tools-amd64-latest").tags["VersionHash"] for one in REGIONS[:3]}  # type: ignore[union-attr]
        assert stamps == {built.version_hash}, at
        store = cloud.cloud.store
        store.remove(*store.all(Invocation), *store.all(Usage), *store.all(Receipt))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('regions = ["mars"]', "mars"),
        ('regions = ["cn-beijing", "cn-beijing"]', "the region cn-beijing is named twice"),
        ('accounts = ["me"]', "is not an account id"),
        ('regions = ["cn-beijing"]\nkeys = { cn-beijing = "k" }', "no encrypted copy is made in cn-beijing"),
        ("encrypted = true\npublic = true", "cannot be public"),
        (
            'regions = ["cn-beijing"]\nencrypted = true\naccounts = ["2000000000000001"]',
            "a key of your own for cn-beijing",
        ),
    ],
)
def test_mistakes_in_a_recipe_are_told_before_anything_is_built(folder: Path, text: str, words: str) -> None:
    (folder / "recipe.toml").write_text((folder / "recipe.toml").read_text() + f"\n[publish]\n{text}\n")
    with pytest.raises(GoldrunError) as caught:
        load(folder)
    assert words in str(caught.value)

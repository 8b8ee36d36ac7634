"""The index finds what a look at every record finds, and is as current as the records."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.conftest import Running

from local_cloud import seed
from local_cloud.actions.rules import has_tags
from local_cloud.index import MOST_DERIVED, Index
from local_cloud.records import Image, Instance
from local_cloud.store import Store

TEXTS = st.text("abcX-0中", max_size=6)
TAGS = st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["", "1", "2"]), max_size=3)
IMAGES = st.lists(st.tuples(TEXTS, TAGS, st.integers(0, 3)), max_size=12)
WANTED = st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from([None, "", "1", "2"])), max_size=3)


def image(number: int, name: str, tags: dict[str, str] | None = None, created: float = 0.0) -> Image:
    return Image(
        id=f"m-{number}", region=seed.REGION, owner=seed.ACCOUNT, name=name, tags=tags or {}, created=created, ready=0.0
    )


@given(IMAGES, TEXTS)
def test_names(given_: list[tuple[str, dict[str, str], int]], part: str) -> None:
    index = Index([image(number, *each) for number, each in enumerate(given_)])
    assert index.named(part) == [one for one in index.newest if part.lower() in one.name.lower()]
    assert [one.created for one in index.newest] == sorted((one.created for one in index.records), reverse=True)


@given(IMAGES, WANTED)
def test_tags(given_: list[tuple[str, dict[str, str], int]], wanted: list[tuple[str, str | None]]) -> None:
    index = Index([image(number, *each) for number, each in enumerate(given_)])
    found = [one for one in index.tagged(wanted) if has_tags(one.tags, wanted)]
    assert found == [one for one in index.newest if has_tags(one.tags, wanted)]


def test_names_over_lines() -> None:
    index = Index([image(1, "a\nb"), image(2, "c")])
    assert index.named("b\nc") == index.named("a\nb") == []
    assert [one.id for one in index.named("b")] == ["m-1"]


def test_an_index_is_as_current_as_its_store() -> None:
    store = Store(None, lambda: 100.0)
    store.put(image(1, "one"))
    first = store.index(Image)
    assert store.index(Image) is first
    store.put(image(2, "two"))
    assert [one.name for one in store.index(Image).records] == ["one", "two"]
    with store.transaction():
        store.put(image(3, "three"))
        assert [one.name for one in store.index(Image).named("three")] == ["three"]
    assert len(store.index(Image).records) == 3
    try:
        with store.transaction():
            store.remove(image(1, "one"))
            assert len(store.index(Image).records) == 2
            raise KeyError
    except KeyError:
        assert len(store.index(Image).records) == 3
    store.clear()
    assert store.index(Image).records == []
    store.close()


def test_random_changes() -> None:
    store, chance = Store(None, lambda: 100.0), random.Random(5)
    for _ in range(300):
        number = chance.randint(1, 9)
        store.put(image(number, f"n{chance.randint(1, 9)}", created=float(chance.randint(1, 5))))
        if chance.random() < 0.3:
            store.remove(image(chance.randint(1, 9), ""))
        fresh = Index(store.all(Image))
        assert store.index(Image).newest == fresh.newest
        assert store.index(Image).by(lambda one: one.name) == fresh.by(lambda one: one.name)
    store.close()


def test_what_is_derived_is_bounded() -> None:
    index, made = Index([image(1, "one")]), []
    for number in range(3 * MOST_DERIVED):
        index.derive(number, lambda: made.append(1))
    assert len(index._derived) <= MOST_DERIVED
    assert index.derive("x", lambda: 1) == index.derive("x", lambda: 2) == 1


def test_a_list_is_searched_once_and_follows_time_and_changes(frozen: Running) -> None:
    client, now = frozen.client(), frozen.wall.value
    for number in range(25):
        frozen.image(f"page-{number}", created=now - number, ready=now + 100 if number < 3 else 0.0)

    def count(**more: Any) -> tuple[int, int]:
        params = {"PageSize": 10, "Tag": [], **more}
        answers = [client.call("DescribeImages", {**params, "PageNumber": page}) for page in (1, 2, 3)]
        names = {image["ImageName"] for answer in answers for image in answer["Images"]["Image"]}
        assert len({answer["TotalCount"] for answer in answers}) == 1
        return answers[0]["TotalCount"], len(names)

    owner = {"ImageOwnerAlias": "self"}
    assert count(**owner) == (22, 22)
    assert count(Status="Creating", **owner) == (3, 3)
    frozen.wall.value += 200.0
    assert count(**owner) == (25, 25), "time alone makes them Available"
    assert count(Status="Creating", **owner) == (0, 0)
    frozen.image("one-more")
    assert count(**owner) == (26, 26), "so does a change"


def test_a_starting_instance_runs_after_a_while(frozen: Running) -> None:
    client, now = frozen.client(), frozen.wall.value
    machine = Instance(
        id="i-1", name="one", region=seed.REGION, owner=seed.ACCOUNT, image="m-x", created=now, ready=now + 30.0
    )
    frozen.cloud.store.put(replace(machine, tags={"a": "b"}))

    def statuses(**more: Any) -> list[str]:
        answer = client.call("DescribeInstances", {"Tag": [{"Key": "a", "Value": "b"}], **more})
        return [one["Status"] for one in answer["Instances"]["Instance"]]

    assert statuses() == statuses(InstanceName="one") == ["Pending"]
    frozen.wall.value += 5.0
    assert statuses() == statuses(InstanceName="o*") == ["Starting"]
    frozen.wall.value += 30.0
    assert statuses() == statuses(Status="Running") == ["Running"]
    assert statuses(InstanceName="two") == statuses(Status="Pending") == []

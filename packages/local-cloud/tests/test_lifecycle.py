"""The end of instances: what goes with them, what stays, and how often the store is read for it."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud import lifecycle, seed
from local_cloud.market import Market
from local_cloud.records import Disk, Eip, Instance, NetworkInterface, Usage
from local_cloud.store import Store

NOW = 1_795_000_000.0
WHERE: dict[str, Any] = {"region": seed.REGION, "owner": seed.ACCOUNT, "created": NOW - 3600.0}


def furnish(store: Store, count: int) -> None:
    """Instances that end now, each with two disks, an interface of its own and one that stays, and an address."""
    place: dict[str, Any] = {"zone": "cn-hangzhou-k", "category": "cloud_essd", "size": 40}
    interface: dict[str, Any] = {
        "vpc": "vpc-1",
        "vswitch": "vsw-1",
        "zone": "cn-hangzhou-k",
        "mac": "00:16:3e:00:00:01",
    }
    interface |= {"security_groups": ("sg-1",), "ip": "10.0.0.9"}
    for number in range(count):
        own = f"i-{number}"
        store.put(
            Instance(id=own, image="m-1", type="ecs.c7.large", zone="cn-hangzhou-k", auto_release=NOW, **WHERE),
            Disk(id=f"d-system-{number}", instance=own, with_instance=True, **place, **WHERE),
            Disk(id=f"d-data-{number}", instance=own, with_instance=False, **place, **WHERE),
            NetworkInterface(id=f"eni-own-{number}", instance=own, with_instance=True, **interface, **WHERE),
            NetworkInterface(id=f"eni-{number}", instance=own, with_instance=False, **interface, **WHERE),
            Eip(id=f"eip-{number}", bound_to=f"eni-own-{number}", ip="47.0.0.1", **WHERE),
        )


def test_what_goes_with_an_instance_and_what_stays() -> None:
    store = Store(None, lambda: NOW)
    furnish(store, 3)
    store.put(Instance(id="i-stays", image="m-1", type="ecs.c7.large", zone="cn-hangzhou-k", **WHERE))
    lifecycle.settle(store, NOW)
    assert [one.id for one in store.all(Instance)] == ["i-stays"]
    assert {one.id: one.instance for one in store.all(Disk)} == {f"d-data-{number}": "" for number in range(3)}
    assert {one.id: one.instance for one in store.all(NetworkInterface)} == {f"eni-{n}": "" for n in range(3)}
    assert {one.bound_to for one in store.all(Eip)} == {""}
    assert len(list(store.all(Usage))) == 3


@pytest.mark.parametrize("several", [False, True])
def test_many_that_end_at_once_are_as_few_reads_as_one(monkeypatch: pytest.MonkeyPatch, several: bool) -> None:
    """Each read all disks, addresses and interfaces again: two thousand took nine seconds."""
    reads: list[int] = []
    for count in (2, 50):
        store, read = Store(None, lambda: NOW), Store.all
        furnish(store, count)
        asked: list[object] = []

        def counted(self: Store, kind: Any, asked: list[object] = asked, read: Any = read) -> Any:
            asked.append(kind)
            return read(self, kind)

        monkeypatch.setattr(Store, "all", counted)
        if several:
            with store.transaction():
                lifecycle.release(store, Market(), list(read(store, Instance)), NOW)
        else:
            lifecycle.settle(store, NOW)
        monkeypatch.setattr(Store, "all", read)
        assert not list(store.all(Instance))
        reads.append(len(asked))
    assert reads[0] == reads[1]

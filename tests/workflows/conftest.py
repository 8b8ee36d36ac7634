"""A local cloud that is quick, and an eye on its instances."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from local_cloud.market import Market
from local_cloud.records import Instance
from tests.conftest import Running


@pytest.fixture
def cloud(populated: Running) -> Running:
    store = populated.cloud.store
    store.put(
        replace(
            store.settings(),
            market=Market(seed=11, phantoms=0.0, scarcity=0.0),
            boot_seconds=1.0,
            image_seconds=1.0,
            stop_seconds=0.5,
            release_seconds=0.5,
        )
    )
    store.remove(*store.all(Instance))
    populated.cloud.clock.set_speed(10)
    return populated


@pytest.fixture
def seen(cloud: Running) -> Iterator[dict[str, Instance]]:
    """Every instance that there was."""
    found: dict[str, Instance] = {}
    end = threading.Event()

    def follow() -> None:
        while not end.wait(0.2):
            found.update({one.id: one for one in cloud.cloud.store.all(Instance)})

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    yield found
    end.set()
    thread.join()

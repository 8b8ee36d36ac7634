"""A local cloud that is quick, and an eye on its instances."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from local_cloud.records import Instance
from tests.conftest import QUICK, Running


@pytest.fixture
def cloud(populated: Running) -> Running:
    populated.cloud.store.remove(*populated.cloud.store.all(Instance))
    return populated.always_in_stock(speed=10, **QUICK)


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

"""A cloud that serves labels, and the players of its machines."""

from __future__ import annotations

import pytest

from tests.conftest import Running
from tests.simulation.played import Played, play
from tests.simulation.serving import with_image


@pytest.fixture
def cloud(frozen: Running) -> Running:
    return with_image(frozen, boot_seconds=10.0)


@pytest.fixture
def played(cloud: Running) -> Played:
    return play(cloud)

"""RebootInstance as the official SDK calls it, and ``goldrun instance reboot``."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from msgspec.structs import replace
from tests.commands import Goldrun
from tests.conftest import Running

from local_cloud.records import Instance
from sdk import ecs, refused

RUNNING = "i-localrunner000001"


def reboot(client: Any, instance_id: str, **fields: Any) -> Any:
    return client.reboot_instance(models.RebootInstanceRequest(instance_id=instance_id, **fields)).body


def instance(cloud: Running) -> Instance:
    found = cloud.cloud.store.get(Instance, RUNNING)
    assert found
    return found


def test_an_instance_restarts(populated: Running) -> None:
    client, now = ecs(populated), populated.cloud.clock.now
    assert refused(lambda: reboot(client, RUNNING, dry_run=True))[1] == "DryRunOperation"
    assert instance(populated).status(now()) == "Running"
    assert reboot(client, RUNNING).request_id
    assert instance(populated).status(now()) == "Starting"
    assert refused(lambda: reboot(client, RUNNING)) == (403, "IncorrectInstanceStatus")
    populated.cloud.clock.advance(60)
    assert instance(populated).status(now()) == "Running"


def test_a_forced_reboot_is_faster(populated: Running) -> None:
    client, now = ecs(populated), populated.cloud.clock.now()
    reboot(client, RUNNING)
    clean = instance(populated).ready - now
    populated.cloud.store.put(replace(instance(populated), ready=0.0))
    reboot(client, RUNNING, force_stop=True)
    assert instance(populated).ready - now < clean


def test_instances_that_cannot_be_restarted(populated: Running) -> None:
    client, store = ecs(populated), populated.cloud.store
    assert refused(lambda: reboot(client, "i-nothing")) == (404, "InvalidInstanceId.NotFound")
    store.put(replace(instance(populated), state="Stopped"))
    assert refused(lambda: reboot(client, RUNNING)) == (403, "IncorrectInstanceStatus")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([RUNNING], 0, f"restarting: {RUNNING}."),
        (["--force", RUNNING], 0, f"restarting: {RUNNING}."),
        (["i-nothing"], 1, "Instance not found: i-nothing"),
        (["nothing"], 2, "'nothing' is not an instance's id"),
    ],
)
def test_the_command(populated: Running, goldrun: Goldrun, words: list[str], code: int, said: str) -> None:
    assert said in goldrun("instance", "reboot", *words, code=code).stderr
    now = populated.cloud.clock.now()
    assert instance(populated).status(now) == ("Running" if code else "Starting")

"""Each policy is enough for its job, and no part of it can be left out."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from goldrun.ecs.client import EcsClient
from goldrun.ecs.errors import AccessDeniedError
from goldrun.images.find import find_image
from goldrun.images.lineage import find_own
from goldrun.images.naming import PublishedName, parse_reference
from goldrun.images.publish import publish, roll_back
from goldrun.images.removal import find_orphans, protect, remove
from goldrun.images.replicate import copy_image, share_image, shared_with
from goldrun.images.retention import prune
from goldrun.images.usage import count_instances
from goldrun.local import seed
from goldrun.local.records import Policy, Snapshot
from goldrun.policies import JOBS, policy_for
from tests.conftest import Running
from tests.simulation.test_prune import built

ALIAS = PublishedName("fam", "amd64", "latest")


def look(client: EcsClient) -> None:
    find_image(client, parse_reference("fam", "amd64"))


def whole_life(client: EcsClient) -> None:
    """Everything that the job `publish` names."""
    publish(client, "m-version003")
    protect(client, find_own(client, "m-version003"), on=True)
    protect(client, find_own(client, "m-version003"), on=False)
    share_image(client, find_own(client, "m-version001"), [seed.OTHER_ACCOUNT], on=True)
    shared_with(client, find_own(client, "m-version001"))
    share_image(client, find_own(client, "m-version001"), [seed.OTHER_ACCOUNT], on=False)
    copy_image(client, find_own(client, "m-version003"), "cn-beijing", publish=True)
    roll_back(client, ALIAS)
    remove(client, find_own(client, "m-version001"))
    prune(client, ALIAS, keep=1)
    find_orphans(client)
    count_instances(client)


RUNS: dict[str, Callable[[EcsClient], None]] = {"lookup": look, "publish": whole_life}


def prepare(frozen: Running, document: dict[str, Any]) -> EcsClient:
    frozen.cloud.store.clear()
    seed.found(frozen.cloud.store)
    built(frozen, 1)
    built(frozen, 2, shown=True)
    built(frozen, 3)
    frozen.cloud.store.put(Policy(id=seed.KEY.id, document=document))
    return frozen.client()


def test_every_job_is_proved() -> None:
    assert set(RUNS) == set(JOBS)


@pytest.mark.parametrize("job", JOBS)
def test_sufficient(frozen: Running, job: str) -> None:
    RUNS[job](prepare(frozen, policy_for([job])))


@pytest.mark.parametrize("job", JOBS)
def test_minimal(frozen: Running, job: str) -> None:
    whole = policy_for([job])
    for number, statement in enumerate(whole["Statement"]):
        for action in statement["Action"]:
            less = deepcopy(whole)
            less["Statement"][number]["Action"].remove(action)
            with pytest.raises(AccessDeniedError) as caught:
                RUNS[job](prepare(frozen, less))
            assert f"ecs:{caught.value.action}" == action


def test_foreign_images_are_out_of_reach(frozen: Running) -> None:
    client = prepare(frozen, policy_for(["lookup", "publish"]))
    foreign = frozen.image("fam-amd64-20250101000000", id="m-foreign001", snapshot="s-foreign1")
    frozen.snapshot("s-foreign1")
    for action, params in (
        ("DeleteImage", {"ImageId": foreign}),
        ("ModifyImageAttribute", {"ImageId": foreign, "ImageName": "mine"}),
        ("DeleteSnapshot", {"SnapshotId": "s-foreign1"}),
        ("CreateImage", {"SnapshotId": "s-foreign1"}),
    ):
        with pytest.raises(AccessDeniedError):
            client.call(action, params)


def test_a_deletion_whose_answer_was_lost_is_not_taken_for_a_denial(frozen: Running) -> None:
    client = prepare(frozen, policy_for(["publish"]))
    frozen.fault("error-after", "DeleteImage")
    frozen.fault("error-after", "DeleteSnapshot")
    remove(client, find_own(client, "m-version001"))
    assert frozen.cloud.store.get(Snapshot, "s-version001") is None


def test_a_denial_wins_over_an_allowance(frozen: Running) -> None:
    document = policy_for(["lookup"])
    document["Statement"].append({"Effect": "Deny", "Action": "ecs:Describe*", "Resource": "*"})
    with pytest.raises(AccessDeniedError):
        look(prepare(frozen, document))

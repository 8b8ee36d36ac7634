"""Each policy is enough for its job, and no part of it can be left out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks.silence import SilentReport
from msgspec import structs

from goldrun import sweep
from goldrun.bake.build import build
from goldrun.bake.context import Options
from goldrun.bake.reading import load
from goldrun.bake.template import TEMPLATE
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import AccessDeniedError
from goldrun.cloud.images import share_image, shared_with
from goldrun.cloud.instances import console_output, count_by_image, start_instances, was_reclaimed
from goldrun.cloud.quotas import free_vcpus
from goldrun.cloud.rpc import Parameter
from goldrun.cloud.tagging import untagging
from goldrun.cloud.tags import RUNNER_TYPE
from goldrun.cost import billed_days, running_costs
from goldrun.errors import NotFoundError, RefusedError
from goldrun.github.scope import repository_scope
from goldrun.images.find import find_image
from goldrun.images.lineage import find_own
from goldrun.images.naming import PublishedName, parse_reference
from goldrun.images.publish import publish, roll_back
from goldrun.images.removal import find_orphan_snapshots, protect, remove
from goldrun.images.replicate import copy_image
from goldrun.images.resolve import read_manifest, resolve_image
from goldrun.images.retention import prune
from goldrun.launch.acquire import acquire
from goldrun.launch.lifetime import prolong, wait_until_running
from goldrun.launch.machine import Machine
from goldrun.launch.offers import Criteria, Span
from goldrun.launch.release import release
from goldrun.launch.settings import LaunchSettings, Network
from goldrun.policies import JOBS, policy_for
from goldrun.runners.diagnostics import explain, failure, has_ended
from goldrun.runners.lifecycle import Plan, bring_down, bring_up
from goldrun.serve.assembly import build_worker
from goldrun.serve.config import Cost, NetworkPart
from goldrun.serve.retries import Retries
from goldrun.serve.server import Steps
from local_cloud import seed
from local_cloud.access import Policy
from local_cloud.records import Disk, Instance, SecurityGroup, Snapshot, VSwitch
from tests.conftest import NOW, REGION, Running
from tests.simulation.played import open_github, play
from tests.simulation.serving import scale_set_spec
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
    find_orphan_snapshots(client)
    count_by_image(client)


def run(client: EcsClient) -> None:
    """A runner's life, chosen in every way that asks for something."""
    settings = LaunchSettings(
        Network(f"sg-local-{REGION}"),
        key="policy",
        image_name="fam",
        role="self-destruct",
        criteria=Criteria(cpus=Span(8)),
        policy="balanced",
    )
    (got,) = acquire(client, resolve_image(client, settings, lambda _: None))
    wait_until_running(client, got.ids, 300)
    console_output(client, got.ids[0])
    prolong(client, got.ids[0], 3600)
    release(client, got.ids)


def clean(client: EcsClient) -> None:
    assert not has_ended(client, "i-runner")
    swept = sweep.remove(client, sweep.find(client))
    for _, error in swept.kept:
        raise error
    assert {one.kind for one in swept.removed} == {"instance", "disk", "snapshot", "image"}


def build_twice(client: EcsClient) -> None:
    """A build, one that replaces it, one that breaks, and one that finds a rolled back version to step over."""
    settings = LaunchSettings(Network(f"sg-local-{REGION}"), role="builder")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in TEMPLATE.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text.replace("FAMILY", "tools"))
        build(client, load(folder), "amd64", settings, Options(), SilentReport())
        (folder / "files/motd").write_text("new\n")
        recipe = (folder / "recipe.toml").read_text()
        (folder / "recipe.toml").write_text(
            recipe.replace("keep = 2", "keep = 1").replace("[[steps]]", "[[steps]]\nreboot = true")
        )
        build(client, load(folder), "amd64", settings, Options(), SilentReport())
        (folder / "scripts/install.sh").write_text("#!/bin/bash\n# simulate: seconds=1 exit=1\n")
        with pytest.raises(RefusedError) as caught:
            build(client, load(folder), "amd64", settings, Options(), SilentReport())
        # A console that may not be read does not hide why the build failed; the policy allows it all the same.
        if "GetInstanceConsoleOutput was answered with Forbidden.RAM" in str(caught.value):
            message = '"ecs:GetInstanceConsoleOutput"'
            raise AccessDeniedError(message, code="Forbidden.RAM", http_status=403, action="GetInstanceConsoleOutput")


def tell_costs(client: EcsClient) -> None:
    running_costs(client)
    billed_days(client, 1)


def run_runner(client: EcsClient) -> None:
    """A runner that comes online, one that does not, and one that is taken for an orphan no more."""
    settings = LaunchSettings(
        Network(f"sg-local-{REGION}"),
        image_name="fam",
        role="self-destruct",
        criteria=Criteria(cpus=Span(8)),
        policy="balanced",
    )
    settings = resolve_image(client, settings, lambda _: None)
    github = open_github(f"{client._endpoint}", client)
    scope = repository_scope("octo-org/octo-repo")
    made = bring_up(client, github, Plan(scope=scope, launch=settings), report=lambda _: None)
    machine = Machine(client, made.instance_id, "policy")
    failure(machine)
    words = "\n".join(explain(machine, "https://github.com")["why"])
    for action in ("RunCommand", "DescribeInvocationResults", "GetInstanceConsoleOutput"):
        if f"{action} was answered with Forbidden.RAM" in words:
            raise AccessDeniedError(f'"ecs:{action}"', code="Forbidden.RAM", http_status=403, action=action)
    bring_down(client, github, scope, made.name, made.instance_id)
    # What the image has in it is read before a runner is started, however the image is named.
    read_manifest(client, settings)
    with pytest.raises(NotFoundError):
        read_manifest(client, replace(settings, image_id="", image_family="none"))


class Impatient(Retries):
    """Tries nothing again: a denial ends the test."""

    def attempt(self, step: str, run: Callable[[], object]) -> float:
        run()
        return 0.0


def serve_labels(client: EcsClient) -> None:
    """A runner that waits stopped, is started, and is not needed any more."""
    network = NetworkPart(security_group=f"sg-local-{REGION}", role="self-destruct")
    wanted = replace(scale_set_spec(image="fam", cpu="8", types=(), max_cost=Cost(day=1000.0)), network=network)
    github = open_github(f"{client._endpoint}", client)
    worker = build_worker(client, github, wanted, {}, owner="policy", report=lambda _: None)
    worker.retries = worker.hands.retries = Impatient("", client.clock, lambda _: None)
    steps = Steps(worker, client.clock.machine, lambda _: None)
    for idle, stopped in ((0, 1), (1, 1), (0, 0)):
        profile = structs.replace(wanted.profile, min_idle=idle, min_stopped=stopped)
        worker.listener.spec = worker.fleet.spec = replace(wanted, profile=profile)
        for _ in range(160):
            steps.listen()
            steps.work()
            client.clock.sleep(1.0)
    assert not worker.fleet.count
    was_reclaimed(client, "i-runner")
    free_vcpus(client, spot=True)
    start_instances(client, ["i-runner"])  # without it, new machines are launched
    untagging("securitygroup", [network.security_group], ["Spent.old"]).make(client)  # without it, they take room
    # An image may be named by its family too.
    with pytest.raises(NotFoundError):
        read_manifest(client, LaunchSettings(Network(""), image_family="none"))


def destroy(client: EcsClient) -> None:
    client.call("DeleteInstance", {"InstanceId": "i-runner", "Force": True})


RUNS: dict[str, Callable[[EcsClient], None]] = {
    "lookup": look,
    "publish": whole_life,
    "build": build_twice,
    "run": run,
    "runner": run_runner,
    "serve": serve_labels,
    "self-destruct": destroy,
    "scan": look,
    "sweep": clean,
    "cost": tell_costs,
}


def prepare(frozen: Running, document: dict[str, Any]) -> EcsClient:
    frozen.cloud.store.clear()
    seed.put_defaults(frozen.cloud.store)
    built(frozen, 1)
    built(frozen, 2, shown=True)
    built(frozen, 3)
    leave_things_behind(frozen)
    play(frozen)
    assert frozen.cloud._github
    frozen.cloud._github.poll_seconds = 0.0
    frozen.cloud.store.put(Policy(id=seed.KEY.id, document=document))
    return frozen.client()


def leave_things_behind(frozen: Running) -> None:
    """Something of everything that a sweep finds; and a second VPC, so that the security group's matters."""
    ours = {"ManagedBy": "goldrun"}
    where: dict[str, Any] = {"region": REGION, "owner": seed.ACCOUNT, "created": NOW - 86400.0}
    frozen.cloud.store.put(
        Instance(id="i-left", image="m-elsewhere", state="Stopped", tags=ours, **where),
        Instance(id="i-runner", image="m-elsewhere", tags={**ours, **RUNNER_TYPE.of()}, **{**where, "created": NOW}),
        Disk(id="d-left", zone="cn-hangzhou-k", category="cloud_essd", size=40, tags=ours, **where),
        VSwitch(id="vsw-2", vpc="vpc-2", zone="cn-hangzhou-k", cidr="10.0.0.0/24", **where),
    )
    group = next(one for one in frozen.cloud.store.all(SecurityGroup) if one.id == f"sg-local-{REGION}")
    frozen.cloud.store.put(structs.replace(group, tags=ours))
    frozen.snapshot("s-orphan", tags={**ours, "ImageId": "m-gone"})
    frozen.snapshot("s-failed")
    frozen.image("fam-amd64-20240101000000", id="m-failed", state="CreateFailed", tags=ours, snapshot="s-failed")


def test_every_policy_is_proven_by_its_job() -> None:
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
            assert f'"{action}"' in str(caught.value), "the error names the statement that is missing"


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


def test_a_deletion_with_a_lost_answer_is_not_mistaken_for_a_denial(frozen: Running) -> None:
    client = prepare(frozen, policy_for(["publish"]))
    frozen.fault("error-after", "DeleteImage")
    frozen.fault("error-after", "DeleteSnapshot")
    remove(client, find_own(client, "m-version001"))
    assert frozen.cloud.store.get(Snapshot, "s-version001") is None


def test_a_deny_statement_overrides_an_allow_statement(frozen: Running) -> None:
    document = policy_for(["lookup"])
    document["Statement"].append({"Effect": "Deny", "Action": "ecs:Describe*", "Resource": "*"})
    with pytest.raises(AccessDeniedError):
        look(prepare(frozen, document))


def test_foreign_instances_are_out_of_reach(frozen: Running) -> None:
    client = prepare(frozen, policy_for(["run", "sweep"]))
    where: dict[str, Any] = {"region": REGION, "owner": seed.ACCOUNT, "created": NOW}
    frozen.cloud.store.put(
        Instance(id="i-foreign", image="m-1", **where),
        Disk(id="d-foreign", zone="cn-hangzhou-k", category="cloud_essd", size=40, **where),
    )
    refused: list[tuple[str, dict[str, Parameter]]] = [
        ("DeleteInstances", {"InstanceId": ["i-foreign"], "Force": True}),
        ("DeleteInstances", {"InstanceId": ["i-left", "i-foreign"], "Force": True}),
        ("DeleteInstance", {"InstanceId": "i-foreign", "Force": True}),
        ("GetInstanceConsoleOutput", {"InstanceId": "i-foreign"}),
        ("ModifyInstanceAutoReleaseTime", {"InstanceId": "i-foreign", "AutoReleaseTime": "2099-01-01T00:00:00Z"}),
        ("DeleteDisk", {"DiskId": "d-foreign"}),
        ("RunInstances", {"InstanceType": "ecs.c7.large"}),
    ]
    for action, params in refused:
        with pytest.raises(AccessDeniedError):
            client.call(action, params)


def test_an_instance_role_may_delete_only_runners(frozen: Running) -> None:
    """Every job on a machine can use its role."""
    client = prepare(frozen, policy_for(["self-destruct"]))
    where: dict[str, Any] = {"region": REGION, "owner": seed.ACCOUNT, "created": NOW}
    frozen.cloud.store.put(Instance(id="i-foreign", image="m-1", **where))
    for name in ("i-foreign", "i-left"):
        with pytest.raises(AccessDeniedError):
            client.call("DeleteInstance", {"InstanceId": name, "Force": True})
        assert frozen.cloud.store.get(Instance, name) is not None


@pytest.mark.parametrize("job", ["run", "build", "runner"])
def test_a_role_may_be_passed_only_to_ecs(job: str) -> None:
    """ECS is not the only service that takes roles; the local cloud's one service cannot show it."""
    (passing,) = (one for one in policy_for([job])["Statement"] if one["Action"] == ["ram:PassRole"])
    assert passing["Condition"] == {"StringEquals": {"acs:Service": "ecs.aliyuncs.com"}}


def test_jobs_together_repeat_no_statement() -> None:
    both = policy_for(["run", "runner"])["Statement"]
    assert [one for one in both if both.count(one) > 1] == []
    assert all(one in both for job in ("run", "runner") for one in JOBS[job])

"""A sweep finds leftovers, keeps what may be in use, and assumes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from goldrun import sweep
from goldrun.cloud.errors import AccessDeniedError, ApiError, ThrottledError
from goldrun.cloud.instances import describe_instances
from goldrun.cost import billed_days, running_costs
from goldrun.sweep.finding import OrphanFinder
from local_cloud import seed
from local_cloud.access import Denial
from local_cloud.clock import iso
from local_cloud.lifecycle import settle
from local_cloud.records import Disk, Image, Instance, Snapshot
from tests.conftest import NOW, REGION, Running

OURS = {"ManagedBy": "goldrun", "GITHUB_RUNNER_TYPE": "aliyun-ecs-spot"}
HOUR = 3600.0


def put(frozen: Running, instance_id: str, **fields: Any) -> str:
    given: dict[str, Any] = {
        "region": REGION,
        "owner": seed.ACCOUNT,
        "image": "m-1",
        "created": NOW - HOUR,
        "zone": "cn-hangzhou-k",
        "tags": OURS,
        "auto_release": NOW + HOUR,
        **fields,
    }
    frozen.cloud.store.put(Instance(id=instance_id, **given))
    return instance_id


def disk(frozen: Running, disk_id: str, **fields: Any) -> str:
    given: dict[str, Any] = {
        "region": REGION,
        "owner": seed.ACCOUNT,
        "created": NOW - HOUR,
        "zone": "cn-hangzhou-k",
        "category": "cloud_essd",
        "size": 40,
        "tags": OURS,
        **fields,
    }
    frozen.cloud.store.put(Disk(id=disk_id, **given))
    return disk_id


def test_a_tag_that_tells_no_time_stops_no_sweep(frozen: Running) -> None:
    """Anybody can write tags: one that was no time was a traceback, and nothing in the region was swept."""
    put(frozen, "i-strange", tags={**OURS, "Heartbeat": "yesterday"}, created=NOW - 48 * HOUR)
    put(frozen, "i-young", tags={**OURS, "Heartbeat": ""}, created=NOW - 60.0)
    put(frozen, "i-parked", tags={**OURS, "Parked": "soon", "Started": "now"}, created=NOW - 48 * HOUR)
    disk(frozen, "d-left")
    assert {"i-strange", "d-left"} <= found(frozen).keys()
    assert "i-young" not in found(frozen)


def found(frozen: Running, **options: Any) -> dict[str, str]:
    return {one.id: one.reason for one in sweep.find(frozen.client(), **options)}


def everything(frozen: Running) -> set[str]:
    settle(frozen.cloud.store, frozen.wall.value)
    kinds = (Instance, Disk, Snapshot)
    return {record.id for kind in kinds for record in frozen.cloud.store.all(kind)}


def leftovers(frozen: Running) -> set[str]:
    """Put one leftover of each kind and one resource in use of each kind; return the leftovers."""
    frozen.image("fam-amd64-20250101000000", id="m-1", created=NOW - HOUR)
    put(frozen, "i-running")
    put(frozen, "i-foreign", tags={}, auto_release=9e15, created=NOW - 90 * HOUR)
    put(frozen, "i-protected", state="Stopped", tags={**OURS, "Protected": "true"})
    put(frozen, "i-just-stopped", state="Stopped", created=NOW - 60)
    put(frozen, "i-building", tags={**OURS, "Role": "builder", "VersionHash": "new"})
    disk(frozen, "d-attached", instance="i-running")
    disk(frozen, "d-data", instance="i-running", with_instance=False)
    disk(frozen, "d-foreign", tags={})
    disk(frozen, "d-fresh", created=NOW - 60)
    put(
        frozen,
        "i-beating",
        state="Stopped",
        tags={**OURS, "Role": "builder", "VersionHash": "live", "Heartbeat": iso(NOW - 120)},
    )
    put(frozen, "i-imaging", state="Stopped", tags={**OURS, "Role": "builder", "VersionHash": "making"})
    frozen.image(
        "fam-amd64-20250101000003", created=NOW - 1700, ready=NOW + 100, tags={**OURS, "VersionHash": "making"}
    )
    frozen.snapshot("s-foreign", tags={"ImageId": "m-gone"})
    frozen.snapshot("s-unmarked", tags=OURS)
    frozen.snapshot("s-used", tags={**OURS, "ImageId": "m-gone"})
    frozen.image("of-somebody", snapshot="s-used")
    frozen.image("of-somebody-else", state="CreateFailed", created=NOW - HOUR)
    frozen.image("fam-amd64-20250101000004", state="CreateFailed", tags={**OURS, "Protected": "true"})
    # Its build is about to read there that it failed.
    put(frozen, "i-waiting", tags={**OURS, "Role": "builder", "VersionHash": "failing", "Heartbeat": iso(NOW - 60)})
    frozen.image("fam-amd64-20250101000005", state="CreateFailed", tags={**OURS, "VersionHash": "failing"})
    bad = {
        put(frozen, "i-stale", tags={**OURS, "Role": "builder", "Heartbeat": iso(NOW - 900)}),
        put(frozen, "i-stale-tester", tags={**OURS, "Role": "tester", "Heartbeat": iso(NOW - 900)}),
        put(frozen, "i-stopped", state="Stopped"),
        put(frozen, "i-endless", auto_release=9e15, created=NOW - 5 * HOUR),
        put(frozen, "i-built", tags={**OURS, "Role": "builder", "VersionHash": "done"}),
        disk(frozen, "d-loose"),
        disk(frozen, "d-staying", instance="i-stopped", with_instance=False),
        frozen.snapshot("s-orphan", name="of fam", created=NOW - HOUR, tags={**OURS, "ImageId": "m-gone"}),
        frozen.image("fam-amd64-20250101000001", state="CreateFailed", tags=OURS, created=NOW - HOUR),
    }
    frozen.image(
        "fam-amd64-20250101000002", created=NOW - HOUR, tags={**OURS, "VersionHash": "done", "ImageFor": "i-built"}
    )
    return bad


def test_a_sweep_finds_every_leftover_and_nothing_else(frozen: Running) -> None:
    bad = leftovers(frozen)
    assert set(found(frozen)) == bad


def test_one_sweep_removes_everything(frozen: Running) -> None:
    bad = leftovers(frozen)
    before = everything(frozen)
    client = frozen.client()
    swept = sweep.remove(client, sweep.find(client))
    assert {one.id for one in swept.removed} == bad
    assert swept.kept == ()
    assert everything(frozen) == before - bad
    assert found(frozen) == {}


THEIRS = {"GITHUB_RUNNER_TYPE": "aliyun-ecs-spot"}


def foreign_runners(frozen: Running) -> str:
    """Runners that another tool launched: it sets no release time; returns the one that is left over."""
    put(frozen, "i-their-new", name="their-new", tags=THEIRS, auto_release=9e15, created=NOW - HOUR)
    put(frozen, "i-their-kept", tags={**THEIRS, "Protected": "true"}, auto_release=9e15, created=NOW - 90 * HOUR)
    put(frozen, "i-not-a-runner", tags={"GITHUB_RUNNER_TYPE": "other"}, auto_release=9e15, created=NOW - 90 * HOUR)
    return put(frozen, "i-their-old", name="their-old", tags=THEIRS, auto_release=9e15, created=NOW - 90 * HOUR)


def test_runners_of_other_tools_are_left_alone_by_default(frozen: Running) -> None:
    bad, client = leftovers(frozen), frozen.client()
    old = foreign_runners(frozen)
    assert set(found(frozen)) == bad
    # Not even as the finding of a run that included them.
    findings = [finding for finding in sweep.find(client, foreign=True) if finding.id == old]
    assert sweep.remove(client, findings).spared == tuple(findings)
    assert old in everything(frozen)


def test_runners_of_other_tools_are_deleted_on_request(frozen: Running) -> None:
    bad, client = leftovers(frozen), frozen.client()
    old = foreign_runners(frozen)
    findings = sweep.find(client, foreign=True)
    assert {finding.id for finding in findings} == {*bad, old}
    (theirs,) = (finding for finding in findings if finding.id == old)
    assert theirs.reason == "it has no release time; another tool launched it"
    swept = sweep.remove(client, findings, foreign=True)
    assert swept.kept == ()
    assert old not in everything(frozen)
    assert {"i-their-new", "i-their-kept", "i-not-a-runner", "i-foreign"} <= everything(frozen)


def test_reasons_are_reported(frozen: Running) -> None:
    leftovers(frozen)
    reasons = found(frozen)
    assert reasons["i-endless"] == "it has no release time"
    assert reasons["i-stopped"] == "it is stopped"
    assert reasons["i-built"] == "its build has ended"
    assert reasons["i-stale"] == "its build was interrupted"
    assert reasons["d-loose"] == "it is not attached to an instance"


def test_a_finding_describes_its_resource(frozen: Running) -> None:
    leftovers(frozen)
    findings = {one.id: one for one in sweep.find(frozen.client())}
    ages = {name: one.age for name, one in findings.items()}
    assert ages.pop("i-endless") == pytest.approx(5 * HOUR, abs=60)
    assert ages == pytest.approx(dict.fromkeys(ages, HOUR), abs=60)
    assert {(one.kind, one.name) for one in findings.values() if one.kind != "instance"} == {
        ("disk", ""),
        ("snapshot", "of fam"),
        ("image", "fam-amd64-20250101000001"),
    }
    assert findings["s-orphan"].reason == "its image is gone"
    assert findings["d-staying"].reason == "its instance is to be deleted, and it would stay"


@pytest.mark.parametrize("kind", ["disk", "snapshot", "image"])
def test_only_what_was_handed_over_is_removed(frozen: Running, kind: str) -> None:
    """A person looked at the list: what came after it is not theirs."""
    made = {
        "disk": [disk(frozen, "d-1"), disk(frozen, "d-2")],
        "snapshot": [frozen.snapshot(f"s-{number}", tags={**OURS, "ImageId": "m-gone"}) for number in range(2)],
        "image": [
            frozen.image(f"fam-amd64-2025010100000{number}", state="CreateFailed", tags=OURS) for number in (1, 2)
        ],
    }
    client = frozen.client()
    first = next(one for one in sweep.find(client) if one.kind == kind)
    assert sweep.remove(client, [first]).removed == (first,)
    left = {one.id for one in sweep.find(client)}
    assert left == {name for names in made.values() for name in names} - {first.id}


def test_older_than_applies_to_the_second_check(frozen: Running) -> None:
    put(frozen, "i-old", created=NOW - 3 * HOUR)
    client = frozen.client()
    findings = sweep.find(client, older_than=2 * HOUR)
    assert sweep.remove(client, findings).spared == tuple(findings)
    assert sweep.remove(client, findings, older_than=2 * HOUR).removed == tuple(findings)


def test_a_disk_that_gets_attached_is_kept(frozen: Running) -> None:
    put(frozen, "i-running")
    disk(frozen, "d-loose")
    client = frozen.client()
    findings = sweep.find(client)
    disk(frozen, "d-loose", instance="i-running")
    swept = sweep.remove(client, findings)
    assert (swept.removed, swept.spared) == ((), tuple(findings))
    assert "d-loose" in everything(frozen)


@pytest.mark.parametrize("tags", [{**OURS, "Protected": "true"}, {}])
def test_what_a_person_protects_or_takes_over_after_the_look_is_kept_and_not_reported_as_deleted(
    frozen: Running, tags: dict[str, str]
) -> None:
    leftovers(frozen)
    client = frozen.client()
    findings = [one for one in sweep.find(client) if one.kind not in ("instance", "runner")]
    assert {one.kind for one in findings} == {"disk", "snapshot", "image"}
    store = frozen.cloud.store
    for kind in (Disk, Snapshot, Image):
        for record in store.all(kind):
            if record.id in {one.id for one in findings}:
                store.put(replace(record, tags=tags, **({"instance": ""} if kind is Disk else {})))
    there = everything(frozen)
    swept = sweep.remove(client, findings)
    assert (swept.removed, set(swept.spared), everything(frozen)) == ((), set(findings), there)


def test_what_somebody_else_has_deleted_meanwhile_is_gone(frozen: Running) -> None:
    leftovers(frozen)
    client = frozen.client()
    findings = [one for one in sweep.find(client) if one.kind in ("disk", "snapshot", "image")]
    store = frozen.cloud.store
    store.remove(
        *(
            one
            for kind in (Disk, Snapshot, Image)
            for one in store.all(kind)
            if one.id in {found.id for found in findings}
        )
    )
    frozen.image("fam-amd64-20250101000009", id="m-stays", created=NOW - HOUR)
    frozen.snapshot("s-stays", created=NOW - HOUR)
    assert set(sweep.remove(client, findings).removed) == set(findings)


def test_a_protected_disk_is_no_leftover(frozen: Running) -> None:
    disk(frozen, "d-protected", tags={**OURS, "Protected": "true"})
    assert found(frozen) == {}


@pytest.mark.parametrize("action", ["DescribeInstances", "DeleteInstances"])
def test_instances_that_cannot_be_read_or_deleted_are_all_reported(frozen: Running, action: str) -> None:
    put(frozen, "i-1", state="Stopped")
    put(frozen, "i-2", state="Stopped")
    disk(frozen, "d-loose")
    client = frozen.client()
    findings = sweep.find(client)
    frozen.fault("throttle", action, times=None)
    swept = sweep.remove(client, findings)
    assert {one.id: type(error) for one, error in swept.kept} == {"i-1": ThrottledError, "i-2": ThrottledError}
    assert [one.id for one in swept.removed] == ["d-loose"]


BUILT = {"Family": "fam", "Architecture": "amd64", "VersionHash": "done", "BuildTimestamp": "20250101000002"}


@pytest.mark.parametrize("other", [{name: "other"} for name in BUILT])
def test_the_image_of_another_build_does_not_end_this_one(frozen: Running, other: dict[str, str]) -> None:
    put(frozen, "i-built", tags={**OURS, **BUILT, "Role": "builder"})
    name = "fam-amd64-20250101000002"
    frozen.image(name, id="m-2", created=NOW - HOUR, tags={**OURS, **BUILT, **other})
    assert found(frozen) == {}
    frozen.image(name, id="m-2", created=NOW - HOUR, tags={**OURS, **BUILT})
    assert found(frozen) == {"i-built": "its build has ended"}


def test_an_instance_past_its_release_time(frozen: Running) -> None:
    """The cloud should have released it; here it has not (yet)."""
    put(frozen, "i-late", auto_release=NOW + 60)
    client = frozen.client()
    instance = frozen.cloud.store.get(Instance, "i-late")
    assert instance is not None
    shown = describe_instances(client)[0]
    judge = OrphanFinder(client, None, None, ())
    assert judge._why_delete(shown, {}, NOW + 3 * HOUR) == "it is past its release time"
    assert judge._why_delete(shown, {}, NOW) == ""


def test_older_than(frozen: Running) -> None:
    put(frozen, "i-old", created=NOW - 3 * HOUR)
    put(frozen, "i-new", created=NOW - HOUR)
    assert found(frozen, older_than=2 * HOUR) == {"i-old": "it is older than requested"}


def test_an_error_is_never_an_empty_account(frozen: Running) -> None:
    """Seen in the field: a throttled call looks like an empty account."""
    leftovers(frozen)
    for action in ("DescribeInstances", "DescribeDisks", "DescribeSnapshots", "DescribeImages"):
        frozen.fault("throttle", action, times=None)
        with pytest.raises(ApiError):
            sweep.find(frozen.client())
        frozen.cloud.gateway.faults.clear()


def test_a_failed_deletion_does_not_stop_the_others(frozen: Running) -> None:
    bad = leftovers(frozen)
    frozen.cloud.store.put(Denial(id="ecs:DeleteDisk"))
    client = frozen.client()
    swept = sweep.remove(client, sweep.find(client))
    assert {one.id for one, _ in swept.kept} == {"d-loose", "d-staying"}
    assert all(isinstance(error, AccessDeniedError) for _, error in swept.kept)
    assert {one.id for one in swept.removed} == bad - {"d-loose", "d-staying"}


def test_a_thousand_leftovers_are_read_page_by_page(frozen: Running) -> None:
    """Seen in the field: read without paging (10 results)."""
    for number in range(250):
        put(frozen, f"i-{number:04d}", state="Stopped")
    client = frozen.client()
    findings = sweep.find(client)
    assert len(findings) == 250
    sweep.remove(client, findings)
    assert everything(frozen) == set()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([OURS, {}, {"ManagedBy": "terraform"}, {**OURS, "Protected": "true"}]),
            st.sampled_from(["Running", "Stopped"]),
            st.floats(0, 20),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_random_accounts(frozen: Running, drawn: list[tuple[dict[str, str], str, float, bool]]) -> None:
    """What is not goldrun's is never touched, nor what lives within its time."""
    store = frozen.cloud.store
    store.remove(*store.all(Instance))
    now = frozen.wall.value  # one example's deletions take time: the next one begins later
    for number, (tags, state, hours, endless) in enumerate(drawn):
        released = 9e15 if endless else now + HOUR
        put(frozen, f"i-{number}", tags=tags, state=state, created=now - hours * HOUR, auto_release=released)
    client = frozen.client()
    sweep.remove(client, sweep.find(client))
    settle(store, frozen.wall.value)
    left = {one.id for one in store.all(Instance)}
    for number, (tags, state, hours, endless) in enumerate(drawn):
        age = now - (now - hours * HOUR) // 60 * 60  # the API tells minutes
        to_delete = tags == OURS and ((state == "Stopped" and age > 600) or (endless and age > 4 * HOUR))
        assert (f"i-{number}" not in left) == to_delete


def test_costs(frozen: Running) -> None:
    put(frozen, "i-spot", type="ecs.c7.2xlarge", strategy="SpotAsPriceGo", created=NOW - 2 * HOUR)
    put(frozen, "i-list", type="ecs.c7.2xlarge", created=NOW - 2 * HOUR)
    put(frozen, "i-foreign", type="ecs.c7.2xlarge", tags={})
    client = frozen.client()
    running = {one.instance.id: one for one in running_costs(client)}
    assert set(running) == {"i-spot", "i-list"}
    listed, spot = running["i-list"], running["i-spot"]
    assert listed.price == 1.64
    assert listed.so_far == pytest.approx(3.28, abs=0.03)
    assert spot.price is None or spot.price < 1.64
    days = billed_days(client, 2)
    assert len(days) == 2
    assert sum(day.amount for day in days) > 3.28
    assert max(day.instances for day in days) == 2


def test_costs_of_deleted_instances_are_on_the_bill(frozen: Running) -> None:
    put(frozen, "i-gone", type="ecs.c7.2xlarge", created=NOW - 2 * HOUR)
    store = frozen.cloud.store
    instance = store.get(Instance, "i-gone")
    assert instance is not None
    store.put(replace(instance, gone=NOW))
    client = frozen.client()
    assert running_costs(client) == []
    assert sum(day.amount for day in billed_days(client, 2)) == pytest.approx(3.28, abs=0.01)

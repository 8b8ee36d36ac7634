"""Builds on the local cloud, in virtual time: skip-check, failures, reclaims, crashes at every call, overhead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from goldrun import sweep
from goldrun.bake.build import Built, boot_test, build
from goldrun.bake.context import Options
from goldrun.bake.reading import load
from goldrun.bake.recipe import Loaded
from goldrun.bake.resume import are_stale, find_instances
from goldrun.bake.step_handler import Decision, FixedDecision
from goldrun.clock import Clock
from goldrun.cloud.errors import ApiError
from goldrun.cloud.images import Image as ApiImage
from goldrun.errors import GoldrunError, NotFoundError, RefusedError, UsageError
from goldrun.images.lineage import find_own
from goldrun.images.lookup import look_up
from goldrun.images.manifest import from_tags
from goldrun.images.naming import PublishedName, name_reference
from goldrun.images.publish import publish, roll_back
from goldrun.images.removal import protect
from goldrun.launch.heartbeat import BEAT_SECONDS, STALE_SECONDS, silence
from goldrun.launch.offers import Criteria
from goldrun.launch.settings import LaunchSettings, Network
from local_cloud.clock import iso
from local_cloud.market import Market
from local_cloud.records import (
    Disk,
    Image,
    Instance,
    Invocation,
    Receipt,
    Snapshot,
    Usage,
)
from tests.conftest import REGION, Running
from tests.simulation.dying import Crash, dying

RECIPE = """
family = "tools"
[base]
amd64 = "acs:ubuntu_24_04_x64"
arm64 = "acs:ubuntu_24_04_arm64"
[versions]
jq = "1.7.1"
[[files]]
source = "motd"
target = "/etc/motd"
[[steps]]
name = "install jq"
script = "install.sh"
[[tests]]
name = "jq works"
command = '''
# simulate: seconds=2
jq --version'''
[[smoke]]
name = "jq is there"
command = '''
# simulate: seconds=2
jq --version'''
"""
INSTALL = (
    "#!/usr/bin/env bash\n# simulate: seconds=60 output=installing jq\n# simulate: output=done\napt-get install jq\n"
)
ALIAS = PublishedName("tools", "amd64", "latest")
ALIAS_TAGS = {"Family": "tools", "Architecture": "amd64"}


@dataclass
class Heard:
    """A report that writes everything down."""

    steps: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def begin(self, step: str) -> None:
        self.steps.append(step)

    def line(self, text: str) -> None:
        self.lines.append(text)

    def end(self, step: str, seconds: float, failed: bool) -> None:
        self.seconds[step] = seconds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "install.sh").write_text(INSTALL)
    (tmp_path / "motd").write_text("welcome\n")
    return tmp_path


@pytest.fixture
def cloud(frozen: Running) -> Running:
    return frozen.always_in_stock()


def machine_settings() -> LaunchSettings:
    types = ("ecs.c7.xlarge", "ecs.g7.xlarge", "ecs.c8y.xlarge", "ecs.g8y.xlarge")
    return LaunchSettings(Network(f"sg-local-{REGION}"), criteria=Criteria(types=types))


def run(cloud: Running, loaded: Loaded, arch: str = "amd64", heard: Heard | None = None, **options: Any) -> Built:
    client = cloud.client(timeout=600.0)
    return build(client, loaded, arch, machine_settings(), Options(**options), heard or Heard())


def images(cloud: Running) -> list[Image]:
    return [one for one in cloud.cloud.store.all(Image) if one.name.startswith("tools-")]


def answer(cloud: Running, arch: str = "amd64") -> str:
    found = look_up(cloud.client(), name_reference(f"tools-{arch}-latest", arch))
    return found.image.image_id if found else ""


DISKS = '[[disks]]\nmount = "/var/lib/docker"\nsize = 100\n[[disks]]\nmount = "/srv"\nfilesystem = "xfs"\n'


def disk_sizes(cloud: Running, image: Image | ApiImage) -> list[int]:
    return [one.size for name in image.snapshots if (one := cloud.cloud.store.get(Snapshot, name))]


def test_data_disks_are_part_of_the_image(cloud: Running, folder: Path) -> None:
    """The builder has them, a stage has them already, and a prune leaves none of their snapshots."""
    staged = RECIPE.replace('script = "install.sh"', 'script = "install.sh"\ncache = true')
    (folder / "recipe.toml").write_text(staged)
    plain = load(folder)
    (folder / "recipe.toml").write_text(staged + DISKS)
    loaded = load(folder)
    assert loaded.version_hash("amd64", "m-1") != plain.version_hash("amd64", "m-1")
    heard = Heard()
    first = run(cloud, loaded, heard=heard)
    assert heard.steps.index("mount the data disks") == heard.steps.index("boot the builder") + 2
    assert disk_sizes(cloud, first.image) == [40, 100, 40]
    (folder / "recipe.toml").write_text(staged.replace("jq --version", "jq --help", 1) + DISKS)
    heard = Heard()
    second = run(cloud, load(folder), heard=heard)
    assert any("has the first 1 steps" in line for line in heard.lines)
    assert disk_sizes(cloud, second.image) == [40, 100, 40]
    assert not list(cloud.cloud.store.all(Disk))
    kept = {name for image in cloud.cloud.store.all(Image) for name in image.snapshots}
    assert {one.id for one in cloud.cloud.store.all(Snapshot)} <= kept, "the first version's are gone"


def test_a_recipe_becomes_a_published_tested_image(cloud: Running, folder: Path) -> None:
    heard = Heard()
    built = run(cloud, load(folder), heard=heard, source="o/r@abc")
    assert not built.skipped
    assert answer(cloud) == built.image.image_id
    image = find_own(cloud.client(), built.image.image_id)
    assert image.name == "tools-amd64-latest"
    assert image.tags["VersionHash"] == built.version_hash
    assert image.tags["BootTest"] == "passed"
    assert image.tags["Source"] == "o/r@abc"
    assert image.tags["BaseImageId"].startswith("ubuntu_24_04_x64")
    assert len(image.tags["BuildTimestamp"]) == 14
    assert from_tags(image.tags) == {"jq": "1.7.1"}
    assert cloud.instances() == []
    assert list(cloud.cloud.store.all(Disk)) == []
    assert "install jq" in heard.steps
    assert "installing jq" in heard.lines
    assert heard.steps[-2:] == ["publish", "prune"]


def test_the_second_build_is_skipped_and_a_changed_byte_rebuilds(cloud: Running, folder: Path) -> None:
    first = run(cloud, load(folder))
    before = cloud.cloud.gateway.calls["RunInstances"]
    again = run(cloud, load(folder))
    assert (again.skipped, again.image.image_id) == (True, first.image.image_id)
    assert cloud.cloud.gateway.calls["RunInstances"] == before
    (folder / "motd").write_text("welcome!\n")
    third = run(cloud, load(folder))
    assert not third.skipped
    assert answer(cloud) == third.image.image_id
    assert [one.id for one in images(cloud)] == [third.image.image_id], "the old one is pruned"
    assert len(list(cloud.cloud.store.all(Snapshot))) == 1


def test_both_architectures_have_hashes_of_their_own(cloud: Running, folder: Path) -> None:
    """Seen in the field: the arm64 build can be skipped because amd64 has that hash."""
    amd, arm = run(cloud, load(folder)), run(cloud, load(folder), "arm64")
    assert amd.version_hash != arm.version_hash
    assert not arm.skipped
    assert (answer(cloud), answer(cloud, "arm64")) == (amd.image.image_id, arm.image.image_id)
    assert {one.architecture for one in images(cloud)} == {"x86_64", "arm64"}


def test_a_new_base_image_rebuilds(cloud: Running, folder: Path) -> None:
    """Seen in the field: a changed tool list never rebuilds."""
    run(cloud, load(folder))
    base = next(one for one in cloud.cloud.store.all(Image) if one.family == "acs:ubuntu_24_04_x64")
    cloud.cloud.store.put(replaced(base, id="ubuntu_24_04_x64_20G_alibase_20991231.vhd", created=base.created + 1))
    assert not run(cloud, load(folder)).skipped


def test_force_rebuilds(cloud: Running, folder: Path) -> None:
    first = run(cloud, load(folder))
    assert run(cloud, load(folder), force=True).image.image_id != first.image.image_id


def test_a_candidate_is_not_published_with_no_publish(cloud: Running, folder: Path) -> None:
    built = run(cloud, load(folder), publish=False)
    assert answer(cloud) == ""
    assert built.image.tags["BootTest"] == "passed"
    again = run(cloud, load(folder))
    assert (again.skipped, answer(cloud)) == (True, built.image.image_id)


def test_a_rolled_back_version_is_not_picked_again(cloud: Running, folder: Path) -> None:
    first = run(cloud, load(folder), keep=3)
    (folder / "motd").write_text("bad\n")
    bad = run(cloud, load(folder), keep=3)
    roll_back(cloud.client(), ALIAS)
    assert answer(cloud) == first.image.image_id
    again = run(cloud, load(folder), keep=3)
    assert not again.skipped
    assert again.image.image_id != bad.image.image_id


FAILURES: dict[str, tuple[str, str, str]] = {
    "a step": ("install.sh", INSTALL.replace("seconds=60", "seconds=60 exit=3"), "exit code 3"),
    "a step that hangs": ("install.sh", INSTALL.replace("seconds=60", "seconds=9000"), "took longer than 600 s"),
    "a test": ("recipe.toml", RECIPE.replace("# simulate: seconds=2", "# simulate: seconds=2 exit=1", 1), "jq works"),
    "the boot test": (
        "recipe.toml",
        RECIPE[::-1].replace("seconds=2"[::-1], "seconds=2 exit=1"[::-1], 1)[::-1],
        "jq is there",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failing_build_is_not_published_and_leaves_nothing(cloud: Running, folder: Path, case: str) -> None:
    """Seen in the field: it never learns whether provisioning succeeded; a broken image is published."""
    good = run(cloud, load(folder))
    name, text, words = FAILURES[case]
    (folder / name).write_text(text)
    (folder / "motd").write_text("another\n")
    with pytest.raises(RefusedError, match=words) as caught:
        run(cloud, load(folder))
    assert answer(cloud) == good.image.image_id
    assert [one.id for one in images(cloud)] == [good.image.image_id]
    assert cloud.instances() == []
    assert len(list(cloud.cloud.store.all(Snapshot))) == 1
    assert "the console's last lines" in str(caught.value)


def test_the_last_lines_of_a_failure_are_reported(cloud: Running, folder: Path) -> None:
    (folder / "install.sh").write_text("#!/bin/bash\n# simulate: seconds=20 exit=100 output=E: no such package\n")
    with pytest.raises(RefusedError, match="ended with exit code 100") as caught:
        run(cloud, load(folder))
    assert "E: no such package" in str(caught.value)


def test_a_failed_builder_can_be_kept(cloud: Running, folder: Path) -> None:
    (folder / "install.sh").write_text(INSTALL.replace("seconds=60", "seconds=6 exit=3"))
    with pytest.raises(RefusedError) as caught:
        run(cloud, load(folder), handler=FixedDecision(Decision.KEEP))
    (kept,) = cloud.instances()
    assert kept.id in str(caught.value.__notes__)
    assert sweep.find(cloud.client()) == []
    (folder / "install.sh").write_text(INSTALL)
    run(cloud, load(folder))
    assert [one.id for one in cloud.instances()] == [kept.id], "the next build leaves it alone"
    cloud.wall.value = kept.auto_release
    assert cloud.instances() == []


def test_an_untested_image_is_not_published_by_hand(cloud: Running, folder: Path) -> None:
    cloud.image("tools-amd64-20260101000000", tags={"BootTest": "failed"})
    with pytest.raises(RefusedError, match="has not passed its boot test"):
        publish(cloud.client(), "tools-amd64-20260101000000")


def test_a_build_that_takes_longer_than_its_limit_is_not_repeated(cloud: Running, folder: Path) -> None:
    """Its end was taken for a reclaim: four builders were paid for, each until its release time."""
    limits = '[limits]\nbuild = "40m"\n'
    (folder / "recipe.toml").write_text(RECIPE.replace('install.sh"', 'install.sh"\ntimeout = "3h"') + limits)
    (folder / "install.sh").write_text(INSTALL.replace("seconds=60", "seconds=3600"))
    with pytest.raises(RefusedError, match="reached its limit of 40m"):
        run(cloud, load(folder))
    assert cloud.cloud.gateway.calls["RunInstances"] == 1


def test_a_builder_that_is_reclaimed_is_replaced_by_another_offer(cloud: Running, folder: Path) -> None:
    """It was said, and the same one was taken."""
    store, kinds = cloud.cloud.store, []

    class Reclaimer(Heard):
        def line(self, text: str) -> None:
            super().line(text)
            if text == "installing jq":
                (builder,) = cloud.instances()
                kinds.append((builder.type, builder.zone))
                if len(kinds) == 1:
                    store.put(replaced(builder, reclaimed=cloud.wall.value + 1))
                    store.put(*(replaced(one, lost=cloud.wall.value + 1) for one in store.all(Invocation)))

    report = Reclaimer()
    run(cloud, load(folder), heard=report)
    assert any("another offer" in one for one in report.lines)
    assert kinds[0] != kinds[1]


def test_the_boot_test_alone(cloud: Running, folder: Path) -> None:
    built = run(cloud, load(folder))
    boot_test(cloud.client(), load(folder), built.image, machine_settings(), Heard())
    assert cloud.instances() == []


def test_a_build_reclaimed_midway_restarts_on_another_offer(cloud: Running, folder: Path) -> None:
    heard = Heard()
    store = cloud.cloud.store

    class Reclaimer(Heard):
        def line(self, text: str) -> None:
            super().line(text)
            if text == "installing jq" and not heard.lines:
                heard.lines.append("reclaimed")
                (builder,) = cloud.instances()
                store.put(replaced(builder, reclaimed=cloud.wall.value + 1))
                for one in store.all(Invocation):
                    store.put(replaced(one, lost=cloud.wall.value + 1))

    report = Reclaimer()
    built = run(cloud, load(folder), heard=report)
    assert answer(cloud) == built.image.image_id
    assert any("Starting again on another offer" in line for line in report.lines)
    assert cloud.instances() == []


def build_elsewhere(cloud: Running, seconds: float) -> None:
    """Let another build of the recipe go on for some time."""
    now = cloud.wall.value
    other = Instance(
        id="i-other",
        region=REGION,
        owner="1000000000000001",
        image="m-1",
        created=now,
        gone=now + seconds,
        tags={
            "ManagedBy": "goldrun",
            "GITHUB_RUNNER_TYPE": "aliyun-ecs-spot",
            "Role": "builder",
            "Family": "tools",
            "Architecture": "amd64",
            "Heartbeat": "2099-01-01T00:00:00Z",
        },
    )
    cloud.cloud.store.put(other)


def test_after_a_wait_the_base_is_looked_up_again(cloud: Running, folder: Path) -> None:
    """The wait may last for hours: by then the base may be superseded, and deleted."""
    store = cloud.cloud.store
    (folder / "recipe.toml").write_text(RECIPE.replace("acs:ubuntu_24_04_x64", "base"))
    old = cloud.image("base-20260101000000", id="m-base0001", family="base")
    build_elsewhere(cloud, 400)

    class Meanwhile(Heard):
        def line(self, text: str) -> None:
            super().line(text)
            if "another build of it is running" in text:
                cloud.image("base-20260201000000", id="m-base0002", family="base", created=cloud.wall.value)
                store.remove(*(one for one in store.all(Image) if one.id == old))

    built = run(cloud, load(folder), heard=Meanwhile())
    assert built.image.tags["BaseImageId"] == "m-base0002"


def test_a_second_build_waits_for_a_running_one(cloud: Running, folder: Path) -> None:
    """Two builds of one recipe: the second waits while the first one's heartbeat is fresh, then finds it done."""
    now = cloud.wall.value
    build_elsewhere(cloud, 400)
    heard = Heard()
    run(cloud, load(folder), heard=heard)
    assert cloud.wall.value > now + 400
    assert any("another build of it is running" in line for line in heard.lines)


@pytest.mark.parametrize("rival", ["i-000", "i-zzz"])
def test_of_two_builds_that_begin_in_the_same_moment_one_gives_way(cloud: Running, folder: Path, rival: str) -> None:
    """Neither had seen the other's builder: both built, and paid for it."""
    client = cloud.client()
    inner = client._transport.send
    seen: list[str] = []

    def send(endpoint: Any, method: str, target: str, headers: Any, *rest: Any) -> Any:
        answer = inner(endpoint, method, target, headers, *rest)
        seen.append(headers.get("x-acs-action", ""))
        if seen[-1] == "RunInstances" and seen.count("RunInstances") == 1:
            (own,) = [one for one in cloud.cloud.store.all(Instance) if one.tags.get("Role") == "builder"]
            late = {"Heartbeat": "2099-01-01T00:00:00Z"}
            cloud.cloud.store.put(
                replaced(own, id=rival, name=rival, tags={**own.tags, **late}, gone=cloud.wall.value + 400)
            )
        return answer

    client._transport.send = send  # type: ignore[method-assign,assignment]
    heard = Heard()
    began = cloud.wall.value
    build(client, load(folder), "amd64", machine_settings(), Options(), heard)
    first_command = seen.index("RunCommand")
    if rival == "i-000":
        assert any("began at the same moment" in line for line in heard.lines)
        assert seen[:first_command].count("DeleteInstances") == 1
        assert seen[:first_command].count("RunInstances") == 2
        assert cloud.wall.value > began + 400
    else:
        assert "DeleteInstances" not in seen[:first_command]


class Watched:
    """A clock that has somebody look after every wait."""

    def __init__(self, inner: Clock, look: Callable[[], None]) -> None:
        self.inner, self.look = inner, look

    def now(self) -> float:
        return self.inner.now()

    def sleep(self, seconds: float) -> None:
        self.inner.sleep(seconds)
        self.look()


def test_the_tester_is_looked_at_when_it_should_have_booted(cloud: Running, folder: Path) -> None:
    """The builder has told how long a boot takes."""
    heard = Heard()
    run(cloud, load(folder), heard=heard)
    boot = heard.seconds["boot the builder"]
    assert boot >= 30
    calls = cloud.cloud.gateway.calls["DescribeCloudAssistantStatus"]
    assert calls < 16, "9 for the builder, and fewer for the tester"
    # The next build knows nothing of this one.
    (folder / "motd").write_text("changed\n")
    cloud.cloud.store.put(replaced(cloud.cloud.store.settings(), boot_seconds=2.0))
    run(cloud, load(folder), heard=heard)
    assert heard.seconds["boot the builder"] < boot / 2


@pytest.mark.parametrize(
    "slow",
    [
        {"boot_seconds": 500.0},
        {"stop_seconds": 280.0},
        {"image_seconds": 1800.0},
        {"release_seconds": 280.0},
        "SendFile",
        "DescribeSendFileResults",
        "DescribeInvocationResults",
        "CreateImage",
    ],
    ids=str,
)
def test_a_waiting_build_keeps_its_heartbeat_fresh(cloud: Running, folder: Path, slow: Any) -> None:
    """A sweep deleted the builder while its image was made; another build took it for stale while it stopped."""
    if isinstance(slow, dict):
        cloud.cloud.store.put(replaced(cloud.cloud.store.settings(), **slow))
    else:
        cloud.fault("throttle", slow, times=4)
    looks, silences = [], [0.0]
    others = cloud.client()

    def look() -> None:
        looks.append(sweep.find(others))
        silences.extend(silence(one, others.clock) for one in find_instances(others, ALIAS_TAGS))

    client = cloud.client(timeout=3600.0, backoff=lambda _: 200.0)
    client = client.on_clock(Watched(client.clock.machine, look))
    built = build(client, load(folder), "amd64", machine_settings(), Options(), Heard())
    assert answer(cloud) == built.image.image_id
    assert not any(looks)
    assert max(silences) <= 1.5 * BEAT_SECONDS < STALE_SECONDS
    assert cloud.instances() == []


def test_a_second_build_waits_for_the_first_however_slow_it_is(cloud: Running, folder: Path) -> None:
    slow = {"stop_seconds": 280.0, "image_seconds": 1800.0}
    cloud.cloud.store.put(replaced(cloud.cloud.store.settings(), **slow))
    others = cloud.client()
    waited = []

    def look() -> None:
        machines = find_instances(others, ALIAS_TAGS)
        if machines:
            waited.append(are_stale(others, machines))

    client = cloud.client()
    client = client.on_clock(Watched(client.clock.machine, look))
    build(client, load(folder), "amd64", machine_settings(), Options(), Heard())
    assert len(waited) > 20
    assert not any(waited)


def test_a_heartbeat_delayed_by_the_launch_is_not_stale(cloud: Running) -> None:
    """The tag is written into the request; when that had to be repeated for minutes, it is old from the start."""
    now = cloud.wall.value
    tags = {**ALIAS_TAGS, "ManagedBy": "goldrun", "Role": "builder", "Heartbeat": iso(now - 3000)}
    machine = Instance(
        id="i-new",
        region=REGION,
        owner="1000000000000001",
        image="m-1",
        created=now,
        auto_release=now + 7200,
        tags=tags,
    )
    cloud.cloud.store.put(machine)
    (found,) = find_instances(cloud.client(), ALIAS_TAGS)
    assert silence(found, cloud.client().clock) < 60
    assert sweep.find(cloud.client()) == []


@pytest.mark.parametrize("lag", [0, 25])
@pytest.mark.parametrize("refusal", ["InvalidImageName.Duplicated", "IncorrectInstanceStatus", "ServiceUnavailable"])
def test_an_image_whose_id_was_lost_is_found(cloud: Running, folder: Path, refusal: str, lag: int) -> None:
    cloud.fault("error-after", "CreateImage")
    cloud.fault("error", "CreateImage", times=5, code=refusal, status=503 if refusal.startswith("Service") else 400)
    heard = Heard()

    def begin(step: str) -> None:
        if lag and step == "create the image":
            cloud.fault("stale", "DescribeImages", times=5, seconds=lag)

    heard.begin = begin  # type: ignore[method-assign]
    built = run(cloud, load(folder), heard=heard)
    assert [one.id for one in images(cloud)] == [built.image.image_id]
    assert answer(cloud) == built.image.image_id
    assert cloud.instances() == []


@pytest.mark.parametrize(
    ("step", "action", "times"), [("boot the builder", "DescribeInstances", 3), ("boot test", "DescribeImages", 3)]
)
def test_reads_that_lag_behind_fail_no_build(cloud: Running, folder: Path, step: str, action: str, times: int) -> None:
    """The builder that was just made is not there yet; the image's passed test is not there yet."""
    heard = Heard()

    def lag(name: str, *_: object) -> None:
        if name == step:
            cloud.fault("stale", action, times=times, seconds=40.0)

    heard.begin = heard.end = lag  # type: ignore[method-assign, assignment]
    built = run(cloud, load(folder), heard=heard)
    assert answer(cloud) == built.image.image_id
    assert cloud.cloud.gateway.calls["RunInstances"] == 2


def test_an_image_of_another_account_is_not_mistaken_for_it(cloud: Running, folder: Path) -> None:
    cloud.fault("error", "CreateImage", times=2)
    cloud.fault("error", "CreateImage", times=None, code="InvalidImageName.Duplicated", status=400)
    with pytest.raises(ApiError, match="Duplicated"):
        run(cloud, load(folder))
    assert cloud.instances() == []


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_every_call(cloud: Running, folder: Path, after: bool) -> None:
    """The alias always resolves to a tested image; a run or a sweep removes what an interrupted one left."""
    short = RECIPE.replace("seconds=2", "seconds=1")
    (folder / "recipe.toml").write_text(short)
    (folder / "install.sh").write_text(INSTALL.replace("seconds=60", "seconds=3"))
    # Short waits: every call is a placement, and looks that only wait are all alike.
    quick = {"boot_seconds": 2.0, "image_seconds": 3.0, "stop_seconds": 1.0, "release_seconds": 1.0}
    cloud.cloud.store.put(replaced(cloud.cloud.store.settings(), **quick))
    good = run(cloud, load(folder)).image.image_id
    deaths = 0
    for at in range(1, 400):
        (folder / "motd").write_text(f"{after} {at}\n")
        loaded = load(folder)
        client = cloud.client(timeout=600.0)
        transport = dying(client, at, after=after)
        try:
            build(client, loaded, "amd64", machine_settings(), Options(), Heard())
        except Crash:
            deaths += 1
        shown = find_own(cloud.client(), answer(cloud))
        assert shown.tags["BootTest"] == "passed", at
        assert shown.image_id in {good, *(one.id for one in images(cloud))}
        if at % 3 == 0:  # nobody builds again: the release time and a sweep clear up, the image stays usable
            cloud.wall.value += 3 * 3600
            client = cloud.client()
            sweep.remove(client, sweep.find(client))
            assert cloud.instances() == [], at
            assert sweep.find(cloud.client()) == []
        built = run(cloud, loaded)
        good = built.image.image_id
        assert answer(cloud) == good
        assert cloud.instances() == [], at
        assert list(cloud.cloud.store.all(Disk)) == [], at
        assert [one.id for one in images(cloud)] == [good], at
        assert len(list(cloud.cloud.store.all(Snapshot))) == 1, at
        if transport.sent < at:
            break
        store = cloud.cloud.store
        store.remove(*store.all(Invocation), *store.all(Usage), *store.all(Receipt))
    assert deaths > 40


@pytest.mark.parametrize("kind", ["error", "error-after", "throttle"])
def test_temporary_failures_do_not_matter(cloud: Running, folder: Path, kind: Any) -> None:
    cloud.fault(kind, times=None, probability=0.2)
    built = run(cloud, load(folder))
    cloud.cloud.gateway.faults.clear()
    assert answer(cloud) == built.image.image_id
    assert cloud.instances() == []


def test_a_cancelled_build_leaves_nothing(cloud: Running, folder: Path) -> None:
    class Cancelled(Heard):
        def line(self, text: str) -> None:
            if text == "installing jq":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(cloud, load(folder), heard=Cancelled())
    assert cloud.instances() == []
    assert images(cloud) == []


def test_the_overhead_is_small(cloud: Running, folder: Path) -> None:
    """Beyond what the cloud takes for boots, commands and the image: 3 % at most, in virtual time."""
    (folder / "install.sh").write_text(INSTALL.replace("seconds=60", "seconds=240"))
    settings = cloud.cloud.store.settings()
    start = cloud.wall.value
    run(cloud, load(folder))
    took = cloud.wall.value - start
    commands = sum(one.seconds for one in cloud.cloud.store.all(Invocation))
    boots = 2 * (settings.boot_seconds + 5.0)
    unavoidable = commands + boots + settings.stop_seconds + settings.image_seconds + 2 * settings.release_seconds
    assert took / unavoidable <= 1.03


def test_no_stock_at_all_is_reported(cloud: Running, folder: Path) -> None:
    (folder / "recipe.toml").write_text(RECIPE + "\n[builder]\non_demand_fallback = false\n")
    cloud.cloud.store.put(replaced(cloud.cloud.store.settings(), market=Market(scarcity=1.0)))
    with pytest.raises(GoldrunError, match="No offer gives"):
        run(cloud, load(folder))


def test_an_image_is_built_on_another_ones_name_or_id_and_anew_when_that_one_is(cloud: Running, folder: Path) -> None:
    base = run(cloud, load(folder)).image
    ours = folder / "ours"
    ours.mkdir()
    for name, text in (("motd", "ours\n"), ("install.sh", INSTALL)):
        (ours / name).write_text(text)
    written = RECIPE.replace('family = "tools"', 'family = "ours"')
    (ours / "recipe.toml").write_text(written.replace("acs:ubuntu_24_04_x64", "tools"))
    made = run(cloud, load(ours))
    assert made.image.tags["BaseImageId"] == base.image_id
    assert run(cloud, load(ours)).skipped
    (folder / "install.sh").write_text(INSTALL + "# another\n")
    new = run(cloud, load(folder)).image
    again = run(cloud, load(ours))
    assert (again.skipped, again.image.tags["BaseImageId"]) == (False, new.image_id)
    (ours / "recipe.toml").write_text(written.replace("acs:ubuntu_24_04_x64", new.image_id))
    assert run(cloud, load(ours)).skipped  # the same image, by its id
    for name, words in (
        ("nobody", "The base image nobody was not found"),
        ("m-nobody0123456789abcd", "Image not found: m-nobody"),
    ):
        (ours / "recipe.toml").write_text(written.replace("acs:ubuntu_24_04_x64", name))
        with pytest.raises(NotFoundError, match=words):
            run(cloud, load(ours))
    (ours / "recipe.toml").write_text(written.replace("acs:ubuntu_24_04_arm64", new.image_id))
    with pytest.raises(NotFoundError, match="is amd64, not arm64"):
        run(cloud, load(ours), "arm64")


def test_tags_of_ones_own_are_on_the_image_and_on_every_instance(cloud: Running, folder: Path) -> None:
    recipe = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(
        recipe.replace("[base]", '[parameters]\nteam = "ci"\n[tags]\nTeam = "{{ parameters.team }}"\n[base]', 1)
    )
    seen: list[dict[str, str]] = []

    class Watching(Heard):
        def line(self, text: str) -> None:
            seen.extend(dict(one.tags) for one in cloud.instances())

    made = run(cloud, load(folder, {"team": "platform"}), heard=Watching())
    assert made.image.tags["Team"] == "platform"
    assert {"builder", "tester"} <= {one["Role"] for one in seen if one.get("Team") == "platform"}
    assert not [one for one in seen if one.get("ManagedBy") == "goldrun" and one.get("Team") != "platform"]


def test_an_image_with_all_its_tags_fits_into_what_ecs_takes(cloud: Running, folder: Path) -> None:
    """Twenty: five of the recipe's own, a long manifest, a channel, protection, and a copy's."""
    recipe = (folder / "recipe.toml").read_text()
    own = "[tags]\n" + "".join(f'Own{number} = "x"\n' for number in range(5))
    pins = "".join(f'tool{number} = "1.2.{number}"\n' for number in range(20))
    more = "".join(f'more{number} = "2.{number}.7"\n' for number in range(60))
    (folder / "recipe.toml").write_text(recipe.replace("[versions]\n", f"[versions]\n{pins}") + own)
    built = run(cloud, load(folder), source="o/r@abc")
    client = cloud.client(timeout=600.0)
    protect(client, find_own(client, built.image.image_id), on=True)
    image = find_own(client, built.image.image_id)
    assert len(image.tags) + 1 <= 20, "and CopiedFrom on a copy"
    assert len(from_tags(image.tags)) == 21
    (folder / "recipe.toml").write_text(
        (folder / "recipe.toml").read_text().replace("[versions]\n", f"[versions]\n{more}")
    )
    with pytest.raises(UsageError, match="The manifest is too long"):
        load(folder)


def test_an_encrypted_disk_makes_an_encrypted_image(cloud: Running, folder: Path) -> None:
    assert [one.encrypted for one in cloud.cloud.store.all(Snapshot)] == []
    recipe = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(f'{recipe}\n[builder]\nencrypted = true\nkey = "key-1"\n')
    run(cloud, load(folder))
    assert [one.encrypted for one in cloud.cloud.store.all(Snapshot)] == [True]


def test_a_playbook_is_sent_with_its_folder_and_a_big_file_is_fetched(cloud: Running, folder: Path) -> None:
    (folder / "ansible").mkdir()
    (folder / "ansible/site.yml").write_text("# simulate: seconds=5\n")
    (folder / "ansible/vars.yml").write_text("a: 1\n")
    fetched = f'[[files]]\nsource = "https://example.com/big"\ntarget = "/opt/big"\nsha256 = "{"a" * 64}"\n'
    played = '[[steps]]\nname = "play"\nplaybook = "ansible/site.yml"\n'
    (folder / "recipe.toml").write_text((folder / "recipe.toml").read_text() + fetched + played)
    run(cloud, load(folder))
    assert {"fetch /opt/big", "play", "site.yml", "vars.yml"} <= {one.name for one in cloud.cloud.store.all(Invocation)}

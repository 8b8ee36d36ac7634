"""Stages: a builder's state after a step, kept as an image, from which later builds start."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from goldrun import sweep
from goldrun.bake.build import Built, build
from goldrun.bake.context import Options
from goldrun.bake.reading import load
from goldrun.bake.stages import stages_of, variables_of
from goldrun.bake.step_handler import Decision
from goldrun.cli.image_verify import require_verified
from goldrun.cloud.tagging import tagging
from goldrun.errors import RefusedError
from goldrun.images.lineage import find_own
from goldrun.images.provenance import Signer, read_private_key
from goldrun.images.retention import prune
from local_cloud.records import Disk, Image, Invocation, Receipt, Snapshot, Usage
from tests.conftest import REGION, Running
from tests.simulation.dying import Crash, dying
from tests.simulation.test_build import ALIAS, Heard, answer, cloud, machine_settings, run
from tests.simulation.test_provenance import make_key

__all__ = ["cloud"]
RECIPE = """
family = "tools"
[parameters]
stage = "staging"
[base]
amd64 = "acs:ubuntu_24_04_x64"
[versions]
docker = "28.1"
go = "1.25"
[[files]]
source = "motd"
target = "/etc/motd"
before = "install go"
[[steps]]
name = "packages"
script = "packages.sh"
cache = true
[[steps]]
name = "install docker"
script = "docker.sh"
cache = true
[[steps]]
name = "install go"
script = "go.sh"
[[smoke]]
name = "all is there"
command = "# simulate: seconds=2"
"""
SCRIPTS = {
    "packages.sh": "#!/bin/bash\n# simulate: seconds=300 output=packages\n",
    "docker.sh": "#!/bin/bash\n# simulate: seconds=200 output=docker\necho $DOCKER_VERSION\n",
    "go.sh": "#!/bin/bash\n# simulate: seconds=30 output=go\necho $GO_VERSION $STAGE\n",
    "motd": "welcome\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    for name, text in SCRIPTS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def change(folder: Path, name: str, old: str, new: str) -> None:
    file = folder / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def stages(cloud: Running) -> list[Image]:
    return [one for one in cloud.cloud.store.all(Image) if "BuildStage" in one.tags]


def ran(heard: Heard) -> list[str]:
    return [line for line in heard.lines if line in ("packages", "docker", "go")]


def test_a_late_change_starts_from_the_stage_before_it(cloud: Running, folder: Path) -> None:
    began, first = cloud.wall.value, Heard()
    run(cloud, load(folder), heard=first)
    whole = cloud.wall.value - began
    assert ran(first) == ["packages", "docker", "go"]
    assert sorted(one.tags["BuildStage"].split()[0] for one in stages(cloud)) == ["1", "2"]
    change(folder, "recipe.toml", 'go = "1.25"', 'go = "1.26"')
    began, second = cloud.wall.value, Heard()
    built = run(cloud, load(folder), heard=second)
    assert ran(second) == ["go"]
    assert "files for install go" in second.steps
    assert (cloud.wall.value - began) < whole / 3
    assert answer(cloud) == built.image.image_id
    assert built.image.tags["BaseImageId"].startswith("ubuntu_24_04_x64")
    assert cloud.instances() == []
    assert len(stages(cloud)) == 2


@pytest.mark.parametrize(
    ("name", "old", "new", "left"),
    [
        ("recipe.toml", 'docker = "28.1"', 'docker = "29.0"', ["docker", "go"]),
        ("packages.sh", "seconds=300", "seconds=299", ["packages", "docker", "go"]),
        ("motd", "welcome", "hello", ["go"]),
        ("recipe.toml", 'stage = "staging"', 'stage = "production"', ["go"]),
        ("recipe.toml", "[[files]]", "[environment]\nHTTPS_PROXY = 'http://proxy:3128'\n[[files]]", None),
        ("recipe.toml", 'script = "packages.sh"', 'script = "packages.sh"\nreboot = true', None),
        ("recipe.toml", 'before = "install go"', 'mode = "0600"', None),
        ("recipe.toml", "[[smoke]]", "[builder]\ndisk = 60\n[[smoke]]", None),
    ],
)
def test_what_a_change_leaves_valid(
    cloud: Running, folder: Path, name: str, old: str, new: str, left: list[str] | None
) -> None:
    run(cloud, load(folder))
    change(folder, name, old, new)
    heard = Heard()
    run(cloud, load(folder), heard=heard)
    assert ran(heard) == (left or ["packages", "docker", "go"])


def test_a_step_before_a_stage_gets_only_what_it_mentions(folder: Path) -> None:
    """So a version that it does not mention cannot matter to it."""
    loaded = load(folder)
    assert variables_of(loaded, 0, "amd64") == {}
    assert variables_of(loaded, 1, "amd64") == {"DOCKER_VERSION": "28.1"}
    assert variables_of(loaded, 2, "amd64") == loaded.variables("amd64")
    change(folder, "packages.sh", "#!/bin/bash", "#!/bin/bash\n# MY_DOCKER_VERSION is another word; GO_VERSION")
    assert variables_of(load(folder), 0, "amd64") == {"GO_VERSION": "1.25"}
    change(folder, "recipe.toml", 'before = "install go"', "")
    (folder / "motd").write_text("this is $ARCH\n")
    assert variables_of(load(folder), 0, "amd64") == {"GO_VERSION": "1.25", "ARCH": "amd64"}


def test_architectures_and_bases_have_stages_of_their_own(folder: Path) -> None:
    loaded = load(folder)
    tags = {
        stage.digest
        for base in ("m-1", "m-2")
        for arch in ("amd64", "arm64")
        for stage in stages_of(loaded, arch, base)
    }
    assert len(tags) == 8


def test_force_runs_all_steps_and_from_step_those_from_it_on(cloud: Running, folder: Path) -> None:
    run(cloud, load(folder))
    old = {one.id for one in stages(cloud)}
    heard = Heard()
    run(cloud, load(folder), heard=heard, from_step="install docker")
    assert ran(heard) == ["docker", "go"]
    assert len(stages(cloud)) == 2
    assert len(old & {one.id for one in stages(cloud)}) == 1, "the stage that was made again replaces the old one"
    heard = Heard()
    run(cloud, load(folder), heard=heard, force=True)
    assert ran(heard) == ["packages", "docker", "go"]


def test_a_publishing_build_deletes_stages_that_no_longer_fit(cloud: Running, folder: Path) -> None:
    run(cloud, load(folder))
    change(folder, "docker.sh", "seconds=200", "seconds=20")
    run(cloud, load(folder), publish=False)
    assert len(stages(cloud)) == 3
    change(folder, "recipe.toml", "cache = true", "")
    run(cloud, load(folder))
    assert stages(cloud) == []
    assert len(list(cloud.cloud.store.all(Snapshot))) == 1


def test_a_prune_by_hand_keeps_the_newest_stage_of_each_place(cloud: Running, folder: Path) -> None:
    run(cloud, load(folder), publish=False)
    first = {one.id for one in stages(cloud)}
    change(folder, "docker.sh", "seconds=200", "seconds=20")
    run(cloud, load(folder), publish=False)
    client = cloud.client(timeout=600.0)
    planned = prune(client, ALIAS, keep=5, dry_run=True)
    doomed = [verdict.image.image_id for verdict in planned.verdicts if not verdict.keep]
    assert len(doomed) == 1
    assert doomed[0] in first
    assert not [one for one in prune(client, ALIAS, keep=5, older_than=1e6, dry_run=True).verdicts if not one.keep]
    prune(client, ALIAS, keep=5)
    assert {one.id for one in stages(cloud)}.isdisjoint(doomed)
    assert len(stages(cloud)) == 2


def test_a_reclaimed_builder_starts_again_from_its_last_stage(cloud: Running, folder: Path) -> None:
    store = cloud.cloud.store

    class Reclaimer(Heard):
        def line(self, text: str) -> None:
            super().line(text)
            if text == "go" and self.lines.count("go") == 1:
                (builder,) = cloud.instances()
                store.put(replaced(builder, reclaimed=cloud.wall.value + 1))
                for one in store.all(Invocation):
                    store.put(replaced(one, lost=cloud.wall.value + 1))

    heard = Reclaimer()
    built = run(cloud, load(folder), heard=heard)
    assert ran(heard) == ["packages", "docker", "go", "go"]
    assert answer(cloud) == built.image.image_id


def test_a_stage_that_became_nothing_is_not_used(cloud: Running, folder: Path) -> None:
    run(cloud, load(folder))
    broken = max(stages(cloud), key=lambda one: one.tags["BuildStage"])
    cloud.cloud.store.put(replaced(broken, state="CreateFailed"))
    change(folder, "recipe.toml", 'go = "1.25"', 'go = "1.26"')
    heard = Heard()
    run(cloud, load(folder), heard=heard)
    assert ran(heard) == ["docker", "go"]


def test_a_stage_that_became_nothing_does_not_outlive_a_good_one(cloud: Running, folder: Path) -> None:
    """As the newest one of its steps it was kept, and the one that had just been used was deleted."""
    run(cloud, load(folder))
    good = max(stages(cloud), key=lambda one: one.tags["BuildStage"])
    failed = replaced(good, id="m-localfailed", name=f"{good.name}0", state="CreateFailed", created=good.created + 60)
    cloud.cloud.store.put(replaced(failed, snapshot=""))
    change(folder, "recipe.toml", 'go = "1.25"', 'go = "1.26"')
    heard = Heard()
    run(cloud, load(folder), heard=heard)
    assert ran(heard) == ["go"]
    assert good.id in [one.id for one in stages(cloud)]
    assert failed.id not in [one.id for one in stages(cloud)]


def test_look_ups_do_not_find_a_stage(cloud: Running, folder: Path) -> None:
    change(folder, "go.sh", "seconds=30", "seconds=30 exit=1")
    with pytest.raises(RefusedError):
        run(cloud, load(folder))
    assert answer(cloud) == ""
    assert len(stages(cloud)) == 2
    assert cloud.instances() == []
    assert sweep.find(cloud.client()) == []


def test_a_builder_restarts_after_a_step(cloud: Running, folder: Path) -> None:
    change(folder, "recipe.toml", "cache = true", "reboot = true")
    before = cloud.cloud.gateway.calls.get("StartInstance", 0)
    heard = Heard()
    run(cloud, load(folder), heard=heard)
    assert cloud.cloud.gateway.calls["StartInstance"] == before + 2
    assert "restart after packages" in heard.steps


@pytest.mark.parametrize("action", ["StopInstance", "StartInstance", "CreateImage"])
def test_lost_answers_while_a_stage_is_kept(cloud: Running, folder: Path, action: str) -> None:
    cloud.fault("error-after", action, times=2)
    built = run(cloud, load(folder))
    assert answer(cloud) == built.image.image_id
    assert len(stages(cloud)) == 2
    assert cloud.instances() == []


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_every_call_of_a_build_with_stages(cloud: Running, folder: Path, after: bool) -> None:
    """The next build ends with one image, its stages, and nothing else; a sweep without it leaves no machine."""
    for name in ("packages.sh", "docker.sh", "go.sh"):
        (folder / name).write_text(f"#!/bin/bash\n# simulate: seconds=1 output={name[:-3]}\n# $GO_VERSION\n")
    quick = {"boot_seconds": 2.0, "image_seconds": 3.0, "stop_seconds": 1.0, "start_seconds": 1.0}
    cloud.cloud.store.put(replaced(cloud.cloud.store.settings(), release_seconds=1.0, **quick))
    deaths = 0
    for at in range(1, 600, 3):
        (folder / "motd").write_text(f"{at}\n")
        change(folder, "recipe.toml", 'go = "', 'go = "1')
        client = cloud.client(timeout=600.0)
        transport = dying(client, at, after=after)
        with contextlib.suppress(Crash):
            build(client, load(folder), "amd64", machine_settings(), Options(), Heard())
        deaths += transport.sent >= at
        if at % 2:
            cloud.wall.value += 3 * 3600
            client = cloud.client()
            sweep.remove(client, sweep.find(client))
            assert cloud.instances() == [], at
        built = run(cloud, load(folder))
        assert answer(cloud) == built.image.image_id
        assert cloud.instances() == [], at
        assert list(cloud.cloud.store.all(Disk)) == [], at
        assert len(stages(cloud)) == 2, at
        assert len(list(cloud.cloud.store.all(Snapshot))) == 3, at
        store = cloud.cloud.store
        store.remove(*store.all(Invocation), *store.all(Usage), *store.all(Receipt))
        if transport.sent < at:
            break
    assert deaths > 25


class Answers:
    """Somebody who gives these answers, after some looks."""

    def __init__(self, *answers: Decision) -> None:
        self.answers, self.asked, self.looks = list(answers), list[str](), 0

    def on_failure(self, step: str, instance_id: str, error: RefusedError) -> Any:
        self.asked.append(f"{step} {instance_id.startswith('i-')} {error.what}")
        self.looks = 0
        return lambda: self._told(self.answers)

    def on_pause(self, step: str, instance_id: str) -> Any:
        self.asked.append(f"{step} paused {instance_id.startswith('i-')}")
        self.looks = 0
        return lambda: True if self._told([Decision.KEEP]) else None

    def _told(self, answers: list[Decision]) -> Decision | None:
        self.looks += 1
        return answers.pop(0) if self.looks > 500 else None


def attended(cloud: Running, folder: Path, person: Answers, **options: Any) -> Built:
    return run(cloud, load(folder), handler=person, **options)


def test_a_step_that_failed_is_tried_again_on_the_same_builder(cloud: Running, folder: Path) -> None:
    change(folder, "go.sh", "seconds=30", "seconds=30 exit=7")
    person = Answers(Decision.RETRY, Decision.KEEP)
    with pytest.raises(RefusedError, match="exit code 7") as caught:
        run(cloud, load(folder), handler=person)
    assert len(person.asked) == 2
    assert person.asked[0].startswith("install go True 'install go' ended with exit code 7")
    (kept,) = cloud.instances()
    assert kept.id in str(caught.value.__notes__)
    assert kept.tags["Role"] == "kept"
    assert sum(one.name == "install go" for one in cloud.cloud.store.all(Invocation)) == 2


def test_a_pause_after_a_step(cloud: Running, folder: Path) -> None:
    person = Answers()
    built = attended(cloud, folder, person, pauses=("packages", "install go"))
    assert person.asked == ["packages paused True", "install go paused True"]
    assert answer(cloud) == built.image.image_id


def test_a_pause_after_a_step_that_a_stage_has(cloud: Running, folder: Path) -> None:
    """The step was skipped, and so was the pause: the image was published before anybody could look."""
    run(cloud, load(folder))
    change(folder, "recipe.toml", 'go = "1.25"', 'go = "1.26"')
    person, heard = Answers(), Heard()
    attended(cloud, folder, person, pauses=("install docker",), heard=heard)
    assert person.asked == ["install docker paused True"]
    assert ran(heard) == ["docker", "go"]


def test_a_person_who_thinks_does_not_lose_the_builder(cloud: Running, folder: Path) -> None:
    """Another build would delete it after six minutes of silence."""
    silences: list[float] = []

    class Slow(Answers):
        def _told(self, answers: list[Decision]) -> Decision | None:
            from goldrun.bake.resume import find_instances
            from goldrun.launch.heartbeat import silence

            others = cloud.client()
            silences.extend(silence(one, others.clock) for one in find_instances(others, {"Family": "tools"}))
            return super()._told(answers)

    attended(cloud, folder, Slow(), pauses=("packages",))
    assert len(silences) > 400
    assert max(silences) < 120


def test_with_a_key_only_signed_stages_are_used(cloud: Running, folder: Path, tmp_path: Path) -> None:
    """A stage is found by its tag alone: who may write tags could have any disk built upon, and signed."""
    signer = Signer(read_private_key(make_key(tmp_path)))
    run(cloud, load(folder), sign=signer)
    change(folder, "go.sh", "$STAGE", "$STAGE more")
    heard = Heard()
    run(cloud, load(folder), heard=heard, sign=signer)
    assert ran(heard) == ["go"], "its own are used"
    public = tmp_path / "image.pub"
    old = next(one for one in stages(cloud) if one.tags["BuildStage"].startswith("2 "))
    with pytest.raises(RefusedError, match="is a stage of a build"):
        require_verified(find_own(cloud.client(), old.id), REGION, public)
    change(folder, "docker.sh", "echo", "echo the fix")
    wanted = stages_of(load(folder), "amd64", old.tags["BaseImageId"])[1]
    tagging("image", [old.id], wanted.tag).make(cloud.client())
    heard = Heard()
    run(cloud, load(folder), heard=heard, sign=signer)
    assert ran(heard) == ["docker", "go"]
    assert any(f"{old.id} is not used: it has no signature" in line for line in heard.lines)
    change(folder, "docker.sh", "echo the fix", "echo another fix")
    run(cloud, load(folder))
    change(folder, "go.sh", "more", "even more")
    heard = Heard()
    run(cloud, load(folder), heard=heard, sign=Signer(signer.key, existing=True))
    assert ran(heard) == ["go"], "somebody vouches for it"

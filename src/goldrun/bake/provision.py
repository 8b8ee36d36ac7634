"""The steps on the builder: launch it, run the recipe's steps, test it, clean it, delete it."""

from __future__ import annotations

import hashlib
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files

from goldrun.bake import parts
from goldrun.bake.context import Context
from goldrun.bake.instances import abandon_instance, delete_instance, launch_instance, new_key, wait_for_boot
from goldrun.bake.parts import File
from goldrun.bake.power import restart_builder
from goldrun.bake.recipe import Recipe
from goldrun.bake.resume import GIVE_WAY
from goldrun.bake.scripts import read_output, run_script, run_test
from goldrun.bake.stages import files_before, keep_stage, variables_of
from goldrun.bake.step import State, Step, has_image
from goldrun.cloud.client import EcsClient
from goldrun.cloud.tags import BUILD_TIMESTAMP, BUILDER, VERSION_HASH
from goldrun.durations import parse_duration
from goldrun.errors import RefusedError, UsageError
from goldrun.images.lineage import Lineage, read_lineage
from goldrun.launch.machine import Machine

CLEAN_SECONDS = 300.0
FETCH_SECONDS = 3600.0
MOUNT_SECONDS = 600.0


def on_builder(name: str, work: Callable[[Context, Machine], None], number: int = sys.maxsize) -> Step:
    """Return a step that works on the builder and does not change the state.

    Args:
        name: the name that people see.
        work: does it.
        number: the recipe's step that it belongs to; it is skipped if the builder starts from a stage that has it.
    """

    def run(context: Context, state: State) -> State:
        assert state.builder
        work(context, state.builder)
        return state

    return Step(name, run, needs=("builder",), skipped=lambda state: has_image(state) or state.done > number)


def provisioning(recipe: Recipe) -> Iterator[Step]:
    """Yield the steps between the builder's launch and its image, in the recipe's order."""
    yield on_builder("boot the builder", wait_for_boot)
    yield GIVE_WAY
    if recipe.disks:
        yield on_builder("mount the data disks", _mount, 0)
    for number, step in enumerate(recipe.steps):
        if files_before(recipe, number):
            yield on_builder(f"files for {step.name}" if number else "send the files", _send_files(number), number)
        yield on_builder(step.name, _script(number), number)
        if step.cache:
            yield keep_stage(number)
        elif step.reboot:
            yield on_builder(f"restart after {step.name}", restart_builder, number)
    for test in recipe.tests:
        yield on_builder(f"test: {test.name}", _test(test))
    if recipe.manifest:
        yield Step("manifest", _read_manifest, needs=("builder",), gives=("manifest",), skipped=has_image)
    yield on_builder("clean", _clean)


def _launch(context: Context, state: State) -> State:
    assert state.base
    stamp = _free_stamp(context.client, read_lineage(context.client, context.alias))
    tags = {**context.lineage_tags, **VERSION_HASH.of(state.version_hash), **BUILD_TIMESTAMP.of(stamp)}
    key = new_key(f"build {context.alias} {stamp}")
    # A stage has the data disks already.
    disks = () if state.start else [disk.size for disk in context.recipe.disks]
    image_id = (state.start or state.base).image_id
    builder = launch_instance(context, image_id, role=BUILDER, key=key, tags=tags, disks=disks)
    return replace(state, builder=builder, tags=tags)


def _abandon(context: Context, state: State, error: BaseException) -> None:
    if state.builder:
        abandon_instance(context, state.builder, error, keep=state.kept)


def _delete(context: Context, state: State) -> State:
    assert state.builder
    delete_instance(context, state.builder)
    return replace(state, builder=None)


def _mount(context: Context, builder: Machine) -> None:
    script = files("goldrun.bake").joinpath("disks.sh").read_bytes()
    wanted = "\n".join(f"{disk.size} {disk.filesystem} {disk.mount}" for disk in context.recipe.disks)
    run_script(context, builder, "mount the data disks", script, MOUNT_SECONDS, {"DISKS": wanted})


def _send_files(number: int) -> Callable[[Context, Machine], None]:
    def work(context: Context, builder: Machine) -> None:
        for file in files_before(context.recipe, number):
            if file.is_fetched:
                _fetch(context, builder, file)
            else:
                builder.send(context.loaded.content_of(file), file.target, mode=file.mode, owner=file.owner)

    return work


def _fetch(context: Context, builder: Machine, file: File) -> None:
    """Have the builder fetch a file: Cloud Assistant sends 32 KB a call, which is for small ones."""
    script = files("goldrun.bake").joinpath("fetch.sh").read_bytes()
    wanted = {"URL": context.recipe.mirrors.moved(file.source), "SHA256": file.sha256, "TARGET": file.target}
    variables = {**context.recipe.mirrors.environment, **context.recipe.environment, **wanted}
    more = {"MODE": file.mode, "OWNER": file.owner}
    run_script(context, builder, f"fetch {file.target}", script, FETCH_SECONDS, {**variables, **more})


def _script(number: int) -> Callable[[Context, Machine], None]:
    def work(context: Context, builder: Machine) -> None:
        step = context.recipe.steps[number]
        script = _play(context, builder, step) if step.playbook else context.loaded.contents[step.script]
        variables = variables_of(context.loaded, number, context.architecture)
        run_script(context, builder, step.name, script, parse_duration(step.timeout), variables)

    return work


def _play(context: Context, builder: Machine, step: parts.Step) -> bytes:
    """Send a playbook's folder, and return the script that plays it."""
    folder = f"/run/goldrun-playbook-{hashlib.sha256(step.name.encode()).hexdigest()[:12]}"
    for name, content in context.loaded.playbook_of(step).items():
        builder.send(content, f"{folder}/{name}", mode="0600", owner="root")
    words = {"FOLDER": folder, "PLAYBOOK": step.playbook.rpartition("/")[2]}
    script = files("goldrun.bake").joinpath("playbook.sh").read_text()
    given = "".join(f"{name}={shlex.quote(value)}\n" for name, value in words.items())
    return script.replace("set -euo pipefail\n", f"set -euo pipefail\n{given}", 1).encode()


def _test(test: parts.Test) -> Callable[[Context, Machine], None]:
    return lambda context, builder: run_test(context, builder, test)


def _read_manifest(context: Context, state: State) -> State:
    assert state.builder
    script = context.loaded.contents[context.recipe.manifest]
    variables = context.loaded.variables(context.architecture)
    output = read_output(context, state.builder, "manifest", script, CLEAN_SECONDS, variables)
    pairs = (line.partition("=") for line in output.splitlines() if "=" in line)
    found = {name.strip(): version.strip() for name, _, version in pairs if name.strip()}
    try:
        context.loaded.manifest_tags(found)
    except UsageError as error:  # while there is a builder to look at
        raise RefusedError(error.what, why=error.why, fix=[f"correct {context.recipe.manifest}."]) from error
    return replace(state, manifest=found)


def _clean(context: Context, builder: Machine) -> None:
    script = files("goldrun.bake").joinpath("clean.sh").read_bytes()
    run_script(context, builder, "clean", script, CLEAN_SECONDS, {})


def _free_stamp(client: EcsClient, lineage: Lineage) -> str:
    """Return a version that no image has yet: the time, to the second."""
    taken = {image.name for image in lineage.images.values()}
    now = client.clock.now()
    while (stamp := time.strftime("%Y%m%d%H%M%S", time.gmtime(now))) and f"{lineage.name}-{stamp}" in taken:
        now += 1
    return stamp


LAUNCH_BUILDER = Step(
    "launch the builder",
    _launch,
    needs=("base", "version_hash"),
    gives=("builder", "tags"),
    skipped=has_image,
    undo=_abandon,
)
DELETE_BUILDER = Step("delete the builder", _delete, needs=("builder",), skipped=lambda state: state.builder is None)

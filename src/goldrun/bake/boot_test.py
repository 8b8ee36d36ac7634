"""The boot test: an instance booted from the image must pass the recipe's smoke tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from goldrun.bake.context import Context
from goldrun.bake.inspection import read_contents
from goldrun.bake.machines import machine_for, new_key, wait_for_boot
from goldrun.bake.parts import Test
from goldrun.bake.scanning import require_harmless
from goldrun.bake.scripts import run_test
from goldrun.bake.step import State, Step
from goldrun.cloud.images import Image
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import BOOT_TEST, CONTENTS, FAILED, HELD, PASSED, PENDING, TESTER
from goldrun.contents.components import Contents, digest
from goldrun.errors import RefusedError
from goldrun.images.removal import delete_image


def smoke_test(context: Context, image: Image) -> Contents | None:
    """Boot an instance from the image and run the smoke tests; return its packages if somebody wants them.

    Raises:
        RefusedError: a test failed, or the image was refused before the boot.
    """
    context.options.check(image)
    key = new_key(f"test {image.image_id}")
    with machine_for(context, image.image_id, role=TESTER, key=key, tags=context.lineage_tags) as tester:
        wait_for_boot(context, tester)
        mounted = [
            Test(name=f"data disk {disk.mount}", command=f"mountpoint {disk.mount}") for disk in context.recipe.disks
        ]
        for test in (*mounted, *context.recipe.smoke):
            run_test(context, tester, test)
        scans = context.recipe.scan is not None and context.options.advisories is not None
        if not scans and context.options.listed is None and context.options.sign is None:
            return None
        contents = read_contents(context, tester)
    context.report.line(f"{len(contents.components)} packages are in it.")
    if context.options.listed:
        context.options.listed(image, contents)
    return contents


def _test(context: Context, state: State) -> State:
    """Test the candidate and record the verdict; one that fails is deleted, one that the scan holds back stays.

    A signature covers what is inside, so what was listed is recorded with the verdict.
    """
    image = state.image
    assert image
    try:
        contents = smoke_test(context, image)
    except RefusedError:
        _record(context, image, BOOT_TEST.of(FAILED))
        delete_image(context.client, image)
        raise
    try:
        require_harmless(context, image, contents)
    except RefusedError:
        _record(context, image, BOOT_TEST.of(HELD))
        raise
    told = BOOT_TEST.of(PASSED)
    if contents and contents.components:  # an empty list proves nothing
        told |= CONTENTS.of(digest(contents))
    _record(context, image, told)
    return replace(state, image=image._replace(tags={**image.tags, **told}))


def _record(context: Context, image: Image, tags: Mapping[str, str]) -> None:
    tagging("image", [image.image_id], tags).make(context.client)


def _was_tested(state: State) -> bool:
    return state.image is not None and BOOT_TEST.read(state.image.tags) not in (PENDING, HELD)


TEST_IMAGE = Step("boot test", _test, needs=("image",), skipped=_was_tested)

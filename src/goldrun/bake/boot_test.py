"""The boot test: an instance booted from the image must pass the recipe's smoke tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from goldrun.bake.context import Context
from goldrun.bake.inspection import read_contents
from goldrun.bake.instances import MAX_RECLAIMS, instance_for, new_key, start_again, wait_for_boot
from goldrun.bake.parts import Test
from goldrun.bake.scanning import require_harmless
from goldrun.bake.scripts import run_test
from goldrun.bake.step import State, Step
from goldrun.cloud.errors import LostError
from goldrun.cloud.images import ALL_STATUSES, Image, describe_images
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import BOOT_TEST, CONTENTS, FAILED, HELD, PASSED, PENDING, TESTER
from goldrun.contents.components import Contents, digest
from goldrun.errors import GoldrunError, RefusedError, UnavailableError
from goldrun.images.removal import delete_image, protection
from goldrun.launch.machine import Machine, SilentError

SILENT = 2  # testers that never answer: one may be the cloud's fault


def smoke_test(context: Context, image: Image) -> Contents | None:
    """Boot an instance from the image and run the smoke tests; return its packages if somebody wants them.

    A tester that the market reclaims is replaced.

    Raises:
        RefusedError: a test failed, the image does not boot, or it was refused before the boot.
        UnavailableError: there is no tester: the image may be good.
    """
    context.options.check(image)
    silent = lost = 0
    while True:
        try:
            contents = _try(context, image)
        except LostError as error:
            lost += 1
            if lost > MAX_RECLAIMS:
                raise
            start_again(context, error)
        except SilentError as error:
            silent += 1
            if silent == SILENT:
                raise RefusedError(
                    f"{image.name} ({image.image_id}) does not boot: {SILENT} testers did not answer.", why=error.why
                ) from error
            context.report.line(f"{error.what} Starting another tester.")
        else:
            break
    if contents is None:
        return None
    context.report.line(f"{len(contents.components)} packages were found in it.")
    if context.options.listed:
        context.options.listed(image, contents)
    return contents


def _try(context: Context, image: Image) -> Contents | None:
    with _tester(context, image) as tester:
        wait_for_boot(context, tester)
        mounted = [
            Test(name=f"data disk {disk.mount}", command=f"mountpoint {disk.mount}") for disk in context.recipe.disks
        ]
        for test in (*mounted, *context.recipe.smoke):
            run_test(context, tester, test)
        scans = context.recipe.scan is not None and context.options.advisories is not None
        if not scans and context.options.listed is None and context.options.sign is None:
            return None
        return read_contents(context, tester)


@contextlib.contextmanager
def _tester(context: Context, image: Image) -> Iterator[Machine]:
    key = new_key(f"test {image.image_id}")
    with contextlib.ExitStack() as stack:
        try:
            tester = stack.enter_context(
                instance_for(context, image.image_id, role=TESTER, key=key, tags=context.lineage_tags)
            )
        except RefusedError as error:
            # The market has nothing now; that says nothing about the image.
            raise UnavailableError(
                f"{image.name} ({image.image_id}) is not tested: {error.what}",
                why=error.why,
                fix=["run the same command later: the build resumes at the boot test.", *error.fix],
            ) from error
        yield tester


def _test(context: Context, state: State) -> State:
    """Test the candidate and record the verdict; one that fails is deleted, one that the scan holds back stays.

    A signature covers what is inside, so what was listed is recorded with the verdict.
    """
    image = state.image
    assert image
    try:
        contents = smoke_test(context, image)
    except RefusedError as error:
        _discard(context, image, error)
        raise
    try:
        require_harmless(context, image, contents)
    except RefusedError:
        _record(context, image, BOOT_TEST.of(HELD))
        raise
    tags = BOOT_TEST.of(PASSED)
    if contents and contents.components:  # an empty list proves nothing
        tags |= CONTENTS.of(digest(contents))
    if signer := context.options.sign:  # or the next build would not trust what is recorded here
        tags |= signer.sign(image.image_id, {**image.tags, **tags}, context.client.region)
    _record(context, image, tags)
    return replace(state, image=image._replace(tags={**image.tags, **tags}))


def _discard(context: Context, image: Image, error: RefusedError) -> None:
    """Delete an image that has failed; the error's notes say if it stays.

    Another build may have tested it too, and published it.
    """
    try:
        for found in describe_images(context.client, image_id=image.image_id, status=ALL_STATUSES):
            if reason := protection(found):
                error.add_note(f"{image.image_id} is kept: it is {reason}.")
                return
            _record(context, found, BOOT_TEST.of(FAILED))
            delete_image(context.client, found)
    except GoldrunError as second:
        error.add_note(f"{image.image_id} is not deleted ({second.what}): the next build of it tries again.")


def _record(context: Context, image: Image, tags: Mapping[str, str]) -> None:
    tagging("image", [image.image_id], tags).make(context.client)


def _was_tested(state: State) -> bool:
    return state.image is not None and BOOT_TEST.read(state.image.tags) not in (PENDING, HELD)


TEST_IMAGE = Step("boot test", _test, needs=("image",), skipped=_was_tested)

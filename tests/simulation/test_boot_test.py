"""The boot test's verdict: what decides, what is deleted, and what a tester that fails says about the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from goldrun.bake.build import boot_test
from goldrun.bake.reading import load
from goldrun.cloud.images import Image
from goldrun.cloud.tagging import tagging
from goldrun.errors import GoldrunError, RefusedError, UnavailableError
from goldrun.images.lineage import find_own
from goldrun.images.publish import publish
from goldrun.images.removal import protect
from local_cloud.actions import assistant
from local_cloud.records import Image as Record
from local_cloud.records import Instance, Invocation
from tests.conftest import Running
from tests.simulation.test_build import FAILURES, RECIPE, Heard, answer, cloud, folder, images, machine_settings, run

__all__ = ["cloud", "folder"]  # fixtures


def fail(folder: Path) -> str:
    """Let the recipe's smoke test fail; return what it says."""
    _, text, words = FAILURES["the boot test"]
    (folder / "recipe.toml").write_text(text)
    return words


@pytest.mark.parametrize("kept", ["published", "protected"])
def test_a_failed_image_that_somebody_wants_is_not_deleted_by_the_next_build(
    cloud: Running, folder: Path, kept: str
) -> None:
    """It was, although it was shown: the name answered nothing until the next image was ready."""
    fail(folder)
    cloud.fault("error", "DeleteImage", code="ImageUsingByInstance", status=403)
    with pytest.raises(RefusedError):
        run(cloud, load(folder))
    (failed,) = images(cloud)
    cloud.wall.value += 1000
    client = cloud.client()
    if kept == "published":
        publish(client, failed.id, force=True)
    else:
        protect(client, find_own(client, failed.id), True)
    with pytest.raises(RefusedError):
        run(cloud, load(folder))
    assert failed.id in [one.id for one in images(cloud)]


def test_of_two_builds_that_test_one_image_the_one_that_fails_does_not_touch_what_is_published(
    cloud: Running, folder: Path
) -> None:
    """The other one begins after the builder's end and before the tester's begin: no machine shows that one is built.

    It wrote its verdict onto the published image, and the next build deleted that.
    """

    def check(_: Image) -> None:
        run(cloud, load(folder))
        raise RefusedError("a test that fails now and then.")

    with pytest.raises(RefusedError, match="now and then") as caught:
        run(cloud, load(folder), check=check)
    assert "is kept: it is shown by a channel" in str(caught.value)
    (image,) = images(cloud)
    assert (answer(cloud), image.tags["BootTest"]) == (image.id, "passed")


def test_without_a_tester_the_image_stays_untested(cloud: Running, folder: Path) -> None:
    """The market had nothing, and a finished image was deleted as one that has failed."""
    cloud.fault("error", "RunInstances", times=None, skip=1, code="OperationDenied.NoStock", status=403)
    with pytest.raises(UnavailableError, match="not tested: No offer gives"):
        run(cloud, load(folder))
    assert [one.tags["BootTest"] for one in images(cloud)] == ["pending"]
    cloud.cloud.gateway.faults.clear()
    assert run(cloud, load(folder)).skipped


@pytest.mark.parametrize("force", [False, True])
def test_an_image_that_does_not_boot_is_deleted_and_built_anew(
    cloud: Running, folder: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    """It stayed untested, and each later build took it up again, and waited for its tester."""
    answers = assistant._answers
    first: list[str] = []

    def silent(call: Any, instance: Instance) -> bool:
        image = call.store.get(Record, instance.image)
        if image and image.name.startswith("tools-"):
            first[:] = first or [image.id]
        return instance.image not in first and answers(call, instance)

    monkeypatch.setattr(assistant, "_answers", silent)
    with pytest.raises(RefusedError, match="does not boot: 2 testers did not answer"):
        run(cloud, load(folder), force=force)
    assert images(cloud) == []
    assert not run(cloud, load(folder), force=force).skipped


def test_a_test_that_fails_is_told_although_its_image_cannot_be_deleted(cloud: Running, folder: Path) -> None:
    """Only the refusal was told."""
    words = fail(folder)
    cloud.fault("error", "DeleteImage", code="Forbidden.RAM", status=403, times=None)
    with pytest.raises(RefusedError, match=words) as caught:
        run(cloud, load(folder))
    assert "is not deleted (DeleteImage was answered with Forbidden.RAM" in str(caught.value)


def test_a_tester_that_the_market_reclaims_is_replaced(cloud: Running, folder: Path) -> None:
    """The build failed at once, with an exit code that says it has tried again."""
    store, client = cloud.cloud.store, cloud.client(timeout=600.0)
    built = run(cloud, load(folder))
    send = client._transport.send
    reclaimed: list[str] = []

    def lose(endpoint: Any, method: str, target: str, headers: Any, *rest: Any) -> Any:
        testers = [one for one in store.all(Instance) if one.tags.get("Role") == "tester"]
        if testers and headers.get("x-acs-action") == "DescribeInvocationResults" and not reclaimed:
            reclaimed.append(testers[0].id)
            store.put(replaced(testers[0], reclaimed=cloud.wall.value))
            store.put(*(replaced(one, lost=cloud.wall.value + 1) for one in store.all(Invocation)))
        return send(endpoint, method, target, headers, *rest)

    client._transport.send = lose  # type: ignore[method-assign,assignment]
    heard = Heard()
    boot_test(client, load(folder), built.image, machine_settings(), heard)
    assert reclaimed
    assert any("Starting again on another offer" in line for line in heard.lines)


def test_what_is_not_tested_says_how_it_can_be(cloud: Running, folder: Path) -> None:
    """`image test`, it said, which records nothing."""
    built = run(cloud, load(folder))
    client = cloud.client()
    tagging("image", [built.image.image_id], {"BootTest": "pending"}).make(client)
    with pytest.raises(RefusedError, match="build it again: it is tested then; to publish it anyway: --force"):
        publish(client, built.image.image_id)


def test_a_manifest_that_no_tag_holds_is_told_while_there_is_a_builder(cloud: Running, folder: Path) -> None:
    """It was refused when the image was made, and --on-failure did not apply."""
    (folder / "recipe.toml").write_text('manifest = "manifest.sh"\n' + RECIPE)
    (folder / "manifest.sh").write_text("#!/bin/sh\n# simulate: output=jq=1.7;2\n")
    heard = Heard()
    with pytest.raises(GoldrunError, match="is not valid in a manifest"):
        run(cloud, load(folder), heard=heard)
    assert "create the image" not in heard.seconds

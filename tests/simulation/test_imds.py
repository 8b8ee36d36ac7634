"""IMDSv2: an image of ``ImdsSupport=v1`` takes no instance whose metadata is had by tokens alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.silence import SilentReport

from goldrun.bake.build import build
from goldrun.bake.context import Options
from goldrun.bake.reading import load
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.errors import RefusedError
from goldrun.images.resolve import resolve_image
from goldrun.launch.acquire import acquire
from goldrun.launch.offers import Criteria
from goldrun.launch.settings import LaunchSettings, Network
from local_cloud.access import Denial
from local_cloud.records import Disk, Image, Instance
from tests.conftest import REGION, Running
from tests.simulation.test_build import INSTALL, RECIPE
from tests.simulation.test_launch import launch_settings, set_market

GROUP = f"sg-local-{REGION}"


@pytest.fixture
def old(frozen: Running) -> str:
    set_market(frozen)
    return frozen.image("old-amd64-latest", imds_support="v1")


@pytest.mark.parametrize("criteria", [Criteria(), Criteria(architecture="amd64"), Criteria(types=("ecs.c7.xlarge",))])
@pytest.mark.parametrize("by", ["id", "name"])
def test_an_image_of_v1_is_refused_before_a_launch_with_what_to_do(
    frozen: Running, old: str, criteria: Criteria, by: str
) -> None:
    """RunInstances refused, after all that choosing, with a code that said nothing of the fix."""
    client = frozen.client()
    name = old if by == "id" else "old-amd64-latest"
    settings = LaunchSettings(Network(GROUP), key="k", image_name=name, criteria=criteria)
    with pytest.raises(RefusedError, match="IMDSv2") as caught:
        resolve_image(client, settings, lambda _: None)
    assert f"ModifyImageAttribute --ImageId {old} --Features.ImdsSupport v2" in str(caught.value)
    assert "RunInstances" not in frozen.cloud.gateway.calls


@pytest.mark.parametrize("by", ["id", "name"])
def test_an_image_of_v1_is_launched_if_tokens_are_optional(frozen: Running, old: str, by: str) -> None:
    """Self-destruct scripts of older images ask the metadata service without a token."""
    client = frozen.client()
    name = old if by == "id" else "old-amd64-latest"
    settings = LaunchSettings(Network(GROUP), key="k", image_name=name, metadata_tokens=False)
    (launched,) = acquire(client, resolve_image(client, settings, lambda _: None))
    instance = frozen.cloud.store.get(Instance, launched.ids[0])
    assert instance
    assert instance.http_tokens == "optional"


def test_an_image_of_v2_costs_one_look(frozen: Running, old: str) -> None:
    frozen.client().call("ModifyImageAttribute", {"ImageId": old, "Features.ImdsSupport": "v2"})
    client = frozen.client()
    settings = LaunchSettings(Network(GROUP), key="k", image_name=old, criteria=Criteria(architecture="amd64"))
    assert resolve_image(client, settings, lambda _: None).image_id == old
    assert client.calls == 1


def test_without_read_permission_ecs_reports_the_error(frozen: Running, old: str) -> None:
    frozen.cloud.store.put(Denial(id="ecs:DescribeImages"))
    settings = resolve_image(frozen.client(), launch_settings(frozen, image_id=old), lambda _: None)
    with pytest.raises(ApiError, match="ImageNotSupportHttpTokens") as caught:
        acquire(frozen.client(), settings)
    assert "ImdsSupport" in str(caught.value)


def test_v2_never_becomes_v1_again(frozen: Running) -> None:
    image = frozen.image("new")
    with pytest.raises(ApiError, match="ImdsSupport"):
        frozen.client().call("ModifyImageAttribute", {"ImageId": image, "Features.ImdsSupport": "v1"})


@pytest.mark.parametrize("base", ["v1", "v2"])
def test_an_image_from_an_instance_inherits_and_one_from_a_snapshot_does_not(frozen: Running, base: str) -> None:
    image = frozen.image("base", imds_support=base)
    store = frozen.cloud.store
    now = frozen.wall.value
    owner = store.get(Image, image).owner  # type: ignore[union-attr]
    store.put(Instance(id="i-1", region=REGION, owner=owner, image=image, created=now - 99))
    made_with = Disk(
        id="d-1",
        region=REGION,
        owner=owner,
        created=now - 99,
        zone=f"{REGION}-k",
        category="cloud_essd",
        size=40,
        instance="i-1",
    )
    store.put(made_with)
    client = frozen.client()
    made = client.call("CreateImage", {"InstanceId": "i-1", "ImageName": "inherits"})["ImageId"]
    assert store.get(Image, made).imds_support == base  # type: ignore[union-attr]
    made = client.call("CreateImage", {"SnapshotId": frozen.snapshot(), "ImageName": "cut"})["ImageId"]
    assert store.get(Image, made).imds_support == "v1"  # type: ignore[union-attr]


def test_a_build_makes_v2(frozen: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_market(frozen)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "install.sh").write_text(INSTALL)
    (tmp_path / "motd").write_text("welcome\n")
    asked = []
    client = frozen.client()
    send = EcsClient.call

    def call(self: EcsClient, action: str, params: dict[str, str] | None = None, **more: object) -> object:
        if action == "CreateImage":
            asked.append((params or {}).get("Features.ImdsSupport"))
        return send(self, action, params, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(EcsClient, "call", call)
    criteria = Criteria(types=("ecs.c7.xlarge", "ecs.g7.xlarge"))
    settings = LaunchSettings(Network(GROUP), criteria=criteria)
    built = build(client, load(tmp_path), "amd64", settings, Options(), SilentReport())
    assert asked == ["v2"]
    assert built.image.imds == "v2"

"""Who built an image, and from what: signed, checked by others' programs, and not to be forged by tags."""

from __future__ import annotations

import base64
import contextlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from msgspec.structs import replace as replaced

from goldrun.bake.build import Built, build
from goldrun.bake.context import Context, Options
from goldrun.bake.reading import load
from goldrun.cloud import images
from goldrun.cloud.tagging import tagging
from goldrun.contents.components import Component, digest
from goldrun.contents.components import make as make_contents
from goldrun.errors import RefusedError, UnavailableError, UsageError
from goldrun.images.lineage import find_own
from goldrun.images.provenance import (
    Signer,
    read_private_key,
    read_public_key,
    require_signed,
    statement,
)
from goldrun.images.replicate import copy_image
from local_cloud.records import Image, Invocation, Receipt, Usage
from tests.conftest import REGION, Running
from tests.simulation.dying import Crash, dying
from tests.simulation.test_build import Heard, cloud, folder, machine_settings, run

__all__ = ["cloud", "folder"]
BEIJING = "cn-beijing"


def make_key(folder: Path, name: str = "image") -> Path:
    """Make a key as the docs say, with openssl."""
    file = folder / f"{name}.key"
    for words in (
        ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(file)],
        ["ec", "-in", str(file), "-pubout", "-out", str(file.with_suffix(".pub"))],
    ):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    return file


@pytest.fixture
def key(tmp_path: Path) -> EllipticCurvePrivateKey:
    return read_private_key(make_key(tmp_path))


def built_with(cloud: Running, folder: Path, key: EllipticCurvePrivateKey) -> Built:
    return run(cloud, load(folder), sign=Signer(key), source="o/r@abc")


def test_a_built_image_is_signed_and_openssl_agrees(
    cloud: Running, folder: Path, key: EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    image = find_own(cloud.client(), built_with(cloud, folder, key).image.image_id)
    require_signed(key.public_key(), image, REGION)
    (tmp_path / "statement").write_bytes(statement(image, REGION))
    (tmp_path / "signature").write_bytes(base64.b64decode(image.tags["Signature"]))
    words = ["-verify", "image.pub", "-signature", "signature", "statement"]
    command = ["openssl", "dgst", "-sha256", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "Verified OK\n"
    assert len(image.tags["Signature"]) <= 128


@pytest.mark.parametrize("tag", ["VersionHash", "BaseImageId", "Source", "BuildTimestamp", "Family", "Manifest.1"])
def test_a_tag_that_says_something_else_is_found(
    cloud: Running, folder: Path, key: EllipticCurvePrivateKey, tag: str
) -> None:
    image = find_own(cloud.client(), built_with(cloud, folder, key).image.image_id)
    for tags in ({**image.tags, tag: "another"}, {name: value for name, value in image.tags.items() if name != tag}):
        with pytest.raises(RefusedError, match="an invalid signature"):
            require_signed(key.public_key(), image._replace(tags=tags), REGION)
    require_signed(key.public_key(), image._replace(tags={**image.tags, "Protected": "true"}), REGION)


def test_a_signature_is_of_one_image_one_region_and_one_key(
    cloud: Running, folder: Path, key: EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    image = find_own(cloud.client(), built_with(cloud, folder, key).image.image_id)
    other = read_private_key(make_key(tmp_path, "other"))
    for public, found, region in (
        (key.public_key(), image._replace(image_id="m-evil000001"), REGION),
        (key.public_key(), image, BEIJING),
        (other.public_key(), image, REGION),
        (key.public_key(), image._replace(tags={**image.tags, "Signature": "nonsense"}), REGION),
    ):
        with pytest.raises(RefusedError, match="an invalid signature"):
            require_signed(public, found, region)
    with pytest.raises(RefusedError, match="has no signature"):
        require_signed(key.public_key(), image._replace(tags={}), REGION)


def test_copies_have_signatures_of_their_own(cloud: Running, folder: Path, key: EllipticCurvePrivateKey) -> None:
    text = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(f'{text}\n[publish]\nregions = ["{BEIJING}"]\n')
    built = built_with(cloud, folder, key)
    there = cloud.client(region=BEIJING)
    (copy,) = images.describe_images(there, name="tools-")
    require_signed(key.public_key(), copy, BEIJING)
    image = find_own(cloud.client(), built.image.image_id)
    assert copy.tags["Signature"] != image.tags["Signature"]
    shanghai = copy_image(cloud.client(timeout=600.0), image, "cn-shanghai")
    with pytest.raises(RefusedError, match="has no signature"):
        require_signed(key.public_key(), shanghai, "cn-shanghai")


def test_what_cannot_be_tagged_while_it_is_made_is_signed_when_it_is(
    cloud: Running, folder: Path, key: EllipticCurvePrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("capture", "publication"):
        monkeypatch.setattr(f"goldrun.bake.{module}.sign_at_once", lambda *_: None)
    text = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(f'{text}\n[publish]\nregions = ["{BEIJING}"]\n')
    built = built_with(cloud, folder, key).image
    require_signed(key.public_key(), find_own(cloud.client(), built.image_id), REGION)
    (copy,) = images.describe_images(cloud.client(region=BEIJING), name="tools-")
    require_signed(key.public_key(), copy, BEIJING)


def test_an_image_that_is_there_is_signed_if_somebody_vouches_for_it_and_only_once(
    cloud: Running, folder: Path, key: EllipticCurvePrivateKey
) -> None:
    first = run(cloud, load(folder), source="o/r@abc")
    assert run(cloud, load(folder), sign=Signer(key, existing=True)).skipped
    image = find_own(cloud.client(), first.image.image_id)
    require_signed(key.public_key(), image, REGION)
    assert built_with(cloud, folder, key).skipped
    assert find_own(cloud.client(), first.image.image_id).tags == image.tags


@pytest.mark.parametrize(
    "changed", [{"Source": "evil/evil@666", "Contents": "0" * 64, "Manifest.1": "jq=9.9"}, {"Signature": ""}]
)
def test_what_somebody_has_changed_is_not_signed_again_but_built_anew(
    cloud: Running, folder: Path, key: EllipticCurvePrivateKey, changed: dict[str, str]
) -> None:
    """The next build signed whatever the tags said: who may write tags alone could have a lie signed."""
    first = built_with(cloud, folder, key).image
    tagging("image", [first.image_id], changed).make(cloud.client())
    again = built_with(cloud, folder, key)
    assert not again.skipped
    assert again.image.image_id != first.image_id
    require_signed(key.public_key(), find_own(cloud.client(), again.image.image_id), REGION)


def test_an_old_image_is_not_signed_as_a_new_one(cloud: Running, folder: Path, key: EllipticCurvePrivateKey) -> None:
    """With the new recipe's hash in its tag it passed for an image that was built from it."""
    old = built_with(cloud, folder, key).image
    (folder / "motd").write_text("the fix\n")
    made = load(folder).version_hash("amd64", old.tags["BaseImageId"])
    tagging("image", [old.image_id], {"VersionHash": made}).make(cloud.client())
    assert not built_with(cloud, folder, key).skipped


def test_a_copy_that_this_build_has_not_made_is_not_signed(
    cloud: Running, folder: Path, key: EllipticCurvePrivateKey
) -> None:
    """A tag says of what an image is a copy: any image of that region could be named."""
    text = (folder / "recipe.toml").read_text()
    built = built_with(cloud, folder, key).image
    copy = copy_image(cloud.client(timeout=600.0), built, BEIJING)
    (folder / "recipe.toml").write_text(f'{text}\n[publish]\nregions = ["{BEIJING}"]\n')
    with pytest.raises(RefusedError, match=f"goldrun image rm {copy.image_id} --region {BEIJING}"):
        built_with(cloud, folder, key)
    run(cloud, load(folder), sign=Signer(key, existing=True))
    require_signed(key.public_key(), find_own(cloud.client(region=BEIJING), copy.image_id), BEIJING)


def test_a_build_that_dies_is_signed_by_the_next(cloud: Running, folder: Path, key: EllipticCurvePrivateKey) -> None:
    quick = {"boot_seconds": 2.0, "image_seconds": 3.0, "stop_seconds": 1.0, "release_seconds": 1.0}
    cloud.cloud.store.put(replaced(cloud.cloud.store.settings(), **quick))
    client = cloud.client(timeout=600.0)
    counting = dying(client, 10**6, after=False)
    build(client, load(folder), "amd64", machine_settings(), Options(sign=Signer(key)), Heard())
    for at in range(counting.sent - 14, counting.sent + 1):
        (folder / "motd").write_text(f"{at}\n")
        client = cloud.client(timeout=600.0)
        dying(client, at, after=bool(at % 2))
        with contextlib.suppress(Crash):
            build(client, load(folder), "amd64", machine_settings(), Options(sign=Signer(key)), Heard())
        built = run(cloud, load(folder), sign=Signer(key))
        require_signed(key.public_key(), find_own(cloud.client(), built.image.image_id), REGION)
        store = cloud.cloud.store
        store.remove(*store.all(Invocation), *store.all(Usage), *store.all(Receipt))
    assert len([one for one in cloud.cloud.store.all(Image) if one.name.startswith("tools-")]) == 1


def test_keys_that_are_none(tmp_path: Path) -> None:
    """On a curve that cryptography does not know, it was a traceback."""
    good = make_key(tmp_path)
    rsa, curve, locked = tmp_path / "rsa.key", tmp_path / "p384.key", tmp_path / "locked.key"
    unknown = tmp_path / "k224.key"
    for words in (
        ["genrsa", "-out", str(rsa), "2048"],
        ["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", str(curve)],
        ["ecparam", "-name", "secp224k1", "-genkey", "-noout", "-out", str(unknown)],
        ["ec", "-in", str(unknown), "-pubout", "-out", str(unknown.with_suffix(".pub"))],
        ["ec", "-in", str(good), "-aes256", "-passout", "pass:x", "-out", str(locked)],
    ):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    (tmp_path / "text").write_text("no key")
    for file in (rsa, curve, unknown, locked, tmp_path / "text", good.with_suffix(".pub"), tmp_path / "nowhere"):
        with pytest.raises(UsageError) as caught:
            read_private_key(file)
        assert "BEGIN" not in str(caught.value)
    for file in (good, unknown.with_suffix(".pub"), tmp_path / "text"):
        with pytest.raises(UsageError, match="is not a P-256 public key"):
            read_public_key(file)


LIE = {"Source": "evil/evil@666", "Manifest.1": "jq=9.9", "Manifest.2": ";curl=1", "Contents": "0" * 64}


def test_what_somebody_changes_while_it_is_made_is_not_signed(
    cloud: Running, folder: Path, key: EllipticCurvePrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image and its copies are made for minutes: a build signed what their tags said in the end."""

    def tamper(context: Context, image_id: str, _: object, region: str) -> None:
        tagging("image", [image_id], LIE).make(context.client.in_region(region))

    for module in ("capture", "publication"):
        monkeypatch.setattr(f"goldrun.bake.{module}.sign_at_once", tamper)
    text = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(f'{text}\n[publish]\nregions = ["{BEIJING}"]\n')
    built = built_with(cloud, folder, key).image
    (copy,) = images.describe_images(cloud.client(region=BEIJING), name="tools-")
    for image, region in ((find_own(cloud.client(), built.image_id), REGION), (copy, BEIJING)):
        assert image.tags["Source"] == LIE["Source"]
        with pytest.raises(RefusedError, match="an invalid signature"):
            require_signed(key.public_key(), image, region)


def test_a_build_that_ends_between_its_test_and_its_signature_is_resumed(
    cloud: Running, folder: Path, key: EllipticCurvePrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tested image had a signature without the list of packages, so it was built again; copies take long."""
    listed = make_contents("ubuntu", "24.04", [Component("deb", "jq", "1.7.1-3")])
    monkeypatch.setattr("goldrun.bake.boot_test.read_contents", lambda *_: listed)

    def fails(*_: object, **__: object) -> None:
        raise UnavailableError("the other region does not answer.")

    text = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(f'{text}\n[publish]\nregions = ["{BEIJING}"]\n')
    with monkeypatch.context() as broken:
        broken.setattr("goldrun.bake.publication.copy_everywhere", fails)
        with pytest.raises(UnavailableError):
            built_with(cloud, folder, key)
    (tested,) = images.describe_images(cloud.client(), name="tools-")
    built = built_with(cloud, folder, key)
    assert (built.image.image_id, built.skipped) == (tested.image_id, True)
    (copy,) = images.describe_images(cloud.client(region=BEIJING), name="tools-")
    for image, region in ((find_own(cloud.client(), tested.image_id), REGION), (copy, BEIJING)):
        assert image.tags["Contents"] == digest(listed)
        require_signed(key.public_key(), image, region)

"""Bills of materials in a bucket: every build keeps one, and any machine reads it without booting the image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from goldrun.bake.reading import load
from goldrun.clock import SystemClock
from goldrun.cloud.errors import AccessDeniedError
from goldrun.cloud.objects import Folder
from goldrun.contents import archive
from goldrun.contents.components import digest, parse
from goldrun.errors import GoldrunError, RefusedError
from goldrun.http.transport import HttpTransport
from goldrun.images.lineage import find_own
from goldrun.images.replicate import copy_image
from goldrun.policies import policy_for
from local_cloud import seed
from local_cloud.access import Denial, Policy
from local_cloud.records.objects import Bucket, StoredObject
from local_cloud.seed import ACCOUNT
from tests.commands import Goldrun
from tests.conftest import NOW, REGION, Running
from tests.simulation.test_build import answer, cloud, folder, images, run
from tests.simulation.test_scan import use
from tests.unit.test_contents import LIST, advisory

__all__ = ["cloud", "folder"]
BUCKET = Folder("our-boms", REGION, f"oss-{REGION}.aliyuncs.com", "sboms/")


@pytest.fixture
def recipe(cloud: Running, folder: Path) -> Path:
    cloud.cloud.store.put(Bucket(id=BUCKET.bucket, region=REGION, owner=ACCOUNT, created=NOW))
    text = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(f'packages = "packages.sh"\n{text}')
    use(folder, "3.0.1")
    return folder


def build(cloud: Running, recipe: Path) -> Any:
    client = cloud.client(timeout=600.0)
    listed = lambda image, contents: archive.keep(client, BUCKET, image, contents)  # noqa: E731
    return run(cloud, load(recipe), listed=listed)


def objects(cloud: Running) -> list[StoredObject]:
    return list(cloud.cloud.store.all(StoredObject))


def test_a_build_keeps_what_is_inside_by_its_digest(cloud: Running, recipe: Path) -> None:
    image = find_own(cloud.client(), build(cloud, recipe).image.image_id)
    contents = archive.find(cloud.client(), BUCKET, image)
    assert contents
    assert [(one.name, one.version) for one in contents.components] == [("libssl3t64", "3.0.1")]
    (kept,) = objects(cloud)
    assert kept.key == f"sboms/{digest(contents)}.cdx.json"
    assert json.loads(kept.content)["metadata"]["component"]["version"] == image.image_id


def test_a_copy_in_another_region_has_the_same(cloud: Running, recipe: Path) -> None:
    image = find_own(cloud.client(), build(cloud, recipe).image.image_id)
    copy = copy_image(cloud.client(timeout=600.0), image, "cn-shanghai")
    there = cloud.client(region="cn-shanghai")
    assert archive.find(there, BUCKET, find_own(there, copy.image_id)) == archive.find(there, BUCKET, image)


@pytest.mark.parametrize(("old", "new"), [(b"3.0.1", b"9.9.9"), (b"{", b""), (b'"CycloneDX"', b'"SPDX"')])
def test_what_was_changed_is_refused(cloud: Running, recipe: Path, old: bytes, new: bytes) -> None:
    image = find_own(cloud.client(), build(cloud, recipe).image.image_id)
    (kept,) = objects(cloud)
    cloud.cloud.store.put(replaced(kept, content=kept.content.replace(old, new)))
    with pytest.raises(RefusedError, match="does not match what was found in"):
        archive.find(cloud.client(), BUCKET, image)


def test_what_is_not_there_is_no_error_but_an_error_is(cloud: Running, recipe: Path) -> None:
    image = find_own(cloud.client(), build(cloud, recipe).image.image_id)
    assert archive.find(cloud.client(), BUCKET, image._replace(tags={})) is None
    cloud.cloud.store.remove(*objects(cloud))
    assert archive.find(cloud.client(), BUCKET, image) is None
    with pytest.raises(GoldrunError, match="NoSuchBucket"):
        archive.find(cloud.client(), BUCKET._replace(bucket="another"), image)


def test_policies_are_enough_and_no_more(cloud: Running, recipe: Path) -> None:
    def allow(job: str, where: Folder | None) -> None:
        cloud.cloud.store.put(Policy(id=seed.KEY.id, document=policy_for([job], where)))

    allow("build", None)
    with pytest.raises(AccessDeniedError):
        build(cloud, recipe)
    allow("build", BUCKET)
    image = build(cloud, recipe).image
    with pytest.raises(AccessDeniedError):
        archive.find(cloud.client(), BUCKET, find_own(cloud.client(), image.image_id))
    allow("scan", BUCKET)
    assert archive.find(cloud.client(), BUCKET, find_own(cloud.client(), image.image_id))
    with pytest.raises(AccessDeniedError):
        archive.find(cloud.client(), BUCKET._replace(path="others/"), find_own(cloud.client(), image.image_id))


@pytest.mark.parametrize("kind", ["error", "timeout"])
def test_no_image_is_tested_before_its_bill_is_kept(cloud: Running, recipe: Path, kind: Any) -> None:
    cloud.fault(kind, "PutObject", times=None, seconds=0.01)
    with pytest.raises(GoldrunError):
        build(cloud, recipe)
    (image,) = images(cloud)
    assert (image.tags["BootTest"], "Contents" in image.tags) == ("pending", False)
    assert cloud.instances() == []
    assert answer(cloud) == ""
    cloud.cloud.gateway.faults.clear()
    assert build(cloud, recipe).image.image_id == image.id == answer(cloud), "it is tested again, and not built again"
    assert len(objects(cloud)) == 1


def test_a_bill_that_was_kept_without_an_answer_counts(cloud: Running, recipe: Path) -> None:
    cloud.fault("error-after", "PutObject", times=None)
    assert build(cloud, recipe).image.image_id == answer(cloud)
    assert len(objects(cloud)) == 1


@pytest.fixture
def populated(populated: Running) -> Running:
    """With two images whose bills are in the bucket."""
    populated.cloud.store.put(Bucket(id=BUCKET.bucket, region=REGION, owner=ACCOUNT, created=NOW))
    for number, text in enumerate((LIST, LIST.replace("1.7.1-3build1", "1.8")), 1):
        contents = parse(text)
        tags = {"ManagedBy": "goldrun", "Contents": digest(contents), "BootTest": "passed"}
        made = populated.image(f"fam-amd64-2026111808000{number}", id=f"m-testboms000{number}", tags=tags)
        client = populated.client(clock=SystemClock(), transport=HttpTransport({}, SystemClock()))
        archive.keep(client, BUCKET, find_own(client, made), contents)
        client.close()
    return populated


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return {**env, "GOLDRUN_SBOM_BUCKET": BUCKET.url}


def test_commands_read_the_bucket_and_boot_nothing(goldrun: Goldrun, populated: Running, tmp_path: Path) -> None:
    done = goldrun("image", "sbom", "m-testboms0001")
    bill = json.loads(done.stdout)
    assert bill["metadata"]["component"]["name"] == "fam-amd64-20261118080001"
    assert "its bill of materials is in oss://our-boms/sboms/" in done.stderr
    advisory(tmp_path / "osv")
    found = goldrun("image", "scan", "m-testboms0001", "--advisories", "osv", "--json", code=5)
    assert [one["package"] for one in json.loads(found.stdout)] == ["libssl3t64"]
    changed = json.loads(goldrun("image", "diff", "m-testboms0001", "m-testboms0002", "--packages", "--json").stdout)[
        "changed"
    ]
    assert changed == {"deb jq": {"before": "1.7.1-3build1", "after": "1.8"}}
    assert "they are the same." in goldrun("image", "diff", "m-testboms0001", "m-testboms0001", "--packages").stderr
    assert "RunInstances" not in populated.cloud.gateway.calls


def test_mistakes_with_a_bucket(goldrun: Goldrun, populated: Running) -> None:
    two = ("image", "diff", "m-testboms0001", "m-localnewamd64", "--packages")
    assert "has no bill of materials of github-runner" in goldrun(*two, code=1).stderr
    assert "No bucket with bills of materials is given" in goldrun(*two, code=2, GOLDRUN_SBOM_BUCKET="").stderr
    before = dict(populated.cloud.gateway.calls)
    for words in ("image sbom m-testboms0001", "policy --for build", "setup --plan"):
        told = goldrun(*words.split(), code=2, GOLDRUN_SBOM_BUCKET="our-boms").stderr
        assert "'our-boms' is not the URL of a bucket." in told
    assert dict(populated.cloud.gateway.calls) == before
    missing = goldrun(
        "image", "sbom", "m-testboms0001", code=5, GOLDRUN_SBOM_BUCKET=BUCKET._replace(bucket="another").url
    )
    assert "NoSuchBucket" in missing.stderr
    assert "aliyun oss mb" in missing.stderr


def test_the_policy_names_the_folder(goldrun: Goldrun) -> None:
    for job, action in (("build", "oss:PutObject"), ("scan", "oss:GetObject")):
        statements = json.loads(goldrun("policy", "--for", job).stdout)["Statement"]
        (ours,) = [one for one in statements if "oss:" in str(one)]
        assert ours == {"Effect": "Allow", "Action": [action], "Resource": "acs:oss:*:*:our-boms/sboms/*"}
    assert "oss:" not in goldrun("policy", "--for", "build", "--for", "scan", GOLDRUN_SBOM_BUCKET="").stdout


def test_doctor_looks_at_the_bucket(goldrun: Goldrun, populated: Running) -> None:
    def state(*words: str, **env: str) -> tuple[str, str]:
        found = json.loads(goldrun.with_env(env)("doctor", "--json", *words, code=7).stdout)
        return next(((one["state"], one["what"]) for one in found if one["check"] == "bucket"), ("", ""))

    assert state() == ("good", "bills of materials can be read in oss://our-boms/sboms/.")
    assert state(GOLDRUN_SBOM_BUCKET="")[1].startswith("none is named")
    assert state(GOLDRUN_SBOM_BUCKET="x")[0] == "broken"
    assert state(GOLDRUN_SBOM_BUCKET=BUCKET._replace(bucket="another").url)[0] == "broken"
    populated.cloud.store.put(Denial(id="oss:GetObject"))
    assert state()[0] == "unknown"
    assert state("--for", "scan")[0] == "broken"

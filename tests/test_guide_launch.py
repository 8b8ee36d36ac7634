"""`create-spot-instance.py` as the guide's own workflows call it: its variables, candidates and images."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from goldrun.cloud.instances import describe_instances
from local_cloud import seed
from local_cloud.access import Denial
from local_cloud.records import Image, Instance, VSwitch
from tests.conftest import Running

SCRIPT = Path(__file__).parents[1] / ".github/scripts/create-spot-instance.py"
AMD64, OLD = "m-localnewamd64", "m-localoldamd64"
FAMILY = "tools-amd64"


@dataclass(frozen=True)
class Created:
    """What a run of the script printed, and the instance that it created."""

    stderr: str
    instance: Instance


def run(cloud: Running, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = cloud.environment(HOME=str(home), ALIYUN_SECURITY_GROUP_ID="sg-local-cn-hangzhou", **variables)
    words = [sys.executable, "-S", str(SCRIPT)]
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)


def create(cloud: Running, home: Path, **variables: str) -> Created:
    done = run(cloud, home, **variables)
    assert done.returncode == 0, done.stderr
    instance = cloud.cloud.store.get(Instance, done.stdout.split()[-1])
    assert instance
    return Created(done.stderr, instance)


def candidates(home: Path, *lines: str) -> str:
    file = home / "candidates.txt"
    file.write_text("".join(f"{line}\n" for line in lines))
    return str(file)


@pytest.fixture
def cloud(populated: Running) -> Running:
    """The seed's account, with a family in ECS's sense."""
    store = populated.cloud.store
    image = store.get(Image, AMD64)
    assert image
    store.put(replace(image, family=FAMILY))
    return populated


def test_a_family_takes_precedence_over_an_id(cloud: Running, tmp_path: Path) -> None:
    created = create(cloud, tmp_path, ALIYUN_IMAGE_FAMILY=FAMILY, ALIYUN_IMAGE_ID=OLD)
    assert created.instance.image == AMD64
    assert "has no image" not in created.stderr


@pytest.mark.parametrize("arch", ["", "amd64"])
def test_an_id_replaces_a_family_without_images(cloud: Running, tmp_path: Path, arch: str) -> None:
    created = create(cloud, tmp_path, ALIYUN_IMAGE_FAMILY="nothing-here", ALIYUN_IMAGE_ID=OLD, ARCH=arch)
    assert created.instance.image == OLD
    assert f"the image family nothing-here has no image in cn-hangzhou: using {OLD}." in created.stderr


def test_a_failed_look_up_of_the_family_is_not_an_empty_family(cloud: Running, tmp_path: Path) -> None:
    cloud.fault("error", "DescribeImageFromFamily", times=None, status=500)
    done = run(cloud, tmp_path, ALIYUN_IMAGE_FAMILY=FAMILY, ALIYUN_IMAGE_ID=OLD, GOLDRUN_TIMEOUT="2")
    assert done.returncode == 6, done.stderr
    assert "RunInstances" not in cloud.cloud.gateway.calls


def test_without_permission_to_read_the_family_ecs_resolves_it(cloud: Running, tmp_path: Path) -> None:
    cloud.cloud.store.put(Denial(id="ecs:DescribeImageFromFamily"))
    created = create(cloud, tmp_path, ALIYUN_IMAGE_FAMILY=FAMILY, ALIYUN_IMAGE_ID=OLD, ARCH="amd64")
    assert created.instance.image == AMD64


def test_sizes_have_an_upper_limit(cloud: Running, tmp_path: Path) -> None:
    created = create(cloud, tmp_path, ALIYUN_IMAGE_ID=AMD64, MIN_CPU="4", MAX_CPU="4", MIN_MEM="8", MAX_MEM="16")
    assert created.instance.type.endswith(".xlarge")


def test_a_candidate_without_a_price_is_launched_at_the_market_price(cloud: Running, tmp_path: Path) -> None:
    file = candidates(tmp_path, "ecs.c7.2xlarge|cn-hangzhou-k|vsw-local-cn-hangzhou-k||")
    created = create(cloud, tmp_path, ALIYUN_IMAGE_ID=AMD64, CANDIDATES_FILE=file)
    assert created.instance.strategy == "SpotAsPriceGo"
    assert "price not known" in created.stderr
    capped = create(cloud, tmp_path, ALIYUN_IMAGE_ID=AMD64, CANDIDATES_FILE=file, SPOT_PRICE_LIMIT="2.71828")
    assert (capped.instance.strategy, capped.instance.limit) == ("SpotWithPriceLimit", 2.719)


def test_a_candidate_with_a_wrong_vswitch_is_passed_over(cloud: Running, tmp_path: Path) -> None:
    file = candidates(
        tmp_path,
        "ecs.c7.2xlarge|cn-hangzhou-k||0.9|8",
        "ecs.c7.2xlarge|cn-hangzhou-b|vsw-deleted|0.9|8",
        "ecs.g7.2xlarge|cn-hangzhou-k|vsw-local-cn-hangzhou-k||8",
    )
    created = create(cloud, tmp_path, ALIYUN_IMAGE_ID=AMD64, CANDIDATES_FILE=file)
    assert created.instance.type == "ecs.g7.2xlarge"
    assert "note: ecs.c7.2xlarge in cn-hangzhou-k: no vSwitch is given; trying the next offer." in created.stderr
    assert created.stderr.count("InvalidVSwitchId.NotFound; trying the next offer.") == 1, "not again for each disk"
    assert cloud.cloud.gateway.calls["RunInstances"] == 2


def test_a_candidate_whose_vswitch_is_in_another_vpc_than_the_group_is_passed_over(
    cloud: Running, tmp_path: Path
) -> None:
    vswitch = cloud.cloud.store.get(VSwitch, "vsw-local-cn-hangzhou-k")
    assert vswitch
    cloud.cloud.store.put(replace(vswitch, id="vsw-elsewhere", vpc="vpc-elsewhere"))
    file = candidates(
        tmp_path,
        "ecs.c7.2xlarge|cn-hangzhou-k|vsw-elsewhere|0.9|8",
        "ecs.g7.2xlarge|cn-hangzhou-k|vsw-local-cn-hangzhou-k||8",
    )
    created = create(cloud, tmp_path, ALIYUN_IMAGE_ID=AMD64, CANDIDATES_FILE=file)
    assert created.instance.type == "ecs.g7.2xlarge"
    assert created.stderr.count("OperationDenied.InconsistentNetwork; trying the next offer.") == 1


def test_candidates_that_all_fail_are_listed(cloud: Running, tmp_path: Path) -> None:
    file = candidates(tmp_path, "ecs.c7.2xlarge|cn-hangzhou-k||0.9|8", "ecs.c7.2xlarge|cn-hangzhou-b|vsw-deleted|0.9|8")
    done = run(cloud, tmp_path, ALIYUN_IMAGE_ID=AMD64, CANDIDATES_FILE=file)
    assert done.returncode == 5, done.stderr
    assert "cn-hangzhou-k: no vSwitch is given" in done.stderr
    assert "cn-hangzhou-b: InvalidVSwitchId.NotFound" in done.stderr
    assert done.stdout == ""


def test_a_vswitch_of_the_environment_that_does_not_exist_is_an_error(cloud: Running, tmp_path: Path) -> None:
    done = run(cloud, tmp_path, ALIYUN_IMAGE_ID=AMD64, ALIYUN_VSWITCH_ID_K="vsw-deleted")
    assert done.returncode in (1, 5), done.stderr
    assert "InvalidVSwitchId.NotFound" in done.stderr or "vSwitch not found" in done.stderr


# What the guide's own action sets for the step that creates: whatever its user did not give is there, and empty.
ACTION = {
    "ALIYUN_VPC_ID": "vpc-local-cn-hangzhou",
    "ALIYUN_SECURITY_GROUP_ID": "sg-local-cn-hangzhou",
    "ALIYUN_IMAGE_ID": AMD64,
    "ALIYUN_IMAGE_FAMILY": "",
    "ALIYUN_KEY_PAIR_NAME": "",
    "ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME": "",
    "INSTANCE_TYPE": "ecs.c7.2xlarge",
    "INSTANCE_NAME": "ci-runner-amd64-spot-1795570380",
    "ARCH": "amd64",
    "SPOT_PRICE_LIMIT": "1.6400",
    **{f"ALIYUN_VSWITCH_ID_{letter}": "" for letter in "ABCDEFGHIJLMNOPQRSTUVWXYZ"},
    "ALIYUN_VSWITCH_ID_K": "vsw-local-cn-hangzhou-k",
    "USER_DATA_FILE": "user-data.sh",
}
# Its steps, in its manner: the id is the last line, whatever stands before it.
STEPS = f"""
printf '#!/bin/bash\\r\\necho hello\\r\\n' > user-data.sh
export CANDIDATES_FILE=$PWD/candidates.txt
echo 'ecs.c7.2xlarge|cn-hangzhou-k|vsw-local-cn-hangzhou-k|1.6400|8' > "$CANDIDATES_FILE"
python3 {SCRIPT} > instance-id.txt 2> error.log || {{ cat error.log; exit 1; }}
INSTANCE_ID=$(cat instance-id.txt | tail -1)
[[ -n "$INSTANCE_ID" ]] || exit 1
echo "instance_id=$INSTANCE_ID" >> "$GITHUB_OUTPUT"
"""


@pytest.mark.parametrize("keys", ["variables", "profile"])
def test_the_guides_own_action_creates_an_instance_and_deletes_it(cloud: Running, tmp_path: Path, keys: str) -> None:
    env = cloud.environment(HOME=str(tmp_path), GITHUB_OUTPUT=str(tmp_path / "output"), **ACTION)
    if keys == "profile":
        env = {name: value for name, value in env.items() if "ACCESS_KEY" not in name}
        profile = {"name": "default", "mode": "AK", "access_key_id": seed.KEY.id, "access_key_secret": seed.KEY.secret}
        (tmp_path / ".aliyun").mkdir()
        (tmp_path / ".aliyun/config.json").write_text(json.dumps({"current": "default", "profiles": [profile]}))
    done = subprocess.run(
        ["bash", "-e", "-c", STEPS], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = (tmp_path / "output").read_text().strip().removeprefix("instance_id=")
    (instance,) = describe_instances(cloud.client(), ids=[made])
    assert (instance.name, instance.zone, instance.limit) == (ACTION["INSTANCE_NAME"], "cn-hangzhou-k", 1.64)
    assert instance.released is not None, "its own script set no release time"
    stored = cloud.cloud.store.get(Instance, made)
    assert stored
    assert base64.b64decode(stored.user_data) == b"#!/bin/bash\necho hello\n"
    # Its clean-up: DeleteInstance by force, and the cloud is asked whether it is gone.
    cloud.client().call("DeleteInstance", {"InstanceId": made, "Force": True})
    cloud.cloud.clock.advance(300)
    assert describe_instances(cloud.client(), ids=[made]) == []

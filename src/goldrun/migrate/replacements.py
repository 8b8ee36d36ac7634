"""What replaces each name of the guide's own action and scripts. docs/migrating.md says the same for people."""

from __future__ import annotations

from typing import NamedTuple

ACTION = "cloud-instance-github-runner"
OURS = "./.goldrun/actions/start-runner"


class Replacement(NamedTuple):
    """What stands in the place of a name.

    Attributes:
        name: the new name, if its value stays as it is; empty: a person has to decide.
        advice: what to do; the new name alone needs none.
    """

    name: str = ""
    advice: str = ""


# Inputs of their action, for goldrun's start-runner.
INPUTS: dict[str, Replacement] = {
    "aliyun_access_key_id": Replacement(advice="set ALIYUN_ACCESS_KEY_ID in the step's env, or use role-arn"),
    "aliyun_access_key_secret": Replacement(advice="set ALIYUN_ACCESS_KEY_SECRET in the step's env, or use role-arn"),
    "aliyun_region_id": Replacement("region"),
    "aliyun_vpc_id": Replacement(advice="remove it: the VPC is the security group's"),
    "aliyun_security_group_id": Replacement("security-group-id"),
    "aliyun_image_id": Replacement(advice="image, which takes an id, a name or a family; only one may stay"),
    "aliyun_image_family": Replacement("image"),
    "aliyun_key_pair_name": Replacement(advice="remove it, or set ALIYUN_KEY_PAIR_NAME in the step's env"),
    "aliyun_ecs_self_destruct_role_name": Replacement("self-destruct-role"),
    "github_token": Replacement("token"),
    "runner_labels": Replacement("labels"),
    "runner_version": Replacement(advice="remove it: the image's runner is used, or the latest one"),
    "runner_wait_timeout": Replacement(advice="timeout, with a unit: 120 becomes 2m"),
    "aliyun_instance_type": Replacement("type"),
    "min_cpu": Replacement(advice="cpu, one range for both ends: 8..64"),
    "max_cpu": Replacement(advice="cpu, one range for both ends: 8..64"),
    "min_mem": Replacement(advice="memory, one range for both ends: 16..64"),
    "max_mem": Replacement(advice="memory, one range for both ends: 16..64"),
    "instance_ttl_minutes": Replacement(advice="life, with a unit: 240 becomes 4h"),
    "http_proxy": Replacement(advice="set GOLDRUN_RUNNER_PROXY in the step's env"),
    "https_proxy": Replacement(advice="set GOLDRUN_RUNNER_PROXY in the step's env"),
    "no_proxy": Replacement(advice="set GOLDRUN_RUNNER_NO_PROXY in the step's env"),
} | {
    f"vswitch_id_{letter}": Replacement(advice="remove it: the vSwitches of the account are found")
    for letter in "abcdefghijklmnopqrstuvwxyz"
}

# Outputs of their action.
OUTPUTS: dict[str, Replacement] = {
    "instance_id": Replacement("instance-id"),
    "runner_name": Replacement("runner-name"),
    "runner_online": Replacement(advice="remove it: the step succeeds only when the runner is online"),
    "cpu_cores": Replacement(advice="run nproc in the job"),
}

# Words anywhere in a workflow: variables of the image build, and their scripts.
WORDS: dict[str, Replacement] = {
    "IMAGE_NAME_PREFIX": Replacement(advice="family in recipe.toml"),
    "IMAGE_BUILD_MIN_CPU": Replacement(advice="cpu under [builder] in recipe.toml"),
    "IMAGE_BUILD_MAX_CPU": Replacement(advice="cpu under [builder] in recipe.toml"),
    "SHARE_ACCOUNT_IDS": Replacement(advice="accounts under [publish]"),
    "PUBLISH_PUBLIC": Replacement(advice="after the build: goldrun image share VERSION --public"),
    "PUBLISH_TO_MARKETPLACE": Replacement(advice="not supported: publish it in the console"),
    "DOCKER_HUB_MIRROR": Replacement(advice="[environment] in recipe.toml"),
    "select-instance.py": Replacement(advice="remove it: create-spot-instance.py chooses the instance type"),
    "query-ubuntu-image.py": Replacement(advice="the image acs:ubuntu_24_04_x64, which is always the newest"),
}

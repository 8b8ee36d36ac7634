"""What the environment says about the instances that are wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldrun.errors import UsageError
from goldrun.launch.environment import read_settings
from goldrun.launch.offers import DISKS, Span

MINIMAL = {"ALIYUN_SECURITY_GROUP_ID": "sg-1", "ALIYUN_IMAGE_ID": "m-1"}
REGION = "cn-hangzhou"


def test_the_required_settings() -> None:
    settings = read_settings(MINIMAL, REGION)
    assert (settings.image_id, settings.network.security_group) == ("m-1", "sg-1")
    assert settings.criteria.cpus == Span(8)
    assert settings.life == 240 * 60
    assert settings.network.zones == {}
    assert read_settings(MINIMAL, REGION).key != settings.key


def test_everything(tmp_path: Path) -> None:
    script = tmp_path / "boot.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    settings = read_settings(
        {
            **MINIMAL,
            "ALIYUN_IMAGE_FAMILY": "tools-amd64",
            "ALIYUN_VSWITCH_ID_K": "vsw-k",
            "ALIYUN_VSWITCH_ID_B": "vsw-b",
            "ALIYUN_VSWITCH_ID": "vsw-1, vsw-2",
            "ALIYUN_VPC_ID": "vpc-1",
            "ALIYUN_KEY_PAIR_NAME": "ci",
            "ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME": "role",
            "INSTANCE_TYPE": "ecs.c7.2xlarge, ecs.g7.2xlarge",
            "INSTANCE_NAME": "runner-1",
            "ARCH": "x86_64",
            "MIN_CPU": "16",
            "MIN_MEM": "32..64",
            "SPOT_PRICE_LIMIT": "0.5",
            "USER_DATA_FILE": str(script),
            "INSTANCE_TTL_MINUTES": "45",
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_RUN_ID": "7",
        },
        REGION,
    )
    assert settings.network.zones == {"cn-hangzhou-k": "vsw-k", "cn-hangzhou-b": "vsw-b"}
    assert settings.network.vswitches == ("vsw-1", "vsw-2")
    assert (settings.network.vpc, settings.key_pair, settings.role) == ("vpc-1", "ci", "role")
    assert settings.criteria.types == ("ecs.c7.2xlarge", "ecs.g7.2xlarge")
    assert (settings.criteria.architecture, settings.criteria.cpus, settings.criteria.memory) == (
        "amd64",
        Span(16),
        Span(32, 64),
    )
    assert (settings.criteria.max_price, settings.name, settings.life) == (0.5, "runner-1", 2700)
    assert settings.user_data == b"#!/bin/sh\ntrue\n"
    assert (settings.image_family, settings.image_id, settings.image_name) == ("tools-amd64", "m-1", "")
    assert settings.tags == {"Repository": "o/r", "Run": "7/1"}


def test_metadata_tokens_are_required_unless_the_user_says_otherwise() -> None:
    assert read_settings(MINIMAL, REGION).metadata_tokens
    assert read_settings({**MINIMAL, "GOLDRUN_METADATA_TOKENS": "required"}, REGION).metadata_tokens
    assert not read_settings({**MINIMAL, "GOLDRUN_METADATA_TOKENS": "optional"}, REGION).metadata_tokens


def test_a_named_type_needs_no_size() -> None:
    assert read_settings({**MINIMAL, "INSTANCE_TYPE": "ecs.c7.large"}, REGION).criteria.cpus == Span()


def test_candidates_in_the_field_format(tmp_path: Path) -> None:
    """The file that published scripts write: TYPE|ZONE|VSWITCH|PRICE_LIMIT|CPUS."""
    file = tmp_path / "candidates.txt"
    file.write_text("ecs.c7.2xlarge|cn-hangzhou-k|vsw-k|0.4921|8\n\necs.g7.2xlarge|cn-hangzhou-b|vsw-b||8\n")
    settings = read_settings({**MINIMAL, "CANDIDATES_FILE": str(file)}, REGION)
    assert len(settings.candidates) == 2 * len(DISKS)
    first, last = settings.candidates[0], settings.candidates[-1]
    assert (first.type, first.zone, first.vswitch, first.limit) == ("ecs.c7.2xlarge", "cn-hangzhou-k", "vsw-k", 0.493)
    assert (last.type, last.limit) == ("ecs.g7.2xlarge", None)
    capped = read_settings({**MINIMAL, "CANDIDATES_FILE": str(file), "SPOT_PRICE_LIMIT": "0.6"}, REGION)
    assert (capped.candidates[0].limit, capped.candidates[-1].limit) == (0.493, 0.6)


@pytest.mark.parametrize(
    ("change", "cpus", "memory"),
    [
        ({"MAX_CPU": "64"}, Span(8, 64), Span()),
        ({"MAX_CPU": "4"}, Span(4, 4), Span()),
        ({"MIN_CPU": "2", "MAX_CPU": "4", "MIN_MEM": "4", "MAX_MEM": "16"}, Span(2, 4), Span(4, 16)),
        ({"MIN_CPU": "2..32", "MAX_CPU": "16"}, Span(2, 16), Span()),
        ({"INSTANCE_TYPE": "ecs.c7.large", "MAX_MEM": "8"}, Span(), Span(0, 8)),
    ],
)
def test_sizes_have_a_minimum_and_a_maximum(change: dict[str, str], cpus: Span, memory: Span) -> None:
    criteria = read_settings({**MINIMAL, **change}, REGION).criteria
    assert (criteria.cpus, criteria.memory) == (cpus, memory)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("#!/bin/sh\ntrue", b"#!/bin/sh\ntrue"),
        ("#cloud-config\n{}", b"#cloud-config\n{}"),
        ("echo hello", b"#!/bin/bash\necho hello"),
        ("  ", b""),
        ("#!/bin/sh\r\ntrue\r\n", b"#!/bin/sh\ntrue\n"),
        ("echo hello\r\n", b"#!/bin/bash\necho hello\n"),
    ],
)
def test_user_data(text: str, sent: bytes) -> None:
    assert read_settings({**MINIMAL, "USER_DATA": text}, REGION).user_data == sent


def test_the_file_of_user_data_takes_precedence(tmp_path: Path) -> None:
    file = tmp_path / "boot.sh"
    file.write_bytes(b"#!/bin/sh\r\nfile\r\n")
    env = {**MINIMAL, "USER_DATA": "#!/bin/sh\nvariable", "USER_DATA_FILE": str(file)}
    assert read_settings(env, REGION).user_data == b"#!/bin/sh\nfile\n"
    packed = b"\x1f\x8b\x08\r\n"
    file.write_bytes(packed)
    assert read_settings(env, REGION).user_data == packed


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no security group": ({"ALIYUN_SECURITY_GROUP_ID": ""}, "ALIYUN_SECURITY_GROUP_ID is set but empty"),
    "an architecture that is none": ({"ARCH": "sparc"}, "not an architecture"),
    "a type that is none": ({"INSTANCE_TYPE": "c7.large"}, "ecs.c7.2xlarge"),
    "vCPUs in words": ({"MIN_CPU": "many"}, "range of vCPUs"),
    "no vCPUs": ({"MIN_CPU": "..0"}, "range of vCPUs"),
    "memory backwards": ({"MIN_MEM": "64..8"}, "range of GiB"),
    "a price in words": ({"SPOT_PRICE_LIMIT": "cheap"}, "not a price"),
    "a price of nothing": ({"SPOT_PRICE_LIMIT": "0"}, "not a price"),
    "a price below nothing": ({"SPOT_PRICE_LIMIT": "-1"}, "not a price"),
    "a life of a minute": ({"INSTANCE_TTL_MINUTES": "1"}, "from 30"),
    "a life without end": ({"INSTANCE_TTL_MINUTES": "inf"}, "from 30"),
    "a name that is none": ({"INSTANCE_NAME": "1"}, "not a valid name for an instance"),
    "a name of two words": ({"INSTANCE_NAME": "my runner"}, "not a valid name for an instance"),
    "an address for a name": ({"INSTANCE_NAME": "http://example.com"}, "not a valid name for an instance"),
    "at most less than at least": ({"MIN_CPU": "16", "MAX_CPU": "8"}, "less than MIN_CPU=16"),
    "metadata tokens": ({"GOLDRUN_METADATA_TOKENS": "v1"}, "not one of required, optional"),
    "memory at most in words": ({"MAX_MEM": "much"}, "range of GiB"),
    "user data that is not there": ({"USER_DATA_FILE": "NOWHERE"}, "No such file"),
    "too much user data": ({"USER_DATA": "#" * 33_000}, "33,000 bytes"),
    "candidates that are not there": ({"CANDIDATES_FILE": "NOWHERE"}, "No such file"),
    "candidates that are none": ({"CANDIDATES_FILE": __file__}, "line 1 is not a candidate"),
    "candidates that are a folder": ({"CANDIDATES_FILE": "/"}, "cannot be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_variables(case: str, tmp_path: Path) -> None:
    change, words = WRONG[case]
    change = {name: str(tmp_path / "nowhere") if value == "NOWHERE" else value for name, value in change.items()}
    with pytest.raises(UsageError, match=words) as caught:
        read_settings({**MINIMAL, **change}, REGION)
    assert all(name in str(caught.value) for name in change), "the user finds the variable"


def test_an_empty_file_of_candidates(tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.touch()
    with pytest.raises(UsageError, match="contains no candidates"):
        read_settings({**MINIMAL, "CANDIDATES_FILE": str(file)}, REGION)


def test_the_first_hour_is_protected_by_default() -> None:
    assert read_settings(MINIMAL, REGION).protected
    assert read_settings({**MINIMAL, "SPOT_PROTECT": "1h"}, REGION).protected
    assert not read_settings({**MINIMAL, "SPOT_PROTECT": "none"}, REGION).protected
    with pytest.raises(UsageError, match="SPOT_PROTECT='2h'"):
        read_settings({**MINIMAL, "SPOT_PROTECT": "2h"}, REGION)

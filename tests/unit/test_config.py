from __future__ import annotations

import pytest

from goldrun import config
from goldrun.cloud.home import check_region, read_region
from goldrun.errors import UsageError


@pytest.mark.parametrize(
    "name", ["ALIYUN_REGION_ID", "ALIBABA_CLOUD_REGION_ID", "ALICLOUD_REGION", "ALIBABA_CLOUD_REGION"]
)
def test_every_name_of_the_region(name: str) -> None:
    assert read_region({name: " cn-shanghai "}) == "cn-shanghai"


def test_an_empty_variable_counts_as_unset_and_the_error_says_which() -> None:
    assert config.REGION.read({"ALIYUN_REGION_ID": "", "ALICLOUD_REGION": "cn-beijing"}) == "cn-beijing"
    with pytest.raises(UsageError, match="is set but empty"):
        read_region({"ALIYUN_REGION_ID": ""})
    with pytest.raises(UsageError, match="is not set") as caught:
        read_region({})
    assert "or --region cn-hangzhou" in caught.value.fix


@pytest.mark.parametrize(
    "region", ["cn_hangzhou", "cn-hangzhou/", "hangzhou", "http://x", "cn-", "CN HANGZHOU", "ecs.cn-x.y"]
)
def test_bad_regions(region: str) -> None:
    with pytest.raises(UsageError, match="is not a region id"):
        read_region({}, region)


def test_a_region_in_capitals_is_guessed() -> None:
    with pytest.raises(UsageError, match="did you mean cn-hangzhou"):
        check_region("CN-Hangzhou")


@pytest.mark.parametrize("text", ["0", "-1", "abc", "99999", "nan", "inf"])
def test_bad_timeouts(text: str) -> None:
    with pytest.raises(UsageError, match="GOLDRUN_TIMEOUT"):
        config.read_timeout({"GOLDRUN_TIMEOUT": text})


def test_no_name_is_declared_twice() -> None:
    names = [name for variable in config.VARIABLES for name in variable.names]
    assert len(names) == len(set(names))


def test_every_variable_is_listed() -> None:
    """One that is not listed would be documented nowhere and, if it is a secret, shown by ``--debug``."""
    declared = {one for one in vars(config).values() if isinstance(one, config.Variable)}
    assert declared == set(config.VARIABLES)

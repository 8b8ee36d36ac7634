"""``goldrun image publish`` and ``rollback`` in several regions, for people and for programs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from local_cloud.records import Image
from tests.commands import run_goldrun
from tests.conftest import Running

NAME = "github-runner-ubuntu24-amd64-latest"
ACCOUNT = "1234567890123456"


@pytest.fixture
def goldrun(populated: Running, tmp_path: Path) -> Any:
    settings = populated.cloud.store.settings()
    populated.cloud.store.put(replace(settings, copy_seconds=0.5))

    def run(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        env = populated.environment(HOME=str(tmp_path))
        return run_goldrun(("image", *words), env, tmp_path, code=code)

    return run


def there(cloud: Running, region: str = "cn-beijing") -> list[Image]:
    return [one for one in cloud.cloud.store.all(Image) if one.region == region]


def test_publish_in_another_region_and_for_another_account(populated: Running, goldrun: Any) -> None:
    planned = goldrun("publish", NAME, "--also-in", "cn-beijing", "--account", ACCOUNT, "--dry-run")
    assert f"would copy {NAME} to cn-beijing" in planned.stderr
    assert f"would share it with {ACCOUNT}" in planned.stderr
    assert there(populated) == []
    done = goldrun("publish", NAME, "--also-in", "cn-beijing", "--account", ACCOUNT)
    (copy,) = there(populated)
    assert copy.name == NAME
    assert set(copy.shared_with) == {ACCOUNT}
    assert done.stdout.splitlines()[2:] == [f"IMAGE_ID_CN_BEIJING={copy.id}"]
    found = json.loads(goldrun("publish", NAME, "--also-in", "cn-beijing", "--json").stdout)
    assert found["image_name"] == NAME
    assert found["elsewhere"] == {"cn-beijing": copy.id}
    assert json.loads(goldrun("publish", NAME, "--json").stdout)["elsewhere"] == {}


def test_a_roll_back_that_one_region_cannot_do_changes_nothing(populated: Running, goldrun: Any) -> None:
    words = ("rollback", "github-runner-ubuntu24", "--arch", "amd64", "--also-in", "cn-beijing")
    before = list(populated.cloud.store.all(Image))
    assert "in cn-beijing." in goldrun(*words, "--yes", code=1).stderr
    assert list(populated.cloud.store.all(Image)) == before
    assert "needs a confirmation" in goldrun(*words, code=2).stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--also-in", "mars"), "mars"),
        (("--account", "me@example.com"), "is not an account id"),
        (("--also-in", ""), "is not"),
        (("--channel", "Latest"), "is not a channel"),
    ],
)
def test_mistakes_are_told_before_anything_is_copied(
    populated: Running, goldrun: Any, words: tuple[str, ...], told: str
) -> None:
    assert told in goldrun("publish", NAME, "--also-in", "cn-shanghai", *words, code=2).stderr
    assert there(populated, "cn-shanghai") == []

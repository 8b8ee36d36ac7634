"""``goldrun image publish`` and ``rollback`` in several regions, for people and for programs."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from goldrun.cli import image_versions
from goldrun.errors import RefusedError
from local_cloud.records import Image
from tests.commands import Goldrun
from tests.conftest import Running

NAME = "github-runner-ubuntu24-amd64-latest"
ACCOUNT = "1234567890123456"


@pytest.fixture
def populated(populated: Running) -> Running:
    return populated.always_in_stock(copy_seconds=0.5)


def there(cloud: Running, region: str = "cn-beijing") -> list[Image]:
    return [one for one in cloud.cloud.store.all(Image) if one.region == region]


def test_publish_in_another_region_and_for_another_account(populated: Running, goldrun: Goldrun) -> None:
    planned = goldrun("image", "publish", NAME, "--also-in", "cn-beijing", "--account", ACCOUNT, "--dry-run")
    assert f"would copy {NAME} to cn-beijing" in planned.stderr
    assert f"would share it with {ACCOUNT}" in planned.stderr
    assert there(populated) == []
    done = goldrun("image", "publish", NAME, "--also-in", "cn-beijing", "--account", ACCOUNT)
    (copy,) = there(populated)
    assert copy.name == NAME
    assert set(copy.shared_with) == {ACCOUNT}
    assert done.stdout.splitlines()[2:] == [f"IMAGE_ID_CN_BEIJING={copy.id}"]
    found = json.loads(goldrun("image", "publish", NAME, "--also-in", "cn-beijing", "--json").stdout)
    assert found["image_name"] == NAME
    assert found["elsewhere"] == {"cn-beijing": copy.id}
    assert json.loads(goldrun("image", "publish", NAME, "--json").stdout)["elsewhere"] == {}


def test_a_roll_back_that_one_region_cannot_do_changes_nothing(populated: Running, goldrun: Goldrun) -> None:
    words = ("rollback", "github-runner-ubuntu24", "--arch", "amd64", "--also-in", "cn-beijing")
    before = list(populated.cloud.store.all(Image))
    assert "in cn-beijing." in goldrun("image", *words, "--yes", code=1).stderr
    assert list(populated.cloud.store.all(Image)) == before
    assert "needs a confirmation" in goldrun("image", *words, code=2).stderr


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
    populated: Running, goldrun: Goldrun, words: tuple[str, ...], told: str
) -> None:
    assert told in goldrun("image", "publish", NAME, "--also-in", "cn-shanghai", *words, code=2).stderr
    assert there(populated, "cn-shanghai") == []


def test_what_may_not_be_published_is_not_copied_and_shared_first(populated: Running, goldrun: Goldrun) -> None:
    """A snapshot was paid for, and a stranger could read what had failed."""
    tags = {"ManagedBy": "goldrun", "Family": "fam", "Architecture": "amd64", "BootTest": "failed"}
    image = populated.image("fam-amd64-20260101000000", tags=tags)
    goldrun("image", "publish", image, "--also-in", "cn-beijing", "--account", ACCOUNT, code=5)
    (record,) = (one for one in populated.cloud.store.all(Image) if one.id == image)
    assert record.shared_with == {}
    assert there(populated) == []


def test_a_dry_run_tells_with_whom_it_would_share(goldrun: Goldrun) -> None:
    planned = goldrun("image", "publish", NAME, "--account", ACCOUNT, "--dry-run")
    assert f"would share it with {ACCOUNT}" in planned.stderr


def test_a_roll_back_does_what_was_agreed_to(
    populated: Running, goldrun: Goldrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that was published while the plan was read was rolled back instead."""
    more = {"ManagedBy": "goldrun", "Family": "mine", "Architecture": "amd64"}
    stamps = [f"2026010{day}000000" for day in (1, 2, 3)]
    ids = [populated.image(f"mine-amd64-{one}", tags={**more, "BuildTimestamp": one}) for one in stamps]
    goldrun("image", "publish", ids[0])
    goldrun("image", "publish", ids[1])

    def agree(*_: object, **__: object) -> bool:
        goldrun("image", "publish", ids[2])
        return True

    for name, value in populated.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(image_versions, "confirm", agree)
    monkeypatch.setattr(image_versions, "require_consent", lambda *_, **__: None)
    with pytest.raises(RefusedError, match="has moved since the plan was shown"):
        CliRunner().invoke(
            image_versions.image_rollback, ["mine", "--arch", "amd64"], standalone_mode=False, catch_exceptions=False
        )
    assert ids[2] in goldrun("image", "id", "mine", "--arch", "amd64").stdout

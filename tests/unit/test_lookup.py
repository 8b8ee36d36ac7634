"""The look-up's protocol, over real HTTP against the local cloud."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import AccessDeniedError, ThrottledError
from goldrun.cloud.images import describe_images
from goldrun.errors import UsageError
from goldrun.images.diagnosis import ImageNotFoundError
from goldrun.images.find import find_image
from goldrun.images.lineage import read_lineage
from goldrun.images.lookup import look_up
from goldrun.images.naming import PublishedName, name_reference, parse_reference
from local_cloud import seed
from local_cloud.catalogue import SYSTEM_ACCOUNT
from local_cloud.records import DEPRECATED, Image, Instance
from tests.conftest import NOW, REGION, Running

LATEST = "github-runner-ubuntu24-amd64-latest"


def find(client: EcsClient, name: str, arch: str | None = None, *, all_regions: bool = False) -> str:
    return find_image(client, parse_reference(name, arch), all_regions=all_regions).image.image_id


def why(client: EcsClient, name: str, arch: str | None = None, *, all_regions: bool = False) -> str:
    with pytest.raises(ImageNotFoundError) as caught:
        find(client, name, arch, all_regions=all_regions)
    assert str(caught.value).startswith("Image not found: ")
    return str(caught.value)


def test_one_call_when_all_is_well(frozen: Running) -> None:
    wanted = frozen.image(LATEST)
    client = frozen.client()
    assert find(client, LATEST, "amd64") == wanted
    assert client.calls == 1


@pytest.mark.parametrize("name", ["fam:latest", "fam"])
def test_one_call_for_a_family_too(frozen: Running, name: str) -> None:
    wanted = frozen.image("fam-amd64-latest")
    client = frozen.client()
    assert find(client, name, "amd64") == wanted
    assert client.calls == 1


@pytest.mark.parametrize(("images", "page_size"), [(25, 10), (250, 100)])
def test_an_exact_name_is_found_on_page_3_and_near_names_never(frozen: Running, images: int, page_size: int) -> None:
    """Field: DescribeImages was read without paging, and its fuzzy match was taken as exact."""
    for number in range(images - 1):
        frozen.image(f"x{number}-{LATEST}" if number % 2 else f"{LATEST}-{number}")
    oldest = frozen.image(LATEST, created=NOW - 90 * 86400)
    client = frozen.client()
    found = look_up(client, name_reference(LATEST, "amd64"), page_size=page_size)
    assert found is not None
    assert found.image.image_id == oldest
    assert client.calls == 3
    frozen.cloud.store.remove(*(one for one in frozen.cloud.store.all(Image) if one.id == oldest))
    assert look_up(client, name_reference(LATEST, "amd64"), page_size=page_size) is None


def test_a_throttled_call_is_not_an_empty_account(frozen: Running) -> None:
    """Field: query errors were printed as warnings and read as "no images"."""
    frozen.image(LATEST)
    frozen.fault("throttle", times=None)
    with pytest.raises(ThrottledError) as caught:
        find(frozen.client(), LATEST)
    assert caught.value.exit_code == 6
    assert re.search(r"tried \d\d times", str(caught.value))
    assert caught.value.request_id


def test_temporary_throttling_is_waited_out(frozen: Running) -> None:
    wanted = frozen.image(LATEST)
    frozen.fault("throttle", times=3)
    notes: list[str] = []
    client = frozen.client(notice=notes.append, backoff=lambda attempt: 2.0**attempt)
    assert find(client, LATEST) == wanted
    assert client.calls == 4
    assert client.clock.machine.slept == [1.0, 2.0, 4.0]  # type: ignore[attr-defined]
    assert len(notes) == 3


def test_a_missing_alias_resolves_by_its_tag_with_a_notice(frozen: Running) -> None:
    tags = {"Latest": "true", "Family": "fam", "Architecture": "amd64"}
    frozen.image("fam-amd64-20260101000000", tags=tags, created=NOW - 900)
    wanted = frozen.image("fam-amd64-20260201000000", tags=tags, created=NOW - 800)
    frozen.image("fam-amd64-20260301000000", created=NOW - 700)
    frozen.image("fam-amd64-20260401000000", tags=tags, created=NOW - 600, state=DEPRECATED)
    frozen.image("fam-amd64-20260501000000", tags=tags, created=NOW - 500, ready=NOW + 500)
    frozen.image("fam-amd64-20260601000000", tags=tags, created=NOW - 400, architecture="arm64")
    frozen.image("myfam-amd64-20260701000000", tags=tags, created=NOW - 300)
    for name in ("fam-amd64-latest", "fam:latest", "fam"):
        found = find_image(frozen.client(), parse_reference(name, "amd64"))
        assert found.image.image_id == wanted, name
        assert "no image is named fam-amd64-latest at the moment" in found.notice


def test_of_two_tagged_versions_the_one_built_later_answers_though_it_was_copied_here_first(frozen: Running) -> None:
    frozen.image("fam-amd64-20260101000000", tags={"Latest": "true"}, created=NOW - 100)
    wanted = frozen.image("fam-amd64-20260201000000", tags={"Latest": "true"}, created=NOW - 500)
    assert find(frozen.client(), "fam-amd64-latest") == wanted
    current = read_lineage(frozen.client(), PublishedName("fam", "amd64", "latest")).current()
    assert current is not None
    assert current.image_id == wanted


def test_another_channel_falls_back_to_its_own_tag(frozen: Running) -> None:
    frozen.image("fam-amd64-20260101000000", tags={"Latest": "true"})
    wanted = frozen.image("fam-amd64-20260201000000", tags={"Channel": "canary"})
    assert find(frozen.client(), "fam:canary", "amd64") == wanted


def test_a_version_never_falls_back(frozen: Running) -> None:
    frozen.image("fam-amd64-20260101000000", tags={"Latest": "true"})
    assert "Image not found" in why(frozen.client(), "fam-amd64-20260202000000")


def test_the_newest_of_one_name_answers(frozen: Running) -> None:
    """The seed: 如果存在多个同名镜像，脚本会返回最新的一个."""
    frozen.image(LATEST, created=NOW - 500)
    wanted = frozen.image(LATEST, created=NOW - 100)
    frozen.image(LATEST, created=NOW - 300)
    assert find(frozen.client(), LATEST) == wanted


def test_images_of_others_never_answer_by_name(frozen: Running) -> None:
    frozen.image(LATEST, owner=seed.OTHER_ACCOUNT, shared_with={seed.ACCOUNT: 0.0}, id="m-othersimage")
    reason = why(frozen.client(), LATEST)
    assert "m-othersimage" in reason
    assert "shared with you by another account" in reason


def test_an_id_resolves_for_any_owner(frozen: Running) -> None:
    frozen.image("any", owner=seed.OTHER_ACCOUNT, shared_with={seed.ACCOUNT: 0.0}, id="m-shared00000")
    assert find(frozen.client(), "m-shared00000") == "m-shared00000"
    assert "check the id and the region" in why(frozen.client(), "m-nothing00000")
    assert "is amd64, not arm64" in why(frozen.client(), "m-shared00000", "arm64")


@pytest.mark.parametrize("system", ["ubuntu_24_04", "aliyun_3"])
def test_an_id_of_alibaba_cloud_s_own_images_resolves(frozen: Running, system: str) -> None:
    """`image ls --owner system` shows them; they were looked up as names, or refused as names of Alibaba Cloud's."""
    public = f"{system}_x64_20G_alibase_20261020.vhd"
    frozen.image(public, id=public, owner=SYSTEM_ACCOUNT)
    assert find(frozen.client(), public, "amd64") == public


def test_by_id_a_deprecated_image_answers_with_a_notice(frozen: Running) -> None:
    wanted = frozen.image("any", state=DEPRECATED)
    found = find_image(frozen.client(), parse_reference(wanted, None))
    assert "Deprecated" in found.notice


def test_a_family_of_two_architectures_needs_an_arch(frozen: Running) -> None:
    frozen.image("fam-amd64-latest")
    arm = frozen.image("fam-arm64-latest", architecture="arm64")
    for name in ("fam", "fam:latest"):
        with pytest.raises(UsageError, match="exists for amd64 and arm64"):
            find(frozen.client(), name)
        assert find(frozen.client(), name, "arm64") == arm


def test_a_family_of_one_architecture_needs_no_arch(frozen: Running) -> None:
    wanted = frozen.image("fam-arm64-latest", architecture="arm64")
    assert find(frozen.client(), "fam") == wanted
    assert find(frozen.client(), "fam:latest") == wanted


def test_an_exact_image_name_takes_precedence_over_a_family(frozen: Running) -> None:
    frozen.image("fam-amd64-latest")
    wanted = frozen.image("fam")
    assert find(frozen.client(), "fam") == wanted


def test_why_case(frozen: Running) -> None:
    frozen.image("GitHub-Runner-Ubuntu24-amd64-latest")
    assert "differs by upper and lower case" in why(frozen.client(), LATEST)


def test_why_architecture(frozen: Running) -> None:
    frozen.image(LATEST)
    assert f"{LATEST} is amd64, not arm64." in why(frozen.client(), LATEST, "arm64")


def test_why_creating_with_its_progress(frozen: Running) -> None:
    frozen.image(LATEST, created=NOW - 45, ready=NOW + 55)
    assert "still being created (45%)" in why(frozen.client(), LATEST)


@pytest.mark.parametrize(("state", "words"), [(DEPRECATED, "rolled back"), ("CreateFailed", "build it again")])
def test_why_state(frozen: Running, state: str, words: str) -> None:
    frozen.image(LATEST, state=state)
    assert words in why(frozen.client(), LATEST)


def test_why_a_near_name(frozen: Running) -> None:
    frozen.image("github-runner-ubuntu22-amd64-latest")
    assert "did you mean github-runner-ubuntu22-amd64-latest?" in why(frozen.client(), LATEST)


def test_why_an_empty_account(frozen: Running) -> None:
    assert "no images of its own in cn-hangzhou" in why(frozen.client(), LATEST)


def test_why_another_region(frozen: Running) -> None:
    frozen.image(LATEST, region="cn-shanghai", id="m-inshanghai1")
    assert "--all-regions" in why(frozen.client(), LATEST)
    reason = why(frozen.client(), LATEST, all_regions=True)
    assert "cn-shanghai has it" in reason
    assert "m-inshanghai1" in reason
    assert "use --region cn-shanghai" in reason


def test_nowhere_at_all(frozen: Running) -> None:
    assert "none of the other 19 regions has it" in why(frozen.client(), LATEST, all_regions=True)


def test_a_region_that_cannot_be_reached_is_reported(frozen: Running) -> None:
    frozen.fault("error", "DescribeRegions", times=None)
    reason = why(frozen.client(), LATEST, all_regions=True)
    assert "the regions could not be listed" in reason


def test_a_denied_permission_names_the_statement_to_add(frozen: Running) -> None:
    from local_cloud.access import Denial

    frozen.cloud.store.put(Denial(id="ecs:DescribeImages"))
    with pytest.raises(AccessDeniedError) as caught:
        find(frozen.client(), LATEST)
    assert caught.value.exit_code == 4
    assert '{"Effect": "Allow", "Action": "ecs:DescribeImages", "Resource": "*"}' in str(caught.value)


def test_a_diagnosis_that_fails_never_becomes_a_reason(frozen: Running) -> None:
    frozen.fault("error", "DescribeImages", times=None, skip=2)
    reason = why(frozen.client(), LATEST)
    assert "the reason could not be determined" in reason


def test_a_list_that_changes_between_pages_is_read_again(frozen: Running) -> None:
    """An image deleted after page 1 moves the next one from page 2 to page 1: it must not be missed."""
    for number in range(15):
        frozen.image(f"fam-{number:02d}")
    victim = frozen.image("fam-victim", created=NOW)
    client = frozen.client()
    answered: list[int] = []
    original = client._transport.send

    def send(*arguments: object) -> object:
        answer = original(*arguments)  # type: ignore[arg-type]
        answered.append(1)
        if len(answered) == 1:
            frozen.cloud.store.remove(*(one for one in frozen.cloud.store.all(Image) if one.id == victim))
        return answer

    client._transport.send = send  # type: ignore[method-assign,assignment]
    names = {image.name for image in describe_images(client, name="fam", page_size=10)}
    assert names == {f"fam-{number:02d}" for number in range(15)}


@settings(max_examples=40)
@given(st.randoms(use_true_random=False))
def test_in_random_accounts_only_the_exact_name_resolves(frozen: Running, chance: random.Random) -> None:
    """Random accounts of near names, states, owners and architectures, against a model in three lines."""
    frozen.cloud.store.clear()
    seed.put_defaults(frozen.cloud.store)
    pieces = ["fam", "Fam", "fam2", "x-fam"]
    suffixes = ["latest", "LATEST", "latest-2", "canary", "20260101000000", "20260202000000"]
    made = []
    for number in range(chance.randint(0, 130)):
        arch = chance.choice(["amd64", "arm64"])
        fields = {
            "id": f"m-random{number:04d}",
            "created": NOW - chance.randint(1, 10**6) - number / 1000,
            "architecture": {"amd64": "x86_64", "arm64": "arm64"}[chance.choice([arch, arch, arch, "arm64"])],
            "state": chance.choice(["Available", "Available", DEPRECATED]),
            "owner": chance.choice([seed.ACCOUNT, seed.ACCOUNT, seed.OTHER_ACCOUNT]),
            "tags": chance.choice([{}, {"Latest": "true"}, {"Latest": "false"}]),
        }
        name = f"{chance.choice(pieces)}-{arch}-{chance.choice(suffixes)}"
        frozen.image(name, **fields)
        made.append({"name": name, **fields})
    usable = [
        one
        for one in made
        if one["owner"] == seed.ACCOUNT and one["state"] == "Available" and one["architecture"] == "x86_64"
    ]
    exact = [one for one in usable if one["name"] == "fam-amd64-latest"]
    versions = ("fam-amd64-20260101000000", "fam-amd64-20260202000000")
    tagged = [one for one in usable if one["name"] in versions and one["tags"] == {"Latest": "true"}]
    expected = max(exact or tagged, key=lambda one: (one["name"], str(one["created"])), default=None)
    found = look_up(frozen.client(), name_reference("fam-amd64-latest", "amd64"))
    assert (found and found.image.image_id) == (expected and expected["id"])


def test_usage_is_shown(frozen: Running) -> None:
    used = frozen.image("used")
    frozen.cloud.store.put(Instance(id="i-1", region=REGION, owner=seed.ACCOUNT, created=NOW, image=used))
    assert [image.in_use for image in describe_images(frozen.client(), name="used")] == [True]

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldrun.architecture import from_ecs, parse_architecture, to_ecs
from goldrun.errors import UsageError
from goldrun.images.naming import PublishedName, check_name, name_reference, parse_published, parse_reference

FAMILIES = st.from_regex(r"[a-z][a-z0-9]{1,12}(-[a-z0-9]{1,8}){0,3}", fullmatch=True)
ARCHITECTURES = st.sampled_from(["amd64", "arm64"])
SUFFIXES = st.one_of(st.from_regex(r"[a-z]{2,10}", fullmatch=True), st.from_regex(r"20[0-9]{12}", fullmatch=True))


@given(FAMILIES, ARCHITECTURES, SUFFIXES)
def test_a_published_name_is_read_back(family: str, architecture: str, suffix: str) -> None:
    name = PublishedName(family, architecture, suffix)
    assert parse_published(str(name)) == name
    assert name.is_version == suffix.isdigit()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("AMD64", "amd64"), ("x86_64", "amd64"), ("X64", "amd64"), ("aarch64", "arm64"), (" arm64 ", "arm64")],
)
def test_spellings_of_architectures(text: str, expected: str) -> None:
    assert parse_architecture(text) == expected


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_architectures_translate_both_ways(architecture: str) -> None:
    assert from_ecs(to_ecs(architecture)) == architecture


@pytest.mark.parametrize("text", ["", "x86", "riscv64", "amd", "armv7"])
def test_unknown_architectures_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an architecture"):
        parse_architecture(text)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a", "2 to 128"),
        ("a" * 129, "2 to 128"),
        ("1abc", "starts with a letter"),
        ("-abc", "starts with a letter"),
        ("aliyun-x", "Alibaba Cloud's own"),
        ("acs:x", "Alibaba Cloud's own"),
        ("xhttp://y", "URL"),
        ("a b", "' '"),
        ("a/b", "'/'"),
        ("ab\n", "'\\n'"),
        ("abé", "'é'"),
    ],
)
def test_names_that_ecs_refuses(name: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["ab", "镜像", "a.b:c_d-e", "github-runner-ubuntu24-amd64-latest", "a" * 128])
def test_names_that_ecs_accepts(name: str) -> None:
    assert check_name(name) == name


def test_the_readings_of_a_reference() -> None:
    assert parse_reference("m-bp1g7004ksh0", None).image_id == "m-bp1g7004ksh0"
    public = "aliyun_3_x64_20G_alibase_20260930.vhd"
    assert parse_reference(public, None).image_id == public
    assert parse_reference("my_alibase.vhd", None).name == "my_alibase.vhd"
    assert parse_reference("fam-amd64-latest", None).name == "fam-amd64-latest"
    channel = parse_reference("fam:canary", "x86_64")
    assert (channel.family, channel.suffix, channel.architecture) == ("fam", "canary", "amd64")
    word = parse_reference("fam", "")
    assert (word.name, word.family, word.suffix, word.architecture) == ("fam", "fam", "latest", None)


def test_the_script_reads_exact_names_only() -> None:
    """The seed: 镜像名称必须完全匹配."""
    reference = name_reference("github-runner-ubuntu24", "amd64")
    assert (reference.name, reference.family) == ("github-runner-ubuntu24", "")


@pytest.mark.parametrize("text", ["fam:", ":latest", "a:b:c"])
def test_incomplete_references_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_reference(text, None)

"""The order of versions, where a tool comes from."""

from __future__ import annotations

from itertools import pairwise

import pytest

from goldrun.bake.parts import Tool
from goldrun.updates.versions import newest, version_in, why_not

GITHUB = Tool(version="1.0.0", github="cli/cli")


@pytest.mark.parametrize(
    "rising",
    [
        ["9.1.0", "9.2.0-beta.2", "9.2.0-rc3", "9.2.0-rc10", "9.2.0", "9.2.1", "9.10.0"],
        ["21.0.11+9", "21.0.12+8", "21.0.12+10"],
        ["1.31.4-rc1+k3s1", "1.31.4+k3s1", "1.31.4+k3s2", "1.32"],
    ],
)
def test_the_order_of_versions(rising: list[str]) -> None:
    """A pre-release was above the version that it precedes."""
    for before, after in pairwise(rising):
        assert "is older than" in why_not(Tool(version=after, github="cli/cli"), before)
        assert "is older than" not in why_not(Tool(version=before, github="cli/cli"), after)


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("v1.2.3", "1.2.3"),
        ("go1.26.2", "1.26.2"),
        ("cli/v1.2.3", "1.2.3"),
        ("jdk-21.0.12+8", "21.0.12+8"),
        ("20260814", "20260814"),
        ("v2.0.0-rc-1", "2.0.0-rc-1"),
        ("go1.27rc1", "1.27rc1"),
        ("v1.31.4-rc1+k3s1", "1.31.4-rc1+k3s1"),
        ("6.6.0.Final", "6.6.0.Final"),
        ("curl-8_11_1", ""),
        ("1.0.0_2", ""),
        ("python3-1.2.3", ""),
        ("k8s-1.31", ""),
        ("latest", ""),
    ],
)
def test_the_version_in_a_tag(tag: str, version: str) -> None:
    """It was searched at the end: curl-8_11_1 was version 1, and 2.0.0-rc-1 too."""
    assert version_in(tag) == version


def test_pre_releases_count_only_for_a_recipe_that_has_one() -> None:
    """They were proposed to everyone."""
    listed = ["9.1.0", "9.2.0-rc3", "9.2.0-beta1", "10.0.0a1", "9.0.0+20260101"]
    assert newest(GITHUB, listed) == "9.1.0"
    assert newest(Tool(version="9.2.0-rc1", github="cli/cli"), listed[:3]) == "9.2.0-rc3"
    assert newest(GITHUB, listed[1:3]) == ""


def test_what_is_no_version_does_not_count() -> None:
    """One in an apt repository's index was a traceback."""
    tool = Tool(version="1.0", apt="x", index="https://x")
    assert newest(tool, ["5:28.5.1-1~noble", "not a version", "28.9"]) == "5:28.5.1-1~noble"
    assert why_not(Tool(version="what it is", npm="x"), "1.0.0") == ""

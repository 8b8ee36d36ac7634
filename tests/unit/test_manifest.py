from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldrun.errors import UsageError
from goldrun.images.manifest import Difference, compare, from_tags, to_tags

NAMES = st.from_regex(r"[a-z][a-z0-9+.-]{0,20}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9][0-9a-zA-Z.+~:-]{0,15}", fullmatch=True)
MANIFESTS = st.dictionaries(NAMES, VERSIONS, max_size=40)


@given(MANIFESTS)
def test_it_travels_in_tags_and_comes_back(manifest: dict[str, str]) -> None:
    tags = to_tags(manifest)
    assert from_tags({**tags, "Other": "tag"}) == manifest
    assert len(tags) <= 8
    assert all(0 < len(value) <= 128 for value in tags.values())


def test_a_plain_manifest_is_readable_in_the_console() -> None:
    assert to_tags({"git": "2.43.0", "docker": "27.3.1"}) == {"Manifest.1": "docker=27.3.1;git=2.43.0"}


def test_a_hundred_tools_are_packed() -> None:
    manifest = {f"python3-package-{number}": f"1.{number}.0" for number in range(100)}
    tags = to_tags(manifest)
    assert tags["Manifest.1"].startswith("z:")
    assert from_tags(tags) == manifest


def test_a_mismatch_is_refused() -> None:
    import hashlib

    with pytest.raises(UsageError, match="too long"):
        to_tags({hashlib.sha256(bytes([n])).hexdigest(): "1" for n in range(100)})
    with pytest.raises(UsageError, match="is not valid in a manifest"):
        to_tags({"a=b": "1"})


def test_a_damaged_manifest_is_reported() -> None:
    with pytest.raises(UsageError, match="damaged"):
        from_tags({"Manifest.1": "z:not base64!"})


@given(MANIFESTS, MANIFESTS)
def test_a_difference_leads_from_one_to_the_other(first: dict[str, str], second: dict[str, str]) -> None:
    found = compare(first, second)
    made = {name: version for name, version in first.items() if name not in found.removed} | found.added
    made |= {name: after for name, (_, after) in found.changed.items()}
    assert made == second
    assert bool(found) == (first != second)


def test_the_three_kinds() -> None:
    assert compare({"a": "1", "b": "1"}, {"b": "2", "c": "3"}) == Difference({"c": "3"}, {"a": "1"}, {"b": ("1", "2")})

"""The schema of the tags: its keys, and how tags are written and read."""

from __future__ import annotations

import ast
from pathlib import Path

from goldrun.cloud import tags
from goldrun.cloud.tags import MANAGED_BY, PROTECTED, ROLE, SCHEMA

KINDS = {
    "image",
    "snapshot",
    "instance",
    "disk",
    "securitygroup",
    "vpc",
    "vswitch",
    "natgateway",
    "eip",
    "role",
    "policy",
}
SOURCE = Path(tags.__file__).parents[1]
CONSTANTS = {name: value for name, value in vars(tags).items() if isinstance(value, tags.Tag)}


def test_every_tag_key_is_in_the_schema_once() -> None:
    keys = [tag.key for tag in SCHEMA]
    assert len(keys) == len(set(keys))
    assert set(CONSTANTS.values()) == set(SCHEMA)


def test_every_tag_is_used() -> None:
    used: set[str] = set()
    for file in SOURCE.rglob("*.py"):
        if file.name != "tags.py":
            used |= {node.id for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Name)}
    assert set(CONSTANTS) <= used


def test_every_tag_says_its_values_and_who_writes_it() -> None:
    for tag in SCHEMA:
        assert bool(tag.values) != bool(tag.form), tag.key
        assert tag.writers, tag.key
        assert tag.resources, tag.key
        assert set(tag.resources) <= KINDS, tag.key


def test_a_tag_is_written_with_a_value_or_with_its_only_one() -> None:
    assert MANAGED_BY.of() == {"ManagedBy": "goldrun"}
    assert ROLE.of(tags.BUILDER) == {"Role": "builder"}
    assert ROLE.of("") == {"Role": ""}
    assert tags.to_api({"a": "1", "b": "2"}) == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]


def test_a_tag_is_read_from_what_a_resource_has() -> None:
    both = {"Role": "runner", "Protected": "true"}
    assert ROLE.read(both) == "runner"
    assert ROLE.read({}, "none") == "none"
    assert PROTECTED.matches(both)
    assert not PROTECTED.matches({"Protected": "false"})
    assert ROLE.matches(both, tags.RUNNER)
    assert not ROLE.matches({}, "")


def test_both_shapes_of_an_answer_are_read() -> None:
    for key, value in (("TagKey", "TagValue"), ("Key", "Value")):
        assert tags.from_api({"Tags": {"Tag": [{key: "a", value: "1"}]}}) == {"a": "1"}
    assert tags.from_api({}) == {}

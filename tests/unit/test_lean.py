"""What replaces modules of the standard library does as they do."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import pickle
import string
import typing
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldrun import lean
from goldrun.cloud.signature import hmac_sha256, percent_encode, sha256_hex
from goldrun.images.naming import PublishedName, Reference
from goldrun.lean import parse_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(TEXTS)
def test_percent_encoding(text: str) -> None:
    assert percent_encode(text) == urllib.parse.quote(text, safe="~")


def test_percent_encoding_of_every_sign() -> None:
    assert percent_encode(string.printable) == urllib.parse.quote(string.printable, safe="~")


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_digests(key: bytes, message: bytes) -> None:
    assert sha256_hex(message) == hashlib.sha256(message).hexdigest()
    assert hmac_sha256(key, message) == hmac.digest(key, message, "sha256")


@given(VALUES, st.sampled_from([None, 2]))
def test_json(value: Any, indent: int | None) -> None:
    assert parse_json(json.dumps(value, indent=indent).encode()) == value
    assert parse_json(f"\r\n\t {json.dumps(value, ensure_ascii=False)} \n".encode()) == value


@pytest.mark.parametrize(
    "text",
    ["", "  ", "{", "[1,]", '{"a" 1}', "{} {}", "nan", "NaN", "-Infinity", "'a'", '"a\nb"', "\ufeff{}", "01", "1 2"],
)
def test_what_is_not_json(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_json(text.encode())


def test_bytes_that_are_not_utf_8() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        parse_json(b'"\xff"')


def test_an_interpreter_without_the_scanner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "make_scanner", None)
    assert parse_json(b' {"a": [1, 2.5, null]} ') == {"a": [1, 2.5, None]}


class Theirs(typing.NamedTuple):
    """Of the standard library."""

    first: int
    second: str = "two"

    @property
    def both(self) -> str:
        """Both of them."""
        return f"{self.first}{self.second}"


class Ours(lean.NamedTuple):
    """Of goldrun."""

    first: int
    second: str = "two"

    @property
    def both(self) -> str:
        """Both of them."""
        return f"{self.first}{self.second}"


@pytest.mark.parametrize(
    "use",
    [
        lambda kind: kind(1),
        lambda kind: kind(1, "b").both,
        lambda kind: kind(second="b", first=1),
        lambda kind: kind(1)._replace(second="c"),
        lambda kind: kind(1)._asdict(),
        lambda kind: kind._fields,
        lambda kind: repr(kind(1)).replace("Ours", "Theirs"),
        lambda kind: kind(1) == (1, "two"),
        lambda kind: hash(kind(1)),
        lambda kind: pickle.loads(pickle.dumps(kind(1))),
        lambda kind: copy.copy(kind(1)),
        lambda kind: [*kind(1)],
        lambda kind: kind.__doc__.replace("goldrun", "the standard library"),
        lambda kind: kind.__match_args__,
    ],
)
def test_named_tuples(use: Callable[[type], object]) -> None:
    assert use(Ours) == use(Theirs)


@pytest.mark.parametrize("arguments", [((), {}), ((1, "a", 3), {}), ((1,), {"third": 3}), ((1,), {"first": 2})])
def test_wrong_arguments_of_named_tuples(arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    for kind in (Theirs, Ours):
        with pytest.raises(TypeError):
            kind(*arguments[0], **arguments[1])


def test_named_tuples_cannot_be_changed() -> None:
    reference = Reference("a", None)
    with pytest.raises(AttributeError):
        reference.text = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        reference.other = "b"  # type: ignore[attr-defined]
    match PublishedName("family", "amd64", "latest"):
        case PublishedName(family, _, suffix):
            assert (family, suffix) == ("family", "latest")


def test_a_scanner_that_wants_to_know_more_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of Python 3.15 did: the standard library has what its own scanner wants."""

    def newer(rules: type) -> object:
        return rules.something_new  # type: ignore[attr-defined]

    monkeypatch.setattr(lean, "make_scanner", newer)
    assert parse_json(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


def test_the_scanner_of_this_python_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise each look-up would import ``json``."""
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("json is used"))
    assert parse_json(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}

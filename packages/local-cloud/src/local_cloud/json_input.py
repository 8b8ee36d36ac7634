"""Reads untrusted JSON: strictly, of bounded depth, with one kind of error."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TypeVar

import msgspec

# The default of Ruby's parser, and so of GitHub.
MAX_DEPTH = 100
T = TypeVar("T")
# Also an unterminated one: searching on from its middle would take quadratic time.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEPS))


def decode(text: bytes | str, kind: type[T]) -> T:
    """Decode ``text`` as a ``kind``.

    Raises:
        ValueError: it is not valid JSON, is nested too deeply, or is not of that kind; the message says where.
    """
    raw = text.encode() if isinstance(text, str) else text
    # Decoders recurse, so deeply nested text must not reach one.
    brackets = _STRING.sub(b"", raw).translate(None, _NO_BRACKETS)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise ValueError(f"JSON is nested more than {MAX_DEPTH} deep")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None

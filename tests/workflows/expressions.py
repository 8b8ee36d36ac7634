"""GitHub's expressions, as far as this project's workflows use them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<name>[A-Za-z_][\w.-]*)|(?P<sign>\|\||&&|==|!=|!|\(|\)))")


def interpolate(text: Any, contexts: Mapping[str, Any]) -> str:
    """A value with its ``${{ }}`` replaced."""
    if not isinstance(text, str):
        return _shown(text)
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _shown(evaluate(found[1], contexts)), text)


def evaluate(text: str, contexts: Mapping[str, Any]) -> Any:
    """The value of an expression, with or without ``${{ }}``."""
    text = text.strip().removeprefix("${{").removesuffix("}}")
    tokens = [found.groupdict() for found in _TOKEN.finditer(text)]
    assert "".join(found.group(0) for found in _TOKEN.finditer(text)).strip() == text.strip(), text
    parser = _Parser(tokens, contexts)
    value = parser.either()
    assert not parser.tokens, text
    return value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Parser:
    def __init__(self, tokens: list[dict[str, Any]], contexts: Mapping[str, Any]) -> None:
        self.tokens, self.contexts = tokens, contexts

    def _sign(self, *wanted: str) -> str:
        if self.tokens and self.tokens[0]["sign"] in wanted:
            return str(self.tokens.pop(0)["sign"])
        return ""

    def either(self) -> Any:
        value = self._both()
        while self._sign("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._sign("&&"):
            other = self._compared()
            value = value and other
        return value

    def _compared(self) -> Any:
        value = self._one()
        while sign := self._sign("==", "!="):
            other = self._one()
            # As GitHub has it: what is not there equals the empty text.
            value = ((value or "") == (other or "")) == (sign == "==")
        return value

    def _one(self) -> Any:
        if self._sign("!"):
            return not self._one()
        if self._sign("("):
            inner = self.either()
            assert self._sign(")")
            return inner
        token = self.tokens.pop(0)
        if token["text"]:
            return token["text"][1:-1].replace("''", "'")
        name = str(token["name"])
        if self._sign("("):
            argument = None if self._sign(")") else self.either()
            if argument is not None:
                assert self._sign(")")
            return True if name == "always" else json.loads(str(argument))
        value: Any = self.contexts
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

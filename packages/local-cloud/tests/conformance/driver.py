"""Makes the calls of the table by a bridge, and checks each answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from tests.conftest import Running

from conformance.call import Call


class Answer(NamedTuple):
    """What a client returned: the answer's members, or the code of its error."""

    members: Mapping[str, Any]
    error: str = ""


# Makes a call by a client: product, action, parameters.
Bridge = Callable[[str, str, Mapping[str, Any]], Answer]


def play(cloud: Running, calls: Iterable[Call], bridge: Bridge) -> list[str]:
    """Make the calls in order, and return what does not hold."""
    given: dict[str, str] = {}
    wrong: list[str] = []
    for number, call in enumerate(calls, 1):
        cloud.cloud.clock.advance(call.wait)
        place = f"{number} {call.action}"
        try:
            answer = bridge(call.product, call.action, _filled(call.parameters, given))
            found = _check(call, answer, given)
        except (KeyError, ValueError) as error:
            found = [repr(error)]
        wrong += [f"{place}: {words}" for words in found]
    return wrong


def _check(call: Call, answer: Answer, given: dict[str, str]) -> list[str]:
    if answer.error != call.error:
        return [f"{answer.error or 'success'} instead of {call.error or 'success'}"]
    wrong = []
    for path, wanted in _filled(call.members, given).items():
        value = _member(answer.members, path)
        if value in (None, "", [], {}) if wanted is None else not _equal(value, wanted):
            wrong.append(f"{path} is {value!r}, not {'any value' if wanted is None else repr(wanted)}")
    given |= {name: str(_member(answer.members, path)) for name, path in call.gives.items()}
    return wrong


def _equal(value: Any, wanted: Any) -> bool:
    # Some clients declare what the API writes as a number or a Boolean as text, or the other way round.
    return json.dumps(value).strip('"') == json.dumps(wanted).strip('"')


def _member(answer: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(answer, list):
            answer = answer[int(part)] if int(part) < len(answer) else None
        else:
            answer = answer.get(part) if answer else None
    return answer


def _filled(value: Any, given: Mapping[str, str]) -> Any:
    """Return the value with ``$name`` replaced by what earlier calls gave."""
    if isinstance(value, str):
        return re.sub(r"\$(\w+)", lambda match: given[match[1]], value)
    if isinstance(value, Mapping):
        return {key: _filled(member, given) for key, member in value.items()}
    return [_filled(element, given) for element in value] if isinstance(value, list) else value

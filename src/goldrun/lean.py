"""What the look-up path uses in place of modules of the standard library that take long to import.

A look-up is one small process for one small answer: importing ``typing``, ``json`` and the like took longer than all
the rest of it (docs/decisions.md has the figures). Each of these does what the module of its kind does; the tests
compare them. ``cloud/signature.py`` has what signing needs.
"""

from __future__ import annotations

from _operator import itemgetter

TYPE_CHECKING = False  # type checkers take it for True
if TYPE_CHECKING:
    from typing import Any, NamedTuple, Protocol

    make_scanner: Any
else:
    try:
        from _json import make_scanner  # the interpreter's own; another implementation may not have it
    except ImportError:
        make_scanner = None

    Protocol = object

    class _NamedTupleMaker(type):
        """Makes a named tuple of a class whose base is ``NamedTuple``."""

        def __new__(cls, name, bases, body):
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = tuple(body["__annotations__"])
            defaults = {field: body.pop(field) for field in fields if field in body}

            def new(made, *values, **named):
                missing = fields[len(values) :]
                try:
                    values += tuple(named.pop(field) if field in named else defaults[field] for field in missing)
                except KeyError as error:
                    raise TypeError(f"{name}: {error.args[0]} is missing") from None
                if named or len(values) > len(fields):
                    raise TypeError(f"{name}: unexpected arguments, or too many of them")
                return tuple.__new__(made, values)

            made = {
                "__new__": new,
                "__repr__": _show,
                "__getnewargs__": _arguments,
                "__slots__": (),
                "__match_args__": fields,
                "_fields": fields,
                "_asdict": _as_dict,
                "_replace": _replace,
                **{field: property(itemgetter(index)) for index, field in enumerate(fields)},
            }
            return type(name, (tuple,), {**made, **body})

    class NamedTuple(metaclass=_NamedTupleMaker):
        """``typing.NamedTuple``."""

    def _arguments(values):
        return tuple(values)

    def _as_dict(values):
        return dict(zip(values._fields, values, strict=True))

    def _replace(values, **changes):
        return type(values)(**{**_as_dict(values), **changes})

    def _show(values):
        shown = ", ".join(f"{field}={value!r}" for field, value in _as_dict(values).items())
        return f"{type(values).__name__}({shown})"


__all__ = ["NamedTuple", "Protocol", "parse_json"]


class _JsonRules:
    """What the interpreter's own scanner, which ``json`` is built on, wants to know."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None  # the last one since Python 3.15
    parse_float, parse_int = float, int

    @staticmethod
    def parse_constant(name: str) -> Any:
        raise ValueError(f"{name} is no JSON")


def parse_json(content: bytes) -> Any:
    """Return the value that a JSON text stands for.

    Raises:
        ValueError: it is not JSON, or not in UTF-8.
    """
    text = content.decode().strip(" \t\r\n")
    if make_scanner:
        try:
            value, end = make_scanner(_JsonRules)(text, 0)
        except (AttributeError, StopIteration, SystemError, ValueError):
            # It looks for its error in `json`, which may not be there; a newer one may want to know more.
            end = -1
        if end == len(text):
            return value
    import json

    return json.loads(text, parse_constant=_JsonRules.parse_constant)

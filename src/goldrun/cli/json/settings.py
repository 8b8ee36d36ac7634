"""Settings and contexts, for programs."""

from __future__ import annotations

from goldrun.cli.json.encoding import public


@public
class ShownSetting:
    """A setting that has a value.

    Attributes:
        name: the variable.
        value: its value; `(secret)`: it is not shown.
        origin: where it comes from: `option`, `environment`, a file (and its context), or `default`.
    """

    name: str
    value: str
    origin: str


@public
class Context:
    """A context of the user's configuration file.

    Attributes:
        name: its name.
        current: whether it is the current one.
        settings: its settings by name.
    """

    name: str
    current: bool
    settings: dict[str, str]

"""A setup, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from goldrun.cli.json.encoding import public
from goldrun.setup.kinds import Site
from goldrun.setup.plan import ADD, CHANGE, DESTROY, Step
from goldrun.setup.variables import variables_of

_ACTIONS = {ADD: "add", CHANGE: "change", DESTROY: "destroy"}


@public
class SetupStep:
    """A step of a setup's plan.

    Attributes:
        action: `add`, `change` or `destroy`.
        kind: the kind of resource.
        key: which one of its kind: a zone, a name.
        id: its id; empty: it did not exist.
    """

    action: str
    kind: str
    key: str
    id: str


@public
class Setup:
    """A setup: what goldrun needs in an account.

    Attributes:
        name: its name.
        region: the region.
        steps: what was to do, or is (`--plan`); empty: nothing.
        variables: the variables that make goldrun use it, by name; `(known after apply)`: not known yet.
    """

    name: str
    region: str
    steps: tuple[SetupStep, ...]
    variables: dict[str, str]

    @classmethod
    def of(cls, site: Site, steps: Sequence[Step]) -> Self:
        """Return the object for a setup."""
        listed = tuple(
            SetupStep(action=_ACTIONS[one.sign], kind=one.kind.name, key=one.key, id=one.found.id if one.found else "")
            for one in steps
        )
        variables = {} if site.choices.gone else variables_of(site)
        return cls(name=site.choices.name, region=site.client.region, steps=listed, variables=variables)

"""Compares what there is with what is wanted, and makes it so, one resource after the other.

Nothing but the cloud remembers a setup. So a run that was killed is finished by the next one: it finds what there is by
tags, names and descriptions, and goes on.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import describe_instances
from goldrun.errors import RefusedError, UnavailableError
from goldrun.github.client import GitHubError
from goldrun.report import Report
from goldrun.setup.apps import Apps
from goldrun.setup.elsewhere import regions_with
from goldrun.setup.identity import Attachments, Policies, Providers, Roles
from goldrun.setup.kinds import LATER, Facts, Found, Kind, Site
from goldrun.setup.network import Addresses, Entries, Gateways, SecurityGroups, Vpcs, VSwitches
from goldrun.setup.proposals import Branches, Files, Pulls
from goldrun.setup.secrets import Secrets
from goldrun.setup.variables import Variables
from goldrun.waiting import watch

# In this order they are created; in the other they are deleted.
KINDS: tuple[Kind, ...] = (
    *(Vpcs(), VSwitches(), SecurityGroups(), Gateways(), Addresses(), Entries()),
    *(Providers(), Policies(), Roles(), Attachments()),
    *(Apps(), Secrets(), Variables()),
    *(Branches(), Files(), Pulls()),
)
OF_THE_ACCOUNT = (Providers, Policies, Roles, Attachments)  # every region's setup of a name has the same
ADD, CHANGE, DESTROY = "+", "~", "-"
LONGEST_SECONDS = 300.0


@dataclass(frozen=True)
class Step:
    """One step of a plan.

    Attributes:
        sign: what is done: ``+`` add, ``~`` change, ``-`` destroy.
        kind: with what kind of resource.
        key: with which one.
        facts: how it is wanted.
        found: what there is; None: nothing.
    """

    sign: str
    kind: Kind
    key: str
    facts: Facts
    found: Found | None = None


def make_plan(site: Site) -> list[Step]:
    """Return what has to be done; empty: everything is as it is wanted.

    Raises:
        RefusedError: something would have to be changed that cannot be, or is in use.
        GoldrunError: the cloud or GitHub refuses, or cannot be reached.
    """
    made: list[Step] = []
    gone: list[Step] = []
    for kind in KINDS:
        found = site.look(kind)
        if found and site.choices.gone and isinstance(kind, OF_THE_ACCOUNT):
            if site.kept_for is None:
                site.kept_for = regions_with(site.client, site.tags)
            if site.kept_for:
                continue
        wanted = {} if site.choices.gone else kind.wanted(site)
        present = {one.key: one for one in found if not one.surplus}
        for key, facts in wanted.items():
            step = _step(kind, key, facts, present.get(key))
            made += [step] if step else []
        gone += [Step(DESTROY, kind, one.key, {}, one) for one in found if one.surplus or one.key not in wanted]
    steps = [*made, *reversed(gone)]
    _require_unused(site, steps)
    return steps


def _step(kind: Kind, key: str, facts: Facts, found: Found | None) -> Step | None:
    if found is None:
        return Step(ADD, kind, key, facts)
    other = {name: text for name, text in facts.items() if text != found.facts.get(name)}
    if stuck := [name for name, text in other.items() if name in kind.fixed and text != LATER]:
        raise RefusedError(
            f"The {kind.name} {key} ({found.id}) exists with another {stuck[0]}: {found.facts.get(stuck[0])}.",
            why=[f"wanted is {facts[stuck[0]]}, and that cannot be changed."],
            fix=["goldrun setup --destroy, then set it up again", "or another setup beside it: --name"],
        )
    return Step(CHANGE, kind, key, facts, found) if other else None


def _require_unused(site: Site, steps: Sequence[Step]) -> None:
    """Check that nothing runs in a network that would be destroyed.

    Raises:
        RefusedError: instances do.
    """
    deleted = [step.found.id for step in steps if step.sign == DESTROY and step.kind.name == "VPC" and step.found]
    for vpc in deleted:
        used = [instance.id for instance in describe_instances(site.client, vpc=vpc)]
        if used:
            raise RefusedError(
                f"{len(used)} instances are in the VPC {vpc}.",
                why=[f"among them {', '.join(sorted(used)[:5])}."],
                fix=["goldrun instance ls", f"goldrun instance rm {used[0]}"],
            )


def apply(site: Site, steps: Sequence[Step], report: Report) -> None:
    """Take the steps. Before each, what there is is asked for again, and after it, whether it is so.

    Raises:
        GoldrunError: a step failed; what was done before it stays, and is found by the next run.
    """
    for step in steps:
        if step.sign == DESTROY:
            _destroy(site, step, report)
        else:
            _make(site, step, report)


def _make(site: Site, step: Step, report: Report) -> None:
    kind, key = step.kind, step.key
    found = _present(site, kind, key)
    facts = kind.wanted(site).get(key)  # with what the steps before have made
    if facts is None:  # while the plan was read, somebody merged the workflows
        return
    assert not any(LATER in text for text in facts.values()), (kind.name, facts)
    if found is None:
        report(f"creating: {kind.name} {key} …")
        kind.create(site, key, facts)
        found = _until(
            site, lambda: _present(site, kind, key), f"The {kind.name} {key} was created, and is not listed."
        )
    if _step(kind, key, facts, found):
        report(f"changing: {kind.name} {key} …")
        kind.change(site, found, facts)
        _until(
            site,
            lambda: ((now := _present(site, kind, key)) and _step(kind, key, facts, now) is None) or None,
            f"The {kind.name} {key} was changed, and is listed as before.",
        )


def _destroy(site: Site, step: Step, report: Report) -> None:
    kind, gone = step.kind, step.found
    assert gone is not None

    def left() -> Found | None:
        return next((one for one in site.look(kind) if one.id == gone.id), None)

    found = left()
    if found is None:
        return
    report(f"destroying: {_name(step)} …")
    try:
        kind.delete(site, found)
    except (ApiError, GitHubError):
        if left() is not None:  # else another run was faster
            raise
    _until(site, lambda: left() is None or None, f"The {kind.name} {step.key} ({gone.id}) was deleted, and is listed.")


def _present(site: Site, kind: Kind, key: str) -> Found | None:
    return next((one for one in site.look(kind) if one.key == key and not one.surplus), None)


def _until(site: Site, look: Callable[[], Any], otherwise: str) -> Any:
    found = watch(site.client.clock, look, seconds=LONGEST_SECONDS)
    if found is None:
        raise UnavailableError(otherwise, fix=["run the same command again: it goes on from there."])
    return found


def describe(step: Step) -> Iterator[str]:
    """Yield the lines of a plan for a step, as people know them from Terraform."""
    found = step.found
    yield f"{step.sign} {_name(step)}"
    before = found.facts if found else {}
    for fact, text in step.facts.items():
        if step.sign == ADD:
            yield from textwrap.wrap(
                f"{fact}: {', '.join(_words(text))}",
                100,
                initial_indent=" " * 4,
                subsequent_indent=" " * 6,
                break_on_hyphens=False,
                break_long_words=False,
            )
        elif step.sign == CHANGE and before.get(fact) != text:
            old, new = _words(before.get(fact, "")), _words(text)
            yield from (f"    - {fact}: {word}" for word in old if word not in new)
            yield from (f"    + {fact}: {word}" for word in new if word not in old)


def _name(step: Step) -> str:
    found = step.found
    return f"{step.kind.name} {step.key}" + (f" ({found.id})" if found and found.id != step.key else "")


def _words(text: str) -> list[str]:
    """Return a fact in words; of a policy document: what it allows, and to whom."""
    if not text.startswith("{"):
        return [text]
    return sorted({*_leaves(json.loads(text).get("Statement", []))} - {"Allow", "*"})


def _leaves(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for value in part.values():
            yield from _leaves(value)
    elif isinstance(part, list):
        for value in part:
            yield from _leaves(value)
    else:
        yield str(part)

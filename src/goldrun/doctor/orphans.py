"""Orphans, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator

from goldrun import sweep
from goldrun.cost import running_costs, total
from goldrun.doctor.finding import GOOD, WARNING, CheckContext, Finding


def check_orphans(context: CheckContext) -> Iterator[Finding]:
    """What `goldrun sweep` would delete, and what runs."""
    scopes = [context.scope] if context.scope and context.github else []
    found = [one for one in sweep.find(context.client, github=context.github, scopes=scopes) if not one.doubt]
    running = running_costs(context.client)
    currency = running[0].currency if running else ""  # the account's
    if found:
        kinds = ", ".join(sorted({one.kind for one in found}))
        left = {one.id for one in found}
        wasted = total(one for one in running if one.instance.id in left)
        yield Finding(
            "leftovers",
            WARNING,
            f"left over: {kinds}.",
            f"instances among them cost {wasted:.3f} {currency} an hour." if wasted else "they cost storage.",
            "goldrun sweep",
        )
    elif running:
        price = f"{total(running):.3f} {currency}"
        yield Finding("leftovers", GOOD, f"nothing to sweep; running instances: {len(running)}, for {price} an hour.")
    else:
        yield Finding("leftovers", GOOD, "nothing to sweep, and no instance is running.")

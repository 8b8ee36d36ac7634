"""The table of calls covers what the local cloud implements."""

from __future__ import annotations

import re

from conformance.table import CALLS
from local_cloud.actions.registry import ACTIONS

# It takes an identity token that only the local GitHub signs; tests/simulation/test_identity.py has it.
ELSEWHERE = {("sts", "AssumeRoleWithOIDC")}


def test_every_action_is_in_the_table() -> None:
    assert {(call.product, call.action) for call in CALLS} | ELSEWHERE == set(ACTIONS)


def test_every_name_is_given_by_an_earlier_call() -> None:
    given: set[str] = set()
    for call in CALLS:
        used = set(re.findall(r"\$(\w+)", f"{call.parameters}{call.members}"))
        assert used <= given, call
        given |= call.gives.keys()

"""Hints of the GARM provider name what its operators set."""

from __future__ import annotations

from goldrun.garm.hints import for_operators


def test_options_become_extra_specs() -> None:
    found = for_operators("Nothing.\n  fix: widen the search (--cpu, --type), or allow --on-demand-fallback.")
    assert found == (
        "Nothing.\n  fix: widen the search (cpu in the extra specs, the pool's flavor), "
        "or allow on_demand_fallback in the extra specs."
    )


def test_commands_and_longer_options_stay() -> None:
    for text in ("list them: goldrun image ls --arch amd64", "--cpu-options", "--lifetime"):
        assert for_operators(text) == text

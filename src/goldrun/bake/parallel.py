"""Builds several architectures of a recipe in parallel, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from goldrun.bake.build import Built, build
from goldrun.bake.context import Options
from goldrun.bake.progress import BuildProgress
from goldrun.bake.recipe import Loaded
from goldrun.clock import StoppableClock
from goldrun.cloud.client import EcsClient
from goldrun.errors import GoldrunError
from goldrun.launch.settings import LaunchSettings


@dataclass(frozen=True)
class Outcome:
    """What became of each architecture's build.

    Attributes:
        done: the images.
        failed: the errors of the others.
    """

    done: dict[str, Built] = field(default_factory=dict)
    failed: dict[str, GoldrunError] = field(default_factory=dict)


def build_all(
    client: EcsClient,
    loaded: Loaded,
    architectures: Sequence[str],
    settings: LaunchSettings,
    options: Options,
    report_of: Callable[[str], BuildProgress],
) -> Outcome:
    """Build the architectures, and return when the last build has ended; see ``build``.

    An interrupt stops all of them: they clean up in their threads before it goes further.
    """
    outcome = Outcome()
    clocks = {name: StoppableClock() for name in architectures}
    with ThreadPoolExecutor(len(architectures)) as pool:
        running = {
            name: pool.submit(build, client.on_clock(clock), loaded, name, settings, options, report_of(name))
            for name, clock in clocks.items()
        }
        try:
            for name, future in running.items():
                try:
                    outcome.done[name] = future.result()
                except GoldrunError as error:
                    outcome.failed[name] = error
        except KeyboardInterrupt:
            for clock in clocks.values():
                clock.stop()
            raise
    return outcome

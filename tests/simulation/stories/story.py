"""A story: what its seed decides before it begins."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Literal, get_args

Kind = Literal[
    # Somebody's work.
    "build", "publish", "rollback", "prune", "copy", "look-up", "launch", "runner", "serve", "sweep",
    # A person in the console.
    "person",
    # What goes wrong for a while.
    "throttle", "error", "error-after", "timeout", "timeout-after", "stale", "stock-out", "reclaim-wave", "token-ends",
    "shifting-pages",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
TROUBLES = frozenset(KINDS[KINDS.index("throttle") :])
WEIGHTS = {
    "build": 3, "publish": 4, "rollback": 2, "prune": 3, "copy": 1, "look-up": 2, "launch": 3, "runner": 4, "serve": 2,
    "sweep": 4, "person": 3, "throttle": 3, "error": 2, "error-after": 3, "timeout": 1, "timeout-after": 3, "stale": 3,
    "stock-out": 1, "reclaim-wave": 2, "token-ends": 1, "shifting-pages": 1,
}  # fmt: skip
BEGIN_SECONDS = 1800.0  # within that, everything begins
# Many who do the same kind of thing at the same time: what goes wrong between them is rare in other stories.
CROWDS: dict[str, frozenset[Kind]] = {
    "": frozenset(KINDS),
    "names": TROUBLES - {"stock-out", "reclaim-wave", "shifting-pages"}
    | {"build", "publish", "rollback", "prune", "copy", "look-up", "person"},
    "machines": TROUBLES | {"launch", "runner", "serve", "sweep", "person"},
}
CROWDED_SECONDS = 90.0
DYING = 0.3
SKEWED = 0.15


@dataclass(frozen=True)
class Event:
    """Something that happens in a story.

    Attributes:
        number: its place in the story; it keeps it when others are left out.
        kind: what.
        at: seconds from the beginning.
        dies: with which of its calls the process dies; 0: never.
        after: when that call has had its effect, or before.
        skew: seconds that its computer's clock is ahead.
        lasts: seconds, of a trouble.
    """

    number: int
    kind: Kind
    at: float
    dies: int = 0
    after: bool = True
    skew: float = 0.0
    lasts: float = 0.0

    def __str__(self) -> str:
        """It, for people."""
        lasting = f" for {self.lasts:.0f} s" if self.lasts else ""
        death = f"; dies {'after' if self.after else 'before'} its call {self.dies}" if self.dies else ""
        clock = f"; its clock is {self.skew:+.0f} s off" if self.skew else ""
        return f"{self.number:>3}  at {self.at:6.0f} s  {self.kind}{lasting}{death}{clock}"


@dataclass(frozen=True)
class Story:
    """A seed, and what happens.

    Attributes:
        seed: decides whatever is left to chance while it is played.
        events: in the order of their numbers.
        lingers: machines do not delete themselves after their job.
        min_idle: how many runners wait for a job, as long as there is trouble.
        min_stopped: how many more wait, stopped.
        budget: what may be spent on a day until the trouble is over, in CNY; 0: any amount.
        crowd: its kind, one of ``CROWDS``.
    """

    seed: int
    events: tuple[Event, ...]
    lingers: bool = False
    min_idle: int = 0
    min_stopped: int = 0
    budget: float = 0.0
    crowd: str = ""

    @property
    def numbers(self) -> list[int]:
        """The numbers of its events."""
        return [event.number for event in self.events]

    def only(self, numbers: Iterable[int]) -> Story:
        """Leave out the others."""
        wanted = set(numbers)
        return replace(self, events=tuple(event for event in self.events if event.number in wanted))


def write(seed: int, crowd: str = "") -> Story:
    """Return the story of a seed; in a crowd, one of ``CROWDS``, everything begins within a minute and a half."""
    random = Random(f"story {seed}{f' {crowd}' * bool(crowd)}")
    within = CROWDED_SECONDS if crowd else BEGIN_SECONDS
    events = tuple(_event(random, number, CROWDS[crowd], within) for number in range(1, random.randint(5, 14)))
    lingers = random.random() < 0.3
    served = Random(f"served {seed}")
    idle, stopped = served.choice(((0, 0), (0, 0), (0, 0), (1, 0), (0, 1), (1, 1)))
    return Story(seed, events, lingers, idle, stopped, served.choice((0.0, 0.0, 0.0, 0.3, 0.6)), crowd)


def _event(chance: Random, number: int, kinds: Collection[Kind], within: float) -> Event:
    kind = chance.choices(KINDS, [WEIGHTS[kind] if kind in kinds else 0 for kind in KINDS])[0]
    at = chance.uniform(0.0, within)
    if kind in TROUBLES:
        return Event(number, kind, at, lasts=chance.choice((60.0, 300.0, 900.0)))
    dies = chance.randint(1, chance.choice((12, 60, 200))) if chance.random() < DYING else 0
    skew = chance.choice((-800.0, -240.0, 30.0, 240.0, 800.0)) if chance.random() < SKEWED else 0.0
    return Event(number, kind, at, dies, chance.random() < 0.5, skew)

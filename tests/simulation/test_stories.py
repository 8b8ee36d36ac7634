"""Stories: some of those that `make simulate` plays, bugs that they have to find, and what they found before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.stories import field
from tests.simulation.stories.bugs import BUGS
from tests.simulation.stories.playing import play
from tests.simulation.stories.shrinking import shrink
from tests.simulation.stories.story import CROWDED_SECONDS, CROWDS, KINDS, TROUBLES, Story, write

# The first story that finds it, with the events that are needed; docs/testing.md has the whole table.
FOUND = {
    "swapped": (2, [13]),
    "untested": (1, [4]),
    "pruned-by-age": (6, [10]),
    "errors-are-absence": (52, [5, 7]),
    "believed": (1, [2]),
    "new-tokens": (6, [2, 8, 9, 10, 12]),
    "no-end": (1, [8]),
    "anybodys": (1, [9]),
    "no-heartbeat": (26, [1, 6]),
    "no-grace": (57, [1, 3, 4, 6, 8, 10, 11]),
    "own-clock": (764, [2, 3]),
    "snapshots-stay": (25, [1]),
}


@pytest.mark.parametrize("seed", range(1, 25))
def test_nothing_is_broken(seed: int) -> None:
    outcome = play(write(seed))
    assert outcome.broken == ()
    assert outcome.checks > 0


@pytest.mark.parametrize("crowd", sorted(CROWDS.keys() - {""}))
@pytest.mark.parametrize("seed", range(1, 9))
def test_nothing_is_broken_in_a_crowd(seed: int, crowd: str) -> None:
    story = write(seed, crowd)
    assert {event.kind for event in story.events} <= CROWDS[crowd]
    assert all(event.at < CROWDED_SECONDS for event in story.events)
    assert play(story).broken == ()


# What stories have found: each is played again as it was.
BROKEN = {
    "a publish was not told that its candidate had gone": (1178, "names", [3, 4, 6, 7]),
    "a roll-back took the tag off what another one had chosen": (6774, "names", [4, 7, 10, 11]),
    "a roll-back believed a read from before the publish": (32170, "names", [2, 3, 5, 7, 9, 11, 12]),
    "a roll-back relied on the tag of another one": (1502499, "names", [1, 2, *range(4, 11)]),
    "two builds that began at once had one key for their builders": (1600876, "names", list(range(1, 9))),
    "a roll-back took off the tag that it had written over another one's": (1701705, "names", list(range(1, 12))),
    "a publish took the tag off again after a time-out": (1605276, "names", [2, 3, 7, 9]),
    "a publish took a roll-back that began in the same second for itself": (1902234, "names", [3, 6]),
    "a roll-back believed tags that only its second read showed": (1903329, "names", [2, 3, 7, 8]),
    "a publish took the tag off twice": (31728, "names", list(range(1, 13))),
    "a publish gave way to a prune, and took a roll-back's tag": (401317, "names", [7, 9, 10]),
    "a machine without tags was stopped for good": (21883, "machines", [2, 9, 10]),
    "a machine that did not show yet was reserved at another's price": (71822, "machines", [1, 2, 4, 9, 10, 12]),
    "a server launched by a look from before the other's launch": (20945, "machines", [*range(1, 8), 9, 10, 11]),
    "a read that went back made a new machine vanish, and another one come": (
        1402406,
        "machines",
        [1, *range(3, 7), 10, 11, 13],
    ),
    "a server died with machines that no count knew yet": (2710125, "", [6, 7, 9]),
    "a machine that was started was believed to be stopped still": (2722175, "", [2, 4, 8]),
    "a machine that was started was deleted as one that had stopped": (2747044, "", [1, 2, 3, *range(5, 8), 9, 10]),
    "no zone sold the type that the server wants": (2847181, "", [1]),
    "the one zone that sold it had none for hours": (3062893, "", [3]),
    "two servers launched within one budget": (401775, "machines", [1, 2, *range(4, 10), 11]),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_was_broken_is_not_broken_again(what: str) -> None:
    seed, crowd, numbers = BROKEN[what]
    assert play(write(seed, crowd).only(numbers)).broken == ()


def test_a_story_is_the_same_each_time() -> None:
    first, second = play(write(2)), play(write(2))
    assert first == second
    assert write(2) == write(2) != write(3)


def test_stories_have_events_of_every_kind() -> None:
    stories = [write(seed) for seed in range(200)]
    events = [event for story in stories for event in story.events]
    assert {event.kind for event in events} == set(KINDS)
    assert sum(event.dies > 0 for event in events) > 200
    assert sum(event.skew != 0 for event in events) > 100
    assert 20 < sum(story.lingers for story in stories) < 100


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug])
def test_a_planted_bug_is_found(bug: str) -> None:
    seed, numbers = FOUND[bug]
    story = write(seed).only(numbers)
    assert play(story, bug).broken
    assert play(story).broken == ()


def test_a_broken_story_is_shrunk_to_what_is_needed() -> None:
    story = write(6)
    assert len(story.events) > 3
    short = shrink(story, lambda one: bool(play(one, "pruned-by-age").broken))
    assert len(short.events) < len(story.events)
    assert play(short, "pruned-by-age").broken
    for number in short.numbers:
        rest = short.only(each for each in short.numbers if each != number)
        assert not rest.events or not play(rest, "pruned-by-age").broken
    assert "at " in str(short.events[0])


def test_stories_have_pools_and_budgets() -> None:
    stories = [write(seed) for seed in range(200)]
    assert 30 < sum(story.budget > 0 for story in stories) < 120
    assert 30 < sum(story.min_stopped > 0 for story in stories) < 100
    assert any(story.min_idle and story.min_stopped and story.budget for story in stories)


def test_a_runner_without_tags_is_not_told_to_be_gone() -> None:
    """The story that found it: a person removes an instance's tags while its runner waits for a job."""
    assert play(write(473).only([2, 5])).broken == ()


def test_machines_that_end_while_github_is_away_are_in_the_budget() -> None:
    """The story that found it: no server leads, so nobody saw them end."""
    assert play(write(2301425).only(range(2, 14))).broken == ()


def test_the_fields_protocols_do_the_same_work_where_nothing_goes_wrong() -> None:
    """They are models, not straw men: without trouble and deaths, each finds its image and does its jobs."""
    counted = [field.play(_calm(write(seed)), ours=False) for seed in range(1, 25)]
    assert sum(one.looks for one in counted) > 100
    assert sum(one.jobs for one in counted) > 20
    assert sum(one.lost + one.unresolved for one in counted) == 0


def _calm(story: Story) -> Story:
    """The story without builds, which rename the image away, without trouble and without deaths."""
    events = [event for event in story.events if event.kind not in TROUBLES | {"build"}]
    return replace(story, events=tuple(replace(event, dies=0) for event in events))


def test_what_is_counted_beside_goldrun() -> None:
    """A process that dies, an instance without an end: hours that nobody uses."""
    counted = [(field.play(write(seed), ours=True), field.play(write(seed), ours=False)) for seed in range(1, 9)]
    assert sum(ours.unresolved for ours, _ in counted) == 0
    assert sum(ours.leaked for ours, _ in counted) == 0
    assert sum(theirs.leaked for _, theirs in counted) > 0
    assert all(ours.looks == theirs.looks for ours, theirs in counted)

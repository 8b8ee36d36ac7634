"""Makes a story that breaks something as short as it can be and still break something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.stories.story import Story


def shrink(story: Story, breaks: Callable[[Story], bool]) -> Story:
    """Leave out events, deaths and wrong clocks that are not needed for it to break."""
    shorter = True
    while shorter:
        shorter = False
        for number in story.numbers:
            candidate = story.only(each for each in story.numbers if each != number)
            if candidate.events and breaks(candidate):
                story, shorter = candidate, True
    for event in story.events:
        for plainer in (replace(event, dies=0), replace(event, skew=0.0)):
            candidate = replace(
                story, events=tuple(plainer if each.number == event.number else each for each in story.events)
            )
            if candidate != story and breaks(candidate):
                story = candidate
    return story

"""Reads the configuration of ``goldrun serve``, and finds every mistake in it with its place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from goldrun.cloud.instances import MAX_LIFE_SECONDS, MIN_LIFE_SECONDS
from goldrun.durations import parse_duration
from goldrun.errors import GoldrunError
from goldrun.github.scope import read_scope
from goldrun.launch.offers import POLICIES, parse_span
from goldrun.serve.config import MAX_RUNNERS, Config, Cost, Profile, parse_size
from goldrun.serve.schedules import parse_days, parse_hours
from goldrun.toml_file import Problem, in_words, parse, problem_of, read_file, refuse

MAX_BUDGETS = 15
MIN_STOPPED_SECONDS = 7200.0
MAX_SETUP = 16 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def load(file: Path) -> Config:
    """Read the configuration, and check all of it.

    Raises:
        UsageError: it is not valid; lists every mistake with its line.
    """
    text = read_file(file, fix="docs/serve.md has an example.")
    config = parse(file, text, Config, fix="goldrun serve schema prints the schema of the file.")
    refuse(file, text, _problems(config, file.parent))
    return config


def _problems(config: Config, folder: Path) -> Iterator[Problem]:
    """Yield every mistake with its place."""
    if not config.github.scopes:
        words = "name an organization, a repository (owner/name) or an enterprise (enterprises/name)"
        yield ("github", "scopes"), words
    for scope in config.github.scopes:
        yield from problem_of(("github", "scopes"), read_scope, scope)
    for scope, times in Counter(scope.lower() for scope in config.github.scopes).items():
        if times > 1:
            yield ("github", "scopes"), f"{scope} is named {times} times"
    if config.limits.max_runners is not None and config.limits.max_runners < 1:
        yield ("limits", "max_runners"), "at least 1"
    yield from _cost(("limits",), config.limits.max_cost)
    if not config.profile:
        yield (), "a configuration needs at least one profile: [profile.NAME]"
    yield from _budgets(config)
    names: dict[str, str] = {}
    for name, profile in config.profile.items():
        place = ("profile", name)
        if not _NAME.fullmatch(name):
            yield place, f"{name!r} cannot be a label: use letters, digits, dots, hyphens and underscores"
        for label in (name, *profile.labels):
            if label.lower() in names:
                yield place, f"{label!r} is a label of the profile {names[label.lower()]} too"
            names[label.lower()] = name
        yield from _profile(place, profile, folder)
    made = Counter(
        f"{name}-{size}".lower() if size else name.lower()
        for name, profile in config.profile.items()
        for size in profile.sizes or ("",)
    )
    for name, times in made.items():
        if times > 1:
            yield ("profile",), f"{times} scale sets would have the name {name}: rename a profile"


def _budgets(config: Config) -> Iterator[Problem]:
    """A budget's count is a tag of the security group for each scale set, and a resource has 20 tags at most."""
    common = config.limits.max_cost.is_limited
    sets = [
        max(1, len(profile.sizes)) * len(config.github.scopes)
        for profile in config.profile.values()
        if common or profile.max_cost.is_limited
    ]
    if sum(sets) > MAX_BUDGETS:
        yield (
            (),
            f"{sum(sets)} scale sets (profiles, times sizes, times scopes) have a budget: at most {MAX_BUDGETS} can",
        )


def _profile(place: tuple[str, ...], profile: Profile, folder: Path) -> Iterator[Problem]:
    if not profile.image:
        yield (*place, "image"), "the image is missing"
    yield from problem_of((*place, "cpu"), parse_span, profile.cpu, "vCPUs")
    yield from problem_of((*place, "memory"), parse_span, profile.memory, "GiB")
    if profile.policy not in POLICIES:
        yield (*place, "policy"), f"{profile.policy!r} is not one of {', '.join(POLICIES)}"
    for kind in profile.types:
        if not kind.startswith("ecs."):
            yield (*place, "types"), f"{kind!r} is not an instance type, such as ecs.c7.2xlarge"
    for label in profile.labels:
        if not _NAME.fullmatch(label):
            yield (*place, "labels"), f"{label!r} cannot be a label"
    for pattern in profile.repositories:
        if pattern.count("/") != 1:
            yield (*place, "repositories"), f"{pattern!r} is not a repository, such as octo-org/repo or octo-org/*"
    yield from _numbers(place, profile)
    yield from _cost(place, profile.max_cost)
    yield from _sizes(place, profile)
    yield from _times(place, profile)
    yield from _idle(place, profile)
    yield from _setup(place, profile, folder)


def _numbers(place: tuple[str, ...], profile: Profile) -> Iterator[Problem]:
    if profile.max_price is not None and not 0 < profile.max_price < 10_000:
        yield (*place, "max_price"), "a price is greater than 0"
    if profile.disk is not None and not 20 <= profile.disk <= 2048:
        yield (*place, "disk"), "a disk has 20 to 2048 GiB"
    if not 1 <= profile.max_runners <= MAX_RUNNERS:
        yield (*place, "max_runners"), f"from 1 to {MAX_RUNNERS:,} runners"
    for name, most in (("priority", 100), ("per_repository", MAX_RUNNERS), ("per_workflow", MAX_RUNNERS)):
        if not 0 <= getattr(profile, name) <= most:
            yield (*place, name), f"from 0 to {most:,}"


def _cost(place: tuple[str, ...], cost: Cost) -> Iterator[Problem]:
    for name in ("day", "month"):
        if (value := getattr(cost, name)) is not None and not 0 < value < 1e9:
            yield (*place, "max_cost"), f"the cost of a {name} is greater than 0"


def _sizes(place: tuple[str, ...], profile: Profile) -> Iterator[Problem]:
    for size in profile.sizes:
        if parse_size(size) is None:
            yield (*place, "sizes"), f"{size!r} is not a size, such as 8c16g or arm64-8c16g"
        if profile.sizes.count(size) > 1:
            yield (*place, "sizes"), f"{size!r} is named twice"
    if profile.sizes and profile.labels:
        yield (*place, "labels"), "with sizes, a label would be one of several scale sets: leave labels or sizes out"


def _times(place: tuple[str, ...], profile: Profile) -> Iterator[Problem]:
    found: dict[str, float] = {}
    for name in ("life", "longest_job", "boot", "stopped_life"):
        try:
            found[name] = parse_duration(getattr(profile, name))
        except GoldrunError as error:
            yield (*place, name), in_words(error)
    if len(found) < 4:
        return
    if found["stopped_life"] < MIN_STOPPED_SECONDS:
        yield (*place, "stopped_life"), "a stopped instance is kept at least 2h"
    if found["life"] < MIN_LIFE_SECONDS:
        yield (*place, "life"), "an instance lives at least 30m"
    elif found["life"] > MAX_LIFE_SECONDS or found["stopped_life"] > MAX_LIFE_SECONDS:
        yield (*place, "life"), "ECS releases an instance within three years: 1095d at most"
    elif found["longest_job"] + found["boot"] >= found["life"]:
        yield (*place, "longest_job"), "a life has to hold the boot, the wait for a job, and the job: make life longer"


def _idle(place: tuple[str | int, ...], profile: Profile) -> Iterator[Problem]:
    words = f"from 0 to max_runners, {profile.max_runners}"
    for name in ("min_idle", "min_stopped"):
        if not 0 <= getattr(profile, name) <= profile.max_runners:
            yield (*place, name), words
    for number, part in enumerate(profile.schedules):
        here: tuple[str | int, ...] = (*place, "schedules", number)
        if not 0 <= part.min_idle <= profile.max_runners:
            yield (*here, "min_idle"), words
        if part.min_stopped is not None and not 0 <= part.min_stopped <= profile.max_runners:
            yield (*here, "min_stopped"), words
        yield from problem_of((*here, "days"), parse_days, part.days)
        yield from problem_of((*here, "hours"), parse_hours, part.hours)
        try:
            ZoneInfo(part.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield (*here, "timezone"), f"{part.timezone!r} is not a time zone, such as Asia/Shanghai"


def _setup(place: tuple[str, ...], profile: Profile, folder: Path) -> Iterator[Problem]:
    if not profile.setup:
        return
    try:
        content = (folder / profile.setup).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        yield (*place, "setup"), f"{profile.setup} cannot be read as text"
        return
    if len(content.encode()) > MAX_SETUP:
        yield (*place, "setup"), f"{profile.setup} is longer than {MAX_SETUP:,} bytes: let it fetch the rest"

"""Completes names and ids from the account: what a person would copy from a listing. Silent about whatever fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from goldrun import config, setting_files, settings
from goldrun.clock import SystemClock
from goldrun.errors import GoldrunError

if TYPE_CHECKING:  # every command is loaded with this module, and few are completed
    from click.shell_completion import CompletionItem

    from goldrun.cloud.images import Image
    from goldrun.cloud.instances import Instance

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
SECONDS = "3"  # a shell that waits longer is worse than one that does not know


def _from(names: Callable[[], Iterable[tuple[str, str]]]) -> Complete:
    """Return a completion; ``names`` returns what there is and what it is, and may fail."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        try:
            found = list(names())
        except GoldrunError:
            return []
        return [CompletionItem(name, help=about) for name, about in found if name.startswith(incomplete)]

    return complete


def _families() -> Iterable[tuple[str, str]]:
    return _families_of(_own_images())


def _images() -> Iterable[tuple[str, str]]:
    images = _own_images()
    yield from _families_of(images)
    yield from ((image.name, image.image_id) for image in images)
    yield from ((image.image_id, image.name) for image in images)


def _own_images() -> list[Image]:
    from goldrun.cloud.client import connect
    from goldrun.cloud.images import describe_images

    return describe_images(connect(_environment(), SystemClock()))


def _families_of(images: Iterable[Image]) -> Iterable[tuple[str, str]]:
    from goldrun.cloud.tags import FAMILY

    return [(family, "family") for family in sorted({FAMILY.read(image.tags) for image in images} - {""})]


def _instances() -> Iterable[tuple[str, str]]:
    return [(one.id, f"{one.name} {one.status}") for one in _ours()]


def _runners() -> Iterable[tuple[str, str]]:
    from goldrun.cloud.tags import RUNNER_NAME

    return [(name, one.id) for one in _ours() if (name := RUNNER_NAME.read(one.tags))]


def _ours() -> list[Instance]:
    from goldrun.cloud.client import connect
    from goldrun.cloud.instances import describe_instances
    from goldrun.cloud.tags import OWNED

    return describe_instances(connect(_environment(), SystemClock()), tags=OWNED)


def _contexts() -> Iterable[tuple[str, str]]:
    return [(name, "") for name in settings.contexts_of(os.environ)[0]]


def _environment() -> dict[str, str]:
    from pathlib import Path

    env = dict(os.environ)
    settings.apply(env, settings.load(env, Path(setting_files.here())))
    return {**env, config.TIMEOUT.names[0]: SECONDS}


families = _from(_families)
images = _from(_images)
instances = _from(_instances)
runners = _from(_runners)
contexts = _from(_contexts)

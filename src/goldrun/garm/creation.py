"""CreateInstance: launches the machine of a runner, or finds the one that an earlier call launched.

It has a module of its own, because it needs most of goldrun: without it, the other commands take a third less
processor time.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goldrun.cloud.instances import Instance
from goldrun.cloud.tags import GARM_NAME, GARM_POOL
from goldrun.errors import GoldrunError
from goldrun.garm import contract
from goldrun.garm.contract import BootstrapInstance
from goldrun.garm.launching import read_settings
from goldrun.garm.provider import Provider, Say, as_json, note, read_specs, status_of
from goldrun.garm.runner_version import require_current_runner
from goldrun.garm.underway import underway
from goldrun.images.resolve import resolve_image
from goldrun.launch.acquire import acquire
from goldrun.launch.cache import FileCache
from goldrun.launch.launch import Launched
from goldrun.launch.settings import LaunchSettings
from goldrun.launch.spread import LEAST


class DuplicateError(GoldrunError):
    """Another instance already has the name."""

    exit_code = contract.EXIT_DUPLICATE


def own_folder() -> Path:
    """Return a folder for what a call leaves to the next one, which nobody else can write to; else one that is none.

    What others have put there would be believed: prices, and which instances are being created.
    """
    folder = Path(tempfile.gettempdir()) / f"goldrun-garm-{os.getuid()}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
            return folder
    return Path(os.devnull) / "none"


def create(provider: Provider, wanted: BootstrapInstance, say: Say) -> None:
    """Create the instance, or find the one that an earlier call created, and report it.

    Raises:
        GoldrunError: it was not created, or could not be reported; no instance is left.
    """
    if not _report_existing(wanted, provider.all(GARM_NAME.of(wanted.name)), say):
        folder = Path(provider.config.cache_folder) if provider.config.cache_folder else own_folder()
        with underway(folder, wanted.pool, wanted.name, provider.clock) as names:
            _launch(provider, wanted, folder, names, say)


def _report_existing(wanted: BootstrapInstance, found: Sequence[Instance], say: Say) -> bool:
    """Report the instance if an earlier call created it."""
    for instance in found:
        if GARM_NAME.matches(instance.tags, wanted.name):
            if not GARM_POOL.matches(instance.tags, wanted.pool):
                raise DuplicateError(f"{wanted.name} already exists ({instance.id}), in another pool.")
            say(json.dumps(as_json(instance.id, wanted.name, status_of(instance)) | _pool_of(wanted)))
            return True
    return False


def _launch(provider: Provider, wanted: BootstrapInstance, folder: Path, names: set[str], say: Say) -> None:
    siblings = provider.all(GARM_POOL.of(wanted.pool))
    if _report_existing(wanted, siblings, say):  # a list may lag behind: this is the second one
        return
    names |= {GARM_NAME.read(instance.tags) for instance in siblings}
    settings = _settings(provider, wanted, spread=len(names) >= LEAST)
    require_current_runner(provider.client, settings, wanted.repo_url, provider.env, provider.clock, note)

    def deliver(got: Sequence[Launched]) -> None:
        (launched,) = got
        say(json.dumps(as_json(launched.ids[0], wanted.name, "running") | _pool_of(wanted)))

    cache = FileCache(provider.env, provider.clock, folder)
    acquire(provider.client, settings, cache=cache, report=note, deliver=deliver)


def _settings(provider: Provider, wanted: BootstrapInstance, *, spread: bool) -> LaunchSettings:
    found = read_settings(
        wanted,
        read_specs(wanted.specs),
        provider.config,
        provider.env,
        provider.client.region,
        key=f"garm {provider.call.controller} {wanted.pool} {wanted.name}",
        tags={**provider.own_tags(), **GARM_POOL.of(wanted.pool), **GARM_NAME.of(wanted.name)},
        spread=spread,
    )
    return resolve_image(provider.client, found, note)


def _pool_of(wanted: BootstrapInstance) -> dict[str, Any]:
    return {"os_arch": wanted.architecture, "pool_id": wanted.pool}

"""Where the commands keep what they know of the market: in the user's cache directory."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from goldrun.clock import Clock
from goldrun.launch.cache import FileCache


def market_cache(clock: Clock) -> FileCache:
    """The cache of this environment."""
    return FileCache(os.environ, clock, Path(platformdirs.user_cache_dir("goldrun")) / "market")

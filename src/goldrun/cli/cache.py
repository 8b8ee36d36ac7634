"""The cache of market data for the commands, in the user's cache directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # --help must not pay for a cache
    from goldrun.clock import Clock
    from goldrun.launch.cache import FileCache


def market_cache(clock: Clock) -> FileCache:
    """Return the cache of this environment."""
    from pathlib import Path

    import platformdirs

    from goldrun.launch.cache import FileCache

    return FileCache(os.environ, clock, Path(platformdirs.user_cache_dir("goldrun")) / "market")

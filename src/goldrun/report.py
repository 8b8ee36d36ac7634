"""Where long work reports to: whoever called it decides where and how that is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

# Receives a sentence in English about what has happened or is about to.
Report: TypeAlias = Callable[[str], None]

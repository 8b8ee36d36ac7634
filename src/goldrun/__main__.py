"""``python -m goldrun``."""

from goldrun.cli.start import run

run()

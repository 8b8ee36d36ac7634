"""``python -m goldrun``."""

from goldrun.cli.main import run

run()

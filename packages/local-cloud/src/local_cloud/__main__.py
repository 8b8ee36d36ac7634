"""``python -m local_cloud``."""

from local_cloud.cli.main import run

run()

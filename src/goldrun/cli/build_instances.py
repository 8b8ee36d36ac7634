"""The instances that images are built, tested and looked at on, as the environment says."""

from __future__ import annotations

import os

from goldrun import config
from goldrun.cloud.client import EcsClient
from goldrun.launch import environment
from goldrun.launch.settings import LaunchSettings


def builder_settings(client: EcsClient, *, public_ip: bool = False) -> LaunchSettings:
    """Return the settings of builders and testers from the environment; the recipe has the rest."""
    env = os.environ
    return LaunchSettings(
        network=environment.read_network(env, client.region),
        key_pair=config.KEY_PAIR.read(env),
        role=config.ROLE.read(env),
        public_ip=public_ip,
        tags=environment.run_tags(env),
    )

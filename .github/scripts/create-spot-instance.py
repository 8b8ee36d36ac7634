#!/usr/bin/env python3
"""Create a spot instance from the best offer.

In:  ALIYUN_REGION_ID, ALIYUN_SECURITY_GROUP_ID, the image (ALIYUN_IMAGE_ID, ALIYUN_IMAGE_FAMILY or IMAGE_NAME), and
     the variables of docs/configuration.md for vSwitches, types, sizes, prices, names, user data and credentials.
Out: on stdout INSTANCE_ID=i-…, then the bare id as the last line, for workflows that use `… 2>&1 | tail -1`; before, on
     stderr, the offer and its price; exit codes as `goldrun`. Outputs of the step: INSTANCE_ID, INSTANCE_TYPE, ZONE_ID,
     VSWITCH_ID, SPOT_PRICE_LIMIT and CPU_CORES, as far as they are known.

Needs Python 3.11 and this checkout, nothing installed.
"""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit("error: this script needs Python 3.11 or newer (actions/setup-python installs one).")

# Modules beside this file are not ours: one that replaces `json`, for example, would get the keys.
# Without pathlib: its import would take longer than the rest of this file.
here = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder) != here]
# The modules of this checkout.
sys.path.insert(0, os.path.join(here, "..", "..", "src"))

from collections.abc import Sequence

from goldrun import script, stdio, workflow
from goldrun.clock import SystemClock
from goldrun.cloud.client import connect
from goldrun.config import Environment
from goldrun.images.resolve import resolve_image
from goldrun.launch.acquire import acquire, describe_launch, describe_offer
from goldrun.launch.environment import read_settings
from goldrun.launch.launch import Launched


def create(env: Environment) -> None:
    """Create the instance that the environment describes, and print its id; if that cannot be printed, delete it."""
    stdio.require_open(env)
    client = connect(env, SystemClock(), notice=script.note, trace=stdio.trace(env))
    settings = resolve_image(client, read_settings(env, client.region), script.note)

    def deliver(got: Sequence[Launched]) -> None:
        (launched,) = got
        script.note(describe_launch(launched))
        for name, value in describe_offer(launched).items():
            workflow.write_output(env, name, value)
        script.result(env, "INSTANCE_ID", launched.ids[0], launched.ids[0])

    acquire(client, settings, report=script.note, deliver=deliver)


if __name__ == "__main__":
    sys.exit(script.run(create, sys.argv[1:], __doc__ or ""))

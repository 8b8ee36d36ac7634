#!/usr/bin/env python3
"""Create a spot instance where it is best to be had.

In:  ALIYUN_REGION_ID, ALIYUN_SECURITY_GROUP_ID, the image (ALIYUN_IMAGE_ID, ALIYUN_IMAGE_FAMILY or IMAGE_NAME), and
     what docs/configuration.md lists of vSwitches, types, sizes, prices, names, user data and credentials.
Out: INSTANCE_ID=i-… alone on stdout; what was chosen and what it costs on stderr; exit codes as `goldrun`.

Needs Python 3.11 and this checkout, nothing installed.
"""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit("error: this script needs Python 3.11 or newer (actions/setup-python installs one).")

# The modules of this checkout. Without pathlib, as its neighbour.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "src"))

from goldrun import script
from goldrun.clock import SystemClock
from goldrun.config import Environment
from goldrun.ecs.client import connect
from goldrun.images.order import with_image
from goldrun.spot.order import describe_launch, fill, read_order


def create(env: Environment) -> str:
    """The id of the instance that the environment describes."""
    client = connect(env, SystemClock(), notice=script.tell)
    order = with_image(client, read_order(env, client.region), env, tell=script.tell)
    (launched,) = fill(client, order, tell=script.tell)
    script.tell(describe_launch(launched))
    return launched.ids[0]


if __name__ == "__main__":
    sys.exit(script.run("INSTANCE_ID", create))

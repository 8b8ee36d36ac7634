#!/usr/bin/env python3
"""Print the id of an ECS image, given its name.

In:  ALIYUN_REGION_ID, IMAGE_NAME, optionally ARCH; credentials: see docs/configuration.md.
Out: only IMAGE_ID=m-… on stdout; messages for people on stderr; exit codes as `goldrun` (1: Image not found).

Needs Python 3.11 and this checkout, nothing installed.
"""

import gc
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
# It is over before there is anything to collect.
gc.disable()

from goldrun import config, script, stdio
from goldrun.clock import SystemClock
from goldrun.cloud.client import connect
from goldrun.config import Environment
from goldrun.images.find import find_image
from goldrun.images.naming import name_reference


def find(env: Environment) -> None:
    """Print the id of the image that the environment names."""
    reference = name_reference(config.IMAGE_NAME.require(env), config.ARCH.read(env))
    found = find_image(connect(env, SystemClock(), notice=script.note, trace=stdio.trace(env)), reference)
    if found.notice:
        script.note(found.notice)
    script.result(env, "IMAGE_ID", found.image.image_id)


if __name__ == "__main__":
    script.leave(script.run(find, sys.argv[1:], __doc__ or ""))

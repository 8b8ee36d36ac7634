#!/usr/bin/env python3
"""Print the id of an ECS image that is known by its name.

In:  ALIYUN_REGION_ID, IMAGE_NAME, optional ARCH; credentials as docs/configuration.md says.
Out: IMAGE_ID=m-… alone on stdout; words for people on stderr; exit codes as `goldrun` (1: Image not found).

Needs Python 3.11 and this checkout, nothing installed.
"""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit("error: this script needs Python 3.11 or newer (actions/setup-python installs one).")

# The modules of this checkout. Without pathlib: its import would take longer than the rest of this file.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "src"))

from goldrun import config, workflow
from goldrun.clock import SystemClock
from goldrun.ecs.client import connect
from goldrun.errors import EXIT_INTERRUPTED, EXIT_OK, GoldrunError
from goldrun.images.find import find_image
from goldrun.images.naming import name_reference


def main() -> int:
    """Run the script; return its exit code."""
    env = os.environ
    try:
        reference = name_reference(config.IMAGE_NAME.require(env), config.ARCH.read(env))
        client = connect(env, SystemClock(), notice=tell)
        found = find_image(client, reference)
        workflow.write_output(env, "IMAGE_ID", found.image.image_id)
    except GoldrunError as error:
        print(workflow.describe_error(env, error), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    if found.notice:
        tell(found.notice)
    print(f"IMAGE_ID={found.image.image_id}")
    return EXIT_OK


def tell(words: str) -> None:
    """Say something to the person."""
    print(f"note: {words}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

"""The API actions that the local cloud performs, a module for each subject.

Every module registers its actions in ``registry``; importing this package registers all of them.
"""

from local_cloud.actions import (
    assistant,
    billing,
    disks,
    image_copies,
    image_creation,
    image_sharing,
    images,
    instances,
    market,
    network,
    regions,
    run_instances,
    security_groups,
    snapshots,
    sts,
    tags,
    vpcs,
)

__all__ = [
    "assistant",
    "billing",
    "disks",
    "image_copies",
    "image_creation",
    "image_sharing",
    "images",
    "instances",
    "market",
    "network",
    "regions",
    "run_instances",
    "security_groups",
    "snapshots",
    "sts",
    "tags",
    "vpcs",
]

"""The API actions that the local cloud performs, a module a subject.

Every module fills the table of ``registry``; importing this package fills it whole.
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
    snapshots,
    sts,
    tags,
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
    "snapshots",
    "sts",
    "tags",
]

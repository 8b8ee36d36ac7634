"""The API actions that the local cloud performs, a module for each subject.

Every module registers its actions in ``registry``; importing this package registers all of them.
"""

from local_cloud.actions import (
    assistant,
    billing,
    disks,
    eips,
    image_copies,
    image_creation,
    image_sharing,
    images,
    instance_attributes,
    instances,
    key_pairs,
    launch_templates,
    market,
    network_interfaces,
    regions,
    route_tables,
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
    "eips",
    "image_copies",
    "image_creation",
    "image_sharing",
    "images",
    "instance_attributes",
    "instances",
    "key_pairs",
    "launch_templates",
    "market",
    "network_interfaces",
    "regions",
    "route_tables",
    "run_instances",
    "security_groups",
    "snapshots",
    "sts",
    "tags",
    "vpcs",
]

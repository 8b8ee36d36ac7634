"""The records of the local cloud, a module for each subject."""

from local_cloud.records.base import Made, Record, Resource
from local_cloud.records.cloud import Receipt, Settings
from local_cloud.records.commands import Invocation
from local_cloud.records.images import DEPRECATED, READY, Image, Snapshot
from local_cloud.records.instances import DATA_DEVICES, PENDING_SECONDS, Disk, Instance, Interruption, Usage
from local_cloud.records.networks import (
    Eip,
    KeyPair,
    NatGateway,
    Network,
    NetworkInterface,
    Rule,
    SecurityGroup,
    SnatEntry,
    VSwitch,
)
from local_cloud.records.provisioning import GroupOffer, ProvisioningGroup, ProvisioningTask
from local_cloud.records.templates import LaunchTemplate, TemplateVersion

__all__ = [
    "DATA_DEVICES",
    "DEPRECATED",
    "PENDING_SECONDS",
    "READY",
    "Disk",
    "Eip",
    "GroupOffer",
    "Image",
    "Instance",
    "Interruption",
    "Invocation",
    "KeyPair",
    "LaunchTemplate",
    "Made",
    "NatGateway",
    "Network",
    "NetworkInterface",
    "ProvisioningGroup",
    "ProvisioningTask",
    "Receipt",
    "Record",
    "Resource",
    "Rule",
    "SecurityGroup",
    "Settings",
    "Snapshot",
    "SnatEntry",
    "TemplateVersion",
    "Usage",
    "VSwitch",
]

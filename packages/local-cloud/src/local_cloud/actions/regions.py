"""Regions and zones."""

from __future__ import annotations

from local_cloud.actions.market import SPOT_STRATEGIES
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.catalogue import REGIONS
from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.market import sold_in


@action("DescribeRegions", regionless=True)
def describe_regions(call: Call) -> Answer:
    """Every region, its name in the requested language (default: Chinese, as at the real API)."""
    english = call.params.text("AcceptLanguage").startswith("en")
    return {
        "Regions": {
            "Region": [
                {
                    "RegionId": region.id,
                    "LocalName": region.english if english else region.chinese,
                    "RegionEndpoint": f"ecs.{region.id}.aliyuncs.com",
                    "Status": "available",
                }
                for region in REGIONS.values()
            ]
        }
    }


@action("DescribeZones")
def describe_zones(call: Call) -> Answer:
    """The zones of a region."""
    region = REGIONS[call.region]
    call.params.only("InstanceChargeType", "PostPaid")
    call.params.only("SpotStrategy", *SPOT_STRATEGIES)
    english = call.params.text("AcceptLanguage").startswith("en")
    return {
        "Zones": {
            "Zone": [
                {
                    "ZoneId": zone,
                    "LocalName": f"{region.english} Zone {zone[-1].upper()}"
                    if english
                    else f"{region.chinese} 可用区{zone[-1].upper()}",
                    "ZoneType": "AvailabilityZone",
                    "AvailableResourceCreation": {
                        "ResourceTypes": ["VSwitch", "IoOptimized", "Instance", "DedicatedHost", "Disk"]
                    },
                    "AvailableDiskCategories": {"DiskCategories": ["cloud_essd", "cloud_auto", "cloud_efficiency"]},
                    "AvailableVolumeCategories": {"VolumeCategories": []},
                    "AvailableInstanceTypes": {
                        "InstanceTypes": [
                            kind.id for kind in INSTANCE_TYPES.values() if sold_in(call.settings.market, kind, zone)
                        ]
                    },
                    "AvailableDedicatedHostTypes": {"DedicatedHostType": []},
                    "AvailableResources": {"ResourcesInfo": []},
                    "DedicatedHostGenerations": {"DedicatedHostGeneration": []},
                }
                for zone in region.zones
            ]
        }
    }

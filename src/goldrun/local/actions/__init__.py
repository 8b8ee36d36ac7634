"""The API actions that the local cloud performs, a module a subject.

Every module fills the table of ``registry``; importing this package fills it whole.
"""

from goldrun.local.actions import image_copies, image_sharing, images, instances, regions, snapshots, sts, tags

__all__ = ["image_copies", "image_sharing", "images", "instances", "regions", "snapshots", "sts", "tags"]

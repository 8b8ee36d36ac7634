"""The same look-up as `get-image-id-by-name.py`, as one writes it with the official SDK: the benchmark's other side."""

from __future__ import annotations

import os

from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.utils_models import Config

protocol, _, endpoint = os.environ["GOLDRUN_ENDPOINT"].partition("://")
client = Client(
    Config(
        access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        endpoint=endpoint,
        protocol=protocol,
        ca=os.environ["SSL_CERT_FILE"],
    )
)
request = models.DescribeImagesRequest(
    region_id=os.environ["ALIYUN_REGION_ID"],
    image_name=os.environ["IMAGE_NAME"],
    image_owner_alias="self",
    page_size=100,
)
found = [
    image for image in client.describe_images(request).body.images.image if image.image_name == os.environ["IMAGE_NAME"]
]
print(f"IMAGE_ID={max(found, key=lambda image: image.creation_time).image_id}")

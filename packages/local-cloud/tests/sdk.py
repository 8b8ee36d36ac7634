"""The current official SDK, pointed at a local cloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi import utils_models
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from tests.conftest import REGION, Running

from local_cloud import seed


def config(live: Running, **more: str) -> utils_models.Config:
    given = {"access_key_id": seed.KEY.id, "access_key_secret": seed.KEY.secret, **more}
    return utils_models.Config(endpoint=f"127.0.0.1:{live.port}", protocol="http", region_id=REGION, **given)


def ecs(live: Running, **more: str) -> Any:
    return Client(config(live, **more))


def refused(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(AlibabaCloudException) as caught:
        call()
    error = caught.value
    assert error.request_id
    return error.status_code, error.code

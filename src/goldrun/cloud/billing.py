"""The bill. Source: DescribeInstanceBill of the billing API, which shows each instance's tags."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import BILLING
from goldrun.cloud.paging import pages_by_token
from goldrun.cloud.rpc import Parameter
from goldrun.cloud.tags import Tags

PAGE_SIZE = 300
BILL_OFFSET = timedelta(hours=8)  # the bill's days are Beijing's


class BillItem(NamedTuple):
    """What one component of an instance cost on a day.

    Attributes:
        instance: the instance's id.
        amount: before taxes.
        currency: of the amount, e.g. ``CNY``.
        tags: the instance's tags.
    """

    instance: str
    amount: float
    currency: str
    tags: Tags


def read_bill(client: EcsClient, date: str) -> list[BillItem]:
    """Return the ECS bill of a day (``2026-11-23``, in Beijing's time), without items that cost nothing."""
    params: dict[str, Parameter] = {
        "BillingCycle": date[:7],
        "BillingDate": date,
        "Granularity": "DAILY",
        "ProductCode": "ecs",
        "IsHideZeroCharge": True,
    }
    return [
        BillItem(
            instance=str(item.get("InstanceID") or ""),
            amount=float(item.get("PretaxAmount") or 0.0),
            currency=str(item.get("Currency") or ""),
            tags=_read_tags(item.get("Tag")),
        )
        for answer in pages_by_token(client, "DescribeInstanceBill", params, api=BILLING, size=PAGE_SIZE)
        for item in answer["Data"]["Items"]
    ]


def _read_tags(text: str | None) -> Tags:
    """Return the tags of a bill's item, which has them as ``key:ManagedBy value:goldrun; …``."""
    pairs = (part.strip().removeprefix("key:").partition(" value:") for part in (text or "").split(";"))
    return {key: value for key, _, value in pairs if key}

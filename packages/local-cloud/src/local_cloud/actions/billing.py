"""The bill (BssOpenApi): the cost of instances, day by day, including deleted ones."""

from __future__ import annotations

from collections.abc import Iterator

from local_cloud.actions.market import CURRENCY
from local_cloud.actions.paging import page_by_token
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.errors import missing
from local_cloud.lifecycle import usage
from local_cloud.records import Instance, Usage


@action("DescribeInstanceBill", product="bssapi", regionless=True)
def describe_instance_bill(call: Call) -> Answer:
    """The cost of each instance in a month, or on one day of it."""
    params = call.params
    daily = params.choice("Granularity", ("MONTHLY", "DAILY"), "MONTHLY") == "DAILY"
    cycle, date = params.require("BillingCycle"), params.text("BillingDate")
    period = date if daily else cycle
    if not period:
        raise missing("BillingDate")
    instance_id = params.text("InstanceID")
    params.only("IsBillingItem", "false", "False")
    params.only("ProductCode", "ecs")
    params.only("PipCode", "ecs")
    params.only("ProductType", "ecs")
    params.only("SubscriptionType", "PayAsYouGo")
    some = params.flag("IsHideZeroCharge")
    items = [
        _item(billed, day, amount)
        for billed in _usages(call)
        if instance_id in ("", billed.id)
        for day, amount in billed.amounts.items()
        if day.startswith(period) and (amount or not some)
    ]
    size = params.number("MaxResults", 20, 1, 300)
    shown, token = page_by_token(items, params.text("NextToken"), size)
    return {
        "Code": "Success",
        "Message": "Successful!",
        "Success": True,
        "Data": {
            "BillingCycle": cycle,
            "AccountID": call.account,
            "Items": shown,
            "TotalCount": len(items),
            "MaxResults": size,
            "NextToken": token,
        },
    }


def _usages(call: Call) -> Iterator[Usage]:
    """Yield the usage of deleted and of running instances, in every region."""
    yield from (past for past in call.view.all(Usage) if past.owner == call.account)
    for instance in call.view.all(Instance):
        if instance.owner == call.account:
            yield usage(call.settings.market, instance, call.now)


def _item(one: Usage, day: str, amount: float) -> Answer:
    # Smaller numbers would be written with an exponent, which the API does not do and Java's SDK cannot read.
    amount = round(amount, 4)
    return {
        "InstanceID": one.id,
        "NickName": one.name,
        "InstanceSpec": one.type,
        "Region": one.region,
        "Zone": one.zone,
        "ProductCode": "ecs",
        "SubscriptionType": "PayAsYouGo",
        "BillingDate": day,
        "Currency": CURRENCY,
        "PretaxGrossAmount": amount,
        "PretaxAmount": amount,
        "Tag": "; ".join(f"key:{key} value:{value}" for key, value in one.tags.items()),
    }

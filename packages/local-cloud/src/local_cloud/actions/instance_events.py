"""The events of instances: reclaims of spot instances, announced and past. Source: DescribeInstanceHistoryEvents."""

from __future__ import annotations

from collections.abc import Iterable

from local_cloud.actions.owned import own
from local_cloud.actions.paging import page
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.clock import iso, parse_iso
from local_cloud.errors import invalid
from local_cloud.lifecycle import noticed
from local_cloud.market import NOTICE_SECONDS
from local_cloud.params import Params
from local_cloud.records import Instance, Interruption

RECLAIM = "Instance:PreemptibleInstanceInterruption"
_CODES = {"Scheduled": 24, "Executed": 42, "Avoided": 8}


@action("DescribeInstanceHistoryEvents")
def describe_instance_history_events(call: Call) -> Answer:
    """The events by instance, id, kind, status and time."""
    params = call.params
    params.only("ResourceType", "instance")
    instances = _several(params, "ResourceId", "InstanceId")
    states = _several(params, "InstanceEventCycleStatus", "EventCycleStatus")
    kinds = _several(params, "InstanceEventType", "EventType")
    ids = params.items("EventId")
    published, planned = _span(params, "EventPublishTime"), _span(params, "NotBefore")
    found = [
        row
        for row in _events(call)
        if (not instances or row["InstanceId"] in instances)
        and (not states or row["EventCycleStatus"]["Name"] in states)
        and (not kinds or RECLAIM in kinds)
        and (not ids or row["EventId"] in ids)
        and published[0] <= row["EventPublishTime"] <= published[1]
        and planned[0] <= row["NotBefore"] <= planned[1]
    ]
    shown, paging = page(params, found, least=10)
    return {**paging, "InstanceSystemEventSet": {"InstanceSystemEventType": shown}}


def _several(params: Params, many: str, one: str) -> list[str]:
    """Return the values of a list, which has precedence over the older parameter for one value."""
    word = params.text(one)
    return params.items(many) or ([word] if word else [])


def _span(params: Params, name: str) -> tuple[str, str]:
    """Return the first and the last time of a parameter, in the form of the answer."""
    start, end = params.text(f"{name}.Start"), params.text(f"{name}.End")
    try:
        return iso(parse_iso(start)) if start else "", iso(parse_iso(end)) if end else "~"
    except ValueError:
        raise invalid(name) from None


def _events(call: Call) -> Iterable[Answer]:
    for instance in own(call, Instance):
        if noticed(instance, call.now):
            yield _event(f"e-{instance.id.removeprefix('i-')}", instance.id, instance.reclaimed, "Scheduled")
    for past in own(call, Interruption):
        yield _event(past.id, past.instance, past.created, past.status)


def _event(event_id: str, instance_id: str, at: float, state: str) -> Answer:
    return {
        "EventId": event_id,
        "InstanceId": instance_id,
        "ResourceType": "instance",
        "EventType": {"Name": RECLAIM, "Code": 100},
        "EventCycleStatus": {"Name": state, "Code": _CODES[state]},
        "EventPublishTime": iso(at - NOTICE_SECONDS),
        "NotBefore": iso(at),
        "EventFinishTime": "" if state == "Scheduled" else iso(at),
        "ImpactLevel": "100",
        "Reason": "The spot instance is reclaimed.",
        "ReasonCode": "",
    }

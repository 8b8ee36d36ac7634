"""The progress and results of Cloud Assistant's commands and files.

Sources: DescribeInvocations, DescribeInvocationResults and DescribeSendFileResults. Every command runs once, so none
has a history.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from local_cloud.actions.paging import page
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import has_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid, missing
from local_cloud.params import Params
from local_cloud.records import Invocation

KIND = "RunShellScript"
_UNDERWAY = ("Pending", "Running")
_FAILED = ("Failed", "Timeout")

Encode = Callable[[bytes], str]


@action("DescribeInvocations")
def describe_invocations(call: Call) -> Answer:
    """The commands that were run, each with its instances."""
    params = call.params
    instance, with_output = params.text("InstanceId"), params.flag("IncludeOutput")
    if with_output and not instance and not params.text("InvokeId"):
        raise missing("InvokeId")
    status = params.text("InvokeStatus")
    command, kind, timed = params.text("CommandId"), params.text("CommandType"), params.flag("Timed")
    name, mode = params.text("CommandName"), params.text("RepeatMode")
    if instance:
        name, mode = "", ""  # the API ignores them for one instance's commands
    if mode not in ("", "Once") or kind not in ("", KIND) or timed:
        found = []
    else:
        found = [
            parts
            for parts in _grouped(_found(call, files=False))
            if command in ("", parts[0].command)
            and name in ("", parts[0].name)
            and (not status or status in (_record_status(parts, call.now), overall_status(parts, call.now)))
        ]
    shown, paging = page(params, found, most=50)
    encoded = _encoding(params)
    return {
        **paging,
        "Invocations": {
            "Invocation": [_describe_invocation(call, parts, encoded, with_output=with_output) for parts in shown]
        },
    }


@action("DescribeInvocationResults")
def describe_invocation_results(call: Call) -> Answer:
    """The results of commands, with their output so far."""
    params = call.params
    if params.flag("IncludeHistory"):
        # It needs the id of a command that runs more than once.
        raise invalid("InvokeId") if params.text("InvokeId") else missing("InvokeId")
    status, command = params.text("InvokeRecordStatus"), params.text("CommandId")
    found: Sequence[Invocation] = [part for part in _found(call, files=False) if command in ("", part.command)]
    if status == "PartialFailed":
        found = [part for parts in _grouped(found) if overall_status(parts, call.now) == status for part in parts]
    elif status:
        found = [
            part for part in found if status in (_record_status([part], call.now), overall_status([part], call.now))
        ]
    shown, paging = page(params, found, most=50)
    encoded = _encoding(params)
    rows = [_result(call, one, encoded) for one in shown]
    return {"Invocation": {**paging, "InvocationResults": {"InvocationResult": rows}}}


@action("DescribeSendFileResults")
def describe_send_file_results(call: Call) -> Answer:
    """The results of sending files, each with its instances."""
    params = call.params
    name, status = params.text("Name"), params.text("InvocationStatus")
    found = [
        parts
        for parts in _grouped(_found(call, files=True))
        if name in ("", _file_name(parts[0])) and status in ("", overall_status(parts, call.now))
    ]
    shown, paging = page(params, found, most=50)
    return {**paging, "Invocations": {"Invocation": [_describe_file(call, parts) for parts in shown]}}


@action("StopInvocation")
def stop_invocation(call: Call) -> Answer:
    """Stop a running command, on all its instances or on some."""
    ids = call.params.items("InstanceId")
    call.params.require("InvokeId")
    found = [*_found(call, files=False), *_found(call, files=True)]
    if not found:
        raise ApiFault(404, "InvalidInvokeId.NotFound", "The specified invoke id does not exist.")
    for part in found:
        if part.status(call.now) in _UNDERWAY and (not ids or part.instance in ids):
            call.store.put(replace(part, stopped=call.now))
    return {}


def overall_status(parts: Iterable[Invocation], now: float) -> str:
    """Return the status of an invocation on all its instances (``InvocationStatus``)."""
    statuses = {part.status(now) for part in parts}
    if not statuses.isdisjoint(_UNDERWAY):
        return "Running"
    failed = not statuses.isdisjoint(_FAILED)
    if "Success" in statuses:
        return "PartialFailed" if failed else "Success"
    return "Failed" if failed else "Stopped"


def _record_status(parts: Iterable[Invocation], now: float) -> str:
    """Return it in the older words of ``InvokeStatus`` and ``InvokeRecordStatus``, where success is an end."""
    status = overall_status(parts, now)
    return "Finished" if status == "Success" else status


def _found(call: Call, *, files: bool) -> list[Invocation]:
    """Return the caller's commands, or files, on the instances that the call names."""
    params = call.params
    index, invocation = call.view.index(Invocation), params.text("InvokeId")
    instance = params.text("InstanceId")
    group, tags = params.text("ResourceGroupId"), params.pairs("Tag")
    candidates = index.by(_invocation_of).get(invocation, ()) if invocation else index.records
    return [
        part
        for part in candidates
        if part.owner == call.account
        and part.region == call.region
        and bool(part.file) is files
        and instance in ("", part.instance)
        and group in ("", part.resource_group)
        and (not tags or has_tags(part.tags, tags))
    ]


def _grouped(parts: Iterable[Invocation]) -> list[list[Invocation]]:
    """Return the parts of each invocation."""
    found: dict[str, list[Invocation]] = {}
    for part in parts:
        found.setdefault(part.invocation, []).append(part)
    return list(found.values())


def _invocation_of(part: Invocation) -> str:
    return part.invocation


def _file_name(part: Invocation) -> str:
    return part.file.rpartition("/")[2]


def _encoding(params: Params) -> Encode:
    """Return how contents and outputs are written."""
    if params.text("ContentEncoding").lower() == "plaintext":
        return lambda content: content.decode("utf-8", "replace")
    return lambda content: base64.b64encode(content).decode()


def _describe_invocation(call: Call, parts: list[Invocation], encoded: Encode, *, with_output: bool) -> Answer:
    first = parts[0]
    return {
        "InvokeId": first.invocation,
        "CommandId": first.command,
        "CommandName": first.name,
        "CommandDescription": first.description,
        "CommandType": KIND,
        "CommandContent": encoded(first.content),
        "InvocationStatus": overall_status(parts, call.now),
        "InvokeStatus": _record_status(parts, call.now),
        "CreationTime": iso(first.created),
        "Timeout": int(first.timeout),
        "RepeatMode": "Once",
        "Timed": False,
        "Frequency": "",
        "Parameters": "{}",
        "Username": "",
        "WorkingDir": "",
        "Tags": tag_rows(first.tags),
        "InvokeInstances": {
            "InvokeInstance": [_describe_part(call, part, encoded, with_output=with_output) for part in parts]
        },
    }


def _describe_part(call: Call, part: Invocation, encoded: Encode, *, with_output: bool) -> Answer:
    status = part.status(call.now)
    ended = status not in _UNDERWAY
    output, dropped = part.reported_output(call.now) if with_output else (b"", 0)
    return {
        "InstanceId": part.instance,
        "InvocationStatus": status,
        "InstanceInvokeStatus": _record_status([part], call.now),
        "ExitCode": part.exit_code if ended else 0,
        "ErrorCode": part.error(call.now),
        "ErrorInfo": "",
        "Output": encoded(output),
        "Dropped": dropped,
        "Repeats": int(ended),
        "Timed": False,
        **_moments(part, ended=ended),
        "FinishTime": iso(part.end()) if ended else "",
    }


def _moments(part: Invocation, *, ended: bool) -> Answer:
    return {
        "CreationTime": iso(part.created),
        "StartTime": iso(part.created),
        "UpdateTime": iso(part.end() if ended else part.created),
    }


def _result(call: Call, part: Invocation, encoded: Encode) -> Answer:
    output, dropped = part.reported_output(call.now)
    ended = part.status(call.now) not in _UNDERWAY
    return {
        "InvokeId": part.invocation,
        "CommandId": part.command,
        "InstanceId": part.instance,
        "InvocationStatus": part.status(call.now),
        "InvokeRecordStatus": _record_status([part], call.now),
        "ExitCode": part.exit_code if ended else 0,
        "Output": encoded(output),
        "Dropped": dropped,
        "Repeats": int(ended),
        "StartTime": iso(part.created),
        "FinishedTime": iso(part.end()) if ended else "",
        "ErrorCode": part.error(call.now),
        "ErrorInfo": "",
        "Tags": tag_rows(part.tags),
    }


def _describe_file(call: Call, parts: list[Invocation]) -> Answer:
    first = parts[0]
    return {
        "InvokeId": first.invocation,
        "Name": _file_name(first),
        "TargetDir": first.file.rpartition("/")[0] or "/",
        "FileOwner": first.user,
        "FileGroup": first.user_group,
        "FileMode": first.mode,
        "Overwrite": str(first.overwrite).lower(),
        "Description": first.description,
        "InvocationStatus": overall_status(parts, call.now),
        "CreationTime": iso(first.created),
        "VmCount": len(parts),
        "Tags": tag_rows(first.tags),
        "InvokeInstances": {"InvokeInstance": [_describe_receipt(call, part) for part in parts]},
    }


def _describe_receipt(call: Call, part: Invocation) -> Answer:
    ended = part.status(call.now) not in _UNDERWAY
    return {
        "InstanceId": part.instance,
        "InvocationStatus": part.status(call.now),
        "ErrorCode": part.error(call.now),
        "ErrorInfo": "",
        **_moments(part, ended=ended),
        "FinishTime": iso(part.end()) if ended else "",
    }

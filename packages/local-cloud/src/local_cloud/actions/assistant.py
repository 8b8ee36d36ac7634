"""Cloud Assistant: commands and files for instances. On simulated machines a command describes its own result.

A line ``# simulate: seconds=30 exit=1 output=text`` in the content (all three are optional, ``output`` comes last) sets
its duration, its exit code and, line by line, its output. Without one it succeeds after a second, and its output says
that it was not run.
"""

from __future__ import annotations

import base64
import binascii
import re

from msgspec.structs import replace

from local_cloud.actions.owned import own_instance
from local_cloud.actions.paging import page
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid, missing, wrong_instance_status
from local_cloud.records import Instance, Invocation

MAX_COMMAND = 24 * 1024
MAX_FILE = 32 * 1024
DEFAULT_TIMEOUT = 60
MAX_TIMEOUT = 86_400
ASSISTANT_SECONDS = 5.0  # from Running to the first heartbeat
DIRECTIVE = re.compile(
    r"^\s*# simulate:(?: +seconds=(?P<seconds>\d{1,9}(?:\.\d{1,9})?))?(?: +exit=(?P<exit>\d{1,3}))?"
    r"(?: +output=(?P<output>.*))?$",
    re.MULTILINE,
)


@action("RunCommand", idempotent=True)
def run_command(call: Call) -> Answer:
    """Run a command on instances."""
    params = call.params
    params.choice("Type", ("RunShellScript",))
    content = _content(call, "CommandContent", "ContentEncoding", MAX_COMMAND, "CmdContent.ExceedLimit")
    timeout = params.number("Timeout", DEFAULT_TIMEOUT, 10, MAX_TIMEOUT)
    instances = _named(call)
    command_id, invoke_id = call.new_id("c-"), call.new_id("t-")
    for number, instance in enumerate(instances):
        call.store.put(_invocation(call, f"{invoke_id} {number}", invoke_id, command_id, instance, content, timeout))
    return {"CommandId": command_id, "InvokeId": invoke_id}


@action("SendFile", idempotent=True)
def send_file(call: Call) -> Answer:
    """Put a file on instances."""
    params = call.params
    content = _content(call, "Content", "ContentType", MAX_FILE, "FileContent.ExceedLimit")
    if not params.require("TargetDir").startswith("/"):
        raise invalid("TargetDir")
    params.require("Name")
    instances = _named(call)
    invoke_id = call.new_id("f-")
    for number, instance in enumerate(instances):
        made = _invocation(call, f"{invoke_id} {number}", invoke_id, "", instance, content, DEFAULT_TIMEOUT)
        call.store.put(
            replace(
                made,
                seconds=0.3,
                output="",
                file=f"{params.text('TargetDir').rstrip('/')}/{params.text('Name')}",
                mode=params.text("FileMode", "0644"),
                user=params.text("FileOwner", "root"),
            )
        )
    return {"InvokeId": invoke_id}


@action("DescribeInvocationResults")
def describe_invocation_results(call: Call) -> Answer:
    """The results of commands, with their output so far."""
    params = call.params
    plain = params.text("ContentEncoding", "Base64").lower() == "plaintext"
    found = [
        invocation
        for invocation in _own(call)
        if not invocation.file
        and params.text("InvokeId") in ("", invocation.invocation)
        and params.text("InstanceId") in ("", invocation.instance)
        and params.text("CommandId") in ("", invocation.command)
    ]
    shown, paging = page(params, found)
    rows = []
    for invocation in shown:
        output, dropped = invocation.told(call.now)
        finished = invocation.status(call.now) not in ("Pending", "Running")
        rows.append(
            {
                "InvokeId": invocation.invocation,
                "CommandId": invocation.command,
                "InstanceId": invocation.instance,
                "InvocationStatus": invocation.status(call.now),
                "InvokeRecordStatus": "Finished" if finished else "Running",
                "ExitCode": invocation.exit_code if finished else 0,
                "Output": output.decode("utf-8", "replace") if plain else base64.b64encode(output).decode(),
                "Dropped": dropped,
                "StartTime": iso(invocation.created),
                "FinishedTime": iso(invocation.end()) if finished else "",
                "ErrorCode": invocation.error(call.now),
                "ErrorInfo": "",
            }
        )
    return {"Invocation": {**paging, "InvocationResults": {"InvocationResult": rows}}}


@action("DescribeInvocations")
def describe_invocations(call: Call) -> Answer:
    """The commands that were run."""
    params = call.params
    found = [
        invocation
        for invocation in _own(call)
        if not invocation.file
        and params.text("InvokeId") in ("", invocation.invocation)
        and params.text("InstanceId") in ("", invocation.instance)
    ]
    shown, paging = page(params, found)
    rows = [
        {
            "InvokeId": invocation.invocation,
            "CommandId": invocation.command,
            "CommandName": invocation.name,
            "CommandType": "RunShellScript",
            "InvocationStatus": invocation.status(call.now),
            "InvokeStatus": "Running" if invocation.status(call.now) in ("Pending", "Running") else "Finished",
            "CreationTime": iso(invocation.created),
            "Timeout": int(invocation.timeout),
            "InvokeInstances": {
                "InvokeInstance": [
                    {
                        "InstanceId": invocation.instance,
                        "InvocationStatus": invocation.status(call.now),
                        "ExitCode": invocation.exit_code,
                    }
                ]
            },
        }
        for invocation in shown
    ]
    return {**paging, "Invocations": {"Invocation": rows}}


@action("DescribeSendFileResults")
def describe_send_file_results(call: Call) -> Answer:
    """The results of sending files."""
    params = call.params
    found = [
        invocation
        for invocation in _own(call)
        if invocation.file and params.text("InvokeId") in ("", invocation.invocation)
    ]
    shown, paging = page(params, found)
    rows = [
        {
            "InvokeId": invocation.invocation,
            "Name": invocation.file.rpartition("/")[2],
            "TargetDir": invocation.file.rpartition("/")[0],
            "InvocationStatus": invocation.status(call.now),
            "CreationTime": iso(invocation.created),
            "VmCount": 1,
            "InvokeInstances": {
                "InvokeInstance": [{"InstanceId": invocation.instance, "InvocationStatus": invocation.status(call.now)}]
            },
        }
        for invocation in shown
    ]
    return {**paging, "Invocations": {"Invocation": rows}}


@action("StopInvocation")
def stop_invocation(call: Call) -> Answer:
    """Stop a running command."""
    invoke_id = call.params.require("InvokeId")
    found = [invocation for invocation in _own(call) if invocation.invocation == invoke_id]
    if not found:
        raise ApiFault(404, "InvalidInvokeId.NotFound", "The specified invoke id does not exist.")
    for invocation in found:
        if invocation.status(call.now) in ("Pending", "Running"):
            call.store.put(replace(invocation, stopped=call.now))
    return {}


@action("DescribeCloudAssistantStatus")
def describe_cloud_assistant_status(call: Call) -> Answer:
    """Whether the assistants of instances answer."""
    ids = call.params.items("InstanceId")
    found = [
        instance
        for instance in call.view.all(Instance)
        if instance.owner == call.account and instance.region == call.region and (not ids or instance.id in ids)
    ]
    shown, paging = page(call.params, found)
    rows = [
        {
            "InstanceId": instance.id,
            "CloudAssistantStatus": str(_answers(call, instance)).lower(),
            "CloudAssistantVersion": "2.2.3.857" if _answers(call, instance) else "",
            "LastHeartbeatTime": iso(call.now) if _answers(call, instance) else "",
            "OSType": "Linux",
        }
        for instance in shown
    ]
    return {**paging, "InstanceCloudAssistantStatusSet": {"InstanceCloudAssistantStatus": rows}}


def _answers(call: Call, instance: Instance) -> bool:
    if call.settings.machines:
        return instance.agent and instance.status(call.now) == "Running"
    return instance.status(call.now) == "Running" and call.now >= instance.ready + ASSISTANT_SECONDS


def _own(call: Call) -> list[Invocation]:
    return [
        invocation
        for invocation in call.view.all(Invocation)
        if invocation.owner == call.account and invocation.region == call.region
    ]


def _named(call: Call) -> list[Instance]:
    ids = call.params.items("InstanceId")
    if not ids:
        raise missing("InstanceId")
    found = [own_instance(call, instance_id) for instance_id in ids]
    if any(instance.status(call.now) != "Running" for instance in found):
        raise wrong_instance_status()
    return found


def _content(call: Call, name: str, encoding: str, most: int, code: str) -> bytes:
    text = call.params.require(name)
    if call.params.text(encoding).lower() == "base64":
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise invalid(name) from None
    else:
        raw = text.encode()
    if len(base64.b64encode(raw)) > most:
        raise ApiFault(403, code, f"The length of {name} exceeds the limit.")
    return raw


def _invocation(
    call: Call, record_id: str, invoke_id: str, command_id: str, instance: Instance, content: bytes, timeout: int
) -> Invocation:
    real = bool(call.settings.machines)
    found = list(DIRECTIVE.finditer(content.decode("utf-8", "replace")))
    seconds = sum(float(match["seconds"] or 0) for match in found) if found else 1.0
    printed = [match["output"] for match in found if match["output"]]
    return Invocation(
        id=record_id,
        region=call.region,
        owner=call.account,
        created=call.now,
        invocation=invoke_id,
        command=command_id,
        name=call.params.text("Name"),
        instance=instance.id,
        timeout=float(timeout),
        seconds=seconds,
        exit_code=next((int(match["exit"]) for match in found if match["exit"]), 0),
        output="" if real else "".join(f"{line}\n" for line in printed) or "(simulated: not run)\n",
        live="waiting" if real and _answers(call, instance) else "",
        content=content if real or call.action == "SendFile" else b"",
        answered=_answers(call, instance),
        lost=instance.ends(),
    )

"""Cloud Assistant: commands and files for instances. On simulated instances a command describes its own result.

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
from local_cloud.actions.rules import check_tags, has_tags
from local_cloud.actions.undone import refuse_undone
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid, not_performed, wrong_instance_status
from local_cloud.params import Params
from local_cloud.records import Instance, Invocation

MAX_COMMAND = 24 * 1024
MAX_FILE = 32 * 1024
DEFAULT_TIMEOUT = 60
MAX_TIMEOUT = 86_400
LEAST_FILE_TIMEOUT = 10
MAX_NAME, MAX_DESCRIPTION = 128, 512
MAX_INSTANCES, MAX_RECEIVERS = 100, 50  # of a command, of a file
ASSISTANT_SECONDS = 5.0  # from Running to the first heartbeat
DIRECTIVE = re.compile(
    r"^\s*# simulate:(?: +seconds=(?P<seconds>\d{1,9}(?:\.\d{1,9})?))?(?: +exit=(?P<exit>\d{1,3}))?"
    r"(?: +output=(?P<output>.*))?$",
    re.MULTILINE,
)
_MODES = ("Once", "Period", "NextRebootOnly", "EveryReboot", "DryRun")
# Parameters of RunCommand that the local cloud does not do, with the values that have no effect.
_COMMAND_UNDONE = {
    "EnableParameter": ("false",),
    "Username": ("root",),
    "WorkingDir": ("/root",),
    "KeepCommand": ("false",),
    "TerminationMode": ("process",),
    "Launcher": (),
    "ContainerId": (),
    "ContainerName": (),
    "OssOutputDelivery": (),
    "WindowsPasswordName": (),
}


@action("RunCommand", idempotent=True)
def run_command(call: Call) -> Answer:
    """Run a command on instances, or only check whether it could run."""
    params = call.params
    params.choice("Type", ("RunShellScript",))
    only_checked = _only_checked(params)
    _check_parameters(params)
    refuse_undone(params, _COMMAND_UNDONE)
    content = _content(call, "CommandContent", "ContentEncoding", MAX_COMMAND, "CmdContent.ExceedLimit")
    timeout = params.number("Timeout", DEFAULT_TIMEOUT, 10, MAX_TIMEOUT)
    _check_length(params, "Name", MAX_NAME, "CmdName.ExceedLimit")
    _check_length(params, "Description", MAX_DESCRIPTION, "CmdDesc.ExceedLimit")
    instances = _named(call, MAX_INSTANCES)
    if only_checked:
        if not all(_answers(call, instance) for instance in instances):
            raise ApiFault(
                400, "InvalidInstance.NotMatch", "The specified command cannot be run on the specified instance."
            )
        return {}
    command_id, invoke_id = call.new_id("c-"), call.new_id("t-")
    for number, instance in enumerate(instances):
        call.store.put(_invocation(call, f"{invoke_id} {number}", invoke_id, command_id, instance, content, timeout))
    return {"CommandId": command_id, "InvokeId": invoke_id}


@action("SendFile", idempotent=True)
def send_file(call: Call) -> Answer:
    """Put a file on instances; without ``Overwrite`` only where none is."""
    params = call.params
    content = _content(call, "Content", "ContentType", MAX_FILE, "FileContent.ExceedLimit")
    if not params.require("TargetDir").startswith("/"):
        raise invalid("TargetDir")
    params.require("Name")
    _check_length(params, "Description", MAX_DESCRIPTION, "FileDesc.ExceedLimit")
    instances = _named(call, MAX_RECEIVERS)
    timeout = max(LEAST_FILE_TIMEOUT, params.number("Timeout", DEFAULT_TIMEOUT, 0, MAX_TIMEOUT))
    path = f"{params.text('TargetDir').rstrip('/')}/{params.text('Name')}"
    overwrite = params.flag("Overwrite")
    receivers = set() if overwrite or call.settings.machines else _receivers(call, path)
    invoke_id = call.new_id("f-")
    for number, instance in enumerate(instances):
        made = _invocation(call, f"{invoke_id} {number}", invoke_id, "", instance, content, timeout)
        call.store.put(
            replace(
                made,
                seconds=0.3,
                output="",
                file=path,
                mode=params.text("FileMode", "0644"),
                user=params.text("FileOwner", "root"),
                user_group=params.text("FileGroup", "root"),
                overwrite=overwrite,
                exists=instance.id in receivers,
            )
        )
    return {"InvokeId": invoke_id}


@action("DescribeCloudAssistantStatus")
def describe_cloud_assistant_status(call: Call) -> Answer:
    """Whether the assistants of instances answer."""
    ids = call.params.items("InstanceId")
    call.params.only("OSType", "Linux")
    found = [
        instance
        for instance in call.view.all(Instance)
        if instance.owner == call.account and instance.region == call.region and (not ids or instance.id in ids)
    ]
    shown, paging = page(call.params, found, most=50)
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


def _only_checked(params: Params) -> bool:
    """Return whether the command is only to be checked, and not run.

    Raises:
        ApiFault: it is to run later.
    """
    mode = params.text("RepeatMode", "Once")
    if mode not in _MODES:
        raise ApiFault(404, "InvalidRepeatMode.NotFound", "The specified repeat mode does not exist.")
    if params.text("Frequency"):  # whatever the mode is
        raise not_performed("Frequency")
    if mode == "Period":
        raise ApiFault(400, "MissingParam.Frequency", "The frequency must be specified when you create a timed task.")
    if mode in ("NextRebootOnly", "EveryReboot"):
        raise not_performed(f"RepeatMode={mode}")
    return mode == "DryRun"


def _check_parameters(params: Params) -> None:
    if params.text("Parameters") not in ("", "{}") and not params.flag("EnableParameter"):
        raise ApiFault(
            400,
            "Parameter.Disabled",
            "Parameters cannot be passed in when the command customization function is disabled.",
        )


def _check_length(params: Params, name: str, most: int, code: str) -> None:
    if len(params.text(name)) > most:
        raise ApiFault(403, code, f"The length of the parameter {name} exceeds the upper limit.")


def _receivers(call: Call, path: str) -> set[str]:
    """Return the simulated instances that have got a file under a path."""
    return {
        sent.instance for sent in call.store.all(Invocation) if sent.file == path and sent.status(call.now) == "Success"
    }


def _named(call: Call, most: int) -> list[Instance]:
    """Return the instances that a call names, by their ids or by their tags."""
    ids, tags = call.params.items("InstanceId"), call.params.pairs("ResourceTag")
    if ids and tags:
        raise ApiFault(
            400,
            "InvalidResourceTag.ConflictWithInstanceIds",
            "The specified param ResourceTag conflicts with InstanceId.",
        )
    if tags:
        tagged = call.store.index(Instance).tagged(tags)
        ids = [
            one.id
            for one in tagged
            if one.owner == call.account and one.region == call.region and has_tags(one.tags, tags)
        ]
        if not ids:
            raise ApiFault(
                400,
                "InvalidResourceTag.InstanceNotFound",
                "InstanceIds are not found by the specified ResourceTag.",
            )
    if not ids:
        raise ApiFault(400, "MissingParam.InstanceId", "The parameter instanceId is missing or empty.")
    if len(ids) > most:
        raise ApiFault(403, "InstanceIds.ExceedLimit", "The number of instance IDs exceeds the upper limit.")
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
        description=call.params.text("Description"),
        resource_group=call.params.text("ResourceGroupId"),
        tags=check_tags(call.params.pairs("Tag")),
        instance=instance.id,
        timeout=float(timeout),
        seconds=seconds,
        exit_code=next((int(match["exit"]) for match in found if match["exit"]), 0),
        output="" if real else "".join(f"{line}\n" for line in printed) or "(simulated: not run)\n",
        live="waiting" if real and _answers(call, instance) else "",
        content=content,
        answered=_answers(call, instance),
        lost=instance.ends(),
    )

"""Instances: describe, start, stop, reboot, delete."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec.structs import replace

from local_cloud.actions.instance_filters import other_tests, record_tests
from local_cloud.actions.instance_rows import describe
from local_cloud.actions.launch_checks import release_time
from local_cloud.actions.owned import named_instances, own_instance
from local_cloud.actions.paging import listed_ids, page, page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.remembered import remembered
from local_cloud.actions.rules import has_tags, like
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, dry_run, wrong_instance_status
from local_cloud.index import Tags, newest_first
from local_cloud.machines.qemu import console
from local_cloud.market import NEVER
from local_cloud.records import PENDING_SECONDS, Instance


@action("DescribeInstances")
def describe_instances(call: Call) -> Answer:
    """Instances by many filters, newest first, by page number or by token."""
    params = call.params
    ids = listed_ids(params, "InstanceIds")
    tags, name = params.pairs("Tag"), params.text("InstanceName", "*")
    image, status, zone = params.text("ImageId"), params.text("Status"), params.text("ZoneId")
    vswitch, vpc, kind = params.text("VSwitchId"), params.text("VpcId"), params.text("InstanceType")
    group, pair = params.text("SecurityGroupId"), params.text("KeyPairName")
    fixed, changing = record_tests(params), other_tests(call)

    def find() -> list[Instance]:
        return [
            instance
            for instance in _candidates(call, ids, name, tags)
            if instance.owner == call.account
            and instance.region == call.region
            and image in ("", instance.image)
            and status in ("", instance.status(call.now))
            and zone in ("", instance.zone)
            and vswitch in ("", instance.vswitch)
            and vpc in ("", instance.vpc)
            and kind in ("", instance.type)
            and (not group or group in instance.security_groups)
            and pair in ("", instance.key_pair)
            and (name == "*" or like(name, instance.name))
            and (not tags or has_tags(instance.tags, tags))
            and (not fixed or all(test(instance) for test in fixed))
        ]

    found = remembered(call, Instance, _changes, find) if ids is None else find()
    if changing:
        found = [instance for instance in found if all(test(instance) for test in changing)]
    shown, paging = page(params, found, least=10)
    return {**paging, "Instances": {"Instance": [describe(instance, call) for instance in shown]}}


@action("DescribeInstanceStatus")
def describe_instance_status(call: Call) -> Answer:
    """The status of instances, by id and zone."""
    params = call.params
    ids, zone = params.items("InstanceId"), params.text("ZoneId")
    found = [instance for instance in _own(call) if (not ids or instance.id in ids) and zone in ("", instance.zone)]
    shown, paging = page_by_number(params, found, most=50)
    rows = [{"InstanceId": instance.id, "Status": instance.status(call.now)} for instance in shown]
    return {**paging, "InstanceStatuses": {"InstanceStatus": rows}}


@action("DeleteInstance", regionless=True)
def delete_instance(call: Call) -> Answer:
    """Delete an instance; ``Force`` is needed for a running one."""
    _delete(call, [own_instance(call, call.params.require("InstanceId"))])
    return {}


@action("DeleteInstances")
def delete_instances(call: Call) -> Answer:
    """Delete several instances, all of them or none."""
    _delete(call, named_instances(call))
    return {}


@action("ModifyInstanceAutoReleaseTime")
def modify_instance_auto_release_time(call: Call) -> Answer:
    """Set when an instance is released, or clear it."""
    instance = own_instance(call, call.params.require("InstanceId"))
    text = call.params.text("AutoReleaseTime")
    call.store.put(replace(instance, auto_release=release_time(text, call.now) if text else NEVER))
    return {}


@action("GetInstanceConsoleOutput")
def get_instance_console_output(call: Call) -> Answer:
    """The output on the instance's serial console."""
    instance = own_instance(call, call.params.require("InstanceId"))
    if call.settings.machines:
        text = console(Path(call.settings.machines), instance.id)
    else:
        text = "".join(f"{line}\r\n" for line in _boot_log(call, instance))
    return {
        "InstanceId": instance.id,
        "ConsoleOutput": base64.b64encode(text.encode()).decode(),
        "LastUpdateTime": iso(call.now),
    }


def _candidates(call: Call, ids: set[str] | None, name: str, tags: Tags) -> Sequence[Instance]:
    """Return the instances that the strictest filter leaves, the newest first."""
    index = call.view.index(Instance)
    if ids is not None:
        return newest_first(one for one_id in ids if (one := call.view.get(Instance, one_id)))
    if "*" not in name:
        return newest_first(index.by(_name_of).get(name, ()))
    return index.tagged(tags)


def _name_of(instance: Instance) -> str:
    return instance.name


def _changes(instance: Instance) -> tuple[float, float]:
    return instance.created + PENDING_SECONDS, instance.ready


def _own(call: Call) -> Iterable[Instance]:
    return (
        instance
        for instance in call.view.all(Instance)
        if instance.owner == call.account and instance.region == call.region
    )


def _delete(call: Call, instances: list[Instance]) -> None:
    for instance in instances:
        if instance.undeletable:
            raise ApiFault(
                403,
                "InvalidOperation.DeletionProtection",
                "The operation is not allowed due to deletion protection being enabled on the instance.",
            )
        status = instance.status(call.now)
        if instance.gone == NEVER and status not in ("Running", "Stopped") and not call.params.flag("Force"):
            raise wrong_instance_status()
        if status == "Running" and not call.params.flag("Force"):
            raise wrong_instance_status()
    if call.params.flag("DryRun"):
        raise dry_run()
    for instance in instances:
        if instance.gone == NEVER:
            call.store.put(replace(instance, gone=call.now + call.settings.release_seconds))


def _boot_log(call: Call, instance: Instance) -> Iterable[str]:
    """Return the console of a simulated instance, which says that it is simulated."""
    share = (call.now - instance.created) / max(1.0, instance.ready - instance.created)
    lines = (
        f"[    0.000000] goldrun simulated machine {instance.id} ({instance.type}, {instance.zone})",
        f"[    0.412000] image {instance.image}",
        "[    6.150000] cloud-init: running 'init'; datasource AliYun",
        f"[    9.800000] cloud-init: user data: {len(base64.b64decode(instance.user_data))} bytes (not run: simulated)",
        "[   14.020000] cloud-init: finished",
        f"{instance.id} login:",
    )
    return lines[: max(1, min(len(lines), int(share * len(lines))))]

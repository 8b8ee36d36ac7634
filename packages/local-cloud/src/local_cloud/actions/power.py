"""Instances started, stopped and rebooted; one that is stopped in economical mode costs nothing but its disks.

Source: StartInstances, StopInstances and RebootInstance in the API reference: ``StoppedMode``, ``BatchOptimization``.
"""

from __future__ import annotations

from msgspec.structs import replace

from local_cloud.actions.launch_checks import Bid, stock_left
from local_cloud.actions.owned import named_instances, own_instance
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.errors import ApiFault, dry_run, wrong_instance_status
from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.lifecycle import appoint_reclaim
from local_cloud.market import NEVER
from local_cloud.records import Instance


@action("StartInstance", regionless=True)
def start_instance(call: Call) -> Answer:
    """Start a stopped instance."""
    instance = own_instance(call, call.params.require("InstanceId"))
    _require_startable(call, instance)
    if call.params.flag("DryRun"):
        raise dry_run()
    _start(call, instance)
    return {}


@action("StartInstances")
def start_instances(call: Call) -> Answer:
    """Start several stopped instances: all of them or none, or each by itself (``SuccessFirst``)."""
    together = _together(call)
    rows, started = [], []
    for instance in named_instances(call):
        try:
            _require_startable(call, instance)
        except ApiFault as fault:
            if together:
                raise
            rows.append(_outcome(instance, call.now, "Stopped", fault))
        else:
            rows.append(_outcome(instance, call.now, "Starting"))
            started.append(instance)
    if call.params.flag("DryRun"):
        raise dry_run()
    for instance in started:
        _start(call, instance)
    return {"InstanceResponses": {"InstanceResponse": rows}}


@action("StopInstance", regionless=True)
def stop_instance(call: Call) -> Answer:
    """Stop a running instance."""
    instance = own_instance(call, call.params.require("InstanceId"))
    _require_stoppable(call, instance)
    if call.params.flag("DryRun"):
        raise dry_run()
    _stop(call, instance)
    return {}


@action("StopInstances")
def stop_instances(call: Call) -> Answer:
    """Stop several instances, all of them or none."""
    together = _together(call)
    rows, stopped = [], []
    for instance in named_instances(call):
        try:
            _require_stoppable(call, instance)
        except ApiFault as fault:
            if together:
                raise
            rows.append(_outcome(instance, call.now, instance.status(call.now), fault))
        else:
            rows.append(_outcome(instance, call.now, "Stopping"))
            stopped.append(instance)
    if call.params.flag("DryRun"):
        raise dry_run()
    for instance in stopped:
        _stop(call, instance)
    return {"InstanceResponses": {"InstanceResponse": rows}}


@action("RebootInstance", regionless=True)
def reboot_instance(call: Call) -> Answer:
    """Restart a running instance; with ``ForceStop`` without a clean shutdown."""
    instance = own_instance(call, call.params.require("InstanceId"))
    if instance.status(call.now) != "Running":
        raise wrong_instance_status()
    if call.params.flag("DryRun"):
        raise dry_run()
    forced = call.params.flag("ForceStop")
    shutdown = 0.0 if forced else call.settings.stop_seconds
    ready = call.now + shutdown + call.settings.boot_seconds
    call.store.put(replace(instance, ready=ready, agent=False, reboots=instance.reboots + 1, reboot_forced=forced))
    return {}


def _require_stoppable(call: Call, instance: Instance) -> None:
    if instance.status(call.now) not in ("Running", "Stopped"):
        raise wrong_instance_status()


def _together(call: Call) -> bool:
    return call.params.choice("BatchOptimization", ("AllTogether", "SuccessFirst"), "AllTogether") == "AllTogether"


def _outcome(instance: Instance, now: float, status: str, fault: ApiFault | None = None) -> Answer:
    return {
        "InstanceId": instance.id,
        "Code": fault.code if fault else "200",
        "Message": fault.message if fault else "success",
        "PreviousStatus": instance.status(now),
        "CurrentStatus": status,
    }


def _require_startable(call: Call, instance: Instance) -> None:
    if instance.status(call.now) != "Stopped":
        raise wrong_instance_status()
    if instance.diskless:
        raise ApiFault(403, "InvalidInstance.NotFoundSystemDisk", "The specified instance has no system disk.")
    kind = INSTANCE_TYPES.get(instance.type)
    if not instance.saves or kind is None:
        return
    # Economical mode has given its place away.
    bid = Bid(instance.strategy, instance.limit, instance.price, instance.protected)
    if not stock_left(call, kind, instance.zone, bid):
        raise ApiFault(403, "OperationDenied.NoStock", "The requested resource is sold out in the specified zone.")


def _start(call: Call, instance: Instance) -> None:
    ready = call.now + call.settings.start_seconds
    stops = (*instance.stops, call.now) if instance.saves else instance.stops
    started = replace(instance, state="Running", ready=ready, started=call.now, saves=False, stops=stops, agent=False)
    call.store.put(appoint_reclaim(call.settings.market, started) if instance.saves else started)


def _stop(call: Call, instance: Instance) -> None:
    """Stop an instance; in economical mode if it can: an instance with a local disk keeps its host, and its price."""
    if instance.status(call.now) == "Stopped":
        return
    kind = INSTANCE_TYPES.get(instance.type)
    mode = call.params.choice("StoppedMode", ("StopCharging", "KeepCharging"), "KeepCharging")
    saves = mode == "StopCharging" and not (kind and kind.local_disk)
    ready = call.now + call.settings.stop_seconds
    stopped = replace(instance, state="Stopped", ready=ready, agent=False)
    if saves:
        # The market reclaims only what runs.
        stopped = replace(stopped, saves=True, stops=(*instance.stops, ready), reclaimed=NEVER)
    call.store.put(stopped)

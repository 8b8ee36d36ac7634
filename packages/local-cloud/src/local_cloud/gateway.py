"""Handles a request: decode, inject faults, authenticate, authorize, check, perform, render.

Sockets are in ``server``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import msgspec

import local_cloud.actions  # noqa: F401 - fills ACTIONS
from local_cloud import ram
from local_cloud.access import AccessKey
from local_cloud.actions.registry import ACTIONS, Call
from local_cloud.auth import NonceBook, Wire, authenticate, is_v3
from local_cloud.catalogue import REGIONS
from local_cloud.clock import LocalClock
from local_cloud.errors import ApiFault, missing, not_performed
from local_cloud.faults import FaultRule, Faults
from local_cloud.lifecycle import settle
from local_cloud.limits import Limits
from local_cloud.params import Params, products
from local_cloud.reading import require_all_read
from local_cloud.store import Store

ANONYMOUS = AccessKey(id="", secret="", account="")
DEFAULT_REGION = "cn-hangzhou"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on the wire.

    Attributes:
        hold: if not None, the connection is held for that many seconds and then closed without an answer.
        again: answers the same request again; called until the status changes. None: this answer is final.
        patience: for how many seconds to call it.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hold: float | None = None
    again: Callable[[], Reply] | None = None
    patience: float = 0.0


@dataclass
class Gateway:
    """The API as one function, and the counts of calls."""

    store: Store
    clock: LocalClock
    faults: Faults
    nonces: NonceBook = field(default_factory=NonceBook)
    limits: Limits = field(default_factory=Limits)
    calls: dict[str, int] = field(default_factory=dict)

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer a request.

        Args:
            method: in capitals.
            path: without the query.
            query: raw.
            headers: names in lower case.
            body: as it came.
        """
        request_id = new_request_id()
        wire = read(method, path, query, headers, body)
        action = wire.headers.get("x-acs-action") or wire.params.get("Action", "")
        xml = not is_v3(wire) and wire.params.get("Format", "XML").upper() != "JSON"
        rule = self.faults.take_rule(action) if action else None

        def work() -> Reply:
            answer = self._perform(wire, action, rule)
            return _render(200, f"{action}Response", {**answer, "RequestId": request_id}, request_id, xml)

        try:
            return apply_fault(rule, work)
        except ApiFault as fault:
            return _render_fault(fault, headers, request_id, xml)

    def refuse(self, query: str, headers: Mapping[str, str], fault: ApiFault, request_id: str) -> Reply:
        """Return the error answer to a request that was not, or cannot be, read."""
        json_wanted = "authorization" in headers or "format=json" in query.lower()
        return _render_fault(fault, headers, request_id, not json_wanted)

    def _perform(self, wire: Wire, action: str, rule: FaultRule | None) -> dict[str, Any]:
        if not action:
            raise missing("Action")
        version = wire.headers.get("x-acs-version") or wire.params.get("Version", "")
        if not version:
            raise missing("Version")
        product = next((code for code, api in products().items() if api.version == version), None)
        if product is None:
            raise ApiFault(400, "InvalidVersion", "Specified parameter Version is not valid.")
        types = products()[product].actions.get(action)
        if types is None:
            raise ApiFault(
                404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."
            )
        entry = ACTIONS.get((product, action))
        if entry and entry.unsigned:
            caller = ANONYMOUS
        else:
            caller = authenticate(wire, self.store, self.nonces, self.clock.wall())
            # Policies name the identity providers' API as RAM's.
            ram.authorize(self.store, caller, f"{'ram' if product == 'ims' else product}:{action}", Params(wire.params))
        if entry is None:
            raise not_performed(action)
        params = Params(wire.params)
        params.check(types)
        region = params.text("RegionId", DEFAULT_REGION)
        if region not in REGIONS and not entry.regionless:
            raise ApiFault(404, "InvalidRegionId.NotFound", "The specified RegionId does not exist.")
        now = self.clock.now()
        settings = self.store.settings()
        limited = (caller.account, region, action)
        self.limits.admit(limited, settings.calls_per_second, settings.calls_per_minute, now)
        self.calls[action] = self.calls.get(action, 0) + 1
        settle(self.store, now)
        stale = rule if rule and rule.kind == "stale" else None
        with self.store.transaction():
            answer = entry.perform(
                Call(
                    product=product,
                    action=action,
                    params=params,
                    caller=caller,
                    region=region,
                    now=now,
                    wall=self.clock.wall(),
                    view=self.store.as_of(now - stale.seconds) if stale else self.store,
                    store=self.store,
                )
            )
            require_all_read(action, params, types)
            return answer


def apply_fault(
    rule: FaultRule | None, work: Callable[[], Reply], fault: Callable[[FaultRule], ApiFault] = FaultRule.fault
) -> Reply:
    """Return the answer to a call; inject a fault before or after the call takes effect.

    Args:
        rule: the fault's rule; None: no fault.
        work: performs the call, and returns its answer.
        fault: returns the error of the rule.

    Raises:
        ApiFault: the injected error, or one of the call itself.
    """
    if rule and rule.kind == "timeout":
        return Reply(0, hold=rule.seconds)
    if rule and rule.kind in ("throttle", "error"):
        raise fault(rule)
    reply = work()
    if rule and rule.kind == "timeout-after":
        return Reply(0, hold=rule.seconds)
    if rule and rule.kind == "error-after":
        raise fault(rule)
    return reply


def new_request_id() -> str:
    """Return a new request id."""
    return str(uuid.uuid4()).upper()


def read(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Wire:
    """Return a request with its parameters, which are in the query or in a form."""
    in_query = dict(parse_qsl(query, keep_blank_values=True))
    form = {}
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return Wire(method, path, {**in_query, **form}, in_query, headers, body)


def _render_fault(fault: ApiFault, headers: Mapping[str, str], request_id: str, xml: bool) -> Reply:
    content = {
        "RequestId": request_id,
        "HostId": headers.get("host", ""),
        "Code": fault.code,
        "Message": fault.message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={fault.code}&product=Ecs&requestId={request_id}",
        **fault.detail,
    }
    return _render(fault.status, "Error", content, request_id, xml)


def _render(status: int, root: str, content: dict[str, Any], request_id: str, xml: bool) -> Reply:
    if xml:
        body = f'<?xml version="1.0" encoding="UTF-8"?><{root}>{to_xml(content)}</{root}>'.encode()
        kind = "text/xml;charset=utf-8"
    else:
        body = msgspec.json.encode(content)
        kind = "application/json;charset=utf-8"
    return Reply(status, {"content-type": kind, "x-acs-request-id": request_id}, body)


def to_xml(value: Any) -> str:
    """Return a value as XML: members of mappings become elements, and those of lists one each."""
    if isinstance(value, dict):
        return "".join(
            "".join(f"<{name}>{to_xml(item)}</{name}>" for item in (member if isinstance(member, list) else [member]))
            for name, member in value.items()
        )
    return str(value).lower() if isinstance(value, bool) else escape(str(value))

"""Handles a request to OSS: authenticate, inject faults, authorize, perform, render."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from local_cloud import ram
from local_cloud.access import AccessKey
from local_cloud.errors import ApiFault
from local_cloud.faults import FaultRule
from local_cloud.gateway import Gateway, Reply, apply_fault, new_request_id, to_xml
from local_cloud.github.router import path_at_github
from local_cloud.oss.errors import denied
from local_cloud.oss.service import Call, Outcome, operation, perform
from local_cloud.oss.signing import Request, authenticate, is_signed_for_oss
from local_cloud.params import Params
from local_cloud.records.objects import Bucket

# The largest object: the data file stores it in one record.
MAX_OBJECT_BYTES = 16 * 1024 * 1024
# RAM knows them by the permission that they need.
_PERMISSIONS = {"HeadObject": "GetObject", "GetObjectMeta": "GetObject"}


def is_for_oss(path: str, headers: Mapping[str, str]) -> bool:
    """Return whether a request is for OSS. The other APIs use the path ``/``, or paths that no bucket has."""
    if path == "/":
        return is_signed_for_oss(headers)
    return not path.startswith("/_") and path_at_github(path) is None


@dataclass(frozen=True)
class Endpoint:
    """OSS as one function, with the other APIs' clock, faults and counts."""

    gateway: Gateway

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer a request; see ``Gateway.handle``. The path is decoded."""
        bucket, _, key = path.removeprefix("/").partition("/")
        request = Request(method, bucket, key, query, headers, body)
        name, request_id = operation(request), new_request_id().replace("-", "")[:24]
        rule = self.gateway.faults.take_rule(name) if name else None
        try:
            return apply_fault(rule, lambda: _render(self._perform(name, request), request_id), _fault)
        except ApiFault as fault:
            return render_fault(fault, method, headers, request_id)

    def refuse(self, method: str, headers: Mapping[str, str], fault: ApiFault, request_id: str) -> Reply:
        """Return the answer to a request that was not read, or that met a defect."""
        if fault.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            fault = ApiFault(400, "EntityTooLarge", f"The object is too large: at most {MAX_OBJECT_BYTES} bytes.")
        return render_fault(fault, method, headers, request_id.replace("-", "")[:24])

    def _perform(self, name: str, request: Request) -> Outcome:
        gateway = self.gateway
        caller, region = authenticate(request, gateway.store, gateway.clock.wall())
        if name:
            self._authorize(name, request, caller)
            gateway.calls[name] = gateway.calls.get(name, 0) + 1
        with gateway.store.transaction():
            return perform(name, Call(gateway.store, request, caller, region, gateway.clock.now()))

    def _authorize(self, name: str, request: Request, caller: AccessKey) -> None:
        bucket = self.gateway.store.get(Bucket, request.bucket)
        where = f"{bucket.region}:{bucket.owner}" if bucket else f"*:{caller.account}"
        resource = f"acs:oss:{where}:{request.resource.removeprefix('/').removesuffix('/') or '*'}"
        try:
            ram.authorize(
                self.gateway.store, caller, f"oss:{_PERMISSIONS.get(name, name)}", Params({}), resource=resource
            )
        except ApiFault as fault:
            raise denied(fault.detail) from None


def render_fault(fault: ApiFault, method: str, headers: Mapping[str, str], request_id: str) -> Reply:
    """Return an error answer; that to HEAD, which has no body, has it in a header."""
    content: dict[str, Any] = {
        "Code": fault.code,
        "Message": fault.message,
        "RequestId": request_id,
        "HostId": headers.get("host", ""),
        **fault.detail,
    }
    reply = _render(Outcome(fault.status, {}, ("Error", content)), request_id)
    if method != "HEAD":
        return reply
    error = base64.b64encode(reply.body).decode()
    return Reply(reply.status, {"x-oss-request-id": request_id, "x-oss-err": error})


def _fault(rule: FaultRule) -> ApiFault:
    if rule.kind == "throttle" and not rule.code:
        return ApiFault(rule.status or 503, "QpsLimitExceeded", "Please reduce your request rate.")
    return rule.fault()


def _render(outcome: Outcome, request_id: str) -> Reply:
    common = {"x-oss-request-id": request_id, "server": "AliyunOSS"}
    if isinstance(outcome.body, bytes):
        return Reply(outcome.status, {**common, **outcome.headers}, outcome.body)
    root, content = outcome.body
    body = f'<?xml version="1.0" encoding="UTF-8"?><{root}>{to_xml(content)}</{root}>'.encode()
    return Reply(outcome.status, {**common, "content-type": "application/xml", **outcome.headers}, body)

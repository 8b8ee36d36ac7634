"""The metadata service of instances (100.100.100.200), with IMDSv2.

Paths and headers as in "Instance metadata" in the ECS documentation; any version before the path (``latest`` or a date)
is accepted.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local_cloud.access import AccessKey, Policy
from local_cloud.actions.eips import address_of
from local_cloud.actions.network_interfaces import primary_interface
from local_cloud.actions.owned import key_pair
from local_cloud.clock import iso
from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.lifecycle import noticed
from local_cloud.records import Instance
from local_cloud.store import Store

TOKEN_HEADER = "x-aliyun-ecs-metadata-token"  # noqa: S105 - a header's name
TTL_HEADER = "x-aliyun-ecs-metadata-token-ttl-seconds"
MAX_TTL = 21600
MAX_TOKENS = 10_000
KEY_SECONDS = 3600.0
_SECONDS = re.compile(r"\d{1,9}")


@dataclass(frozen=True)
class Page:
    """An answer: its HTTP status and text."""

    status: int
    text: str = ""


@dataclass
class Metadata:
    """The service for all instances; its short-lived tokens are in memory alone."""

    store: Store
    wall: Callable[[], float]
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    def handle(self, instance_id: str, method: str, path: str, headers: Mapping[str, str], now: float) -> Page:
        """Answer an instance's request.

        Args:
            instance_id: the instance.
            method: GET or PUT.
            path: e.g. ``/latest/meta-data/instance-id``.
            headers: names in lower case.
            now: the cloud's time.
        """
        instance = self.store.get(Instance, instance_id)
        if instance is None:
            return Page(404, "no such instance")
        _, _, rest = path.strip("/").partition("/")
        if rest == "api/token":
            return self._issue(instance, headers, now) if method == "PUT" else Page(405)
        if method not in ("GET", "HEAD"):
            return Page(405)
        token = headers.get(TOKEN_HEADER)
        if token is None and instance.http_tokens == "required":
            return Page(403, "Forbidden: a token is required (IMDSv2)")
        if token is not None and not self._valid(instance, token, now):
            return Page(401, "Unauthorized: the token is not valid")
        key = self._key(instance, now) if "security-credentials/" in rest else ""
        return _read(self.store, instance, rest.rstrip("/"), key, now)

    def _issue(self, instance: Instance, headers: Mapping[str, str], now: float) -> Page:
        ttl = headers.get(TTL_HEADER, "")
        if not _SECONDS.fullmatch(ttl) or not 1 <= int(ttl) <= MAX_TTL:
            return Page(400, f"Bad Request: {TTL_HEADER} must be from 1 to {MAX_TTL}")
        self._tokens = {one: kept for one, kept in self._tokens.items() if now < kept[1]}
        if len(self._tokens) >= MAX_TOKENS:
            return Page(429, "Too Many Requests: every token is still valid")
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (instance.id, now + int(ttl))
        return Page(200, token)

    def _key(self, instance: Instance, now: float) -> str:
        """Return the temporary key of the instance's role; RAM policies with the role's name apply to it.

        It stays the same for half its life, because instances may read it before every call.
        """
        if not instance.role:
            return ""
        wall = self.wall()
        for old in self.store.all(AccessKey):
            if old.user == instance.id and old.role == instance.role:
                left = old.expires - wall
                if left > KEY_SECONDS / 2:
                    return _credentials(old, now, left)
                if left <= 0:
                    self.store.remove(old)
        made = AccessKey(
            id=f"STS.local{secrets.token_hex(9)}",
            secret=secrets.token_hex(20),
            account=instance.owner,
            user=instance.id,
            role=instance.role,
            token=secrets.token_urlsafe(64),
            expires=wall + KEY_SECONDS,
        )
        self.store.put(made)
        if policy := self.store.get(Policy, instance.role):
            self.store.put(Policy(id=made.id, document=policy.document))
        return _credentials(made, now, KEY_SECONDS)

    def _valid(self, instance: Instance, token: str, now: float) -> bool:
        owner, expires = self._tokens.get(token, ("", 0.0))
        return owner == instance.id and now < expires


def _credentials(key: AccessKey, now: float, left: float) -> str:
    document = {
        "AccessKeyId": key.id,
        "AccessKeySecret": key.secret,
        "SecurityToken": key.token,
        "Expiration": iso(now + left),
        "LastUpdated": iso(now + left - KEY_SECONDS),
        "Code": "Success",
    }
    return json.dumps(document)


def _read(store: Store, instance: Instance, path: str, key: str, now: float) -> Page:
    if path == "user-data":
        return (
            Page(200, base64.b64decode(instance.user_data).decode("utf-8", "replace")) if instance.user_data else _NONE
        )
    if path == "dynamic/instance-identity/document":
        return Page(200, json.dumps(_identity(instance)))
    if path == "meta-data" or path.startswith("meta-data/"):
        tree = {**_network(store, instance), **_tree(instance, key, now)}
        return _walk(tree, [step for step in path.split("/")[1:] if step])
    return _NONE


_NONE = Page(404, "Not Found")
Tree = dict[str, "str | Tree"]


def _walk(tree: Tree, steps: list[str]) -> Page:
    node: str | Tree = tree
    for step in steps:
        if not isinstance(node, dict) or step not in node:
            return _NONE
        node = node[step]
    if isinstance(node, str):
        return Page(200, node)
    return Page(200, "\n".join(name if isinstance(value, str) else f"{name}/" for name, value in node.items()))


def _tree(instance: Instance, key: str, now: float) -> Tree:
    spot: Tree = {"termination-time": iso(instance.reclaimed)} if noticed(instance, now) else {}
    tree: Tree = {
        "instance-id": instance.id,
        "instance": {
            "instance-name": instance.name,
            "instance-type": instance.type,
            "max-netbw-egress": "5120000",
            **({"spot": spot} if spot else {}),
        },
        "image-id": instance.image,
        "region-id": instance.region,
        "zone-id": instance.zone,
        "hostname": instance.host_name or instance.id.replace("-", "Z", 1),
        "private-ipv4": instance.ip,
        "owner-account-id": instance.owner,
        "vpc-id": instance.vpc,
        "vswitch-id": instance.vswitch,
        "network-type": "vpc",
        "dns-conf": {"nameservers": "100.100.2.136\n100.100.2.138"},
        "ntp-conf": {"ntp-servers": "ntp.cloud.aliyuncs.com"},
        "tags": {"instance": dict(instance.tags)},
    }
    if instance.role:
        tree["ram"] = {"security-credentials": {instance.role: key}}
    return tree


def _network(store: Store, instance: Instance) -> Tree:
    """Return what other records contain: addresses, and the SSH key that cloud-init gives to the user."""
    tree: Tree = {"mac": primary_interface(instance).mac}
    if pair := key_pair(store, instance.owner, instance.region, instance.key_pair):
        tree["public-keys"] = {"0": {"openssh-key": pair.public_key}}
    if address := address_of(store, instance.id):
        tree["eipv4"] = address.ip
    if instance.public_ip:
        tree["public-ipv4"] = instance.public_ip
    return tree


def _identity(instance: Instance) -> dict[str, object]:
    kind = INSTANCE_TYPES.get(instance.type)
    return {
        "instance-id": instance.id,
        "image-id": instance.image,
        "instance-type": instance.type,
        "owner-account-id": instance.owner,
        "private-ipv4": instance.ip,
        "region-id": instance.region,
        "zone-id": instance.zone,
        "cpus": kind.cpus if kind else 0,
    }

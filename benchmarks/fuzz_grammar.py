"""What ``fuzz`` sends to the local cloud: requests in each endpoint's own grammar, and how they are spoilt."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

from goldrun.cloud import signature
from local_cloud import seed
from local_cloud.actions.registry import ACTIONS
from local_cloud.clock import iso
from local_cloud.github.api import JOB_TOKEN, TOKEN
from local_cloud.metadata import TOKEN_HEADER, TTL_HEADER
from local_cloud.params import products

REGION = seed.REGION
GITHUB = "/_github/api/v3/repos/octo-org/octo-repo"
# Nothing listens there, so that webhooks go nowhere.
NOWHERE = "http://127.0.0.1:9/hook"

NUMBERS = [
    *("0", "-1", "1.5", "1e308", "inf", "-inf", "nan", "9" * 20, "9" * 5000, "\u0663", "\u00b2", "0x10", "1_0", " 1"),
]
TEXTS = [
    *(
        "",
        " ",
        "\0",
        "\r\n",
        "é",
        "中文",
        "\U0001f600",
        "\u202e",
        "%",
        "%zz",
        "..",
        "../../etc/passwd",
        "*",
        "[",
        "{}",
        "[]",
    ),
    *("null", "true", "{}{}", "<x>&amp;]]>", "' OR 1=1", "\\ud800", '["\\ud800"]', "[" * 2000, "x" * 300, "x" * 70_000),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "2026-11-24", "acs:x", "aliyun"),
    *("*a" * 50, "http://["),
]
NASTY = [*NUMBERS, *TEXTS]
NASTY_JSON: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 1e308),
    *("", [], {}, [[]], [None], {"a": {}}),
    *NASTY,
]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "X-Y"]


class Sent(NamedTuple):
    """A request."""

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Grammar:
    """Makes requests: valid ones, and spoilt ones."""

    def __init__(self, seed_: int, token: str, port: int) -> None:
        self.random = random.Random(seed_)
        self.token, self.host = token, f"127.0.0.1:{port}"
        self.ids: dict[str, list[str]] = {}
        self._nonce = 0
        self._actions = sorted(ACTIONS)

    def know(self, kind: str, ids: list[str]) -> None:
        """Let requests name these; kinds are as parameters call them, e.g. ``ImageId``."""
        self.ids[kind] = ids[-50:]

    def request(self) -> Sent:
        """The next one."""
        makers = [self._ecs, self._ecs, self._ecs, self._metadata, self._github, self._control]
        made = self.random.choice(makers)()
        return self._spoil(made) if self._chance(0.15) else made

    # ── the ECS endpoint ──

    def _ecs(self) -> Sent:
        product, action = self.random.choice(self._actions)
        api = products()[product]
        params = self._params(action, api.actions[action])
        while self._chance(0.5) and params:
            self._spoil_params(params)
        body = b""
        form = self._chance(0.2)
        common = {"Format": self.random.choice(["JSON", "JSON", "XML"]), "RegionId": REGION}
        params = {**common, **params}
        self._nonce += 1
        nonce, moment = f"{self.random.random()} {self._nonce}", iso(time.time())
        if self._chance(0.4):
            method = "POST"
            query, in_form = ({}, params) if form else (params, {})
            body = self._encoded(in_form).encode() if form else b""
            headers = {
                "host": self.host,
                "x-acs-action": action,
                "x-acs-version": api.version,
                "x-acs-date": moment,
                "x-acs-signature-nonce": nonce,
                "x-acs-content-sha256": signature.sha256_hex(body),
            }
            headers["authorization"] = signature.authorization_v3(
                method,
                "/",
                signature.canonical_query(query),
                headers,
                headers["x-acs-content-sha256"],
                access_key_id=seed.KEY.id,
                access_key_secret=seed.KEY.secret,
            )
            text = self._encoded(query)
        else:
            method = "POST" if form else "GET"
            signed = {
                **params,
                "Action": action,
                "Version": api.version,
                "AccessKeyId": seed.KEY.id,
                "SignatureNonce": nonce,
                "SignatureMethod": "HMAC-SHA1",
                "SignatureVersion": "1.0",
                "Timestamp": moment,
            }
            signed["Signature"] = signature.signature_v1(method, signed, seed.KEY.secret)
            if self._chance(0.05):
                signed[self.random.choice(list(signed))] = self.random.choice(NASTY)
            headers = {"host": self.host}
            text = "" if form else self._encoded(signed)
            body = self._encoded(signed).encode() if form else b""
        if form:
            headers["content-type"] = "application/x-www-form-urlencoded"
        return self._sent(method, f"/?{text}" if text else "/", headers, body)

    def _params(self, action: str, types: dict[str, str]) -> dict[str, str]:
        params: dict[str, str] = {}
        wanted = [name for name, kind in types.items() if kind.endswith("!") or self._chance(0.06)]
        for name in [*wanted, *ESSENTIAL.get(action, ())]:
            kind = types.get(name, "String").rstrip("!")
            if kind != "RepeatList":
                params[name] = self._value(name, kind)
                continue
            for number in range(1, self.random.choice([2, 2, 3, 30])):
                if name == "Tag":
                    params[f"Tag.{number}.Key"] = self._value("Key", "String")
                    params[f"Tag.{number}.Value"] = self._value("Value", "String")
                elif name in ("DataDisk", "Filter", "DiskDeviceMapping"):
                    for part in ("Key", "Value", "Size", "Category", "SnapshotId", "DeleteWithInstance"):
                        params[f"{name}.{number}.{part}"] = self._value(part, "Integer" if part == "Size" else "String")
                else:
                    params[f"{name}.{number}"] = self._value(name, "String")
        return params

    def _value(self, name: str, kind: str) -> str:
        single = name.removesuffix("s") if name.endswith("Ids") else name
        known = self.ids.get(single) or PLAUSIBLE.get(single)
        if known:
            found = self.random.choice(known)
            return json.dumps([found]) if name.endswith("Ids") and name != "SecurityGroupIds" else found
        if kind in ("Integer", "Long", "Float"):
            return self.random.choice(["1", "2", "10", "40", "100"])
        if kind == "Boolean":
            return self.random.choice(["true", "false"])
        return f"{name.lower()[:20]}{self.random.randrange(30)}"

    def _spoil_params(self, params: dict[str, str]) -> None:
        name = self.random.choice(list(params))
        what = self.random.randrange(6)
        if what == 0:
            del params[name]
        elif what == 1:
            params[name] = self._garble(params[name])
        elif what == 2:
            params[f"{name}.{self.random.choice(NUMBERS)}"] = params[name]
        elif what == 3:
            params[self.random.choice(NASTY)] = params[name]
        else:
            params[name] = self.random.choice(NASTY)

    def _encoded(self, params: dict[str, str]) -> str:
        encode: Callable[[str], str] = quote_plus if self._chance(0.5) else signature.percent_encode
        pairs = [f"{encode(name)}={encode(value)}" for name, value in params.items()]
        if self._chance(0.05):
            self.random.shuffle(pairs)
        if self._chance(0.02) and pairs:
            pairs *= self.random.choice([2, 30])
        return "&".join(pairs)

    # ── the metadata endpoint ──

    def _metadata(self) -> Sent:
        instance = self._pick(self.ids["InstanceId"])
        method = "GET"
        headers = {"host": self.host}
        path = self._pick(METADATA)
        if self._chance(0.3):
            method, path = "PUT", "latest/api/token"
            headers[TTL_HEADER] = self._pick(["60", "21600", "1"])
        elif self._chance(0.7) and self.ids.get("MetadataToken"):
            headers[TOKEN_HEADER] = self._pick(self.ids["MetadataToken"])
        return self._sent(method, f"/_metadata/{quote(instance)}/{quote(path)}", headers, b"")

    # ── the GitHub endpoint ──

    def _github(self) -> Sent:
        method, path, body = self.random.choice(self._github_routes())
        token = self._pick([TOKEN, TOKEN, TOKEN, JOB_TOKEN])
        if path.startswith("/_runner"):
            token, target = self._pick(self.ids.get("Credential") or [TOKEN]), f"/_github{path}"
        elif self._chance(0.1):
            target = f"{GITHUB.replace('repos/octo-org/octo-repo', 'orgs/octo-org')}{path}"
        else:
            target = f"{GITHUB}{path}"
        if self._chance(0.3):
            target += f"?per_page={quote(self._pick(['1', '100']))}&page={quote(self._pick(['1', '2']))}"
        headers = {"host": self.host, "authorization": f"Bearer {token}", "content-type": "application/json"}
        return self._sent(method, target, headers, self._json(body))

    def _github_routes(self) -> list[tuple[str, str, Any]]:
        number = self._pick(self.ids.get("Number") or ["1"])
        number = quote(number)
        name = f"runner-{self.random.randrange(10_000)}"
        new = {"name": name, "runner_group_id": 1, "labels": ["a", "b"], "work_folder": "_work"}
        dispatch = {"ref": "main", "inputs": {"a": "b"}}
        hook = {"config": {"url": NOWHERE, "secret": "s"}, "events": ["workflow_job"]}
        register = {"token": self._pick(self.ids.get("Registration") or ["x"]), "scope": "octo-org/octo-repo"}
        return [
            ("GET", "/actions/runners", None),
            ("GET", f"/actions/runners?name={quote(name)}", None),
            ("GET", "/actions/runners/downloads", None),
            ("POST", "/actions/runners/generate-jitconfig", new),
            ("POST", "/actions/runners/registration-token", None),
            ("GET", f"/actions/runners/{number}", None),
            ("DELETE", f"/actions/runners/{number}", None),
            ("GET", f"/actions/runs/{number}", None),
            ("GET", f"/actions/runs/{number}/jobs", None),
            ("POST", f"/actions/runs/{number}/cancel", None),
            ("POST", f"/actions/jobs/{number}/rerun", None),
            ("POST", "/actions/workflows/a.yml/dispatches", dispatch),
            ("POST", "/hooks", hook),
            ("POST", "/_runner/register", {**register, "name": name, "labels": ["a"]}),
            ("POST", "/_runner/session", None),
            ("DELETE", "/_runner/session", None),
            ("GET", "/_runner/job", None),
            ("POST", f"/_runner/job/{number}", {"log": "words", "conclusion": self._pick(["", "success"])}),
        ]

    # ── the control endpoint ──

    def _control(self) -> Sent:
        method, name, body = self.random.choice(self._control_routes())
        headers = {
            "host": self.host,
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
        }
        content = self._json(body)
        # These two do what they are asked to, and then there is nothing left to compare: they are asked in vain.
        if name in ("reset", "shutdown"):
            headers["authorization"] = self.random.choice(["", "Bearer", "Bearer \u00e9", "Basic x", TOKEN])
        return self._sent(method, f"/_goldrun/{name}", headers, content)

    def _control_routes(self) -> list[tuple[str, str, Any]]:
        kind = self.random.choice(["throttle", "error", "error-after", "timeout", "timeout-after", "stale"])
        rule = {
            "kind": kind,
            "action": self._pick(["Describe*", "github:*", "RunInstances"]),
            "times": 1,
            "seconds": 1.0,
        }
        statement = {"Effect": "Allow", "Action": ["ecs:*"], "Resource": "*"}
        condition = {"StringEquals": {"acs:ResourceTag/a": ["b"]}}
        document = {"Version": "1", "Statement": [statement, {**statement, "Condition": condition}]}
        market = {"seed": 1, "scarcity": 0.2, "phantoms": 0.1, "scenario": "reclaim-wave", "zones": [f"{REGION}-k"]}
        settings = {"image_seconds": 1.0, "image_quota": 1000, "boot_seconds": 1.0, "balance": True}
        job = {"repository": "octo-org/octo-repo", "name": "j", "labels": ["a"], "script": "true", "needs": ["k"]}
        state = {"job": self._pick(self.ids.get("Number") or ["1"]), "status": "completed", "conclusion": "failure"}
        return [
            ("GET", "status", None),
            ("POST", "faults", rule),
            ("DELETE", "faults", None),
            ("POST", "deny", {"actions": ["ecs:DescribeUnicorns"]}),
            ("POST", "allow", {"actions": ["ecs:DescribeUnicorns"]}),
            ("POST", "policy", {"key": seed.KEY.id, "document": document}),
            ("POST", "policy", {"key": seed.KEY.id, "document": None}),
            ("POST", "clock", {"speed": 1.0, "advance": self.random.choice([0.0, 1.0, 60.0])}),
            ("PATCH", "settings", settings),
            ("PATCH", "market", market),
            ("GET", "jobs", None),
            ("POST", "jobs", {**job, "hosted": self._chance(0.5)}),
            ("PATCH", "jobs", state),
            ("POST", "seed", None),
            ("POST", "reset", {"seed": True}),
            ("POST", "shutdown", None),
            ("GET", "nothing", None),
        ]

    # ── what all share ──

    def _json(self, body: Any) -> bytes:
        if body is None:
            return self.random.choice([b"", b"", b"{}", b"[]", b"\0"]) if self._chance(0.2) else b""
        while self._chance(0.45):
            body = self._spoil_json(body)
        text = json.dumps(body, ensure_ascii=self._chance(0.5))
        if self._chance(0.02):
            text = "[" * self.random.choice([90, 101, 5000]) + text
        return text.encode("utf-8", "replace")

    def _spoil_json(self, body: Any) -> Any:
        """Change one thing somewhere inside."""
        if isinstance(body, dict) and body and self._chance(0.85):
            name = self.random.choice(list(body))
            if self._chance(0.15):
                return {key: value for key, value in body.items() if key != name}
            if self._chance(0.1):
                return {**body, self.random.choice(TEXTS): body[name]}
            return {**body, name: self._spoil_json(body[name])}
        if isinstance(body, list) and body and self._chance(0.7):
            place = self.random.randrange(len(body))
            return [*body[:place], self._spoil_json(body[place]), *body[place + 1 :]]
        # Not lists of lists: those would fill our own memory, not the server's, which has refused them by then.
        if self._chance(0.1) and not isinstance(body, list):
            return [body] * self.random.choice([1, 3, 300])
        return self.random.choice(NASTY_JSON)

    def _spoil(self, sent: Sent) -> Sent:
        what = self.random.randrange(8)
        headers = list(sent.headers)
        place = self.random.randrange(len(headers))
        name, value = headers[place]
        if what == 0:
            return sent._replace(method=self.random.choice(METHODS))
        if what == 1:
            return sent._replace(body=self._garble(sent.body.decode("latin-1")).encode("latin-1", "replace"))
        if what == 2:
            return sent._replace(target=_printable(self._garble(sent.target)))
        if what == 3:
            del headers[place]
        elif what == 4:
            headers.append((name, value))
        elif what == 5:
            garbled = re.sub(r"[\0\r\n]", "", self._garble(value.decode("latin-1"))).strip()
            headers[place] = (name, garbled.encode("latin-1", "replace"))
        elif what == 6:
            headers[place] = (
                name,
                self.random.choice([b"\xff\xfe", "é".encode(), b"x" * 9000, b"", b"[", b"9" * 5000]),
            )
        else:
            headers.append((self.random.choice([b"origin", b"expect", b"upgrade", b"x"]), b"http://evil.example"))
        return sent._replace(headers=headers)

    def _garble(self, text: str) -> str:
        """Bytes changed, cut out, repeated."""
        if not text:
            return self.random.choice(NASTY)
        start = self.random.randrange(len(text))
        end = min(len(text), start + self.random.choice([1, 1, 3, 20]))
        put = self.random.choice(["", text[start:end] * 3, chr(self.random.randrange(256)), self.random.choice(NASTY)])
        return text[:start] + put + text[end:]

    def _pick(self, values: list[str]) -> str:
        return self.random.choice(NASTY) if self._chance(0.08) else self.random.choice(values)

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _sent(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Sent:
        fields = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        return Sent(method, _printable(target), fields, body)


# What parameters are called in the API, and values that go through.
PLAUSIBLE = {
    "RegionId": [REGION, REGION, "cn-beijing"],
    "DestinationRegionId": ["cn-beijing", "cn-shanghai"],
    "ZoneId": [f"{REGION}-k"],
    "InstanceType": ["ecs.g7.large", "ecs.c7.xlarge"],
    "SecurityGroupId": [f"sg-local-{REGION}"],
    "KeyPairName": ["ci"],
    "VpcId": [f"vpc-local-{REGION}"],
    "SystemDisk.Category": ["cloud_essd"],
    "Category": ["cloud_essd"],
    "SpotStrategy": ["NoSpot", "SpotAsPriceGo", "SpotWithPriceLimit"],
    "SpotPriceLimit": ["5", "0.001"],
    "Status": ["Available", "Running", "Deprecated"],
    "ImageOwnerAlias": ["self", "system", "others"],
    "ResourceType": ["image", "instance", "snapshot", "disk"],
    "DestinationResource": ["InstanceType", "SystemDisk", "Zone"],
    "NetworkType": ["vpc"],
    "Type": ["RunShellScript"],
    "CommandContent": ["echo", "# simulate: seconds=5 exit=1 output=x"],
    "TargetDir": ["/tmp/x"],
    "RoleArn": [f"acs:ram::{seed.ACCOUNT}:role/r"],
    "OIDCProviderArn": [f"acs:ram::{seed.ACCOUNT}:oidc-provider/p"],
    "OIDCToken": ["a.b.c"],
    "BillingCycle": ["2026-11"],
    "Granularity": ["MONTHLY", "DAILY"],
    "UserData": ["ZWNobw=="],
    "AutoReleaseTime": ["2027-01-01T00:00:00Z", ""],
    "StartTime": ["2026-11-24T00:00:00Z", ""],
    "EndTime": ["2026-11-25T00:00:00Z", ""],
    "HttpTokens": ["optional", "required"],
    "Architecture": ["x86_64", "arm64"],
    "DryRun": ["false", "true"],
    "Format": ["JSON"],
    "AddAccount": [seed.OTHER_ACCOUNT],
    "RemoveAccount": [seed.OTHER_ACCOUNT],
}
# Beyond what the metadata marks as mandatory.
ESSENTIAL: dict[str, tuple[str, ...]] = {
    "RunInstances": ("ImageId", "InstanceType", "VSwitchId", "SecurityGroupId", "DataDisk", "ClientToken"),
    "CreateImage": ("InstanceId", "ImageName"),
    "RunCommand": ("InstanceId",),
    "SendFile": ("InstanceId",),
    "DeleteInstances": ("InstanceId",),
    "TagResources": ("Tag", "ResourceId"),
    "DescribeInstances": ("InstanceIds", "NextToken", "MaxResults"),
}
METADATA = [
    *("", "/", "latest", "latest/meta-data", "latest/meta-data/", "latest/meta-data/instance-id", "latest/user-data"),
    *("2020/meta-data/tags/", "latest/dynamic/instance-identity/document", "latest/meta-data/instance-id/x"),
    *("latest/meta-data/ram/security-credentials/r", "latest/meta-data/instance/spot/termination-time"),
]


def _printable(target: str) -> str:
    """The target as HTTP allows it."""
    return quote(target, safe="/?&=%+~:@!$'()*,;#[]") or "/"

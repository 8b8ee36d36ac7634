"""The contract between GARM and a provider: environment, stdin, stdout, exit codes.

Source: GARM's ``doc/external_provider.md`` and the library of its own providers (``execution/common/commands.go``).
Standard library alone: GARM starts a process for each call.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from goldrun.errors import UsageError

EXIT_NOT_FOUND = 30
EXIT_DUPLICATE = 31
VERSIONS = ("v0.1.0", "v0.1.1")

CREATE = "CreateInstance"
DELETE = "DeleteInstance"
GET = "GetInstance"
LIST = "ListInstances"
START = "StartInstance"
STOP = "StopInstance"
REMOVE_ALL = "RemoveAllInstances"
# Of version 0.1.1.
GET_VERSIONS = "GetSupportedInterfaceVersions"
VALIDATE = "ValidatePoolInfo"
CONFIG_SCHEMA = "GetConfigJSONSchema"
SPECS_SCHEMA = "GetExtraSpecsJSONSchema"

_ONE = (DELETE, GET, START, STOP)
_WITHOUT_CLOUD = (GET_VERSIONS, CONFIG_SCHEMA, SPECS_SCHEMA)
COMMANDS = (CREATE, *_ONE, LIST, REMOVE_ALL, VALIDATE, *_WITHOUT_CLOUD)


@dataclass(frozen=True)
class Call:
    """One call by the engine.

    Attributes:
        command: one of ``COMMANDS``.
        controller: the engine's id; instances of other controllers are never touched.
        pool: the pool's id.
        instance: a provider id, or the name of an instance whose creation failed before it had an id.
        config_file: the provider's configuration.
        specs: the pool's extra specs.
    """

    command: str
    controller: str = ""
    pool: str = ""
    instance: str = ""
    config_file: str = ""
    specs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BootstrapInstance:
    """The instance to create: the needed part of the engine's ``BootstrapInstance``.

    Attributes:
        name: a unique name.
        architecture: amd64 or arm64.
        image: the pool's image.
        flavor: the pool's flavor.
        labels: the runner's labels.
        pool: the pool's id.
        repo_url: repository, organization or enterprise of the runner.
        group: the runner group.
        callback_url: where the instance reports its status.
        metadata_url: where it fetches its registration.
        token: authenticates it there.
        jit: whether it receives a just-in-time configuration.
        ca_bundle: certificates in PEM, or empty.
        runner_url: where to download the runner from, on images without one.
        runner_sha256: the download's checksum.
        proxy: an HTTP proxy, or empty.
        no_proxy: hosts to reach without the proxy.
        boot_debug: whether the pool's options ask for a trace of the boot.
        specs: the pool's extra specs.
    """

    name: str
    architecture: str
    image: str
    flavor: str
    labels: tuple[str, ...]
    pool: str
    repo_url: str
    group: str
    callback_url: str
    metadata_url: str
    token: str
    jit: bool
    ca_bundle: str
    runner_url: str
    runner_sha256: str
    proxy: str
    no_proxy: str
    boot_debug: bool
    specs: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"BootstrapInstance({self.name!r}, ***)"


def read_call(env: Mapping[str, str]) -> Call:
    """Read the call from the environment.

    Raises:
        UsageError: it violates the contract.
    """
    command = env.get("GARM_COMMAND", "")
    if command not in COMMANDS:
        raise UsageError(
            f"GARM_COMMAND={command!r} is not a command of the contract." if command else "GARM_COMMAND is not set.",
            fix=["this program is called by GARM: see docs/scale-out.md."],
        )
    version = env.get("GARM_INTERFACE_VERSION", "")
    if version and version not in VERSIONS:
        raise UsageError(f"GARM_INTERFACE_VERSION={version!r} is not supported.", fix=[f"use {' or '.join(VERSIONS)}."])
    call = Call(
        command=command,
        controller=env.get("GARM_CONTROLLER_ID", ""),
        pool=env.get("GARM_POOL_ID", ""),
        instance=env.get("GARM_INSTANCE_ID", ""),
        config_file=env.get("GARM_PROVIDER_CONFIG_FILE", ""),
        specs=read_specs(env.get("GARM_POOL_EXTRASPECS", "")),
    )
    needed = {"GARM_PROVIDER_CONFIG_FILE": call.config_file, "GARM_CONTROLLER_ID": call.controller}
    if command in (CREATE, LIST):
        needed["GARM_POOL_ID"] = call.pool
    if command in _ONE:
        needed["GARM_INSTANCE_ID"] = call.instance
    if command not in _WITHOUT_CLOUD and command != VALIDATE:
        for name, value in needed.items():
            if not value:
                raise UsageError(f"{name} is not set; {command} needs it.")
    return call


def read_specs(text: str) -> Mapping[str, Any]:
    """Decode extra specs: JSON, in base64 from newer engines; ``null`` and the empty string mean none.

    Raises:
        UsageError: the text is not a JSON object.
    """
    if not text.strip():
        return {}
    try:
        plain = text if text.lstrip()[:1] in ("{", "n") else base64.b64decode(text, validate=True).decode()
        specs = json.loads(plain)
    except (ValueError, RecursionError) as error:
        raise UsageError("GARM_POOL_EXTRASPECS is not a JSON object, in base64 or plain.") from error
    if specs is not None and not isinstance(specs, dict):
        raise UsageError("The extra specs are not a JSON object.")
    return specs or {}


def read_bootstrap_instance(text: str, call: Call) -> BootstrapInstance:
    """Read the bootstrap parameters, from stdin.

    Raises:
        UsageError: they violate the contract.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError("CreateInstance needs the bootstrap parameters, as JSON on stdin.") from None
    if not isinstance(given, dict):
        raise UsageError("The bootstrap parameters are not a JSON object.")
    for name in ("name", "image", "flavor", "metadata-url", "instance-token"):
        if not isinstance(given.get(name), str) or not given[name]:
            raise UsageError(f"The bootstrap parameters have no {name}.")
    if given.get("os_type", "linux") != "linux":
        raise UsageError(f"os_type {given['os_type']!r} is not supported.", fix=["use linux."])
    architecture = str(given.get("arch", "amd64"))
    if architecture not in ("amd64", "arm64"):
        raise UsageError(f"arch {architecture!r} is not supported.", fix=["use amd64 or arm64."])
    url, sha256 = _download(given.get("tools") or [], architecture)
    proxy = given.get("proxy_config") or {}
    if not isinstance(proxy, dict):
        raise UsageError("proxy_config in the bootstrap parameters is not a JSON object.")
    return BootstrapInstance(
        name=given["name"],
        architecture=architecture,
        image=given["image"],
        flavor=given["flavor"],
        labels=tuple(str(label) for label in given.get("labels") or []),
        pool=str(given.get("pool_id") or call.pool),
        repo_url=str(given.get("repo_url") or ""),
        group=str(given.get("github-runner-group") or ""),
        callback_url=str(given.get("callback-url") or ""),
        metadata_url=given["metadata-url"],
        token=given["instance-token"],
        jit=bool(given.get("jit_config_enabled")),
        ca_bundle=_pem(given.get("ca-cert-bundle")),
        runner_url=url,
        runner_sha256=sha256,
        proxy=str(proxy.get("https_proxy") or proxy.get("http_proxy") or ""),
        no_proxy=str(proxy.get("no_proxy") or ""),
        boot_debug=_boot_debug(given.get("user_data_options")),
        specs=given.get("extra_specs") or call.specs,
    )


def _download(tools: list[Any], architecture: str) -> tuple[str, str]:
    kind = "arm64" if architecture == "arm64" else "x64"
    for tool in tools:
        if isinstance(tool, dict) and (tool.get("os"), tool.get("architecture")) == ("linux", kind):
            return str(tool.get("download_url") or ""), str(tool.get("sha256_checksum") or "")
    return "", ""


def _boot_debug(options: Any) -> bool:
    return isinstance(options, dict) and options.get("enable_boot_debug") is True


def _pem(encoded: Any) -> str:
    """Decode certificates: Go writes bytes as base64."""
    try:
        return base64.b64decode(encoded or "", validate=True).decode("ascii")
    except (ValueError, TypeError, binascii.Error):
        raise UsageError("ca-cert-bundle is not a certificate in base64.") from None

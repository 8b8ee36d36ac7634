"""The commands of the contract, on goldrun's own launch, look-up and release."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from goldrun import __version__, config, telling
from goldrun.clock import Clock
from goldrun.cloud.client import EcsClient, connect
from goldrun.cloud.instances import Instance, describe_instances, release
from goldrun.cloud.tags import GARM_CONTROLLER, GARM_NAME, GARM_POOL, GARM_RUNNER, OWNED, ROLE
from goldrun.durations import parse_duration
from goldrun.errors import GoldrunError, UsageError
from goldrun.garm import contract, settings
from goldrun.garm.contract import Call, Wanted
from goldrun.github import client as githubs
from goldrun.github.scope import Scope, organization_scope, repository_scope
from goldrun.images.order import read_manifest, with_image
from goldrun.launch.cache import FileCache
from goldrun.launch.launch import Launched
from goldrun.launch.offers import Span, parse_span
from goldrun.launch.order import Order, fill, read_order
from goldrun.runners import versions
from goldrun.runners.bootstrap import Bootstrap, user_data

Say = Callable[[str], None]
FLAVOR = re.compile(r"(?P<cpu>\d+)(?:c(?P<memory>\d+)g)?", re.IGNORECASE)
STATUS = {
    "Running": "running",
    "Pending": "running",
    "Starting": "running",
    "Stopping": "stopped",
    "Stopped": "stopped",
}


class DuplicateError(GoldrunError):
    """There is another instance of that name."""

    exit_code = contract.EXIT_DUPLICATE


class NoSuchInstanceError(GoldrunError):
    """There is no such instance of this controller's."""

    exit_code = contract.EXIT_NOT_FOUND


class Provider:
    """Answers one call."""

    def __init__(self, call: Call, env: Mapping[str, str], clock: Clock) -> None:
        """Open the cloud that the configuration names.

        Raises:
            UsageError: the configuration is wrong.
        """
        told = settings.read_config(call.config_file)
        self.call = call
        self.clock = clock
        self.env = {**env, **told}
        self.client: EcsClient = connect(self.env, clock, notice=_tell, trace=telling.trace(self.env))
        folder = told.get("cache_folder") or str(Path(tempfile.gettempdir()) / f"goldrun-garm-{os.getuid()}")
        self.cache = FileCache(self.env, clock, Path(folder))

    def create(self, wanted: Wanted, say: Say) -> None:
        """Create the instance, or find that an earlier call has, and say it.

        Raises:
            GoldrunError: there is none, or it could not be said; nothing of it is left.
        """
        for one in self._all(GARM_NAME.of(wanted.name)):
            if not GARM_POOL.matches(one.tags, wanted.pool):
                raise DuplicateError(f"{wanted.name} is there already ({one.id}), in another pool.")
            say(json.dumps(self._told(one.id, wanted.name, "running", wanted, one)))
            return

        order = self._order(wanted)
        self._require_current_runner(wanted, order)

        def deliver(got: Sequence[Launched]) -> None:
            (launched,) = got
            say(json.dumps(self._told(launched.ids[0], wanted.name, "running", wanted)))

        fill(self.client, order, cache=self.cache, tell=_tell, deliver=deliver)

    def delete(self) -> None:
        """Delete the instance, and see that it is gone; one that is not there is no error.

        Raises:
            GoldrunError: it may still be there.
        """
        release(self.client, [one.id for one in self._named()])

    def get(self) -> dict[str, Any]:
        """The instance.

        Raises:
            NoSuchInstanceError: there is none.
        """
        return self._describe(self._one())

    def list_pool(self) -> list[dict[str, Any]]:
        """The pool's instances."""
        return [self._describe(one) for one in self._all(GARM_POOL.of(self.call.pool))]

    def start(self) -> None:
        """Start the instance.

        Raises:
            NoSuchInstanceError: there is none.
        """
        self.client.call("StartInstance", {"InstanceId": self._one().id})

    def stop(self) -> None:
        """Stop the instance. A sweep takes stopped ones for left behind: GARM itself never stops any.

        Raises:
            NoSuchInstanceError: there is none.
        """
        self.client.call("StopInstance", {"InstanceId": self._one().id, "ForceStop": True})

    def remove_all(self) -> None:
        """Delete every instance of this controller's."""
        release(self.client, [one.id for one in self._all({})])

    def _one(self) -> Instance:
        found = self._named()
        if not found:
            raise NoSuchInstanceError(f"There is no instance {self.call.instance} of this controller's.")
        return found[0]

    def _named(self) -> list[Instance]:
        """By provider id, or by the name that it was to have; of this controller's alone."""
        wanted = self.call.instance
        if wanted.startswith("i-"):
            found = describe_instances(self.client, ids=[wanted])
            return [one for one in found if GARM_CONTROLLER.matches(one.tags, self.call.controller)]
        return self._all(GARM_NAME.of(wanted))

    def _all(self, more: Mapping[str, str]) -> list[Instance]:
        return describe_instances(self.client, tags={**OWNED, **self._own_tags(), **more})

    def _own_tags(self) -> dict[str, str]:
        return {**ROLE.of(GARM_RUNNER), **GARM_CONTROLLER.of(self.call.controller)}

    def _order(self, wanted: Wanted) -> Order:
        specs = wanted.specs
        _check_specs(specs)
        types, cpus, memory = read_flavor(wanted.flavor)
        base = {name: value for name, value in self.env.items() if name.startswith("ALIYUN_")}
        order = read_order({**base, "ARCH": wanted.architecture, "INSTANCE_TYPE": ",".join(types)}, self.client.region)
        life = parse_duration(specs.get("life", settings.DEFAULT_LIFE))
        request = replace(
            order.request,
            key=f"garm {self.call.controller} {wanted.pool} {wanted.name}",
            name=wanted.name,
            life=life,
            disk_size=specs.get("disk_size"),
            encrypted=specs.get("encrypted", False),
            public_ip=specs.get("public_ip", False),
            protected=specs.get("protect", config.PROTECTIONS[0]) == config.PROTECTIONS[0],
            tags={**self._own_tags(), **GARM_POOL.of(wanted.pool), **GARM_NAME.of(wanted.name)},
            user_data=self._user_data(wanted, life),
        )
        wish = replace(
            order.wish,
            cpus=parse_span(specs["cpu"], "vCPUs") if "cpu" in specs else cpus,
            memory=parse_span(specs["memory"], "GiB") if "memory" in specs else memory,
            zones=tuple(specs.get("zones", ())),
            max_price=specs.get("max_price"),
        )
        order = replace(
            order,
            request=request,
            wish=wish,
            policy=specs.get("policy", order.policy),
            on_demand_fallback=specs.get("on_demand_fallback", False),
            # An earlier call for the same instance may have been cut off.
            resume=True,
        )
        return with_image(self.client, order, self.env, name=wanted.image, tell=_tell)

    def _require_current_runner(self, wanted: Wanted, order: Order) -> None:
        """See that GitHub takes the image's runner as long as it may live, where there is a token to ask it with.

        An image without a runner gets the one that the engine names.
        """
        if not config.GITHUB_TOKEN.read(self.env):
            return
        manifest = read_manifest(self.client, order)
        server, scope = read_repository(wanted.repo_url)
        if manifest is None or scope is None:
            return
        version = versions.version_in(manifest)
        urls = {config.GITHUB_API_URL.names[0]: api_url(server), config.GITHUB_SERVER_URL.names[0]: server}
        github = githubs.connect({**urls, **self.env}, self.clock, notice=_tell, trace=telling.trace(self.env))
        try:
            now, life = self.client.clock.now(), order.request.life
            versions.require_current(github, scope, version, now=now, life=life, tell=_tell)
        finally:
            github.close()

    def _user_data(self, wanted: Wanted, life: float) -> bytes:
        """The engine's token is in it: an instance of GARM's fetches its registration itself."""
        if urlsplit(wanted.proxy).password:
            raise UsageError(
                "The pool's proxy has a password, and user data is no place for one.",
                fix=["let the proxy know runners by their addresses instead."],
            )
        specs = wanted.specs
        bootstrap = Bootstrap(
            life=life,
            runner_url=wanted.runner_url,
            runner_sha256=wanted.runner_sha256,
            endpoint=config.INSTANCE_ENDPOINT.read(self.env),
            job_seconds=parse_duration(specs["job_timeout"]) if "job_timeout" in specs else life,
            setup=specs.get("setup", ""),
            engine=files("goldrun.garm").joinpath("engine.sh").read_text(encoding="utf-8"),
        )
        more = {
            "CALLBACK_URL": wanted.callback_url,
            "METADATA_URL": wanted.metadata_url,
            "INSTANCE_TOKEN": wanted.token,
            "JIT": str(wanted.jit).lower(),
            "REPO_URL": wanted.repo_url,
            "RUNNER_NAME": wanted.name,
            "LABELS": ",".join(wanted.labels),
            "GROUP": wanted.group,
            "PROXY": wanted.proxy,
            "NO_PROXY_FOR": wanted.no_proxy,
            "CA_BUNDLE": wanted.ca_bundle,
        }
        return user_data(bootstrap, more)

    def _describe(self, one: Instance) -> dict[str, Any]:
        told = self._told(one.id, GARM_NAME.read(one.tags, one.name), STATUS.get(one.status, "unknown"))
        addresses = [(one.private_ip, "private"), (one.public_ip, "public")]
        told["addresses"] = [{"address": address, "type": kind} for address, kind in addresses if address]
        return told

    def _told(
        self, instance_id: str, name: str, status: str, wanted: Wanted | None = None, one: Instance | None = None
    ) -> dict[str, Any]:
        told: dict[str, Any] = {"provider_id": instance_id, "name": name, "os_type": "linux", "status": status}
        if wanted:
            told |= {"os_arch": wanted.architecture, "pool_id": wanted.pool}
        if one:
            told["status"] = STATUS.get(one.status, "unknown")
        return told


def read_flavor(flavor: str) -> tuple[list[str], Span, Span]:
    """A pool's flavor: instance types by comma, or a size: ``8c16g`` or ``8`` vCPUs.

    Raises:
        UsageError: it is neither.
    """
    types = [one.strip() for one in flavor.split(",") if one.strip()]
    if types and all(one.startswith("ecs.") for one in types):
        return types, Span(), Span()
    match = FLAVOR.fullmatch(flavor.strip())
    if match is None:
        raise UsageError(
            f"The flavor {flavor!r} is neither instance types nor a size.",
            fix=["write e.g. ecs.c7.2xlarge,ecs.g7.2xlarge or 8c16g."],
        )
    memory = parse_span(f"{match['memory']}..", "GiB") if match["memory"] else Span()
    return [], parse_span(match["cpu"], "vCPUs"), memory


def read_repository(url: str) -> tuple[str, Scope | None]:
    """Server and scope of what a pool belongs to, ``https://github.com/octo-org/octo-repo``; an enterprise is no scope.

    Raises:
        UsageError: it is nothing of GitHub's.
    """
    parts = urlsplit(url)
    folder, _, name = parts.path.strip("/").rpartition("/")
    prefix, _, owner = folder.rpartition("/")
    server = f"{parts.scheme}://{parts.netloc}"
    if owner == "enterprises":
        return server, None
    if not owner:
        return server, organization_scope(name)
    return f"{server}/{prefix}".rstrip("/"), repository_scope(f"{owner}/{name}")


def api_url(server: str) -> str:
    """Where a server's API answers: GitHub's own have a host for it, an Enterprise Server a path."""
    scheme, _, host = server.partition("://")
    return f"{scheme}://api.{host}" if host == "github.com" or host.endswith(".ghe.com") else f"{server}/api/v3"


def answer(env: Mapping[str, str], stdin: str, clock: Clock, say: Say) -> None:
    """Answer a call.

    Args:
        env: the call.
        stdin: what comes with it.
        clock: to wait on.
        say: prints what the engine reads.

    Raises:
        GoldrunError: the call fails.
    """
    call = contract.read_call(env)
    if call.command in _PLAIN:
        say(_PLAIN[call.command]())
        return
    if call.command == contract.VALIDATE:
        _check_specs(call.specs)
        if call.config_file:
            settings.read_config(call.config_file)
        return
    wanted = contract.read_wanted(stdin, call) if call.command == contract.CREATE else None
    provider = Provider(call, env, clock)
    try:
        if wanted:
            provider.create(wanted, say)
        elif (told := _WORK[call.command](provider)) is not None:
            say(json.dumps(told))
    finally:
        provider.client.close()


# What needs no cloud.
_PLAIN: dict[str, Callable[[], str]] = {
    contract.GET_VERSION: lambda: f"v{__version__}",
    contract.GET_VERSIONS: lambda: json.dumps(list(contract.VERSIONS)),
    contract.CONFIG_SCHEMA: lambda: json.dumps(settings.config_schema()),
    contract.SPECS_SCHEMA: lambda: json.dumps(settings.specs_schema()),
}
_WORK: dict[str, Callable[[Provider], Any]] = {
    contract.GET: Provider.get,
    contract.LIST: Provider.list_pool,
    contract.DELETE: Provider.delete,
    contract.START: Provider.start,
    contract.STOP: Provider.stop,
    contract.REMOVE_ALL: Provider.remove_all,
}


def failure(env: Mapping[str, str], stdin: str, error: GoldrunError) -> str:
    """What is printed when a creation fails: the instance, with what is wrong with it."""
    if env.get("GARM_COMMAND") != contract.CREATE:
        return ""
    try:
        name = str(json.loads(stdin)["name"])
    except (ValueError, KeyError, TypeError):
        return ""
    fault = base64.b64encode(str(error).encode()).decode()
    return json.dumps({"provider_id": name, "name": name, "status": "error", "provider_fault": fault})


def _check_specs(specs: Mapping[str, Any]) -> None:
    if unknown := settings.check_specs(specs):
        _tell(f"goldrun does not use these extra specs: {', '.join(unknown)}. It knows: {', '.join(settings.SPECS)}.")


def _tell(words: str) -> None:
    print(f"note: {words}", file=sys.stderr)  # noqa: T201 - the engine logs it

"""The settings of a launch from GARM: the provider's configuration, the pool's flavor and extra specs."""

from __future__ import annotations

import re
from importlib.resources import files
from urllib.parse import urlsplit

from goldrun import config
from goldrun.config import Environment
from goldrun.errors import UsageError
from goldrun.garm.contract import BootstrapInstance
from goldrun.garm.settings import Config, Specs
from goldrun.launch import environment
from goldrun.launch.offers import Criteria, Span, parse_span
from goldrun.launch.settings import LaunchSettings, Network
from goldrun.runners.bootstrap import Bootstrap, user_data

FLAVOR = re.compile(r"(?P<cpu>\d+)(?:c(?P<memory>\d+)g)?", re.IGNORECASE)


def read_settings(
    wanted: BootstrapInstance,
    specs: Specs,
    provider: Config,
    env: Environment,
    region: str,
    *,
    key: str,
    tags: dict[str, str],
    spread: bool,
) -> LaunchSettings:
    """Return the settings of the instance that the engine wants; its image is still a name.

    Args:
        wanted: the engine's request.
        specs: the pool's extra specs.
        provider: the configuration file.
        env: the engine's environment; gives the defaults of the configuration.
        region: the region to work in.
        key: identifies the instance.
        tags: the instance's tags.
        spread: whether the pool's instances are distributed, if its extra specs do not say.

    Raises:
        UsageError: the flavor, or a value for the user data, is not valid.
    """
    types, cpus, memory = read_flavor(wanted.flavor)
    return LaunchSettings(
        network=Network(
            security_group=provider.security_group,
            zones=environment.read_zones(env, region),
            vswitches=provider.vswitches or environment.read_vswitches(env),
            vpc=provider.vpc or config.VPC.read(env),
        ),
        key=key,
        image_name=wanted.image,
        name=wanted.name,
        life=specs.life,
        key_pair=provider.key_pair or config.KEY_PAIR.read(env),
        role=provider.role or config.ROLE.read(env),
        user_data=_user_data(wanted, specs, config.INSTANCE_ENDPOINT.read(env)),
        disk_size=specs.disk_size,
        encrypted=specs.encrypted,
        public_ip=specs.public_ip,
        protected=specs.protected,
        tags=tags,
        criteria=Criteria(
            architecture=wanted.architecture,
            cpus=specs.cpus or cpus,
            memory=specs.memory or memory,
            types=types,
            zones=specs.zones,
            max_price=specs.max_price,
        ),
        policy=specs.policy,
        spread=spread if specs.spread is None else specs.spread,
        on_demand_fallback=specs.on_demand_fallback,
    )


def read_flavor(flavor: str) -> tuple[tuple[str, ...], Span, Span]:
    """Read a pool's flavor: instance types separated by commas, or a size: ``8c16g``, or ``8`` vCPUs.

    Returns:
        The instance types, and the ranges of vCPUs and of GiB.

    Raises:
        UsageError: it is neither.
    """
    types = tuple(name.strip() for name in flavor.split(",") if name.strip())
    if types and all(name.startswith("ecs.") for name in types):
        return types, Span(), Span()
    match = FLAVOR.fullmatch(flavor.strip())
    if match is None:
        raise UsageError(
            f"The flavor {flavor!r} is neither instance types nor a size.",
            fix=["write e.g. ecs.c7.2xlarge,ecs.g7.2xlarge or 8c16g."],
        )
    memory = parse_span(f"{match['memory']}..", "GiB") if match["memory"] else Span()
    return (), parse_span(match["cpu"], "vCPUs"), memory


def _user_data(wanted: BootstrapInstance, specs: Specs, endpoint: str) -> bytes:
    """Return the script of the first boot, with the engine's token: the instance fetches its registration itself.

    It fetches a proxy with a password too: the token is of no use once the runner is idle, a password stays good.
    """
    secret_proxy = bool(urlsplit(wanted.proxy).password)
    bootstrap = Bootstrap(
        life=specs.life,
        runner_url=wanted.runner_url,
        runner_sha256=wanted.runner_sha256,
        endpoint=endpoint,
        job_seconds=specs.life if specs.job_timeout is None else specs.job_timeout,
        longest_job=specs.longest_job,
        setup=specs.setup,
        pre_install=specs.pre_install,
        debug=specs.boot_debug or wanted.boot_debug,
        engine="".join(
            files("goldrun.garm").joinpath(name).read_text(encoding="utf-8")
            for name in ("engine.sh", *(["template.sh"] if specs.template else []))
        ),
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
        "PROXY": "" if secret_proxy else wanted.proxy,
        "SECRET_PROXY": "true" if secret_proxy else "",
        "TEMPLATE": "true" if specs.template else "",
        "NO_PROXY_FOR": wanted.no_proxy,
        "CA_BUNDLE": wanted.ca_bundle,
    }
    return user_data(bootstrap, more)

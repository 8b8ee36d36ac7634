"""The scale sets that a configuration asks for, and the settings of their machines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from goldrun import config as variables
from goldrun.cloud.tags import OWNED, ROLE, SCALE_SET, SCOPE, SERVED_RUNNER
from goldrun.config import Environment
from goldrun.durations import parse_duration
from goldrun.github.scope import Scope, read_scope
from goldrun.launch import environment
from goldrun.launch.offers import Criteria, parse_span
from goldrun.launch.settings import LaunchSettings, Network
from goldrun.serve.config import NO_LIMITS, Config, Limits, NetworkPart, Profile, Size, parse_size
from goldrun.serve.schedules import includes

MAX_NAME = 40  # of the part of a runner's name before its instance's id; GitHub allows 64 in all


@dataclass(frozen=True)
class ScaleSetSpec:
    """A scale set: a profile, or one of its sizes, for one scope.

    Attributes:
        name: its name, which is a label.
        scope: whose jobs it runs.
        group: the name of its runner group.
        labels: all its labels.
        profile: what its machines are like.
        size: instead of the profile's cpu and memory; None: it has no sizes.
        setup: the text of the setup script; empty: none.
        network: where machines are placed.
        kind: the profile's name.
        limits: what all scale sets share.
    """

    name: str
    scope: Scope
    group: str
    labels: tuple[str, ...]
    profile: Profile
    size: Size | None
    setup: str
    network: NetworkPart
    kind: str = ""
    limits: Limits = NO_LIMITS

    @property
    def life(self) -> float:
        """Seconds that a machine lives at most."""
        return parse_duration(self.profile.life)

    @property
    def longest_job(self) -> float:
        """Seconds that a job may take."""
        return parse_duration(self.profile.longest_job)

    @property
    def stopped_life(self) -> float:
        """Seconds that a stopped machine is kept."""
        return parse_duration(self.profile.stopped_life)

    @property
    def boot_seconds(self) -> float:
        """Seconds that a machine may take to come online."""
        return parse_duration(self.profile.boot)

    def min_idle(self, now: float) -> int:
        """Return how many runners wait for a job at that moment (seconds since 1970)."""
        for part in self.profile.schedules:
            if includes(part.days, part.hours, part.timezone, now):
                return part.min_idle
        return self.profile.min_idle

    def min_stopped(self, now: float) -> int:
        """Return how many more wait at that moment, stopped."""
        for part in self.profile.schedules:
            if includes(part.days, part.hours, part.timezone, now):
                return self.profile.min_stopped if part.min_stopped is None else part.min_stopped
        return self.profile.min_stopped

    def tags(self) -> dict[str, str]:
        """Return the tags that identify the set's machines."""
        return {**OWNED, **ROLE.of(SERVED_RUNNER), **SCALE_SET.of(self.name), **SCOPE.of(self.scope.tag)}

    def runner_name(self, instance_id: str) -> str:
        """Return the name of an instance's runner: each is known from the other."""
        return f"{self.name[:MAX_NAME]}-{instance_id}"

    def machine_of(self, runner: str) -> str:
        """Return the instance of a runner."""
        return runner.removeprefix(self.runner_name(""))

    def settings(self, env: Environment, region: str) -> LaunchSettings:
        """Return the settings of a machine; its image is still a name, its user data is missing.

        Raises:
            UsageError: a variable that stands in for a missing key is not set, or not valid.
        """
        profile, size, network = self.profile, self.size, self.network
        return LaunchSettings(
            network=Network(
                security_group=network.security_group or variables.SECURITY_GROUP.require(env),
                zones={} if network.vswitches else environment.read_zones(env, region),
                vswitches=network.vswitches or environment.read_vswitches(env),
                vpc=network.vpc or variables.VPC.read(env),
            ),
            image_name=profile.image,
            name=f"goldrun-{self.name}"[:128],
            life=self.life,
            key_pair=network.key_pair or variables.KEY_PAIR.read(env),
            role=network.role or variables.ROLE.read(env),
            disk_size=profile.disk,
            encrypted=profile.encrypted,
            public_ip=profile.public_ip,
            protected=profile.protect == "1h",
            tags=self.tags(),
            criteria=Criteria(
                architecture=(size.arch if size else "") or profile.arch,
                cpus=parse_span(size.cpu if size else profile.cpu, "vCPUs"),
                memory=parse_span(size.memory if size else profile.memory, "GiB"),
                types=profile.types,
                zones=profile.zones,
                max_price=profile.max_price,
            ),
            policy=profile.policy,
            spread=True,
            on_demand_fallback=profile.on_demand_fallback,
        )


def scale_set_specs(config: Config, folder: Path) -> list[ScaleSetSpec]:
    """Return the scale sets of a configuration.

    Args:
        config: the configuration, checked.
        folder: where its setup scripts are.
    """
    found = []
    for text in config.github.scopes:
        for name, profile in config.profile.items():
            setup = (folder / profile.setup).read_text(encoding="utf-8") if profile.setup else ""
            for size in profile.sizes or ("",):
                label = f"{name}-{size}" if size else name
                found.append(
                    ScaleSetSpec(
                        name=label,
                        scope=read_scope(text),
                        group=config.github.group,
                        labels=(label, *profile.labels),
                        profile=profile,
                        size=parse_size(size),
                        setup=setup,
                        network=config.network,
                        kind=name,
                        limits=config.limits,
                    )
                )
    return found

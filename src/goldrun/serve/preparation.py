"""What a new machine of a scale set is launched with: the newest image, the runner's download, the bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from goldrun import config as variables
from goldrun.cloud.client import EcsClient
from goldrun.config import Environment
from goldrun.github.client import GitHub
from goldrun.images.resolve import read_manifest, resolve_image
from goldrun.launch.settings import LaunchSettings
from goldrun.report import Report
from goldrun.runners import registrations, versions
from goldrun.runners.bootstrap import Bootstrap, user_data
from goldrun.runners.environment import read_mirror
from goldrun.serve.cached import Cached
from goldrun.serve.observer import Observer
from goldrun.serve.scale_set_spec import ScaleSetSpec

FRESH_SECONDS = 300.0  # a look-up of the image is repeated after that
CONFIG_SECONDS = 600.0  # how long a machine waits for its configuration: a second server may have to take over

Prepare = Callable[[], LaunchSettings]  # returns the settings of a new machine, its image looked up


@dataclass
class Preparation:
    """Prepares launches; call it for each.

    Attributes:
        client: the cloud.
        github: GitHub's API.
        spec: the scale set.
        env: the environment, for what the configuration leaves out.
        report: receives what a person may want to know, once for each image.
        observer: is told when GitHub stops giving jobs to the image's runner.
    """

    client: EcsClient
    github: GitHub
    spec: ScaleSetSpec
    env: Environment
    report: Report
    observer: Observer
    _remembered: Cached[LaunchSettings] = field(init=False)
    _image: str = ""

    def __post_init__(self) -> None:
        """Look nothing up yet."""
        self._remembered = Cached(self.client.clock, self._prepare, FRESH_SECONDS)

    def __call__(self) -> LaunchSettings:
        """Return the settings, at most a few minutes old.

        Raises:
            GoldrunError: the image is not found or not fit, or GitHub no longer takes its runner.
        """
        return self._remembered()

    def _prepare(self) -> LaunchSettings:
        spec = self.spec
        settings = resolve_image(self.client, spec.settings(self.env, self.client.region), lambda _: None)
        image = settings.image_id or settings.image_family
        changed, self._image = image != self._image, image
        report = self.report if changed else lambda _: None
        report(f"{spec.name}: instances boot from {image}.")
        manifest = read_manifest(self.client, settings)
        if manifest is not None:
            ends = versions.require_current(
                self.github,
                spec.scope,
                versions.version_in(manifest),
                now=self.client.clock.now(),
                life=settings.life,
                report=report,
            )
            if ends is not None:
                self.observer.runner_version(spec, ends)
        download = registrations.find_download(
            self.github, spec.scope, settings.criteria.architecture, read_mirror(self.env)
        )
        bootstrap = Bootstrap(
            life=settings.life,
            runner_url=download.url,
            runner_sha256=download.sha256,
            endpoint=variables.INSTANCE_ENDPOINT.read(self.env),
            config_seconds=max(CONFIG_SECONDS, spec.boot_seconds),
            job_seconds=settings.life,
            longest_job=spec.longest_job,
            setup=spec.setup,
        )
        return replace(settings, user_data=user_data(bootstrap))

"""What every step of a build uses: recipe, settings, clients.

None of it changes during the build, except what the build learns about its instances, which is a ``Memory``, and the
heartbeat, which follows the current instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from goldrun.bake.progress import BuildProgress
from goldrun.bake.recipe import Loaded, Recipe
from goldrun.bake.step_handler import FixedDecision, StepHandler
from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import Image
from goldrun.cloud.tags import ARCHITECTURE, FAMILY
from goldrun.contents.components import Contents
from goldrun.contents.osv import Advisory
from goldrun.images.naming import LATEST, PublishedName
from goldrun.images.provenance import Signer
from goldrun.launch.heartbeat import Heartbeat
from goldrun.launch.offers import Offer, OfferKind
from goldrun.launch.settings import LaunchSettings

Check = Callable[[Image], None]


@dataclass(frozen=True)
class Options:
    """How to build.

    Attributes:
        force: build even if an image with the same hash exists, and use no stages but those before ``from_step``.
        publish: publish the image as ``latest``.
        keep: number of versions to keep.
        from_step: run this step and those after it again, although nothing changed; empty: none. Stages with it are
            not used.
        handler: decides about steps that fail, and when a pause ends.
        pauses: the steps after which the build pauses; stages with them are not used.
        source: the recipe's repository@commit, or empty.
        check: called with the image before its boot test; raises RefusedError if the image must not be used.
        advisories: the database that images are scanned with; None: none is given.
        sign: signs the image and its copies; None: no key is given.
        listed: receives what is inside an image that was booted; None: not needed.
    """

    force: bool = False
    publish: bool = True
    keep: int = 1
    from_step: str = ""
    handler: StepHandler = field(default_factory=FixedDecision)
    pauses: tuple[str, ...] = ()
    source: str = ""
    check: Check = lambda _: None
    advisories: Callable[[], Iterable[Advisory]] | None = None
    sign: Signer | None = None
    listed: Callable[[Image, Contents], None] | None = None


@dataclass
class Memory:
    """What a build learns from its instances. It changes during the build: the next instance profits from it.

    Attributes:
        offer: where the last instance was launched: the next one is tried there before the market is read again.
        reclaimed: type, zone, and whether it was a spot instance, of those that were reclaimed: others are tried first.
        boot_seconds: how long each has taken to boot; the next one is expected to be as quick as the quickest.
    """

    offer: Offer | None = None
    reclaimed: set[OfferKind] = field(default_factory=set)
    boot_seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Context:
    """One build of one architecture.

    Attributes:
        client: the cloud; its waits refresh the heartbeat.
        heartbeat: of the instance that the build uses.
        loaded: the recipe and its files.
        architecture: ``amd64`` or ``arm64``.
        settings: network, key pair and role of the build's instances.
        options: how to build.
        report: shows the progress.
        memory: what the build learns from its instances.
    """

    client: EcsClient
    heartbeat: Heartbeat
    loaded: Loaded
    architecture: str
    settings: LaunchSettings
    options: Options
    report: BuildProgress
    memory: Memory = field(default_factory=Memory)

    @property
    def recipe(self) -> Recipe:
        """The content of ``recipe.toml``."""
        return self.loaded.recipe

    @property
    def alias(self) -> PublishedName:
        """The name that the image is published under."""
        return PublishedName(self.recipe.family, self.architecture, LATEST)

    @property
    def lineage_tags(self) -> dict[str, str]:
        """The tags that the lineage's images and instances share."""
        return {**FAMILY.of(self.recipe.family), **ARCHITECTURE.of(self.architecture)}


def open_context(
    client: EcsClient,
    loaded: Loaded,
    architecture: str,
    settings: LaunchSettings,
    options: Options,
    report: BuildProgress,
) -> Context:
    """Return the context of a build, with its own heartbeat."""
    heartbeat = Heartbeat(client)
    return Context(heartbeat.pace(client), heartbeat, loaded, architecture, settings, options, report)

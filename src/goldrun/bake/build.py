"""A build of one architecture, from the skip-check to the prune.

Nothing is remembered but in the cloud's tags. Whoever runs the same command after a build has died anywhere goes on
from what is there: an image that is being made is waited for, one that is made is tested, one that is tested is
published, and everything else that was left is removed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib.resources import files

from goldrun.architecture import to_ecs
from goldrun.bake.builder import machine, wait_for_others
from goldrun.bake.recipe import Loaded, Test
from goldrun.bake.report import Report, step
from goldrun.cloud.assistant import Machine, Result
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError, LostError
from goldrun.cloud.images import (
    ALL_STATUSES,
    AVAILABLE,
    UNFINISHED,
    Image,
    create_image,
    describe_images,
    newest_of_family,
)
from goldrun.cloud.instances import console_output, describe_instances
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import (
    ARCHITECTURE,
    BASE_IMAGE,
    BOOT_TEST,
    BUILD_TIMESTAMP,
    BUILDER,
    FAILED,
    FAMILY,
    MAX_VALUE,
    OWNED,
    PASSED,
    PENDING,
    SOURCE,
    TESTER,
    VERSION_HASH,
)
from goldrun.durations import parse_duration
from goldrun.errors import GoldrunError, NotFoundError, RefusedError, UnavailableError
from goldrun.images import manifest as manifests
from goldrun.images.creation import create_once
from goldrun.images.lineage import Lineage, read_lineage
from goldrun.images.naming import LATEST, PublishedName
from goldrun.images.publish import publish
from goldrun.images.removal import delete_image
from goldrun.images.resolve import require_imds_v2
from goldrun.images.retention import prune
from goldrun.images.waiting import wait_until_available
from goldrun.launch.heartbeat import Heart
from goldrun.launch.offers import parse_span
from goldrun.launch.settings import LaunchSettings
from goldrun.waiting import wait_for

CLEAN_SECONDS = 300.0
STOP_SECONDS = 300.0
MAX_RECLAIMS = 3

Check = Callable[[Image], None]
SHOWN_LINES = 15


@dataclass(frozen=True)
class Options:
    """How to build.

    Attributes:
        force: build although an image with the same hash is there.
        publish: let ``latest`` show it.
        keep: how many versions stay.
        keep_builder: leave the builder alive when a step fails, for whoever looks into it.
        source: the recipe's repository@commit, or empty.
        check: called with the image before it is booted for its test; raises RefusedError where it cannot serve.
    """

    force: bool = False
    publish: bool = True
    keep: int = 1
    keep_builder: bool = False
    source: str = ""
    check: Check = lambda _: None


@dataclass(frozen=True)
class Built:
    """What came of it.

    Attributes:
        image: the image.
        version_hash: what it is known by.
        skipped: it was there already.
    """

    image: Image
    version_hash: str
    skipped: bool


def build(
    client: EcsClient, loaded: Loaded, architecture: str, settings: LaunchSettings, options: Options, report: Report
) -> Built:
    """Build, test, publish; or find that it is done.

    Args:
        client: the cloud.
        loaded: the recipe.
        architecture: for which architecture.
        settings: network, security group, key pair and role of the machines.
        options: how.
        report: hears of it.

    Raises:
        RefusedError: a step or a test fails; nothing is published, and nothing is left.
        GoldrunError: the cloud refuses or cannot be reached.
    """
    return _Build(client, loaded, architecture, settings, options, report).run()


def boot_test(
    client: EcsClient,
    loaded: Loaded,
    image: Image,
    settings: LaunchSettings,
    report: Report,
    check: Check = lambda _: None,
) -> None:
    """Boot a machine from an image and let it pass the recipe's smoke tests.

    Raises:
        RefusedError: a test fails, or ``check`` does, before anything boots.
    """
    _Build(client, loaded, image.architecture, settings, Options(check=check), report).boot_test(image)


class _Build:
    """One build of one architecture."""

    def __init__(
        self,
        client: EcsClient,
        loaded: Loaded,
        architecture: str,
        settings: LaunchSettings,
        options: Options,
        report: Report,
    ) -> None:
        self.heart = Heart(client)
        # Whatever is waited for from here on, the heart beats.
        self.client, self.loaded, self.architecture = self.heart.pace(client), loaded, architecture
        self.settings, self.options, self.report = settings, options, report
        self.recipe = loaded.recipe
        self.alias = PublishedName(self.recipe.family, architecture, LATEST)
        self.tags = {**FAMILY.of(self.recipe.family), **ARCHITECTURE.of(architecture)}

    def run(self) -> Built:
        with self._step("resolve the base image"):
            base = self._base()
            version_hash = self.loaded.version_hash(self.architecture, base.image_id)
            self.report.line(f"{base.name} ({base.image_id}), hash {version_hash}")
        for attempt in range(MAX_RECLAIMS + 1):
            with self._step("look for what is there"):
                wait_for_others(self.client, self.tags, self.report.line)
                found = self._find(version_hash)
            try:
                image = found or self._make(base, version_hash)
                break
            except LostError as error:
                if attempt == MAX_RECLAIMS:
                    raise
                self.report.line(f"{error.what} Starting again on another offer.")
        if BOOT_TEST.matches(image.tags, PENDING):
            image = self._prove(image)
        if self.options.publish:
            with self._step("publish"):
                image = publish(self.client, image.image_id, tested=True, tell=self._tell_plan)
            with self._step("prune"):
                prune(self.client, self.alias, keep=self.recipe.retention.keep or self.options.keep)
        return Built(image, version_hash, skipped=found is not None)

    def boot_test(self, image: Image) -> None:
        self.options.check(image)
        with (
            self._step("boot test"),
            machine(
                self.client,
                self._machine_settings(image.image_id),
                role=TESTER,
                tags=self.tags,
                key=f"test {image.image_id} {self.client.clock.now()}",
                heart=self.heart,
                tell=self.report.line,
            ) as tester,
        ):
            tester.wait_until_ready(parse_duration(self.recipe.limits.boot))
            for test in self.recipe.smoke:
                self._test(tester, test)

    def _base(self) -> Image:
        """The image to start from: the newest of the base's family."""
        family = getattr(self.recipe.base, self.architecture)
        if not family:
            raise RefusedError(
                f"{self.recipe.family} has no base image for {self.architecture}.",
                fix=[f'say {self.architecture} = "…" under [base] in the recipe.'],
            )
        base = newest_of_family(self.client, family)
        if base is None:
            raise NotFoundError(
                f"The image family {family} has no image in {self.client.region}.",
                fix=["Alibaba Cloud's own families begin with acs:, e.g. acs:ubuntu_24_04_x64."],
            )
        if base.architecture != self.architecture:
            raise RefusedError(f"{family} is {to_ecs(base.architecture)}, not {to_ecs(self.architecture)}.")
        require_imds_v2(base)
        return base

    def _find(self, version_hash: str) -> Image | None:
        """What an earlier build of the same has made, if it is what a look-up shows or newer.

        What was made half is waited for; what failed its boot test is removed. Rolled back versions do not count.
        """
        lineage = read_lineage(self.client, self.alias)
        shown = lineage.current()
        for version in lineage.versions():
            if VERSION_HASH.matches(version.tags, version_hash):
                image = self._settled(version)
                verdict = BOOT_TEST.read(image.tags, PASSED)
                if verdict == FAILED:
                    delete_image(self.client, image)
                elif image.status == AVAILABLE and not (self.options.force and verdict == PASSED):
                    return image
            if shown and version.image_id == shown.image_id:
                break
        return None

    def _settled(self, image: Image) -> Image:
        if image.status in UNFINISHED:
            return wait_until_available(self.client, image.image_id)
        return image

    def _make(self, base: Image, version_hash: str) -> Image:
        stamp = self._stamp(read_lineage(self.client, self.alias))
        tags = {**self.tags, **VERSION_HASH.of(version_hash), **BUILD_TIMESTAMP.of(stamp)}
        with machine(
            self.client,
            self._machine_settings(base.image_id),
            role=BUILDER,
            tags=tags,
            key=f"build {self.alias} {stamp} {self.client.clock.now()}",
            heart=self.heart,
            tell=self.report.line,
            keep=lambda error: self.options.keep_builder and isinstance(error, RefusedError),
        ) as builder:
            made = self._provision(builder)
            return self._capture(builder, base, {**tags, **manifests.to_tags(made)})

    def _provision(self, builder: Machine) -> dict[str, str]:
        """Let the builder become what the recipe says; returns the manifest."""
        recipe, variables = self.recipe, self.loaded.variables(self.architecture)
        with self._step("boot the builder"):
            builder.wait_until_ready(parse_duration(recipe.limits.boot))
        if recipe.files:
            with self._step("send the files"):
                for file in recipe.files:
                    content = self.loaded.contents[file.source]
                    builder.send(content, file.target, mode=file.mode, owner=file.owner)
        for part in recipe.steps:
            with self._step(part.name):
                script = self.loaded.contents[part.script]
                self._run(builder, part.name, script, parse_duration(part.timeout), variables)
        for test in recipe.tests:
            with self._step(f"test: {test.name}"):
                self._test(builder, test)
        made = dict(recipe.versions)
        if recipe.manifest:
            with self._step("manifest"):
                script = self.loaded.contents[recipe.manifest]
                result = self._run(builder, "manifest", script, CLEAN_SECONDS, variables)
                made |= _manifest(result.output)
        with self._step("clean"):
            self._run(builder, "clean", files("goldrun.bake").joinpath("clean.sh").read_bytes(), CLEAN_SECONDS, {})
        return made

    def _capture(self, builder: Machine, base: Image, tags: dict[str, str]) -> Image:
        """An image of the builder's disk."""
        with self._step("stop the builder"):
            try:
                self.client.call("StopInstance", {"InstanceId": builder.id})
            except ApiError as error:
                # Repeated because its answer was lost, it finds the instance stopping already.
                stops = self._status(builder.id) in ("Stopping", "Stopped")
                if not error.code.startswith("IncorrectInstanceStatus") or not stops:
                    raise
            wait_for(
                self.client.clock,
                lambda: self._status(builder.id) == "Stopped" or None,
                seconds=STOP_SECONDS,
                late=lambda elapsed: UnavailableError(f"{builder.id} did not stop within {elapsed:.0f} s."),
            )
        with self._step("create the image"):
            more = {**BASE_IMAGE.of(base.image_id), **BOOT_TEST.of(PENDING), **OWNED}
            more |= SOURCE.of(self.options.source[:MAX_VALUE]) if self.options.source else {}
            name = f"{self.alias.lineage}-{BUILD_TIMESTAMP.read(tags)}"
            description = self.recipe.description or f"{self.recipe.family}, built by goldrun"
            made = create_once(
                self.client,
                lambda: create_image(
                    self.client,
                    builder.id,
                    name=name,
                    description=description,
                    tags={**tags, **more},
                    token=f"image-{builder.id}",
                ),
                lambda: self._made(name, tags),
            )
            return wait_until_available(self.client, made)

    def _made(self, name: str, tags: dict[str, str]) -> str | None:
        """The image of this build, where the answer that told its id was lost."""
        found = describe_images(self.client, name=name, status=ALL_STATUSES)
        return next((one.image_id for one in found if one.name == name and tags.items() <= one.tags.items()), None)

    def _prove(self, image: Image) -> Image:
        """Boot-test the candidate; one that fails is not kept."""
        try:
            self.boot_test(image)
        except RefusedError:
            self._mark(image, FAILED)
            delete_image(self.client, image)
            raise
        self._mark(image, PASSED)
        return image._replace(tags={**image.tags, **BOOT_TEST.of(PASSED)})

    def _tell_plan(self, words: list[str]) -> None:
        for one in words:
            self.report.line(one)

    def _mark(self, image: Image, verdict: str) -> None:
        tagging("image", [image.image_id], BOOT_TEST.of(verdict)).make(self.client)

    def _test(self, on: Machine, test: Test) -> None:
        script = f"#!/bin/bash\nset -euo pipefail\n{test.command}\n".encode()
        self._run(on, test.name, script, parse_duration(test.timeout), self.loaded.variables(self.architecture))

    def _run(self, on: Machine, name: str, script: bytes, timeout: float, variables: dict[str, str]) -> Result:
        """Run a script that must succeed.

        Raises:
            RefusedError: it does not; with its exit code and last lines, and the console's.
        """
        result = on.run(name, script, timeout=timeout, variables=variables, tell=self.report.line)
        if result.ok:
            return result
        late = result.status == "Timeout"
        how = f"took longer than {timeout:.0f} s" if late else f"ended with exit code {result.exit_code}"
        lines = [f"  {line}" for line in result.output.splitlines()[-SHOWN_LINES:]]
        raise RefusedError(
            f"{name!r} {how} ({self.alias.lineage}).",
            why=["its last lines:", *lines, *self._console(on.id)] if lines else self._console(on.id),
            fix=["mend the recipe and build again: what is published stays as it is."],
        )

    def _console(self, instance_id: str) -> list[str]:
        try:
            lines = console_output(self.client, instance_id).splitlines()
        except GoldrunError as error:
            return [f"its console cannot be read ({error.what})"]
        return ["the console's last lines:", *(f"  {line}" for line in lines[-5:])] if lines else []

    def _status(self, instance_id: str) -> str:
        found = describe_instances(self.client, ids=[instance_id])
        if not found:
            raise LostError(f"{instance_id} is gone.", why=["the market reclaimed it, or somebody deleted it."])
        return found[0].status

    def _machine_settings(self, image_id: str) -> LaunchSettings:
        builder = self.recipe.builder
        return replace(
            self.settings,
            image_id=image_id,
            name=f"goldrun-{self.alias.lineage}"[:128],
            life=parse_duration(self.recipe.limits.build),
            disk_size=builder.disk,
            wish=replace(
                self.settings.wish,
                architecture=self.architecture,
                cpus=parse_span(builder.cpu, "vCPUs"),
                memory=parse_span(builder.memory, "GiB"),
            ),
            on_demand_fallback=builder.on_demand_fallback,
        )

    def _stamp(self, lineage: Lineage) -> str:
        """A version that no image has: the time, to the second."""
        taken = {image.name for image in lineage.images.values()}
        now = self.client.clock.now()
        while (stamp := time.strftime("%Y%m%d%H%M%S", time.gmtime(now))) and f"{lineage.name}-{stamp}" in taken:
            now += 1
        return stamp

    def _step(self, name: str) -> AbstractContextManager[None]:
        return step(self.report, self.client.clock, name)


def _manifest(output: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in output.splitlines() if "=" in line)
    return {name.strip(): version.strip() for name, _, version in pairs if name.strip()}

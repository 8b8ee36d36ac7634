"""``goldrun image build`` and ``goldrun image test``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldrun import config, stdio
from goldrun.architecture import parse_architecture
from goldrun.cli import output, shell_complete, terminal_prompt
from goldrun.cli.build_instances import builder_settings
from goldrun.cli.build_results import print_outcome
from goldrun.cli.common import ARCH, JSON, REGION, open_client, open_github, silence
from goldrun.cli.recipe_options import parameter_options
from goldrun.cli.reports import view
from goldrun.cloud.images import Image
from goldrun.errors import UsageError
from goldrun.github.client import GitHub
from goldrun.github.connection import may_connect
from goldrun.github.scope import repository_scope
from goldrun.images.find import find_image
from goldrun.images.manifest import from_tags
from goldrun.images.naming import parse_reference
from goldrun.launch.settings import DEFAULT_LIFE_SECONDS
from goldrun.runners import versions

if TYPE_CHECKING:  # `goldrun image --help` must not pay for a build
    from goldrun.bake.recipe import Loaded
    from goldrun.cli.listed import Receiver
    from goldrun.cloud.client import EcsClient
    from goldrun.contents.osv import Advisory
    from goldrun.images.provenance import Signer

RECIPE = click.argument("recipe", type=click.Path(path_type=Path, file_okay=False))


@click.command("build")
@RECIPE
@click.option("--arch", metavar="ARCH[,ARCH]", help="amd64, arm64 or both. [default: all that the recipe supports]")
@click.option("--force", is_flag=True, help="Build even if an image with the same content exists.")
@click.option("--no-publish", is_flag=True, help="Build and test the image without publishing it.")
@click.option(
    "--on-failure",
    type=click.Choice(terminal_prompt.CHOICES),
    default=terminal_prompt.DELETE,
    help="What to do with the builder when a step fails: delete it, keep it until its release time, ask on the "
    "terminal (retry, log in, keep, delete), or log in and then delete it. [default: delete]",
)
@click.option(
    "--from-step", metavar="NAME", help="Run this step and all later ones again, without stages that include it."
)
@click.option(
    "--debug-step", "pauses", multiple=True, metavar="NAME", help="Pause after this step, to log in; can be repeated."
)
@click.option(
    "--public-ip",
    is_flag=True,
    help="Assign public IP addresses to builders, to log in from outside the VPC or to reach the internet without NAT.",
)
@click.option(
    "--sbom",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write a bill of materials and a report of each tested image into this folder.",
)
@click.option(
    "--advisories",
    type=click.Path(path_type=Path, exists=True),
    metavar="PATH",
    help="Advisory database for [scan], in OSV format. [default: GOLDRUN_ADVISORIES]",
)
@click.option("--sign-existing", is_flag=True, help="Sign an existing image as it is (default: rebuild it).")
@parameter_options
@REGION
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print results only.")
def image_build(
    recipe: Path,
    arch: str | None,
    force: bool,
    no_publish: bool,
    on_failure: str,
    from_step: str | None,
    pauses: tuple[str, ...],
    public_ip: bool,
    sbom: Path | None,
    advisories: Path | None,
    sign_existing: bool,
    words: tuple[str, ...],
    parameters: Path | None,
    region: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Build RECIPE's image, boot-test it, publish it and prune old versions.

    Does nothing if an image with the same content exists. The next build resumes an interrupted one, or cleans up after
    it. Prints IMAGE_ID=, IMAGE_NAME=, VERSION_HASH= and SKIP_BUILD=; with two architectures, each name ends in _AMD64
    or _ARM64.

    \b
    Examples:
      goldrun image build recipes/github-runner-ubuntu24
      goldrun image build recipes/tools --arch amd64 --force --no-publish
      goldrun image build recipes/tools --set stage=production
      goldrun image build recipes/tools --from-step 'Install jq' --on-failure ask
    """
    from goldrun.bake.context import Options
    from goldrun.bake.parallel import build_all
    from goldrun.bake.reading import load, read_parameters

    silence(quiet)
    loaded = load(recipe, read_parameters(parameters, words))
    architectures = _architectures(loaded, arch)
    several = len(architectures) > 1
    _check_steps(loaded, (*pauses, *([from_step] if from_step else [])))
    stdio.require_open(os.environ)
    github, client = open_github(public=True), open_client(region)
    options = Options(
        force=force,
        publish=not no_publish,
        keep=config.read_keep(os.environ),
        from_step=from_step or "",
        handler=terminal_prompt.step_handler(
            on_failure, pauses=bool(pauses), several=several, region=region or "", private=not public_ip
        ),
        pauses=pauses,
        source=_source(),
        check=lambda image: _check_runner(github, image, client.clock.now()),
        advisories=_advisories(loaded, advisories),
        sign=_signer(existing=sign_existing),
        listed=_receiver(sbom, client),
    )
    settings = builder_settings(client, public_ip=public_ip)
    loaded = _with_runner(loaded, github)
    live = not pauses and on_failure not in (terminal_prompt.ASK, terminal_prompt.SSH)
    with view(architectures, quiet=output.is_quiet(), live=live) as shown:
        outcome = build_all(client, loaded, architectures, settings, options, shown.of)
    print_outcome(loaded, outcome, several=several, as_json=as_json)


@click.command("test")
@click.argument("image", shell_complete=shell_complete.images)
@click.option(
    "--recipe", type=click.Path(path_type=Path, file_okay=False), required=True, help="Recipe with the smoke tests."
)
@parameter_options
@ARCH
@REGION
def image_test(
    image: str,
    recipe: Path,
    words: tuple[str, ...],
    parameters: Path | None,
    arch: str | None,
    region: str | None,
) -> None:
    """Boot IMAGE and run the recipe's smoke tests on it.

    \b
    Example:
      goldrun image test github-runner-ubuntu24 --arch amd64 --recipe recipes/github-runner-ubuntu24
    """
    from goldrun.bake.build import boot_test
    from goldrun.bake.reading import load, read_parameters

    loaded = load(recipe, read_parameters(parameters, words))
    client = open_client(region)
    github = open_github(public=True)
    found = find_image(client, parse_reference(image, arch)).image
    if loaded.wants_latest_runner:
        loaded = loaded.with_runner(versions.version_in(from_tags(found.tags)) or versions.find_latest(github))
    settings = builder_settings(client)

    def check(image: Image) -> None:
        _check_runner(github, image, client.clock.now())

    with view((found.architecture,), quiet=output.is_quiet()) as shown:
        boot_test(client, loaded, found, settings, shown.of(found.architecture), check)
    output.note(f"{found.name} ({found.image_id}) passed.")


def _check_runner(github: GitHub, image: Image, now: float) -> None:
    """Check that GitHub accepts the image's runner for a runner's default life, if repository and token are set."""
    version = versions.version_in(from_tags(image.tags))
    repository = config.GITHUB_REPOSITORY.read(os.environ)
    if version and repository and may_connect(os.environ):
        scope = repository_scope(repository)
        versions.require_current(github, scope, version, now=now, life=DEFAULT_LIFE_SECONDS, report=output.note)


def _with_runner(loaded: Loaded, github: GitHub) -> Loaded:
    """Return the recipe with the version of the latest runner, if it wants that."""
    from goldrun.bake.recipe import RUNNER

    if not loaded.wants_latest_runner:
        return loaded
    found = loaded.with_runner(versions.find_latest(github))
    output.note(f"the latest runner is {found.recipe.versions[RUNNER]}.")
    return found


def _architectures(loaded: Loaded, text: str | None) -> tuple[str, ...]:
    if text is None:
        return loaded.architectures
    wanted = tuple(dict.fromkeys(parse_architecture(name) for name in text.split(",")))
    for name in wanted:
        if name not in loaded.architectures:
            raise UsageError(
                f"The recipe has no base image for {name}.", fix=[f"it has: {', '.join(loaded.architectures)}"]
            )
    return wanted


def _advisories(loaded: Loaded, given: Path | None) -> Callable[[], Iterable[Advisory]] | None:
    """Return the database that the recipe's scan needs; None: it has none.

    Raises:
        UsageError: no database is named, or it cannot be read.
    """
    if loaded.recipe.scan is None:
        return None
    from goldrun.cli.image_contents import database_of
    from goldrun.contents import osv

    database = database_of(given)
    osv.require_readable(database)
    return lambda: osv.read(database)


def _receiver(sbom: Path | None, client: EcsClient) -> Receiver | None:
    """Return what receives the packages of images; None: not needed, and neither is the library.

    Raises:
        UsageError: the bucket that the environment names is none.
    """
    from goldrun.cloud.objects import read_folder

    folder = read_folder(os.environ)
    if sbom is None and folder is None:
        return None
    from goldrun.cli.listed import receiver

    return receiver(sbom, folder, client)


def _signer(*, existing: bool) -> Signer | None:
    """Return what signs images with the key that the environment names; None: it names none.

    Raises:
        UsageError: it is no key, or there is none to sign existing images with.
    """
    text = config.SIGNING_KEY_FILE.read(os.environ)
    if not text and existing:
        raise UsageError("--sign-existing needs a key.", fix=["export GOLDRUN_SIGNING_KEY_FILE=image.key"])
    if not text:
        return None
    from goldrun.images.provenance import Signer, read_private_key

    return Signer(read_private_key(Path(text)), existing)


def _check_steps(loaded: Loaded, names: Sequence[str]) -> None:
    steps = [step.name for step in loaded.recipe.steps]
    for name in names:
        if name not in steps:
            raise UsageError(f"The recipe has no step {name!r}.", why=[f"it has: {', '.join(steps)}."])


def _source() -> str:
    """Return the repository and commit that is built; empty outside GitHub Actions."""
    repository, commit = os.environ.get("GITHUB_REPOSITORY", ""), os.environ.get("GITHUB_SHA", "")
    return f"{repository}@{commit}" if repository and commit else ""

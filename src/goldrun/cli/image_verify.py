"""``goldrun image verify`` and ``image statement``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from goldrun import config
from goldrun.cli import output, shell_complete
from goldrun.cli.common import ARCH, REGION, open_client
from goldrun.cli.files import read_text, write_files
from goldrun.cli.recipe_options import parameter_options
from goldrun.cloud.images import Image
from goldrun.cloud.tags import BASE_IMAGE, BUILD_TIMESTAMP, CONTENTS, SIGNATURE, SOURCE, STAGE, VERSION_HASH
from goldrun.errors import RefusedError, UsageError
from goldrun.images.find import find_image
from goldrun.images.naming import parse_reference

KEY = click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Public key to verify with. [default: GOLDRUN_VERIFY_KEY_FILE]",
)


@click.command("verify")
@click.argument("image", shell_complete=shell_complete.images)
@KEY
@click.option(
    "--recipe",
    type=click.Path(path_type=Path, file_okay=False),
    help="Recipe that the image must have been built from.",
)
@click.option(
    "--sbom",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Bill of materials that must match the image.",
)
@parameter_options
@ARCH
@REGION
def image_verify(
    image: str,
    key: Path | None,
    recipe: Path | None,
    sbom: Path | None,
    words: tuple[str, ...],
    parameters: Path | None,
    arch: str | None,
    region: str | None,
) -> None:
    """Check who built IMAGE and from what.

    The signature covers the image's id and region and what its tags record: recipe hash, base image, source, versions
    and packages. Exits with 5 if the signature is missing or not valid.

    \b
    Examples:
      goldrun image verify github-runner-ubuntu24 --arch amd64 --key image.pub
      goldrun image verify github-runner-ubuntu24 --arch amd64 --key image.pub --recipe recipes/github-runner-ubuntu24
    """
    client = open_client(region)
    found = find_image(client, parse_reference(image, arch)).image
    require_verified(found, client.region, key)
    if recipe:
        _require_recipe(found, recipe, words, parameters)
    if sbom:
        _require_contents(found, sbom)
    rows = [(tag.key, tag.read(found.tags)) for tag in (VERSION_HASH, BASE_IMAGE, SOURCE, BUILD_TIMESTAMP, CONTENTS)]
    output.table(("SIGNED", "VALUE"), [("id", found.image_id), *rows])


@click.command("statement")
@click.argument("image", shell_complete=shell_complete.images)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@ARCH
@REGION
def image_statement(image: str, file: Path, arch: str | None, region: str | None) -> None:
    """Write IMAGE's signed statement to FILE, and its signature to FILE.sig.

    The statement has the same bytes wherever it is written, so other tools, such as cosign or GitHub's attestations,
    can sign and verify it too. If the image was built without a key, no FILE.sig is written, and an existing one is
    deleted.

    \b
    Example:
      goldrun image statement github-runner-ubuntu24 image.json --arch amd64
    """
    from hashlib import sha256

    from goldrun.images import provenance

    if not file.name:
        raise UsageError(f"{str(file)!r} is not a file.", fix=["name a file to write"])
    client = open_client(region)
    found = find_image(client, parse_reference(image, arch)).image
    said, signature = provenance.statement(found, client.region), SIGNATURE.read(found.tags)
    signed = file.with_name(f"{file.name}.sig")
    write_files({file: said, signed: signature.encode()} if signature else {file: said})
    if not signature:
        signed.unlink(missing_ok=True)  # another image's would pass for its own
        output.note(f"{found.name} ({found.image_id}) has no signature.")
    rows = {"STATEMENT_FILE": str(file), "STATEMENT_SHA256": sha256(said).hexdigest()}
    for name, value in (rows | ({"SIGNATURE_FILE": str(signed)} if signature else {})).items():
        output.result(f"{name}={value}")


def require_verified(image: Image, region: str, key: Path | None) -> None:
    """Check an image's signature with the key that is given, or that the environment names.

    Raises:
        UsageError: no key is named, or it is none.
        RefusedError: the signature is missing, or not right, or only says that a build may start from it.
    """
    from goldrun.images import provenance

    text = str(key or config.VERIFY_KEY_FILE.read(os.environ))
    if not text:
        raise UsageError("No key to verify with is given.", fix=["--key FILE, or GOLDRUN_VERIFY_KEY_FILE"])
    provenance.require_signed(provenance.read_public_key(Path(text)), image, region)
    if STAGE.key in image.tags:  # its name can be changed to an image's
        raise RefusedError(
            f"{image.name} ({image.image_id}) is a stage of a build: it was neither cleaned nor tested.",
            fix=["use the image that was built from it."],
        )


def _require_contents(image: Image, file: Path) -> None:
    from goldrun.contents import cyclonedx
    from goldrun.contents.components import digest

    contents = cyclonedx.read(read_text(file), str(file))
    if not (signed := CONTENTS.read(image.tags)):
        raise RefusedError(
            f"{image.name} ({image.image_id}) was signed without a list of its packages.",
            why=["it was built by an older goldrun, or without a key."],
        )
    if digest(contents) != signed:
        raise RefusedError(
            f"{file} is not the list of packages that {image.name} ({image.image_id}) was signed with.",
            why=["it belongs to another image, was changed, or was written by another program."],
            fix=["use the file that goldrun image build --sbom wrote for this image."],
        )
    output.note(f"{file} is its bill of materials: {len(contents.components)} packages.")


def _require_recipe(image: Image, folder: Path, words: Sequence[str], parameters: Path | None) -> None:
    from goldrun.bake.reading import load, read_parameters
    from goldrun.bake.recipe import RUNNER
    from goldrun.images.manifest import from_tags
    from goldrun.runners import versions

    loaded = load(folder, read_parameters(parameters, words))
    if loaded.wants_latest_runner and (runner := versions.version_in(from_tags(image.tags))):
        loaded = loaded.with_runner(runner)
    made = loaded.version_hash(image.architecture, BASE_IMAGE.read(image.tags))
    if made != VERSION_HASH.read(image.tags):
        raise RefusedError(
            f"{image.name} ({image.image_id}) was not built from {folder} as it is now.",
            why=[f"its hash is {VERSION_HASH.read(image.tags) or 'missing'}, the recipe's {made} on the same base."],
            fix=[f"check out what it was built from: {SOURCE.read(image.tags) or 'its tag Source is missing'}"],
        )
    pinned = loaded.recipe.versions.get(RUNNER)
    output.note(f"it was built from {folder}." + (f" Its runner is {pinned}." if pinned else ""))

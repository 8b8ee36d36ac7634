"""``goldrun image``: the look-up commands; the others are in modules that are imported when they are called."""

from __future__ import annotations

import click

from goldrun.architecture import parse_architecture
from goldrun.cli import output, shell_complete
from goldrun.cli.common import ARCH, JSON, REGION, open_client, silence
from goldrun.cli.lazy import LazyGroup
from goldrun.errors import UsageError
from goldrun.images.find import find_image
from goldrun.images.lookup import Found
from goldrun.images.naming import parse_reference

NAME = click.argument("name", shell_complete=shell_complete.images)
ALL_REGIONS = click.option(
    "--all-regions", is_flag=True, help="Search all other regions if the image is not in this one."
)

_LAZY = {
    "history": "image_versions",
    "diff": "image_diff",
    "publish": "image_versions",
    "rollback": "image_versions",
    "prune": "image_removal",
    "protect": "image_removal",
    "unprotect": "image_removal",
    "rm": "image_removal",
    "copy": "image_copies",
    "share": "image_copies",
    "unshare": "image_copies",
    "build": "image_build",
    "test": "image_build",
    "sbom": "image_contents",
    "statement": "image_verify",
    "verify": "image_verify",
    "scan": "image_contents",
}


@click.group(cls=LazyGroup, lazy={name: f"goldrun.cli.{module}:image_{name}" for name, module in _LAZY.items()})
def image() -> None:
    """Find, inspect and publish images.

    NAME is an image id (m-…), an exact image name, or FAMILY[:CHANNEL-OR-VERSION]; the channel is
    "latest" by default.
    """


@image.command("id")
@NAME
@ARCH
@REGION
@ALL_REGIONS
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print only the id.")
@click.option("--verified", is_flag=True, help="Fail unless the key in GOLDRUN_VERIFY_KEY_FILE has signed it.")
def image_id(
    name: str, arch: str | None, region: str | None, all_regions: bool, as_json: bool, quiet: bool, verified: bool
) -> None:
    """Print the id of the image that NAME resolves to, as IMAGE_ID=….

    \b
    Examples:
      goldrun image id github-runner-ubuntu24-amd64-latest
      goldrun image id github-runner-ubuntu24 --arch arm64 --quiet
      goldrun image id github-runner-ubuntu24:20261120093000 --arch amd64
    """
    silence(quiet)
    if verified and all_regions:
        raise UsageError("--verified and --all-regions exclude each other.", fix=["name the region: --region"])
    found = _find(name, arch, region, all_regions)
    if verified:
        from goldrun.cli.image_verify import require_verified

        require_verified(found.image, open_client(region).region, None)
    if as_json:
        from goldrun.cli.json.images import Image

        output.result_json(Image.of(found.image))
    else:
        output.result(found.image.image_id if quiet else f"IMAGE_ID={found.image.image_id}")


@image.command("ls")
@click.argument("text", required=False, default="")
@ARCH
@REGION
@click.option("-a", "--all", "every_status", is_flag=True, help="Show images of every status, not only Available.")
@click.option(
    "--owner",
    type=click.Choice(["self", "others", "system", "marketplace"]),
    default="self",
    show_default=True,
    help="Owner of the images.",
)
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print only the ids.")
def image_ls(
    text: str,
    arch: str | None,
    region: str | None,
    every_status: bool,
    owner: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """List images whose names contain TEXT, newest first.

    \b
    Examples:
      goldrun image ls
      goldrun image ls github-runner-ubuntu24 --all
      goldrun image ls --owner system --arch arm64
    """
    from goldrun.cloud.images import ALL_STATUSES, describe_images
    from goldrun.images import listing

    silence(quiet)
    client = open_client(region)
    images = describe_images(
        client,
        name=text,
        architecture=parse_architecture(arch) if arch else None,
        status=ALL_STATUSES if every_status else "Available",
        owner=owner,
    )
    if as_json:
        from goldrun.cli.json.images import Image

        output.result_json([Image.of(found) for found in images])
    elif quiet:
        for found in images:
            output.result(found.image_id)
    elif images:
        output.table(listing.COLUMNS, [listing.row(found, client.clock.now()) for found in images])
    else:
        output.note(f"no images in {client.region}.")


@image.command("inspect")
@NAME
@ARCH
@REGION
@ALL_REGIONS
@JSON
def image_inspect(name: str, arch: str | None, region: str | None, all_regions: bool, as_json: bool) -> None:
    """Show details of the image that NAME resolves to.

    \b
    Examples:
      goldrun image inspect github-runner-ubuntu24 --arch amd64
      goldrun image inspect m-bp1g7004ksh0oeuco3bd --json
    """
    from goldrun.cli.json.encoding import plain
    from goldrun.cli.json.images import Image

    found = Image.of(_find(name, arch, region, all_regions).image)
    if as_json:
        output.result_json(found)
        return
    known = plain(found)
    tags = known.pop("tags")
    rows = [(key, _plain(value)) for key, value in known.items() if value not in ("", [], None)]
    rows += [(f"tag {key}", value) for key, value in tags.items()]
    output.table(("FIELD", "VALUE"), rows)


def _find(name: str, arch: str | None, region: str | None, all_regions: bool) -> Found:
    reference = parse_reference(name, arch)
    client = open_client(region)
    found = find_image(client, reference, all_regions=all_regions)
    if found.notice:
        output.note(found.notice)
    return found


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

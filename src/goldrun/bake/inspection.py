"""Reads what is inside an image from an instance that was booted from it: the image itself is the record."""

from __future__ import annotations

import base64
import binascii
import zlib
from importlib.resources import files

from goldrun.bake.context import Context
from goldrun.bake.instances import instance_for, new_key, wait_for_boot
from goldrun.bake.parts import Base, Builder
from goldrun.bake.recipe import Loaded, Recipe
from goldrun.bake.scripts import read_output
from goldrun.cloud.images import Image
from goldrun.cloud.tags import TESTER
from goldrun.contents.components import Contents, parse
from goldrun.errors import RefusedError, UnavailableError
from goldrun.images.naming import parse_published
from goldrun.launch.machine import Machine

LIST_SECONDS = 600.0
PIECE_SECONDS = 60.0
# Cloud Assistant keeps 24 KB of an output; base64 makes 16 KB 21.
PIECE_BYTES = 16 * 1024
MOST_PACKED = 4 * 1024 * 1024
MOST_UNPACKED = 64 * 1024 * 1024
LIST = "/run/goldrun-packages.gz"


def read_contents(context: Context, instance: Machine) -> Contents:
    """Return the packages that an instance has: by the recipe's script, or from its databases.

    Raises:
        UsageError: its output is not valid.
        RefusedError: the script failed or prints too much, or the list is too long.
        UnavailableError: the list is incomplete.
    """
    recipe, variables = context.recipe, context.loaded.variables(context.architecture)
    if recipe.packages:
        script = context.loaded.contents[recipe.packages]
        return parse(read_output(context, instance, "list the packages", script, LIST_SECONDS, variables))
    script = files("goldrun.bake").joinpath("packages.sh").read_bytes()
    size = read_output(context, instance, "list the packages", script, LIST_SECONDS, {}).strip()
    if not (size.isascii() and size.isdigit()):
        return parse("")  # a simulated instance runs no scripts
    # What an image says of itself is believed within limits: it may be anybody's.
    if len(size) > len(str(MOST_PACKED)) or int(size) > MOST_PACKED:
        raise _too_long(instance)
    packed = b"".join(_piece(instance, start) for start in range(0, int(size), PIECE_BYTES))
    unpack = zlib.decompressobj(wbits=31)
    try:
        text = unpack.decompress(packed, MOST_UNPACKED)
    except zlib.error as error:
        raise _incomplete(instance, str(error)) from error
    if unpack.unconsumed_tail:
        raise _too_long(instance)
    if not unpack.eof:
        raise _incomplete(instance, "its end is missing")
    return parse(text.decode("utf-8", "replace"))


def _too_long(instance: Machine) -> RefusedError:
    return RefusedError(
        f"The list of packages of {instance.id} is too long.",
        why=[f"at most {MOST_PACKED:,} bytes are read, {MOST_UNPACKED:,} when unpacked."],
    )


def _incomplete(instance: Machine, why: str) -> UnavailableError:
    return UnavailableError(f"The list of packages of {instance.id} is incomplete.", why=[why], fix=["run this again."])


def list_contents(context: Context, image: Image) -> Contents:
    """Boot an instance from an image, and return its packages.

    Raises:
        GoldrunError: see ``read_contents`` and ``acquire``.
    """
    key = new_key(f"list {image.image_id}")
    with instance_for(context, image.image_id, role=TESTER, key=key, tags=context.lineage_tags) as instance:
        wait_for_boot(context, instance)
        return read_contents(context, instance)


def bare_recipe(image: Image, made_from: Loaded | None = None) -> Loaded:
    """Return a recipe for an instance that is only looked at, as the one that it was made from lists its packages."""
    packages = made_from.recipe.packages if made_from else ""
    contents = {packages: made_from.contents[packages]} if made_from and packages else {}
    name = parse_published(image.name)
    family = name.family if name else "image"
    builder = Builder(cpu="2..", memory="2..", disk=max(20, image.size_gib))
    base = Base(amd64=image.image_id, arm64=image.image_id)
    return Loaded(Recipe(family=family, base=base, builder=builder, packages=packages), contents)


def _piece(instance: Machine, start: int) -> bytes:
    script = f"#!/bin/bash\ntail -c +{start + 1} {LIST} | head -c {PIECE_BYTES} | base64 -w 0\n".encode()
    done = instance.run(f"packages {start}", script, timeout=PIECE_SECONDS, variables={})
    try:
        return base64.b64decode(done.output.strip(), validate=True) if done.ok else b""
    except binascii.Error:
        return b""  # what is missing is found when all of it is unpacked

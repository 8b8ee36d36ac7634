"""The names of images: families, channels, versions, and references to them.

A family and an architecture make a lineage. A channel shows one of its images under an alias,
``<family>-<arch>-<channel>``; every image has a version name, ``<family>-<arch>-<YYYYMMDDHHMMSS>``. The guide's own
builder names versions without seconds.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun.architecture import ARCHITECTURES, parse_architecture
from goldrun.errors import UsageError
from goldrun.lean import NamedTuple

LATEST = "latest"
STAMP_DIGITS = 14
SHORT_STAMP_DIGITS = 12
MIN_ID_LENGTH = 10
PUBLIC_ID_PART = "_alibase_"  # of the ids of Alibaba Cloud's own images
STAGE_PREFIX = "goldrun-stage-"  # of the names of stages, which are no versions


class PublishedName(NamedTuple):
    """A name in goldrun's scheme: an alias or a version name.

    Attributes:
        suffix: the channel, or the version's time stamp.
    """

    family: str
    architecture: str
    suffix: str

    @property
    def is_version(self) -> bool:
        """Whether it always names the same build, and not what a channel shows today."""
        return is_stamp(self.suffix)

    @property
    def lineage(self) -> str:
        """``<family>-<arch>``: also the ``ImageFamily`` of the published image."""
        return f"{self.family}-{self.architecture}"

    def __str__(self) -> str:
        return f"{self.lineage}-{self.suffix}"


class Reference(NamedTuple):
    """A user's reference to an image, parsed.

    Attributes:
        text: as written.
        image_id: set if it is an id.
        name: set if it is a full image name.
        family: set if it is ``family`` or ``family:channel``; ``suffix`` is then the channel or version.
        architecture: the architecture requested with it; None: any.
    """

    text: str
    architecture: str | None
    image_id: str = ""
    name: str = ""
    family: str = ""
    suffix: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.architecture})" if self.architecture else self.text


def parse_published(name: str) -> PublishedName | None:
    """Return the parts of an alias or version name; None if ``name`` is not in goldrun's scheme."""
    lineage, _, suffix = name.rpartition("-")
    family, _, architecture = lineage.rpartition("-")
    if not family or not suffix or architecture not in ARCHITECTURES:
        return None
    return PublishedName(family, architecture, suffix)


def is_stamp(text: str) -> bool:
    """Return whether ``text`` has the form of a version's time stamp, ``YYYYMMDDHHMMSS`` or without seconds."""
    return len(text) in (STAMP_DIGITS, SHORT_STAMP_DIGITS) and text.isascii() and text.isdigit()


def is_image_id(text: str) -> bool:
    """Return whether ``text`` has the form of an image's id.

    A custom image's is ``m-bp67acfmxazb4p****``, one of Alibaba Cloud's own
    ``aliyun_3_x64_20G_alibase_20260930.vhd``.
    """
    if text.endswith(".vhd"):
        return PUBLIC_ID_PART in text and text.isascii() and all(map(_allowed, text))
    word = text.removeprefix("m-")
    return len(text) >= MIN_ID_LENGTH and word != text and word.isascii() and word.isalnum() and word == word.lower()


def parse_reference(text: str, architecture: str | None) -> Reference:
    """Parse an image id, an image name, or ``family[:channel-or-version]``.

    Args:
        text: the reference.
        architecture: the architecture wanted, in any spelling; None or empty: any.

    Raises:
        UsageError: the reference or the architecture is not valid.
    """
    arch = _wanted(architecture)
    if is_image_id(text):
        return Reference(text, arch, image_id=text)
    family, colon, suffix = text.partition(":")
    check_name(text)
    if colon:
        if not family or not suffix or ":" in suffix:
            raise UsageError(
                f"{text!r} is not family:channel.",
                fix=["for example github-runner-ubuntu24:latest, with --arch."],
            )
        return Reference(text, arch, family=check_name(family), suffix=suffix)
    if parse_published(text):
        return Reference(text, arch, name=text)
    # A bare word is a family (its channel: latest) unless an image has exactly that name.
    return Reference(text, arch, name=text, family=text, suffix=LATEST)


def name_reference(name: str, architecture: str | None) -> Reference:
    """Parse ``name`` as an exact image name and nothing else: the contract of ``get-image-id-by-name.py``.

    Raises:
        UsageError: the name or the architecture is not valid.
    """
    return Reference(name, _wanted(architecture), name=check_name(name))


def _wanted(architecture: str | None) -> str | None:
    return parse_architecture(architecture) if architecture and architecture.strip() else None


def check_channel(text: str) -> str:
    """Return ``text`` if it is a valid name of a channel.

    Raises:
        UsageError: it is not.
    """
    if text.isascii() and text.isalpha() and text == text.lower():
        return text
    raise UsageError(f"{text!r} is not a channel.", fix=["use lower-case letters, e.g. latest or canary."])


def published_names(family: str, architecture: str | None) -> list[PublishedName]:
    """Return the names under which ``latest`` shows a family, for one architecture (default: for every one).

    Raises:
        UsageError: the family or the architecture is not valid.
    """
    architectures = [parse_architecture(architecture)] if architecture else list(ARCHITECTURES)
    return [PublishedName(check_name(family), wanted, LATEST) for wanted in architectures]


def check_name(name: str) -> str:
    """Return ``name`` if ECS allows it for an image or a family (source: CreateImage, ImageName).

    Raises:
        UsageError: it does not; the error names the broken rule.
    """
    if not 2 <= len(name) <= 128:
        rule = f"a name has 2 to 128 characters, this one has {len(name)}."
    elif not (name[0].isascii() and name[0].isalpha()) and not _is_chinese(name[0]):
        rule = "a name starts with a letter."
    elif name.startswith(("aliyun", "acs:")):
        rule = "names that start with aliyun or acs: are Alibaba Cloud's own."
    elif "http://" in name or "https://" in name:
        rule = "a name must not contain a URL."
    elif bad := next((char for char in name if not _allowed(char)), None):
        rule = f"a name contains only letters, digits and . : _ -, not {bad!r}."
    else:
        return name
    shown = name if len(name) <= 60 else f"{name[:60]}…"
    raise UsageError(f"{shown!r} is not a valid image name.", why=[rule])


def _allowed(char: str) -> bool:
    return (char.isascii() and (char.isalnum() or char in ".:_-")) or _is_chinese(char)


def _is_chinese(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"

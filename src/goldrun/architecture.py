"""The two names of an architecture: ``amd64``/``arm64`` towards people, ``x86_64``/``arm64`` towards ECS."""

from __future__ import annotations

from goldrun.errors import UsageError

AMD64 = "amd64"
ARM64 = "arm64"
ARCHITECTURES = (AMD64, ARM64)

# Docker and Debian, the kernel, GitHub's `runner.arch`.
_SPELLINGS = {
    "amd64": AMD64,
    "x86_64": AMD64,
    "x86-64": AMD64,
    "x64": AMD64,
    "arm64": ARM64,
    "aarch64": ARM64,
}


def parse_architecture(text: str) -> str:
    """Return the architecture that a person's spelling stands for.

    Raises:
        UsageError: the spelling is not known.
    """
    try:
        return _SPELLINGS[text.strip().lower()]
    except KeyError:
        raise UsageError(
            f"{text!r} is not an architecture.", fix=["use amd64 (x86_64, x64) or arm64 (aarch64)."]
        ) from None


def to_ecs(architecture: str) -> str:
    """Return ``x86_64`` for ``amd64``; other names are the same."""
    return "x86_64" if architecture == AMD64 else architecture


def from_ecs(architecture: str) -> str:
    """Return ``amd64`` for ``x86_64``; other names (also i386, which is never built) are the same."""
    return AMD64 if architecture == "x86_64" else architecture

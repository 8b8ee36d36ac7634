"""The archive of the stand-in runner, packed as GitHub packs the real one."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
from functools import lru_cache
from importlib.resources import files

PATH = "/actions/runner/releases/download/"
UNRELEASED = "0.0.0"
_VERSION = f'VERSION = "{UNRELEASED}"'.encode()
FILES = ("run.sh", "config.sh", "bin/Runner.Listener", "bin/installdependencies.sh")


@lru_cache(maxsize=8)
def content(version: str = UNRELEASED) -> bytes:
    """Return a version's archive; always the same bytes."""
    here = files("local_cloud.github").joinpath("standin")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in FILES:
            data = here.joinpath(name).read_bytes().replace(_VERSION, f'VERSION = "{version}"'.encode())
            entry = tarfile.TarInfo(f"./{name}")
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), 9, mtime=0)


def filename(version: str, kind: str) -> str:
    """Return GitHub's name for it, for x64 or arm64."""
    return f"actions-runner-linux-{kind}-{version}.tar.gz"


def version_of(path: str) -> str:
    """Return the version that a download's path names: of ``…/v2.335.0/actions-runner-….tar.gz``, 2.335.0."""
    # It becomes a line of a program, so nothing but a version is accepted.
    found = re.match(r"v([0-9]+(?:\.[0-9]+)*)/", path.removeprefix(PATH))
    return found[1] if found else UNRELEASED


def sha256(version: str) -> str:
    """Return its checksum."""
    return hashlib.sha256(content(version)).hexdigest()

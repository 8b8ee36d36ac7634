"""Where a local cloud's certificates are. Every command of ``local`` loads this, without cryptography."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Files(NamedTuple):
    """The files of one local cloud.

    Attributes:
        authority: the authority's certificate.
        bundle: the same after the certificates that this computer trusts, for programs that take one file for all.
        certificate: the server's certificate.
        key: the server's key.
    """

    authority: Path
    bundle: Path
    certificate: Path
    key: Path


def files(data: Path) -> Files:
    """Return where the files of the local cloud with this data file are, or will be."""
    folder = data.with_name(f"{data.name}.tls")
    return Files(*(folder / name for name in ("authority.pem", "bundle.pem", "server.pem", "server.key")))

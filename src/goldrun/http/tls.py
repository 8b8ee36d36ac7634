"""TLS: whose certificates this machine trusts.

OpenSSL has them twice: in one file, all of which it parses at once, and in a folder, of which it reads the one that a
connection needs. Parsing a hundred and forty certificates takes longer than the rest of a look-up, so the folder is
tried first, and the file where that is not enough. Whoever names a file (``SSL_CERT_FILE``) means it.
"""

from __future__ import annotations

import os
import socket
import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import TypeAlias

Context: TypeAlias = "ssl.SSLContext"


def quick_context() -> Context | None:
    """Return a context that trusts the certificates in the machine's folder; None: there is none, or another is named.

    What it does not trust may be trusted nevertheless: see ``full_context``.
    """
    paths = ssl.get_default_verify_paths()
    named = any(os.environ.get(name) for name in (paths.openssl_cafile_env, paths.openssl_capath_env))
    if named or not paths.capath or not _is_indexed(paths.capath):
        return None
    return ssl.create_default_context(capath=paths.capath)


def _is_indexed(folder: str) -> bool:
    """Return whether certificates have the names by which OpenSSL finds them; some systems keep a file alone there."""
    try:
        return any(name.endswith(".0") for name in os.listdir(folder))  # noqa: PTH208 - without pathlib's import
    except OSError:
        return False


def full_context() -> Context:
    """Return a context that trusts all that this machine does."""
    return ssl.create_default_context()


def wrap(plain: _socket.socket, context: Context, host: str) -> ssl.SSLSocket:
    """Return a connection with TLS over ``plain``, which must not be used any more.

    Raises:
        OSError: it broke, or the certificate is not trusted.
    """
    timeout = plain.gettimeout()
    sock = socket.socket(fileno=plain.detach())
    sock.settimeout(timeout)
    try:
        return context.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise

"""``goldrun local github-app``."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from goldrun.cli import output
from goldrun.errors import UsageError
from local_cloud.cli.common import DATA, control


@click.command("github-app")
@DATA
@click.argument("key", metavar="KEY.pem", type=click.Path(dir_okay=False, path_type=Path))
def github_app(data: Path, key: Path) -> None:
    """Register a GitHub App with the key in KEY.pem; if there is no such file, a new key is written there.

    Prints the variables that make goldrun work as this App.

    \b
    Example:
      goldrun local github-app app.pem > app.env && set -a && . ./app.env
    """
    if not key.exists():
        _write_new(key)
        output.note(f"{key} is a new key.")
    try:
        text = key.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{key} cannot be read as text.") from error
    made = control(data, "POST", "github-app", {"key": text})
    output.result(f"GOLDRUN_GITHUB_APP_ID={made['client_id']}")
    output.result(f"GOLDRUN_GITHUB_APP_INSTALLATION={made['installation']}")
    output.result(f"GOLDRUN_GITHUB_APP_KEY_FILE={shlex.quote(str(key.absolute()))}")


def _write_new(file: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(f"{file} cannot be written.", why=[f"{error.strerror}."]) from error
    with os.fdopen(opened, "wb") as writer:
        writer.write(text)

"""``goldrun instance ssh``."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from goldrun.cli import output
from goldrun.cli.common import REGION, open_client
from goldrun.cloud import instances
from goldrun.errors import RefusedError, UsageError
from goldrun.launch import ssh

PROGRAMS = ("ssh", "ssh-keygen")


@click.command("ssh", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("instance_id", metavar="ID")
@click.argument("command", nargs=-1)
@click.option("--user", "login", default="root", show_default=True, help="User on the instance.")
@click.option("--port", type=click.IntRange(1, 65535), default=22, show_default=True, help="Port of its sshd.")
@click.option("--private", is_flag=True, help="Connect to the private address, from inside the VPC.")
@REGION
def instance_ssh(
    instance_id: str, command: tuple[str, ...], login: str, port: int, private: bool, region: str | None
) -> None:
    """Connect to a running instance, or run COMMAND on it.

    No key pair is needed: goldrun installs a temporary key through Cloud Assistant (12 hours) and reads the host key
    the same way, so ssh asks nothing. The security group must allow the connection.

    \b
    Examples:
      goldrun instance ssh i-bp67acfmxazb4p
      goldrun instance ssh i-bp67acfmxazb4p -- tail -f /var/log/cloud-init-output.log
    """
    instances.check_id(instance_id)
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        raise UsageError(f"{' and '.join(missing)} cannot be found.", fix=["install OpenSSH's client."])
    client = open_client(region)
    found = instances.find_instance(client, instance_id)
    if found.status != "Running":
        raise RefusedError(f"{instance_id} is {found.status}.", fix=[f"goldrun instance wait {instance_id}"])
    address = found.private_ip if private else found.public_ip
    if not address:
        raise RefusedError(
            f"{instance_id} has no public address.",
            fix=["from inside its VPC: --private", "create it with --public-ip"],
        )
    with tempfile.TemporaryDirectory(prefix="goldrun-ssh-") as name:
        folder = Path(name)
        key = _new_key(folder)
        output.note(f"installing a temporary key through Cloud Assistant: {instance_id}.")
        hosts = ssh.admit(client, instance_id, login, key)
        client.close()
        code = _connect(folder, address, port, login, hosts, command[1:] if command[:1] == ("--",) else command)
    click.get_current_context().exit(code)


def _new_key(folder: Path) -> str:
    """Make a key in the folder, and return its public half."""
    file = folder / "key"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "goldrun", "-f", str(file)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    return file.with_suffix(".pub").read_text(encoding="utf-8").strip()


def _connect(folder: Path, address: str, port: int, login: str, hosts: Sequence[str], command: tuple[str, ...]) -> int:
    """Run ssh, with this session's keys alone, and return its exit code."""
    known = folder / "known_hosts"
    known.write_text("".join(f"[{address}]:{port},{address} {host}\n" for host in hosts), encoding="utf-8")
    options = {
        "IdentityFile": folder / "key",
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": known,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": 20,
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return subprocess.run(["ssh", *words, "-p", str(port), "-l", login, address, *command], check=False).returncode

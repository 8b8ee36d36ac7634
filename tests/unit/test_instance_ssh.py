"""``goldrun instance ssh``: what is checked before, and how ssh is called. With a real sshd: tests/vm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from goldrun.cli.instance_ssh import instance_ssh
from goldrun.errors import GoldrunError
from goldrun.launch import ssh
from local_cloud.records import Eip, Instance
from tests.conftest import Running

HOST = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIhost"
# Writes down how it was called, and what the files of its options say while it runs.
SSH = """#!/bin/bash
printf '%s\\n' "$@" > "$HERE/arguments"
for word; do
  case ${word} in
    UserKnownHostsFile=*) cp "${word#*=}" "$HERE/known_hosts" ;;
    IdentityFile=*) stat -c %a "${word#*=}" > "$HERE/mode"; ssh-keygen -y -f "${word#*=}" > "$HERE/public"
      dirname "${word#*=}" > "$HERE/folder" ;;
  esac
done
exit 7
"""


@pytest.fixture
def instance(populated: Running) -> Instance:
    found = next(iter(populated.cloud.store.all(Instance)))
    populated.cloud.store.put(replace(found, public_ip="203.0.113.9"))
    return replace(found, public_ip="203.0.113.9")


@pytest.fixture
def call(populated: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    for name, value in populated.environment(HERE=str(tmp_path), HOME=str(tmp_path)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def run(*words: str) -> Result:
        return CliRunner().invoke(instance_ssh, list(words))

    return run


def test_ssh_trusts_this_host_alone_and_uses_a_key_of_this_session_alone(
    call: Any, instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted: list[tuple[str, str, str]] = []

    def admit(_: object, instance_id: str, login: str, key: str) -> list[str]:
        admitted.append((instance_id, login, key))
        return [HOST]

    monkeypatch.setattr(ssh, "admit", admit)
    done = call("--user", "admin", "--port", "2222", instance.id, "--", "tail", "-f", "/x")
    assert done.exit_code == 7, "ssh's own"
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert arguments[-8:] == ["-p", "2222", "-l", "admin", "203.0.113.9", "tail", "-f", "/x"]
    assert {"IdentitiesOnly=yes", "StrictHostKeyChecking=yes"} <= set(arguments)
    assert (tmp_path / "known_hosts").read_text() == f"[203.0.113.9]:2222,203.0.113.9 {HOST}\n"
    assert (tmp_path / "mode").read_text() == "600\n"
    ((instance_id, login, key),) = admitted
    assert (instance_id, login) == (instance.id, "admin")
    assert (tmp_path / "public").read_text().split()[:2] == key.split()[:2]
    assert not Path((tmp_path / "folder").read_text().strip()).exists(), "the private key is gone"


def test_an_eip_is_a_public_address(
    call: Any, populated: Running, instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "admit", lambda *_: [HOST])
    address = Eip(
        id="eip-1", region=instance.region, owner=instance.owner, created=0.0, ip="203.0.113.77", bound_to=instance.id
    )
    populated.cloud.store.put(address, replace(instance, public_ip=""))
    assert call(instance.id).exit_code == 7
    assert (tmp_path / "arguments").read_text().splitlines()[-1] == "203.0.113.77"
    assert call("--private", instance.id).exit_code == 7
    assert (tmp_path / "arguments").read_text().splitlines()[-1] == instance.ip


def test_what_cannot_be_connected_to_is_refused_before_a_key_is_made(
    call: Any, populated: Running, instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal(*words: str) -> str:
        error = call(*words).exception
        assert isinstance(error, GoldrunError)
        return f"{error} {error.why} {error.fix}"

    assert "is not an instance's id" in refusal("ci-runner-1")
    assert "Instance not found: i-none" in refusal("i-none")
    populated.cloud.store.put(replace(instance, public_ip=""))
    assert "has no public address" in refusal(instance.id)
    populated.cloud.store.put(replace(instance, state="Stopped"))
    assert "is Stopped" in refusal(instance.id)
    monkeypatch.setattr("shutil.which", lambda program: None if program == "ssh-keygen" else program)
    assert "ssh-keygen cannot be found" in refusal(instance.id)
    assert not (tmp_path / "arguments").exists()


def test_an_instance_without_an_sshd_says_so(call: Any, instance: Instance, tmp_path: Path) -> None:
    """A simulated one, whose assistant only says that it is one."""
    error = call(instance.id).exception
    assert isinstance(error, GoldrunError)
    assert f"{instance.id} does not let ssh in." in str(error)
    assert not (tmp_path / "arguments").exists()

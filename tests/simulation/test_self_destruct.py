"""An instance that deletes itself, run here: its metadata service and the API are the local cloud's."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from goldrun.policies import policy_for
from goldrun.runners.guest import self_destruct
from local_cloud import seed
from local_cloud.access import Policy
from local_cloud.lifecycle import settle
from local_cloud.records import Instance
from tests.conftest import REGION, Running

OWN = {"ManagedBy": "goldrun", "GITHUB_RUNNER_TYPE": "aliyun-ecs-spot"}


class Ended(BaseException):
    """The machine is gone, and what runs on it."""


@dataclass
class Machine:
    """An instance that destroys itself.

    Attributes:
        slept: how long it waited between its tries.
        ran: the commands that it ran.
    """

    live: Running
    slept: list[float] = field(default_factory=list)
    ran: list[list[str]] = field(default_factory=list)
    strftime = staticmethod(time.strftime)
    gmtime = staticmethod(time.gmtime)

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.live.cloud.clock.advance(seconds)
        settle(self.live.cloud.store, self.live.cloud.clock.now())
        if self.gone or len(self.slept) > 40:
            raise Ended

    @property
    def gone(self) -> bool:
        return self.live.cloud.store.get(Instance, "i-one") is None

    def run(self, monkeypatch: pytest.MonkeyPatch, *words: str, **fields: Any) -> None:
        made: dict[str, Any] = {"role": "self-destruct", "tags": OWN, "http_tokens": "required", **fields}
        now, store = self.live.cloud.clock.now(), self.live.cloud.store
        one = Instance(
            id="i-one", region=REGION, owner=seed.ACCOUNT, created=now - 60, ready=now - 30, image="m", **made
        )
        store.put(one, Policy(id="self-destruct", document=policy_for(["self-destruct"])))
        store.put(replace(store.settings(), release_seconds=0.0))
        monkeypatch.setattr(sys, "argv", ["self_destruct.py", "its time is over", *words])
        with pytest.raises(Ended):
            self_destruct.main()


@pytest.fixture
def machine(live: Running, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(live)
    monkeypatch.setattr(self_destruct, "METADATA", f"{live.url}/_metadata/i-one/latest")
    monkeypatch.setattr(self_destruct, "time", made)
    # Never this machine's power.
    monkeypatch.setattr(self_destruct, "subprocess", SimpleNamespace(call=made.ran.append))
    return made


def test_its_role_may_only_delete_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.run(monkeypatch, machine.live.url)
    assert machine.gone
    assert machine.slept == [self_destruct.TRY_SECONDS]
    assert machine.ran == []
    assert capsys.readouterr().out.splitlines() == [
        "goldrun: deleting this instance: its time is over",
        f"goldrun: deletion asked for at {machine.live.url}",
    ]


def test_a_refused_deletion_is_reported_retried_and_followed_by_a_shutdown(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The policy is for what has the runners' tag alone."""
    machine.run(monkeypatch, machine.live.url, tags={"ManagedBy": "goldrun"})
    assert not machine.gone
    assert "Forbidden.RAM" in capsys.readouterr().out
    assert machine.ran[0] == ["systemctl", "poweroff", "--force"]
    assert len(machine.slept) - len(machine.ran) == self_destruct.POWER_OFF_SECONDS // self_destruct.TRY_SECONDS


def test_without_a_role_the_instance_shuts_down_at_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.run(monkeypatch, machine.live.url, role="")
    assert len(machine.ran) == len(machine.slept)
    assert "no role to delete itself with" in capsys.readouterr().out


def test_an_endpoint_that_does_not_answer_is_passed_over(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not every region has a name inside the VPC."""
    called: list[str] = []
    real = self_destruct.delete

    def delete(endpoint: str, *more: Any) -> None:
        called.append(endpoint)
        if "vpc" in endpoint:
            raise OSError("unreachable")
        real(machine.live.url, *more)

    monkeypatch.setattr(self_destruct, "delete", delete)
    machine.run(monkeypatch)
    assert machine.gone
    assert called == [f"https://ecs-vpc.{REGION}.aliyuncs.com", f"https://ecs.{REGION}.aliyuncs.com"]
    assert f"{called[0]}: unreachable" in capsys.readouterr().out


def test_neither_a_proxy_nor_a_time_zone_prevents_its_deletion(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No proxy knows the way to a machine's own metadata; the API's date is UTC."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    real = self_destruct.delete

    def delete(*words: Any) -> None:
        with monkeypatch.context() as here:
            here.delenv("http_proxy")  # here the API is on this machine too
            real(*words)

    monkeypatch.setattr(self_destruct, "delete", delete)
    try:
        machine.run(monkeypatch, machine.live.url)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert machine.gone


def test_a_server_that_never_answers_is_given_up(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_destruct, "TIMEOUT", 0.05)
    key = {"AccessKeyId": "id", "AccessKeySecret": "secret", "SecurityToken": "token"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(self_destruct, "METADATA", there)
        with pytest.raises(TimeoutError):
            self_destruct.ask("/meta-data/region-id")
        with pytest.raises(TimeoutError):
            self_destruct.delete(there, REGION, "i-one", key)


@pytest.mark.parametrize(("state", "kept"), [("stopping", True), ("running", False), ("", False)])
def test_a_machine_that_is_stopped_for_a_pool_is_not_deleted(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str, kept: bool
) -> None:
    """Only while the system shuts down: a mark alone would be a machine that nothing deletes."""
    mark = tmp_path / "parked"
    monkeypatch.setattr(self_destruct, "PARKED", str(mark))
    answer = SimpleNamespace(stdout=f"{state}\n")
    monkeypatch.setattr(self_destruct, "subprocess", SimpleNamespace(run=lambda *_, **__: answer))
    assert not self_destruct.is_parked()
    mark.touch()
    assert self_destruct.is_parked() is kept


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", b""])
def test_an_answer_that_is_none_ends_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """A proxy's garbage ended the script: the instance was neither deleted nor switched off."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(said)

    threading.Thread(target=answer, daemon=True).start()
    machine.run(monkeypatch, f"http://127.0.0.1:{listening.getsockname()[1]}")
    assert len(machine.slept) > 40, "it goes on trying"
    assert machine.ran, "and switches off meanwhile"

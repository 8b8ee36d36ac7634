"""What deletes shows its plan, says where, and asks on a terminal; elsewhere it wants --yes."""

from __future__ import annotations

import pytest

from local_cloud import seed
from local_cloud.records import Image, Instance
from tests.commands import Goldrun
from tests.conftest import Running

FAMILY = "github-runner-ubuntu24"
COMMANDS = {
    "instance rm": ["instance", "rm", "i-localrunner000001"],
    "image rm": ["image", "rm", "m-localoldamd64"],
    "prune": ["image", "prune", FAMILY, "--arch", "amd64"],
    "rollback": ["image", "rollback", FAMILY, "--arch", "amd64"],
    "sweep": ["sweep", "--older-than", "1s"],
}


def state(cloud: Running) -> tuple[list[Image], set[str]]:
    return list(cloud.cloud.store.all(Image)), cloud.undeleted()


@pytest.fixture
def account(populated: Running) -> Running:
    """With an instance that a sweep finds."""
    populated.cloud.clock.set_speed(20)
    now = populated.cloud.clock.now()
    populated.cloud.store.put(
        Instance(
            id="i-localleft",
            region=seed.REGION,
            owner=seed.ACCOUNT,
            created=now - 86400,
            image="m-x",
            tags={"ManagedBy": "goldrun"},
        )
    )
    return populated


@pytest.mark.parametrize("command", COMMANDS)
def test_a_confirmation_shows_plan_and_place_and_accepts_a_no(account: Running, goldrun: Goldrun, command: str) -> None:
    before = state(account)
    done = goldrun(*COMMANDS[command], code=None, typed="n\n")
    assert "  would d" in done.stderr, done.stderr
    assert f"account {seed.ACCOUNT} (acs:ram::" in done.stderr
    assert f"{seed.REGION}, {account.url}." in done.stderr
    assert "nothing was changed" in done.stderr
    assert state(account) == before
    assert "deleted" not in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_yes_on_the_terminal(account: Running, goldrun: Goldrun, command: str) -> None:
    before = state(account)
    done = goldrun(*COMMANDS[command], code=None, typed="y\n")
    assert done.returncode in (0, 7), done.stderr
    assert state(account) != before
    assert command == "rollback" or "deleted" in done.stdout + done.stderr.partition("]:")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_terminal_or_yes_nothing_is_sent(account: Running, goldrun: Goldrun, command: str) -> None:
    done = goldrun(*COMMANDS[command], code=2)
    assert "pass --yes" in done.stderr
    assert account.cloud.gateway.calls == {}


def test_with_an_account_id_github_actions_reads_no_identity(account: Running, goldrun: Goldrun) -> None:
    done = goldrun(*COMMANDS["prune"], "--yes")
    assert "deleted: beyond the newest 1" in done.stdout
    assert "would" not in done.stdout
    assert "GetCallerIdentity" not in account.cloud.gateway.calls


def test_a_dry_run_says_would_delete(account: Running, goldrun: Goldrun) -> None:
    done = goldrun(*COMMANDS["prune"], "--dry-run", code=None)
    assert "would delete: beyond the newest 1" in done.stdout
    assert "deleted: " not in done.stdout

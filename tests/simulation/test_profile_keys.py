"""Profiles of the official CLI that request their keys, each mode against the local cloud."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from goldrun.cloud import profile_keys
from goldrun.cloud.client import EcsClient, connect
from goldrun.cloud.endpoints import STS
from goldrun.errors import CredentialsError
from local_cloud import seed
from local_cloud.records import Instance
from tests.conftest import REGION, Running
from tests.simulation.test_identity import PROVIDER, identity
from tests.virtual_time import FakeClock, Wall

ROLE = f"acs:ram::{seed.ACCOUNT}:role/"
KEY = {"access_key_id": seed.KEY.id, "access_key_secret": seed.KEY.secret}
SECRET = "planted-secret"


class Wrong(FakeClock):
    """A machine's clock that is wrong by some seconds."""

    def __init__(self, wall: Wall, seconds: float) -> None:
        super().__init__(wall)
        self._seconds = seconds

    def now(self) -> float:
        return super().now() + self._seconds


class Profiles:
    """A home directory with profiles, and a local cloud to use them on."""

    def __init__(self, cloud: Running, home: Path) -> None:
        self.cloud, self.home = cloud, home
        self.wrong = 0.0  # seconds that the machine's clock is ahead
        self.clients: list[EcsClient] = []
        (home / ".aliyun").mkdir()

    def write(self, *profiles: dict[str, Any]) -> None:
        document = {"current": profiles[0]["name"], "profiles": list(profiles)}
        (self.home / ".aliyun/config.json").write_text(json.dumps(document))

    def connect(self, **variables: str) -> EcsClient:
        env = {"HOME": str(self.home), "GOLDRUN_ENDPOINT": self.cloud.url, "ALIYUN_REGION_ID": REGION, **variables}
        client = connect(env, Wrong(self.cloud.wall, self.wrong))
        self.clients.append(client)
        return client

    def arn(self, **variables: str) -> str:
        """Return who the profile's keys belong to."""
        return str(self.connect(**variables).call("GetCallerIdentity", api=STS)["Arn"])


@pytest.fixture
def profiles(frozen: Running, tmp_path: Path) -> Iterator[Profiles]:
    made = Profiles(frozen, tmp_path)
    yield made
    for client in made.clients:
        client.close()


def role(name: str, **more: Any) -> dict[str, Any]:
    return {"name": "ci", "ram_role_arn": f"{ROLE}{name}", "ram_session_name": "job", **more}


def test_a_role_is_assumed_with_the_profiles_key(profiles: Profiles) -> None:
    profiles.write(role("deploy", mode="RamRoleArn", **KEY))
    assert profiles.arn().endswith(":assumed-role/deploy/job")


def test_a_role_is_assumed_with_the_key_of_another_profile(profiles: Profiles) -> None:
    last = role("last", mode="ChainableRamRoleArn", source_profile="middle")
    middle = {**role("middle", mode="ChainableRamRoleArn", source_profile="first"), "name": "middle"}
    profiles.write(last, middle, {"name": "first", "mode": "AK", **KEY})
    assert profiles.arn().endswith(":assumed-role/last/job")
    assert profiles.cloud.cloud.gateway.calls["AssumeRole"] == 2


def test_keys_are_renewed_before_they_expire(profiles: Profiles) -> None:
    profiles.write(role("deploy", mode="RamRoleArn", expired_seconds=900, **KEY))
    client = profiles.connect()
    for _ in range(3):
        client.call("GetCallerIdentity", api=STS)
    assert profiles.cloud.cloud.gateway.calls["AssumeRole"] == 1
    profiles.cloud.wall.value += 700
    client.call("GetCallerIdentity", api=STS)
    assert profiles.cloud.cloud.gateway.calls["AssumeRole"] == 2


@pytest.mark.parametrize("seconds", [-1200.0, 0.0, 7200.0])
@pytest.mark.parametrize(("mode", "action"), [("RamRoleArn", "AssumeRole"), ("OIDC", "AssumeRoleWithOIDC")])
def test_keys_are_renewed_by_the_clock_of_who_gave_them(
    profiles: Profiles, tmp_path: Path, mode: str, action: str, seconds: float
) -> None:
    """By a slow clock a key was used after its end; by a fast one each call asked for a key."""
    token = tmp_path / "token"
    profiles.write(role("ci", mode=mode, oidc_provider_arn=PROVIDER, oidc_token_file=str(token), **KEY))
    profiles.wrong = seconds
    client, calls = profiles.connect(), profiles.cloud.cloud.gateway.calls
    asked = []
    for passed in (0.0, 60.0, 3600.0):
        profiles.cloud.wall.value += passed
        token.write_text(identity(profiles.cloud))
        client.call("GetCallerIdentity", api=STS)
        asked.append(calls[action])
    assert 0 < asked[0] == asked[1] < asked[2]


def test_an_identity_token_in_a_file(profiles: Profiles, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{identity(profiles.cloud)}\n")
    profiles.write(role("ci", mode="OIDC", oidc_provider_arn=PROVIDER, oidc_token_file=str(token)))
    assert profiles.arn().endswith(":assumed-role/ci/job")


def instance_role(profiles: Profiles, monkeypatch: pytest.MonkeyPatch, tokens: str) -> None:
    cloud = profiles.cloud
    made = Instance(
        id="i-self", region=REGION, owner=seed.ACCOUNT, image="m-1", created=0, role="on-it", http_tokens=tokens
    )
    cloud.cloud.store.put(made)
    monkeypatch.setattr(profile_keys, "METADATA", f"{cloud.url}/_metadata/i-self")


@pytest.mark.parametrize("tokens", ["required", "optional"])
@pytest.mark.parametrize("named", ["on-it", ""])
def test_the_role_of_the_instance(profiles: Profiles, monkeypatch: pytest.MonkeyPatch, tokens: str, named: str) -> None:
    instance_role(profiles, monkeypatch, tokens)
    profiles.write({"name": "ci", "mode": "EcsRamRole", "ram_role_name": named})
    assert ":assumed-role/on-it/" in profiles.arn()
    with pytest.raises(CredentialsError, match="ALIBABA_CLOUD_ECS_METADATA_DISABLED"):
        profiles.arn(ALIBABA_CLOUD_ECS_METADATA_DISABLED="true")


def test_a_role_is_assumed_with_the_role_of_the_instance(profiles: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    instance_role(profiles, monkeypatch, "required")
    profiles.write(role("deploy", mode="RamRoleArnWithRoleName", ram_role_name="on-it"))
    assert profiles.arn().endswith(":assumed-role/deploy/job")


def program(printed: object, code: int = 0) -> str:
    text = f"import sys; print({json.dumps(json.dumps(printed))}); sys.exit({code})"
    return shlex.join([sys.executable, "-c", text])


def test_a_program_prints_the_key(profiles: Profiles) -> None:
    profiles.write({"name": "ci", "mode": "External", "process_command": program({"mode": "AK", **KEY})})
    assert (
        profiles.arn()
        == profiles.connect(ALIYUN_ACCESS_KEY_ID=seed.KEY.id, ALIYUN_ACCESS_KEY_SECRET=seed.KEY.secret).call(
            "GetCallerIdentity", api=STS
        )["Arn"]
    )
    with pytest.raises(CredentialsError, match="ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS"):
        profiles.arn(ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS="1")


def test_a_sign_in_that_the_cli_has_stored(profiles: Profiles) -> None:
    session = profiles.cloud.client().call(
        "AssumeRole", {"RoleArn": f"{ROLE}sso", "RoleSessionName": "person"}, api=STS
    )["Credentials"]
    stored = {
        "name": "ci",
        "mode": "CloudSSO",
        "access_key_id": session["AccessKeyId"],
        "access_key_secret": session["AccessKeySecret"],
        "sts_token": session["SecurityToken"],
        "sts_expiration": int(profiles.cloud.wall.value) + 600,
    }
    profiles.write(stored)
    assert profiles.arn().endswith(":assumed-role/sso/person")
    profiles.write({**stored, "sts_expiration": int(profiles.cloud.wall.value) - 1})
    with pytest.raises(CredentialsError, match="aliyun sts GetCallerIdentity --profile ci"):
        profiles.arn()


def test_variables_take_precedence(profiles: Profiles) -> None:
    profiles.write(role("deploy", mode="RamRoleArn", **KEY))
    keys = {"ALIYUN_ACCESS_KEY_ID": seed.KEY.id, "ALIYUN_ACCESS_KEY_SECRET": seed.KEY.secret}
    assert "assumed-role" not in profiles.arn(**keys)


def test_another_profile_is_named(profiles: Profiles) -> None:
    profiles.write({"name": "plain", "mode": "AK", **KEY}, role("deploy", mode="RamRoleArn", **KEY))
    assert "assumed-role" not in profiles.arn()
    assert "assumed-role/deploy" in profiles.arn(ALIBABA_CLOUD_PROFILE="ci")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no role": ({"mode": "RamRoleArn", **KEY}, "ram_role_arn is not set"),
    "no key": (role("x", mode="RamRoleArn"), "access_key_id is not set"),
    "no source": (role("x", mode="ChainableRamRoleArn"), "source_profile is not set"),
    "a source that does not exist": (
        role("x", mode="ChainableRamRoleArn", source_profile="nowhere"),
        "'nowhere' does not exist",
    ),
    "a circle": (role("x", mode="ChainableRamRoleArn", source_profile="ci"), "in a circle"),
    "no provider": (role("x", mode="OIDC"), "oidc_provider_arn is not set"),
    "no token": (
        role("x", mode="OIDC", oidc_provider_arn=PROVIDER, oidc_token_file="/nowhere/token"),
        "'/nowhere/token', cannot be read",
    ),
    "no command": ({"mode": "External"}, "process_command is not set"),
    "a command that does not exist": ({"mode": "External", "process_command": "/nowhere/x"}, "cannot be run"),
    "a command that fails": ({"mode": "External", "process_command": program(SECRET, 3)}, "exit code 3"),
    "a command that prints a text": ({"mode": "External", "process_command": program(SECRET)}, "print a profile"),
    "a command without JSON": ({"mode": "External", "process_command": f"echo {SECRET}"}, "did not print JSON"),
    "a command in quotes": ({"mode": "External", "process_command": "'echo"}, "is not a command"),
    "a command of commands": (
        {"mode": "External", "process_command": program({"mode": "External", "process_command": "x"})},
        "mode External",
    ),
    "half a key of a command": (
        {"mode": "External", "process_command": program({"mode": "AK", "access_key_id": SECRET})},
        "access_key_secret is not set",
    ),
    "an expired sign-in": ({"mode": "CloudSSO", **KEY}, "sign-in has expired"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_profiles(profiles: Profiles, case: str) -> None:
    profile, words = WRONG[case]
    profiles.write({"name": "ci", **profile})
    with pytest.raises(CredentialsError, match=words) as caught:
        profiles.arn()
    assert "'ci'" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert seed.KEY.secret not in str(caught.value)


def test_a_refused_role_is_an_error_with_its_request_id(profiles: Profiles) -> None:
    profiles.write({**role("x", mode="RamRoleArn", **KEY), "ram_role_arn": "acs:ram::1:role/other"})
    with pytest.raises(Exception, match="AssumeRole") as caught:
        profiles.arn()
    assert "request id" in str(caught.value)

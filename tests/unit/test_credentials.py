from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from goldrun import config
from goldrun.aliyun_profile import find_profile
from goldrun.cloud.credentials import Credentials, find_credentials, from_profile, from_variables
from goldrun.cloud.home import read_region
from goldrun.errors import CredentialsError, UsageError
from tests.background import serve_in_background
from tests.commands import run_goldrun
from tests.conftest import Running

WANTED = Credentials("the-id", "the-secret", "the-token")


@pytest.mark.parametrize(
    "names",
    [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
        ("ALIYUN_ACCESS_KEY_ID", "ALIYUN_ACCESS_KEY_SECRET", "ALIYUN_SECURITY_TOKEN"),
        ("ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY", "ALICLOUD_SECURITY_TOKEN"),
        ("ALICLOUD_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY_SECRET", "ALICLOUD_SECURITY_TOKEN"),
    ],
)
def test_plain_variables(names: tuple[str, str, str]) -> None:
    assert find_credentials(dict(zip(names, WANTED, strict=True)))() == WANTED


@pytest.mark.parametrize("half", ["ALIYUN_ACCESS_KEY_ID", "ALIYUN_ACCESS_KEY_SECRET"])
def test_half_an_access_key_is_an_error_not_a_fallback(half: str) -> None:
    with pytest.raises(CredentialsError, match="The AccessKey is incomplete") as caught:
        from_variables({half: "planted-value"})
    assert "planted-value" not in str(caught.value)


@pytest.mark.parametrize("bad", ["has blank", "line\nbreak", "中文"])
def test_a_malformed_key_id_is_reported_before_anything_is_sent(bad: str) -> None:
    with pytest.raises(CredentialsError, match="characters"):
        from_variables({"ALIYUN_ACCESS_KEY_ID": bad, "ALIYUN_ACCESS_KEY_SECRET": "x"})


def test_the_secret_is_not_in_the_repr() -> None:
    assert "the-secret" not in repr(WANTED)
    assert "the-token" not in repr(WANTED)


AK = {
    "name": "ci",
    "mode": "AK",
    "access_key_id": "the-id",
    "access_key_secret": "the-secret",
    "region_id": "cn-beijing",
}
STS = {**AK, "name": "sts", "mode": "StsToken", "sts_token": "the-token"}
OTHER = {"name": "role", "mode": "RamRoleArn", "access_key_id": "the-id", "access_key_secret": "the-secret"}
EMPTY = {"name": "empty", "mode": "AK", "access_key_id": "", "access_key_secret": ""}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    (tmp_path / ".aliyun").mkdir()
    config = {"current": "ci", "profiles": [EMPTY, AK, STS, OTHER], "meta_path": ""}
    (tmp_path / ".aliyun/config.json").write_text(json.dumps(config))
    return {"HOME": str(tmp_path)}


def test_the_current_profile_and_the_named_one(home: dict[str, str]) -> None:
    assert find_credentials(home)() == Credentials("the-id", "the-secret")
    for name in config.PROFILE.names:
        assert find_credentials({**home, name: "sts"})() == WANTED


def test_variables_win_over_a_profile(home: dict[str, str]) -> None:
    plain = {"ALIYUN_ACCESS_KEY_ID": "mine", "ALIYUN_ACCESS_KEY_SECRET": "mine too"}
    assert find_credentials({**home, **plain})() == Credentials("mine", "mine too")
    with pytest.raises(CredentialsError, match="The AccessKey is incomplete"):
        find_credentials({**home, "ALIYUN_ACCESS_KEY_ID": "mine"})


@pytest.mark.parametrize("name", ["empty", "role", "not-there"])
def test_a_profile_without_a_key_is_passed_to_the_official_library(home: dict[str, str], name: str) -> None:
    assert from_profile({**home, "ALIBABA_CLOUD_PROFILE": name}) is None


def test_profiles_can_be_left_alone(home: dict[str, str]) -> None:
    assert find_profile({**home, "ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "true"}) is None
    assert find_profile({}) is None


def test_the_region_comes_from_the_profile_if_no_variable_is_set(home: dict[str, str]) -> None:
    assert read_region(home) == "cn-beijing"
    assert read_region({**home, "ALICLOUD_REGION": "cn-shanghai"}) == "cn-shanghai"
    with pytest.raises(UsageError, match="ALIYUN_REGION_ID is not set"):
        read_region({**home, "ALIBABA_CLOUD_PROFILE": "role"})


BROKEN_PROFILES: dict[str, tuple[object, str]] = {
    "half a key": ({"profiles": [{**AK, "access_key_secret": ""}], "current": "ci"}, "half a key"),
    "a token without its name": ({"profiles": [{**STS, "sts_token": ""}], "current": "sts"}, "half a key"),
    "a blank in the key": ({"profiles": [{**AK, "access_key_id": "the id"}], "current": "ci"}, "characters"),
    "a list": ([AK], "has no list of profiles"),
    "a text for the list": ({"profiles": "the-secret"}, "has no list of profiles"),
}


@pytest.mark.parametrize("case", BROKEN_PROFILES)
def test_a_broken_profile_is_reported_without_its_secrets(home: dict[str, str], case: str) -> None:
    document, words = BROKEN_PROFILES[case]
    Path(home["HOME"], ".aliyun/config.json").write_text(json.dumps(document))
    with pytest.raises(CredentialsError, match=words) as caught:
        find_credentials(home)
    assert "the-" not in str(caught.value)


@pytest.mark.parametrize("text", [b'{"access_key_secret": the-secret}', b"\xff\xfe", b"[" * 200_000])
def test_a_file_of_profiles_that_is_not_json(home: dict[str, str], text: bytes) -> None:
    Path(home["HOME"], ".aliyun/config.json").write_bytes(text)
    with pytest.raises(CredentialsError, match=r"it is not JSON") as caught:
        find_credentials(home)
    assert "the-secret" not in str(caught.value)


def test_the_secrets_are_not_in_the_repr_of_a_profile(home: dict[str, str]) -> None:
    shown = repr(find_profile({**home, "ALIBABA_CLOUD_PROFILE": "sts"}))
    assert "sts" in shown
    assert "the-" not in shown


def _look_up(live: Running, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A look-up in a process of its own: the official library reads the home directory when it is imported."""
    live.image("fam-amd64-latest")
    plain = {name: value for name, value in live.environment(HOME=str(home), **env).items() if "ACCESS_KEY" not in name}
    return run_goldrun(("image", "id", "fam-amd64-latest", "-q"), plain, home, code=None)


def test_a_profile_of_the_official_cli(live: Running, tmp_path: Path) -> None:
    profile = {
        "name": "ci",
        "mode": "AK",
        "access_key_id": "goldrun-local",
        "access_key_secret": "goldrun-local-secret",
    }
    other = {"name": "default", "mode": "AK", "access_key_id": "nobody", "access_key_secret": "x"}
    (tmp_path / ".aliyun").mkdir()
    (tmp_path / ".aliyun/config.json").write_text(json.dumps({"current": "default", "profiles": [other, profile]}))
    assert _look_up(live, tmp_path, ALIBABA_CLOUD_PROFILE="ci").stdout.startswith("m-")
    current = _look_up(live, tmp_path)
    assert current.returncode == 3
    assert "InvalidAccessKeyId.NotFound" in current.stderr


def test_an_sts_profile_of_the_official_cli(live: Running, tmp_path: Path) -> None:
    from local_cloud.access import AccessKey

    live.cloud.store.put(
        AccessKey(
            id="STS.local1", secret="sec", account="1000000000000001", role="r", user="u", token="tok", expires=9e9
        )
    )
    profile = {
        "name": "p",
        "mode": "StsToken",
        "access_key_id": "STS.local1",
        "access_key_secret": "sec",
        "sts_token": "tok",
    }
    (tmp_path / ".aliyun").mkdir()
    (tmp_path / ".aliyun/config.json").write_text(json.dumps({"current": "p", "profiles": [profile]}))
    assert _look_up(live, tmp_path).stdout.startswith("m-")


def test_the_shared_credentials_file(live: Running, tmp_path: Path) -> None:
    (tmp_path / ".alibabacloud").mkdir()
    (tmp_path / ".alibabacloud/credentials").write_text(
        "[default]\ntype = access_key\naccess_key_id = goldrun-local\naccess_key_secret = goldrun-local-secret\n"
    )
    assert _look_up(live, tmp_path, ALIBABA_CLOUD_ECS_METADATA_DISABLED="true").stdout.startswith("m-")


def test_a_credentials_service(live: Running, tmp_path: Path) -> None:
    """The chain's last link, over real HTTP."""
    answer = {"Code": "Success", "AccessKeyId": "STS.local2", "AccessKeySecret": "sec", "SecurityToken": "tok",
              "Expiration": "2099-01-01T00:00:00Z"}  # fmt: skip
    from local_cloud.access import AccessKey

    live.cloud.store.put(
        AccessKey(
            id="STS.local2", secret="sec", account="1000000000000001", role="r", user="u", token="tok", expires=9e9
        )
    )

    class Service(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Service) as server:
        serve_in_background(server)
        uri = f"http://127.0.0.1:{server.server_address[1]}/keys"
        found = _look_up(live, tmp_path, ALIBABA_CLOUD_CREDENTIALS_URI=uri, ALIBABA_CLOUD_ECS_METADATA_DISABLED="true")
        server.shutdown()
    assert found.stdout.startswith("m-"), found.stderr


def test_a_search_without_a_result_names_the_regions(live: Running, tmp_path: Path) -> None:
    found = _look_up(live, tmp_path, ALIBABA_CLOUD_ECS_METADATA_DISABLED="true")
    assert found.returncode == 3
    assert "No credentials" in found.stderr
    assert "CLIProfile" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_profile_that_does_not_exist_is_said_with_those_that_do(live: Running, home: dict[str, str]) -> None:
    """Keys were set, and the error was that there are no plain variables: the option is before them."""
    more = {"ALIBABA_CLOUD_PROFILE": "nosuch", "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
    found = _look_up(live, Path(home["HOME"]), **more)
    assert "error: ~/.aliyun/config.json has no profile 'nosuch'." in found.stderr
    assert "its profiles: empty, ci, sts, role." in found.stderr
    assert "plain variables" not in found.stderr


@pytest.mark.parametrize("named", ["", "role", "not-there"])
def test_without_the_extra_the_error_names_it(tmp_path: Path, home: dict[str, str], named: str) -> None:
    blocked = tmp_path / "alibabacloud_credentials.py"
    blocked.write_text("raise ImportError('not installed')")
    code = "import os; from goldrun.cloud.credentials import find_credentials; find_credentials(os.environ)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(tmp_path),
            **({**home, "ALIBABA_CLOUD_PROFILE": named} if named else {}),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "[credentials]'" in run.stderr
    if named:
        assert {"role": "its mode: RamRoleArn", "not-there": "has no profile 'not-there'"}[named] in run.stderr

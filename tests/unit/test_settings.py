"""Settings from files: what counts, what a repository may not say, and how contexts are switched."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tools.terminal import run_on_terminal

from goldrun import config, settings
from goldrun.errors import UsageError
from tests.commands import GOLDRUN, run_goldrun
from tests.conftest import Running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "repo/.git").mkdir(parents=True)
    (tmp_path / "repo/deep/er").mkdir(parents=True)
    return tmp_path / "home"


def write(home: Path, *, repository: str = "", user: str = "") -> None:
    if repository:
        (home.parent / "repo/goldrun.toml").write_text(repository)
    if user:
        file = settings.user_file({"HOME": str(home)})
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(user)


def load(home: Path, context: str = "", **env: str) -> dict[str, str]:
    environment = {"HOME": str(home), **env}
    settings.apply(environment, settings.load(environment, home.parent / "repo/deep/er", context))
    return {name: text for name, text in environment.items() if name not in ("HOME", *env)}


CONTEXTS = """# mine
current = "prod"

[contexts.prod]
region_id = "cn-hangzhou"  # there
security_group_id = "sg-prod"
timeout = 60

[contexts.lab]
region_id = "cn-beijing"
profile = "lab"
vswitch_id_k = "vsw-k"
"""


def test_what_comes_first_counts(home: Path) -> None:
    assert load(home) == {}
    write(home, user=CONTEXTS)
    prod = {"ALIYUN_REGION_ID": "cn-hangzhou", "ALIYUN_SECURITY_GROUP_ID": "sg-prod", "GOLDRUN_TIMEOUT": "60"}
    assert load(home) == prod
    write(home, repository='security_group_id = "sg-repo"\nimage_name = "tools"\n')
    mixed = {**prod, "ALIYUN_SECURITY_GROUP_ID": "sg-repo", "IMAGE_NAME": "tools"}
    assert load(home) == mixed
    # The environment, by any of a variable's names.
    assert load(home, ALICLOUD_REGION="cn-qingdao") == {k: v for k, v in mixed.items() if k != "ALIYUN_REGION_ID"}
    assert load(home, ALIYUN_REGION_ID="  ")["ALIYUN_SECURITY_GROUP_ID"] == "sg-repo"


def test_which_context(home: Path) -> None:
    write(home, user=CONTEXTS, repository='context = "lab"\n')
    lab = {"ALIYUN_REGION_ID": "cn-beijing", "ALIBABA_CLOUD_PROFILE": "lab", "ALIYUN_VSWITCH_ID_K": "vsw-k"}
    assert load(home) == lab
    assert load(home, "prod")["ALIYUN_REGION_ID"] == "cn-hangzhou"
    assert load(home, GOLDRUN_CONTEXT="prod")["ALIYUN_REGION_ID"] == "cn-hangzhou"
    for name, near in (("prot", "did you mean prod"), ("other", "goldrun context ls")):
        with pytest.raises(UsageError, match=f"no context '{name}'") as caught:
            load(home, name)
        assert near in str(caught.value)


@pytest.mark.parametrize(
    "key", sorted(settings.key_of(one.names[0]) for one in settings._TRUSTED_ONLY if not one.secret)
)
def test_a_repository_does_not_decide_what_is_trusted(home: Path, key: str) -> None:
    """It may come with a pull request: where keys and tokens are sent is not its business."""
    write(home, repository=f'region_id = "cn-hangzhou"\n{key} = "http://evil.example"\n')
    with pytest.raises(UsageError, match=rf"goldrun\.toml:2: {key} does not belong in a repository's file"):
        load(home)
    (home.parent / "repo/goldrun.toml").unlink()
    write(home, user=f'current = "a"\n[contexts.a]\n{key} = "x"\n')
    assert load(home)


def test_every_variable_is_trusted_or_harmless() -> None:
    """A new variable has to be thought about: whoever adds one decides which it is."""
    harmless = {
        *("ALIYUN_REGION_ID", "IMAGE_NAME", "ARCH", "GOLDRUN_TIMEOUT", "KEEP_IMAGE_COUNT", "ALIYUN_IMAGE_FAMILY"),
        *("ALIYUN_IMAGE_ID", "ALIYUN_SECURITY_GROUP_ID", "ALIYUN_VSWITCH_ID", "ALIYUN_VSWITCH_ID_A", "ALIYUN_VPC_ID"),
        *("ALIYUN_KEY_PAIR_NAME", "ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME", "INSTANCE_TYPE", "INSTANCE_NAME", "MIN_CPU"),
        *("MAX_CPU", "MIN_MEM", "MAX_MEM", "SPOT_PRICE_LIMIT", "SPOT_PROTECT", "INSTANCE_TTL_MINUTES"),
        *("GITHUB_REPOSITORY", "GOLDRUN_LANG", "GOLDRUN_DEBUG", "GOLDRUN_CONTEXT", "GOLDRUN_CONFIG"),
    }
    open_ones = {one.names[0] for one in config.VARIABLES if not one.secret and one not in settings._TRUSTED_ONLY}
    assert open_ones == harmless


def test_every_mistake_is_told_with_its_line(home: Path) -> None:
    write(home, repository='regoin_id = "x"\narch = ["amd64"]\naccess_key_secret = "s"\nmin_cpu = true\n')
    with pytest.raises(UsageError) as caught:
        load(home)
    message = str(caught.value)
    for words in ("toml:1: unknown setting 'regoin_id': did you mean region_id?", "toml:2: arch is not a text",
                  "toml:3: access_key_secret is a secret", "toml:4: min_cpu is not a text"):  # fmt: skip
        assert words in message
    assert "= s" not in message
    write(home, repository="x")
    with pytest.raises(UsageError, match=r"goldrun\.toml:1"):
        load(home)
    (home.parent / "repo/goldrun.toml").unlink()
    write(home, user='region_id = "x"\n')
    with pytest.raises(UsageError, match="'region_id' is not expected there"):
        load(home)


def test_a_pull_requests_file_is_not_read_in_github_actions(home: Path) -> None:
    write(home, repository='region_id = "cn-beijing"\n')
    assert load(home, GITHUB_ACTIONS="true") == {}
    named = str(home.parent / "repo/goldrun.toml")
    assert load(home, GITHUB_ACTIONS="true", GOLDRUN_CONFIG=named) == {"ALIYUN_REGION_ID": "cn-beijing"}


def test_a_file_above_the_repository_is_somebody_elses(home: Path) -> None:
    (home.parent / "goldrun.toml").write_text('region_id = "cn-beijing"\n')
    assert load(home) == {}


def run(home: Path, *words: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    whole = {"PATH": os.environ["PATH"], "HOME": str(home), **env}
    return run_goldrun(words, whole, home.parent / "repo", code=code)


def test_contexts_from_the_command_line(home: Path) -> None:
    run(home, "context", "create", "prod", "--set", "region_id=cn-hangzhou", "--set", 'image_name=a "b"')
    run(
        home,
        "context",
        "create",
        "lab",
        "--from-environment",
        ALIYUN_REGION_ID="cn-beijing",
        GOLDRUN_GITHUB_TOKEN="t0p",
    )
    file = settings.user_file({"HOME": str(home)})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "t0p" not in file.read_text()
    file.write_text(f"# kept\n{file.read_text()}")
    run(home, "context", "use", "prod")
    assert "# kept" in file.read_text()
    listed = {one["name"]: one for one in json.loads(run(home, "context", "ls", "--json").stdout)}
    assert listed["prod"] == {
        "name": "prod", "current": True, "settings": {"region_id": "cn-hangzhou", "image_name": 'a "b"'},
    }  # fmt: skip
    assert listed["lab"]["settings"] == {"region_id": "cn-beijing"}
    shown = json.loads(run(home, "config", "show", "--json", ALIYUN_ACCESS_KEY_SECRET="s3").stdout)
    origins = {one["name"]: (one["value"], one["origin"]) for one in shown}
    assert origins["ALIYUN_REGION_ID"] == ("cn-hangzhou", f"{file} (prod)")
    assert origins["ALIYUN_ACCESS_KEY_SECRET"] == ("(secret)", "environment")
    assert origins["GOLDRUN_TIMEOUT"] == ("180", "default")
    assert "cn-beijing" in run(home, "--context", "lab", "config", "show", "--origin").stdout
    run(home, "context", "create", "prod", "--set", "region_id=cn-qingdao")
    assert "cn-qingdao" in run(home, "config", "show").stdout
    run(home, "context", "rm", "prod", code=2)
    run(home, "context", "rm", "prod", "--yes")
    assert "cn-qingdao" not in run(home, "config", "show").stdout
    run(home, "context", "use", "prod", code=1)
    run(home, "context", "use", code=2)
    run(home, "context", "create", "a b", code=2)
    run(home, "context", "create", "a", "--set", "secret", code=2)
    run(home, "context", "use", "--none")
    assert str(file) in run(home, "config", "path").stdout
    assert "region_id" in run(home, "config", "keys").stdout


def test_the_deletion_of_a_context_is_asked_in_the_person_s_language(home: Path) -> None:
    write(home, user='[contexts.prod]\nregion_id = "cn-hangzhou"\n')
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "GOLDRUN_LANG": "zh"}
    words = [*GOLDRUN, "context", "rm", "prod"]
    code, said = run_on_terminal(words, env, columns=80, folder=home.parent / "repo", answers=["n"])
    assert (code, "删除 context prod？" in said, "没有做任何改动" in said) == (0, True, True), said
    assert "prod" in run(home, "context", "ls", "--json").stdout


@pytest.mark.parametrize(
    "text",
    [
        '[contexts.prod] # production\nregion_id = "cn-hangzhou"\n',
        '[contexts."prod"]\nregion_id = "cn-hangzhou"\n',
        '  [ contexts . prod ]\n  region_id = "cn-hangzhou"\n[contexts.b]\nregion_id = "cn-beijing"\n',
    ],
)
def test_a_context_that_a_person_wrote_is_replaced_and_deleted(home: Path, text: str) -> None:
    write(home, user=text)
    run(home, "context", "create", "prod", "--set", "region_id=cn-qingdao")
    listed = {one["name"]: one["settings"] for one in json.loads(run(home, "context", "ls", "--json").stdout)}
    assert listed["prod"] == {"region_id": "cn-qingdao"}
    run(home, "context", "rm", "prod", "--yes")
    assert "prod" not in run(home, "context", "ls", "--json").stdout
    assert ("cn-beijing" in text) == ("cn-beijing" in run(home, "context", "ls", "--json").stdout)


def test_a_file_that_cannot_be_changed_as_meant_stays_as_it_is(home: Path) -> None:
    """It said that a context was deleted that was still there, or broke the file for every command."""
    text = 'current = "prod"\ncontexts = { prod = { region_id = "cn-hangzhou" } }\n'
    write(home, user=text)
    for words in (("rm", "prod", "--yes"), ("create", "prod", "--set", "region_id=cn-beijing")):
        assert "only a person can change" in run(home, "context", *words, code=2).stderr
    assert settings.user_file({"HOME": str(home)}).read_text() == text


def test_contexts_that_are_created_at_once_are_all_there(home: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: run(home, "context", "create", f"c{one}", "--set", "region_id=cn-beijing"), range(6)))
    assert len(json.loads(run(home, "context", "ls", "--json").stdout)) == 6


def test_a_password_in_a_url_is_not_shown_and_not_kept(home: Path) -> None:
    env: Any = {"GOLDRUN_RUNNER_PROXY": "http://user:pa55word@1.2.3.4:80", "ALIYUN_REGION_ID": "cn-beijing"}
    assert "http://***@1.2.3.4:80" in run(home, "config", "show", **env).stdout
    assert "left out" in run(home, "context", "create", "mine", "--from-environment", **env).stderr
    run(home, "context", "create", "other", "--set", "runner_proxy=http://user:pa55word@1.2.3.4:80")
    run(home, "context", "use", "other")
    assert "pa55word" not in run(home, "config", "show").stdout
    assert "pa55word" not in run(home, "context", "ls", "--json").stdout + run(home, "context", "ls").stdout
    file = settings.user_file({"HOME": str(home)}).read_text()
    assert file.count("pa55word") == 1, "what a person sets by name is kept"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://user:p/w@h:1", "http://***@h:1"),
        ("user:pw@h:1", "***@h:1"),
        ("https://u:p@h/x?y=a@b", "https://***@h/x?y=a@b"),
        ("http://h?x=a:c@b", "http://h?x=a:c@b"),
        ("127.0.0.1:4679", "127.0.0.1:4679"),
        ("m-1@x", "m-1@x"),
    ],
)
def test_what_is_a_password(value: str, shown: str) -> None:
    assert config.without_password(value) == shown


def test_an_option_is_shown_as_the_origin(home: Path) -> None:
    """`config show` ignored --region and --profile."""
    keys: dict[str, Any] = {"ALIYUN_ACCESS_KEY_ID": "id", "ALICLOUD_REGION": "cn-shanghai"}
    words = ("--region", "cn-beijing", "--profile", "dev", "config", "show", "--json")
    shown = {one["name"]: (one["value"], one["origin"]) for one in json.loads(run(home, *words, **keys).stdout)}
    assert shown["ALIYUN_REGION_ID"] == ("cn-beijing", "option")
    assert shown["ALIBABA_CLOUD_PROFILE"] == ("dev", "option")
    assert not shown.keys() & keys.keys()


def test_a_file_with_a_byte_order_mark_is_changed(home: Path) -> None:
    write(home, user='\ufeffcurrent = "a"\n[contexts.a]\nregion_id = "cn-hangzhou"\n')
    run(home, "context", "create", "b", "--set", "region_id=cn-beijing")
    assert len(json.loads(run(home, "context", "ls", "--json").stdout)) == 2


def test_a_character_that_toml_does_not_take_is_written_another_way(home: Path) -> None:
    run(home, "context", "create", "odd", "--set", "image_name=a\x7fb")
    assert json.loads(run(home, "context", "ls", "--json").stdout)[0]["settings"] == {"image_name": "a\x7fb"}


def test_a_broken_file_does_not_lock_one_out(home: Path) -> None:
    write(home, user='current = "gone"\n[contexts.a]\nregion_id = "cn-hangzhou"\n')
    assert "There is no context 'gone'" in run(home, "config", "show", code=2).stderr
    run(home, "context", "use", "a")
    assert "cn-hangzhou" in run(home, "config", "show").stdout


def test_a_command_uses_its_settings(home: Path, populated: Running) -> None:
    """The context says where, the repository's file which image; the root's options come before both."""
    env: Any = populated.environment(HOME=str(home), ALIYUN_REGION_ID="")
    lab = f'current = "lab"\n[contexts.lab]\nregion_id = "cn-hangzhou"\nendpoint = "{populated.url}"\n'
    write(home, user=lab, repository='arch = "arm64"\n')
    del env["GOLDRUN_ENDPOINT"]
    assert run(home, "image", "id", "github-runner-ubuntu24", **env).stdout == "IMAGE_ID=m-localnewarm64\n"
    assert "in cn-beijing" in run(home, "--region", "cn-beijing", "image", "id", "none-such", code=1, **env).stderr
    refused = run(home, "--profile", "none", "whoami", code=3, **env).stderr
    assert "none" in refused

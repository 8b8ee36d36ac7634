"""The GARM provider, driven as the engine drives it: a process for every command, in an environment of its own.

How it is called is taken from the engine's ``runner/providers/v0.1.0`` and ``v0.1.1`` (``external.go``).
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from goldrun.garm import contract
from goldrun.garm.runner_version import api_url, read_repository
from goldrun.launch.spread import LEAST
from local_cloud import seed
from local_cloud.github import releases
from local_cloud.github.api import TOKEN as GITHUB_TOKEN
from local_cloud.github.router import PREFIX
from local_cloud.records import Instance
from tests.conftest import Running
from tests.openapi import oas31

PROVIDER = Path(sys.executable).with_name("goldrun-garm-provider")
CONTROLLER = "f9286791-1589-4f39-a106-5b68c2a18af4"
# What the engine adds to a pool's extra specs from 0.2.0 on, whether the pool says anything or not.
# What the engine adds where a pool has no template; GARM's own is longer.
WRAPPER = base64.b64encode(b'#!/bin/bash\ncurl -o /tmp/real-install.sh "$METADATA_URL/install-script/"\n').decode()
ENGINE_SPECS = {
    "runner_install_template": WRAPPER,
    "extra_context": {"GolangDownloadURL": "https://golang.org/dl/go.tar.gz"},
    "pre_install_scripts": {"01-script": "IyEvYmluL2Jhc2gK"},
    "enable_boot_debug": True,
}
POOL = "9dcf590a-1192-4a9c-b3e4-e0902974c2c0"
TOKEN = "planted-instance-token"
VERSIONS = ["v0.1.0", "v0.1.1"]


class Engine:
    """Calls the provider."""

    def __init__(self, cloud: Running, folder: Path, version: str, controller: str = CONTROLLER) -> None:
        self.cloud, self.version, self.controller = cloud, version, controller
        self.full = False  # whether its stdout is on a full disk
        self.config = folder / "provider.toml"
        self.config.write_text(
            f'region = "{seed.REGION}"\nsecurity_group_id = "sg-local-{seed.REGION}"\n'
            f'access_key_id = "{seed.KEY.id}"\naccess_key_secret = "{seed.KEY.secret}"\n'
            f'endpoint = "{cloud.url}"\ncache_folder = "{folder / "cache"}"\nself_destruct_role = "self-destruct"\n'
        )

    def __call__(
        self, command: str, stdin: Mapping[str, Any] | None = None, *, specs: Any = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        # The engine's environment, and nothing else: no PATH, no HOME.
        environment = {
            "GARM_COMMAND": command,
            "GARM_CONTROLLER_ID": self.controller,
            "GARM_PROVIDER_CONFIG_FILE": str(self.config),
            "GARM_INTERFACE_VERSION": self.version,
            **env,
        }
        if self.version == "v0.1.1":
            environment["GARM_POOL_EXTRASPECS"] = base64.b64encode(json.dumps(specs).encode()).decode()
            environment.setdefault("GARM_POOL_ID", POOL)
        return subprocess.run(
            [str(PROVIDER)] if not self.full else ["/bin/sh", "-c", f"exec {PROVIDER} > /dev/full"],
            input="" if stdin is None else json.dumps(stdin),
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def bootstrap(name: str, **more: Any) -> dict[str, Any]:
    """As the engine writes it: every member of its BootstrapInstance."""
    return {
        "name": name,
        "tools": [
            {
                "os": "linux",
                "architecture": "x64",
                "download_url": "https://github.com/actions/runner/releases/download/v2.330.0/x.tar.gz",
                "filename": "x.tar.gz",
                "sha256_checksum": "a" * 64,
            }
        ],
        "repo_url": "https://github.com/octo-org/octo-repo",
        "callback-url": "http://127.0.0.1:9/api/v1/callbacks",
        "metadata-url": "http://127.0.0.1:9/api/v1/metadata",
        "instance-token": TOKEN,
        "ssh-keys": None,
        "extra_specs": {"policy": "balanced", "on_demand_fallback": True},
        "github-runner-group": "",
        "ca-cert-bundle": None,
        "arch": "amd64",
        "os_type": "linux",
        "flavor": "8c16g",
        "image": "github-runner-ubuntu24-amd64-latest",
        "labels": ["ubuntu", f"runner-controller-id:{CONTROLLER}", f"runner-pool-id:{POOL}"],
        "pool_id": POOL,
        "user_data_options": {"disable_updates_on_boot": False, "extra_packages": None, "enable_boot_debug": False},
        "jit_config_enabled": True,
        "proxy_config": {"http_proxy": "", "https_proxy": "", "no_proxy": ""},
        **more,
    }


def valid(text: str) -> dict[str, Any]:
    """What the engine accepts (``ValidateResult``)."""
    answer: dict[str, Any] = json.loads(text)
    assert answer["provider_id"]
    assert answer["name"]
    assert answer["status"] in ("running", "error", "stopped", "unknown")
    return answer


def ours(cloud: Running) -> list[Instance]:
    return [one for one in cloud.cloud.store.all(Instance) if "GarmController" in one.tags and one.gone > 9e14]


@pytest.fixture
def cloud(populated: Running) -> Running:
    return populated.always_in_stock(speed=5, boot_seconds=600.0, release_seconds=0.5, stop_seconds=0.5)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_instances_life(cloud: Running, tmp_path: Path, version: str) -> None:
    engine = Engine(cloud, tmp_path, version)
    store = cloud.cloud.store
    store.put(replace(store.settings(), boot_seconds=1.0))
    made = engine("CreateInstance", bootstrap("garm-one"), GARM_POOL_ID=POOL)
    assert made.returncode == 0, made.stderr
    answer = valid(made.stdout)
    assert (answer["name"], answer["os_type"], answer["os_arch"], answer["pool_id"]) == (
        "garm-one",
        "linux",
        "amd64",
        POOL,
    )
    again = engine("CreateInstance", bootstrap("garm-one"), GARM_POOL_ID=POOL)
    assert valid(again.stdout)["provider_id"] == answer["provider_id"], "a repeated call makes no second one"
    (instance,) = ours(cloud)
    assert instance.tags["GarmController"] == CONTROLLER
    assert instance.tags["GarmPool"] == POOL
    user_data = base64.b64decode(instance.user_data).decode()
    assert "runner-pool-id:" in user_data
    assert seed.KEY.secret not in user_data + json.dumps(instance.tags) + made.stdout + made.stderr
    for which in (answer["provider_id"], "garm-one"):
        got = engine("GetInstance", GARM_INSTANCE_ID=which)
        assert valid(got.stdout)["provider_id"] == answer["provider_id"], got.stderr
        assert valid(got.stdout)["addresses"][0]["type"] == "private"
    listed = engine("ListInstances", GARM_POOL_ID=POOL)
    assert [valid(json.dumps(one))["name"] for one in json.loads(listed.stdout)] == ["garm-one"]
    assert json.loads(engine("ListInstances", GARM_POOL_ID="another").stdout) == []
    for command, status in (("StopInstance", "stopped"), ("StartInstance", "running")):
        cloud.cloud.clock.advance(5)
        done = engine(command, GARM_INSTANCE_ID=answer["provider_id"])
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        cloud.cloud.clock.advance(5)
        assert valid(engine("GetInstance", GARM_INSTANCE_ID=answer["provider_id"]).stdout)["status"] == status
    for _ in range(2):
        gone = engine("DeleteInstance", GARM_INSTANCE_ID=answer["provider_id"])
        assert (gone.returncode, gone.stdout) == (0, ""), gone.stderr
    assert ours(cloud) == []
    for command in ("GetInstance", "StartInstance", "StopInstance"):
        missing = engine(command, GARM_INSTANCE_ID=answer["provider_id"])
        assert missing.returncode == contract.EXIT_NOT_FOUND, missing.stderr
        assert "error:" in missing.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_commands_without_a_cloud(cloud: Running, tmp_path: Path, version: str) -> None:
    engine = Engine(cloud, tmp_path, version)
    assert re.fullmatch(r"v\d+\.\d+\.\d+\S*\n", engine("GetVersion").stdout)
    assert json.loads(engine("GetSupportedInterfaceVersions").stdout) == VERSIONS
    config = json.loads(engine("GetConfigJSONSchema").stdout)
    specs = json.loads(engine("GetExtraSpecsJSONSchema").stdout)
    import tomllib

    assert not list(oas31(config).iter_errors(tomllib.loads(engine.config.read_text())))
    assert not list(oas31(specs).iter_errors(bootstrap("x")["extra_specs"]))
    for good in (None, {}, {"cpu": "8..16", "zones": ["cn-hangzhou-k"], "life": "2h", "max_price": 1}):
        assert engine("ValidatePoolInfo", specs=good).returncode == 0
    if version == "v0.1.1":
        for bad in ({"policy": "best"}, {"zones": "k"}, {"life": "soon"}, {"disk_size": True}, [1]):
            refused = engine("ValidatePoolInfo", specs=bad)
            assert refused.returncode == 1
            assert "error:" in refused.stderr
            assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"flavor": "huge"}, "neither instance types nor a size"),
        ({"image": "no-such-image"}, "Image not found"),
        ({"os_type": "windows"}, "os_type 'windows' is not supported"),
        ({"arch": "riscv"}, "arch 'riscv' is not supported"),
        ({"extra_specs": {**ENGINE_SPECS, "cpu": 8}}, "cpu in the extra specs must be of type string"),
        ({"extra_specs": {"memory": "much"}}, "'much' is not a range of GiB (memory in the extra specs)"),
        ({"extra_specs": {"life": "long"}}, "'long' is not a duration (life in the extra specs)"),
        ({"proxy_config": "http://p:1"}, "proxy_config"),
        ({"instance-token": ""}, "no instance-token"),
        ({"extra_specs": {"max_price": 0.0001}}, "zones in the extra specs, max_price in the extra specs"),
        ({"extra_specs": {"longest_job": "6h"}}, "longest_job in the extra specs, 6h, is not shorter than life"),
        (
            {"extra_specs": {"pre_install_scripts": {"../a": ""}}},
            "'../a' in pre_install_scripts cannot be a file's name",
        ),
        ({"extra_specs": {"runner_install_template": "%"}}, "runner_install_template in the extra specs is not base64"),
        ({"extra_specs": {"pre_install_scripts": {"a": "%"}}}, "The script a in pre_install_scripts is not base64"),
        ({"extra_specs": {"pre_install_scripts": {"a": 1}}}, "pre_install_scripts in the extra specs must be of type"),
        ({"ca-cert-bundle": "%%%"}, "not a certificate"),
    ],
)
def test_a_creation_that_fails_says_why_and_leaves_nothing(
    cloud: Running, tmp_path: Path, case: dict[str, Any], words: str
) -> None:
    engine = Engine(cloud, tmp_path, "v0.1.1")
    failed = engine("CreateInstance", bootstrap("garm-bad", **case))
    assert failed.returncode == 1
    assert failed.stdout == "", "the engine shows it too, before the reason"
    assert words in failed.stderr
    for secret in (TOKEN, "planted-password", seed.KEY.secret):
        assert secret not in failed.stderr
    assert ours(cloud) == []
    # Before it tries again the engine deletes, by the name.
    assert engine("DeleteInstance", GARM_INSTANCE_ID="garm-bad").returncode == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_the_engines_own_extra_specs_are_accepted_with_a_warning(cloud: Running, tmp_path: Path, version: str) -> None:
    """GARM 0.2.0 adds ``runner_install_template`` to every call: no pool got a runner any more."""
    engine = Engine(cloud, tmp_path, version)
    specs = {**ENGINE_SPECS, "policy": "balanced", "cpus": 8}
    made = engine("CreateInstance", bootstrap("garm-new", extra_specs=specs), GARM_POOL_ID=POOL, specs=specs)
    assert made.returncode == 0, made.stderr
    assert valid(made.stdout)["status"] == "running"
    (warning,) = [line for line in made.stderr.splitlines() if "extra specs" in line]
    ignored = warning.partition("It knows")[0]
    assert "cpus" in ignored
    for name in ("runner_install_template", "extra_context", "policy", "pre_install_scripts", "enable_boot_debug"):
        assert name not in ignored
    user_data = base64.b64decode(ours(cloud)[0].user_data).decode()
    assert "pre-install/00/01-script <<< IyEvYmluL2Jhc2gK" in user_data
    assert "BOOT_DEBUG=true" in user_data
    assert "install-script/" not in user_data, "the engine's own template only fetches a runner: the agent has one"
    checked = engine("ValidatePoolInfo", specs=specs)
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr
    schema = json.loads(engine("GetExtraSpecsJSONSchema").stdout)
    assert not list(oas31(schema).iter_errors(specs))
    assert list(oas31(schema).iter_errors({**specs, "policy": "best"}))


def test_an_operators_own_template_takes_the_place_of_the_agents_installation(cloud: Running, tmp_path: Path) -> None:
    specs = {"runner_install_template": "IyEvYmluL2Jhc2gK", "extra_context": {"where": "here"}}
    made = Engine(cloud, tmp_path, "v0.1.1")("CreateInstance", bootstrap("garm-own", extra_specs=specs))
    assert made.returncode == 0, made.stderr
    user_data = base64.b64decode(ours(cloud)[0].user_data).decode()
    assert "TEMPLATE=true" in user_data
    assert "ask install-script/" in user_data


def test_a_trace_goes_to_stderr_and_leaves_the_answer_alone(cloud: Running, tmp_path: Path) -> None:
    made = Engine(cloud, tmp_path, "v0.1.1")("CreateInstance", bootstrap("garm-traced"), GOLDRUN_DEBUG="1")
    assert valid(made.stdout)["name"] == "garm-traced"
    assert re.search(r"^debug: \S+ RunInstances cn-hangzhou 200 \d+ ms ", made.stderr, re.MULTILINE)
    assert TOKEN not in made.stderr
    assert seed.KEY.secret not in made.stderr


@pytest.mark.parametrize(
    "proxy", [None, {}, {"https_proxy": "http://10.0.0.1:3128", "no_proxy": "internal", "more": 1}]
)
def test_the_engines_proxy_reaches_the_machine(cloud: Running, tmp_path: Path, proxy: dict[str, Any] | None) -> None:
    engine = Engine(cloud, tmp_path, "v0.1.1")
    made = engine("CreateInstance", bootstrap("garm-proxy", proxy_config=proxy))
    assert made.returncode == 0, made.stderr
    user_data = base64.b64decode(ours(cloud)[0].user_data).decode()
    assert f"PROXY={(proxy or {}).get('https_proxy') or repr('')}\n" in user_data
    assert f"NO_PROXY_FOR={(proxy or {}).get('no_proxy') or repr('')}\n" in user_data


def test_a_proxys_password_is_fetched_by_the_machine_and_not_in_user_data(cloud: Running, tmp_path: Path) -> None:
    proxy = {"https_proxy": "http://user:planted-password@10.0.0.1:3128", "no_proxy": "internal"}
    made = Engine(cloud, tmp_path, "v0.1.1")("CreateInstance", bootstrap("garm-proxy", proxy_config=proxy))
    assert made.returncode == 0, made.stderr
    user_data = base64.b64decode(ours(cloud)[0].user_data).decode()
    assert "planted-password" not in user_data + made.stdout + made.stderr
    assert "\nSECRET_PROXY=true\n" in user_data
    assert "\nNO_PROXY_FOR=internal\n" in user_data


@pytest.mark.parametrize(
    ("specs", "seconds"),
    [({}, 5 * 3600), ({"life": "1h"}, 1800), ({"life": "2h", "longest_job": "90m"}, 1800)],
)
def test_an_idle_runner_waits_while_a_job_still_fits_into_its_life(
    cloud: Running, tmp_path: Path, specs: dict[str, str], seconds: int
) -> None:
    made = Engine(cloud, tmp_path, "v0.1.1")("CreateInstance", bootstrap("garm-idle", extra_specs=specs))
    assert made.returncode == 0, made.stderr
    assert f"IDLE_SECONDS={seconds}\n" in base64.b64decode(ours(cloud)[0].user_data).decode()


def test_the_pools_own_option_traces_the_boot(cloud: Running, tmp_path: Path) -> None:
    wanted = bootstrap("garm-trace", user_data_options={"enable_boot_debug": True})
    assert Engine(cloud, tmp_path, "v0.1.1")("CreateInstance", wanted).returncode == 0
    assert "BOOT_DEBUG=true" in base64.b64decode(ours(cloud)[0].user_data).decode()


def test_an_image_with_an_outdated_runner_is_refused(cloud: Running, tmp_path: Path) -> None:
    number = int(releases.current(cloud.cloud.clock.now()).split(".")[1])
    for back in (0, 3):  # the one before the last but one gets jobs for two days after a release
        tags = {"Manifest.1": f"actions-runner=2.{number - back}.0"}
        cloud.image(f"back{back}-amd64-latest", family=f"back{back}-amd64", tags=tags)
    engine = Engine(cloud, tmp_path, "v0.1.1")
    url = f"{cloud.url}{PREFIX}/octo-org/octo-repo"
    old = bootstrap("garm-old", image="back3-amd64-latest", repo_url=url)
    assert engine("CreateInstance", old).returncode == 0, "without a token nobody can ask"
    assert engine("DeleteInstance", GARM_INSTANCE_ID="garm-old").returncode == 0
    engine.config.write_text(engine.config.read_text() + f'github_token = "{GITHUB_TOKEN}"\n')
    refused = engine("CreateInstance", old)
    assert refused.returncode == 1
    fault = refused.stderr
    assert f"The image's runner, version 2.{number - 3}.0, is too old." in fault
    assert "rebuild the image" in fault
    assert refused.stdout == ""
    assert GITHUB_TOKEN not in fault
    assert ours(cloud) == []
    for number, wanted in enumerate(
        (
            {"image": "back0-amd64-latest", "repo_url": url},
            {"image": "acs:ubuntu_24_04_x64", "repo_url": url, "flavor": "2"},
            {"image": "back3-amd64-latest", "repo_url": f"{cloud.url}/enterprises/octo"},
        )
    ):
        made = engine("CreateInstance", bootstrap(f"garm-{number}", **wanted))
        assert made.returncode == 0, made.stderr


@pytest.mark.parametrize(
    ("url", "server", "scope", "api"),
    [
        ("https://github.com/o/r", "https://github.com", "o/r", "https://api.github.com"),
        ("https://github.com/o/", "https://github.com", "o", "https://api.github.com"),
        ("https://acme.ghe.com/o/r", "https://acme.ghe.com", "o/r", "https://api.acme.ghe.com"),
        ("https://git.example.com/o/r", "https://git.example.com", "o/r", "https://git.example.com/api/v3"),
        ("https://github.com.evil.com/o", "https://github.com.evil.com", "o", "https://github.com.evil.com/api/v3"),
        ("https://github.com/enterprises/e", "https://github.com", "None", "https://api.github.com"),
    ],
)
def test_the_address_of_a_pools_github(url: str, server: str, scope: str, api: str) -> None:
    found, whose = read_repository(url)
    assert (found, str(whose), api_url(found)) == (server, scope, api)


def test_wrong_calls(cloud: Running, tmp_path: Path) -> None:
    engine = Engine(cloud, tmp_path, "v0.1.1")
    for command, stdin, env in (
        ("", None, {}),
        ("Dance", None, {}),
        ("CreateInstance", None, {}),
        ("DeleteInstance", None, {}),
        ("GetSupportedInterfaceVersions", None, {"GARM_INTERFACE_VERSION": "v9"}),
        ("ListInstances", None, {"GARM_POOL_ID": ""}),
        ("ListInstances", None, {"GARM_PROVIDER_CONFIG_FILE": "/nowhere"}),
        ("ListInstances", None, {"GARM_PROVIDER_CONFIG_FILE": __file__}),
        ("RemoveAllInstances", None, {"GARM_CONTROLLER_ID": ""}),
    ):
        done = engine(command, stdin, **env)
        assert done.returncode == 1, (command, env)
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr


def test_another_pool_has_the_name(cloud: Running, tmp_path: Path) -> None:
    engine = Engine(cloud, tmp_path, "v0.1.1")
    assert engine("CreateInstance", bootstrap("garm-one")).returncode == 0
    duplicate = engine("CreateInstance", bootstrap("garm-one", pool_id="another"))
    assert duplicate.returncode == contract.EXIT_DUPLICATE
    other = Engine(cloud, tmp_path, "v0.1.1", controller="another-controller")
    assert other("GetInstance", GARM_INSTANCE_ID=ours(cloud)[0].id).returncode == contract.EXIT_NOT_FOUND
    assert other("DeleteInstance", GARM_INSTANCE_ID=ours(cloud)[0].id).returncode == 0
    assert other("RemoveAllInstances").returncode == 0
    assert len(ours(cloud)) == 1, "nothing of another controller's is touched"
    assert engine("RemoveAllInstances").returncode == 0
    assert ours(cloud) == []


def test_an_instance_that_has_lost_its_tags_is_not_said_to_be_deleted(cloud: Running, tmp_path: Path) -> None:
    """It counted as one that is not there: the engine forgot it, and it went on costing."""
    engine = Engine(cloud, tmp_path, "v0.1.0")
    made = engine("CreateInstance", bootstrap("garm-one"), GARM_POOL_ID=POOL)
    number = valid(made.stdout)["provider_id"]
    (instance,) = ours(cloud)
    cloud.cloud.store.put(replace(instance, tags={}))
    kept = engine("DeleteInstance", GARM_INSTANCE_ID=number)
    assert kept.returncode == 1
    assert f"{number} is not deleted" in kept.stderr
    cloud.cloud.store.put(instance)
    assert engine("DeleteInstance", GARM_INSTANCE_ID=number).returncode == 0
    assert ours(cloud) == []


# Prices change every hour: at this one, several offers of the test's market are near the best.
SPREAD_TIME = 1_900_000_800.0


def places(cloud: Running) -> set[tuple[str, str]]:
    return {(one.type, one.zone) for one in ours(cloud)}


def create_all(engine: Engine, names: list[str], **more: Any) -> None:
    with ThreadPoolExecutor(len(names)) as threads:
        made = list(threads.map(lambda name: engine("CreateInstance", bootstrap(name, **more)), names))
    assert [one.stderr for one in made if one.returncode] == []


def test_a_small_pool_takes_the_best_offer_and_a_larger_one_is_spread(cloud: Running, tmp_path: Path) -> None:
    cloud.cloud.clock.advance(SPREAD_TIME - cloud.cloud.clock.now())
    engine = Engine(cloud, tmp_path, "v0.1.1")
    for number in range(LEAST - 1):
        create_all(engine, [f"garm-{number}"])
    assert len(places(cloud)) == 1
    create_all(engine, [f"garm-more-{number}" for number in range(6)])
    assert len(places(cloud)) > 1


@pytest.mark.parametrize(("specs", "spread"), [({}, True), ({"spread": False}, False)])
def test_a_pool_that_is_filled_at_once_is_spread(
    cloud: Running, tmp_path: Path, specs: dict[str, Any], spread: bool
) -> None:
    """No process finds the instances of the others yet."""
    cloud.cloud.clock.advance(SPREAD_TIME - cloud.cloud.clock.now())
    engine = Engine(cloud, tmp_path, "v0.1.1")
    create_all(engine, [f"garm-{number}" for number in range(10)], extra_specs=specs)
    assert (len(places(cloud)) > 1) is spread
    assert not list((tmp_path / "cache").glob("creating-*"))


def test_a_deletion_takes_four_calls_at_most(cloud: Running, tmp_path: Path) -> None:
    engine = Engine(cloud, tmp_path, "v0.1.0")
    made = engine("CreateInstance", bootstrap("garm-one"), GARM_POOL_ID=POOL)
    store = cloud.cloud.store
    store.put(replace(store.settings(), release_seconds=4.0))
    before = sum(cloud.cloud.gateway.calls.values())
    assert engine("DeleteInstance", GARM_INSTANCE_ID=json.loads(made.stdout)["provider_id"]).returncode == 0
    assert ours(cloud) == []
    assert sum(cloud.cloud.gateway.calls.values()) - before <= 4


def test_two_hundred_at_once(cloud: Running, tmp_path: Path) -> None:
    """Created and deleted in parallel, by processes that know nothing of each other."""
    engine = Engine(cloud, tmp_path, "v0.1.1")
    names = [f"garm-{number:03d}" for number in range(200)]
    with ThreadPoolExecutor(200) as pool:
        made = list(pool.map(lambda name: engine("CreateInstance", bootstrap(name)), names))
    failed = [one.stderr for one in made if one.returncode != 0]
    assert not failed, failed[:3]
    ids = {valid(one.stdout)["provider_id"] for one in made}
    assert len(ids) == 200
    assert {one.id for one in ours(cloud)} == ids
    assert len(json.loads(engine("ListInstances", GARM_POOL_ID=POOL).stdout)) == 200
    with ThreadPoolExecutor(200) as pool:
        gone = list(pool.map(lambda one: engine("DeleteInstance", GARM_INSTANCE_ID=one), sorted(ids)))
    assert {one.returncode for one in gone} == {0}, [one.stderr for one in gone if one.returncode][:3]
    assert ours(cloud) == []


def test_it_starts_with_the_standard_library_alone() -> None:
    """A process for every call: what it imports is what a call costs."""
    code = (
        "import sys; before = set(sys.modules); import goldrun.garm.main;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    source = Path(__file__).parents[2] / "src"
    run = subprocess.run(
        [sys.executable, "-S", "-c", code], env={"PYTHONPATH": str(source)}, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["goldrun"]
    assert os.access(PROVIDER, os.X_OK)


def test_an_instance_is_deleted_if_the_engine_cannot_learn_of_it(cloud: Running, tmp_path: Path) -> None:
    engine = Engine(cloud, tmp_path, VERSIONS[-1])
    engine.full = True
    before = cloud.instance_ids()
    failed = engine("CreateInstance", bootstrap("garm-full"), GARM_POOL_ID=POOL)
    assert failed.returncode == 1
    assert "could not be written to stdout" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert cloud.undeleted() - before == set()

"""What ``--json`` prints is what the schemas and the docs say, for every command that has the option."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

import click
import pytest
from click.testing import CliRunner
from tools import schemas

from goldrun.cli.main import goldrun
from goldrun.contents import cyclonedx
from goldrun.contents.components import parse
from local_cloud.records import Instance
from tests.commands import run_goldrun
from tests.conftest import QUICK, Running
from tests.openapi import oas31
from tests.unit.test_contents import LIST, advisory

FAMILY = "github-runner-ubuntu24"
NAME = f"{FAMILY}-amd64-latest"
REPO = ["--repo", "octo-org/octo-repo"]
SERVE = """[github]
scopes = ["octo-org/octo-repo"]
[profile.ubuntu-spot]
image = "github-runner-ubuntu24"
arch = "amd64"
min_idle = 1
"""
ROLE = {"ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME": "self-destruct"}

# What is run before, and the words after the command.
CASES: dict[str, tuple[list[list[str]], list[str]]] = {
    "image build": ([["recipe", "init", "tools"]], ["tools"]),
    "image copy": ([], [NAME, "--to-region", "cn-beijing"]),
    "image diff": ([], ["m-localoldamd64", "m-localnewamd64"]),
    "image history": ([], [FAMILY]),
    "image id": ([], [NAME]),
    "image inspect": ([], [NAME]),
    "image ls": ([], ["--all"]),
    "image prune": ([], [FAMILY, "--orphans", "--dry-run"]),
    "image publish": ([], ["m-localnewamd64"]),
    "image rollback": ([], [FAMILY, "--arch", "amd64", "--yes"]),
    "image scan": ([], ["--sbom", "bill.cdx.json", "--advisories", "osv"]),
    "recipe check": ([["recipe", "init", "tools"]], ["tools"]),
    "spot ls": ([], []),
    "instance create": ([], ["--image", NAME]),
    "instance ls": ([], []),
    "runner ls": ([["runner", "up", *REPO, "--image", NAME]], REPO),
    "runner up": ([], [*REPO, "--image", NAME]),
    "serve run": ([], ["runners.toml", "--plan"]),
    "doctor": ([], REPO),
    "whoami": ([], []),
    "config show": ([], []),
    "context ls": ([["context", "create", "prod", "--set", "region_id=cn-hangzhou"]], []),
    "setup": ([], ["--yes", *REPO]),
    "sweep": ([], ["--dry-run", "--older-than", "1s", *REPO]),
    "cost": ([], ["--days", "2"]),
}


@pytest.fixture
def env(populated: Running, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    populated.always_in_stock(speed=100, **QUICK)
    populated.cloud.jobs.register("octo-org/octo-repo", "goldrun-cn-hangzhou-20260101000000-00000000", ["x"], 1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runners.toml").write_text(SERVE)
    (tmp_path / "bill.cdx.json").write_text(cyclonedx.write(parse(LIST), "runner", "m-1", 0.0))
    advisory(tmp_path / "osv", severity=[{"type": "Ubuntu", "score": "medium"}])
    return env | populated.github() | ROLE


def run(words: list[str], env: dict[str, str]) -> str:
    done = CliRunner().invoke(goldrun, words, env=env, catch_exceptions=False)
    assert done.exit_code in (0, 7), done.stderr  # 7: a sweep has found something
    return done.stdout


def strict(schema: Any) -> Any:
    """The schema, but nothing that it does not list may be there."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        **{name: strict(rule) for name, rule in schema.items()},
        **({"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}),
    }


def validate(command: str, value: Any) -> None:
    kind = schemas.PRINTS[command]
    file = schemas.FOLDER / schemas.file_name(schemas.printed(command))
    validator = oas31(strict(json.loads(file.read_text(encoding="utf-8"))))
    if get_origin(kind) in (list, dict):
        assert isinstance(value, get_origin(kind))
        assert value, "one that is empty shows nothing"
        for one in value.values() if isinstance(value, dict) else value:
            validator.validate(one)
    else:
        validator.validate(value)


@pytest.mark.parametrize("command", CASES)
def test_a_commands_output_matches_its_schema(command: str, env: dict[str, str]) -> None:
    before, words = CASES[command]
    for one in before:
        run(one, env)
    validate(command, json.loads(run([*command.split(), *words, "--json"], env)))


def test_the_local_cloud_prints_what_its_schemas_say(tmp_path: Path) -> None:
    def shell(*words: str) -> str:
        env = {"HOME": str(tmp_path), "PATH": str(tmp_path)}
        return run_goldrun(("local", *words, "--data", str(tmp_path / "own.db")), env, tmp_path).stdout

    shell("up", "--detach", "--port", "0", "--seed")
    try:
        shell("market", "--scenario", "price-spike", "--zone", "cn-hangzhou-k")
        validate("local fault", json.loads(shell("fault", "--kind", "throttle", "--json")))
        validate("local market", json.loads(shell("market", "--json")))
        validate("local status", json.loads(shell("status", "--json")))
    finally:
        shell("down")


def test_an_instance_is_the_same_object_everywhere(env: dict[str, str], populated: Running) -> None:
    run(["runner", "up", *REPO, "--image", NAME], env)
    store = populated.cloud.store
    made = next(one for one in store.all(Instance) if one.id != "i-localrunner000001")
    populated.cloud.clock.set_speed(0)

    def printed(*words: str) -> Any:
        return json.loads(run([*words, "--json"], env))

    wanted = next(one for one in printed("instance", "ls") if one["instance_id"] == made.id)
    findings = printed("sweep", "--dry-run", "--older-than", "0s")["findings"]
    others = [
        *(one["instance"] for one in printed("runner", "ls", *REPO) if one["instance"]),
        *(one["instance"] for one in printed("cost", "--days", "0")["running"]),
        *(one["instance"] for one in findings if one["instance"]),
    ]
    assert [one for one in others if one["instance_id"] == made.id] == [wanted] * 3


def test_every_command_with_json_has_its_schema() -> None:
    assert set(with_json(goldrun, "")) == set(schemas.PRINTS), "say in tools/schemas.py what it prints"
    assert {*CASES, "local fault", "local market", "local status", "recipe update", "migrate check"} == set(
        schemas.PRINTS
    )


def with_json(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child
            yield from with_json(child, f"{path} {name}".strip())
    elif any("--json" in parameter.opts for parameter in command.params):
        yield path


def test_the_schemas_are_current() -> None:
    made = dict(schemas.files())
    assert {file.name for file in made} == {file.name for file in schemas.FOLDER.iterdir()} - {"recipe.schema.json"}
    for file, text in made.items():
        assert file.read_text(encoding="utf-8") == text, "run `make docs`"
        oas31(json.loads(text))

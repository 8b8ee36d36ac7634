"""`goldrun runner` as people and machines use it, over real HTTP; the runner is the stand-in, the machine simulated."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from tools.terminal import run_on_terminal

from local_cloud.github import releases
from local_cloud.github.api import JOB_TOKEN
from local_cloud.github.records import GitHubRunner
from local_cloud.records import Instance
from local_cloud.seed import ACCOUNT
from tests.commands import GOLDRUN, Goldrun
from tests.conftest import QUICK, REGION, Running

REPO = ["--repo", "octo-org/octo-repo"]
IMAGE = ["--image", "github-runner-ubuntu24-amd64-latest"]


@pytest.fixture
def populated(populated: Running) -> Running:
    populated.cloud.store.remove(*populated.cloud.store.all(Instance))
    return populated.always_in_stock(speed=20, **QUICK)


@pytest.fixture
def env(populated: Running, env: dict[str, str]) -> dict[str, str]:
    return env | populated.github()


def left(cloud: Running) -> tuple[int, int]:
    return len(list(cloud.cloud.store.all(Instance))), len(list(cloud.cloud.store.all(GitHubRunner)))


def test_up_ls_down(goldrun: Goldrun, populated: Running) -> None:
    role = {"ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME": "self-destruct"}
    up = goldrun.with_env(role)("runner", "up", *REPO, *IMAGE, "--label", "big", "--type", "ecs.c7.2xlarge")
    values = dict(line.split("=") for line in up.stdout.splitlines())
    assert list(values) == ["RUNNER_NAME", "RUNNER_LABEL", "INSTANCE_ID"]
    assert "Online after" in up.stderr
    assert "without a RAM role" not in up.stderr
    listed = goldrun("runner", "ls", *REPO).stdout.splitlines()
    assert listed[0].split("\t") == ["NAME", "STATE", "AGE", "INSTANCE", "TYPE", "LABELS"]
    assert listed[1].split("\t")[1] == "idle"
    assert "big" in listed[1]
    (row,) = json.loads(goldrun("runner", "ls", *REPO, "--json").stdout)
    assert (row["online"], row["busy"], row["instance"]["instance_id"]) == (True, False, values["INSTANCE_ID"])
    assert goldrun("runner", "ls", *REPO, "-q").stdout.split() == [values["RUNNER_NAME"]]
    assert goldrun("runner", "ls", "--org", "octo-org", "-q").stdout == ""
    down = goldrun("runner", "down", "--yes", values["INSTANCE_ID"], *REPO)
    assert down.stdout == "RECLAIMED=false\n"
    assert f"deleted: {values['RUNNER_NAME']} (i-" in down.stderr
    assert left(populated) == (0, 0)
    again = goldrun("runner", "down", "--yes", values["RUNNER_NAME"], *REPO, code=1)
    assert "Runner not found" in again.stderr
    assert goldrun("runner", "down", "--yes", values["RUNNER_NAME"], *REPO, "--missing-ok").returncode == 0


def test_on_a_terminal_the_result_has_lines_of_its_own(env: dict[str, str]) -> None:
    """The first line was on that of the moving clock."""
    code, said = run_on_terminal([*GOLDRUN, "runner", "up", *REPO, *IMAGE], env, columns=100)
    assert (code, "starting the runner" in said) == (0, True)
    assert re.search(r"^RUNNER_NAME=", said, re.MULTILINE), said


def test_json_and_quiet(goldrun: Goldrun, populated: Running) -> None:
    up = goldrun("runner", "up", "--org", "octo-org", *IMAGE, "--json", "-q")
    runner = json.loads(up.stdout)
    assert runner["offer"]["type"].startswith("ecs.")
    assert up.stderr == ""
    assert runner["runner_label"] == runner["runner_name"]
    goldrun("runner", "down", "--yes", runner["runner_name"], "--org", "octo-org")
    assert left(populated) == (0, 0)


def test_runners_that_this_run_started(goldrun: Goldrun, populated: Running) -> None:
    run = {"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_REPOSITORY": "octo-org/octo-repo"}
    in_the_run = goldrun.with_env(run)
    in_the_run("runner", "up", *IMAGE)
    goldrun("runner", "up", *REPO, *IMAGE)
    populated.cloud.jobs.register("octo-org/octo-repo", "goldrun-cn-hangzhou-20261124000000-00000000", ["run-77-2"], 1)
    down = in_the_run("runner", "down", "--yes", "--this-run")
    assert down.stderr.count("deleted: ") == 2, "one that came up, and one that has a registration alone"
    assert left(populated) == (1, 1)
    assert "this run has no runners" in in_the_run("runner", "down", "--yes", "--this-run").stderr


def test_one_runner_of_a_run_that_cannot_be_deleted_does_not_keep_the_others(
    goldrun: Goldrun, populated: Running
) -> None:
    """The first failure ended the command, and the run's other instances went on costing money."""
    run = {"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_REPOSITORY": "octo-org/octo-repo"}
    in_the_run = goldrun.with_env(run)
    in_the_run("runner", "up", *IMAGE)
    in_the_run("runner", "up", *IMAGE)
    populated.fault("error", "DeleteInstances", code="OperationDenied", status=403)
    down = in_the_run("runner", "down", "--yes", "--this-run", code=5)
    assert (down.stdout, "OperationDenied" in down.stderr) == ("", True)
    assert left(populated) == (1, 1)


def test_a_runner_of_another_region_is_not_half_deleted(goldrun: Goldrun, populated: Running) -> None:
    """Its registration was deleted, and its instance, which nobody had looked for there, was left and told as gone."""
    up = goldrun("runner", "up", *REPO, *IMAGE)
    name = dict(line.split("=") for line in up.stdout.splitlines())["RUNNER_NAME"]
    down = goldrun("runner", "down", "--yes", "--missing-ok", name, *REPO, "--region", "cn-beijing", code=2)
    assert "is a runner in cn-hangzhou, not in cn-beijing" in down.stderr
    assert left(populated) == (1, 1)
    goldrun("runner", "down", "--yes", name, *REPO)
    assert left(populated) == (0, 0)


def test_an_instance_of_another_scope_is_not_taken_for_gone(goldrun: Goldrun, populated: Running) -> None:
    """Found by its id alone and under a wrong ``--repo``, it was told as gone on both sides, with exit code 0."""
    up = goldrun("runner", "up", *REPO, *IMAGE)
    instance = dict(line.split("=") for line in up.stdout.splitlines())["INSTANCE_ID"]
    elsewhere = ["--repo", "octo-org/other"]
    down = goldrun("runner", "down", "--yes", "--missing-ok", instance, *elsewhere, code=5)
    assert f"{instance} exists, but" in down.stderr
    assert left(populated) == (1, 1)
    goldrun("instance", "rm", "--yes", instance)
    down = goldrun("runner", "down", "--yes", "--missing-ok", instance, *REPO)
    assert (down.stdout, "a sweep removes it" in down.stderr) == ("RECLAIMED=false\n", True)


def test_a_job_from_the_command_line(goldrun: Goldrun, populated: Running) -> None:
    """The whole story on a laptop: image, runner, job, gone."""
    up = goldrun("runner", "up", *REPO, *IMAGE)
    name = dict(line.split("=") for line in up.stdout.splitlines())["RUNNER_NAME"]
    run = populated.cloud.jobs.begin_run("octo-org/octo-repo", "ci.yml")
    job = populated.cloud.jobs.add_job(run, name="test", labels=(name,), script="echo from the job; exit 3")
    for _ in range(100):
        found = next(one for one in populated.cloud.jobs.of_run(run) if one.id == job.id)
        if found.status == "completed" and left(populated) == (0, 0):
            break
        goldrun("runner", "ls", *REPO)
    assert (found.conclusion, found.log) == ("failure", "from the job\n")
    assert left(populated) == (0, 0)


CASES: list[tuple[list[str], dict[str, str], int, str]] = [
    (["up", "--repo", "octo-repo", *IMAGE], {}, 2, "'octo-repo' is not a repository"),
    (["up", "--repo", "a/b", "--org", "c", *IMAGE], {}, 2, "--repo and --org exclude each other"),
    (["up", *IMAGE], {}, 2, "GITHUB_REPOSITORY is not set"),
    (["up", "--org", "../x", *IMAGE], {}, 2, "is not an organization"),
    (["up", *REPO, "--image", "no-such-image"], {}, 1, "Image not found"),
    (["up", *REPO], {}, 2, "No image is named"),
    (["up", *REPO, *IMAGE, "--label", "a,b"], {}, 2, "is not a valid label"),
    (["up", *REPO, *IMAGE, "--life", "5m"], {}, 2, "is too short"),
    (["up", *REPO, *IMAGE, "--timeout", "soon"], {}, 2, "is not a duration"),
    (["up", *REPO, *IMAGE, "--setup", "nowhere.sh"], {}, 2, "nowhere.sh"),
    (["up", *REPO, *IMAGE, "--setup", "binary"], {}, 2, "cannot be read as text"),
    (["up", *REPO, *IMAGE, "--setup", "long"], {}, 2, "user data would be"),
    (["up", *REPO, *IMAGE, "--rerun-on-reclaim"], {}, 2, "only if a GitHub Actions job starts"),
    (["up", *REPO, *IMAGE, "--group", "0"], {}, 2, "--group"),
    (["up", *REPO, *IMAGE, "--max-price", "0.0001"], {}, 5, "No offer gives"),
    (["up", *REPO, *IMAGE], {"GOLDRUN_GITHUB_TOKEN": "planted-token"}, 3, "answered GET"),
    (["up", *REPO, *IMAGE], {"GOLDRUN_GITHUB_TOKEN": JOB_TOKEN}, 4, "Administration: write"),
    (["up", *REPO, *IMAGE], {"GOLDRUN_GITHUB_TOKEN": "two words"}, 3, "characters that are not valid"),
    (["up", *REPO, *IMAGE], {"GITHUB_API_URL": "github"}, 2, "is not a URL"),
    (["up", *REPO, *IMAGE], {"GITHUB_API_URL": "http://github.example.com"}, 2, "in clear text"),
    (["up", *REPO, *IMAGE], {"GITHUB_API_URL": "http://127.0.0.1:1", "GOLDRUN_TIMEOUT": "1"}, 6, "refused"),
    (["up", *REPO, *IMAGE], {"GOLDRUN_RUNNER_PROXY": "http://p:1\nX=1"}, 2, "line break"),
    (["down", *REPO], {}, 2, "Name a runner"),
    (["down", "one", "--this-run", *REPO], {}, 2, "Name a runner"),
    (["down", "--this-run", *REPO], {}, 2, "only in a workflow run"),
    (["down", "--yes", "nobody", *REPO], {}, 1, "goldrun runner ls"),
    (["down", "--yes", "somebody-s", *REPO], {}, 5, "not one of goldrun's"),
    (["down", "--yes", "x", "--rerun-job", "5", *REPO], {}, 2, "GITHUB_RUN_ID"),
    (["rerun", *REPO, "--run", "x", "--job", "1"], {}, 2, "--run 'x' is not a number"),
    (["rerun", *REPO, "--run", "404", "--job", "1"], {}, 4, "answered GET"),
    (["ls", "--repo", ""], {}, 2, "is not a repository"),
    (["down", "--yes", "--missing-ok", "", *REPO], {}, 2, "name is empty"),
    (["down", "--yes", "x", "--instance", "", *REPO], {}, 2, "'' is not an instance's id"),
    (["down", "x", *REPO], {}, 2, "needs a confirmation"),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_wrong_inputs_make_nothing(goldrun: Goldrun, populated: Running, tmp_path: Path, number: int) -> None:
    words, env, code, said = CASES[number]
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "long").write_text("#" * 40_000)
    populated.cloud.jobs.register("octo-org/octo-repo", "somebody-s", ["x"], 1)
    before = left(populated)
    done = goldrun.with_env(env)("runner", *words, code=code)
    assert said in re.sub(r"\s+", " ", done.stderr), done.stderr
    assert done.stdout == ""
    assert left(populated) == before


def test_without_a_token(goldrun: Goldrun, populated: Running) -> None:
    del goldrun.env["GOLDRUN_GITHUB_TOKEN"]
    done = goldrun("runner", "up", *REPO, *IMAGE, code=3)
    assert "No GitHub token" in done.stderr
    assert left(populated) == (0, 0)


def test_sweep_of_orphans(goldrun: Goldrun, populated: Running) -> None:
    populated.cloud.jobs.register("octo-org/octo-repo", "goldrun-cn-hangzhou-20260101000000-00000000", ["x"], 1)
    dry = goldrun("sweep", *REPO, "--dry-run", "--json", code=7)
    assert [(one["kind"], one["reason"]) for one in json.loads(dry.stdout)["findings"] if one["kind"] == "runner"] == [
        ("runner", "it has no instance")
    ]
    # A scope that is named twice, in other capitals, is one: its orphans were reported twice.
    done = goldrun("sweep", "--yes", *REPO, "--repo", "Octo-Org/octo-repo", "--json", code=7)
    assert [one["kind"] for one in json.loads(done.stdout)["findings"]].count("runner") == 1
    assert left(populated)[1] == 0
    assert "is not a repository" in goldrun("sweep", "--repo", "x", code=2).stderr


def test_a_sweep_asks_about_what_it_would_delete(goldrun: Goldrun, populated: Running) -> None:
    """It counted what is kept in doubt, and asked about it alone: `Delete these 1?`, of nothing."""
    now, name = populated.cloud.clock.now(), "goldrun-cn-hangzhou-20260101000000-00000000"
    tags = {"ManagedBy": "goldrun", "Role": "runner", "Runner": name, "GitHub": "octo-org/octo-repo"}
    made = Instance(
        id="i-doubted",
        region=REGION,
        owner=ACCOUNT,
        image="m-1",
        created=now - 7200,
        auto_release=now + 7200,
        tags=tags,
    )
    populated.cloud.store.put(made)
    done = goldrun("sweep", *REPO, code=6, typed="y\n")
    assert "Delete these" not in done.stderr
    assert "is kept although" in done.stderr
    assert left(populated)[0] == 1


def image_with(populated: Running, version: str) -> str:
    tags = {"ManagedBy": "goldrun", "Manifest.1": f"actions-runner={version};docker=27.3.1"}
    return populated.image("old-amd64-latest", family="old-amd64", tags=tags)


def version(populated: Running, back: int) -> str:
    return f"2.{int(releases.current(populated.cloud.clock.now()).split('.')[1]) - back}.0"


@pytest.mark.parametrize("by", ["id", "name", "family"])
def test_an_image_with_an_outdated_runner_is_refused_before_anything_is_created(
    goldrun: Goldrun, populated: Running, by: str
) -> None:
    """It registered, connected, left with exit code 0, and its job waited for good."""
    old = version(populated, 3)  # the one before the last but one gets jobs for two days after a release
    image = image_with(populated, old)
    named = {"id": ["--image", image], "name": ["--image", "old-amd64-latest"], "family": ["--type", "ecs.c7.2xlarge"]}
    env = {"ALIYUN_IMAGE_FAMILY": "old-amd64"} if by == "family" else {}
    refused = goldrun.with_env(env)("runner", "up", *REPO, *named[by], code=5)
    assert f"The image's runner, version {old}, is too old." in refused.stderr
    assert "rebuild the image" in refused.stderr
    assert left(populated) == (0, 0)


def test_an_image_without_a_runner_version(goldrun: Goldrun, populated: Running) -> None:
    populated.image("old-amd64-latest", family="old-amd64")
    up = goldrun("runner", "up", *REPO, "--image", "old-amd64-latest")
    assert "does not say which version of the runner it has" in up.stderr


def test_an_alibaba_cloud_image_gets_the_current_runner(goldrun: Goldrun, populated: Running) -> None:
    up = goldrun("runner", "up", *REPO, "--image", "acs:ubuntu_24_04_x64", "--cpu", "4", "-q")
    assert up.stderr == ""
    (instance,) = [one for one in populated.cloud.store.all(Instance) if one.id in up.stdout]
    assert f"/v{version(populated, 0)}/" in base64.b64decode(instance.user_data).decode()

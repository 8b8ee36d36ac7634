"""Executes a workflow: jobs in their order, steps in processes of their own, composite actions as GitHub does.

Jobs on GitHub's machines run here; a job on any other label is queued with the local GitHub, where the runner that was
started for it takes it.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from msgspec.structs import replace

from goldrun.clock import SystemClock
from goldrun.github.app import AppTokens
from goldrun.github.client import GitHub
from goldrun.http.transport import HttpTransport
from local_cloud import seed
from local_cloud.github.api import API, JOB_TOKEN, TOKEN
from local_cloud.github.records import GitHubJob, GitHubRun
from local_cloud.github.router import PREFIX
from tests.conftest import Running
from tests.workflows.expressions import evaluate, interpolate

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "src/goldrun/setup/workflows"
PASSWORD = "planted-proxy-password"
JOB_LIMIT = 120.0
# Source: "jobs.<job_id>.steps[*].shell" in GitHub's workflow syntax, for Linux.
SHELLS = {
    "": "bash -e {0}",
    "bash": "bash --noprofile --norc -eo pipefail {0}",
    "sh": "sh -e {0}",
    "python": "python {0}",
}

# Where the first jobs that went well have installed the actions' packages, by the lock file: the next ones find them
# there, as pip takes longer than everything else.
_installed: dict[str, Path] = {}


@dataclass
class Engine:
    """One run of a workflow.

    Attributes:
        cloud: the local cloud and GitHub.
        workflow: the file.
        folder: the runners' disk.
        variables: ``vars``.
        secrets: ``secrets``.
        env: of every step: where the local cloud is.
        inputs: of a dispatch.
        during: called when a job has begun, with its name and this; may cancel the run.
    """

    cloud: Running
    workflow: Path
    folder: Path
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    env: Mapping[str, str]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    during: Callable[[str, Engine], None] = lambda *_: None
    repository: str = "octo-org/octo-repo"
    output: str = ""
    arguments: set[str] = field(default_factory=set)
    tokens: list[str] = field(default_factory=list)
    cancelled: bool = False
    run: GitHubRun | None = None
    _process: subprocess.Popen[bytes] | None = None

    def execute(self) -> dict[str, str]:
        """Run all jobs; returns their conclusions."""
        described = yaml.safe_load(self.workflow.read_text())
        jobs = self.cloud.cloud.jobs
        if self.run is None:
            self.run = jobs.begin_run(self.repository, self.workflow.name)
            for name, job in described["jobs"].items():
                hosted = str(job["runs-on"]).startswith("ubuntu-")
                needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
                # What asks for a runner is queued when its label is known.
                jobs.add_job(self.run, name=name, labels=(str(job["runs-on"]),), needs=tuple(needs), hosted=hosted)
        run = self.cloud.cloud.store.get(GitHubRun, self.run.id)
        assert run is not None
        self.run = run
        done: dict[str, Any] = {}
        for name, job in described["jobs"].items():
            self._job(name, {**job, "defaults": _run_defaults(described, job)}, done)
        return {name: one["result"] for name, one in done.items()}

    def cancel(self) -> None:
        """Cancel as GitHub does: SIGINT, and SIGTERM 7.5 s later."""
        self.cancelled = True
        assert self.run is not None
        for job in self.cloud.cloud.jobs.of_run(self.run):
            if job.status == "in_progress" and not job.hosted:
                self.cloud.cloud.jobs.cancel(self.run)
        process = self._process
        if process is not None:
            os.killpg(process.pid, signal.SIGINT)
            threading.Timer(7.5, _end, [process]).start()

    def _record(self, name: str) -> GitHubJob:
        assert self.run is not None
        return next(job for job in self.cloud.cloud.jobs.of_run(self.run) if job.name == name)

    def _job(self, name: str, job: dict[str, Any], done: dict[str, Any]) -> None:
        jobs = self.cloud.cloud.jobs
        needed = {one: done[one] for one in self._record(name).needs}
        contexts: dict[str, Any] = {
            "github": {"repository": self.repository, "ref": "refs/heads/main", "ref_name": "main", "token": JOB_TOKEN},
            "vars": self.variables,
            "secrets": self.secrets,
            "inputs": self.inputs,
            "needs": needed,
            "matrix": {key: values[0] for key, values in self._matrix(job).items()},
        }
        condition = str(job.get("if", ""))
        fine = all(one["result"] == "success" for one in needed.values()) and not self.cancelled
        if not (evaluate(condition, contexts) and ("always()" in condition or fine) if condition else fine):
            jobs.end(self._record(name), "cancelled" if self.cancelled else "skipped")
            done[name] = {"result": "skipped", "outputs": {}}
            return
        where = interpolate(job["runs-on"], contexts)
        if where.startswith("ubuntu-"):
            jobs.report(self._record(name), "in_progress", "")
            self._name_runner(name)
            result, steps = self._steps(name, job, contexts)
            jobs.report(self._record(name), "completed", result)
            outputs = {
                key: interpolate(text, {**contexts, "steps": steps}) for key, text in job.get("outputs", {}).items()
            }
        else:
            result, outputs = self._elsewhere(name, where, "\n".join(step["run"] for step in job["steps"])), {}
        done[name] = {"result": result, "outputs": outputs}

    def _matrix(self, job: dict[str, Any]) -> dict[str, list[str]]:
        matrix = job.get("strategy", {}).get("matrix", {})
        contexts = {"inputs": self.inputs}
        return {key: evaluate(text, contexts) if isinstance(text, str) else text for key, text in matrix.items()}

    def _name_runner(self, name: str) -> None:
        self.cloud.cloud.store.put(replace(self._record(name), runner="0", runner_name=f"hosted-{name}"))

    def _elsewhere(self, name: str, label: str, script: str) -> str:
        """Queue the job for the runner that has the label, and wait."""
        self.cloud.cloud.store.put(replace(self._record(name), labels=(label,), script=script, hosted=False))
        limit = time.monotonic() + JOB_LIMIT
        announced = False
        while (job := self._record(name)).status != "completed":
            if job.status == "in_progress" and not announced:
                announced = True
                self.during(name, self)
            assert time.monotonic() < limit, f"{name} does not end: {job}"
            time.sleep(0.2)
        self.output += job.log + job.note
        return job.conclusion

    def _steps(self, job_name: str, job: dict[str, Any], contexts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        steps: dict[str, Any] = {}
        workspace = self.folder / job_name
        workspace.mkdir(parents=True, exist_ok=True)
        (workspace / "temp").mkdir(exist_ok=True)
        packages = {lock: workspace / "temp" / f"goldrun-packages-{lock}" for lock in ("action", "build")}
        for lock, place in _installed.items():
            packages[lock].symlink_to(place)
        for step in job["steps"]:
            now = {**contexts, "steps": steps}
            env = {**_filled(job.get("env", {}), now), **_filled(step.get("env", {}), now)}
            uses = step.get("uses", "")
            if "if" in step and not evaluate(step["if"], now):
                steps[step.get("id", "")] = {"outputs": {}}
                continue
            if uses.startswith("actions/checkout@"):
                self._check_out(workspace, step.get("with", {}))
                continue
            if uses.startswith("actions/create-github-app-token@"):
                steps[step["id"]] = {"outputs": {"token": self._app_token(_filled(step["with"], now))}}
                continue
            if uses:
                given = {
                    key: interpolate(text, {**contexts, "steps": steps}) for key, text in step.get("with", {}).items()
                }
                code, outputs = self._composite(job_name, workspace, workspace / uses, given, env)
            else:
                script = interpolate(step["run"], now)
                code, outputs = self._run(job_name, workspace, script, env, {**job["defaults"], **step})
            if "id" in step:
                steps[step["id"]] = {"outputs": outputs}
            if code != 0:
                return ("cancelled" if self.cancelled else "failure"), steps
        for lock, place in packages.items():
            if lock not in _installed and (place / ".complete").exists():
                _installed[lock] = place
        return "success", steps

    def _app_token(self, given: dict[str, str]) -> str:
        """What GitHub's own action does: the token of the App's installation on the repository."""
        url = f"{self.cloud.url}{PREFIX}"
        transport = HttpTransport({}, SystemClock())
        github = GitHub(url=url + API, server=url, token="", transport=transport, clock=SystemClock())
        assert given.pop("permission-administration") == given.pop("permission-actions") == "write"
        token = AppTokens(given.pop("client-id"), given.pop("private-key")).current(github)
        assert not given
        self.tokens.append(token)
        transport.close()
        return token

    def _check_out(self, workspace: Path, given: Mapping[str, str]) -> None:
        if path := given.get("path"):
            (workspace / path).symlink_to(ROOT)
        else:
            for one in ("actions", "src", "tools", "requirements", ".github"):
                (workspace / one).symlink_to(ROOT / one)

    def _composite(
        self, job_name: str, workspace: Path, folder: Path, given: Mapping[str, str], env: Mapping[str, str]
    ) -> tuple[int, dict[str, str]]:
        action = yaml.safe_load((folder / "action.yml").read_text())
        inputs = {}
        for key, described in action["inputs"].items():
            assert not described.get("required") or given.get(key), f"{folder.name} needs {key}"
            inputs[key] = given.get(key, described.get("default", ""))
        assert set(given) <= set(action["inputs"]), folder
        whole = {**self.env, **env}
        contexts: dict[str, Any] = {"inputs": inputs, "env": whole, "steps": {}}
        for step in action["runs"]["steps"]:
            if "if" in step and not evaluate(step["if"], contexts):
                continue
            own = _filled(step.get("env", {}), contexts)
            path = {"GITHUB_ACTION_PATH": str(folder)}
            assert "shell" in step, f"{folder.name}: GitHub refuses composite actions whose steps name no shell"
            script = interpolate(step["run"], contexts)
            code, outputs = self._run(job_name, workspace, script, {**env, **own, **path}, step)
            contexts["steps"][step.get("id", "")] = {"outputs": outputs}
            if code != 0:
                return code, {}
        return 0, {key: interpolate(one["value"], contexts) for key, one in action["outputs"].items()}

    def _run(
        self, job_name: str, workspace: Path, script: str, env: Mapping[str, str], step: Mapping[str, Any]
    ) -> tuple[int, dict[str, str]]:
        assert self.run is not None
        written = workspace / "temp" / f"{uuid.uuid4()}.sh"
        written.write_text(script)
        files = {name: workspace / "temp" / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_RUN_ID": self.run.id,
            "GITHUB_RUN_ATTEMPT": str(self.run.attempt),
            "GITHUB_REF_NAME": "main",
            "GITHUB_SHA": "0" * 40,
            "RUNNER_NAME": f"hosted-{job_name}",
            "GITHUB_WORKSPACE": str(workspace),
            "RUNNER_TEMP": str(workspace / "temp"),
            **{name: str(file) for name, file in files.items()},
            **self.env,
            **env,
        }
        with (workspace / "temp" / "log").open("wb") as log:
            self._process = process = subprocess.Popen(
                shell_command(step.get("shell", ""), written),
                cwd=workspace / step.get("working-directory", ""),
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            self.during(job_name, self)
            while process.poll() is None:
                # Ours and the local cloud's stand-ins, which this process starts too, and no others.
                self.arguments |= arguments(os.getpid())
                time.sleep(0.1)
        self._process = None
        text = (workspace / "temp" / "log").read_text() + "".join(file.read_text() for file in files.values())
        self.output += text
        return process.returncode, _outputs(files["GITHUB_OUTPUT"].read_text())


def shell_command(shell: str, script: Path) -> list[str]:
    """How GitHub runs a step's script: by a shell that it knows, or by what the step writes with ``{0}`` in it."""
    template = SHELLS.get(shell, shell)
    assert "{0}" in template, f"no shell of GitHub's: {shell}"
    return [word.replace("{0}", str(script)) for word in shlex.split(template)]


def _run_defaults(workflow: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, str]:
    """``defaults.run``: the job's win over the workflow's."""
    found: dict[str, str] = {}
    for one in (workflow, job):
        found |= one.get("defaults", {}).get("run", {})
    return found


def _filled(described: Mapping[str, Any], contexts: Mapping[str, Any]) -> dict[str, str]:
    return {key: interpolate(text, contexts) for key, text in described.items()}


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)


def _outputs(text: str) -> dict[str, str]:
    """``NAME<<MARK`` … ``MARK``."""
    found = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, _, mark = line.partition("<<")
        value = []
        for one in lines:
            if one == mark:
                break
            value.append(one)
        found[name] = "\n".join(value)
    return found


def arguments(process_id: int) -> set[str]:
    """The arguments of everything that a process has started: what everybody on the machine can read of it."""
    found: set[str] = set()
    try:
        threads = list(Path(f"/proc/{process_id}/task").iterdir())
    except FileNotFoundError:
        return found
    for thread in threads:
        for one in _read(thread / "children").split():
            found |= {_read(Path(f"/proc/{one}/cmdline")), *arguments(int(one))}
    return found - {""}


def _read(file: Path) -> str:
    """What the kernel tells of a process; nothing of one that has ended meanwhile."""
    try:
        return file.read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def offline(cloud: Running, folder: Path, **fields: Any) -> Engine:
    """A run of the example project, or of another workflow, with everything that it may ask for."""
    url = f"{cloud.url}{PREFIX}"
    made: dict[str, Any] = {
        "cloud": cloud,
        "workflow": PROJECT / "goldrun.yml",
        "folder": folder,
        "variables": {
            "GOLDRUN_REPOSITORY": "octo-org/goldrun",
            "GOLDRUN_REF": "main",
            "ALIYUN_REGION_ID": seed.REGION,
            "ALIYUN_SECURITY_GROUP_ID": f"sg-local-{seed.REGION}",
            "ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME": "self-destruct",
        },
        "secrets": {"GOLDRUN_GITHUB_TOKEN": TOKEN},
        "env": {
            "GOLDRUN_ENDPOINT": cloud.url,
            "GITHUB_API_URL": url + API,
            "GITHUB_SERVER_URL": url,
            "GOLDRUN_RUNNER_PROXY": f"http://user:{PASSWORD}@127.0.0.1:9",
            "GOLDRUN_RUNNER_NO_PROXY": "127.0.0.1",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": seed.KEY.id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": seed.KEY.secret,
        },
        **fields,
    }
    return Engine(**made)

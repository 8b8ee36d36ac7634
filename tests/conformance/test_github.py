"""The local GitHub's answers, and what we send it, against the OpenAPI description that Octokit publishes."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from goldrun.clock import SystemClock
from goldrun.errors import UsageError
from goldrun.github import app_registration as apps
from goldrun.github import branches, pulls, runners, secrets
from goldrun.github.app import AppTokens
from goldrun.github.checks import create_check
from goldrun.github.client import GitHub, GitHubError
from goldrun.github.scope import Scope
from goldrun.github.variables import create_variable, delete_variable, list_variables, update_variable
from goldrun.github.workflows import get_run
from goldrun.http.transport import HttpTransport
from goldrun.runners import registrations, versions
from goldrun.runners.registrations import Wanted
from goldrun.runners.rerun import ask_for_rerun, rerun
from goldrun.runners.subjects import find_subjects
from local_cloud.github import webhooks
from local_cloud.github.api import API, TOKEN
from local_cloud.github.records import GitHubApp, GitHubHook, GitHubInstallationToken, GitHubSecret
from local_cloud.github.router import PREFIX
from tests.background import serve_in_background
from tests.conftest import Running
from tests.openapi import oas30, oas31

HERE = Path(__file__).parents[1] / "github"


def read(name: str) -> Any:
    return json.loads((HERE / name).read_text(), object_hook=allow_null)


def allow_null(part: dict[str, Any]) -> dict[str, Any]:
    """GitHub means that what is nullable may be null, also where it lists the values that it may have."""
    if part.get("nullable") and "enum" in part:
        part["enum"] = [*part["enum"], None]
    return part


DESCRIPTION = read("openapi.json")
WEBHOOKS = read("webhooks.json")
REPO, ORG = Scope("octo-org/octo-repo"), Scope("octo-org")


def operation(method: str, path: str) -> tuple[str, dict[str, Any]]:
    """The description of a request, most literal path first."""
    for template in sorted(DESCRIPTION["paths"], key=lambda one: one.count("{")):
        form = re.sub(r"\\\{(?:path|ref)\\\}", ".+", re.escape(template))
        form = re.sub(r"\\\{\w+\\\}", "[^/]+", form)
        if re.fullmatch(form, path) and method.lower() in DESCRIPTION["paths"][template]:
            return template, DESCRIPTION["paths"][template][method.lower()]
    raise AssertionError(f"GitHub has no {method} {path}")


def check(schema: Any, value: Any, what: str) -> None:
    whole = {**schema, "components": DESCRIPTION["components"]}
    problems = [f"{list(one.path)}: {one.message}" for one in oas30(whole).iter_errors(value)]
    assert not problems, (what, problems[:5])


def resolve(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        found: Any = DESCRIPTION
        for key in part["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        return dict(found)
    return part


class Checked(HttpTransport):
    """Lets nothing pass, to or fro, that GitHub's description does not have."""

    def __init__(self) -> None:
        super().__init__({}, SystemClock())
        self.seen: set[str] = set()

    def send(self, endpoint: Any, method: str, target: str, headers: Any, deadline: float, content: bytes = b"") -> Any:
        path, _, query = target.removeprefix(PREFIX + API).partition("?")
        template, described = operation(method, path)
        if content:
            check(described["requestBody"]["content"]["application/json"]["schema"], json.loads(content), template)
        else:
            assert not described.get("requestBody", {}).get("required"), template
        known = {resolve(one)["name"] for one in described["parameters"] if resolve(one)["in"] == "query"}
        assert {pair.partition("=")[0] for pair in query.split("&") if pair} <= known, template
        answer = super().send(endpoint, method, target, headers, deadline, content)
        if answer.status < 400 or str(answer.status) in described["responses"]:
            response = resolve(described["responses"][str(answer.status)])
            if schema := response.get("content", {}).get("application/json", {}).get("schema"):
                check(schema, json.loads(answer.body), f"{method} {template} {answer.status}")
            else:
                assert answer.body in (b"", b"{}"), template
        self.seen.add(f"{method} {template}")
        return answer


@pytest.fixture
def github(live: Running) -> Iterator[GitHub]:
    transport = Checked()
    url = f"{live.url}{PREFIX}"
    yield GitHub(url=url + API, server=url, token=TOKEN, transport=transport, clock=SystemClock())
    transport.close()


@pytest.fixture
def plain(live: Running) -> Iterator[GitHub]:
    """For what goldrun itself does not use: Octokit's description is kept for its own requests alone."""
    transport, url = HttpTransport({}, SystemClock()), f"{live.url}{PREFIX}"
    yield GitHub(url=url + API, server=url, token=TOKEN, transport=transport, clock=SystemClock())
    transport.close()


def seen(github: GitHub) -> set[str]:
    transport = github._transport
    assert isinstance(transport, Checked)
    return transport.seen


@pytest.mark.parametrize("scope", [REPO, ORG], ids=str)
def test_runners(github: GitHub, scope: Scope) -> None:
    made = registrations.register(github, scope, Wanted("one", ("one", "big")))
    assert made.registration is not None
    assert runners.find_registrations(github, scope, "one") == [made.registration]
    shown = github.call("GET", f"{scope.path}/actions/runners/{made.registration.id}")
    assert shown["status"] == "offline"
    for number in range(120):
        registrations.register(github, scope, Wanted(f"many-{number}", ("x",)))
    assert len(runners.list_registrations(github, scope)) == 121
    assert registrations.remove(github, scope, ["one", "nobody"]) == ["nobody"]
    assert runners.find_registrations(github, scope, "one") == []
    download = registrations.find_download(github, scope, "arm64")
    assert len(download.sha256) == 64
    assert runners.find_end(github, scope, "2.328.0")
    assert runners.find_end(github, scope, versions.find_latest(github)) == runners.End(None, None)
    assert runners.find_end(github, scope, "1.0.0") is None
    token = github.call("POST", f"{scope.path}/actions/runners/registration-token")
    assert token["token"]
    for method, path, body, status in (
        ("POST", "generate-jitconfig", {"name": "many-1", "runner_group_id": 1, "labels": ["x"]}, 409),
        ("GET", "99999", None, 404),
    ):
        with pytest.raises(GitHubError) as caught:
            github.call(method, f"{scope.path}/actions/runners/{path}", body)
        assert caught.value.status == status
    prefix = "/repos/{owner}/{repo}" if "/" in scope.name else "/orgs/{org}"
    assert {one for one in DESCRIPTION["paths"] if one.startswith(f"{prefix}/actions/runners")} == {
        template for one in seen(github) if (template := one.partition(" ")[2]).startswith(prefix + "/actions")
    }


def test_a_repository(github: GitHub) -> None:
    plain, numbered = find_subjects(github, REPO)
    assert plain == "repo:octo-org/octo-repo:ref:refs/heads/main"
    assert re.fullmatch(r"repo:octo-org@\d+/octo-repo@\d+:ref:refs/heads/main", numbered)


def test_a_mirror_keeps_githubs_checksum(github: GitHub) -> None:
    plain = registrations.find_download(github, REPO, "amd64")
    mirrored = registrations.find_download(github, REPO, "amd64", mirror="https://mirror.example/runner/")
    assert mirrored.sha256 == plain.sha256
    assert mirrored.url.startswith("https://mirror.example/runner/v2.")


def test_runs_and_jobs(github: GitHub, live: Running) -> None:
    jobs = live.cloud.jobs
    run = jobs.begin_run("octo-org/octo-repo", "ci.yml")
    start = jobs.add_job(run, name="start", labels=("ubuntu-24.04",), hosted=True)
    jobs.add_job(run, name="test", labels=("one",), needs=("start",))
    jobs.add_job(run, name="apart", labels=("ubuntu-24.04",), hosted=True)
    for status in ("queued", "in_progress"):
        assert github.call("GET", f"{REPO.path}/actions/runs/{run.id}")["status"] == status
        assert len(list(github.pages(f"{REPO.path}/actions/runs/{run.id}/jobs", "jobs"))) == 3
        jobs.report(start, "in_progress", "")
    with pytest.raises(GitHubError, match="answered POST") as caught:
        github.call("POST", f"{REPO.path}/actions/jobs/{start.id}/rerun")
    assert (caught.value.status, "already running" in str(caught.value)) == (403, True)
    github.call("POST", f"{REPO.path}/actions/runs/{run.id}/cancel")
    for job in jobs.of_run(run):
        if job.status != "completed":
            jobs.end(job, "failure")
    shown = github.call("GET", f"{REPO.path}/actions/runs/{run.id}")
    assert (shown["status"], shown["conclusion"], shown["run_attempt"]) == ("completed", "failure", 1)
    assert rerun(github, REPO, run.id, start.id, seconds=1) == 2
    again = {job["name"]: job["status"] for job in github.pages(f"{REPO.path}/actions/runs/{run.id}/jobs", "jobs")}
    assert again == {"start": "queued", "test": "queued", "apart": "completed"}
    ask_for_rerun(github, REPO, "goldrun-rerun.yml", run.id, start.id)
    github.call("POST", f"{REPO.path}/hooks", {"config": {"url": "http://127.0.0.1:9/"}, "events": ["workflow_job"]})
    assert len(seen(github)) == 8


def test_deliveries_to_an_unreachable_receiver_do_not_pile_up(live: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MAX_WAITING", 2)
    hooks = webhooks.Webhooks(live.cloud.store, "http://127.0.0.1")
    monkeypatch.setattr(hooks, "_start", lambda: None)
    hook = GitHubHook(id="1", scope="octo-org", url="http://127.0.0.1:9/", secret="", events=("workflow_job",))
    live.cloud.store.put(hook)
    run = live.cloud.jobs.begin_run("octo-org/octo-repo", "ci.yml")
    job = live.cloud.jobs.add_job(run, name="start", labels=("ubuntu-24.04",), hosted=True)
    for _ in range(5):
        hooks.deliver_change(job)
    assert hooks._queue.qsize() == 2


def hooks_of(github: GitHub, scope: Scope) -> list[dict[str, Any]]:
    return list(github.call("GET", f"{scope.path}/hooks"))


@pytest.mark.parametrize("scope", [REPO, ORG], ids=str)
def test_hooks_are_listed_read_and_deleted(plain: GitHub, scope: Scope) -> None:
    """GARM installs its own, and looks for it."""
    config = {"url": "http://127.0.0.1:9/webhooks", "secret": "planted-secret"}
    made = plain.call("POST", f"{scope.path}/hooks", {"config": config, "events": ["workflow_job"]})
    other = REPO if scope == ORG else ORG
    assert hooks_of(plain, other) == []
    assert hooks_of(plain, scope) == [plain.call("GET", f"{scope.path}/hooks/{made['id']}")] == [made]
    assert made["config"] == {**config, "secret": "********", "content_type": "json", "insecure_ssl": "0"}
    assert made["url"].endswith(f"{scope.path}/hooks/{made['id']}")
    for path in (f"{other.path}/hooks/{made['id']}", f"{scope.path}/hooks/999"):
        with pytest.raises(GitHubError) as caught:
            plain.call("DELETE", path)
        assert caught.value.status == 404
    plain.call("DELETE", f"{scope.path}/hooks/{made['id']}")
    assert hooks_of(plain, scope) == []


def test_runner_groups_and_the_rate_limit(plain: GitHub) -> None:
    groups = plain.call("GET", f"{ORG.path}/actions/runner-groups")
    assert [(group["id"], group["name"], group["default"]) for group in groups["runner_groups"]] == [
        (1, "Default", True)
    ]
    limits = plain.call("GET", "/rate_limit")
    assert limits["rate"] == limits["resources"]["core"]
    assert limits["rate"]["remaining"] == 5000


def get(url: str) -> Any:
    return urllib.request.urlopen(urllib.request.Request(url, headers={"authorization": f"token {TOKEN}"}), timeout=20)


def test_the_next_page_is_named_in_a_header(live: Running) -> None:
    """Octokit, `gh` and GARM follow it; without, they would take the first page for everything."""
    for number in range(5):
        live.cloud.jobs.register("octo-org/octo-repo", f"runner-{number}", ["x"], 1)
    url, seen, links = f"{live.url}{PREFIX}/api/v3{REPO.path}/actions/runners?per_page=2&x=a%26b", [], []
    while url:
        with get(url) as answer:
            page = json.load(answer)
            found = re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers.get("link") or "")
        links.append({relation: target for target, relation in found})
        assert page["total_count"] == 5
        seen += [runner["name"] for runner in page["runners"]]
        url = links[-1].get("next", "")
    assert seen == [f"runner-{number}" for number in range(5)]
    assert [" ".join(sorted(found)) for found in links] == ["last next", "first last next prev", "first prev"]
    with get(f"{live.url}{PREFIX}/api/v3{REPO.path}/actions/runners") as answer:
        assert answer.headers.get("link") is None


def test_runs_are_listed_newest_first(plain: GitHub, live: Running) -> None:
    runs = [live.cloud.jobs.begin_run("octo-org/octo-repo", f"{number}.yml") for number in range(11)]
    live.cloud.jobs.begin_run("octo-org/other", "ci.yml")
    job = live.cloud.jobs.add_job(runs[3], name="a", labels=("x",), hosted=True)
    live.cloud.jobs.report(job, "completed", "success")
    path = f"{REPO.path}/actions/runs"
    listed = plain.call("GET", path)
    assert [run["id"] for run in listed["workflow_runs"]] == sorted((int(run.id) for run in runs), reverse=True)
    for status in ("completed", "success"):
        (run,) = plain.call("GET", path, query={"status": status})["workflow_runs"]
        assert run["id"] == int(runs[3].id)


def test_the_api_is_at_the_servers_own_path_too(live: Running) -> None:
    """`gh` knows a host, and no path before."""
    with get(f"{live.url}/api/v3/rate_limit") as answer:
        assert json.load(answer)["rate"]["limit"] == 5000
    for path in ("/api/v3", "/api/v3/nowhere"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(f"{live.url}{path}")
        with caught.value as error:
            assert (error.code, "documentation_url" in json.load(error)) == (404, True)


@pytest.mark.parametrize("path", ["", "/", "/api/v3", "/api/v3/nowhere", "/api/v4/orgs", "/login"])
def test_unknown_paths_are_not_found_as_at_github(live: Running, path: str) -> None:
    request = urllib.request.Request(f"{live.url}{PREFIX}{path}", headers={"authorization": f"token {TOKEN}"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    with caught.value as error:
        assert error.code == 404
        assert json.load(error)["documentation_url"] == "https://docs.github.com/rest"


def test_webhooks(github: GitHub, plain: GitHub, live: Running) -> None:
    """``workflow_job`` in its three states: the published schema, the published examples' members, signed."""
    got: list[tuple[dict[str, str], bytes]] = []
    here = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((dict(self.headers.items()), body))
            self.send_response(204)
            self.end_headers()
            if len(got) == 5:
                here.set()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    serve_in_background(server)
    # An address of an earlier version's data file that nothing can be sent to holds up nobody else's.
    impossible = GitHubHook(id="900", scope="octo-org", url="http://[", secret="", events=("workflow_job",))
    live.cloud.store.put(impossible)
    config = {"url": f"http://127.0.0.1:{server.server_port}/", "secret": "planted", "content_type": "json"}
    hook = github.call("POST", f"{REPO.path}/hooks", {"config": config, "events": ["workflow_job"]})
    plain.call("POST", f"{REPO.path}/hooks/{hook['id']}/pings")
    run = live.cloud.jobs.begin_run("octo-org/octo-repo", "ci.yml")
    job = live.cloud.jobs.add_job(run, name="start", labels=("ubuntu-24.04",), hosted=True)
    live.cloud.jobs.report(job, "in_progress", "")
    live.cloud.jobs.report(job, "completed", "success")
    assert here.wait(10)
    server.shutdown()
    server.server_close()
    for headers, body in got[:2]:
        assert json.loads(body)["hook"]["id"] == hook["id"]
        assert {name.lower(): value for name, value in headers.items()}["x-github-event"] == "ping"
    for (headers, body), action in zip(got[2:], ("queued", "in_progress", "completed"), strict=True):
        payload = json.loads(body)
        assert payload["action"] == action
        assert payload["workflow_job"]["id"] == int(job.id)
        assert payload["repository"]["full_name"] == "octo-org/octo-repo"
        place = f"{live.url}{PREFIX}/octo-org/octo-repo"
        assert payload["workflow_job"]["html_url"] == f"{place}/actions/runs/{run.id}/job/{job.id}"
        assert payload["repository"]["html_url"] == place, "GARM finds its endpoint by the server"
        shown = json.dumps([payload["workflow_job"], payload["repository"]])
        assert not re.search(r"https://(api\.)?github\.com", shown)
        sign = "sha256=" + hmac.new(b"planted", body, hashlib.sha256).hexdigest()
        lower = {name.lower(): value for name, value in headers.items()}
        assert lower["x-hub-signature-256"] == sign
        assert lower["x-github-event"] == "workflow_job"
        assert lower["x-github-hook-installation-target-type"] == "repository", "GARM refuses others"
        schema = {"$ref": f"#/definitions/workflow_job${action}", **WEBHOOKS}
        problems = [f"{list(one.path)}: {one.message}" for one in oas31(schema).iter_errors(payload)]
        assert not problems, problems[:5]


def test_variables_of_a_repository(github: GitHub) -> None:
    assert list_variables(github, REPO) == {}
    for number in range(35):
        create_variable(github, REPO, f"GOLDRUN_{number:02}", str(number))
    with pytest.raises(GitHubError, match="already exists") as taken:
        create_variable(github, REPO, "goldrun_07", "again")
    assert taken.value.status == 409
    with pytest.raises(GitHubError):
        create_variable(github, REPO, "GITHUB_TOKEN", "reserved")
    update_variable(github, REPO, "GOLDRUN_07", "seven")
    delete_variable(github, REPO, "GOLDRUN_08")
    with pytest.raises(GitHubError) as gone:
        delete_variable(github, REPO, "GOLDRUN_08")
    assert gone.value.status == 404
    found = list_variables(github, REPO)
    assert len(found) == 34
    assert found["GOLDRUN_07"] == "seven"


def test_a_check_at_a_commit(github: GitHub, live: Running) -> None:
    run = live.cloud.jobs.begin_run(str(REPO), "ci.yml")
    live.cloud.jobs.add_job(run, name="one", labels=("ubuntu-spot",))
    sha = get_run(github, REPO, run.id).sha
    with pytest.raises(GitHubError, match="check-runs") as refused:
        create_check(github, str(REPO), sha, "goldrun: spot", title="Waits", summary="for money")
    assert "must authenticate via a GitHub App" in str(refused.value)
    live.cloud.store.put(GitHubInstallationToken(id="ghs_app", expires=live.cloud.clock.wall() + 60.0))
    as_app = GitHub(
        url=github.url, server=github.server, token="ghs_app", transport=github._transport, clock=github.clock
    )
    create_check(as_app, str(REPO), sha, "goldrun: spot", title="Waits", summary="for money")
    with pytest.raises(GitHubError):
        create_check(as_app, str(REPO), "main", "goldrun: spot", title="Waits", summary="for money")
    found = as_app.call("GET", f"{REPO.path}/commits/{sha}/check-runs")
    assert [one["output"]["summary"] for one in found["check_runs"]] == ["for money"]
    assert "POST /repos/{owner}/{repo}/check-runs" in seen(github)


def test_secrets(github: GitHub, live: Running) -> None:
    assert secrets.list_secrets(github, REPO) == {}
    for value in ("one", "two\nlines"):
        secrets.put_secret(github, REPO, "some_secret", value)
        assert live.cloud.store.get(GitHubSecret, "octo-org/octo-repo some_secret").value == value  # type: ignore[union-attr]
    for number in range(120):
        secrets.put_secret(github, REPO, f"S_{number}", "x")
    assert len(secrets.list_secrets(github, REPO)) == 121
    assert github.call("GET", f"{REPO.path}/actions/secrets/SOME_SECRET")["name"] == "SOME_SECRET"
    key = github.call("GET", f"{REPO.path}/actions/secrets/public-key")
    for body in (
        {"encrypted_value": "bm9uc2Vuc2U=", "key_id": key["key_id"]},
        {"encrypted_value": "bm9uc2Vuc2U=", "key_id": "1"},
    ):
        with pytest.raises(GitHubError) as caught:
            github.call("PUT", f"{REPO.path}/actions/secrets/OTHER", body)
        assert caught.value.status == 422
    secrets.delete_secret(github, REPO, "SOME_SECRET")
    with pytest.raises(GitHubError, match="404"):
        secrets.delete_secret(github, REPO, "SOME_SECRET")
    assert "SOME_SECRET" not in secrets.list_secrets(github, REPO)
    with pytest.raises(GitHubError, match="422"):
        secrets.put_secret(github, REPO, "GITHUB_MINE", "x")


def test_a_change_is_proposed_and_merged(github: GitHub, plain: GitHub, tmp_path: Path) -> None:
    path, content = ".github/workflows/x.yml", "name: größer\n".encode()
    first = branches.find_branch(github, REPO, "main")
    assert first
    assert branches.find_branch(github, REPO, "proposed") is None
    branches.create_branch(github, REPO, "proposed", first)
    with pytest.raises(GitHubError, match="422"):
        branches.create_branch(github, REPO, "proposed", first)
    assert branches.find_file(github, REPO, path, "proposed") is None
    for text in (b"name: x\n", content, content):
        branches.write_file(github, REPO, path, text, branch="proposed", message="Add it")
    expected = hash_of_git(tmp_path, content)
    assert branches.find_file(github, REPO, path, "proposed") == branches.blob_number(content) == expected
    assert branches.find_file(github, REPO, path, "main") is None
    body = {"message": "m", "content": "eA==", "branch": "proposed", "sha": "0" * 40}
    with pytest.raises(GitHubError, match="409"):  # two of the description's alternatives fit such an answer
        plain.call("PUT", f"{REPO.path}/contents/{path}", body)
    assert pulls.find_pull(github, REPO, "proposed") is None
    for _ in range(2):
        pulls.create_pull(github, REPO, branch="proposed", base="main", title="Add it", body="Please.")
        found = pulls.find_pull(github, REPO, "proposed")
        assert found
        with pytest.raises(GitHubError, match="422"):
            pulls.create_pull(github, REPO, branch="proposed", base="main", title="Again", body="")
        if found.number == 1:
            pulls.close_pull(github, REPO, found.number)
    github.call("PUT", f"{REPO.path}/pulls/2/merge")
    assert github.call("GET", f"{REPO.path}/pulls/2")["merged"] is True
    assert pulls.find_pull(github, REPO, "proposed") is None
    assert branches.find_file(github, REPO, path, "main") == expected
    branches.delete_branch(github, REPO, "proposed")
    assert branches.find_branch(github, REPO, "proposed") is None
    with pytest.raises(GitHubError, match="422"):
        branches.delete_branch(plain, REPO, "proposed")


def hash_of_git(folder: Path, content: bytes) -> str:
    """What Git itself says."""
    file = folder / "file"
    file.write_bytes(content)
    return subprocess.run(["git", "hash-object", file], check=True, capture_output=True, text=True).stdout.strip()


def test_an_app_is_made_from_a_manifest(github: GitHub, plain: GitHub, live: Running) -> None:
    """As a browser does it: GitHub's page takes the manifest, and leads back with a code, which counts once."""
    wanted = apps.manifest(
        "goldrun octo-org",
        url="https://example.com",
        redirect="http://127.0.0.1:9/done",
        permissions={"actions": "write"},
    )
    with pytest.raises(GitHubError, match="404"):
        apps.convert(github, "wrong")
    code = made_on_the_page(apps.new_app_page(github, "octo-org", "mark", organization=True), json.dumps(wanted))
    app = apps.convert(github, code)
    assert app.page == f"{live.url}{PREFIX}/github-apps/goldrun-octo-org"
    assert "PRIVATE KEY" in app.key
    assert app.key not in repr(app)
    with pytest.raises(GitHubError, match="404"):
        apps.convert(github, code)
    assert apps.find_birth(github, app)
    assert not apps.find_birth(github, apps.App("Iv1.other", app.page, app.key))
    assert not apps.is_installed(github, app, REPO)
    with pytest.raises(UsageError, match="not installed"):
        AppTokens(app.client_id, app.key).current(plain)
    press(app.install_page)
    assert apps.is_installed(github, app, REPO)
    assert not apps.is_installed(github, app, Scope("other-org/repo"))
    assert AppTokens(app.client_id, app.key).current(plain).startswith("ghs_")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def submit(url: str, fields: dict[str, str]) -> tuple[str, str]:
    """Send a form; return the page, or where it leads."""
    request = urllib.request.Request(url, urllib.parse.urlencode(fields).encode())
    try:
        with urllib.request.build_opener(_Stay()).open(request, timeout=20) as answer:
            return answer.read().decode(), ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode(), error.headers.get("location") or ""


def press(url: str, page: str = "") -> str:
    """Submit the form on a page; return where it leads."""
    page = page or urllib.request.urlopen(url, timeout=20).read().decode()
    form = re.search(r'action="([^"]+)"', page)
    assert form, page
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    base = urllib.parse.urlsplit(url)
    return submit(f"{base.scheme}://{base.netloc}{form[1]}", fields)[1]


def made_on_the_page(url: str, manifest: str) -> str:
    back = press(url, submit(url, {"manifest": manifest})[0])
    assert "state=mark" in back
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))["code"]


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ("nonsense", "Invalid"),
        ("{}", "url"),
        ('{"url": "here", "redirect_url": "https://x.example"}', "Homepage URL"),
        ('{"url": "https://x.example"}', "Redirect URL"),
        ('{"url": "https://x.example", "redirect_url": "https://x.example", "name": "%s"}' % ("x" * 35), "length"),
        ('{"url": "https://x.example", "redirect_url": "https://x.example", "hook_attributes": {"url": ""}}', "Hook"),
        (
            json.dumps(
                apps.manifest(
                    "m", url="https://x.example", redirect="https://x.example", permissions={"actions": "all"}
                )
            ),
            "actions: all",
        ),
    ],
)
def test_a_wrong_manifest_is_refused_on_the_page(live: Running, manifest: str, problem: str) -> None:
    page, _ = submit(f"{live.url}{PREFIX}/settings/apps/new", {"manifest": manifest})
    assert "Invalid GitHub App configuration" in page
    assert problem in page
    assert not any(live.cloud.store.all(GitHubApp))


def test_a_name_is_taken_once_and_a_form_counts_once(live: Running) -> None:
    url = f"{live.url}{PREFIX}/settings/apps/new"
    manifest = json.dumps(apps.manifest("mine", url="https://x.example", redirect="https://x.example", permissions={}))
    page = submit(url, {"manifest": manifest})[0]
    assert press(url, page).startswith("https://x.example?code=")
    assert press(url, page) == ""  # the same form again
    again, _ = submit(url, {"manifest": manifest})
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', again))
    assert "already taken" in submit(f"{live.url}{PREFIX}/settings/apps", fields)[0]
    assert len(list(live.cloud.store.all(GitHubApp))) == 1

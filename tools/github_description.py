"""Extracts the part of GitHub's API that this project uses from the descriptions that Octokit publishes.

Usage: npm install @octokit/openapi @octokit/webhooks-examples @octokit/webhooks-schemas (in some folder);
python3 tools/github_description.py FOLDER/node_modules

Writes tests/github/openapi.json and tests/github/webhooks.json (the tests validate against them), and
packages/local-cloud/src/local_cloud/github/examples.json (the local GitHub takes the unused members of its answers from
it).
Octokit publishes them under the MIT licence.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATHS = {
    "/repos/{owner}/{repo}/actions/runners": ["get"],
    "/repos/{owner}/{repo}/actions/runners/downloads": ["get"],
    "/repos/{owner}/{repo}/actions/runners/generate-jitconfig": ["post"],
    "/repos/{owner}/{repo}/actions/runners/registration-token": ["post"],
    "/repos/{owner}/{repo}/actions/runners/{runner_id}": ["get", "delete"],
    "/repos/{owner}/{repo}/releases/latest": ["get"],
    "/repos/{owner}/{repo}": ["get"],
    "/orgs/{org}/actions/runners": ["get"],
    "/orgs/{org}/actions/runners/downloads": ["get"],
    "/orgs/{org}/actions/runners/generate-jitconfig": ["post"],
    "/orgs/{org}/actions/runners/registration-token": ["post"],
    "/orgs/{org}/actions/runners/{runner_id}": ["get", "delete"],
    "/repos/{owner}/{repo}/actions/runs/{run_id}": ["get"],
    "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs": ["get"],
    "/repos/{owner}/{repo}/actions/runs/{run_id}/cancel": ["post"],
    "/repos/{owner}/{repo}/actions/jobs/{job_id}": ["get"],
    "/repos/{owner}/{repo}/actions/jobs/{job_id}/rerun": ["post"],
    "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches": ["post"],
    "/repos/{owner}/{repo}/actions/variables": ["get", "post"],
    "/repos/{owner}/{repo}/actions/variables/{name}": ["get", "patch", "delete"],
    "/repos/{owner}/{repo}/actions/secrets": ["get"],
    "/repos/{owner}/{repo}/actions/secrets/public-key": ["get"],
    "/repos/{owner}/{repo}/actions/secrets/{secret_name}": ["get", "put", "delete"],
    "/repos/{owner}/{repo}/git/ref/{ref}": ["get"],
    "/repos/{owner}/{repo}/git/refs": ["post"],
    "/repos/{owner}/{repo}/git/refs/{ref}": ["delete"],
    "/repos/{owner}/{repo}/contents/{path}": ["get", "put"],
    "/repos/{owner}/{repo}/pulls": ["get", "post"],
    "/repos/{owner}/{repo}/pulls/{pull_number}": ["get", "patch"],
    "/repos/{owner}/{repo}/pulls/{pull_number}/merge": ["put"],
    "/repos/{owner}/{repo}/installation": ["get"],
    "/app": ["get"],
    "/app/installations": ["get"],
    "/app/installations/{installation_id}/access_tokens": ["post"],
    "/app-manifests/{code}/conversions": ["post"],
    "/repos/{owner}/{repo}/hooks": ["post"],
    "/repos/{owner}/{repo}/check-runs": ["post"],
    "/repos/{owner}/{repo}/commits/{ref}/check-runs": ["get"],
}
# Not in Octokit's description yet: GitHub's changelog of 2026-09-03. Real answers omit dates that are not fixed.
_MOMENT = {"type": "string", "format": "date-time", "nullable": True}
_DEPRECATIONS = {
    "operationId": "actions/get-runner-version-deprecation",
    "parameters": [],
    "responses": {
        "200": {
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["runner_version"],
                        "properties": {
                            "runner_version": {"type": "string"},
                            "registration_deprecates_at": _MOMENT,
                            "runtime_deprecates_at": _MOMENT,
                        },
                    }
                }
            }
        },
        "404": {"$ref": "#/components/responses/not_found"},
    },
}
ADDED = {
    f"{scope}/actions/runners/deprecations/{{version}}": {"get": _DEPRECATIONS}
    for scope in ("/repos/{owner}/{repo}", "/orgs/{org}")
}
EXAMPLES = {
    "run": "workflow-run",
    "job": "job-paginated",
    "downloads": "runner-application-items",
    "hook": "hook",
    "check_run": "check-run-example-of-completed-conclusion",
    "release": "release",
    "repository": "full-repository-default-response",
    "pull": "pull-request",
    "pulls": "pull-request-simple-items",
    "installation": "installation",
    "app": "integration",
}


def main(modules: Path) -> None:
    """Write the three files."""
    octokit = modules / "@octokit"
    whole = json.loads((octokit / "openapi/generated/api.github.com.json").read_text())
    version = json.loads((octokit / "openapi/package.json").read_text())["version"]
    paths = {path: {method: _operation(whole["paths"][path][method]) for method in PATHS[path]} for path in PATHS}
    paths |= ADDED
    parts: dict[str, Any] = {}
    _collect(whole, paths, parts)
    description = {"openapi": "3.0.3", "info": {"title": f"@octokit/openapi {version}, in part"}, "paths": paths}
    _write("tests/github/openapi.json", {**description, "components": parts})
    examples = {name: whole["components"]["examples"][path]["value"] for name, path in EXAMPLES.items()}
    events = json.loads((octokit / "webhooks-examples/api.github.com/index.json").read_text())
    deliveries = next(event for event in events if event["name"] == "workflow_job")["examples"]
    by_action = {delivery["action"]: delivery for delivery in deliveries}
    _write(
        "packages/local-cloud/src/local_cloud/github/examples.json",
        {**examples, "workflow_job": {name: by_action[name] for name in ("queued", "in_progress", "completed")}},
    )
    schema = json.loads((octokit / "webhooks-schemas/schema.json").read_text())
    definitions: dict[str, Any] = {}
    jobs = {name: {"$ref": f"#/definitions/{name}"} for name in schema["definitions"] if _is_job(name)}
    _collect(schema, jobs, definitions)
    _write("tests/github/webhooks.json", definitions)


def _is_job(name: str) -> bool:
    return name.startswith("workflow_job$") or name == "workflow_job_event"


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kept = ("operationId", "parameters", "requestBody", "responses")
    bare: dict[str, Any] = _bare({name: operation[name] for name in kept if name in operation})
    return bare


def _bare(value: Any) -> Any:
    """Return ``value`` without prose and examples."""
    if isinstance(value, dict):
        dropped = {"description", "example", "examples", "x-github", "title"}
        # A property may be called like one of them.
        kept = {k: v for k, v in value.items() if k not in dropped or (isinstance(v, dict) and "type" in v)}
        return {name: _bare(member) for name, member in kept.items()}
    return [_bare(member) for member in value] if isinstance(value, list) else value


def _collect(whole: dict[str, Any], value: Any, parts: dict[str, Any]) -> None:
    """Collect everything that ``value`` refers to, directly or indirectly."""
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            keys = reference.removeprefix("#/").split("/")
            place, source = parts, whole
            for key in keys[:-1]:
                source = source[key]
                if key != "components":
                    place = place.setdefault(key, {})
            if keys[-1] not in place:
                place[keys[-1]] = _bare(source[keys[-1]])
                _collect(whole, place[keys[-1]], parts)
        for member in value.values():
            _collect(whole, member, parts)
    elif isinstance(value, list):
        for member in value:
            _collect(whole, member, parts)


def _write(name: str, content: Any) -> None:
    path = ROOT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

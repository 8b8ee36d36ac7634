"""Check runs: a message beside a commit's jobs. Source: "REST API endpoints for check runs"."""

from __future__ import annotations

from goldrun.github.client import GitHub
from goldrun.github.scope import Scope


def create_check(github: GitHub, repository: str, sha: str, name: str, *, title: str, summary: str) -> None:
    """Show a message at a commit: as a check that is neither good nor bad, and blocks nothing.

    Raises:
        GitHubError: GitHub refuses: only an App may do this, with Checks: write.
    """
    body = {
        "name": name,
        "head_sha": sha,
        "status": "completed",
        "conclusion": "neutral",
        "output": {"title": title, "summary": summary},
    }
    github.call("POST", f"{Scope(repository).path}/check-runs", body)

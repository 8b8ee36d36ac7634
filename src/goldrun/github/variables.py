"""Variables of a repository's workflows. Source: "REST API endpoints for GitHub Actions variables"."""

from __future__ import annotations

from goldrun.github.client import GitHub
from goldrun.github.scope import Scope


def list_variables(github: GitHub, scope: Scope) -> dict[str, str]:
    """Return the variables of a repository.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    found = github.named(f"{scope.path}/actions/variables", "variables", 30)
    return {name: str(element["value"]) for name, element in found.items()}


def create_variable(github: GitHub, scope: Scope, name: str, value: str) -> None:
    """Add a variable.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    github.call("POST", f"{scope.path}/actions/variables", {"name": name, "value": value})


def update_variable(github: GitHub, scope: Scope, name: str, value: str) -> None:
    """Change a variable's value.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    github.call("PATCH", f"{scope.path}/actions/variables/{name}", {"name": name, "value": value})


def delete_variable(github: GitHub, scope: Scope, name: str) -> None:
    """Delete a variable.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    github.call("DELETE", f"{scope.path}/actions/variables/{name}")

"""The subjects of jobs' identity tokens, in both forms that GitHub has.

The subjects of repositories created or renamed since 15 July 2026 contain their numbers too, which cannot be taken over
with a name. Source: "OpenID Connect reference" in GitHub's documentation.
"""

from __future__ import annotations

from goldrun.errors import UsageError
from goldrun.github.client import GitHub
from goldrun.github.repositories import get_repository
from goldrun.github.scope import Scope


def find_subjects(github: GitHub, repository: Scope, *, environment: str = "", ref: str = "") -> list[str]:
    """Return the subjects of a repository's jobs: of an environment or a ref (default: of the default branch).

    Args:
        github: the API.
        repository: the jobs' repository.
        environment: the environment that the jobs deploy to; their subject does not contain the ref.
        ref: ``refs/heads/main`` or ``refs/tags/v1``.

    Raises:
        UsageError: both are given, or one is not valid.
        GitHubError: GitHub does not show the repository.
    """
    if environment and ref:
        raise UsageError(
            "--environment and --ref exclude each other.",
            why=["the identity token of a job with an environment names the environment, not the ref."],
            fix=["protect the environment by branch, in the repository's settings, and pass only --environment."],
        )
    for option, text in (("--environment", environment), ("--ref", ref)):
        if any(char in text for char in "*?") or not text.isprintable():
            raise UsageError(
                f"{option} {text!r} is not a valid name.", why=["a pattern could match jobs that you did not mean."]
            )
    if ref and not ref.startswith(("refs/heads/", "refs/tags/")):
        if ref.startswith("refs/"):
            raise UsageError(f"--ref {ref!r} is not a branch or a tag.", fix=["a pull request's jobs get no role"])
        raise UsageError(f"--ref {ref!r} is not a full ref.", fix=[f"write --ref refs/heads/{ref}"])
    found = get_repository(github, repository)
    # A colon separates the parts of a subject; GitHub encodes one in the name of an environment.
    of = f"environment:{environment.replace(':', '%3A')}" if environment else ""
    of = of or f"ref:{ref or 'refs/heads/' + found.default_branch}"
    return [
        f"repo:{found.owner}/{found.name}:{of}",
        f"repo:{found.owner}@{found.owner_id}/{found.name}@{found.id}:{of}",
    ]


def issuer_of(server: str) -> str:
    """Return the issuer of the identity tokens of a server's jobs."""
    return (
        "https://token.actions.githubusercontent.com" if server == "https://github.com" else f"{server}/_services/token"
    )

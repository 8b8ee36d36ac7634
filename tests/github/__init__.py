"""GitHub's own descriptions, as Octokit publishes them, in part (tools/github_description.py)."""

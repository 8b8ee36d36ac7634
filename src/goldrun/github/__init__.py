"""GitHub's REST API: client and typed calls."""

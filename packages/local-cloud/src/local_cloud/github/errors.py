"""GitHub's own errors."""

from __future__ import annotations


class GitHubFault(Exception):  # noqa: N818 - not a failure of this program: an answer
    """An error answer: its HTTP status and message.

    Attributes:
        kind: the Actions service's name for it, e.g. ``AgentExistsException``.
    """

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None, *, kind: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.headers, self.kind = status, message, headers or {}, kind


def not_found() -> GitHubFault:
    """Not found, or not visible to the token."""
    return GitHubFault(404, "Not Found")


def invalid(message: str) -> GitHubFault:
    """The input is not valid."""
    return GitHubFault(422, message)

"""Errors of the connection itself."""

from __future__ import annotations

from goldrun.errors import UnavailableError


class UnreachableError(UnavailableError):
    """No answer: name not resolved, connection refused or dropped, time limit reached. The call may have happened."""

    unsure = True

    def __init__(
        self, what: str, *, retryable: bool = True, why: tuple[str, ...] = (), fix: tuple[str, ...] = ()
    ) -> None:
        super().__init__(what, why=why, fix=fix)
        self.retryable = retryable

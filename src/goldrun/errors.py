"""The errors: what happened, why, what to do next, and the exit code that scripts can rely on.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


EXIT_OK = 0
EXIT_NOT_FOUND = 1
EXIT_USAGE = 2
EXIT_CREDENTIALS = 3
EXIT_PERMISSION = 4
EXIT_REFUSED = 5
EXIT_UNAVAILABLE = 6
EXIT_FOUND = 7
EXIT_OUTPUT = 8
EXIT_DEFECT = 70
EXIT_INTERRUPTED = 130

EXIT_CODES: dict[int, str] = {
    EXIT_OK: "success",
    EXIT_NOT_FOUND: 'not found: the cloud reported that it does not exist (an error is never "not found")',
    EXIT_USAGE: "invalid input: a variable, option, name or file is missing or not valid",
    EXIT_CREDENTIALS: "no credentials, or the cloud does not accept them",
    EXIT_PERMISSION: "the credentials are valid, but RAM does not allow the action",
    EXIT_REFUSED: "refused by the cloud or by goldrun's own checks: a person must act",
    EXIT_UNAVAILABLE: "the cloud is not reachable, throttles, fails, or has reclaimed the instance (after retries): "
    "try again later",
    EXIT_FOUND: "something was found: resources to delete (`goldrun sweep`, which deletes them unless --dry-run is "
    "given), changes to make (`goldrun setup --plan`) or problems to fix (`goldrun doctor`)",
    EXIT_OUTPUT: "the result could not be written (stdout, GITHUB_OUTPUT); an instance launched for it is deleted",
    EXIT_DEFECT: "a defect of goldrun: please report what it prints",
    EXIT_INTERRUPTED: "interrupted (Ctrl-C, SIGTERM, SIGHUP)",
}


class GoldrunError(Exception):
    """An error meant for a person.

    Attributes:
        what: what happened, in one sentence.
        why: the known reasons, a sentence each.
        fix: what to do next, each a sentence or a line to paste.
        request_id: the cloud's id of the failed call, for a support ticket; empty if no call failed.
        exit_code: one of ``EXIT_CODES``.
        unsure: whether the call may have taken effect nevertheless: an earlier attempt's answer was lost.
        retryable: whether the same call may succeed later.
        throttled: whether it failed because there were too many calls in this minute, so that it will succeed later.
        wait: seconds that the server asks to wait before a retry; 0: not given.
    """

    exit_code: int = EXIT_USAGE
    unsure: bool = False
    retryable: bool = False
    throttled: bool = False
    wait: float = 0.0

    def __init__(
        self,
        what: str,
        *,
        why: Iterable[str] = (),
        fix: Iterable[str] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = tuple(why)
        self.fix = tuple(fix)
        self.request_id = request_id

    def details(self) -> list[str]:
        """Return the lines below the first one."""
        lines = [f"  why: {reason}" for reason in self.why]
        lines += [f"  fix: {step}" for step in self.fix]
        lines += [f"  note: {note}" for note in getattr(self, "__notes__", ())]
        if self.request_id:
            lines.append(f"  request id: {self.request_id}")
        return lines

    def __str__(self) -> str:
        return "\n".join([self.what, *self.details()])


class UsageError(GoldrunError):
    """The person's input is wrong."""

    exit_code = EXIT_USAGE


class NotFoundError(GoldrunError):
    """The cloud answered that it does not exist."""

    exit_code = EXIT_NOT_FOUND


class CredentialsError(GoldrunError):
    """There are no usable credentials."""

    exit_code = EXIT_CREDENTIALS


class RefusedError(GoldrunError):
    """The cloud, or goldrun's own check, refuses; a person must act."""

    exit_code = EXIT_REFUSED


class OutputError(GoldrunError):
    """The result cannot be written for the caller."""

    exit_code = EXIT_OUTPUT


class UnavailableError(GoldrunError):
    """A server cannot be reached, or fails."""

    exit_code = EXIT_UNAVAILABLE

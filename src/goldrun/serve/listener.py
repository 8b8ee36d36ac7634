"""Listens to one scale set: holds its session, which only one server has, and receives its messages.

A second server's session is refused while the first one's lives; it waits, and takes over when that one has fallen
silent. A session that is lost ends nothing but the leadership: the machines are in the cloud, the jobs at GitHub.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace

from goldrun.errors import GoldrunError
from goldrun.github import scale_sets
from goldrun.github.actions_service import ActionsService
from goldrun.github.client import GitHubError
from goldrun.github.scale_sets import Message, ScaleSet, Session, Statistics
from goldrun.report import Report
from goldrun.serve.scale_set_spec import ScaleSetSpec

# After so long without a poll's end the session has certainly ended: GitHub keeps one for about a minute after a poll,
# and a poll takes about another.
DOUBT_SECONDS = 120.0


class Listener:
    """The session of one scale set. ``poll`` may run in a thread of its own; it alone begins and ends sessions.

    Attributes:
        service: GitHub's service for the scope.
        spec: the scale set as configured.
    """

    def __init__(self, service: ActionsService, spec: ScaleSetSpec, owner: str, report: Report) -> None:
        """Make a listener; it asks nothing yet.

        Args:
            service: see ``service``.
            spec: see ``spec``.
            owner: the name of this server, which others see.
            report: receives a sentence about what a person may want to know.
        """
        self.service, self.spec = service, spec
        self._owner, self._report = owner, report
        self._set: ScaleSet | None = None
        self._session: Session | None = None
        self._begun: Statistics | None = None
        self._messages: list[Message] = []
        self._lock = threading.Lock()  # of what one thread puts and another takes
        self._last = 0
        self._seen = self._refused = 0.0
        self._waits = False
        self._ended = False

    @property
    def scale_set(self) -> ScaleSet | None:
        """The scale set; None: it was not found or created yet."""
        return self._set

    @property
    def waits(self) -> bool:
        """Whether another server has the session, and this one stands by."""
        return self._waits

    @property
    def taken(self) -> bool:
        """Whether that is surely another server's, and not this one's own session that GitHub still keeps."""
        return self._waits and self._refused - self._seen > DOUBT_SECONDS

    @property
    def connected(self) -> bool:
        """Whether there is a session; ``connect`` begins one."""
        return self._session is not None

    @property
    def leads(self) -> bool:
        """Whether this server has the session, as far as it can know."""
        return self._session is not None and self.service.github.clock.now() - self._seen < DOUBT_SECONDS

    def connect(self) -> bool:
        """Find or create the scale set, and begin its session.

        Return False if another server has it, or if this one has deleted the set.

        Raises:
            GoldrunError: GitHub refuses or fails.
        """
        if self._ended:
            return False
        try:
            made = self._set or self._adopt()
            session = scale_sets.open_session(self.service, made.id, self._owner)
        except GitHubError as error:
            if scale_sets.is_taken(error):
                if not self._waits:
                    self._report(f"{self.spec.name}: another server has the session; waiting until it ends.")
                self._waits, self._refused = True, self.service.github.clock.now()
                return False
            if scale_sets.is_set_missing(error):
                self._set = None  # deleted at GitHub: created again at the next attempt
            raise
        if self._waits:
            self._report(f"{self.spec.name}: taking over.")
        self._last, self._waits = 0, False
        self._seen = self.service.github.clock.now()
        with self._lock:
            self._begun, self._messages, self._session = session.statistics, [], session
        return True

    def poll(self, capacity: int) -> None:
        """Wait for a message, up to a minute; ``take`` returns it.

        Args:
            capacity: how many jobs the scale set can take in all.

        Raises:
            GoldrunError: GitHub fails. After a refusal there is no session any more: connect again.
        """
        session = self._session
        if session is None or self._set is None:
            return
        try:
            message = scale_sets.poll(self.service, session, self._last, capacity)
        except GitHubError as error:
            if self._ended or self._session is not session:
                return  # the other thread has deleted the set, or closed the session, meanwhile
            if scale_sets.is_token_over(error):
                self._refresh(session)
                return
            if scale_sets.is_session_over(error):
                self._lose()
            raise
        self._seen = self.service.github.clock.now()
        if message and message.id != self._last:
            self._last = message.id
            with self._lock:
                self._messages.append(message)

    def take(self) -> tuple[Statistics | None, list[Message]]:
        """Return what came since the last call: the statistics of a session that has begun, if any; and messages."""
        with self._lock:
            begun, self._begun = self._begun, None
            messages, self._messages = self._messages, []
        return begun, messages

    def acquire(self, requests: Iterable[int]) -> frozenset[int]:
        """Accept jobs that are offered; return those that the scale set got.

        Raises:
            GoldrunError: GitHub refuses or fails; what it got comes with the next message all the same.
        """
        chosen, session, made = list(requests), self._session, self._set
        if not chosen or session is None or made is None:
            return frozenset()
        return frozenset(scale_sets.acquire(self.service, session, made.id, chosen))

    def acknowledge(self, message: Message) -> None:
        """Delete a message whose machines were asked for. If that fails, it comes again, which does no harm."""
        session = self._session
        if session is None:
            return
        try:
            scale_sets.acknowledge(self.service, session, message.id)
        except GoldrunError as error:
            self._report(f"{self.spec.name}: message {message.id} could not be acknowledged: {error.what}")

    def delete(self) -> None:
        """End the session, and delete the scale set. Jobs that ask for it stay in GitHub's queue.

        Raises:
            GoldrunError: GitHub refuses or fails.
        """
        made, self._ended = self._set, True
        try:
            self.close()
            if made:
                scale_sets.delete_scale_set(self.service, made.id)
        except GoldrunError:
            self._ended = False  # there is another session, and another attempt
            raise
        if made:
            self._report(f"{self.spec.name}: scale set {made.id} of {self.spec.scope} was deleted.")
        self._set = None

    def close(self) -> None:
        """End the session, so that another server takes over at once."""
        session, made, self._session = self._session, self._set, None
        if session and made:
            scale_sets.close_session(self.service, made.id, session)

    def _adopt(self) -> ScaleSet:
        group = scale_sets.find_group(self.service, self.spec.group)
        found = scale_sets.find_scale_set(self.service, self.spec.name, group)
        if found is None:
            found = scale_sets.create_scale_set(self.service, self.spec.name, group, self.spec.labels)
            self._report(f"{self.spec.name}: scale set {found.id} of {self.spec.scope} was created.")
        missing = {label.lower() for label in self.spec.labels} - {label.lower() for label in found.labels}
        if missing:
            self._report(
                f"{self.spec.name}: GitHub fixes labels when a scale set is created, and this one does not have "
                f"{', '.join(sorted(missing))}: rename the profile, or delete the scale set."
            )
        self._set = found
        return found

    def _refresh(self, session: Session) -> None:
        """Get a new token for the session; if GitHub refuses, the session is over."""
        assert self._set
        try:
            fresh = scale_sets.refresh_session(self.service, self._set.id, session)
        except GitHubError as error:
            if not error.retryable:
                self._lose()
            raise
        self._session = replace(session, token=fresh.token, url=fresh.url)
        self._seen = self.service.github.clock.now()

    def _lose(self) -> None:
        with self._lock:
            self._session, self._messages = None, []

"""Every call to the cloud's APIs goes through ``EcsClient.call``: signed, timed, retried, its errors explained.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun import __version__, config
from goldrun.clock import Clock
from goldrun.cloud import signature
from goldrun.cloud.credentials import CredentialProvider
from goldrun.cloud.endpoints import ECS, Api, region_endpoint
from goldrun.cloud.errors import BadCredentialsError
from goldrun.cloud.home import read_region
from goldrun.cloud.rpc import flatten, read_answer, sign
from goldrun.cloud.sources import find_source
from goldrun.errors import GoldrunError, UsageError
from goldrun.http.cloud_clock import CloudClock
from goldrun.http.endpoint import Endpoint, parse_endpoint
from goldrun.http.retrying import Again, Backoff, Notice, jittered_backoff, retry
from goldrun.http.transport import HttpTransport, Transport
from goldrun.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from goldrun.cloud.credentials import Credentials
    from goldrun.cloud.rpc import Parameter
    from goldrun.http.http1 import Answer
    from goldrun.http.trace import Trace


MAX_TARGET_BYTES = 60_000
TIME_SECONDS = 10.0  # time limit of the request that only asks for the time
# The API's errors for a request that seems to have been signed long ago, or in the future.
WRONG_TIME = ("InvalidTimeStamp.Expired", "IllegalTimestamp", "RequestTimeTooSkewed")


class Request(NamedTuple):
    """A request that is signed when it is sent, as every repetition needs a signature of its own.

    Attributes:
        endpoint: where it is sent.
        method: HTTP method.
        target: path and query.
        sign: returns its headers, for credentials and a moment.
        read: returns what the answer says, or raises the error that it is.
        content: its body.
    """

    endpoint: Endpoint
    method: str
    target: str
    sign: Callable[[Credentials, float], Mapping[str, str]]
    read: Callable[[Answer], Any]
    content: bytes = b""


class Call(NamedTuple):
    """A call that has not been made yet, as part of a plan."""

    action: str
    params: Mapping[str, Parameter]

    def make(self, client: EcsClient, again: Again = lambda _: None) -> None:
        """Make the call; see ``EcsClient.call``.

        Raises:
            GoldrunError: see ``EcsClient.call``.
        """
        client.call(self.action, self.params, again=again)


class EcsClient:
    """The ECS API of one account, from one home region.

    Attributes:
        region: the home region, the default of every call.
        clock: shows the cloud's time, and waits for what happens there.
        calls: number of requests sent, retries included.
    """

    def __init__(
        self,
        *,
        region: str,
        credentials: CredentialProvider,
        transport: Transport,
        clock: Clock,
        endpoint: Endpoint | None = None,
        timeout: float = config.DEFAULT_TIMEOUT_SECONDS,
        backoff: Backoff = jittered_backoff,
        notice: Notice | None = None,
    ) -> None:
        """Make a client.

        Args:
            region: the home region.
            credentials: called before every request.
            transport: sends the requests.
            clock: the machine's clock.
            endpoint: answers for every region; None: each region's own endpoint.
            timeout: time limit of a call in seconds, retries included.
            backoff: seconds to wait after the n-th failed attempt.
            notice: receives a sentence about every retry.
        """
        self.region = region
        self.clock = CloudClock(clock, self._ask_the_time)
        self.calls = 0
        self._machine = clock
        self._signs_by_cloud = False
        self._credentials = credentials
        self._transport = transport
        self._endpoint = endpoint
        self._timeout = timeout
        self._backoff = backoff
        self._notice = notice or (lambda _: None)

    def call(
        self,
        action: str,
        params: Mapping[str, Parameter] | None = None,
        *,
        region: str | None = None,
        api: Api = ECS,
        again: Again = lambda _: None,
    ) -> dict[str, Any]:
        """Call ``action`` and return its answer.

        A call that fails for a passing reason is repeated: a call that creates something needs a ``ClientToken``.

        Args:
            action: e.g. ``DescribeImages``.
            params: the action's own parameters; ``RegionId`` is added.
            region: the region (default: the client's).
            api: the API that the action belongs to.
            again: called before each repetition; see ``retry``.

        Raises:
            ApiError: the API refused (its subclasses say in what way).
            UnreachableError: no answer; the call may have had its effect.
            UnavailableError: the answer is not the API's.
        """
        region = region or self.region
        endpoint = self.at(region_endpoint(api, region))
        query = signature.canonical_query({"RegionId": region, **flatten(params or {})})
        if len(query) > MAX_TARGET_BYTES:
            raise UsageError(f"The parameters of {action} are too long ({len(query)} bytes).")
        answer: dict[str, Any] = self.send(
            Request(
                endpoint,
                "POST",
                f"/?{query}",
                lambda credentials, now: sign(api, action, query, endpoint, credentials, now),
                lambda answer: read_answer(f"{api.name}:{action}", endpoint, answer),
            ),
            again,
        )
        return answer

    def send(self, request: Request, again: Again = lambda _: None) -> Any:
        """Send a request, and return what its ``read`` says of the answer; repeated as ``call`` is.

        Raises:
            GoldrunError: what ``read`` raises.
            UnreachableError: no answer; the request may have had its effect.
        """
        return retry(
            lambda until: self._attempt(request, until),
            self._machine,
            self._timeout,
            self._backoff,
            self._notice,
            again,
        )

    def in_region(self, region: str) -> EcsClient:
        """Return the same client with another home region; connections are shared."""
        return self._like(region, self.clock)

    def on_clock(self, clock: Clock) -> EcsClient:
        """Return the same client, waiting on another of the machine's clocks; connections are shared.

        Wrap ``client.clock.machine`` for that, not ``client.clock``: the cloud's time may run faster.
        """
        return self._like(self.region, self.clock.on(clock))

    def _like(self, region: str, clock: CloudClock) -> EcsClient:
        other = EcsClient(
            region=region,
            credentials=self._credentials,
            transport=self._transport,
            clock=clock.machine,
            endpoint=self._endpoint,
            timeout=self._timeout,
            backoff=self._backoff,
            notice=self._notice,
        )
        # All of them learn the cloud's time from every answer.
        other.clock, other._signs_by_cloud = clock, self._signs_by_cloud
        return other

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint of ECS for the home region."""
        return self.at(region_endpoint(ECS, self.region))

    def at(self, usual: Endpoint) -> Endpoint:
        """Return where requests to an endpoint go: there, unless the client has one for everything."""
        return self._endpoint or usual

    def close(self) -> None:
        """Close what is kept open between calls."""
        self._transport.close()

    def _attempt(self, request: Request, until: float) -> Any:
        def ask(now: float) -> Any:
            return request.read(self._send(request, request.sign(self._credentials(), now), until))

        try:
            return ask(self.clock.now() if self._signs_by_cloud else self._machine.now())
        except BadCredentialsError as error:
            if error.code not in WRONG_TIME:
                raise
        # The machine's clock is wrong; the refusal's Date header has the right time.
        answer = ask(self.clock.now())
        self._signs_by_cloud = True
        return answer

    def _send(self, request: Request, headers: Mapping[str, str], until: float) -> Answer:
        """Send a request, and learn the cloud's time from the answer, whatever it is."""
        self.calls += 1
        sent = self._machine.now()
        answer = self._transport.send(request.endpoint, request.method, request.target, headers, until, request.content)
        self.clock.learn(answer.headers, sent, self._machine.now())
        return answer

    def _ask_the_time(self) -> None:
        """Make a request that needs no permission: every answer has a ``Date``, even a refusal."""
        endpoint = self.endpoint
        headers = {"accept": "application/json", "host": endpoint.netloc, "user-agent": f"goldrun/{__version__}"}
        unsigned = Request(endpoint, "GET", "/", lambda *_: headers, lambda answer: answer)
        try:  # noqa: SIM105 - contextlib takes long to import
            self._send(unsigned, headers, self._machine.now() + TIME_SECONDS)
        except GoldrunError:
            pass  # the next call reports what is wrong


def connect(
    env: config.Environment,
    clock: Clock,
    *,
    region: str | None = None,
    notice: Notice | None = None,
    trace: Trace | None = None,
    wrap: Callable[[Transport], Transport] = lambda transport: transport,
) -> EcsClient:
    """Return the client that this environment describes.

    Args:
        env: the environment.
        clock: the machine's clock.
        region: the home region (default: the environment's).
        notice: receives a sentence about every retry.
        trace: records every request, retry and pause, instead of ``notice``.
        wrap: returns the transport that is used instead of the usual one.

    Raises:
        UsageError: a variable is missing or not valid.
        CredentialsError: no credentials were found.
    """
    endpoint = config.ENDPOINT.read(env)
    transport = wrap(HttpTransport(env, clock))
    if trace:
        transport, clock, notice = trace.transport(transport, clock), trace.clock(clock), trace.retry

    def open_sts(**more: Any) -> EcsClient:
        return EcsClient(transport=transport, clock=clock, **more)

    return EcsClient(
        region=read_region(env, region),
        endpoint=parse_endpoint(endpoint) if endpoint else None,
        timeout=config.read_timeout(env),
        credentials=find_source(env, transport, clock, open_sts),
        transport=transport,
        clock=clock,
        notice=notice,
    )

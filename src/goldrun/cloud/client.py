"""Every call to the cloud's APIs goes through ``EcsClient.call``: signed, timed, retried, its errors explained.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

import os
import time

from goldrun import __version__, config
from goldrun.clock import Clock
from goldrun.cloud import signature
from goldrun.cloud.credentials import CredentialProvider, Credentials
from goldrun.cloud.endpoints import ECS, Api, region_endpoint
from goldrun.cloud.errors import BadCredentialsError, ServiceError, api_error
from goldrun.cloud.home import read_region
from goldrun.cloud.sources import find_source
from goldrun.errors import GoldrunError, UnavailableError, UsageError
from goldrun.http.cloud_clock import CloudClock
from goldrun.http.endpoint import Endpoint, parse_endpoint
from goldrun.http.http1 import Answer
from goldrun.http.retrying import Backoff, Notice, jittered_backoff, retry
from goldrun.http.transport import HttpTransport, Transport
from goldrun.lean import NamedTuple, parse_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    from goldrun.http.trace import Trace


EMPTY_SHA256 = signature.sha256_hex(b"")
MAX_TARGET_BYTES = 60_000
TIME_SECONDS = 10.0  # time limit of the request that only asks for the time
# The API's errors for a request that seems to have been signed long ago, or in the future.
WRONG_TIME = ("InvalidTimeStamp.Expired", "IllegalTimestamp")

# A parameter in Python: lists become `Name.1`, `Name.2`; mappings in them `Tag.1.Key`. None is left out.
Scalar = str | int | bool
Parameter: TypeAlias = "Scalar | Sequence[Scalar] | Sequence[Mapping[str, Scalar]] | None"


class Call(NamedTuple):
    """A call that has not been made yet, as part of a plan."""

    action: str
    params: Mapping[str, Parameter]

    def make(self, client: EcsClient, again: Callable[[], None] = lambda: None) -> None:
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
        again: Callable[[], None] = lambda: None,
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
        flat = {"RegionId": region, **flatten(params or {})}
        return retry(
            lambda until: self._attempt(api, action, flat, region, until),
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
        return self._endpoint or region_endpoint(ECS, self.region)

    def close(self) -> None:
        """Close what is kept open between calls."""
        self._transport.close()

    def _attempt(self, api: Api, action: str, params: Mapping[str, str], region: str, until: float) -> dict[str, Any]:
        endpoint = self._endpoint or region_endpoint(api, region)
        query = signature.canonical_query(params)
        if len(query) > MAX_TARGET_BYTES:
            raise UsageError(f"The parameters of {action} are too long ({len(query)} bytes).")

        def ask(now: float) -> dict[str, Any]:
            headers = sign(api, action, query, endpoint, self._credentials(), now)
            return read_answer(
                f"{api.name}:{action}", endpoint, self._send(endpoint, "POST", f"/?{query}", headers, until)
            )

        try:
            return ask(self.clock.now() if self._signs_by_cloud else self._machine.now())
        except BadCredentialsError as error:
            if error.code not in WRONG_TIME:
                raise
        # The machine's clock is wrong; the refusal's Date header has the right time.
        answer = ask(self.clock.now())
        self._signs_by_cloud = True
        return answer

    def _send(self, endpoint: Endpoint, method: str, target: str, headers: Mapping[str, str], until: float) -> Answer:
        """Send a request, and learn the cloud's time from the answer, whatever it is."""
        self.calls += 1
        sent = self._machine.now()
        answer = self._transport.send(endpoint, method, target, headers, until)
        self.clock.learn(answer.headers, sent, self._machine.now())
        return answer

    def _ask_the_time(self) -> None:
        """Make a request that needs no permission: every answer has a ``Date``, even a refusal."""
        endpoint = self.endpoint
        headers = {"accept": "application/json", "host": endpoint.netloc, "user-agent": f"goldrun/{__version__}"}
        try:  # noqa: SIM105 - contextlib takes long to import
            self._send(endpoint, "GET", "/", headers, self._machine.now() + TIME_SECONDS)
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


def flatten(params: Mapping[str, Parameter]) -> dict[str, str]:
    """Return parameters in the form of the RPC API: ``Tag.1.Key`` for lists, ``true``/``false``, text."""
    flat: dict[str, str] = {}
    for name, value in params.items():
        if value is None:
            continue
        if isinstance(value, str | int):
            flat[name] = _text(value)
            continue
        for number, item in enumerate(value, 1):
            if isinstance(item, str | int):
                flat[f"{name}.{number}"] = _text(item)
            else:
                flat.update({f"{name}.{number}.{key}": _text(part) for key, part in item.items()})
    return flat


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def sign(api: Api, action: str, query: str, endpoint: Endpoint, credentials: Credentials, now: float) -> dict[str, str]:
    """Return the headers of a signed request (signature version 3), ``Authorization`` included."""
    headers = {
        "accept": "application/json",
        "host": endpoint.netloc,
        "user-agent": f"goldrun/{__version__}",
        "x-acs-action": action,
        "x-acs-content-sha256": EMPTY_SHA256,
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "x-acs-signature-nonce": os.urandom(16).hex(),
        "x-acs-version": api.version,
    }
    if credentials.security_token:
        headers["x-acs-security-token"] = credentials.security_token
    headers["authorization"] = signature.authorization_v3(
        "POST",
        "/",
        query,
        headers,
        EMPTY_SHA256,
        access_key_id=credentials.access_key_id,
        access_key_secret=credentials.access_key_secret,
    )
    return headers


def read_answer(permission: str, endpoint: Endpoint, answer: Answer) -> dict[str, Any]:
    """Return the answer's JSON object.

    Args:
        permission: what was called, in RAM's form: ``ecs:DescribeImages``.
        endpoint: where it was called.
        answer: the answer.

    Raises:
        ApiError: it is an error of the API.
        ServiceError: a gateway on the way failed (HTTP 5xx without the API's body).
        UnavailableError: it is not from the API.
    """
    try:
        body = parse_json(answer.body)
    except ValueError:
        body = None
    if isinstance(body, dict):
        # The billing API's code is "Success" where the others have none.
        if 200 <= answer.status < 300 and body.get("Code", "Success") == "Success":
            return body
        if "Code" in body:
            raise api_error(permission, answer.status, body)
    shown = " ".join(answer.body[:400].decode("utf-8", "replace").split())[:120]
    if answer.status >= 500:
        raise ServiceError(
            f"{endpoint} failed with HTTP {answer.status}.",
            code=f"HTTP{answer.status}",
            http_status=answer.status,
            action=permission.split(":")[1],
            why=(f"a gateway answered instead of the API: {shown}" if shown else "the answer is empty.",),
            fix=("try again in a few minutes.",),
        )
    if answer.status == 407:
        raise UnavailableError(
            "The proxy asks for a user name and a password.",
            fix=["write them into HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT"],
        )
    found = "HTML" if "html" in answer.content_type or shown.startswith("<") else "something that is not JSON"
    raise UnavailableError(
        f"{endpoint} answered with {found}, not as the ECS API does (HTTP {answer.status}).",
        why=[f"it says: {shown}" if shown else "the answer is empty."],
        fix=["a proxy or a login page may be in the way: check HTTPS_PROXY, NO_PROXY and GOLDRUN_ENDPOINT."],
    )

"""The exchange of a job's identity for a key: what passes is tried again, and a key is used until it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from goldrun.cloud.credentials import Credentials
from goldrun.cloud.errors import ApiError
from goldrun.cloud.oidc import Exchange, renewed
from goldrun.errors import CredentialsError, GoldrunError, UnavailableError
from goldrun.http.http1 import Answer
from tests.conftest import NOW
from tests.virtual_time import FakeClock, Wall

ENV = {"ALIYUN_REGION_ID": "cn-hangzhou", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://example.com/token"}


class Says:
    """A transport that always gives the same answer."""

    def __init__(self, status: int, body: object) -> None:
        self.answer = Answer(status, "application/json", json.dumps(body).encode(), {})

    def send(self, *_: Any, **__: Any) -> Answer:
        return self.answer

    def close(self) -> None:
        """See ``Transport.close``."""


def exchange(status: int, body: object) -> Exchange:
    return Exchange(ENV, Says(status, body), FakeClock(Wall(NOW)), "acs:ram::1:role/ci", "acs:ram::1:oidc-provider/g")


@pytest.mark.parametrize(
    ("status", "code"), [(503, "ServiceUnavailable"), (400, "Throttling.User"), (500, "InternalError"), (429, "")]
)
def test_an_outage_of_sts_passes(status: int, code: str) -> None:
    """It was taken for a refusal: a build of an hour ended in the middle of a deletion."""
    with pytest.raises(ApiError) as caught:
        exchange(status, {"Code": code, "Message": "later"}).assume("token")
    assert caught.value.retryable


def test_a_refusal_of_sts_does_not_pass() -> None:
    with pytest.raises(CredentialsError, match="was not exchanged") as caught:
        exchange(403, {"Code": "NoPermission", "Message": "no"}).assume("token")
    assert not caught.value.retryable


@pytest.mark.parametrize(("status", "passes"), [(502, True), (429, True), (403, False), (200, False)])
def test_an_outage_of_github_s_tokens_passes(status: int, passes: bool) -> None:
    with pytest.raises(UnavailableError if passes else CredentialsError) as caught:
        exchange(status, {}).identity()
    assert caught.value.retryable is passes


def test_a_key_that_cannot_be_renewed_is_used_until_it_ends() -> None:
    clock, asked = FakeClock(Wall(NOW)), list[float]()

    def request() -> tuple[Credentials, float]:
        asked.append(clock.now())
        if len(asked) in (2, 3):
            raise UnavailableError("STS is away.")
        return Credentials(f"key-{len(asked)}", "secret"), clock.now() + 3600

    provide = renewed(clock, request)
    assert provide().access_key_id == "key-1"
    clock.sleep(3590)
    assert provide().access_key_id == "key-1"
    clock.sleep(20)
    with pytest.raises(GoldrunError):
        provide()
    assert provide().access_key_id == "key-4"

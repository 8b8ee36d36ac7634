"""GitHub's client: where its token goes, and where it never does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest

from goldrun.errors import UnavailableError
from goldrun.github.client import GitHub, GitHubError
from goldrun.http.endpoint import Endpoint
from goldrun.http.http1 import Answer
from tests.virtual_time import FakeClock

TOKEN = "ghs_planted"


class Sent(NamedTuple):
    """A request."""

    endpoint: Endpoint
    method: str
    target: str
    headers: Mapping[str, str]


class Network:
    """Answers with redirects, then with ``{}``; writes down what would have left the machine."""

    def __init__(self, *locations: str, status: int = 301) -> None:
        self.locations, self.status = list(locations), status
        self.sent: list[Sent] = []

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        self.sent.append(Sent(endpoint, method, target, headers))
        if self.locations:
            return Answer(self.status, "application/json", b"{}", {"location": self.locations.pop(0)})
        return Answer(200, "application/json", b"{}")

    def close(self) -> None:
        """Nothing is open."""


def client(network: Network, clock: FakeClock, url: str = "https://api.github.com") -> GitHub:
    return GitHub(url=url, server="https://github.com", token=TOKEN, transport=network, clock=clock)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/repos/o/r",
        "https://api.github.com.evil.example/repos/o/r",
        "https://api.github.comevil.example/repos/o/r",
        "https://api.github.com@evil.example/repos/o/r",
        "https://api.github.com:443@evil.example/repos/o/r",
        "https://api.github.com:8443/repos/o/r",
        "http://api.github.com/repos/o/r",
        "HTTP://api.github.com/repos/o/r",
        "https://user@api.github.com/repos/o/r",
        "https:\\\\evil.example/repos/o/r",
        "https://api.github.com\\@evil.example/",
        "https:/evil.example/repos/o/r",
        "//evil.example/repos/o/r",
        "//api.github.com/repos/o/r",
        "/repos/o/other",
        "other",
        "",
    ],
)
def test_the_token_follows_no_redirect_to_another_place(
    location: str, status: int, fake_clock: Callable[[], FakeClock]
) -> None:
    """Nothing but a renamed repository, at the very same scheme, host and port, is worth following."""
    network = Network(location, status=status)
    with pytest.raises(GitHubError):
        client(network, fake_clock()).call("GET", "/repos/o/r")
    assert len(network.sent) == 1
    assert str(network.sent[0].endpoint) == "https://api.github.com"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_renamed_repository_is_followed(status: int, fake_clock: Callable[[], FakeClock]) -> None:
    network = Network("https://api.github.com/repositories/7/actions/runners", status=status)
    assert client(network, fake_clock()).call("POST", "/repos/o/old/actions/runners", {"a": 1}) == {}
    first, second = network.sent
    assert (second.endpoint, second.method) == (first.endpoint, "POST")
    assert second.target == "/repositories/7/actions/runners"
    assert second.headers == first.headers


def test_redirects_in_a_circle_end(fake_clock: Callable[[], FakeClock]) -> None:
    network = Network(*["https://api.github.com/again"] * 50)
    with pytest.raises(GitHubError):
        client(network, fake_clock()).call("GET", "/repos/o/r")
    assert len(network.sent) <= 5


def test_redirects_of_an_enterprise_server_stay_on_it(fake_clock: Callable[[], FakeClock]) -> None:
    network = Network("https://github.example.com/api/v3/repositories/7", "https://api.github.com/repositories/7")
    with pytest.raises(GitHubError):
        client(network, fake_clock(), "https://github.example.com/api/v3").call("GET", "/repos/o/r")
    assert {str(one.endpoint) for one in network.sent} == {"https://github.example.com"}
    assert [one.target for one in network.sent] == ["/api/v3/repos/o/r", "/api/v3/repositories/7"]


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b"", b"{"])
def test_what_answers_and_is_not_github_is_told(fake_clock: Callable[[], FakeClock], body: bytes) -> None:
    network = Network()
    network.send = lambda *_: Answer(200, "text/html", body)  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match="that are not GitHub's") as caught:
        client(network, fake_clock()).call("GET", "/repos/o/r")
    assert caught.value.exit_code == 6
    assert "login page" in str(caught.value)

"""Clients of a local cloud and a local GitHub in memory: their transport answers itself, without a network."""

from __future__ import annotations

from collections.abc import Mapping

from goldrun.clock import Clock
from goldrun.cloud.client import EcsClient
from goldrun.cloud.credentials import Credentials
from goldrun.github.client import GitHub
from goldrun.http.endpoint import parse_endpoint
from goldrun.http.transport import Transport
from local_cloud import seed
from local_cloud.gateway import Gateway, Reply
from local_cloud.github import router
from local_cloud.github.api import API, TOKEN

URL = "http://127.0.0.1:1"
SERVER = f"{URL}{router.PREFIX}"  # GitHub's


def open_clients(transport: Transport, clock: Clock, *, timeout: float) -> tuple[EcsClient, GitHub]:
    """Return both clients over one transport."""
    client = EcsClient(
        region=seed.REGION,
        credentials=lambda: Credentials(seed.KEY.id, seed.KEY.secret),
        transport=transport,
        clock=clock,
        endpoint=parse_endpoint(URL),
        timeout=timeout,
    )
    return client, GitHub(url=SERVER + API, server=SERVER, token=TOKEN, transport=transport, clock=clock)


def answer(
    gateway: Gateway, github: router.Router, method: str, target: str, headers: Mapping[str, str], content: bytes
) -> Reply:
    """Return the answer of whichever of the two a request is for."""
    path, _, query = target.partition("?")
    lower = {name.lower(): value for name, value in headers.items()}
    if path.startswith(router.PREFIX):
        return github.handle(method, path.removeprefix(router.PREFIX), query, lower, content)
    return gateway.handle(method, path, query, lower, content)

"""Webhooks: delivers ``workflow_job`` and ``ping`` events to their receivers, signed as GitHub signs them."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import queue
import threading
import urllib.request
import uuid
from contextlib import suppress
from typing import Any, NamedTuple

from local_cloud.github.jobs import covers
from local_cloud.github.payloads import webhook_json
from local_cloud.github.records import GitHubHook, GitHubJob, GitHubRun
from local_cloud.store import Store

EVENT = "workflow_job"
TIMEOUT = 10.0
MAX_WAITING = 1000


class Delivery(NamedTuple):
    """One request to a receiver."""

    url: str
    headers: dict[str, str]
    body: bytes


class Webhooks:
    """Sends in a separate thread, so that a receiver can send requests to the local cloud."""

    def __init__(self, store: Store, url: str) -> None:
        self._store, self._url = store, url
        self._queue: queue.Queue[Delivery] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None

    def deliver_change(self, job: GitHubJob) -> None:
        """Deliver a job's change to its subscribers."""
        run = self._store.get(GitHubRun, job.run)
        if run is None:
            return
        for hook in self._store.all(GitHubHook):
            if EVENT in hook.events and covers(hook.scope, run.repository):
                self._put(_delivery(hook, EVENT, webhook_json(job, run, self._url)))

    def ping(self, hook: GitHubHook, shown: dict[str, Any]) -> None:
        """Deliver a hook's ``ping``, as after its creation.

        Args:
            hook: the hook.
            shown: the hook as JSON.
        """
        self._put(_delivery(hook, "ping", {"zen": "Design for failure.", "hook_id": int(hook.id), "hook": shown}))

    def _put(self, delivery: Delivery) -> None:
        with suppress(queue.Full):  # its receiver does not answer
            self._queue.put_nowait(delivery)
        self._start()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._send, name="webhooks", daemon=True)
            self._thread.start()

    def _send(self) -> None:
        while True:
            delivery = self._queue.get()
            try:
                request = urllib.request.Request(delivery.url, data=delivery.body, headers=delivery.headers)  # noqa: S310
                urllib.request.urlopen(request, timeout=TIMEOUT).close()  # noqa: S310 - the receiver's choice
            except (OSError, ValueError, http.client.HTTPException):
                continue  # as with GitHub, a delivery that fails is not repeated


def _delivery(hook: GitHubHook, event: str, payload: object) -> Delivery:
    body = json.dumps(payload).encode()
    headers = {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/goldrun",
        "x-github-event": event,
        "x-github-delivery": str(uuid.uuid4()),
        "x-github-hook-id": hook.id,
        "x-github-hook-installation-target-type": "repository" if "/" in hook.scope else "organization",
    }
    if hook.secret:
        headers["x-hub-signature-256"] = "sha256=" + hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
    return Delivery(hook.url, headers, body)

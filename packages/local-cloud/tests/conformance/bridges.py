"""Bridges to official clients: programs that read a call a line, and write its answer."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from tests.conftest import Running

from conformance.call import REGION
from conformance.driver import Answer
from conformance.flat import flatten
from local_cloud import seed


class Program:
    """A bridge that runs, pointed at a local cloud.

    Args:
        command: the program and its arguments.
        cloud: the local cloud.
        flat: whether the client takes flat parameters.
        more: further environment variables.
    """

    def __init__(self, command: Sequence[str], cloud: Running, *, flat: bool = False, **more: str) -> None:
        self.flat = flat
        environment = {
            **os.environ,
            "ALIBABA_CLOUD_ACCESS_KEY_ID": seed.KEY.id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": seed.KEY.secret,
            "ALIBABA_CLOUD_REGION_ID": REGION,
            "ENDPOINT": f"127.0.0.1:{cloud.port}",
            **more,
        }
        self.process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)

    def call(self, product: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        """Make a call; the bridge ending is an error."""
        assert self.process.stdin
        assert self.process.stdout
        given = dict(flatten(parameters)) if self.flat else parameters
        line = json.dumps({"Product": product, "Action": action, "Parameters": given})
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise ValueError("the bridge has ended")
        read = json.loads(answer)
        return Answer(read.get("members") or {}, read.get("error", ""))

"""An instance that GARM has asked for, and the engine's side of it. It boots while another test's does."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from goldrun.clock import SystemClock
from goldrun.github import connection as github
from goldrun.github.scope import Scope
from goldrun.runners import registrations
from goldrun.runners.registrations import Wanted
from local_cloud.addresses import GUESTS_HOST
from tests.background import serve_in_background
from tests.conformance.test_garm import POOL, PROVIDER, bootstrap

TOKEN = "planted-token-of-the-engine"
SCOPE = Scope("octo-org/garm")


class Controller:
    """The engine's side: its metadata service and its callbacks."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.reports: list[dict[str, Any]] = []
        controller = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                fine = self.headers["authorization"] == f"Bearer {TOKEN}"
                name = self.path.removeprefix("/metadata/credentials/")
                self._answer(200 if fine and name in files else 401, files.get(name, b"") if fine else b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers["authorization"] == f"Bearer {TOKEN}" and self.path == "/callbacks/status":
                    controller.reports.append(json.loads(body))
                self._answer(200)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        serve_in_background(self.server)


def create(folder: Path, env: Mapping[str, str]) -> tuple[Controller, str]:
    """The engine, and the instance that it gets from the provider."""
    client = github.connect(env, SystemClock())
    made = registrations.register(client, SCOPE, Wanted("garm-vm", ("garm-vm",)))
    download = registrations.find_download(client, SCOPE, "amd64")
    client.close()
    packed = json.loads(base64.b64decode(made.settings["JITCONFIG"]))
    controller = Controller({name.removeprefix("."): base64.b64decode(text) for name, text in packed.items()})
    here = f"http://{GUESTS_HOST}:{controller.server.server_port}"
    config = folder / "provider.toml"
    keys = {
        "region": env["ALIYUN_REGION_ID"],
        "security_group_id": env["ALIYUN_SECURITY_GROUP_ID"],
        "access_key_id": env["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        "access_key_secret": env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        "endpoint": env["GOLDRUN_ENDPOINT"],
        "instance_endpoint": env["GOLDRUN_INSTANCE_ENDPOINT"],
        "self_destruct_role": "self-destruct",
        "cache_folder": str(folder / "cache"),
    }
    config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in keys.items()))
    wanted = bootstrap("garm-vm", flavor="2c2g", image="acs:debian_13_x64")
    wanted |= {"callback-url": f"{here}/callbacks", "metadata-url": f"{here}/metadata", "instance-token": TOKEN}
    wanted["tools"][0] |= {"download_url": download.url, "sha256_checksum": download.sha256}
    wanted["extra_specs"] = {"job_timeout": "10m"}
    done = subprocess.run(
        [str(PROVIDER)],
        input=json.dumps(wanted),
        env={
            "GARM_COMMAND": "CreateInstance",
            "GARM_CONTROLLER_ID": "vm",
            "GARM_POOL_ID": POOL,
            "GARM_PROVIDER_CONFIG_FILE": str(config),
            "GARM_INTERFACE_VERSION": "v0.1.1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return controller, json.loads(done.stdout)["provider_id"]

"""Over real TLS: our own https, and the official credential chain's, through a proxy that leads to the local cloud."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldrun.clock import SystemClock
from goldrun.http import tls
from goldrun.http.endpoint import Endpoint
from goldrun.http.transport import HttpTransport
from local_cloud import seed
from local_cloud.access import AccessKey
from local_cloud.guard import Guard
from tests.certificates import certify
from tests.commands import run_goldrun
from tests.conftest import Running
from tests.simulation.test_identity import identity

HOSTS = ["sts.aliyuncs.com", "ecs.cn-hangzhou.aliyuncs.com"]
ROLE = "ci-role"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for the cloud's hosts, with its key, in one file."""
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    certify(file, names=HOSTS, addresses=["127.0.0.1"])
    return file


@pytest.fixture
def trusting(certificate: Path, tmp_path: Path) -> dict[str, str]:
    """An environment in which the SDK's own bundle of CAs is our certificate; it reads no variable for that."""
    folder = tmp_path / "trust"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import certifi\ncertifi.where = lambda: {str(certificate)!r}\n")
    return {"PYTHONPATH": str(folder)}


class Proxy:
    """An HTTP proxy: CONNECT leads, over TLS of its own, to the local cloud; plain requests to a metadata service."""

    def __init__(self, certificate: Path, target: int, metadata: dict[str, str]) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.target = target
        self.metadata = metadata
        self.asked: list[str] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            method, target = head.decode().split(" ")[:2]
            self.asked.append(f"{method} {target}")
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with self.context.wrap_socket(client, server_side=True) as secured:
                    self.relay(secured)
            else:
                body = self.metadata.get(target.removeprefix("http://100.100.100.200"), "").encode()
                status = b"200 OK" if body else b"404 Not Found"
                client.sendall(b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
                client.sendall(body)

    def relay(self, secured: ssl.SSLSocket) -> None:
        with socket.create_connection(("127.0.0.1", self.target)) as cloud:

            def back() -> None:
                with contextlib.suppress(OSError):
                    while piece := cloud.recv(65536):
                        secured.sendall(piece)

            threading.Thread(target=back, daemon=True).start()
            with contextlib.suppress(OSError):
                while piece := secured.recv(65536):
                    cloud.sendall(piece)


@pytest.fixture
def proxy(live: Running, certificate: Path) -> Iterator[Proxy]:
    keys = {"Code": "Success", "AccessKeyId": "STS.role", "AccessKeySecret": "sec", "SecurityToken": "tok",
            "Expiration": "2099-01-01T00:00:00Z", "LastUpdated": "2026-01-01T00:00:00Z"}  # fmt: skip
    live.cloud.store.put(
        AccessKey(id="STS.role", secret="sec", account=seed.ACCOUNT, role=ROLE, user="i-1", token="tok", expires=9e9)
    )
    folder = "/latest/meta-data/ram/security-credentials/"
    metadata = {"/latest/api/token": "t", folder: ROLE, folder + ROLE: json.dumps(keys)}
    # Behind the proxy, the local cloud stands where the real one does, and is called by its names.
    live.cloud._guard = Guard(*HOSTS)
    made = Proxy(certificate, live.port, metadata)
    yield made
    made.listening.close()


def look_up(live: Running, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in live.environment(HOME=str(home)).items() if "ACCESS_KEY" not in name}
    return run_goldrun(("image", "id", "fam-amd64-latest", "-q"), plain | env, home, code=None)


def oidc(token: Path) -> dict[str, str]:
    """What an OIDC role needs, as GitHub Actions would set it."""
    return {
        "ALIBABA_CLOUD_ROLE_ARN": f"acs:ram::{seed.ACCOUNT}:role/{ROLE}",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": f"acs:ram::{seed.ACCOUNT}:oidc-provider/github",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(token),
    }


KEYS = {"ALIYUN_ACCESS_KEY_ID": seed.KEY.id, "ALIYUN_ACCESS_KEY_SECRET": seed.KEY.secret}


def test_the_real_endpoint_over_tls_through_a_proxy(
    live: Running, proxy: Proxy, certificate: Path, tmp_path: Path
) -> None:
    wanted = live.image("fam-amd64-latest")
    found = look_up(live, tmp_path, GOLDRUN_ENDPOINT="", HTTPS_PROXY=proxy.url, SSL_CERT_FILE=str(certificate), **KEYS)
    assert (found.stdout, found.stderr) == (f"{wanted}\n", "")
    assert proxy.asked == ["CONNECT ecs.cn-hangzhou.aliyuncs.com:443"]


def test_a_tls_connection_is_kept_between_calls(live: Running, proxy: Proxy, certificate: Path, tmp_path: Path) -> None:
    wanted = live.image("fam-amd64-20260101000000", tags={"Latest": "true"})
    found = look_up(live, tmp_path, GOLDRUN_ENDPOINT="", HTTPS_PROXY=proxy.url, SSL_CERT_FILE=str(certificate), **KEYS)
    assert found.stdout == f"{wanted}\n", found.stderr
    assert live.cloud.gateway.calls["DescribeImages"] == 2
    assert len(proxy.asked) == 1


def test_a_certificate_that_is_not_trusted_ends_it(live: Running, proxy: Proxy, tmp_path: Path) -> None:
    found = look_up(live, tmp_path, GOLDRUN_ENDPOINT="", HTTPS_PROXY=proxy.url, **KEYS)
    assert found.returncode == 6
    assert "certificate that this machine does not trust" in found.stderr
    assert len(proxy.asked) <= 2, "once with the folder of certificates, once with all; trying again would not help"


def ask(proxy: Proxy) -> int:
    """Send any request to ECS, and return the answer's status."""
    transport, clock = HttpTransport({"HTTPS_PROXY": proxy.url}, SystemClock()), SystemClock()
    answer = transport.send(Endpoint("https", HOSTS[1], 443), "GET", "/", {"host": HOSTS[1]}, deadline=clock.now() + 30)
    transport.close()
    return answer.status


def forbid() -> ssl.SSLContext:
    pytest.fail("all certificates were read")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's folder of certificates, with one that is of no use."""
    kept = tmp_path / "certs"
    kept.mkdir()
    (kept / "00000000.0").write_text("")
    usual = ssl.get_default_verify_paths()
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: usual._replace(capath=str(kept)))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return kept


def test_the_folder_of_certificates_is_enough(
    proxy: Proxy, certificate: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "full_context", forbid)
    digest = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", certificate], capture_output=True, text=True, check=True
    )
    (folder / f"{digest.stdout.strip()}.0").symlink_to(certificate)
    assert ask(proxy) == 400
    assert len(proxy.asked) == 1


def test_what_the_folder_has_not_may_be_trusted(
    proxy: Proxy, certificate: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "full_context", lambda: ssl.create_default_context(cafile=certificate))
    assert ask(proxy) == 400
    assert len(proxy.asked) == 2


def test_a_folder_without_an_index_is_not_tried(folder: Path) -> None:
    (folder / "00000000.0").rename(folder / "ca-bundle.crt")
    assert tls.quick_context() is None
    (folder / "ca-bundle.crt").unlink()
    folder.rmdir()
    assert tls.quick_context() is None


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_who_names_certificates_means_them(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tls.quick_context()
    monkeypatch.setenv(name, str(folder / "mine"))
    assert tls.quick_context() is None


def test_an_oidc_role(live: Running, proxy: Proxy, trusting: dict[str, str], tmp_path: Path) -> None:
    wanted = live.image("fam-amd64-latest")
    (tmp_path / "token").write_text(identity(live))
    found = look_up(
        live,
        tmp_path,
        HTTPS_PROXY=proxy.url,
        **trusting,
        **oidc(tmp_path / "token"),
    )
    assert found.stdout == f"{wanted}\n", found.stderr
    assert proxy.asked == ["CONNECT sts.aliyuncs.com:443"]


def test_an_oidc_role_of_a_bad_token(live: Running, proxy: Proxy, trusting: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("planted-7oken")
    found = look_up(
        live,
        tmp_path,
        HTTPS_PROXY=proxy.url,
        **trusting,
        **oidc(tmp_path / "token"),
        ALIBABA_CLOUD_ECS_METADATA_DISABLED="true",
    )
    assert found.returncode == 3
    assert "AuthenticationFail.OIDCToken.Invalid" in found.stderr
    assert "planted-7oken" not in found.stderr


def test_the_role_of_the_instance(live: Running, proxy: Proxy, tmp_path: Path) -> None:
    wanted = live.image("fam-amd64-latest")
    found = look_up(live, tmp_path, HTTP_PROXY=proxy.url)
    assert found.stdout == f"{wanted}\n", found.stderr
    assert any(f"security-credentials/{ROLE}" in one for one in proxy.asked)


def test_a_token_is_not_printed_when_sts_is_unreachable(live: Running, proxy: Proxy, tmp_path: Path) -> None:
    """The official library's message quotes the whole request, the identity token in it, and logs it to stderr."""
    (tmp_path / "token").write_text("planted-7oken.a.b")
    found = look_up(
        live,
        tmp_path,
        HTTPS_PROXY=proxy.url,
        **oidc(tmp_path / "token"),
        ALIBABA_CLOUD_ECS_METADATA_DISABLED="true",
    )
    assert found.returncode == 3
    assert "planted-7oken" not in found.stderr
    assert "sts.aliyuncs.com" in found.stderr
    assert found.stderr.startswith("error: No credentials.")

"""``local up --tls``: real clients trust the certificate with what ``local env`` prints, and nothing else trusts it."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local_cloud import tls
from shell import Shell

PYTHON = (
    "import os, urllib.request; print(urllib.request.urlopen('https://' + os.environ['ALIBABA_CLOUD_ENDPOINT']).status)"
)
REQUESTS = "import os, requests; print(requests.get('https://' + os.environ['ALIBABA_CLOUD_ENDPOINT']).status_code)"
NODE = "require('https').get('https://' + process.env.ALIBABA_CLOUD_ENDPOINT, answer => console.log(answer.statusCode))"
CLIENTS = {
    "Python": [sys.executable, "-c", PYTHON],
    "requests": [sys.executable, "-c", REQUESTS],
    "Node.js": ["node", "-e", NODE],
    "curl": ["sh", "-c", 'curl -s -o /dev/null -w "%{http_code}" "https://$ALIBABA_CLOUD_ENDPOINT"'],
}
NAMES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


def test_clients_trust_it_with_the_variables_alone(shell: Shell) -> None:
    shell("local", "up", "--detach", "--tls", "--port", "0")
    printed = shell("local", "env").stdout
    found = dict(re.findall(r"^export (\w+)='?([^'\n]*)'?$", printed, re.MULTILINE))
    assert set(NAMES) <= found.keys()
    for name, command in CLIENTS.items():
        if shutil.which(command[0]) is None or (name == "curl" and shutil.which("curl") is None):
            continue
        trusting = subprocess.run(
            command, env={"PATH": os.environ["PATH"], **found}, capture_output=True, text=True, timeout=60, check=False
        )
        # The API's own refusal of a request without an action.
        assert re.search(r"\b40\d\b", trusting.stdout + trusting.stderr), (name, trusting)
        plain = {key: value for key, value in found.items() if key not in NAMES}
        doubting = subprocess.run(
            command, env={"PATH": os.environ["PATH"], **plain}, capture_output=True, text=True, timeout=60, check=False
        )
        assert not re.search(r"\b40\d\b", doubting.stdout), name


def test_variables_of_tls_are_removed_when_they_are_its_own(shell: Shell, tmp_path: Path) -> None:
    """--unset removed a user's certificates too; without --tls those of the server before stayed."""
    shell("local", "up", "--detach", "--tls", "--port", "0")
    shell.use()
    unset = [f"unset {name}" for name in (*NAMES, "GH_HOST", "GH_ENTERPRISE_TOKEN")]
    assert {*unset} <= {*shell("local", "env", "--unset").stdout.splitlines()}
    shell("local", "down")
    shell("local", "up", "--detach", "--port", "0")
    assert {*unset} <= {*shell("local", "env").stdout.splitlines()}
    shell.env |= dict.fromkeys(NAMES, str(tmp_path / "mine.pem")) | {"GH_HOST": "git.example.com"}
    for words in (("local", "env"), ("local", "env", "--unset")):
        printed = shell(*words).stdout.splitlines()
        assert {*printed} & {*unset} == {"unset GH_ENTERPRISE_TOKEN"}


def test_http_answers_beside_it_and_a_second_start_keeps_the_authority(shell: Shell, tmp_path: Path) -> None:
    shell("local", "up", "--detach", "--tls", "--port", "0")
    shell("local", "status")
    (authority,) = tmp_path.rglob("authority.pem")
    before = authority.read_bytes()
    shell("local", "down")
    shell("local", "up", "--detach", "--port", "0")
    assert "does not answer https" in shell("local", "up", "--detach", "--tls", "--port", "0", code=2).stderr
    assert "SSL_CERT_FILE" not in shell("local", "env").stdout
    shell("local", "down")
    shell("local", "up", "--detach", "--tls", "--port", "0")
    assert authority.read_bytes() == before


def test_a_server_that_was_started_before_there_was_tls_is_found(shell: Shell, tmp_path: Path) -> None:
    shell("local", "up", "--detach", "--port", "0")
    note = tmp_path / "cloud.db.run.json"
    old = json.loads(note.read_text())
    del old["https_port"]
    note.write_text(json.dumps(old))
    assert shell.status()["url"].startswith("http://")


def test_its_files_are_the_users_alone(tmp_path: Path) -> None:
    files = tls.prepare(tmp_path / "data", 1_800_000_000.0)
    for path in files.authority.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(files.authority.parent.stat().st_mode) == 0o700


def test_an_authority_whose_end_is_near_is_replaced(tmp_path: Path) -> None:
    first = tls.prepare(tmp_path / "data", 1_800_000_000.0).authority.read_bytes()
    assert tls.prepare(tmp_path / "data", 1_800_000_000.0 + 86400).authority.read_bytes() == first
    late = 1_800_000_000.0 + (tls.AUTHORITY_DAYS - 1) * 86400
    assert tls.prepare(tmp_path / "data", late).authority.read_bytes() != first


def test_the_authority_certifies_this_computers_names_alone(tmp_path: Path) -> None:
    """A certificate for another host, signed with its key, is not accepted by a client that trusts the authority."""
    files = tls.prepare(tmp_path / "data", 1_700_000_000.0)
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    signer = serialization.load_pem_private_key(files.authority.with_suffix(".key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(authority.not_valid_before_utc)
        .not_valid_after(authority.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("example.com")]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    (tmp_path / "forged.pem").write_bytes(forged.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "forged.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "forged.pem", tmp_path / "forged.key")
    client = ssl.create_default_context(cafile=str(files.authority))
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        _handshake(client, server, "example.com")


def _handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)]
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue

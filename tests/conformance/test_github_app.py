"""A GitHub App instead of a token: goldrun against the local GitHub, over real HTTP."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from goldrun.errors import CredentialsError, UsageError
from goldrun.github import app as goldruns
from goldrun.github import connection
from goldrun.github.app import AppTokens, read_app
from goldrun.github.client import GitHub, GitHubError
from goldrun.github.runners import list_registrations
from goldrun.github.scope import Scope
from local_cloud.github import apps
from local_cloud.github.api import API
from local_cloud.github.records import GitHubApp, GitHubInstallationToken
from local_cloud.github.router import PREFIX
from tests.conftest import Running

SCOPE = Scope("octo-org/octo-repo")
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
OTHER = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


@pytest.fixture
def app(frozen: Running) -> GitHubApp:
    return apps.register(frozen.cloud.store, PUBLIC)


def github(running: Running, tokens: AppTokens) -> GitHub:
    client = running.client()
    server = f"{running.url}{PREFIX}"
    return GitHub(
        url=server + API, server=server, token=tokens, transport=client._transport, clock=client.clock.machine
    )


def issued(running: Running) -> list[GitHubInstallationToken]:
    return list(running.cloud.store.all(GitHubInstallationToken))


@pytest.mark.parametrize("by", ["id", "number"])
def test_an_app_gets_tokens_and_uses_them(frozen: Running, app: GitHubApp, by: str) -> None:
    there = github(frozen, AppTokens(str(getattr(app, by)), PEM))
    assert list_registrations(there, SCOPE) == []
    assert list_registrations(there, SCOPE) == []
    assert len(issued(frozen)) == 1, "a token is used again"


def test_a_token_is_renewed_before_it_ends(frozen: Running, app: GitHubApp) -> None:
    there = github(frozen, AppTokens(app.id, PEM))
    for _ in range(5):
        assert list_registrations(there, SCOPE) == []
        frozen.wall.value += 30 * 60
    assert len(issued(frozen)) == 3


def test_a_token_that_was_revoked_is_replaced(frozen: Running, app: GitHubApp) -> None:
    there = github(frozen, AppTokens(app.id, PEM, str(app.installation)))
    assert list_registrations(there, SCOPE) == []
    frozen.cloud.store.remove(*issued(frozen))
    assert list_registrations(there, SCOPE) == []


def test_a_wrong_key_an_unknown_app_and_another_installation_are_refused(frozen: Running, app: GitHubApp) -> None:
    for tokens, status in (
        (AppTokens(app.id, OTHER), 401),
        (AppTokens("Iv23nobody", PEM), 404),
        (AppTokens(app.id, PEM, "99"), 404),
    ):
        with pytest.raises(GitHubError) as error:
            list_registrations(github(frozen, tokens), SCOPE)
        assert error.value.status == status
        assert "PRIVATE KEY" not in str(error.value) + repr(tokens)
    assert issued(frozen) == []


@pytest.mark.parametrize("key", ["", "no key", PUBLIC.decode()])
def test_what_is_not_a_private_key_is_told(frozen: Running, app: GitHubApp, key: str) -> None:
    with pytest.raises(CredentialsError, match="private key cannot be used"):
        list_registrations(github(frozen, AppTokens(app.id, key)), SCOPE)


def test_several_installations_have_to_be_told_apart(
    frozen: Running, app: GitHubApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = [{"id": number, "account": {"login": name}} for number, name in ((1, "octo-org"), (2, "other"))]
    for found, words in ((two, "has 2 installations: 1 \\(octo-org\\), 2 \\(other\\)"), ([], "is not installed")):
        monkeypatch.setattr(apps, "installations", lambda *_, found=found: found)
        with pytest.raises(UsageError, match=words):
            list_registrations(github(frozen, AppTokens(app.id, PEM)), SCOPE)


def statement(app: GitHubApp, now: float, **changed: Any) -> str:
    claims = {"iat": int(now) - 60, "exp": int(now) + 540, "iss": app.id, **changed}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, PEM, algorithm="RS256")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"exp": 1_795_000_700}, "too far in the future"),
        ({"exp": 1_795_000_000}, "'Issued at' claim"),
        ({"iat": 1_795_000_100}, "'Issued at' claim"),
        ({"exp": None}, "must be a numeric value"),
        ({"iat": None}, "'Issued at' claim"),
        ({"iss": "nobody"}, "Integration not found"),
    ],
)
def test_the_local_github_refuses_what_github_refuses(
    frozen: Running, app: GitHubApp, changed: dict[str, Any], words: str
) -> None:
    there = github(frozen, AppTokens(app.id, PEM))
    headers = {"authorization": f"Bearer {statement(app, frozen.wall.value, **changed)}"}
    with pytest.raises(GitHubError) as error:
        there.exchange("GET", f"{there.url}/app/installations", headers=headers)
    assert words in error.value.message


def test_a_statement_without_a_signature_is_refused(frozen: Running, app: GitHubApp) -> None:
    there = github(frozen, AppTokens(app.id, PEM))
    parts = statement(app, frozen.wall.value).split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    for text in (f"{head}.{parts[1]}.", f"{parts[0]}.{parts[1]}.{'A' * 342}", "a.b.c", "token", ""):
        with pytest.raises(GitHubError) as error:
            there.exchange("GET", f"{there.url}/app/installations", headers={"authorization": f"Bearer {text}"})
        assert error.value.status in (401, 404)
    with pytest.raises(GitHubError) as error:  # and it is no token
        there.exchange(
            "GET", f"{there.url}{SCOPE.path}/actions/runners", headers={"authorization": f"Bearer {'.'.join(parts)}"}
        )
    assert error.value.status == 401


def test_only_rsa_keys_are_registered(frozen: Running) -> None:
    made = ed25519.Ed25519PrivateKey.generate()
    for pem in (b"", b"text", made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())):
        with pytest.raises(ValueError, match="the key is not"):
            apps.register(frozen.cloud.store, pem)
    apps.register(frozen.cloud.store, PEM.encode())
    (kept,) = frozen.cloud.store.all(GitHubApp)
    assert int(kept.modulus, 16) == KEY.public_key().public_numbers().n


def test_the_environment_names_the_app(tmp_path: Path, frozen: Running, app: GitHubApp) -> None:
    file = tmp_path / "app.pem"
    file.write_text(PEM)
    server = f"{frozen.url}{PREFIX}"
    env = {"GOLDRUN_GITHUB_APP_ID": app.id, "GITHUB_API_URL": server + API, "GITHUB_SERVER_URL": server}
    for more in ({"GOLDRUN_GITHUB_APP_KEY_FILE": str(file)}, {"GOLDRUN_GITHUB_APP_KEY": PEM.replace("\n", "\\n")}):
        # Before a token, which may be the job's own.
        there = connection.connect({**env, **more, "GITHUB_TOKEN": "another"}, frozen.client().clock.machine)
        assert list_registrations(there, SCOPE) == []
        there.close()


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({}, "but not the App's private key"),
        ({"GOLDRUN_GITHUB_APP_KEY_FILE": "/nowhere.pem"}, "'/nowhere.pem' cannot be read"),
    ],
)
def test_what_is_missing_is_told_first(env: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_app({"GOLDRUN_GITHUB_APP_ID": "Iv23", **env})
    assert read_app({}) is None


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(UsageError) as error:
        goldruns.read_app({"GOLDRUN_GITHUB_APP_ID": "Iv23", "GOLDRUN_GITHUB_APP_KEY": PEM})
    assert error.value.fix[0].endswith("[github-app]'")

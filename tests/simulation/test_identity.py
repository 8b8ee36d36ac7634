"""Keys by a job's identity: whom STS believes, and whom a role trusts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from goldrun.errors import UsageError
from goldrun.github.client import GitHub, GitHubError
from goldrun.github.scope import repository_scope
from goldrun.policies import trust_policy
from goldrun.runners.subjects import find_subjects, issuer_of
from local_cloud import jwt, seed, tokens
from local_cloud.access import TrustPolicy
from local_cloud.github.api import API, JOB_TOKEN, TOKEN
from local_cloud.github.identity import ISSUER
from local_cloud.github.payloads import number_of
from local_cloud.github.router import PREFIX
from local_cloud.trust import Document, trusts
from tests.commands import Goldrun
from tests.conftest import Running
from tests.simulation.played import open_github

PROVIDER = f"acs:ram::{seed.ACCOUNT}:oidc-provider/github"
REPO = "octo-org/octo-repo"
CODE = "AuthenticationFail."


def identity(running: Running, **asked: str) -> str:
    """A job's identity token, as GitHub gives it."""
    query = urlencode({"repository": REPO, "audience": "sts.aliyuncs.com", **asked})
    request = urllib.request.Request(f"{running.url}{PREFIX}{ISSUER}/request?{query}")
    request.add_header("authorization", f"Bearer {JOB_TOKEN}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.load(answer)["value"])


def assume(running: Running, token: str, *, role: str = "ci", provider: str = PROVIDER) -> tuple[int, str]:
    """The status, and the code of a refusal."""
    params = {
        "Action": "AssumeRoleWithOIDC",
        "Version": "2015-04-01",
        "Format": "JSON",
        "RoleArn": f"acs:ram::{seed.ACCOUNT}:role/{role}",
        "OIDCProviderArn": provider,
        "OIDCToken": token,
        "RoleSessionName": "job",
        "SignatureNonce": hashlib.sha256(f"{token}{role}{provider}".encode()).hexdigest(),
        "Timestamp": "2026-11-18T00:00:00Z",
    }
    try:
        with urllib.request.urlopen(running.url, urlencode(params).encode(), timeout=20) as answer:
            assert json.load(answer)["Credentials"]["AccessKeyId"]
            return 200, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, str(json.load(error)["Code"])


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    header, claims, signature = (base64.urlsafe_b64decode(one + "=" * (-len(one) % 4)) for one in token.split("."))
    return json.loads(header), json.loads(claims), signature


def packed(header: Any, claims: Any, signature: bytes = b"") -> str:
    pieces = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in pieces)


def test_a_jobs_token_becomes_a_key(frozen: Running) -> None:
    assert assume(frozen, identity(frozen)) == (200, "")


@pytest.mark.parametrize("case", ["claims", "signature", "none", "hmac", "another key", "empty"])
def test_a_token_that_github_did_not_sign_is_refused(frozen: Running, case: str) -> None:
    """Whatever had two points in it was taken for genuine."""
    good = identity(frozen)
    header, claims, signature = parts(good)
    forged = packed(header, {**claims, "sub": "repo:octo-org/other:ref:refs/heads/main"}, signature)
    if case == "signature":
        forged = packed(header, claims, bytes([signature[0] ^ 1]) + signature[1:])
    elif case == "none":
        forged = packed({**header, "alg": "none"}, claims)
    elif case == "hmac":
        secret = json.dumps(tokens.jwks(frozen.cloud.store, claims["iss"])["keys"][0]).encode()
        body = packed({**header, "alg": "HS256"}, claims).rpartition(".")[0]
        mac = base64.urlsafe_b64encode(hmac.new(secret, body.encode(), "sha256").digest()).rstrip(b"=").decode()
        forged = f"{body}.{mac}"
    elif case == "another key":
        key = rsa.generate_private_key(65537, 2048)
        body = packed(header, claims).rpartition(".")[0]
        forged = packed(header, claims, key.sign(body.encode(), padding.PKCS1v15(), SHA256()))
    elif case == "empty":
        forged = packed(header, claims)
    code = "OIDCToken.Invalid" if case in ("none", "hmac") else "OIDCToken.InvalidSignature"
    assert assume(frozen, forged) == (401, CODE + code)
    assert assume(frozen, good) == (200, "")


@pytest.mark.parametrize(
    "token", ["a.b", "a.b.c.d", "header.claims.signature", "e30.e30.", "W10.W10.", "Ä.Ä.Ä", "x" * 30000]
)
def test_an_invalid_token_is_refused(frozen: Running, token: str) -> None:
    status, code = assume(frozen, token)
    assert (status, code) == (401, f"{CODE}OIDCToken.Invalid")


def test_a_deeply_nested_token_is_refused(frozen: Running) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 6000).decode().rstrip("=")
    assert assume(frozen, f"{deep}.{deep}.x") == (401, f"{CODE}OIDCToken.Invalid")


def test_a_token_ends(frozen: Running) -> None:
    token = identity(frozen)
    frozen.cloud.clock.advance(299)
    assert assume(frozen, token) == (200, "")
    frozen.cloud.clock.advance(1)
    assert assume(frozen, token) == (401, f"{CODE}OIDCToken.Expired")


def test_a_token_for_another_audience_is_refused(frozen: Running) -> None:
    for audience in ("https://github.com/octo-org", "sts.amazonaws.com", ""):
        assert assume(frozen, identity(frozen, audience=audience)) == (401, f"{CODE}OIDCToken.AudienceNotMatch")


def test_another_issuers_token_is_refused(frozen: Running) -> None:
    header, claims, _ = parts(identity(frozen))
    key = rsa.generate_private_key(65537, 2048)
    claims["iss"] = "https://token.evil.example"
    body = packed(header, claims).rpartition(".")[0]
    token = packed(header, claims, key.sign(body.encode(), padding.PKCS1v15(), SHA256()))
    assert assume(frozen, token) == (401, f"{CODE}OIDCToken.IssuerNotMatch")


def test_a_foreign_provider_is_not_registered(frozen: Running) -> None:
    foreign = f"acs:ram::{seed.OTHER_ACCOUNT}:oidc-provider/github"
    assert assume(frozen, identity(frozen), provider=foreign) == (401, f"{CODE}NoPermission")


def test_github_issues_tokens_only_to_jobs(frozen: Running) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        urllib.request.urlopen(f"{frozen.url}{PREFIX}{ISSUER}/request", timeout=20)
    caught.value.close()


def test_the_issuer_publishes_its_key(frozen: Running) -> None:
    """A library of cryptography verifies with it, and what such a library signs is taken: both ways the same RS256."""
    token = identity(frozen)
    with urllib.request.urlopen(f"{frozen.url}{PREFIX}{ISSUER}/.well-known/openid-configuration", timeout=20) as answer:
        about = json.load(answer)
    assert about["issuer"] == parts(token)[1]["iss"] == issuer_of(f"{frozen.url}{PREFIX}")
    with urllib.request.urlopen(about["jwks_uri"], timeout=20) as answer:
        (key,) = json.load(answer)["keys"]
    number = {name: int.from_bytes(base64.urlsafe_b64decode(key[name] + "=="), "big") for name in ("n", "e")}
    public = rsa.RSAPublicNumbers(number["e"], number["n"]).public_key()
    body, _, _ = token.rpartition(".")
    public.verify(parts(token)[2], body.encode(), padding.PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(parts(token)[2], b"else", padding.PKCS1v15(), SHA256())
    theirs = rsa.generate_private_key(65537, 2048)
    signature = theirs.sign(b"data", padding.PKCS1v15(), SHA256())
    beyond = int.from_bytes(signature, "big") + theirs.public_key().public_numbers().n
    for signed, given, valid in (
        (b"data", signature, True),
        (b"Data", signature, False),
        (b"data", b"\0" + signature, False),
        (b"data", beyond.to_bytes(257, "big"), False),
    ):
        assert jwt.Token({"alg": "RS256"}, {}, signed, given).is_signed_by(theirs.public_key()) is valid


def test_an_issuers_key_is_read_from_its_two_numbers(frozen: Running) -> None:
    """A data file has its modulus and its private exponent, as it had before the library signed."""
    store = frozen.cloud.store
    key = tokens.signing_key(store, "https://issuer.example")
    tokens._private_key.cache_clear()
    again = tokens.signing_key(store, "https://issuer.example")
    assert again is not key
    assert again.private_numbers() == key.private_numbers()


@pytest.fixture
def github(frozen: Running) -> GitHub:
    return open_github(frozen.url, frozen.client())


def trust(running: Running, github: GitHub, **which: str) -> None:
    """Let the role trust what `goldrun policy --trust` prints."""
    subjects = find_subjects(github, repository_scope(REPO), **which)
    issuer = issuer_of(github.server)
    document = trust_policy(PROVIDER, issuer=issuer, audience="sts.aliyuncs.com", subjects=subjects)
    running.cloud.store.put(TrustPolicy(id="ci", document=document))


NOBODY = (401, f"{CODE}NoPermission")


@pytest.mark.parametrize("form", ["new", "old"])
def test_a_role_trusts_one_branch_of_one_repository_in_both_forms(frozen: Running, github: GitHub, form: str) -> None:
    trust(frozen, github)
    assert assume(frozen, identity(frozen, subject=form)) == (200, "")
    for other in (
        {"ref": "refs/heads/feature"},
        {"ref": "refs/heads/main2"},
        {"ref": "refs/tags/main"},
        {"environment": "production"},
        {"repository": "octo-org/other"},
        {"repository": "octo-org/octo-repo-evil"},
        {"repository": "evil/octo-repo"},
        {"repository": "Octo-Org/octo-repo"},
    ):
        assert assume(frozen, identity(frozen, subject=form, **other)) == NOBODY, other


def test_a_reused_repository_name_has_other_ids(frozen: Running, github: GitHub) -> None:
    subjects = find_subjects(github, repository_scope(REPO))
    owner, repository = number_of("octo-org"), number_of(REPO)
    assert subjects == [
        "repo:octo-org/octo-repo:ref:refs/heads/main",
        f"repo:octo-org@{owner}/octo-repo@{repository}:ref:refs/heads/main",
    ]
    for wrong in (
        f"repo:octo-org@{owner}/octo-repo@{repository + 1}",
        f"repo:octo-org@{owner + 1}/octo-repo@{repository}",
    ):
        assert f"{wrong}:ref:refs/heads/main" not in subjects


@pytest.mark.parametrize(
    ("which", "asked"),
    [
        ({"environment": "production"}, {"environment": "production"}),
        ({"ref": "refs/heads/release/1"}, {"ref": "refs/heads/release/1"}),
        ({"ref": "refs/tags/v1"}, {"ref": "refs/tags/v1"}),
    ],
)
def test_an_environment_or_a_ref(frozen: Running, github: GitHub, which: dict[str, str], asked: dict[str, str]) -> None:
    trust(frozen, github, **which)
    assert assume(frozen, identity(frozen, **asked)) == (200, "")
    assert assume(frozen, identity(frozen)) == NOBODY


def test_another_role_or_provider_is_refused(frozen: Running, github: GitHub) -> None:
    trust(frozen, github)
    other = f"acs:ram::{seed.ACCOUNT}:oidc-provider/other"
    assert assume(frozen, identity(frozen), provider=other) == NOBODY
    assert assume(frozen, identity(frozen, repository="evil/evil"), role="open") == (200, "")


@pytest.mark.parametrize(
    "which",
    [
        {"environment": "a", "ref": "refs/heads/main"},
        {"environment": "*"},
        {"ref": "refs/heads/*"},
        {"ref": "refs/heads/?"},
        {"ref": "main"},
        {"ref": "refs/pull/1/merge"},
        {"environment": "a\nb"},
    ],
)
def test_nothing_wider_than_80_columns_is_printed(frozen: Running, github: GitHub, which: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        find_subjects(github, repository_scope(REPO), **which)


def test_a_colon_in_an_environment_name_is_not_a_separator(github: GitHub) -> None:
    for subject in find_subjects(github, repository_scope(REPO), environment="a:ref:refs/heads/main"):
        assert subject.endswith(":environment:a%3Aref%3Arefs/heads/main")


def test_a_repository_that_github_does_not_show_has_no_policy(frozen: Running, github: GitHub) -> None:
    frozen.fault("error", "github:get-repository", times=None, status=404)
    with pytest.raises(GitHubError):
        find_subjects(github, repository_scope(REPO))


def test_the_issuer_of_a_server() -> None:
    assert issuer_of("https://github.com") == "https://token.actions.githubusercontent.com"
    assert issuer_of("https://git.example.com") == "https://git.example.com/_services/token"


CLAIMS = {"iss": "https://i", "aud": "sts.aliyuncs.com", "sub": "repo:o/r:ref:refs/heads/main"}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({}, True),
        ({"StringEquals": {"oidc:iss": "https://i"}}, True),
        ({"StringEquals": {"oidc:iss": "https://j"}}, False),
        ({"StringEquals": {"oidc:iss": "https://i", "oidc:aud": "other"}}, False),
        ({"StringEquals": {"oidc:sub": ["x", "repo:o/r:ref:refs/heads/main"]}}, True),
        ({"StringEquals": {"oidc:sub": "repo:o/r:*"}}, False),
        ({"StringLike": {"oidc:sub": "repo:o/r:*"}}, True),
        ({"StringLike": {"oidc:sub": "repo:o/r?:*"}}, False),
        ({"StringLike": {"oidc:sub": "repo:o/[r]:*"}}, False),
        ({"StringLike": {"oidc:sub": "repo:O/r:*"}}, False),
        ({"StringEquals": {"oidc:iss": "https://j"}, "StringLike": {"oidc:sub": "*"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": PROVIDER}}
    document: dict[str, Any] = {"Version": "1", "Statement": [{**statement, "Condition": condition}]}
    assert trusts(msgspec.convert(document, Document), PROVIDER, CLAIMS) is holds
    denied = {**document, "Statement": [statement, {**document["Statement"][0], "Effect": "Deny"}]}
    assert trusts(msgspec.convert(denied, Document), PROVIDER, CLAIMS) is not holds
    assert not trusts(msgspec.convert(document, Document), PROVIDER + "2", CLAIMS)


def test_from_the_command_line(live: Running, tmp_path: Path) -> None:
    """As the guide says it: print the policy, give it to the role, and nobody else gets a key."""
    url = f"{live.url}{PREFIX}"
    env = live.environment(HOME=str(tmp_path), GITHUB_API_URL=url + API, GITHUB_SERVER_URL=url, GH_TOKEN=TOKEN)
    goldrun = Goldrun(env, tmp_path)
    printed = goldrun("policy", "--trust", "--repo", REPO, "--account", seed.ACCOUNT).stdout
    (statement,) = json.loads(printed)["Statement"]
    assert statement["Principal"] == {"Federated": [PROVIDER]}
    assert set(statement["Condition"]) == {"StringEquals"}
    assert statement["Condition"]["StringEquals"]["oidc:aud"] == ["sts.aliyuncs.com"]
    assert "*" not in printed
    live.cloud.store.put(TrustPolicy(id="ci", document=json.loads(printed)))
    assert assume(live, identity(live)) == (200, "")
    assert assume(live, identity(live, ref="refs/heads/x")) == NOBODY
    env["GITHUB_REPOSITORY"] = REPO
    env["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"] = "acs:ram::1:oidc-provider/mine"
    assert "acs:ram::1:oidc-provider/mine" in goldrun("policy", "--trust", "--environment", "p").stdout
    assert "acs:ram::7:oidc-provider/x" in goldrun("policy", "--trust", "--account", "7", "--provider", "x").stdout
    del env["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"]
    assert "--account UID" in goldrun("policy", "--trust", code=2).stderr
    assert "need --trust" in goldrun("policy", "--ref", "refs/heads/main", code=2).stderr
    assert "is not a repository" in goldrun("policy", "--trust", "--repo", "x", "--account", "7", code=2).stderr

"""Setups: created, run again, killed at every call, changed, destroyed. Nothing is left, and nothing is there twice."""

from __future__ import annotations

import contextlib
import html
import http.client
import itertools
import re
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import hcl2
import pytest
from msgspec import structs

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import AccessDeniedError
from goldrun.cloud.tags import SETUP, Tags
from goldrun.cloud.vpcs import Vpc, describe_vpcs
from goldrun.errors import GoldrunError, RefusedError, UnavailableError
from goldrun.github.app import AppTokens
from goldrun.github.branches import write_file
from goldrun.github.client import GitHub
from goldrun.github.scope import repository_scope
from goldrun.github.variables import create_variable, list_variables
from goldrun.runners.subjects import find_subjects, issuer_of
from goldrun.setup.app_keys import Keys
from goldrun.setup.app_maker import AppMaker
from goldrun.setup.export import ros, terraform
from goldrun.setup.kinds import Choices, Site
from goldrun.setup.network import DEFAULT_CIDR, block_of, check_cidr
from goldrun.setup.plan import apply, describe, make_plan
from goldrun.setup.proposals import templates
from goldrun.setup.variables import outputs
from goldrun.setup.zones import find_zones
from local_cloud import seed
from local_cloud.access import Denial
from local_cloud.faults import FaultRule
from local_cloud.github.contents import head_of, move
from local_cloud.github.records import (
    GitHubApp,
    GitHubBranch,
    GitHubCommit,
    GitHubManifestCode,
    GitHubPull,
    GitHubSecret,
    GitHubVariable,
)
from local_cloud.records import Eip, Instance, NatGateway, Network, SecurityGroup, SnatEntry, VSwitch
from local_cloud.records.identities import OidcProvider, PolicyAttachment, RamPolicy, RamRole
from tests.conftest import REGION, Running
from tests.simulation.dying import Crash, dying
from tests.simulation.played import open_github, play
from tests.simulation.watching import meanwhile

REPO = "octo-org/octo-repo"
ZONES = ("cn-hangzhou-j", "cn-hangzhou-k")
EVERYTHING = (
    *(Network, VSwitch, SecurityGroup, NatGateway, Eip, SnatEntry),
    *(OidcProvider, RamPolicy, RamRole, PolicyAttachment, GitHubVariable),
)


def site_of(frozen: Running, client: EcsClient | None = None, **more: Any) -> Site:
    client = client or frozen.client()
    github = open_github(frozen.url, client)
    choices = Choices(
        zones=ZONES,
        nat=True,
        jobs=("lookup", "runner", "sweep"),
        subjects=tuple(find_subjects(github, repository_scope(REPO))),
        issuer=issuer_of(github.server),
        audience="sts.aliyuncs.com",
        repositories=(REPO,),
    )
    return Site(client, replace(choices, **more), github)


def github_of(site: Site) -> GitHub:
    assert site.github
    return site.github


def run(site: Site) -> list[str]:
    """Plan and apply; return the plan in words."""
    steps = make_plan(site)
    apply(site, steps, lambda _: None)
    return [line for step in steps for line in describe(step)]


def census(frozen: Running) -> dict[str, Counter[str]]:
    """What there is, by kind, without ids."""
    found: dict[str, Counter[str]] = {}
    for kind in EVERYTHING:
        records = frozen.cloud.store.all(kind)
        names = (getattr(one, "name", "") or getattr(one, "zone", "") or one.id[:4] for one in records)
        found[kind.__name__] = Counter(names)
    return found


@pytest.fixture
def account(frozen: Running) -> Running:
    play(frozen)
    return frozen


def test_everything_is_made_and_a_second_run_changes_nothing(account: Running) -> None:
    site = site_of(account)
    lines = run(site)
    assert "+ VPC goldrun" in lines
    assert any("ecs:RunInstances" in line for line in lines)
    made = census(account)
    assert made["VSwitch"]["goldrun-cn-hangzhou-k"] == 1
    assert sum(made["SnatEntry"].values()) == len(ZONES)
    assert made["RamRole"] == {"goldrun-workflows": 1, "goldrun-self-destruct": 1}
    variables = list_variables(github_of(site), repository_scope(REPO))
    assert variables == outputs(site)
    assert variables["ALIYUN_VPC_ID"].startswith("vpc-")
    assert variables["ALIBABA_CLOUD_ROLE_ARN"] == f"acs:ram::{seed.ACCOUNT}:role/goldrun-workflows"
    assert variables["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"] == f"acs:ram::{seed.ACCOUNT}:oidc-provider/goldrun"
    assert make_plan(site_of(account)) == []
    assert census(account) == made


def test_what_is_made_works(account: Running) -> None:
    """A workflow's job gets a key for the role, and may do what the policy says and nothing else."""
    site = site_of(account)
    run(site)
    role = next(role for role in account.cloud.store.all(RamRole) if role.name == "goldrun-workflows")
    assert f"repo:{REPO}:ref:refs/heads/main" in role.trust
    group = site.id_of("security group", "goldrun")
    assert next(one for one in account.cloud.store.all(SecurityGroup) if one.id == group).rules == ()


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_every_call_and_run_again(account: Running, after: bool) -> None:
    before = census(account)
    first = site_of(account)
    start = first.client.calls + github_of(first).calls
    run(first)
    calls = first.client.calls + github_of(first).calls - start
    whole = census(account)
    run(site_of(account, gone=True))
    assert census(account) == before
    for at in range(1, calls + 1, 1 if after else 3):
        client = account.client()
        site = site_of(account, client)
        dying(client, at, after=after)
        with contextlib.suppress(Crash, GoldrunError):
            run(site)
        account.wall.value += 30
        run(site_of(account))
        assert census(account) == whole, at
        assert make_plan(site_of(account)) == []
        run(site_of(account, gone=True))
        assert census(account) == before, at


def test_destroyed_to_the_end_however_often_it_is_killed(account: Running) -> None:
    before = census(account)
    at = 1
    while True:
        run(site_of(account))
        client = account.client()
        site = site_of(account, client, gone=True)
        killer = dying(client, at, after=True)
        with contextlib.suppress(Crash, GoldrunError):
            run(site)
        finished = killer.sent < at
        run(site_of(account, gone=True))
        assert census(account) == before, at
        if finished:
            break
        at += 4


def test_what_another_region_uses_too_is_kept(account: Running) -> None:
    """Roles, policies and the identity provider are the account's: instances there delete themselves with them."""
    before = census(account)
    run(site_of(account))
    other = account.client(region="cn-shanghai")
    run(site_of(account, other, zones=find_zones(other, {})[:1]))
    whole = census(account)
    site = site_of(account, gone=True)
    assert not [line for line in run(site) if "role" in line or "policy" in line or "provider" in line]
    assert site.kept_for == {"cn-shanghai": ""}
    left = census(account)
    assert [left[kind] for kind in ("OidcProvider", "RamPolicy", "RamRole")] == [
        whole[kind] for kind in ("OidcProvider", "RamPolicy", "RamRole")
    ]
    run(site_of(account, other, gone=True))
    assert census(account) == before


def test_what_a_region_may_use_that_cannot_be_asked_is_kept(account: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    run(site_of(account))

    def fail(client: EcsClient, tags: Tags) -> list[Vpc]:
        if client.region == "cn-shanghai":
            raise UnavailableError("DescribeVpcs failed.")
        return describe_vpcs(client, tags)

    monkeypatch.setattr("goldrun.setup.elsewhere.describe_vpcs", fail)
    site = site_of(account, gone=True)
    run(site)
    assert site.kept_for == {"cn-shanghai": "DescribeVpcs failed."}
    assert census(account)["RamRole"]["goldrun-self-destruct"] == 1


def test_destroyed_by_two_at_once(account: Running) -> None:
    """Each finds that the other one was faster: what is gone is gone."""
    before = census(account)
    for at in itertools.count(1, 6):
        run(site_of(account))
        client = account.client()
        site = site_of(account, client, gone=True)
        reached = meanwhile(client, at, lambda: run(site_of(account, gone=True)))
        run(site)
        assert census(account) == before, at
        if not reached():
            break
    assert at > 30


def test_what_was_made_twice_is_there_once_in_the_end(account: Running) -> None:
    """Reads lag: a run that was killed right after a creation, and repeated at once, may not see it."""
    site = site_of(account)
    run(site)
    whole = census(account)
    for kind in (Network, SecurityGroup, Eip):
        mine = next(one for one in account.cloud.store.all(kind) if SETUP.matches(one.tags, "goldrun"))
        more = {"bound_to": "", "ip": "203.0.113.99"} if isinstance(mine, Eip) else {}
        account.cloud.store.put(structs.replace(mine, id=f"{mine.id}z", **more))
    lines = run(site_of(account))
    assert [line[:6] for line in lines].count("- VPC ") == 1
    assert census(account) == whole
    assert make_plan(site_of(account)) == []


def test_other_choices_change_what_they_name_alone(account: Running) -> None:
    run(site_of(account))
    lines = run(site_of(account, jobs=("lookup",)))
    assert lines[0] == "~ policy goldrun-workflows"
    assert "    - document: ecs:RunInstances" in lines
    assert not any(line.startswith(("+", "~")) for line in lines[1:])
    lines = run(site_of(account, jobs=("lookup",), subjects=("repo:octo-org/other:ref:refs/heads/main",)))
    assert lines == [
        "~ role goldrun-workflows",
        f"    - trust: repo:{REPO}:ref:refs/heads/main",
        *[line for line in lines if line.startswith("    - trust: repo:octo-org@")],
        "    + trust: repo:octo-org/other:ref:refs/heads/main",
    ]
    lines = run(site_of(account, jobs=("lookup",), subjects=("repo:octo-org/other:ref:refs/heads/main",), nat=False))
    assert [line.split(" (")[0].removesuffix("-j").removesuffix("-k") for line in lines] == [
        "- SNAT entry cn-hangzhou",
        "- SNAT entry cn-hangzhou",
        "- public address goldrun",
        "- NAT gateway goldrun",
    ]


def test_what_cannot_be_changed_is_said_before_anything_is(account: Running) -> None:
    run(site_of(account))
    whole = census(account)
    with pytest.raises(RefusedError, match=f"exists with another cidr: {DEFAULT_CIDR}"):
        run(site_of(account, cidr="10.99.0.0/16"))
    assert census(account) == whole


def test_names_that_are_taken_are_left_alone(account: Running) -> None:
    role = RamRole(
        id=f"{seed.ACCOUNT} goldrun-self-destruct",
        account=seed.ACCOUNT,
        name="goldrun-self-destruct",
        trust="{}",
        description="somebody's",
        session_seconds=3600,
        created=0.0,
        updated=0.0,
    )
    account.cloud.store.put(role)
    with pytest.raises(RefusedError, match="a role named goldrun-self-destruct that this setup did not make"):
        make_plan(site_of(account))
    run(site_of(account, gone=True))
    assert account.cloud.store.get(RamRole, role.id) == role
    run(site_of(account, name="other"))
    assert account.cloud.store.get(RamRole, role.id) == role


def test_an_identity_provider_that_exists_is_used_and_stays(account: Running) -> None:
    site = site_of(account)
    provider = OidcProvider(
        id=f"{seed.ACCOUNT} github",
        account=seed.ACCOUNT,
        name="github",
        issuer=site.choices.issuer,
        clients=("another",),
        fingerprints=(),
        description="",
        hours=6,
        created=0.0,
        updated=0.0,
    )
    account.cloud.store.put(provider)
    lines = run(site)
    assert "~ identity provider goldrun (github)" in lines
    now = account.cloud.store.get(OidcProvider, provider.id)
    assert now is not None
    assert set(now.clients) == {"another", "sts.aliyuncs.com"}
    assert outputs(site)["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"].endswith("oidc-provider/github")
    assert make_plan(site_of(account)) == []
    run(site_of(account, subjects=()))  # without a role for workflows
    assert account.cloud.store.get(OidcProvider, provider.id) is not None
    run(site_of(account))
    run(site_of(account, gone=True))
    assert account.cloud.store.get(OidcProvider, provider.id) is not None


def test_an_identity_provider_of_ones_own_goes_with_the_role_of_workflows(account: Running) -> None:
    run(site_of(account))
    lines = run(site_of(account, subjects=()))
    assert "- identity provider goldrun" in lines
    assert account.cloud.store.all(OidcProvider) == []


def test_what_another_lets_out_by_the_gateway_stays_as_long_as_the_gateway(account: Running) -> None:
    before = census(account)
    run(site_of(account))
    ours = next(iter(account.cloud.store.all(SnatEntry)))
    account.cloud.store.put(
        *(structs.replace(ours, id=f"snat-of-{name}", name=name, vswitch=name) for name in ("", "vsw-of-another"))
    )
    assert make_plan(site_of(account)) == []
    assert run(site_of(account, zones=ZONES[:1]))[0].startswith("- SNAT entry cn-hangzhou-k ")
    assert {one.name for one in account.cloud.store.all(SnatEntry)} == {"", "goldrun-cn-hangzhou-j", "vsw-of-another"}
    run(site_of(account, gone=True))
    assert census(account) == before


def test_a_network_in_use_is_not_destroyed(account: Running) -> None:
    site = site_of(account)
    run(site)
    whole = census(account)
    vpc = site.id_of("VPC", "goldrun")
    account.cloud.store.put(
        Instance(id="i-busy", region=REGION, owner=seed.ACCOUNT, created=account.wall.value, image="m-x", vpc=vpc)
    )
    with pytest.raises(RefusedError, match="1 instances are in the VPC"):
        run(site_of(account, gone=True))
    assert census(account) == whole


def test_a_network_that_is_surplus_goes_unless_it_is_in_use_itself(account: Running) -> None:
    site = site_of(account)
    run(site)
    mine = account.cloud.store.get(Network, site.id_of("VPC", "goldrun"))
    assert mine
    spare = structs.replace(mine, id=f"{mine.id}z")
    busy = Instance(
        id="i-busy", region=REGION, owner=seed.ACCOUNT, created=account.wall.value, image="m-x", vpc=spare.id
    )
    account.cloud.store.put(spare, busy)
    with pytest.raises(RefusedError, match=f"1 instances are in the VPC {spare.id}"):
        run(site_of(account))
    account.cloud.store.put(structs.replace(busy, vpc=mine.id))
    assert run(site_of(account)) == [f"- VPC goldrun ({spare.id})"]


def test_a_variable_that_somebody_changed_stays_when_the_setup_goes(account: Running) -> None:
    site = site_of(account)
    github: GitHub = github_of(site)
    create_variable(github, repository_scope(REPO), "MINE", "1")
    run(site)
    account.cloud.store.put(
        *(
            structs.replace(one, value="vpc-of-somebody")
            for one in account.cloud.store.all(GitHubVariable)
            if one.name == "ALIYUN_VPC_ID"
        )
    )
    run(site_of(account, gone=True))
    assert list_variables(github, repository_scope(REPO)) == {"MINE": "1", "ALIYUN_VPC_ID": "vpc-of-somebody"}


def test_without_permission_it_says_which_statement_is_missing(account: Running) -> None:
    account.cloud.store.put(Denial(id="vpc:CreateNatGateway"))
    with pytest.raises(AccessDeniedError, match='"vpc:CreateNatGateway"'):
        run(site_of(account))


def test_zones_are_those_with_stock(account: Running) -> None:
    client = account.client()
    found = find_zones(client, {"GoldrunSetup": "goldrun"})
    assert set(found) <= {f"cn-hangzhou-{letter}" for letter in "bghijk"}
    assert len(found) > 1


def test_the_same_as_code(account: Running) -> None:
    """What exists is imported under the names that the configuration gives it."""
    fresh = site_of(account)
    make_plan(fresh)
    before = hcl2.loads(terraform(fresh))
    assert "import" not in before
    run(site_of(account))
    site = site_of(account)
    make_plan(site)
    code = hcl2.loads(terraform(site))
    resources = [
        (kind.strip('"'), label.strip('"')) for part in code["resource"] for kind, of in part.items() for label in of
    ]
    assert len(resources) == len(set(resources)) == 14
    imported = [part["to"].strip("${}").split("[")[0] for part in code["import"]]
    assert {f"{kind}.{label}" for kind, label in resources} == set(imported)
    assert len(imported) == 10 + 2 * len(ZONES) + 2
    names = {next(iter(part)).strip('"') for part in code["output"]}
    assert names == set(outputs(site))
    template = ros(site)
    for part in template["Resources"].values():
        assert part["Type"].startswith("ALIYUN::")
    used = set(re.findall(r"'(?:Ref': '|Fn::GetAtt': \[')(\w+)'", str(template)))
    assert used <= set(template["Resources"]) | set(template["Parameters"])
    assert len(used) > 5


@pytest.mark.parametrize("text", ["10.0.0.0", "8.8.0.0/16", "10.0.0.0/25", "10.0.0.1/16", "x", "10.0.0.0/7"])
def test_blocks_that_no_vpc_has(text: str) -> None:
    with pytest.raises(GoldrunError, match="--cidr"):
        check_cidr(text)


def test_every_zone_has_addresses_of_its_own() -> None:
    blocks = {block_of(DEFAULT_CIDR, f"cn-hangzhou-{letter}") for letter in "abcdefghijklmnopqrstuvwxyz"}
    assert len(blocks) == 26
    assert block_of("10.0.0.0/24", "ap-southeast-1a") == "10.0.0.0/29"


def with_github(account: Running, tmp_path: Path, client: EcsClient | None = None, **more: Any) -> Site:
    """A setup with an App, its secret and the workflows; a person who clicks at once."""
    choices = {"auth": "app", "workflows": True, "source": "octo-org/goldrun@v1", **more}
    site = site_of(account, client, **choices)
    github = open_github(account.url, site.client)
    site.app_maker = AppMaker(github, Keys(tmp_path / "apps", "github"), follow)
    return site


def follow(page: str) -> None:
    """Follow a page to its end, pressing the one button that each has; as a person in a browser would."""
    try:
        text, url = press(page)
        while 'action="' in text:
            text, url = press(url, text)
    except urllib.error.HTTPError as error:
        error.close()


def press(url: str, text: str = "") -> tuple[str, str]:
    """Submit a page's form; return the page that follows, and its address."""
    if not text:
        with urllib.request.urlopen(url, timeout=20) as answer:
            text = answer.read().decode()
    form = re.search(r'action="([^"]+)"', text)
    if form is None:
        return text, url
    fields = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', text)}
    target = urllib.parse.urljoin(url, html.unescape(form[1]))
    with urllib.request.urlopen(target, urllib.parse.urlencode(fields).encode(), timeout=20) as answer:
        return answer.read().decode(), answer.geturl()


def of_github(account: Running) -> dict[str, list[str]]:
    store = account.cloud.store
    return {
        "apps": [f"{one.name} of {one.owner}, installed: {one.installed}" for one in store.all(GitHubApp)],
        "secrets": [one.name for one in store.all(GitHubSecret)],
        "branches": [one.name for one in store.all(GitHubBranch) if one.name != "main"],
        "pulls": [f"{one.head} {one.state}" for one in store.all(GitHubPull)],
    }


MADE = {
    "apps": ["goldrun-octo-org of octo-org, installed: True"],
    "secrets": ["GOLDRUN_GITHUB_APP_KEY"],
    "branches": ["goldrun-setup"],
    "pulls": ["goldrun-setup open"],
}
AT_GITHUB = (GitHubApp, GitHubManifestCode, GitHubSecret, GitHubVariable, GitHubBranch, GitHubCommit, GitHubPull)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the page's thread dies too
@pytest.mark.parametrize("after", [True, False])
def test_killed_anywhere_at_github_and_run_again_the_end_is_the_same(
    account: Running, tmp_path: Path, after: bool
) -> None:
    """But an App whose key was not received is deleted by the person, as they are told: GitHub shows it once."""
    run(whole := with_github(account, tmp_path, auth="", workflows=False))
    store, killed = account.cloud.store, True
    # The cloud's part is there already, and killed elsewhere.
    at = first = whole.client.calls // 2 + (3 if after else 0)
    while killed:
        for kind in AT_GITHUB:
            store.remove(*store.all(kind))
        site = with_github(account, tmp_path / str(at), client=account.client())
        killer = dying(site.client, at, after=after)
        for github in (site.github, site.app_maker and site.app_maker.github):
            assert github
            github._transport = killer
        with contextlib.suppress(Crash, GoldrunError, OSError, http.client.HTTPException):
            run(site)
        killed = killer.sent >= at
        assert site.app_maker
        kept = site.app_maker.keys.read("octo-org")
        store.remove(*[app for app in store.all(GitHubApp) if kept is None or app.id != kept.client_id])
        run(with_github(account, tmp_path / str(at)))
        assert of_github(account) == MADE, at
        assert make_plan(with_github(account, tmp_path / str(at))) == []
        at += 7
    assert at > first + 35


def test_what_is_merged_or_edited_is_left_alone(account: Running, tmp_path: Path) -> None:
    run(site := with_github(account, tmp_path))
    github_of(site).call("PUT", f"/repos/{REPO}/pulls/1/merge")
    path = ".github/workflows/goldrun.yml"
    write_file(github_of(site), repository_scope(REPO), path, b"theirs\n", branch="main", message="Ours now")
    assert run(with_github(account, tmp_path)) == []
    # One that they delete is proposed again, on the branch that is there.
    head = head_of(account.cloud.jobs, REPO, "main")
    assert head
    files = {name: text for name, text in head.files.items() if name != path}
    move(account.cloud.jobs, REPO, "main", files, "Delete it")
    assert [line.partition(" ")[2] for line in run(with_github(account, tmp_path)) if line[0] in "+~-"]
    assert of_github(account)["pulls"] == ["goldrun-setup closed", "goldrun-setup open"]


def test_what_is_merged_while_the_plan_is_read_is_not_proposed(account: Running, tmp_path: Path) -> None:
    site = with_github(account, tmp_path)
    steps = make_plan(site)
    github, scope = github_of(site), repository_scope(REPO)
    for path, text in templates().items():
        write_file(github, scope, path, text, branch="main", message="By hand")
    apply(site, steps, lambda _: None)
    assert of_github(account) == {**MADE, "branches": [], "pulls": []}
    assert make_plan(with_github(account, tmp_path)) == []


def test_destroyed_it_leaves_the_repository_as_before(account: Running, tmp_path: Path) -> None:
    create_variable(github_of(site_of(account)), repository_scope(REPO), "MINE", "1")
    run(with_github(account, tmp_path))
    run(with_github(account, tmp_path, gone=True))
    found = of_github(account)
    assert (found["secrets"], found["branches"], found["pulls"]) == ([], [], ["goldrun-setup closed"])
    assert list_variables(github_of(site_of(account)), repository_scope(REPO)) == {"MINE": "1"}
    assert run(with_github(account, tmp_path, gone=True)) == []


def test_a_token_is_stored_instead(account: Running, tmp_path: Path) -> None:
    run(with_github(account, tmp_path, auth="token", token="planted-token", workflows=False))
    found = next(iter(account.cloud.store.all(GitHubSecret)))
    assert (found.name, found.value) == ("GOLDRUN_GITHUB_TOKEN", "planted-token")
    assert run(with_github(account, tmp_path, auth="token", workflows=False)) == []
    assert "planted-token" not in repr(with_github(account, tmp_path, auth="token", token="planted-token").choices)


def test_another_computer_uses_the_app_that_the_repositories_have(account: Running, tmp_path: Path) -> None:
    run(with_github(account, tmp_path))
    assert run(with_github(account, tmp_path / "elsewhere")) == []
    more = with_github(account, tmp_path / "elsewhere", repositories=(REPO, "octo-org/other"))
    with pytest.raises(RefusedError, match="its key is not on this computer"):
        make_plan(more)
    # Where the key is, another repository gets it.
    run(with_github(account, tmp_path, repositories=(REPO, "octo-org/other")))
    assert of_github(account)["apps"] == ["goldrun-octo-org of octo-org, installed: True"]
    assert of_github(account)["secrets"] == ["GOLDRUN_GITHUB_APP_KEY"] * 2


def test_an_app_that_was_deleted_is_made_again(account: Running, tmp_path: Path) -> None:
    run(site := with_github(account, tmp_path))
    account.cloud.store.remove(next(iter(account.cloud.store.all(GitHubApp))))
    account.wall.value += 60
    run(again := with_github(account, tmp_path))
    app = next(iter(account.cloud.store.all(GitHubApp)))
    assert list_variables(github_of(again), repository_scope(REPO))["GOLDRUN_GITHUB_APP_ID"] == app.id
    secret = next(iter(account.cloud.store.all(GitHubSecret))).value
    assert AppTokens(app.id, secret).current(github_of(again)).startswith("ghs_")
    assert site.app_maker
    assert site.app_maker.keys.file("octo-org").with_suffix(".old.pem").exists()
    assert run(with_github(account, tmp_path)) == []


def test_a_key_that_does_not_arrive_is_said(account: Running, tmp_path: Path) -> None:
    site = with_github(account, tmp_path)
    account.cloud.gateway.faults.add(
        FaultRule(kind="error-after", action="github:convert-manifest", status=404, times=1)
    )
    with pytest.raises(UnavailableError, match="its key did not arrive") as caught:
        run(site)
    assert any("delete the App" in line for line in caught.value.fix)
    assert of_github(account)["secrets"] == []


def test_a_key_that_cannot_be_written_is_said(
    account: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Keys, "write", full)
    with pytest.raises(UnavailableError, match="did not arrive") as caught:
        run(with_github(account, tmp_path))
    assert "No space left on device" in caught.value.why[0]
    assert of_github(account)["secrets"] == []

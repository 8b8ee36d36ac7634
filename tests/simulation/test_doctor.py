"""`goldrun doctor`: troubles are planted one by one; each is found, names its fix, and is gone after it."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from msgspec import structs

from goldrun.cloud.tags import RUNNER_TYPE
from goldrun.doctor.checks import CHECKS, run_checks
from goldrun.doctor.finding import BROKEN, GOOD, UNKNOWN, WARNING, CheckContext, Finding, fixed
from goldrun.github.scope import repository_scope
from goldrun.setup.plan import apply, make_plan
from goldrun.setup.variables import outputs
from local_cloud import seed
from local_cloud.access import AccessKey, Denial, Policy
from local_cloud.github import releases
from local_cloud.github.api import JOB_TOKEN
from local_cloud.records import Disk, Eip, Image, Instance, NatGateway, Rule, SecurityGroup, SnatEntry, VSwitch
from local_cloud.records.identities import OidcProvider, PolicyAttachment, RamPolicy, RamRole
from tests.conftest import NOW, REGION, Running
from tests.simulation.played import open_github, play
from tests.simulation.test_setup import REPO, site_of

DAY = 86_400.0
CURRENT = releases.current(NOW)
OLD = "2.330.0"


class Clinic:
    """An account that `goldrun setup` has made ready, and somebody who examines it."""

    def __init__(self, running: Running) -> None:
        play(running)
        self.running = running
        self.site = site_of(running)
        apply(self.site, make_plan(self.site), lambda _: None)
        running.image(
            "fam-amd64-latest",
            id="m-good",
            tags={"ManagedBy": "goldrun", "Manifest.1": f"actions-runner={CURRENT};git=2.43.0"},
            imds_support="v2",
        )
        self.env = {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": seed.KEY.id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": seed.KEY.secret,
            "GOLDRUN_ENDPOINT": running.url,
            **outputs(self.site),
        }
        self.more: dict[str, Any] = {}

    @property
    def store(self) -> Any:
        return self.running.cloud.store

    def of(self, kind: type[Any], name: str = "") -> Any:
        """A record of the setup's, the only one of its kind or the one of that name."""
        return next(
            one
            for one in self.store.all(kind)
            if (name and getattr(one, "name", "") == name)
            or (not name and getattr(one, "tags", {}).get("GoldrunSetup") == "goldrun")
        )

    def change(self, kind: type[Any], name: str = "", **members: Any) -> Callable[[], None]:
        """Change a record; returns what changes it back."""
        before = self.of(kind, name)
        self.store.put(structs.replace(before, **members))
        return lambda: self.store.put(before)

    def remove(self, *records: Any) -> Callable[[], None]:
        self.store.remove(*records)
        return lambda: self.store.put(*records)

    def set_up(self) -> None:
        """The fix that most findings name: run the setup again."""
        site = site_of(self.running)
        apply(site, make_plan(site), lambda _: None)
        self.env.update(outputs(site))

    def examine(self) -> list[Finding]:
        client = self.running.client()
        github = self.more.get("github", open_github(self.running.url, client))
        given = {"scope": repository_scope(REPO), "image": "fam", "arch": "amd64", **self.more, "github": github}
        return list(run_checks(CheckContext(env=self.env, client=client, **given)))

    def found(self, check: str) -> Finding:
        return next(one for one in self.examine() if one.check == check)


@pytest.fixture
def clinic(frozen: Running) -> Clinic:
    return Clinic(frozen)


def test_what_setup_makes_is_healthy(clinic: Clinic) -> None:
    findings = clinic.examine()
    assert [one for one in findings if one.state != GOOD] == []
    assert {one.check.partition(":")[0] for one in findings} == set(CHECKS)


Plant = Callable[[Clinic], Callable[[], object]]


def set_variable(name: str, value: str | None) -> Plant:
    def plant(clinic: Clinic) -> Callable[[], object]:
        before = dict(clinic.env)
        if value is None:
            del clinic.env[name]
        else:
            clinic.env[name] = value

        def back() -> None:
            clinic.env.clear()
            clinic.env.update(before)

        return back

    return plant


def deny(action: str) -> Plant:
    def plant(clinic: Clinic) -> Callable[[], object]:
        denial = Denial(id=action)
        clinic.store.put(denial)
        return lambda: clinic.store.remove(denial)

    return plant


def key_of_the_account(clinic: Clinic) -> Callable[[], object]:
    before = clinic.store.get(AccessKey, seed.KEY.id)
    clinic.store.put(structs.replace(before, user=""))
    return lambda: clinic.store.put(before)


def clock_off(seconds: float) -> Plant:
    """The machine's clock is off from that of a cloud which is not a local one."""

    def plant(clinic: Clinic) -> Callable[[], object]:
        clock = clinic.running.cloud.clock
        vars(clock)["headers"] = lambda: {"date": formatdate(clock.now() + seconds, usegmt=True)}
        return lambda: vars(clock).pop("headers")

    return plant


def full(clinic: Clinic) -> Callable[[], object]:
    """Every vSwitch of the setup is nearly out of addresses."""
    undo = [
        clinic.change(VSwitch, switch.name, cidr=f"10.85.{250 + number}.0/29")
        for number, switch in enumerate(one for one in clinic.store.all(VSwitch) if "GoldrunSetup" in one.tags)
    ]
    return lambda: [one() for one in undo]


def one_zone(clinic: Clinic) -> Callable[[], object]:
    switch = next(one for one in clinic.store.all(VSwitch) if one.name == "goldrun-cn-hangzhou-j")
    entry = next(one for one in clinic.store.all(SnatEntry) if one.vswitch == switch.id)
    return clinic.remove(switch, entry)


def no_way_out(clinic: Clinic) -> Callable[[], object]:
    clinic.change(Eip, bound_to="")
    clinic.remove(*clinic.store.all(SnatEntry), *clinic.store.all(NatGateway))
    return clinic.set_up


def one_zone_without_way_out(clinic: Clinic) -> Callable[[], object]:
    clinic.remove(next(iter(clinic.store.all(SnatEntry))))
    return clinic.set_up


def policy_lacks(role: str, action: str) -> Plant:
    def plant(clinic: Clinic) -> Callable[[], object]:
        policy = clinic.of(RamPolicy, role)
        text = policy.versions[0].document.replace(action, "ecs:Nothing")
        assert text != policy.versions[0].document
        version = structs.replace(policy.versions[0], document=text)
        clinic.store.put(structs.replace(policy, versions=(version,)))
        return clinic.set_up

    return plant


def trust(old: str, new: str, role: str = "goldrun-workflows") -> Plant:
    def plant(clinic: Clinic) -> Callable[[], object]:
        before = clinic.of(RamRole, role).trust
        assert old in before
        clinic.change(RamRole, role, trust=before.replace(old, new))
        return clinic.set_up

    return plant


def too_much(clinic: Clinic) -> Callable[[], object]:
    held = PolicyAttachment(
        id="too-much",
        account=seed.ACCOUNT,
        role="goldrun-workflows",
        policy="AliyunECSFullAccess",
        kind="System",
        created=NOW,
    )
    clinic.store.put(held)
    return lambda: clinic.store.remove(held)


def role_gone(name: str) -> Plant:
    def plant(clinic: Clinic) -> Callable[[], object]:
        role = clinic.of(RamRole, name)
        clinic.remove(role, *(one for one in clinic.store.all(PolicyAttachment) if one.role == name))
        return clinic.set_up

    return plant


def provider_gone(clinic: Clinic) -> Callable[[], object]:
    clinic.remove(*clinic.store.all(OidcProvider))
    return clinic.set_up


def other_audience(clinic: Clinic) -> Callable[[], object]:
    clinic.change(OidcProvider, "goldrun", clients=("another",))
    return clinic.set_up


def image(**members: Any) -> Plant:
    def plant(clinic: Clinic) -> Callable[[], object]:
        return clinic.change(Image, "fam-amd64-latest", **members)

    return plant


def with_runner(version: str) -> Plant:
    return image(tags={"ManagedBy": "goldrun", "Manifest.1": f"actions-runner={version}"})


def give(**more: Any) -> Plant:
    def plant(clinic: Clinic) -> Callable[[], object]:
        clinic.more.update(more)
        return clinic.more.clear

    return plant


def job_token(clinic: Clinic) -> Callable[[], object]:
    github = open_github(clinic.running.url, clinic.running.client())
    github._token = JOB_TOKEN
    return give(github=github)(clinic)


def wrong_token(clinic: Clinic) -> Callable[[], object]:
    github = open_github(clinic.running.url, clinic.running.client())
    github._token = "ghp_revoked"
    return give(github=github)(clinic)


def left_over(clinic: Clinic) -> Callable[[], object]:
    where: dict[str, Any] = {"region": REGION, "owner": seed.ACCOUNT, "created": NOW - DAY}
    tags = {"ManagedBy": "goldrun", **RUNNER_TYPE.of()}
    kept = (
        Instance(
            id="i-left", image="m-good", state="Stopped", type="ecs.c7.large", zone="cn-hangzhou-k", tags=tags, **where
        ),
        Disk(id="d-left", zone="cn-hangzhou-k", category="cloud_essd", size=40, tags=tags, **where),
    )
    clinic.store.put(*kept)
    return lambda: clinic.store.remove(*kept)


def no_vcpus(clinic: Clinic) -> Callable[[], object]:
    before = clinic.store.settings()
    clinic.store.put(structs.replace(before, cpu_quota=4))
    return lambda: clinic.store.put(before)


def open_port(clinic: Clinic) -> Callable[[], object]:
    rule = Rule(direction="ingress", protocol="TCP", ports="22/22", cidr="0.0.0.0/0")
    return clinic.change(SecurityGroup, rules=(rule,))


def open_port_of_ipv6(clinic: Clinic) -> Callable[[], object]:
    rule = Rule(direction="ingress", protocol="TCP", ports="22/22", ipv6="::/0")
    return clinic.change(SecurityGroup, rules=(rule,))


# The check, its state, words of the finding, words of the fix, and what plants it.
TROUBLES: dict[str, tuple[str, str, str, str, Plant]] = {
    "the account's own key": (
        "identity",
        WARNING,
        "of the account 1000000000000001 itself",
        "RAM user",
        key_of_the_account,
    ),
    "two regions": (
        "variables",
        WARNING,
        "ALICLOUD_REGION say different",
        "unset ALICLOUD",
        set_variable("ALICLOUD_REGION", "cn-beijing"),
    ),
    "a clock that is late": ("clock", BROKEN, "1200 s behind", "set-ntp", clock_off(1200)),
    "a clock that is a bit late": ("clock", WARNING, "120 s behind", "set-ntp", clock_off(120)),
    "no permission to look up": (
        "permissions: lookup",
        BROKEN,
        "ecs:DescribeImages",
        "policy --for lookup",
        deny("ecs:DescribeImages"),
    ),
    "no permission to launch": (
        "permissions: runner",
        BROKEN,
        "ecs:RunInstances",
        "policy --for runner",
        deny("ecs:RunInstances"),
    ),
    "no permission to see disks": (
        "permissions: sweep",
        BROKEN,
        "ecs:DescribeDisks",
        "policy --for sweep",
        deny("ecs:DescribeDisks"),
    ),
    "no vCPUs left": ("quota", BROKEN, "has 4 vCPUs left", "quotas.console", no_vcpus),
    "no security group": (
        "security group",
        BROKEN,
        "no security group is named",
        "goldrun setup",
        set_variable("ALIYUN_SECURITY_GROUP_ID", None),
    ),
    "a wrong security group": (
        "security group",
        BROKEN,
        "not found: sg-none",
        "check ALIYUN_SEC",
        set_variable("ALIYUN_SECURITY_GROUP_ID", "sg-none"),
    ),
    "an open port": ("security group", WARNING, "TCP 22/22 from 0.0.0.0/0", "RevokeSecurityGroup", open_port),
    "an open port of IPv6": (
        "security group",
        WARNING,
        "TCP 22/22 from ::/0",
        "RevokeSecurityGroup",
        open_port_of_ipv6,
    ),
    "a vSwitch of elsewhere": (
        "vSwitches",
        BROKEN,
        "vsw-none is not in",
        "unset ALIYUN_VSWITCH_ID",
        set_variable("ALIYUN_VSWITCH_ID", "vsw-none"),
    ),
    "no key pair": (
        "key pair",
        BROKEN,
        "has no key pair mine",
        "unset ALIYUN_KEY_PAIR_NAME",
        set_variable("ALIYUN_KEY_PAIR_NAME", "mine"),
    ),
    "full vSwitches": ("vSwitches", BROKEN, "hardly any address", "sweep --dry-run", full),
    "one zone": ("vSwitches", WARNING, "in one zone alone", "goldrun setup", one_zone),
    "no way out": ("egress", BROKEN, "nothing leads from", "--egress nat", no_way_out),
    "a zone without way out": ("egress", BROKEN, "does not serve", "--egress nat", one_zone_without_way_out),
    "an image that is not there": ("image", BROKEN, "Image not found", "", give(image="none")),
    "an image with IMDS v1": ("image", BROKEN, "without a token", "ImdsSupport v2", image(imds_support="v1")),
    "a runner that has ended": (
        "runner",
        BROKEN,
        f"no longer accepts version {OLD}",
        "rebuild the image",
        with_runner(OLD),
    ),
    "a runner that is not known": (
        "runner",
        UNKNOWN,
        "does not say which version",
        "rebuild the image",
        image(tags={}),
    ),
    "no GitHub token": ("github", BROKEN, "no GitHub token", "export GOLDRUN_GITHUB_TOKEN", give(github=None)),
    "a revoked token": ("github", BROKEN, "401", "token needs", wrong_token),
    "a job's token": ("github", BROKEN, "403", "token needs", job_token),
    "no role of instances": (
        "role of instances",
        WARNING,
        "no role is named",
        "goldrun setup",
        set_variable("ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME", None),
    ),
    "a role that does not exist": (
        "role of instances",
        BROKEN,
        "there is no role goldrun-self-destruct",
        "goldrun setup",
        role_gone("goldrun-self-destruct"),
    ),
    "a role that instances cannot have": (
        "role of instances",
        BROKEN,
        "does not trust ECS",
        "goldrun setup",
        trust("ecs.aliyuncs.com", "fc.aliyuncs.com", "goldrun-self-destruct"),
    ),
    "instances that may not delete": (
        "role of instances",
        BROKEN,
        "may not ecs:DeleteInstance",
        "goldrun setup",
        policy_lacks("goldrun-self-destruct", "ecs:DeleteInstance"),
    ),
    "no identity provider": (
        "role of workflows",
        BROKEN,
        "no identity provider",
        "goldrun setup --repo",
        provider_gone,
    ),
    "another audience": (
        "role of workflows",
        BROKEN,
        "does not accept the audience",
        "goldrun setup --repo",
        other_audience,
    ),
    "no role of workflows": (
        "role of workflows",
        BROKEN,
        "there is no role goldrun-workflows",
        "goldrun setup --repo",
        role_gone("goldrun-workflows"),
    ),
    "trust in everybody": (
        "role of workflows",
        BROKEN,
        "every repository",
        "goldrun setup --repo",
        trust("repo:octo-org/octo-repo:ref:refs/heads/main", "repo:*"),
    ),
    "trust in every branch": (
        "role of workflows",
        WARNING,
        "trusts every job that matches repo:octo-org/octo-repo:*.",
        "goldrun setup --repo",
        trust("repo:octo-org/octo-repo:ref:refs/heads/main", "repo:octo-org/octo-repo:*"),
    ),
    "trust in somebody else": (
        "role of workflows",
        BROKEN,
        f"does not trust {REPO}",
        "goldrun setup --repo",
        trust("octo-repo", "other-repo"),
    ),
    "a policy that has drifted": (
        "role of workflows",
        BROKEN,
        "may not ecs:RunInstances",
        "goldrun setup --repo",
        policy_lacks("goldrun-workflows", "ecs:RunInstances"),
    ),
    "a role that may do too much": (
        "role of workflows",
        WARNING,
        "more than goldrun needs: ecs:*",
        "goldrun setup --repo",
        too_much,
    ),
    "things left over": ("leftovers", WARNING, "left over: ", "goldrun sweep", left_over),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_planted_trouble_is_found_and_gone_after_its_fix(clinic: Clinic, trouble: str) -> None:
    check, state, words, fix, plant = TROUBLES[trouble]
    undo = plant(clinic)
    found = clinic.found(check)
    assert (found.state, words in found.what, fix in found.fix) == (state, True, True), found
    assert found.state == UNKNOWN or found.breaks
    undo()
    assert clinic.found(check).state == GOOD


def test_at_least_25_troubles_are_planted() -> None:
    assert len(TROUBLES) >= 25


def test_what_is_safe_is_fixed_on_request(clinic: Clinic) -> None:
    group = clinic.of(SecurityGroup)
    clinic.store.put(structs.replace(group, tags={}))
    clinic.change(Image, "fam-amd64-latest", imds_support="v1")
    clinic.change(OidcProvider, "goldrun", clients=("another",))
    fixable = [one for one in clinic.examine() if one.repair]
    assert {one.check for one in fixable} == {"security group", "image", "role of workflows"}
    for one in fixable:
        assert one.repair
        one.repair()
        assert fixed(one).state == GOOD
    assert [one for one in clinic.examine() if one.state != GOOD] == []


def test_prices_are_in_the_accounts_currency(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_cloud.actions.market.CURRENCY", "USD")
    left_over(clinic)
    assert re.search(r"cost \d+\.\d{3} USD an hour", clinic.found("leftovers").breaks)


def test_what_cannot_be_checked_is_not_called_good(clinic: Clinic) -> None:
    undo = deny("ecs:DescribeDisks")(clinic)
    leftovers = clinic.found("leftovers")
    assert (leftovers.state, "DescribeDisks" in leftovers.what) == (UNKNOWN, True)
    undo()
    clinic.running.fault("error", "*", times=None)
    found = clinic.examine()
    assert {one.check for one in found if one.state == GOOD} <= {"variables", "clock", "key pair", "github", "bucket"}
    assert {one.check.partition(":")[0] for one in found} == set(CHECKS)


def test_permissions_of_a_role_are_read_from_its_policies(clinic: Clinic) -> None:
    """With the keys of a role, nothing has to be tried: its policies say what it may do."""
    key = clinic.store.get(AccessKey, seed.KEY.id)
    clinic.store.put(structs.replace(key, role="goldrun-workflows", user="job"))
    clinic.store.put(
        Policy(id=key.id, document={"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    )
    found = {one.check: one for one in clinic.examine()}
    assert found["permissions: runner"].what == "19 of 19 actions are allowed."
    clinic.more["jobs"] = ("build",)
    missing = clinic.found("permissions: build")
    assert missing.state == BROKEN
    assert "ecs:CreateImage" in missing.what


def test_a_check_has_no_effect(clinic: Clinic) -> None:
    before = clinic.store.all(Instance), list(clinic.store.all(RamPolicy))
    clinic.examine()
    assert (list(clinic.store.all(Instance)), list(clinic.store.all(RamPolicy))) == ([*before[0]], before[1])

"""The initial content of the local cloud, and the realistic account that ``goldrun local seed`` adds.

The account is like a team's after some weeks: both images of the guide, older versions, a running build, a version
that was rolled back, look-alike names, an image that instances run from, and images of other accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local_cloud import addresses
from local_cloud.access import AccessKey
from local_cloud.catalogue import EVERYWHERE, REGIONS, SYSTEM_ACCOUNT
from local_cloud.clock import iso
from local_cloud.github import releases
from local_cloud.records import (
    DEPRECATED,
    READY,
    Disk,
    Image,
    Instance,
    KeyPair,
    Network,
    Resource,
    SecurityGroup,
    Snapshot,
    VSwitch,
)
from local_cloud.store import Store

ACCOUNT = "1000000000000001"
OTHER_ACCOUNT = "1000000000000002"
KEY = AccessKey(id=addresses.KEY_ID, secret=addresses.KEY_SECRET, account=ACCOUNT, user="platform")
OTHER_KEY = AccessKey(id="goldrun-other", secret="goldrun-other-secret", account=OTHER_ACCOUNT)  # noqa: S106
REGION = addresses.REGION

DAY = 86400.0
FOUNDED = 1792454400.0
FINGERPRINT = "89f0ba62ac4a8c25bbcd4c6f5d1a0e25"
FAMILY = "github-runner-ubuntu24"
_TOOLS_THEN = "docker=27.3.0;git=2.43.0;jq=1.7.1;svn=1.14.3"
_TOOLS_NOW = "aliyun-cli=3.0.230;docker=27.3.1;git=2.43.0;jq=1.7.1"
RUNNER_TAGS = {"ManagedBy": "goldrun", "GITHUB_RUNNER_TYPE": "aliyun-ecs-spot"}
ARCHITECTURES = (("amd64", "x86_64"), ("arm64", "arm64"))


def put_defaults(store: Store) -> None:
    """Add every account's initial records: AccessKeys, public images and networks."""
    store.put(KEY, OTHER_KEY, *_public_images(), *_networks())


def populate(store: Store, now: float) -> None:
    """Add the realistic account; a repetition replaces the records with the same ids."""
    with store.transaction():
        store.put(*_account(now))


def _public_images() -> Iterator[Image]:
    for arch, ecs_arch in ARCHITECTURES:
        kind = "x64" if arch == "amd64" else "arm64"
        yield Image(
            id=f"ubuntu_24_04_{kind}_20G_alibase_20261020.vhd",
            region=EVERYWHERE,
            owner=SYSTEM_ACCOUNT,
            name=f"ubuntu_24_04_{kind}_20G_alibase_20261020.vhd",
            created=FOUNDED,
            ready=FOUNDED,
            architecture=ecs_arch,
            family=f"acs:ubuntu_24_04_{kind}",
            description="Ubuntu 24.04 LTS",
            size=20,
        )


def _networks() -> Iterator[Resource]:
    """Yield, for every region, a VPC with a vSwitch in every zone, a security group and a key pair."""
    for region in REGIONS.values():
        vpc = f"vpc-local-{region.id}"
        where: dict[str, Any] = {"region": region.id, "owner": ACCOUNT}
        yield Network(id=vpc, name="ci", created=FOUNDED, **where)
        yield SecurityGroup(id=f"sg-local-{region.id}", name="ci", vpc=vpc, created=FOUNDED, **where)
        yield KeyPair(id=f"ci {region.id}", name="ci", created=FOUNDED, fingerprint=FINGERPRINT, **where)
        for number, zone in enumerate(region.zones):
            cidr = f"172.16.{16 * number}.0/20"
            yield VSwitch(id=f"vsw-local-{zone}", name=zone, vpc=vpc, zone=zone, cidr=cidr, created=FOUNDED, **where)


def _account(now: float) -> Iterator[Resource]:
    for number, (arch, ecs_arch) in enumerate(ARCHITECTURES):
        lineage = f"{FAMILY}-{arch}"
        yield from _built(now - 9 * DAY - number * 60, lineage, ecs_arch, word=f"old{arch}")
        yield from _built(now - 5 * DAY - number * 60, lineage, ecs_arch, word=f"bad{arch}", state=DEPRECATED)
        yield from _built(now - 2 * DAY - number * 60, lineage, ecs_arch, word=f"new{arch}", alias=f"{lineage}-latest")
    yield from _built(now - 30.0, f"{FAMILY}-amd64", "x86_64", word="buildamd64", ready=now + 90.0)
    # Similar to the wanted names, but different.
    for name in (
        f"{FAMILY}-amd64-latest-backup",
        f"my-{FAMILY}-amd64-latest",
        "GitHub-Runner-Ubuntu24-amd64-latest",
    ):
        yield from _plain(now - 3 * DAY, name, word=f"near{len(name)}")
    yield from _plain(now - 40 * DAY, "build-cache-2026", word="cache")
    yield from _plain(now - DAY, f"{FAMILY}-amd64-latest", word="others", owner=OTHER_ACCOUNT, shared=True)
    yield Instance(
        id="i-localrunner000001",
        region=REGION,
        owner=ACCOUNT,
        name="ci-runner-1",
        created=now - 3600.0,
        image="m-localnewamd64",
        type="ecs.c7.2xlarge",
        zone="cn-hangzhou-k",
        vpc=f"vpc-local-{REGION}",
        vswitch="vsw-local-cn-hangzhou-k",
        security_groups=(f"sg-local-{REGION}",),
        ip="172.16.80.9",
        strategy="SpotWithPriceLimit",
        limit=1.0,
        auto_release=now - now % 60 + 3 * 3600.0,
        http_tokens="required",
        disk="d-localrunner000001",
        tags=RUNNER_TAGS,
    )
    yield Disk(
        id="d-localrunner000001",
        region=REGION,
        owner=ACCOUNT,
        created=now - 3600.0,
        zone="cn-hangzhou-k",
        category="cloud_essd",
        size=40,
        instance="i-localrunner000001",
        tags=RUNNER_TAGS,
    )


def _built(
    created: float,
    lineage: str,
    architecture: str,
    *,
    word: str,
    alias: str = "",
    state: str = READY,
    ready: float = 0.0,
) -> Iterator[Resource]:
    """Return a version as goldrun builds it, and its snapshot."""
    stamp = "".join(char for char in iso(created) if char.isdigit())
    family, _, arch = lineage.rpartition("-")
    tags = {
        "ManagedBy": "goldrun",
        "Family": family,
        "Architecture": arch,
        "BuildTimestamp": stamp,
        "VersionHash": f"{word:0<12}"[:12],
        # The latest runner at the time of the build.
        "Manifest.1": f"actions-runner={releases.current(created)};{_tools(word)}",
    }
    if alias:
        tags |= {"Latest": "true", "Channel": "latest"}
    yield Snapshot(
        id=f"s-local{word}",
        region=REGION,
        owner=ACCOUNT,
        name=f"Created_from_m-local{word}",
        created=created,
        ready=ready or created,
    )
    yield Image(
        id=f"m-local{word}",
        region=REGION,
        owner=ACCOUNT,
        name=alias or f"{lineage}-{stamp}",
        created=created,
        ready=ready or created,
        state=state,
        architecture=architecture,
        family=lineage if alias else "",
        description=f"GitHub Actions runner, built {iso(created)}",
        snapshot=f"s-local{word}",
        tags=tags,
    )


def _tools(word: str) -> str:
    return _TOOLS_THEN if word.startswith("old") else _TOOLS_NOW


def _plain(created: float, name: str, *, word: str, owner: str = ACCOUNT, shared: bool = False) -> Iterator[Resource]:
    yield Image(
        id=f"m-local{word}",
        region=REGION,
        owner=owner,
        name=name,
        created=created,
        ready=created,
        shared_with={ACCOUNT: created} if shared else {},
    )

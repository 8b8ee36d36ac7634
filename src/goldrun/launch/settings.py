"""What to launch, where, and on which terms: typed, and built once, where the user's text is read.

The settings come from the environment (``launch.environment``), a command line (``cli.launching``), GARM
(``garm.launching``) or a recipe (``bake.instances``). Each of these reports a mistake under the name that its user
wrote: variable, option, key. Nothing else reads an environment or parses text.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from goldrun.launch.offers import DEFAULT_POLICY, Criteria, Offer, OfferKind, Span

DEFAULT_LIFE_SECONDS = 240 * 60.0
DEFAULT_CPUS = Span(8)  # when neither a size nor a type is given
MAX_USER_DATA = 32 * 1024  # bytes; RunInstances, UserData


@dataclass(frozen=True)
class Network:
    """Where instances are placed.

    Attributes:
        security_group: the security group.
        zones: vSwitches by zone.
        vswitches: vSwitches whose zones are not known yet; they are looked up.
        vpc: if no vSwitch is given, use those of this VPC; empty: those of the security group's VPC.
    """

    security_group: str
    zones: Mapping[str, str] = field(default_factory=dict)
    vswitches: tuple[str, ...] = ()
    vpc: str = ""


def new_key() -> str:
    """Return a key for a new launch, which repeats no other."""
    return os.urandom(16).hex()


@dataclass(frozen=True)
class LaunchSettings:
    """Everything a launch needs to know.

    Attributes:
        network: where the instances are placed.
        key: identifies the launch: a second one with the same key gets the same instances.
        resume: whether an earlier attempt with this key may have created instances already.
        image_name: the image's id, name or family as the user wrote it; ``images.resolve`` turns it into one of:
        image_id: the image to boot; with ``image_family``, until it is resolved: if the family has no image.
        image_family: the family whose newest image to boot.
        name: the instances' name.
        amount: number of instances; all of them or none.
        life: seconds until an instance is released automatically, at least 1,800.
        key_pair: SSH key pair; empty: none.
        role: RAM role of the instances; empty: none.
        user_data: what they run on first boot.
        disk_size: GiB of the system disk; None: the image's.
        encrypted: whether the system disk is encrypted.
        disk_key: the KMS key for it; empty: ECS's own.
        data_disks: GiB of each data disk beside those of the image, encrypted like the system disk.
        public_ip: whether they get a public address.
        protected: whether the market spares a spot instance for its first hour; unprotected ones are cheaper.
        metadata_tokens: whether the metadata service requires a token (IMDSv2). Without, any request that a job can be
            made to send gets the keys of the instance's role.
        tags: in addition to goldrun's own.
        criteria: which offers match.
        policy: how offers are ranked.
        spread: whether the best offers are tried in an order of the launch's own, by its key; see ``launch.spread``.
        candidates: the offers to try, from the user; empty: those of the market.
        avoid: offers that are left out for the time being: type, zone, and whether it is a spot instance.
        on_demand_fallback: whether to pay the list price when no spot offer is available.
        most_on_demand: the most that an hour may cost then; None: any list price.
    """

    network: Network
    key: str = field(default_factory=new_key)
    resume: bool = False
    image_name: str = ""
    image_id: str = ""
    image_family: str = ""
    name: str = "github-runner"
    amount: int = 1
    life: float = DEFAULT_LIFE_SECONDS
    key_pair: str = ""
    role: str = ""
    user_data: bytes = b""
    disk_size: int | None = None
    encrypted: bool = False
    disk_key: str = ""
    data_disks: tuple[int, ...] = ()
    public_ip: bool = False
    protected: bool = True
    metadata_tokens: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)
    criteria: Criteria = field(default_factory=Criteria)
    policy: str = DEFAULT_POLICY
    spread: bool = False
    candidates: tuple[Offer, ...] = ()
    avoid: frozenset[OfferKind] = frozenset()
    on_demand_fallback: bool = False
    most_on_demand: float | None = None

"""What a check finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from goldrun import config
from goldrun.cloud.client import EcsClient
from goldrun.cloud.identity import Identity, find_identity
from goldrun.cloud.images import Image
from goldrun.cloud.network import VSwitch, describe_vswitches, vpc_of_group
from goldrun.cloud.objects import Folder, read_folder
from goldrun.config import Environment
from goldrun.errors import GoldrunError
from goldrun.github.client import GitHub
from goldrun.github.scope import Scope
from goldrun.images.find import find_image
from goldrun.images.naming import parse_reference

GOOD, WARNING, BROKEN, UNKNOWN = "good", "warning", "broken", "unknown"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        check: the check's name.
        state: good, warning (it works, and costs or risks something), broken, or unknown (it could not be checked).
        what: what was found, in one sentence.
        breaks: what does not work because of it, or what it costs; empty: nothing.
        fix: the command that fixes it, or what to do; empty: nothing to do.
        repair: fixes it, if that is safe; None: a person has to.
    """

    check: str
    state: str
    what: str
    breaks: str = ""
    fix: str = ""
    repair: Callable[[], None] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class CheckContext:
    """What the checks look at.

    Attributes:
        env: the environment.
        client: the cloud.
        github: GitHub; None: it is not checked.
        scope: the repository or organization of the runners; None: not named.
        jobs: what must be allowed; see ``goldrun.policies.JOBS``.
        image: the image that instances are to be launched from; empty: not named.
        arch: its architecture; empty: the one in its name.
        public_ip: whether instances get public addresses.
    """

    env: Environment
    client: EcsClient
    github: GitHub | None = None
    scope: Scope | None = None
    jobs: tuple[str, ...] = ("lookup", "runner", "sweep")
    image: str = ""
    arch: str = ""
    public_ip: bool = False

    @cached_property
    def identity(self) -> Identity:
        """Whose the credentials are; asked for once."""
        return find_identity(self.client)

    @cached_property
    def sboms(self) -> Folder | None:
        """Where bills of materials are kept; None: nowhere."""
        return read_folder(self.env)

    @cached_property
    def places(self) -> tuple[str, list[VSwitch]]:
        """The VPC of the security group, and its vSwitches; asked for once."""
        vpc = vpc_of_group(self.client, config.SECURITY_GROUP.require(self.env))
        return vpc, describe_vswitches(self.client, vpc)

    @cached_property
    def found_image(self) -> Image:
        """The image that is named; looked up once."""
        return find_image(self.client, parse_reference(self.image, self.arch or None)).image


Check = Callable[[CheckContext], Iterator[Finding]]


def run_check(check: Check, context: CheckContext, name: str) -> Iterator[Finding]:
    """Yield what a check finds. That it cannot be made is a finding too: never that all is well."""
    try:
        yield from check(context)
    except GoldrunError as error:
        fix = error.fix[0] if error.fix else ""
        yield Finding(name, UNKNOWN, f"not checked: {error.what}", " ".join(error.why), fix)


def broken(name: str, error: GoldrunError, breaks: str) -> Finding:
    """Return the finding for an error that says itself what is wrong."""
    return Finding(name, BROKEN, error.what, breaks, "; ".join(error.fix))


def fixed(finding: Finding) -> Finding:
    """Return a finding after its fix."""
    return replace(finding, state=GOOD, what=f"fixed: {finding.what}", breaks="", fix="", repair=None)

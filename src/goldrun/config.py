"""Every environment variable that goldrun reads, declared once: names, meaning, default.

Where several names are given the first one that is set to something wins. A variable that is set to the
empty string counts as not set: GitHub Actions passes unset ``vars.X`` as "".

Standard library alone: this module is on the look-up path.
"""

from collections.abc import Mapping
from typing import NamedTuple

from goldrun.errors import UsageError

Environment = Mapping[str, str]


class Variable(NamedTuple):
    """One setting: the names it goes by, what it means, and what holds when it is not set."""

    names: tuple[str, ...]
    meaning: str
    default: str = ""
    secret: bool = False

    def read(self, env: Environment) -> str:
        """The value, without surrounding white space; the default if no name is set."""
        for name in self.names:
            value = env.get(name, "").strip()
            if value:
                return value
        return self.default

    def require(self, env: Environment) -> str:
        """The value.

        Raises:
            UsageError: if no name is set to something; it says whether the variable is missing or empty.
        """
        value = self.read(env)
        if value:
            return value
        name = self.names[0]
        what = f"{name} is set but empty." if name in env else f"{name} is not set."
        raise UsageError(what, why=[f"{name}: {self.meaning}."], fix=[f"export {name}=…"])


REGION = Variable(
    ("ALIYUN_REGION_ID", "ALIBABA_CLOUD_REGION_ID", "ALICLOUD_REGION", "ALIBABA_CLOUD_REGION"),
    "the region to work in, e.g. cn-hangzhou",
)
IMAGE_NAME = Variable(("IMAGE_NAME",), "the image to find, e.g. github-runner-ubuntu24-amd64-latest")
ARCH = Variable(("ARCH",), "the architecture, amd64 or arm64; not set: whichever the name has")
ACCESS_KEY_ID = Variable(
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIYUN_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY"),
    "AccessKey id",
)
ACCESS_KEY_SECRET = Variable(
    (
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIYUN_ACCESS_KEY_SECRET",
        "ALICLOUD_ACCESS_KEY_SECRET",
        "ALICLOUD_SECRET_KEY",
    ),
    "AccessKey secret",
    secret=True,
)
SECURITY_TOKEN = Variable(
    ("ALIBABA_CLOUD_SECURITY_TOKEN", "ALIYUN_SECURITY_TOKEN", "ALICLOUD_SECURITY_TOKEN"),
    "STS token that belongs to the AccessKey, where it is a temporary one",
    secret=True,
)
ROLE_ARN = Variable(
    ("ALIBABA_CLOUD_ROLE_ARN",), "the RAM role that a GitHub Actions job assumes by its identity, acs:ram::…:role/…"
)
OIDC_PROVIDER_ARN = Variable(
    ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN",), "RAM's identity provider for GitHub, acs:ram::…:oidc-provider/…"
)
OIDC_TOKEN_FILE = Variable(
    ("ALIBABA_CLOUD_OIDC_TOKEN_FILE",), "an identity token in a file, for the official library; not set: GitHub's own"
)
OIDC_AUDIENCE = Variable(
    ("GOLDRUN_OIDC_AUDIENCE",), "the audience that RAM's identity provider asks for", default="sts.aliyuncs.com"
)
ID_TOKEN_URL = Variable(
    ("ACTIONS_ID_TOKEN_REQUEST_URL",),
    "where GitHub gives a job its identity token (permissions: id-token: write)",
)
ID_TOKEN_TOKEN = Variable(("ACTIONS_ID_TOKEN_REQUEST_TOKEN",), "what the job proves itself with there", secret=True)
PROFILE = Variable(
    ("ALIBABA_CLOUD_PROFILE", "ALIBABACLOUD_PROFILE", "ALICLOUD_PROFILE"),
    "profile of the official CLI (~/.aliyun/config.json); not set: the current one",
)
PROFILE_DISABLED = Variable(
    ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED",), "true: leave the official CLI's profiles alone", default="false"
)
ENDPOINT = Variable(
    ("GOLDRUN_ENDPOINT",),
    "where the API answers, e.g. http://127.0.0.1:4679 for the local cloud; not set: the region's own endpoint",
)
# Throttling lasts to the end of the minute, and of two minutes where many wait for it.
DEFAULT_TIMEOUT_SECONDS = 180.0
TIMEOUT = Variable(
    ("GOLDRUN_TIMEOUT",),
    "seconds that one API call may take, retries included; throttling lasts to the end of a minute",
    default=f"{DEFAULT_TIMEOUT_SECONDS:.0f}",
)
KEEP_IMAGE_COUNT = Variable(
    ("KEEP_IMAGE_COUNT",), "how many versions of an image stay, the published one counted", default="1"
)
IMAGE_ID = Variable(("ALIYUN_IMAGE_ID",), "the image to start instances from, m-…")
IMAGE_FAMILY = Variable(("ALIYUN_IMAGE_FAMILY",), "the image family whose newest image instances are started from")
SECURITY_GROUP = Variable(("ALIYUN_SECURITY_GROUP_ID",), "the security group of new instances, sg-…")
VSWITCH = Variable(
    ("ALIYUN_VSWITCH_ID",), "the vSwitch of new instances, vsw-…; several by comma; not set: those of the account"
)
VSWITCH_OF_ZONE = Variable(
    tuple(f"ALIYUN_VSWITCH_ID_{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "the vSwitch of the zone whose name ends with that letter",
)
VPC = Variable(("ALIYUN_VPC_ID",), "the VPC whose vSwitches are used, where none is named; not set: any")
KEY_PAIR = Variable(("ALIYUN_KEY_PAIR_NAME",), "the SSH key pair of new instances; not set: none")
ROLE = Variable(
    ("ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME",), "the RAM role of new instances, with which they can delete themselves"
)
INSTANCE_TYPE = Variable(("INSTANCE_TYPE",), "instance types to choose from, by comma; not set: any of the size")
INSTANCE_NAME = Variable(("INSTANCE_NAME",), "the name of new instances", default="github-runner")
MIN_CPU = Variable(("MIN_CPU",), "vCPUs: 8 (at least), 8..64, ..64; not set, and no type named: 8")
MIN_MEMORY = Variable(("MIN_MEM",), "GiB of memory: 16 (at least), 16..64, ..64; not set: any")
PRICE_LIMIT = Variable(("SPOT_PRICE_LIMIT",), "the most that an hour of an instance may cost; not set: 120 % of now")
PROTECTIONS = ("1h", "none")
PROTECT = Variable(
    ("SPOT_PROTECT",),
    "how long the market leaves a new spot instance alone: 1h, or none, which is cheaper",
    default=PROTECTIONS[0],
)
CANDIDATES_FILE = Variable(
    ("CANDIDATES_FILE",),
    "a file with the offers to try, lines of TYPE|ZONE|VSWITCH|PRICE_LIMIT|CPUS; asks nothing else",
)
USER_DATA = Variable(("USER_DATA",), "what new instances run when they boot first: a script or cloud-config")
USER_DATA_FILE = Variable(("USER_DATA_FILE",), "the same from a file")
LIFE_MINUTES = Variable(
    ("INSTANCE_TTL_MINUTES",), "minutes after which an instance is released by itself, from 30 on", default="240"
)
GITHUB_TOKEN = Variable(
    ("GOLDRUN_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"),
    "the token that registers and removes runners: a GitHub App's or a fine-grained one",
    secret=True,
)
GITHUB_API_URL = Variable(("GITHUB_API_URL",), "where GitHub's REST API answers", default="https://api.github.com")
GITHUB_SERVER_URL = Variable(
    ("GITHUB_SERVER_URL",), "where GitHub itself is, for runners to find it", default="https://github.com"
)
GITHUB_REPOSITORY = Variable(("GITHUB_REPOSITORY",), "the repository whose runners are meant, OWNER/NAME")
RUNNER_PROXY = Variable(
    ("GOLDRUN_RUNNER_PROXY",), "the HTTP proxy that runners use; its password travels with their configuration alone"
)
RUNNER_NO_PROXY = Variable(("GOLDRUN_RUNNER_NO_PROXY",), "what runners reach without it, by comma")
RUNNER_MIRROR = Variable(
    ("GOLDRUN_RUNNER_MIRROR",),
    "where runners download actions/runner from, on images without it",
    default="https://github.com/actions/runner/releases/download",
)
INSTANCE_ENDPOINT = Variable(
    ("GOLDRUN_INSTANCE_ENDPOINT",),
    "where the API answers an instance; not set: the region's own endpoints, the VPC's first",
)
LOCAL_DATA = Variable(("GOLDRUN_LOCAL_DATA",), "the local cloud's data file; not set: in the user's cache directory")
DEBUG = Variable(
    ("GOLDRUN_DEBUG", "RUNNER_DEBUG"),
    "1: print every request, retry and pause to stderr, without secrets; a workflow run with debug logging has it set",
)
LANGUAGE = Variable(
    ("GOLDRUN_LANG", "LC_ALL", "LC_MESSAGES", "LANG"), "the language of messages and --help: zh_CN, or English"
)

MAX_REGION_WORDS = 5  # cn-shanghai-finance-1 has four

VARIABLES: tuple[Variable, ...] = (
    REGION,
    IMAGE_NAME,
    ARCH,
    ACCESS_KEY_ID,
    ACCESS_KEY_SECRET,
    SECURITY_TOKEN,
    ROLE_ARN,
    OIDC_PROVIDER_ARN,
    OIDC_TOKEN_FILE,
    OIDC_AUDIENCE,
    ID_TOKEN_URL,
    ID_TOKEN_TOKEN,
    PROFILE,
    PROFILE_DISABLED,
    ENDPOINT,
    TIMEOUT,
    KEEP_IMAGE_COUNT,
    IMAGE_ID,
    IMAGE_FAMILY,
    SECURITY_GROUP,
    VSWITCH,
    VSWITCH_OF_ZONE,
    VPC,
    KEY_PAIR,
    ROLE,
    INSTANCE_TYPE,
    INSTANCE_NAME,
    MIN_CPU,
    MIN_MEMORY,
    PRICE_LIMIT,
    PROTECT,
    CANDIDATES_FILE,
    USER_DATA,
    USER_DATA_FILE,
    LIFE_MINUTES,
    GITHUB_TOKEN,
    GITHUB_API_URL,
    GITHUB_SERVER_URL,
    GITHUB_REPOSITORY,
    RUNNER_PROXY,
    RUNNER_NO_PROXY,
    RUNNER_MIRROR,
    INSTANCE_ENDPOINT,
    LOCAL_DATA,
    LANGUAGE,
    DEBUG,
)


def check_region(region: str) -> str:
    """Return ``region`` if it has the form of a region id.

    Raises:
        UsageError: if it has not; the cloud was not asked.
    """
    if _is_region_id(region):
        return region
    fix = ["use an id such as cn-hangzhou or ap-southeast-1 (`aliyun ecs DescribeRegions` lists them)."]
    if _is_region_id(region.lower()):
        fix.insert(0, f"did you mean {region.lower()}?")
    raise UsageError(f"{region!r} is not a region id.", fix=fix)


def _is_region_id(text: str) -> bool:
    """Words of lower-case letters and digits, joined by hyphens: nothing that could change a host name."""
    words = text.split("-")
    plain = all(word and word.isascii() and word.isalnum() and word == word.lower() for word in words)
    return plain and 2 <= len(words) <= MAX_REGION_WORDS and words[0].isalpha()


def read_timeout(env: Environment) -> float:
    """Seconds that one API call may take.

    Raises:
        UsageError: if the variable is not a number from 1 to 3600.
    """
    text = TIMEOUT.read(env)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 1 <= seconds <= 3600:
        return seconds
    raise UsageError(f"GOLDRUN_TIMEOUT={text!r} is not a number of seconds from 1 to 3600.")


def wants_debug(env: Environment) -> bool:
    """Whether the environment asks for a trace; any value other than a spelling of "no" does."""
    return DEBUG.read(env).lower() not in ("", "0", "false", "no", "off")


def secrets_in(env: Environment) -> list[str]:
    """The values of all variables that hold a secret."""
    names = (name for variable in VARIABLES if variable.secret for name in variable.names)
    return [value for name in names if (value := env.get(name, "").strip())]


def read_keep(env: Environment, given: int | None = None) -> int:
    """How many versions stay: the number given on the command line, else the environment's.

    Raises:
        UsageError: if it is not a whole number from 1 on.
    """
    if given is not None:
        return given
    text = KEEP_IMAGE_COUNT.read(env)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 1000:
        return int(text)
    raise UsageError(f"KEEP_IMAGE_COUNT={text!r} is not a whole number from 1 to 1000.")

"""Every environment variable that goldrun reads, declared once: names, meaning, default.

If a variable has several names, the first one that is not empty wins. A variable that is set to the
empty string counts as not set: GitHub Actions passes unset ``vars.X`` as "".

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun.errors import UsageError
from goldrun.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias


Environment: TypeAlias = "Mapping[str, str]"


class Variable(NamedTuple):
    """One setting: its names, its meaning and its default."""

    names: tuple[str, ...]
    meaning: str
    default: str = ""
    secret: bool = False

    def read(self, env: Environment) -> str:
        """Return the value, without surrounding white space; the default if no name is set."""
        for name in self.names:
            value = env.get(name, "").strip()
            if value:
                return value
        return self.default

    def require(self, env: Environment, *others: str) -> str:
        """Return the value.

        Args:
            env: the environment.
            others: what else helps, for the message.

        Raises:
            UsageError: no name is set; says whether the variable is missing or empty.
        """
        value = self.read(env)
        if value:
            return value
        name = self.names[0]
        what = f"{name} is set but empty." if name in env else f"{name} is not set."
        raise UsageError(what, why=[f"{name}: {self.meaning}."], fix=[f"export {name}=…", *others])


REGION = Variable(
    ("ALIYUN_REGION_ID", "ALIBABA_CLOUD_REGION_ID", "ALICLOUD_REGION", "ALIBABA_CLOUD_REGION"),
    "region to work in, e.g. cn-hangzhou",
)
IMAGE_NAME = Variable(("IMAGE_NAME",), "image to find, e.g. github-runner-ubuntu24-amd64-latest")
ARCH = Variable(("ARCH",), "architecture, amd64 or arm64; not set: the one in the name")
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
    "STS token of a temporary AccessKey",
    secret=True,
)
ROLE_ARN = Variable(
    ("ALIBABA_CLOUD_ROLE_ARN",), "RAM role that a GitHub Actions job assumes with its identity token, acs:ram::…:role/…"
)
OIDC_PROVIDER_ARN = Variable(
    ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN",), "RAM's identity provider for GitHub, acs:ram::…:oidc-provider/…"
)
OIDC_TOKEN_FILE = Variable(
    ("ALIBABA_CLOUD_OIDC_TOKEN_FILE",), "file with an identity token, for the official library; not set: GitHub's token"
)
OIDC_AUDIENCE = Variable(
    ("GOLDRUN_OIDC_AUDIENCE",), "audience that RAM's identity provider requires", default="sts.aliyuncs.com"
)
ID_TOKEN_URL = Variable(
    ("ACTIONS_ID_TOKEN_REQUEST_URL",),
    "where a job requests its identity token from GitHub (permissions: id-token: write)",
)
ID_TOKEN_TOKEN = Variable(("ACTIONS_ID_TOKEN_REQUEST_TOKEN",), "the job's credential for that request", secret=True)
PROFILE = Variable(
    ("ALIBABA_CLOUD_PROFILE", "ALIBABACLOUD_PROFILE", "ALICLOUD_PROFILE"),
    "profile of the official CLI (~/.aliyun/config.json); not set: the current one",
)
PROFILE_DISABLED = Variable(
    ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED",), "true: ignore the official CLI's profiles", default="false"
)
ENDPOINT = Variable(
    ("GOLDRUN_ENDPOINT",),
    "endpoint of the API, e.g. http://127.0.0.1:4679 for the local cloud; not set: the region's endpoint",
)
# Throttling lasts until the end of the minute, or of the next one if many clients wait.
DEFAULT_TIMEOUT_SECONDS = 180.0
TIMEOUT = Variable(
    ("GOLDRUN_TIMEOUT",),
    "seconds that one API call may take, including retries; throttling lasts until the end of a minute",
    default=f"{DEFAULT_TIMEOUT_SECONDS:.0f}",
)
KEEP_IMAGE_COUNT = Variable(
    ("KEEP_IMAGE_COUNT",), "versions of an image to keep, including the published one", default="1"
)
IMAGE_FAMILY = Variable(("ALIYUN_IMAGE_FAMILY",), "image family whose newest image instances are launched from")
IMAGE_ID = Variable(
    ("ALIYUN_IMAGE_ID",), "image to launch instances from, m-…; with ALIYUN_IMAGE_FAMILY: if the family has no image"
)
SECURITY_GROUP = Variable(("ALIYUN_SECURITY_GROUP_ID",), "security group of new instances, sg-…")
VSWITCH = Variable(
    ("ALIYUN_VSWITCH_ID",), "vSwitches of new instances, vsw-…, comma-separated; not set: those of the account"
)
VSWITCH_OF_ZONE = Variable(
    tuple(f"ALIYUN_VSWITCH_ID_{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "vSwitch in the zone whose name ends with that letter",
)
VPC = Variable(("ALIYUN_VPC_ID",), "VPC whose vSwitches are used if none is named; not set: any")
KEY_PAIR = Variable(("ALIYUN_KEY_PAIR_NAME",), "SSH key pair of new instances; not set: none")
ROLE = Variable(("ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME",), "RAM role that new instances use to delete themselves")
INSTANCE_TYPE = Variable(
    ("INSTANCE_TYPE",), "instance types to choose from, comma-separated; not set: any type of the requested size"
)
INSTANCE_NAME = Variable(("INSTANCE_NAME",), "name of new instances", default="github-runner")
MIN_CPU = Variable(("MIN_CPU",), "vCPUs: 8 (at least), 8..64, ..64; not set, and no type named: 8")
MAX_CPU = Variable(("MAX_CPU",), "vCPUs at most")
MIN_MEMORY = Variable(("MIN_MEM",), "GiB of memory: 16 (at least), 16..64, ..64; not set: any")
MAX_MEMORY = Variable(("MAX_MEM",), "GiB of memory at most")
PRICE_LIMIT = Variable(
    ("SPOT_PRICE_LIMIT",), "maximum price of a spot instance per hour; not set: 120 % of the market price"
)
PROTECTIONS = ("1h", "none")
PROTECT = Variable(
    ("SPOT_PROTECT",),
    "how long a new spot instance is protected from reclaim: 1h, or none, which is cheaper",
    default=PROTECTIONS[0],
)
TOKEN_USES = ("required", "optional")
METADATA_TOKENS = Variable(
    ("GOLDRUN_METADATA_TOKENS",),
    "whether the metadata service of new instances requires a token (IMDSv2): required, or optional for older scripts",
    default=TOKEN_USES[0],
)
CANDIDATES_FILE = Variable(
    ("CANDIDATES_FILE",),
    "file with the offers to try, lines of TYPE|ZONE|VSWITCH|PRICE_LIMIT|CPUS; replaces the search for offers",
)
USER_DATA = Variable(("USER_DATA",), "what new instances run at their first boot: a script or cloud-config")
USER_DATA_FILE = Variable(("USER_DATA_FILE",), "file that contains the user data; it takes precedence over USER_DATA")
LIFE_MINUTES = Variable(
    ("INSTANCE_TTL_MINUTES",), "minutes after which ECS releases an instance, at least 30", default="240"
)
GITHUB_TOKEN = Variable(
    ("GOLDRUN_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"),
    "token that registers and removes runners: a GitHub App token or a fine-grained token",
    secret=True,
)
METRICS_TOKEN = Variable(
    ("GOLDRUN_METRICS_TOKEN",), "bearer token that /metrics of `goldrun serve` requires", secret=True
)
OTEL_ENDPOINT = Variable(
    ("OTEL_EXPORTER_OTLP_ENDPOINT",),
    "OpenTelemetry collector that `goldrun serve` sends traces and metrics to, e.g. http://127.0.0.1:4318",
)
WORKFLOWS_TOKEN = Variable(
    ("GOLDRUN_WORKFLOWS_TOKEN",),
    "token that `goldrun setup --auth token` stores as a secret of the repositories; not set: it asks",
    secret=True,
)
GITHUB_APP_ID = Variable(
    ("GOLDRUN_GITHUB_APP_ID",), "client id (or number) of a GitHub App that may administer runners; instead of a token"
)
GITHUB_APP_KEY = Variable(("GOLDRUN_GITHUB_APP_KEY",), "the App's private key, PEM", secret=True)
GITHUB_APP_KEY_FILE = Variable(("GOLDRUN_GITHUB_APP_KEY_FILE",), "file with the App's private key")
GITHUB_APP_INSTALLATION = Variable(
    ("GOLDRUN_GITHUB_APP_INSTALLATION",), "number of the App's installation; not set: its only one"
)
GITHUB_API_URL = Variable(("GITHUB_API_URL",), "URL of GitHub's REST API", default="https://api.github.com")
GITHUB_SERVER_URL = Variable(("GITHUB_SERVER_URL",), "URL of GitHub, for runners", default="https://github.com")
GITHUB_REPOSITORY = Variable(("GITHUB_REPOSITORY",), "repository of the runners, OWNER/NAME")
RUNNER_PROXY = Variable(
    ("GOLDRUN_RUNNER_PROXY",), "HTTP proxy of runners; a password in it is sent only with their configuration"
)
RUNNER_NO_PROXY = Variable(("GOLDRUN_RUNNER_NO_PROXY",), "hosts that runners reach without the proxy, comma-separated")
SIGNING_KEY_FILE = Variable(
    ("GOLDRUN_SIGNING_KEY_FILE",), "file with the private key that signs built images; not set: they are not signed"
)
VERIFY_KEY_FILE = Variable(
    ("GOLDRUN_VERIFY_KEY_FILE",), "file with the public key for image verify and image id --verified"
)
ADVISORIES = Variable(
    ("GOLDRUN_ADVISORIES",), "database of advisories in the OSV format, for image scan and [scan] in recipes: a path"
)
SBOM_BUCKET = Variable(
    ("GOLDRUN_SBOM_BUCKET",),
    "bucket for the bills of materials of images, https://BUCKET.oss-REGION.aliyuncs.com/FOLDER; not set: none",
)
RUNNER_MIRROR = Variable(
    ("GOLDRUN_RUNNER_MIRROR",),
    "download URL of actions/runner, for images without it",
    default="https://github.com/actions/runner/releases/download",
)
INSTANCE_ENDPOINT = Variable(
    ("GOLDRUN_INSTANCE_ENDPOINT",),
    "endpoint of the API for instances; not set: the region's endpoints, the VPC endpoint first",
)
LOCAL_DATA = Variable(("GOLDRUN_LOCAL_DATA",), "data file of the local cloud; not set: in the user's cache directory")
CONTEXT = Variable(("GOLDRUN_CONTEXT",), "context of the user's configuration file; not set: the current one")
CONFIG_FILE = Variable(
    ("GOLDRUN_CONFIG",), "configuration file to use; not set: goldrun.toml of the repository, but not in GitHub Actions"
)
DEBUG = Variable(
    ("GOLDRUN_DEBUG", "RUNNER_DEBUG"),
    "1: print every request, retry and pause to stderr, without secrets; a workflow run with debug logging has it set",
)
LANGUAGE = Variable(
    ("GOLDRUN_LANG", "LC_ALL", "LC_MESSAGES", "LANG"), "language of messages and --help: zh_CN, or English"
)

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
    MAX_CPU,
    MIN_MEMORY,
    MAX_MEMORY,
    PRICE_LIMIT,
    PROTECT,
    METADATA_TOKENS,
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
    ADVISORIES,
    SBOM_BUCKET,
    SIGNING_KEY_FILE,
    VERIFY_KEY_FILE,
    INSTANCE_ENDPOINT,
    WORKFLOWS_TOKEN,
    GITHUB_APP_ID,
    GITHUB_APP_KEY,
    GITHUB_APP_KEY_FILE,
    GITHUB_APP_INSTALLATION,
    METRICS_TOKEN,
    OTEL_ENDPOINT,
    LOCAL_DATA,
    CONTEXT,
    CONFIG_FILE,
    LANGUAGE,
    DEBUG,
)


def read_timeout(env: Environment) -> float:
    """Return the seconds that one API call may take.

    Raises:
        UsageError: the variable is not a number from 1 to 3600.
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
    """Return whether the environment requests a trace; any value other than a spelling of "no" does."""
    return DEBUG.read(env).lower() not in ("", "0", "false", "no", "off")


def without_password(value: str) -> str:
    """Return a value as it may be shown: a URL, or a proxy's place, without a user's name and password."""
    scheme, sign, rest = value.rpartition("://")
    ends = [rest.index(mark) for mark in "?#" if mark in rest]
    place, more = rest[: min(ends)] if ends else rest, rest[min(ends) :] if ends else ""
    return f"{scheme}{sign}***@{place.rpartition('@')[2]}{more}" if ":" in place.rpartition("@")[0] else value


def secrets_in(env: Environment) -> list[str]:
    """Return the values of all variables that contain a secret."""
    names = (name for variable in VARIABLES if variable.secret for name in variable.names)
    return [value for name in names if (value := env.get(name, "").strip())]


def read_keep(env: Environment, given: int | None = None) -> int:
    """Return how many versions to keep: the number from the command line (default: the environment's).

    Raises:
        UsageError: it is not a whole number from 1 to 1000.
    """
    if given is not None:
        return given
    text = KEEP_IMAGE_COUNT.read(env)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 1000:
        return int(text)
    raise UsageError(f"KEEP_IMAGE_COUNT={text!r} is not a whole number from 1 to 1000.")

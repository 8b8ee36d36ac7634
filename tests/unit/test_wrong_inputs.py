"""What people get wrong: a clear message, the documented exit code, no traceback, nothing on stdout, no secret."""

from __future__ import annotations

import http.server
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from goldrun.errors import EXIT_CODES, EXIT_DEFECT
from local_cloud.access import AccessKey, Denial
from local_cloud.records import Instance
from tests.background import serve_in_background
from tests.commands import run_goldrun
from tests.conftest import Running

ROOT = Path(__file__).parents[2]
SCRIPT = [sys.executable, "-S", str(ROOT / ".github/scripts/get-image-id-by-name.py")]
NAME = "github-runner-ubuntu24-amd64-latest"
RECIPE = "recipes/github-runner-ubuntu24"
SECRET = "planted-5ecret-value"
TOKEN = "planted-7oken-value"


def run(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Puts real places into a text: what this machine or a neighbour has elsewhere does not matter.

    NOWHERE is a path where nothing is, FILE a file, FOLDER a folder, CLOSED a port that is taken but not listened on.
    """
    file = tmp_path / "file"
    file.touch()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        real = {
            "NOWHERE": str(tmp_path / "nowhere"),
            "FILE": str(file),
            "FOLDER": str(tmp_path),
            "CLOSED": str(closed.getsockname()[1]),
        }
        yield lambda text: re.sub(f"^({'|'.join(real)})|(?<=:)CLOSED$", lambda found: real[found[0]], text)


def expect(done: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    assert done.returncode == code, done.stderr
    assert code in EXIT_CODES
    assert re.search(words, done.stderr), done.stderr
    assert done.stdout == ""
    assert ("Traceback" in done.stderr) == (code == EXIT_DEFECT), "only a defect is told with its place"
    assert SECRET not in done.stderr
    assert TOKEN not in done.stderr


# The environment's change (None: not set), the exit code, words of the message.
VARIABLES: dict[str, tuple[dict[str, str | None], int, str]] = {
    "no region": ({"ALIYUN_REGION_ID": None}, 2, "ALIYUN_REGION_ID is not set"),
    "empty region": ({"ALIYUN_REGION_ID": ""}, 2, "ALIYUN_REGION_ID is set but empty"),
    "blank region": ({"ALIYUN_REGION_ID": "  "}, 2, "ALIYUN_REGION_ID is set but empty"),
    "region in capitals": ({"ALIYUN_REGION_ID": "CN-HANGZHOU"}, 2, "did you mean cn-hangzhou"),
    "a zone for a region": ({"ALIYUN_REGION_ID": "cn-hangzhou-h"}, 5, "InvalidRegionId.NotFound"),
    "region with a slash": ({"ALIYUN_REGION_ID": "cn-hangzhou/../x"}, 2, "is not a region id"),
    "region is a host": ({"ALIYUN_REGION_ID": "evil.example#"}, 2, "is not a region id"),
    "region is not one": ({"ALIYUN_REGION_ID": "cn-atlantis"}, 5, "use a region id that DescribeRegions lists"),
    "no name": ({"IMAGE_NAME": None}, 2, "IMAGE_NAME is not set"),
    "empty name": ({"IMAGE_NAME": ""}, 2, "IMAGE_NAME is set but empty"),
    "short name": ({"IMAGE_NAME": "a"}, 2, "2 to 128 characters"),
    "long name": ({"IMAGE_NAME": "a" * 300}, 2, "this one has 300"),
    "name with a blank": ({"IMAGE_NAME": "my image"}, 2, "letters, digits"),
    "name with a line break": ({"IMAGE_NAME": "a-b\nIMAGE_ID=m-evil"}, 2, "letters, digits"),
    "name with quotes": ({"IMAGE_NAME": "'fam-amd64-latest'"}, 2, "starts with a letter"),
    "name that is an option": ({"IMAGE_NAME": "--help"}, 2, "starts with a letter"),
    "name that is a URL": ({"IMAGE_NAME": "xhttp://host"}, 2, "must not contain a URL"),
    "name of Alibaba Cloud": ({"IMAGE_NAME": "aliyun_3_x64"}, 2, "Alibaba Cloud's own"),
    "name with an emoji": ({"IMAGE_NAME": "runner-🚀"}, 2, "letters, digits"),
    "name that is not there": ({"IMAGE_NAME": "windows-amd64-latest"}, 1, "Image not found: windows-amd64-latest"),
    "name of other case": ({"IMAGE_NAME": NAME.upper()}, 1, "differs by upper and lower case"),
    "name of a rolled back version": ({"IMAGE_NAME": "DEPRECATED"}, 1, "Deprecated: it was rolled back"),
    "an architecture that is none": ({"ARCH": "sparc"}, 2, "'sparc' is not an architecture"),
    "an architecture that we do not build": ({"ARCH": "i386"}, 2, "is not an architecture"),
    "the other architecture": ({"ARCH": "arm64"}, 1, f"{NAME} is amd64, not arm64"),
    "no credentials": (
        {"ALIBABA_CLOUD_ACCESS_KEY_ID": None, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": None},
        3,
        "No credentials",
    ),
    "no secret": ({"ALIBABA_CLOUD_ACCESS_KEY_SECRET": None}, 3, "The AccessKey is incomplete"),
    "no key id": ({"ALIBABA_CLOUD_ACCESS_KEY_ID": None}, 3, "The AccessKey is incomplete"),
    "wrong secret": ({"ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET}, 3, "secret does not belong to the id"),
    "secret with a line break": ({"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "goldrun-local-\nsecret"}, 3, "line break"),
    "unknown key": ({"ALIBABA_CLOUD_ACCESS_KEY_ID": "nobody"}, 3, "AccessKey id is unknown"),
    "key with a blank": ({"ALIBABA_CLOUD_ACCESS_KEY_ID": "goldrun local"}, 3, "bad copy and paste"),
    "stray token": ({"ALIBABA_CLOUD_SECURITY_TOKEN": TOKEN}, 3, "belongs to another AccessKey"),
    "expired token": (
        {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "STS.old",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
            "ALIBABA_CLOUD_SECURITY_TOKEN": TOKEN,
        },
        3,
        "STS token has expired",
    ),
    "temporary key without its token": (
        {"ALIBABA_CLOUD_ACCESS_KEY_ID": "STS.old", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET},
        3,
        "needs its token",
    ),
    "endpoint that is no URL": ({"GOLDRUN_ENDPOINT": "ftp://x"}, 2, "is not an endpoint"),
    "endpoint with half a bracket": ({"GOLDRUN_ENDPOINT": "http://[::1"}, 2, "is not an endpoint"),
    "proxy with half a bracket": (
        {"GOLDRUN_ENDPOINT": "https://ecs.invalid", "HTTPS_PROXY": f"http://u:{SECRET}@[::1"},
        2,
        "HTTPS_PROXY is not the URL of an HTTP proxy",
    ),
    "endpoint with a path": ({"GOLDRUN_ENDPOINT": "https://host/path"}, 2, "is not an endpoint"),
    "endpoint with a bad port": ({"GOLDRUN_ENDPOINT": "http://127.0.0.1:port"}, 2, "is not an endpoint"),
    "endpoint with a password": ({"GOLDRUN_ENDPOINT": f"https://me:{SECRET}@host"}, 2, "no user name"),
    "plain http over a network": ({"GOLDRUN_ENDPOINT": "http://ecs.example.com"}, 2, "clear text"),
    "a name that does not resolve": (
        {"GOLDRUN_ENDPOINT": "https://ecs.invalid", "GOLDRUN_TIMEOUT": "1"},
        6,
        "could not be found",
    ),
    "a port where nothing listens": (
        {"GOLDRUN_ENDPOINT": "http://127.0.0.1:CLOSED", "GOLDRUN_TIMEOUT": "1"},
        6,
        "refused the connection",
    ),
    "timeout that is no number": ({"GOLDRUN_TIMEOUT": "soon"}, 2, "GOLDRUN_TIMEOUT"),
    "timeout of zero": ({"GOLDRUN_TIMEOUT": "0"}, 2, "from 1 to 3600"),
    "proxy that is no URL": (
        {"GOLDRUN_ENDPOINT": "https://ecs.invalid", "HTTPS_PROXY": f"socks5://u:{SECRET}@h:1"},
        2,
        "HTTPS_PROXY is not the URL of an HTTP proxy",
    ),
    "proxy where nothing listens": (
        {"GOLDRUN_ENDPOINT": "https://ecs.invalid", "HTTPS_PROXY": "http://127.0.0.1:CLOSED", "GOLDRUN_TIMEOUT": "1"},
        6,
        "through the proxy 127.0.0.1:[0-9]+ refused",
    ),
    "output file that cannot be written": (
        {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "NOWHERE/output"},
        8,
        "output IMAGE_ID could not be written",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", VARIABLES)
def test_wrong_variables(populated: Running, tmp_path: Path, places: Callable[[str], str], case: str) -> None:
    change, code, words = VARIABLES[case]
    populated.cloud.store.put(
        AccessKey(id="STS.old", secret=SECRET, account="1000000000000001", role="r", user="u", token=TOKEN, expires=1.0)
    )
    env: dict[str, str | None] = {**populated.environment(IMAGE_NAME=NAME, HOME=str(tmp_path)), **change}
    if env["IMAGE_NAME"] == "DEPRECATED":
        bad = next(
            one for one in populated.client().call("DescribeImages", {"Status": "Deprecated"})["Images"]["Image"]
        )
        env["IMAGE_NAME"] = bad["ImageName"]
    expect(run(SCRIPT, {name: places(value) for name, value in env.items() if value is not None}), code, words)


COMMANDS: dict[str, tuple[list[str], int, str]] = {
    "a noun with a slip": (["imgae"], 2, "Did you mean 'image'?"),
    "a verb with a slip": (["image", "publihs"], 2, "Did you mean 'publish'?"),
    "no such noun": (["picture"], 2, "No such command"),
    "no such verb": (["image", "find"], 2, "No such command"),
    "no name": (["image", "id"], 2, "Missing argument"),
    "empty name": (["image", "id", ""], 2, "2 to 128 characters"),
    "unknown option": (["image", "ls", "--nope"], 2, "No such option"),
    "bad architecture": (["image", "ls", "--arch", "mips"], 2, "is not an architecture"),
    "empty region": (["image", "ls", "--region", ""], 2, "--region is empty"),
    "bad region": (["image", "ls", "--region", "mars"], 2, "is not a region id"),
    "bad owner": (["image", "ls", "--owner", "me"], 2, "Invalid value"),
    "half a reference": (["image", "id", "fam:"], 2, "is not family:channel"),
    "two colons": (["image", "id", "a:b:c"], 2, "is not family:channel"),
    "ambiguous family": (["image", "id", "github-runner-ubuntu24"], 2, "exists for amd64 and arm64"),
    "unknown id": (["image", "inspect", "m-doesnotexist1"], 1, "Image not found"),
    "unknown everywhere": (["image", "id", "nix-amd64-latest", "--all-regions"], 1, "none of the other 19 regions"),
    "publish what is not there": (["image", "publish", "fam-amd64-20260101000000"], 1, "Image not found"),
    "publish to a bad channel": (["image", "publish", "m-localnewamd64", "--channel", "La:test"], 2, "not a channel"),
    "publish an older one": (["image", "publish", "m-localoldamd64"], 5, "is older than what"),
    "publish a rolled back one": (["image", "publish", "m-localbadamd64"], 5, "is Deprecated"),
    "publish what is of no family": (["image", "publish", "m-localcache"], 2, "cannot be published"),
    "roll back without architecture": (["image", "rollback", "fam"], 2, "needs an architecture"),
    "roll back what is not there": (["image", "rollback", "fam", "--arch", "amd64", "--yes"], 1, "Family not found"),
    "roll back a name": (["image", "rollback", NAME, "--yes"], 2, "is the name of an image, not of a family"),
    "prune nothing": (["image", "prune"], 2, "Name a family"),
    "prune what is not there": (["image", "prune", "github-runer-ubuntu24", "--yes"], 1, "did you mean github-runner-"),
    "history of what is not there": (["image", "history", "github-runer-ubuntu24"], 1, "Family not found: github-r"),
    "prune unasked": (["image", "prune", "github-runner-ubuntu24"], 2, "needs a confirmation"),
    "roll back unasked": (["image", "rollback", "github-runner-ubuntu24", "--arch", "amd64"], 2, "pass --yes"),
    "sweep unasked": (["sweep", "--older-than", "6h"], 2, "pass --yes"),
    "reset unasked": (["local", "reset"], 2, "pass --yes"),
    "delete an empty id": (["instance", "rm", "--missing-ok", "--yes", ""], 2, "'' is not an instance's id"),
    "delete an instance by a blank": (["instance", "rm", "--yes", "i-a", " "], 2, "is not an instance's id"),
    "delete an instance by its name": (["instance", "rm", "--missing-ok", "--yes", "ci"], 2, "not an instance's id"),
    "delete an image without an id": (["image", "rm", "", "--yes"], 2, "2 to 128 characters"),
    "wait for an empty id": (["instance", "wait", ""], 2, "is not an instance's id"),
    "a price that is no number": (["spot", "ls", "--max-price", "nan"], 2, "it must be finite"),
    "a price without end": (["instance", "create", "--image", NAME, "--max-price", "inf"], 2, "it must be finite"),
    "a price below nothing": (["spot", "ls", "--max-price=-1"], 2, "Invalid value"),
    "a speed that is no number": (["local", "up", "--speed", "nan"], 2, "it must be finite"),
    "infinitely many vCPUs": (["spot", "ls", "--cpu", "inf.."], 2, "not a range of vCPUs"),
    "a number of vCPUs that is none": (["spot", "ls", "--cpu", "nan"], 2, "not a range of vCPUs"),
    "a life of an age": (["GROUP", "instance", "create", "--image", NAME, "--life", "999999999d"], 2, "not a duration"),
    "keep none": (["image", "prune", "fam", "--keep", "0"], 2, "--keep"),
    "bad age": (["image", "prune", "fam", "--older-than", "soon"], 2, "not a duration"),
    "delete without asking": (["image", "rm", "m-localcache"], 2, "pass --yes"),
    "delete what is shown": (["image", "rm", "m-localnewarm64", "--yes"], 5, "shown by a channel"),
    "delete what is not there": (["image", "rm", "m-doesnotexist1", "--yes"], 1, "Image not found"),
    "copy to nowhere": (["image", "copy", "m-localnewamd64"], 2, "--to-region"),
    "copy to its own region": (["image", "copy", "m-localnewamd64", "--to-region", "cn-hangzhou"], 2, "already"),
    "copy to no region": (["image", "copy", "m-localnewamd64", "--to-region", "Paris"], 2, "not a region id"),
    "share with no account": (["image", "share", "m-localnewamd64", "--account", "me"], 2, "not an account id"),
    "compare with what is not there": (["image", "diff", "m-localnewamd64", "m-doesnotexist1"], 1, "Image not found"),
    "local not running": (["local", "status"], 6, "is not running"),
    "local env not running": (["local", "env"], 6, "goldrun local up --detach"),
    "bad port": (["local", "up", "--port", "99999"], 2, "99999"),
    "port in use": (["local", "up", "--port", "PORT"], 2, "cannot be used"),
    "data is a folder": (["local", "up", "--data", "FOLDER"], 2, "directory"),
    "data is no database": (["local", "up", "--port", "0", "--data", "README.md"], 2, "not a data file"),
    "data where nothing can be written": (["local", "up", "--port", "0", "--data", "FILE/y.db"], 2, "used as the"),
    "bad speed": (["local", "up", "--speed", "fast"], 2, "not a valid float"),
    "a range that is none": (["spot", "ls", "--cpu", "8-64"], 2, "not a range of vCPUs"),
    "no policy of that name": (["spot", "ls", "--policy", "dearest"], 2, "Invalid value"),
    "a price of nothing": (["spot", "ls", "--max-price", "0"], 2, "Invalid value"),
    "prices of long ago": (["spot", "plot", "--days", "90d"], 2, "last 30 days"),
    "a picture of another kind": (["spot", "plot", "-o", "prices.gif"], 2, "neither .png nor .svg"),
    "a picture into nowhere": (["spot", "plot", "-o", "NOWHERE/x.png"], 2, "Folder not found"),
    "nothing to plot": (["spot", "plot", "--type", "ecs.nothing.large"], 5, "goldrun spot ls lists"),
    "no security group": (["instance", "create", "--image", NAME], 2, "ALIYUN_SECURITY_GROUP_ID is not set"),
    "no image": (["GROUP", "instance", "create"], 2, "No image is named"),
    "a long name for an instance": (
        ["GROUP", "instance", "create", "--image", NAME, "--name", "x" * 300], 2, "not a valid name for an instance",
    ),
    "a name of two lines": (
        ["GROUP", "instance", "create", "--image", NAME, "--name", "a\nINSTANCE_ID=evil"], 2, "not a valid name",
    ),
    "a zone without a vSwitch": (
        ["GROUP", "instance", "create", "--image", NAME, "--zone", "nozone"], 2, "no vSwitch with a free address",
    ),
    "no such image": (["GROUP", "instance", "create", "--image", "nix", "--arch", "amd64"], 1, "Image not found"),
    "too short a life": (["GROUP", "instance", "create", "--image", NAME, "--life", "5m"], 2, "minimum is 30m"),
    "a life in words": (["GROUP", "instance", "create", "--image", NAME, "--life", "long"], 2, "not a duration"),
    "none at all": (["GROUP", "instance", "create", "--image", NAME, "--amount", "0"], 2, "Invalid value"),
    "a type that is none": (
        ["GROUP", "instance", "create", "--image", NAME, "--type", "ecs.g99.huge"], 5, "goldrun spot ls lists",
    ),
    "a price nobody sells at": (
        ["GROUP", "instance", "create", "--image", NAME, "--max-price", "0.001"], 5, "No offer gives an instance",
    ),
    "another region's vSwitch": (
        ["VSWITCH", "instance", "create", "--image", NAME], 1, "vSwitch not found: vsw-elsewhere",
    ),
    "another architecture's type": (
        ["GROUP", "instance", "create", "--image", NAME, "--type", "ecs.c8y.2xlarge"], 5, "the image's architecture",
    ),
    "user data without an end": (
        ["GROUP", "instance", "create", "--image", NAME, "--user-data", "/dev/zero"], 2, "is too long",
    ),
    "an export of what is destroyed": (["setup", "--export", "terraform", "--destroy"], 2, "does something else"),
    "an export and a plan": (["setup", "--export", "ros", "--plan"], 2, "does something else"),
    "a missing file of user data": (["instance", "create", "--user-data", "NOWHERE"], 2, "does not exist"),
    "console of nothing": (["instance", "console", "i-none"], 1, "Instance not found"),
    "wait for nothing": (["instance", "wait", "i-none", "--timeout", "1s"], 1, "Instance not found: i-none"),
    "a channel that is too long": (
        ["image", "publish", "m-localnewamd64", "--channel", "x" * 120],
        2,
        "a name has 2 to 128 characters",
    ),
    "what latest shows, elsewhere": (
        ["image", "publish", "m-localnewamd64", "--channel", "canary"],
        5,
        "latest shows m-localnewamd64, and would show nothing",
    ),
    "a life of millennia": (
        ["GROUP", "instance", "create", "--image", "m-localnewamd64", "--life", "99999d", "--dry-run"],
        2,
        "99999d is too long",
    ),
    "a long tag": (
        ["GROUP", "instance", "create", "--image", "m-localnewamd64", "--tag", f"k={'x' * 200}"], 2, "128 characters",
    ),
    "a reserved tag": (
        ["GROUP", "instance", "create", "--image", "m-localnewamd64", "--tag", "acs:x=1"], 2, "aliyun or acs:",
    ),
    "a URL in a tag": (
        ["GROUP", "instance", "create", "--image", "m-localnewamd64", "--tag", "k=http://x"], 2, "no addresses",
    ),
    "an account that is none": (["policy", "--trust", "--repo", "o/r", "--account", "UID"], 2, "'UID' is not an acc"),
    "an unknown setting": (["context", "create", "a", "--set", "region=x"], 2, "region: did you mean region_id"),
    "a context of nothing": (["context", "create", "a"], 2, "would set nothing"),
    "no environment": (["policy", "--trust", "--repo", "o/r", "--account", "1", "--environment", ""], 2, "is empty"),
    "no ref": (["policy", "--trust", "--repo", "o/r", "--account", "1", "--ref", " "], 2, "--ref is empty"),
    "a pull request's ref": (
        ["policy", "--trust", "--repo", "o/r", "--account", "1234567890123456", "--ref", "refs/pull/1/merge"],
        2,
        "a pull request's jobs get no role",
    ),
    "a scan of nothing": (["image", "scan", "", "--advisories", "FOLDER"], 2, "a name has 2 to 128 characters"),
    "a statement in no file": (["image", "statement", "m-localnewamd64", ""], 2, "is not a file"),
    "a recipe in a device": (["recipe", "init", "/dev/null"], 2, "/dev/null is not a folder"),
    "bytes": (["image", "ls", "\udcff"], 2, "is not text in UTF-8"),
    "code and JSON": (["setup", "--export", "terraform", "--json"], 2, "--json does something else"),
    "wait for ever": (["instance", "wait", "i-none", "--timeout", "ever"], 2, "not a duration"),
    "extend nothing": (["instance", "extend", "i-none", "2h"], 1, "Instance not found"),
    "extend too little": (["instance", "extend", "i-localrunner000001", "10m"], 2, "minimum is 30m"),
    "delete unasked": (["instance", "rm", "i-localrunner000001"], 2, "needs a confirmation"),
    "delete an instance that is not there": (["instance", "rm", "i-none", "--yes"], 1, "Instance not found: i-none"),
    "sweep by a bad age": (["sweep", "--older-than", "old"], 2, "not a duration"),
    "cost of a century": (["cost", "--days", "36500"], 2, "Invalid value"),
    "a scenario of another film": (["local", "market", "--scenario", "alien"], 2, "Invalid value"),
    "a zone without a scenario": (["local", "market", "--zone", "cn-hangzhou-k"], 2, "needs --scenario"),
    "a recipe that is not there": (["image", "build", "NOWHERE"], 2, "cannot be read"),
    "a recipe that is none": (["recipe", "check", "docs"], 2, "goldrun recipe init writes a new one"),
    "a recipe into a full folder": (["recipe", "init", "docs", "--family", "x-y"], 2, "is not empty"),
    "a recipe of a bad name": (["recipe", "init", "NOWHERE", "--family", "a b"], 2, "is not a valid image name"),
    "a build of an architecture that is none": (
        ["GROUP", "image", "build", "recipes/github-runner-ubuntu24", "--arch", "sparc"], 2, "not an architecture",
    ),
    "a build without a security group": (
        ["image", "build", "recipes/github-runner-ubuntu24"], 2, "ALIYUN_SECURITY_GROUP_ID is not set",
    ),
    "a test of an image that is not there": (
        ["GROUP", "image", "test", "nix-amd64-latest", "--recipe", RECIPE], 1, "Image not found",
    ),
    "bad fault": (["local", "fault", "--kind", "meteor"], 2, "Invalid value"),
    "deny without product": (["local", "deny", "DescribeImages"], 2, "write ecs:DescribeImages"),
}  # fmt: skip


@pytest.mark.parametrize("case", COMMANDS)
def test_wrong_commands(populated: Running, tmp_path: Path, places: Callable[[str], str], case: str) -> None:
    arguments, code, words = COMMANDS[case]
    before = len(list(populated.cloud.store.all(Instance)))
    arguments = [str(populated.port) if argument == "PORT" else places(argument) for argument in arguments]
    env = populated.environment(HOME=str(tmp_path), GOLDRUN_LOCAL_DATA=str(tmp_path / "local.db"))
    if arguments[0] in ("GROUP", "VSWITCH"):
        env |= {"ALIYUN_SECURITY_GROUP_ID": "sg-local-cn-hangzhou"}
        env |= {"ALIYUN_VSWITCH_ID": "vsw-elsewhere"} if arguments.pop(0) == "VSWITCH" else {}
    expect(run_goldrun(arguments, env, ROOT, code=code), code, words)
    assert len(list(populated.cloud.store.all(Instance))) == before, "bad input makes nothing and loses nothing"


def test_denied_permission_through_the_script(populated: Running) -> None:
    populated.cloud.store.put(Denial(id="ecs:DescribeImages"))
    done = run(SCRIPT, populated.environment(IMAGE_NAME=NAME))
    expect(done, 4, "add this statement to the RAM policy")
    assert "request id: " in done.stderr


@pytest.mark.parametrize("name", ["get-image-id-by-name.py", "create-spot-instance.py"])
@pytest.mark.parametrize("built", [False, True])
def test_scripts_answer_help_and_refuse_arguments(tmp_path: Path, name: str, built: bool) -> None:
    folder = ROOT / ".github/scripts"
    if built:
        folder = tmp_path
        subprocess.run([sys.executable, ROOT / "tools/build_scripts.py", folder], check=True, capture_output=True)
    script = [sys.executable, str(folder / name)]
    done = run([*script, "--help"], {})
    assert (done.returncode, done.stderr) == (0, "")
    assert "ALIYUN_REGION_ID" in done.stdout
    expect(run([*script, "--image", "x"], {}), 2, "This script takes no arguments: '--image x'")


def test_errors_are_annotations_inside_github_actions(populated: Running) -> None:
    done = run(SCRIPT, populated.environment(IMAGE_NAME="nothing-here", GITHUB_ACTIONS="true"))
    expect(done, 1, r"^::error title=goldrun::Image not found: nothing-here in cn-hangzhou\.\n  fix: ")


Respond = Callable[[http.server.BaseHTTPRequestHandler], None]


def _say(status: int, kind: str, body: bytes) -> Respond:
    def respond(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def _cut(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"Ima')


def _hang_up(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def _drip(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(200):
        try:
            handler.wfile.write(b" ")
        except OSError:
            return
        threading.Event().wait(0.05)


ANSWERS: dict[str, tuple[Respond, int, str]] = {
    "garbage": (_say(200, "application/json", b"{garbage"), 6, "something that is not JSON"),
    "a list": (_say(200, "application/json", b"[1]"), 6, "not as the API does"),
    "nothing": (_say(200, "application/json", b""), 6, "the answer is empty"),
    "another service": (_say(200, "application/json", b'{"RequestId": "a"}'), 6, "answered without Images"),
    "brackets": (_say(200, "application/json", b"[" * 100_000), 6, "not as the API does"),
    "no number": (
        _say(200, "application/json", b'{"TotalCount": "x", "Images": {"Image": []}}'),
        70,
        "please report it",
    ),
    "a login page": (
        _say(200, "text/html", b"<html><h1>Please log in</h1>"),
        6,
        "answered with HTML.*\n.*Please log in",
    ),
    "a moved page": (_say(302, "text/html", b"<html>Moved"), 6, "HTTP 302"),
    "a proxy's refusal": (_say(407, "text/html", b"<html>"), 6, "proxy asks for a user name"),
    "a gateway's failure": (_say(502, "text/html", b"<html>Bad Gateway"), 6, "failed with HTTP 502.*\n.*Bad Gateway"),
    "binary": (_say(200, "application/octet-stream", bytes(range(256))), 6, "not as the API does"),
    "half an answer": (_cut, 6, "connection to .* broke|did not answer in time"),
    "a hung up line": (_hang_up, 6, "broke"),
    "an answer that drips": (_drip, 6, "did not answer in time"),
    "an error without a text": (
        _say(400, "application/json", b'{"Code": "Odd.Thing"}'),
        5,
        "Odd.Thing.*\n.*no message",
    ),
}


@pytest.fixture
def strange_server() -> Iterator[Callable[[Respond], str]]:
    servers = []

    def start(respond: Respond) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                respond(self)

            def log_message(self, *args: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        serve_in_background(server)
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("case", ANSWERS)
def test_strange_answers(strange_server: Callable[[Respond], str], case: str) -> None:
    respond, code, words = ANSWERS[case]
    env = {
        "GOLDRUN_ENDPOINT": strange_server(respond),
        "GOLDRUN_TIMEOUT": "2",
        "ALIYUN_ACCESS_KEY_ID": "id",
        "ALIYUN_ACCESS_KEY_SECRET": SECRET,
        "ALIYUN_REGION_ID": "cn-hangzhou",
        "IMAGE_NAME": NAME,
    }
    expect(run(SCRIPT, env), code, words)


def test_more_than_forty_wrong_inputs_are_tested() -> None:
    assert len(VARIABLES) + len(COMMANDS) + len(ANSWERS) >= 40


@pytest.mark.parametrize("words", [["local", "up"], ["local", "--help"], ["--quiet", "local"]])
def test_without_the_local_cloud_the_command_says_what_to_install(words: list[str]) -> None:
    alone = "import sys; sys.path = [one for one in sys.path if not one.endswith('packages/local-cloud/src')];"
    done = run([sys.executable, "-c", f"{alone} from goldrun.cli.main import run; run()", *words], {})
    expect(done, 2, r"fix: \S+ -m pip install -e '\S+\[local\]'")

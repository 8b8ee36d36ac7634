"""The recipe of the runners' image, all of it, in real virtual machines: built, tested, booted, and a job done.

Its scripts are the ones that users run; what they download comes from a mirror made of packages (see ``mirror``), and
the base is Debian 13. It takes three quarters of an hour without KVM: `GOLDRUN_TEST_VM_IMAGE=1 make vm-test` runs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldrun.contents import cyclonedx
from tests.vm.conftest import MachineShell
from tests.vm.mirror import DOCKER, Mirror
from tests.vm.test_runner_in_a_vm import REPO, ROLE, values, wait_until_gone

pytestmark = pytest.mark.skipif(
    os.environ.get("GOLDRUN_TEST_VM") != "1" or os.environ.get("GOLDRUN_TEST_VM_IMAGE") != "1",
    reason="GOLDRUN_TEST_VM_IMAGE=1 make vm-test runs it",
)

ROOT = Path(__file__).parents[2]
FAMILY = "vm-runner"
RECIPE = """
extends = "{extends}"
family = "vm-runner"
[base]
amd64 = "acs:debian_13_x64"
arm64 = ""
[versions]
runner = "{runner}"
[environment]
RUNNER_MIRROR = "{url}"
DOCKER_MIRROR = "{url}"
DOCKER_KEY = "{key}"
CURL_CA_BUNDLE = "/opt/mirror.pem"
[[files]]
source = "mirror.pem"
target = "/opt/mirror.pem"
[[files]]
source = "apt.conf"
target = "/etc/apt/apt.conf.d/90-mirror"
[[files]]
source = "checksums"
target = "/opt/goldrun/checksums"
[builder]
cpu = "2.."
memory = "2.."
disk = 20
[limits]
build = "3h"
boot = "20m"
"""
# What teams' jobs do: a setup action's look-up, a program that is compiled, a container of it.
JOB = r"""
set -eux
test "$(id -un)" = runner
curl -fsS --cacert /opt/mirror.pem URL/tool-cache.tar.gz | tar -xz
node -e '
const tools = require("./node_modules/@actions/tool-cache");
for (const [name, wanted] of [["node", "24.x"], ["Python", "3.13.x"], ["go", "1.26.x"]]) {
  console.log("found", name, tools.find(name, wanted));
}
console.log("found java", tools.findAllVersions("Java_Temurin-Hotspot_jdk"));
' 2>&1
"$JAVA_HOME/bin/java" -version
test "$(ulimit -n)" -ge 65536
# Go's own runtime takes five minutes to compile without KVM.
test "$(go env GOROOT)" = "$(dirname "$(dirname "$(readlink -f /usr/local/bin/go)")")"
printf '#include <stdio.h>\nint main(void) { return puts("hello from a container") < 0; }\n' > hello.c
gcc -static -o hello hello.c
printf 'FROM scratch\nCOPY hello /hello\nENTRYPOINT ["/hello"]\n' > Dockerfile
docker build --quiet --tag hello .
docker run --rm hello 2>&1
df --output=used -BM / | tail -n 1
"""


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    made = Mirror(tmp_path_factory.mktemp("mirror"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, mirror: Mirror) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    extends = os.path.relpath(ROOT / "recipes/github-runner-ubuntu24", folder)
    text = RECIPE.format(extends=extends, url=mirror.url, key=mirror.docker_key, runner=mirror.tools["runner"].version)
    packages = zip(("docker", "", "containerd", "buildx", "compose"), DOCKER.values(), strict=True)
    for name, (version, _) in packages:
        text += f'[tools.{name}]\nversion = "{version}"\n' if name else ""
    for name, tool in mirror.tools.items():
        if name not in ("runner", "tool_cache"):
            text += f'[tools.{name}]\nversion = "{tool.version}"\nurl = "{mirror.url}/{tool.path}"\n'
            text += f'sha256 = {{ amd64 = "{tool.sha256}" }}\n'
    (folder / "recipe.toml").write_text(text)
    runner = mirror.tools["runner"]
    (folder / "checksums").write_text(f"{runner.sha256}  {Path(runner.path).name}\n")
    (folder / "mirror.pem").write_bytes(mirror.certificate)
    (folder / "apt.conf").write_text('Acquire::https::CAInfo "/opt/mirror.pem";\n')
    return folder


def test_the_runners_image_is_built_booted_and_runs_a_job(
    shell: MachineShell, recipe: Path, mirror: Mirror, tmp_path: Path
) -> None:
    shell("image", "build", str(recipe), "--sbom", str(tmp_path))
    (bill,) = tmp_path.glob("vm-runner-amd64-*.cdx.json")
    components = cyclonedx.read(bill.read_text(), bill.name).components
    assert {"npm", "deb", "pypi", "golang", "tool"} == {one.kind for one in components}
    cached = {one.name for one in components if one.kind == "tool"}
    assert cached == {"node", "Python", "go", "Java_Temurin-Hotspot_jdk"}
    inspected = shell("image", "inspect", FAMILY, "--arch", "amd64").stdout
    assert f"node={mirror.tools['node'].version}" in inspected
    assert "docker=29.8.2" in inspected

    policy = tmp_path / "policy.json"
    policy.write_text(shell("policy", "--for", "self-destruct").stdout)
    shell("local", "policy", str(policy), "--role", "self-destruct")
    up = ["runner", "up", *REPO, "--image", FAMILY, "--arch", "amd64", "--cpu", "2", "--memory", "2.."]
    name = values(shell(*up, "--timeout", "20m", env=ROLE).stdout)["RUNNER_NAME"]
    (instance_id,) = shell("instance", "ls", "-q").stdout.split()
    assert "the image has no runner" not in shell.console(instance_id)
    job = tmp_path / "job.sh"
    job.write_text(JOB.replace("URL", mirror.url))
    done = shell("local", "job", str(job), *REPO, "--label", name, "--wait").stdout
    for tool in ("node", "Python", "go"):
        assert f"found {tool} /opt/hostedtoolcache/{tool}/" in done
    assert f"found java [ '{mirror.tools['java'].version.replace('+', '-')}' ]" in done
    assert "hello from a container" in done
    wait_until_gone(shell, instance_id, 180)
    assert "nothing to sweep" in shell("sweep", "--yes").stderr

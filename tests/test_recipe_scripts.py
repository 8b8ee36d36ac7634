"""The scripts of the runners' image, run as they are on folders of their own: what they install, and what they refuse.

In a mount namespace, so it needs root; the real files, and a whole system, are in `tests/vm`.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

RECIPE = Path(__file__).parents[1] / "recipes/github-runner-ubuntu24"
# The machine's own folders are hidden behind copies, and empty ones.
SETUP = """
set -euo pipefail
mount --make-rprivate /
mkdir -p {work}/opt {work}/bin
cp -a /etc {work}/etc
mount --bind {work}/etc /etc
mount --bind {work}/opt /opt
mount --bind {work}/bin /usr/local/bin
id runner > /dev/null 2>&1 || useradd runner
mkdir -p /opt/goldrun
cp {recipe}/files/tools.sh /opt/goldrun/tools.sh
echo 'PATH="/usr/bin"' > /etc/environment
"""
PROGRAM = "#!/bin/sh\necho $0\n"
ARCH = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine, "")
HAS_NAMESPACES = os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0
pytestmark = pytest.mark.skipif(not (HAS_NAMESPACES and ARCH), reason="mount namespaces need root")


def pack(file: Path, *names: str) -> str:
    """Pack programs into an archive; return its checksum."""
    with tarfile.open(file, f"w:{file.suffix[1:]}") as packed:  # type: ignore[call-overload]
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size, entry.uid = 0o755, len(PROGRAM), 1234
            packed.addfile(entry, io.BytesIO(PROGRAM.encode()))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def play(work: Path, script: str, check: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the recipe, and then commands that look at what it has left."""
    text = SETUP.format(work=work, recipe=RECIPE) + f"bash {RECIPE}/scripts/{script}\n{check}\n"
    return subprocess.run(
        ["unshare", "--mount", "bash", "-c", text],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


CASES = {
    "node": ("node.sh", "node.xz", ("n/bin/node", "n/bin/npm", "n/bin/npx"), "24.1.0", "node/24.1.0", "node npm npx"),
    "python": ("python.sh", "py.gz", ("p/bin/python3",), "3.13.15+20260814", "Python/3.13.15", ""),
    "go": ("go.sh", "go.gz", ("go/bin/go", "go/bin/gofmt"), "1.26.7", "go/1.26.7", "go gofmt"),
    "java": (
        "java.sh",
        "jdk.gz",
        ("jdk/bin/java", "jdk/bin/javac", "jdk/bin/jar"),
        "21.0.12+8",
        "Java_Temurin-Hotspot_jdk/21.0.12-8",
        "java javac jar",
    ),
}


@pytest.mark.parametrize("tool", CASES)
def test_a_language_is_where_its_setup_action_looks(tmp_path: Path, tool: str) -> None:
    script, file, names, version, place, linked = CASES[tool]
    digest = pack(tmp_path / file, *names)
    folder = f"/opt/hostedtoolcache/{place}/{ARCH}"
    check = f"test -x {folder}/{names[0].partition('/')[2]} && test -e {folder}.complete\n"
    check += f"test $(stat -c %U {folder}) = runner && cat /etc/environment && ls /usr/local/bin && ls {folder}/bin"
    given = {f"{tool.upper()}_VERSION": version, f"{tool.upper()}_URL": f"file://{tmp_path / file}"}
    done = play(tmp_path, script, check, **given, **{f"{tool.upper()}_SHA256": digest})
    assert done.returncode == 0, done.stderr
    assert set(linked.split()) <= set(done.stdout.split())
    if tool == "python":
        assert "python\n" in done.stdout, "setup-python runs python"
    if tool == "java":
        assert f"JAVA_HOME={folder}\nJAVA_HOME_21_{ARCH.upper()}={folder}\n" in done.stdout
    if tool == "go":
        assert f"GOROOT_1_26_{ARCH.upper()}={folder}\n" in done.stdout


@pytest.mark.parametrize("tool", CASES)
def test_a_file_that_is_not_the_pinned_one_installs_nothing(tmp_path: Path, tool: str) -> None:
    script, file, names, version, _, _ = CASES[tool]
    pack(tmp_path / file, *names)
    given = {f"{tool.upper()}_VERSION": version, f"{tool.upper()}_URL": f"file://{tmp_path / file}"}
    done = play(tmp_path, script, "", **given, **{f"{tool.upper()}_SHA256": "0" * 64})
    assert done.returncode != 0
    assert "did NOT match" in done.stderr
    assert list((tmp_path / "opt").glob("hostedtoolcache/*")) == []
    assert list((tmp_path / "bin").iterdir()) == []


def test_programs_are_installed_only_as_they_are_pinned(tmp_path: Path) -> None:
    gh, helm, tofu = (tmp_path / f"{name}.gz" for name in ("gh", "helm", "tofu"))
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(PROGRAM)
    sums = {
        "GH": (gh, pack(gh, "gh_2/bin/gh")),
        "HELM": (helm, pack(helm, "linux-amd64/helm")),
        "OPENTOFU": (tofu, pack(tofu, "tofu", "LICENSE")),
        "KUBECTL": (kubectl, hashlib.sha256(PROGRAM.encode()).hexdigest()),
    }
    given = {f"{name}_VERSION": "1" for name in sums}
    given |= {f"{name}_URL": f"file://{file}" for name, (file, _) in sums.items()}
    given |= {f"{name}_SHA256": digest for name, (_, digest) in sums.items()}
    rest = f"bash {RECIPE}/scripts/kubernetes.sh && bash {RECIPE}/scripts/opentofu.sh && ls /usr/local/bin"
    done = play(tmp_path, "github-cli.sh", rest, **given)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["gh", "helm", "kubectl", "tofu"]
    for name in ("HELM", "KUBECTL"):
        broken = play(tmp_path / name, "kubernetes.sh", "", **{**given, f"{name}_SHA256": "0" * 64})
        assert broken.returncode != 0
        assert not (tmp_path / name / "bin" / name.lower()).exists()


def test_the_manifest_names_what_is_in_and_nothing_that_was_left_out(tmp_path: Path) -> None:
    given = {
        "RUNNER_VERSION": "2.335.0",
        "DOCKER_VERSION": "5:29.8.2-1~ubuntu.24.04~noble",
        "JAVA_VERSION": "21.0.12+8",
    }
    stand_in = "#!/bin/sh\necho 1:2.43.0-1\n"
    folder = tmp_path / "path"
    folder.mkdir()
    (folder / "dpkg-query").write_text(stand_in)
    (folder / "dpkg-query").chmod(0o755)
    done = subprocess.run(
        ["bash", RECIPE / "scripts/manifest.sh"],
        env={"PATH": f"{folder}:{os.environ['PATH']}", **given},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert {"runner=2.335.0", "docker=29.8.2", "java=21.0.12", "git=2.43.0"} <= set(lines)
    assert not [line for line in lines if line.startswith(("node", "helm"))]

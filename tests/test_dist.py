"""What is released, installed as users install it, by each tool that they use (needs a package index)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tools.release_notes import notes

from goldrun import __version__
from goldrun.extras import MODULES

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
SLOW = pytest.mark.skipif(not os.environ.get("GOLDRUN_TEST_DIST"), reason="GOLDRUN_TEST_DIST is not set")
TOOLS = {
    "pip": "{bin}/python -m venv {home}/env && {home}/env/bin/pip install -q --find-links {dist} {wheel}",
    "pipx": "{bin}/pipx install -q --pip-args='--find-links {dist}' {wheel}",
    "uv": "{bin}/uv tool install -q --find-links {dist} {wheel}",
}


def test_both_packages_ask_for_each_other_in_this_version() -> None:
    local = tomllib.loads((ROOT / "packages/local-cloud/pyproject.toml").read_text())["project"]
    assert f"goldrun=={__version__}" in local["dependencies"]
    main = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert main["optional-dependencies"]["local"] == [f"goldrun-local-cloud=={__version__}"]


def test_the_notes_of_a_release_are_its_part_of_the_changelog() -> None:
    text = "# Changelog\n\n## Unreleased\n\nnew\n\n## 1.2.0 - 2026-11-01\n\n### Fixed\n- this\n\n## 1.1.0\n\n- that\n"
    assert notes(text, "1.2.0") == "### Fixed\n- this"
    assert notes(text, "1.1.0") == "- that"
    for absent in ("1.0.0", "1.2", "1x2.0"):
        with pytest.raises(ValueError, match="says nothing"):
            notes(text, absent)


def test_a_tag_that_is_not_the_version_is_refused() -> None:
    tool = [sys.executable, str(ROOT / "tools/release_notes.py"), "v0.0.9"]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"have the version {__version__}" in done.stderr


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what `make dist` builds."""
    folder, pages = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("man")
    for place, spoken in (("man1", "en"), ("zh_CN/man1", "zh_CN")):
        write = [sys.executable, "-m", "tools.man_pages", str(pages / place)]
        subprocess.run(write, cwd=ROOT, check=True, env={**os.environ, "GOLDRUN_LANG": spoken})
    for package in (ROOT, ROOT / "packages/local-cloud"):
        build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
        env = {**os.environ, "GOLDRUN_MAN_PAGES": str(pages)}
        subprocess.run(build, cwd=package, check=True, capture_output=True, env=env)
    return folder


@SLOW
def test_every_command_has_a_manual_page_that_man_can_show(dist: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(dist / f"goldrun-{__version__}-py3-none-any.whl") as wheel:
        wheel.extractall(tmp_path)
    share = tmp_path / f"goldrun-{__version__}.data/data/share/man"
    for place, words in (("man1", "Build RECIPE's image"), ("zh_CN/man1", "按 RECIPE 构建镜像")):
        pages = {page.name: page.read_text() for page in (share / place).iterdir()}
        assert {"goldrun.1", "goldrun-image-build.1", "goldrun-setup.1", "goldrun-local-up.1"} <= pages.keys()
        assert words in pages["goldrun-image-build.1"]
        assert not [name for name, page in pages.items() if "\b" in page]
        if groff := shutil.which("groff"):
            files = sorted(map(str, (share / place).iterdir()))
            done = subprocess.run(
                [groff, "-k", "-man", "-Tutf8", "-wmac", "-wmissing", "-z", *files], capture_output=True, check=True
            )
            # How a line is broken is a matter of taste.
            assert not [line for line in done.stderr.splitlines() if not line.endswith((b"adjust line", b"break line"))]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder without a history; the local cloud in it is stopped."""
    folder = tmp_path / "home"
    folder.mkdir()
    yield folder
    if (folder / "goldrun").exists():
        shell("goldrun local down", folder, code=None)


def shell(command: str, home: Path, *, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    env: Mapping[str, str] = {
        "HOME": str(home),
        "PATH": f"{home}/env/bin:{home}/.local/bin:{BIN}:/usr/bin:/bin",
        "GOLDRUN_LOCAL_DATA": str(home / "goldrun/cloud.db"),
        # Where packages come from is the machine's business.
        **{name: text for name, text in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))},
        "UV_SYSTEM_CERTS": "1",
        "UV_NATIVE_TLS": "1",  # the same, for older ones
        "UV_PYTHON": sys.executable,
        "PIPX_DEFAULT_PYTHON": sys.executable,
    }
    done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, timeout=600, check=False)
    assert code is None or done.returncode == code, (command, done.stdout, done.stderr)
    return done


@SLOW
@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_missing_is_added_by_the_command_that_the_message_names(tool: str, dist: Path, home: Path) -> None:
    wheel = dist / f"goldrun-{__version__}-py3-none-any.whl"
    shell(TOOLS[tool].format(bin=BIN, home=home, dist=dist, wheel=wheel), home)
    assert __version__ in shell("goldrun --version", home).stdout
    asked = {"local": "goldrun local status", "migrate": "goldrun migrate check /etc/hostname"}
    for extra, command in asked.items():
        told = shell(command, home, code=2).stderr
        fix = re.search("fix: (.*)", told)
        assert fix, told
        assert f"{extra}]" in fix[1]
        shell(fix[1], home)
        assert "which is not installed" not in shell(command, home, code=None).stderr
    # The first extra is still there.
    shell("goldrun local up --detach --port 0 --seed", home)
    shell('eval "$(goldrun local env)" && goldrun image id github-runner-ubuntu24 --arch amd64', home)


@SLOW
def test_every_extra_and_every_command_in_a_fresh_environment(dist: Path, home: Path) -> None:
    every = ",".join(sorted({*MODULES.values()}))
    shell(
        f"{BIN}/uv venv -q {home}/env && {BIN}/uv pip install -q --python {home}/env --find-links {dist} "
        f"'goldrun[{every}]'",
        home,
    )
    for module in MODULES:
        shell(f"python -c 'import {module}'", home)
    assert __version__ in shell("python -m goldrun --version", home).stdout
    assert __version__ in shell("GARM_COMMAND=GetVersion goldrun-garm-provider", home).stdout
    shell("local-cloud --help", home)
    listed = shell("goldrun --help", home).stdout
    nouns = re.findall(r"^  ([a-z]+)  +[A-Z]", listed.partition("Commands:")[2], re.MULTILINE)
    assert len(nouns) > 10
    for noun in nouns:
        shell(f"goldrun {noun} --help", home)
    completed = shell('eval "$(goldrun completion bash)"; complete -p goldrun', home).stdout
    assert "_goldrun_completion" in completed
    for kind in ("zsh", "fish"):
        assert "_GOLDRUN_COMPLETE" in shell(f"goldrun completion {kind}", home).stdout
    chinese = shell("GOLDRUN_LANG=zh_CN goldrun --help", home).stdout
    assert "镜像" in chinese


FIRST_DAY = """
set -euo pipefail
cd "$HOME"
eval "$(goldrun completion bash)"
goldrun local up --detach --port 0 --seed --run-jobs-here
eval "$(goldrun local env)"
goldrun whoami
goldrun setup --repo octo-org/octo-repo --workflows --yes > setup.env
set -a && . ./setup.env && set +a
goldrun doctor --repo octo-org/octo-repo --image github-runner-ubuntu24 --arch amd64 --public-ip
goldrun local clock --speed 20
eval "$(goldrun runner up --repo octo-org/octo-repo --image github-runner-ubuntu24 --arch amd64 --public-ip)"
echo 'echo hello from a spot instance' > job.sh
goldrun local job job.sh --repo octo-org/octo-repo --label "$RUNNER_LABEL" --wait
goldrun cost --days 1
goldrun sweep --repo octo-org/octo-repo --dry-run
goldrun setup --repo octo-org/octo-repo --workflows --destroy --yes
goldrun setup --plan --destroy
"""


@SLOW
def test_the_first_day(dist: Path, home: Path) -> None:
    """From a wheel to a runner, its job and its cost, and everything gone again, as one would paste it."""
    shell(
        f"{BIN}/uv venv -q {home}/env && {BIN}/uv pip install -q --python {home}/env --find-links {dist} "
        "'goldrun[local,setup]'",
        home,
    )
    day = shell(FIRST_DAY, home)
    assert "hello from a spot instance" in day.stdout
    assert "0 broken, 0 warnings" in day.stderr, day.stdout[-3000:]
    assert "review and merge: " in day.stderr
    assert "0 to add, 0 to change, 0 to destroy" in day.stderr.splitlines()[-1]

"""`goldrun image id` in a script is answered without the option parser, and as with it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Running

QUICK = "from goldrun.cli.start import run; run()"
ALONE = f"import sys; sys.modules['click'] = None; {QUICK}"
WHOLE = "from goldrun.cli.main import run; run()"
NAME = "github-runner-ubuntu24-amd64-latest"


def run(code: str, words: list[str], env: dict[str, str], folder: Path) -> tuple[int, str, str]:
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, re.sub(r"request id: \S+", "request id: …", done.stderr)


FOUND = [
    [NAME],
    [NAME, "--quiet"],
    ["github-runner-ubuntu24", "--arch", "arm64", "-q"],
    [NAME, "--region", "cn-hangzhou"],
    ["m-localnewamd64"],
]


@pytest.mark.parametrize("words", FOUND, ids=" ".join)
def test_what_is_found(words: list[str], env: dict[str, str], tmp_path: Path) -> None:
    quick = run(ALONE, ["image", "id", *words], env, tmp_path)
    assert quick == run(WHOLE, ["image", "id", *words], env, tmp_path)
    assert quick[0] == 0
    assert "m-localnew" in quick[1]


@pytest.mark.parametrize(
    "words",
    [
        ["image", "id"],
        ["image", "id", "--help"],
        ["image", "id", "no-such-image"],
        ["image", "id", "a b"],
        ["image", "id", "github-runner-ubuntu24"],
        ["image", "id", NAME, "--arch", "sparc"],
        ["image", "id", NAME, "--arch"],
        ["image", "id", NAME, "--arch", ""],
        ["image", "id", NAME, "--region", "mars"],
        ["image", "id", NAME, "--region", ""],
        ["image", "id", NAME, "--rejion", "cn-hangzhou"],
        ["image", "id", NAME, "another"],
        ["image", "id", NAME, "--json"],
        ["image", "id", NAME, "--all-regions"],
        ["image", "id", "--quiet", NAME],
        ["--quiet", "image", "id", NAME],
        ["image", "ls", "-q"],
    ],
    ids=" ".join,
)
def test_everything_else(words: list[str], env: dict[str, str], tmp_path: Path) -> None:
    assert run(QUICK, words, env, tmp_path) == run(WHOLE, words, env, tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        {"ALIYUN_REGION_ID": ""},
        {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": ""},
        {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "wrong"},
        {"GOLDRUN_ENDPOINT": "http://127.0.0.1:1", "GOLDRUN_TIMEOUT": "0.1"},
        {"GOLDRUN_LANG": "zh_CN", "ALIYUN_REGION_ID": "mars"},
        {"GITHUB_ACTIONS": "true", "ALIYUN_REGION_ID": "mars"},
        {"GITHUB_ACTIONS": "true"},
        {"ARCH": "arm64"},
        {"GOLDRUN_CONTEXT": "nowhere"},
        {"GOLDRUN_CONFIG": "nowhere.toml"},
    ],
    ids=str,
)
def test_environments(more: dict[str, str], env: dict[str, str], tmp_path: Path) -> None:
    words = ["image", "id", NAME]
    assert run(QUICK, words, env | more, tmp_path) == run(WHOLE, words, env | more, tmp_path)


@pytest.mark.parametrize("where", ["goldrun.toml", "../goldrun.toml", "../.config/goldrun/config.toml"])
def test_files_of_settings_count(where: str, env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    file = folder / where
    file.parent.mkdir(parents=True, exist_ok=True)
    own = 'current = "far"\n[contexts.far]\n' if file.name == "config.toml" else ""
    file.write_text(f'{own}region_id = "cn-beijing"\n')
    home = {"HOME": str(tmp_path / ("" if own else "home"))}
    found = run(QUICK, ["image", "id", NAME], {**env, **home, "ALIYUN_REGION_ID": ""}, folder)
    assert found == run(WHOLE, ["image", "id", NAME], {**env, **home, "ALIYUN_REGION_ID": ""}, folder)
    assert "cn-beijing" in found[2]


def test_a_repository_s_file_is_not_searched_beyond_it(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "goldrun.toml").write_text('region_id = "cn-beijing"\n')
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    assert run(ALONE, ["image", "id", NAME], env | {"HOME": "/nowhere"}, repository)[0] == 0


def test_a_publish_that_is_interrupted_is_noted(populated: Running, env: dict[str, str], tmp_path: Path) -> None:
    populated.image("half-amd64-20260101000000", tags={"Latest": "true"})
    words = ["image", "id", "half-amd64-latest"]
    quick = run(ALONE, words, env, tmp_path)
    assert quick == run(WHOLE, words, env, tmp_path)
    assert "A publish is running" in quick[2]
    assert run(ALONE, [*words, "-q"], env, tmp_path)[2] == ""

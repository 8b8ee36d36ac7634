"""`goldrun setup --auth app`, with a person in a real Chromium: the page, GitHub's, and the code that comes back."""

from __future__ import annotations

import re
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud.github.records import GitHubApp, GitHubSecret
from tests.chromium import Tab, chromium, needs_chromium
from tests.commands import GOLDRUN, run_goldrun
from tests.conftest import Running

pytestmark = needs_chromium


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    with chromium(tmp_path) as made:
        yield made


def github(live: Running, home: Path) -> dict[str, str]:
    """The local cloud's environment, with its GitHub."""
    return live.environment(HOME=str(home), **live.github())


class Setup:
    """The command as it runs, and the page that it tells."""

    def __init__(self, live: Running, home: Path, *more: str) -> None:
        words = [*GOLDRUN, "setup", "--repo", "octo-org/octo-repo", "--zone", "cn-hangzhou-k", "--auth", "app", "--yes"]
        env = github(live, home)
        self.process = subprocess.Popen(
            [*words, *more],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        self.notes: list[str] = []

    def page(self) -> str:
        """The next page that it tells."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.notes.append(line)
            if match := re.search(r"open this page in your browser: (\S+)", line):
                return match[1]
        raise AssertionError("".join(self.notes))

    def end(self) -> str:
        """What it prints in the end."""
        out, notes = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, "".join(self.notes) + notes
        return out


@pytest.fixture
def setup(live: Running, tmp_path: Path) -> Iterator[Setup]:
    made = Setup(live, tmp_path)
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.communicate()


def test_a_person_makes_and_installs_the_app(live: Running, tmp_path: Path, tab: Tab, setup: Setup) -> None:
    tab.open(setup.page())
    tab.click("#go")
    tab.wait("document.title === 'Create GitHub App for octo-org'")
    assert "administration: write" in tab.run("document.body.innerText")
    tab.click("#create")
    tab.wait("document.title === 'Install goldrun-octo-org'")
    tab.click("#install")
    tab.wait("document.title === 'goldrun-octo-org is installed'")
    told = dict(line.split("=", 1) for line in setup.end().splitlines())
    app = next(iter(live.cloud.store.all(GitHubApp)))
    assert told["GOLDRUN_GITHUB_APP_ID"] == app.id
    file = Path(told["GOLDRUN_GITHUB_APP_KEY_FILE"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert next(iter(live.cloud.store.all(GitHubSecret))).name == "GOLDRUN_GITHUB_APP_KEY"
    # The whole is true as printed: goldrun works as this App.
    env = {name: text for name, text in github(live, tmp_path).items() if name != "GOLDRUN_GITHUB_TOKEN"}
    words = ("doctor", "--repo", "octo-org/octo-repo", "--for", "runner")
    done = run_goldrun(words, {**env, **told}, tmp_path, code=None)
    assert "may administer runners of octo-org/octo-repo" in done.stdout, done


def test_the_page_is_for_the_person_alone(live: Running, tmp_path: Path, tab: Tab, setup: Setup) -> None:
    """No secret, no page; a code without the mark counts for nothing; no other site can frame GitHub's page."""
    page = setup.page()
    base, _, secret = page.rpartition("/")
    for url, host in (
        (f"{base}/", ""),
        (f"{base}/{'x' * len(secret)}", ""),
        (f"{base}/{'x' * len(secret)}/done?code=1&state=1", ""),
        (f"{page}/done?code=1", ""),
        (f"{page}/done?code=1&state=wrong", ""),
        (page, "evil.example"),
    ):
        request = urllib.request.Request(url, headers={"host": host} if host else {})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=20)
        caught.value.close()
        assert caught.value.code == 403, url
    # A page of another site sends the form there by itself, and cannot go on alone.
    tab.open(page)
    tab.wait("document.querySelector('#go') !== null")
    form = tab.run("document.querySelector('form').outerHTML")
    (tmp_path / "evil.html").write_text(f"<!doctype html><title>evil</title><iframe name=f></iframe>{form}")
    tab.open(f"file://{tmp_path}/evil.html")
    tab.wait("document.title === 'evil' && document.querySelector('#go') !== null")
    tab.run("const form = document.querySelector('form'); form.target = 'f'; form.submit()")
    assert "Create GitHub App" not in tab.framed()
    assert not list(live.cloud.store.all(GitHubApp))

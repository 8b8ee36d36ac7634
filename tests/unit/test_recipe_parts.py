"""Parts of a build that run on the builder, run here: files that it fetches, and Ansible's playbooks."""

from __future__ import annotations

import getpass
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import pytest

from goldrun.bake.reading import load
from goldrun.bake.template import TEMPLATE
from goldrun.errors import UsageError
from tests.background import serve_in_background

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.template:
        src: greeting.j2
        dest: "{{ lookup('env', 'PLACE') }}"
        mode: "0600"
"""
BIG = os.urandom(3 * 1024 * 1024)


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/big").write_bytes(BIG)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "mirror")))
    thread = serve_in_background(server)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for path, text in TEMPLATE.items():
        (tmp_path / "tools" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tools" / path).write_text(text.replace("FAMILY", "tools"))
    return tmp_path / "tools"


def play(script: str, **env: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}", "HOME": env.get("HOME", "/tmp"), **env}
    file = files("goldrun.bake").joinpath(script)
    return subprocess.run(["bash", str(file)], env=own, capture_output=True, text=True, timeout=120, check=False)


def fetch(url: str, target: Path, digest: str) -> subprocess.CompletedProcess[str]:
    return play("fetch.sh", URL=url, SHA256=digest, TARGET=str(target), MODE="0640", OWNER=getpass.getuser())


def test_a_file_of_any_size_is_fetched_and_verified(mirror: str, tmp_path: Path) -> None:
    target = tmp_path / "deep/er/big"
    done = fetch(f"{mirror}/big", target, hashlib.sha256(BIG).hexdigest())
    assert done.returncode == 0, done.stderr
    assert "3145728 bytes, checksum right" in done.stdout
    assert target.read_bytes() == BIG
    assert target.stat().st_mode & 0o777 == 0o640


def test_another_file_is_not_put_there(mirror: str, tmp_path: Path) -> None:
    target = tmp_path / "big"
    target.write_text("before")
    assert fetch(f"{mirror}/big", target, "0" * 64).returncode != 0
    assert fetch(f"{mirror}/missing", target, hashlib.sha256(BIG).hexdigest()).returncode != 0
    assert target.read_text() == "before"


def test_ansible_plays_a_playbook(tmp_path: Path) -> None:
    """The real one, with a template beside the playbook and the recipe's variables in the environment."""
    folder, place = tmp_path / "sent", tmp_path / "greeting"
    folder.mkdir()
    (folder / "site.yml").write_text(PLAYBOOK)
    (folder / "greeting.j2").write_text("hello from {{ lookup('env', 'FAMILY') }}\n")
    done = play(
        "playbook.sh", FOLDER=str(folder), PLAYBOOK="site.yml", PLACE=str(place), FAMILY="tools", HOME=str(tmp_path)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.read_text() == "hello from tools\n"
    assert not folder.exists(), "what was sent is removed"


def test_a_playbook_that_fails_fails_the_step_and_a_missing_ansible_is_told(tmp_path: Path) -> None:
    for text, path, words in (
        ("- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.fail: {msg: broken}\n", None, "broken"),
        (PLAYBOOK, "/usr/bin:/bin", "let an earlier step install it"),
    ):
        folder = tmp_path / "sent"
        folder.mkdir()
        (folder / "site.yml").write_text(text)
        more = {"PATH": path} if path else {}
        done = play("playbook.sh", FOLDER=str(folder), PLAYBOOK="site.yml", HOME=str(tmp_path), **more)
        assert done.returncode != 0
        assert words in done.stdout + done.stderr
        assert not folder.exists()


def add(recipe: Path, text: str) -> None:
    with (recipe / "recipe.toml").open("a") as file:
        file.write(f"\n{text}\n")


def test_what_is_fetched_or_played_is_part_of_the_hash(recipe: Path) -> None:
    def digest() -> str:
        return load(recipe).version_hash("amd64", "m-1")

    bare = digest()
    add(recipe, f'[[files]]\nsource = "https://example.com/a"\ntarget = "/opt/a"\nsha256 = "{"a" * 64}"')
    fetched = digest()
    (recipe / "ansible/roles/x/tasks").mkdir(parents=True)
    (recipe / "ansible/site.yml").write_text("- hosts: all\n")
    (recipe / "ansible/roles/x/tasks/main.yml").write_text("[]\n")
    add(recipe, '[[steps]]\nname = "Play"\nplaybook = "ansible/site.yml"')
    played = digest()
    (recipe / "ansible/roles/x/tasks/main.yml").write_text("[] # changed\n")
    changed = digest()
    text = (recipe / "recipe.toml").read_text()
    (recipe / "recipe.toml").write_text(text.replace("https://example.com/a", "https://mirror.example.com/a"))
    assert digest() == changed, "where it is fetched is not what it is"
    (recipe / "recipe.toml").write_text(text.replace("a" * 64, "b" * 64))
    assert len({bare, fetched, played, changed, digest()}) == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[files]]\nsource = "https://example.com/a"\ntarget = "/opt/a"', "needs its SHA-256"),
        (f'[[files]]\nsource = "files/motd"\ntarget = "/opt/a"\nsha256 = "{"a" * 64}"', "for a file that is fetched"),
        (
            f'[[files]]\nsource = "https://example.com/a"\ntarget = "/opt/a"\nsha256 = "{"a" * 64}"\ntemplate = true',
            "cannot be a template",
        ),
        ('[[files]]\nsource = "http://example.com/a"\ntarget = "/opt/a"', "cannot be read"),
        ('[[steps]]\nname = "Play"\nplaybook = "site.yml"', "needs a folder of its own"),
        ('[[steps]]\nname = "Play"\nplaybook = "ansible/site.yml"', "is not a file"),
        ('[[steps]]\nname = "Play"', "needs a script or a playbook"),
        ('[[steps]]\nname = "P"\nscript = "scripts/install.sh"\nplaybook = "a/b.yml"', "needs a script or a playbook"),
        ('[[files]]\nsource = "files/motd"\ntarget = "/opt/a"\nbefore = "Nothing"', "there is no step 'Nothing'"),
    ],
)
def test_mistakes(recipe: Path, text: str, told: str) -> None:
    add(recipe, text)
    with pytest.raises(UsageError) as caught:
        load(recipe)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("disks", "problem"),
    [
        ('mount = "/srv"\nsize = 10', "a data disk has 20 to 32768 GiB"),
        ('mount = "srv"', "'srv' is not a place for a data disk"),
        ('mount = "/"', "'/' is not a place for a data disk"),
        ('mount = "/etc/x"', "'/etc/x' is not a place for a data disk"),
        ('mount = "/srv/../etc"', "is not a place for a data disk"),
        ('mount = "/a b"', "is not a place for a data disk"),
        ('mount = "/lib64"', "'/lib64' is not a place for a data disk"),
        ('mount = "/run"', "'/run' is not a place for a data disk"),
        ('mount = "/srv"\nfilesystem = "btrfs"', "btrfs"),
        ("size = 40", "mount"),
        ("\n".join(['mount = "/d0"', *(f'[[disks]]\nmount = "/d{n}"' for n in range(1, 17))]), "16 data disks at most"),
    ],
)
def test_wrong_data_disks_are_told(recipe: Path, disks: str, problem: str) -> None:
    (recipe / "recipe.toml").write_text(f"{(recipe / 'recipe.toml').read_text()}\n[[disks]]\n{disks}\n")
    with pytest.raises(UsageError) as caught:
        load(recipe)
    assert problem in str(caught.value)


@pytest.mark.parametrize("mount", ["/runner", "/etcd", "/library", "/srv/etc"])
def test_a_name_that_begins_like_a_place_of_the_system_is_another(recipe: Path, mount: str) -> None:
    with (recipe / "recipe.toml").open("a") as file:
        file.write(f'[[disks]]\nmount = "{mount}"\n')
    assert [disk.mount for disk in load(recipe).recipe.disks] == [mount]


def test_data_disks_of_an_extended_recipe_come_first(recipe: Path, tmp_path: Path) -> None:
    with (recipe / "recipe.toml").open("a") as file:
        file.write('[[disks]]\nmount = "/srv"\n[[disks]]\nmount = "/cache"\n')
    (tmp_path / "more").mkdir()
    (tmp_path / "more/recipe.toml").write_text(
        'extends = "../tools"\nfamily = "more"\n[[disks]]\nmount = "/srv"\nsize = 60\n[[disks]]\nmount = "/data"\n'
    )
    disks = load(tmp_path / "more").recipe.disks
    assert [(disk.mount, disk.size) for disk in disks] == [("/srv", 60), ("/cache", 40), ("/data", 40)]

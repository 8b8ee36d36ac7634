"""Recipes from Packer's templates: what is taken over, what is not, and on which line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tools.terminal import run_on_terminal

from goldrun.bake import reading as recipes
from goldrun.bake.recipe import Loaded
from goldrun.errors import UsageError
from goldrun.migrate.packer import Draft, convert
from tests.commands import GOLDRUN, Goldrun

TEMPLATE = r"""packer {
  required_plugins { alicloud = { source = "github.com/hashicorp/alicloud", version = ">= 1.1.0" } }
}
variable "version" { default = "1.2" }
variable "unset" { type = string }
locals { stamp = formatdate("YYYYMMDD", timestamp()) }
source "alicloud-ecs" "base" {
  region            = "cn-hangzhou"
  image_name        = "tools-${local.stamp}"
  image_description = "tools ${var.version}"
  source_image      = "ubuntu_24_04_x64_20G_alibase_20260930.vhd"
  instance_type     = "ecs.c7.large"
  ssh_username      = "root"
  tags              = { team = "platform", "cost-center" = "${var.version}" }
  something_new     = true
  system_disk_mapping {
    disk_size     = 60
    disk_category = "cloud_essd"
  }
  image_disk_mappings {
    disk_size = 100
  }
}
source "docker" "other" { image = "debian" }
build {
  sources = ["source.alicloud-ecs.base"]
  provisioner "file" {
    source      = "motd"
    destination = "/etc/"
  }
  provisioner "shell" {
    environment_vars = ["V=${var.version}", "Q=it's \"x\""]
    inline           = ["echo \"$V\"", "printf '%s\\n' \"$Q\""]
    execute_command  = "sudo {{ .Path }}"
  }
  provisioner "shell" {
    environment_vars = ["A=b"]
    scripts          = ["one.sh", "missing.sh", "two.sh"]
  }
  provisioner "shell" {
    inline = [<<-EOF
      cat > /x <<END
      a
      END
    EOF
    ]
  }
  provisioner "file" {
    source      = "folder"
    destination = "/opt"
  }
  provisioner "ansible" { playbook_file = "site.yml" }
  post-processor "manifest" {}
}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "motd").write_bytes(b"welcome\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "one.sh").write_text("#!/bin/bash -e\necho one\n")
    (tmp_path / "two.sh").write_text("echo two\n")
    file = tmp_path / "image.pkr.hcl"
    file.write_text(TEMPLATE)
    return file


def draft_of(template: Path, text: str = TEMPLATE, family: str = "") -> Draft:
    return convert(text, template, family)


def write(draft: Draft, folder: Path) -> Loaded:
    for path, content in draft.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return recipes.load(folder)


def test_the_recipe_is_valid_and_has_what_the_template_has(template: Path, tmp_path: Path) -> None:
    loaded = write(draft_of(template), tmp_path / "recipe")
    recipe = loaded.recipe
    assert (recipe.family, recipe.description, recipe.builder.disk) == ("tools", "tools 1.2", 60)
    assert (recipe.base.amd64, recipe.base.arm64) == ("acs:ubuntu_24_04_x64", "")
    assert [(file.target, loaded.contents[file.source]) for file in recipe.files] == [("/etc/motd", b"welcome\n")]
    assert recipe.tags == {"team": "platform", "cost-center": "1.2"}
    scripts = [loaded.contents[step.script].decode() for step in recipe.steps]
    assert scripts[1] == "#!/bin/bash -e\nexport A='b'\necho one\n"
    assert scripts[2] == "#!/bin/sh -e\nexport A='b'\necho two\n"
    assert scripts[3].endswith("cat > /x <<END\na\nEND\n\n") or scripts[3].endswith("cat > /x <<END\na\nEND\n")


def test_a_family_that_is_named_is_the_recipe_s_and_the_list_s(template: Path) -> None:
    """The list named the template's."""
    draft = convert(template.read_text(), template, "ours")
    assert draft.family == "ours"
    assert "family = 'ours'" in " ".join(note.outcome for note in draft.notes)


def test_inline_commands_do_what_they_did(template: Path, tmp_path: Path) -> None:
    loaded = write(draft_of(template), tmp_path / "recipe")
    script = loaded.contents[loaded.recipe.steps[0].script].decode()
    done = subprocess.run(["sh", "-e", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == '1.2\nit\'s "x"\n'


def test_every_part_is_listed_with_its_line(template: Path) -> None:
    notes = {(note.line, note.found): note for note in draft_of(template).notes}
    lines = TEMPLATE.splitlines()
    for (line, found), note in notes.items():
        assert found.split()[0] in lines[line - 1], note
        assert note.outcome
    taken = {found for (_, found), note in notes.items() if note.taken}
    assert taken == {
        *("image_name", "image_description", "source_image", "disk_size", "tags"),
        *("file motd", "inline", "one.sh", "two.sh"),
    }
    left = {found: note.outcome for (_, found), note in notes.items() if not note.taken}
    assert set(left) == {
        *("region", "instance_type", "ssh_username", "something_new", "image_disk_mappings"),
        *("disk_category", "execute_command", "scripts missing.sh", "provisioner", "file folder"),
        *("provisioner ansible", "post-processor"),
    } - {"provisioner", "disk_category"}
    assert left["something_new"] == "not known to goldrun"
    assert "scripts missing.sh" in left


@pytest.mark.parametrize(
    ("option", "base"),
    [
        ('source_image = "m-bp1example"', ("", "")),
        ('source_image = "${var.unset}"', ("", "")),
        ('image_family = "acs:ubuntu_24_04_arm64"', ("", "acs:ubuntu_24_04_arm64")),
        ('source_image = "aliyun_3_arm64_20G_alibase_20260930.vhd"', ("", "acs:aliyun_3_arm64")),
    ],
)
def test_a_base_that_is_no_family_is_left_to_the_reader(template: Path, option: str, base: tuple[str, str]) -> None:
    text = TEMPLATE.replace('source_image      = "ubuntu_24_04_x64_20G_alibase_20260930.vhd"', option)
    draft = draft_of(template, text)
    assert (draft.base.get("amd64", ""), draft.base.get("arm64", "")) == base


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('source "alicloud-ecs" "x" {\n  a = \n}\n', "is not HCL"),
        ("", "has no source of the builder alicloud-ecs"),
        ('source "amazon-ebs" "x" {}\n', "has no source of the builder alicloud-ecs"),
        ('{"builders": []}', "is not HCL"),
    ],
)
def test_what_is_no_such_template_is_an_error(template: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        draft_of(template, text)
    assert words in str(caught.value)
    assert str(template) in str(caught.value)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}


def test_the_command_writes_a_new_folder_and_lists_what_it_did(
    goldrun: Goldrun, template: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "recipe"
    done = goldrun("recipe", "from-packer", str(template), str(folder), "--family", "other")
    assert f"{template}:9\timage_name\tyes\t" in done.stdout
    assert recipes.load(folder).recipe.family == "other"
    assert (folder / "scripts/01-inline.sh").stat().st_mode & 0o111
    before = (folder / "recipe.toml").read_bytes()
    assert "is not empty" in goldrun("recipe", "from-packer", str(template), str(folder), code=2).stderr
    assert (folder / "recipe.toml").read_bytes() == before
    goldrun("recipe", "from-packer", str(tmp_path / "none.hcl"), str(tmp_path / "new"), code=2)
    (tmp_path / "binary.hcl").write_bytes(b"\xff\xfe")
    goldrun("recipe", "from-packer", str(tmp_path / "binary.hcl"), str(tmp_path / "new"), code=2)
    assert not (tmp_path / "new").exists()


def test_what_to_do_instead_is_in_the_persons_language_on_a_terminal_alone(
    goldrun: Goldrun, template: Path, tmp_path: Path
) -> None:
    goldrun.env.update(LANG="zh_CN.UTF-8", NO_COLOR="1")
    words = ("recipe", "from-packer", str(template))
    code, shown = run_on_terminal([*GOLDRUN, *words, str(tmp_path / "one")], goldrun.env, columns=200)
    assert code == 0, shown
    assert "不需要：脚本由云助手运行，不经 ssh" in shown
    piped = goldrun(*words, str(tmp_path / "two"))
    assert "\tnot needed: scripts run by Cloud Assistant, without ssh\n" in piped.stdout

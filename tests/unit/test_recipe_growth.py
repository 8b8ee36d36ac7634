"""Recipes that grow: what one adds to another, parameters, tags of one's own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from goldrun.bake.reading import load, read_parameters
from goldrun.bake.template import TEMPLATE
from goldrun.errors import UsageError

CHILD = """
family = "ours"
extends = "../tools"
description = "tools, and ours"

[versions]
node = "24.1.0"

[[steps]]
name = "Install ours"
script = "scripts/ours.sh"

[[smoke]]
name = "ours is in the image"
command = "ours --version"
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    for path, text in TEMPLATE.items():
        write(tmp_path / "tools" / path, text.replace("FAMILY", "tools"))
    return tmp_path / "tools"


@pytest.fixture
def ours(tools: Path) -> Path:
    folder = tools.parent / "ours"
    write(folder / "recipe.toml", CHILD)
    write(folder / "scripts/ours.sh", "#!/bin/bash\n")
    return folder


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def add(folder: Path, text: str, *, first: bool = False) -> None:
    file = folder / "recipe.toml"
    file.write_text(f"{text}\n{file.read_text()}" if first else f"{file.read_text()}\n{text}\n")


FEATURES = """
[features]
extra = true
[tools.gh]
version = "2.83.0"
github = "cli/cli"
feature = "extra"
[[files]]
source = "files/motd"
target = "/etc/extra"
feature = "extra"
[[steps]]
name = "Extra"
script = "scripts/install.sh"
feature = "extra"
[[tests]]
name = "extra"
command = "true"
feature = "extra"
[[smoke]]
name = "extra"
command = "true"
feature = "extra"
"""


def test_features_are_left_out_with_all_that_belongs_to_them(ours: Path, tools: Path) -> None:
    bare = load(tools)
    add(tools, FEATURES)
    whole = load(tools)
    assert whole.recipe.steps[-1].name == "Extra"
    assert whole.variables("amd64")["GH_VERSION"] == "2.83.0"
    assert whole.version_hash("amd64", "m-1") != bare.version_hash("amd64", "m-1")
    without = load(tools.parent / "ours").recipe
    assert "Extra" in [step.name for step in without.steps]
    add(ours, "[features]\nextra = false")
    left = load(ours)
    assert "Extra" not in [step.name for step in left.recipe.steps]
    assert "/etc/extra" not in [file.target for file in left.recipe.files]
    assert "extra" not in [test.name for test in (*left.recipe.tests, *left.recipe.smoke)]
    assert "GH_VERSION" not in left.variables("amd64")
    text = (tools / "recipe.toml").read_text()
    (tools / "recipe.toml").write_text(text.replace("extra = true", "extra = false"))
    assert load(tools).version_hash("amd64", "m-1") == bare.version_hash("amd64", "m-1"), (
        "what is left out is not there"
    )
    (tools / "recipe.toml").write_text(text.replace("extra = true", "other = true"))
    with pytest.raises(UsageError, match="extra is not under"):
        load(tools)


def test_a_recipe_adds_to_another(ours: Path, tools: Path) -> None:
    loaded, base = load(ours), load(tools)
    recipe = loaded.recipe
    assert (recipe.family, recipe.description) == ("ours", "tools, and ours")
    assert recipe.base == base.recipe.base
    assert recipe.versions == {"jq": "1.7", "node": "24.1.0"}
    assert [step.name for step in recipe.steps] == ["Install jq", "Install ours"]
    assert [test.name for test in recipe.smoke] == ["jq is in the image", "ours is in the image"]
    assert [step.script for step in recipe.steps] == ["../tools/scripts/install.sh", "scripts/ours.sh"]
    assert set(loaded.contents) == {"../tools/scripts/install.sh", "../tools/files/motd", "scripts/ours.sh"}
    assert recipe.builder == base.recipe.builder
    assert recipe.retention.keep == 2


def test_what_has_the_same_name_takes_the_others_place(ours: Path) -> None:
    write(ours / "scripts/install.sh", "#!/bin/bash\necho another\n")
    add(ours, '[[steps]]\nname = "Install jq"\nscript = "scripts/install.sh"\n[base]\narm64 = ""\n[builder]\ndisk = 60')
    loaded = load(ours)
    assert [(step.name, step.script) for step in loaded.recipe.steps] == [
        ("Install jq", "scripts/install.sh"),
        ("Install ours", "scripts/ours.sh"),
    ]
    assert loaded.architectures == ("amd64",)
    assert (loaded.recipe.builder.disk, loaded.recipe.builder.cpu) == (60, "2..")


def test_a_change_in_what_it_extends_changes_its_hash(ours: Path, tools: Path) -> None:
    before = load(ours).version_hash("amd64", "m-base")
    assert load(ours).version_hash("amd64", "m-base") == before
    write(tools / "scripts/install.sh", "#!/bin/bash\necho new\n")
    assert load(ours).version_hash("amd64", "m-base") != before


def test_the_same_content_has_the_hash_that_it_had(tools: Path) -> None:
    """Or every image would be built again because of a new goldrun."""
    assert load(tools).version_hash("amd64", "m-base") == "44bab69ab27a108a22f30b57b9c8fc50"


@pytest.mark.parametrize(
    ("extends", "words"),
    [
        ("../nowhere", "is not a recipe's folder"),
        ("../ours", "lead in a circle"),
        ("../circle", "lead in a circle"),
        ("../tools/recipe.toml", "is not a recipe's folder"),
    ],
)
def test_what_cannot_be_extended(ours: Path, extends: str, words: str) -> None:
    write(ours.parent / "circle/recipe.toml", CHILD.replace("../tools", "../ours"))
    file = ours / "recipe.toml"
    file.write_text(file.read_text().replace("../tools", extends))
    with pytest.raises(UsageError, match=words) as caught:
        load(ours)
    assert "recipe.toml:3: " in str(caught.value)


def test_nine_recipes_in_a_row_are_too_many_and_no_circle(ours: Path) -> None:
    folder = ours.parent
    for number in range(1, 9):
        write(
            folder / f"r{number}/recipe.toml",
            CHILD.replace("../tools", f"../r{number + 1}" if number < 8 else "../tools"),
        )
    with pytest.raises(UsageError, match=r"\.\./tools is one too many: at most 8 recipes may extend each other"):
        load(folder / "r1")
    with pytest.raises(UsageError, match=r"scripts/ours\.sh cannot be read"):
        load(folder / "r2")


def test_a_mistake_in_what_it_extends_is_told_there(ours: Path, tools: Path) -> None:
    add(tools, '[limits]\nbuild = "soon"')
    with pytest.raises(UsageError) as caught:
        load(ours)
    assert str(caught.value).startswith(f"{ours / '../tools'}".replace("ours/../", ""))


PARAMETERS = """
[parameters]
stage = "staging"
owner = { description = "who pays" }

[parameters.size]
default = "small"
choices = ["small", "large"]

[tags]
Stage = "{{ parameters.stage }}"
cost-center = "{{parameters.owner}}"
"""


def test_a_mistake_that_the_whole_has_is_told_with_its_own_line(ours: Path, tools: Path) -> None:
    """Places in the whole list were looked for in one file: a line of another file, or the first one, was told."""
    add(ours, '[[files]]\nsource = "scripts/ours.sh"\ntarget = "/opt/ours"\nbefore = "Nothing"')
    line = (ours / "recipe.toml").read_text().split("\n").index('before = "Nothing"') + 1
    with pytest.raises(UsageError, match=rf"ours/recipe\.toml:{line}: there is no step 'Nothing'"):
        load(ours)
    write(ours / "recipe.toml", CHILD)
    text = (tools / "recipe.toml").read_text()
    (tools / "recipe.toml").write_text(text.replace('timeout = "10m"', 'timeout = "10m"\nfeature = "extra"'))
    with pytest.raises(UsageError, match=r"tools/recipe\.toml:\d+: extra is not under \[features\]"):
        load(tools)
    with pytest.raises(UsageError, match=r"ours/recipe\.toml:1: extra is not under \[features\]"):
        load(ours)


def test_parameters_are_filled_in_and_given_to_scripts(tools: Path) -> None:
    add(tools, PARAMETERS)
    loaded = load(tools, {"owner": "ci", "stage": "production"})
    assert loaded.recipe.tags == {"Stage": "production", "cost-center": "ci"}
    assert loaded.parameters == {"stage": "production", "owner": "ci", "size": "small"}
    variables = loaded.variables("amd64")
    assert (variables["STAGE"], variables["OWNER"], variables["SIZE"]) == ("production", "ci", "small")
    assert load(tools, {"owner": "ci"}).version_hash("amd64", "m") != loaded.version_hash("amd64", "m")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "The parameter owner (who pays) has no value"),
        ({"owner": "ci", "stgae": "x"}, "no parameter stgae"),
        ({"owner": "ci", "size": "huge"}, "size cannot be 'huge'"),
        ({"owner": "a\nb"}, "line break"),
    ],
)
def test_values_that_are_refused(tools: Path, given: dict[str, str], words: str) -> None:
    add(tools, PARAMETERS)
    with pytest.raises(UsageError) as caught:
        load(tools, given)
    assert words in str(caught.value)


SUM = "0" * 64
GH = f'[tools.gh]\nversion = "1"\nurl = "https://x/{{version}}"\nsha256 = {{ amd64 = "{SUM}", arm64 = "{SUM}" }}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[parameters]\nBad = "x"', "'Bad' is not a name"),
        ('[parameters]\narch = "x"', "another variable ARCH"),
        ('[parameters]\njq_version = "x"', "another variable JQ_VERSION"),
        ('[parameters]\na-b = "x"\na_b = "y"', "another variable A_B"),
        ('[environment]\nhttp-proxy = "x"', "'http-proxy' cannot be the name of a variable"),
        (f'[parameters]\ngh_sha256 = "x"\n{GH}', "another variable GH_SHA256"),
        (f'[parameters]\ngh_url = "x"\n{GH}', "another variable GH_URL"),
        ('[parameters]\ngoproxy = "x"\n[mirrors]\nprofile = "china"', "another variable GOPROXY"),
        (FEATURES.replace("extra = true", "extra = true\nextar = false"), "nothing belongs to the feature extar"),
        ('[environment]\nARCH = "x"', "scripts have another variable ARCH"),
        ('[mirrors.replace]\n"https://x" = "https://["', "a mirror is used by https alone"),
        ('[parameters.size]\ndefault = "x"\nchoices = ["a"]', "not one of the choices"),
        ('[parameters.size]\ndefalt = "x"', "defalt"),
        ('[tags]\nManagedBy = "me"', "a tag of goldrun's own"),
        ('[tags]\n"Manifest.2" = "me"', "a tag of goldrun's own"),
        ('[tags]\nfamily = "me"', "a tag of goldrun's own"),
        ('[tags]\n"acs:x" = "me"', "ECS takes no keys"),
        (f'[tags]\n{"k" * 129} = "me"', "1 to 128 characters"),
        ('[tags]\nx = "https://example.com"', "no addresses"),
        (f'[tags]\nx = "{"y" * 129}"', "at most 128"),
        ('[tags]\na="1"\nb="1"\nc="1"\nd="1"\ne="1"\nf="1"', "5 tags at most"),
        ('[tags]\nx = "{{ parameters.nobody }}"', "nobody is not under [parameters]"),
    ],
)
def test_mistakes_are_told(tools: Path, text: str, words: str) -> None:
    add(tools, text)
    with pytest.raises(UsageError) as caught:
        load(tools)
    assert words in str(caught.value)


def test_a_file_can_be_a_template(tools: Path) -> None:
    write(tools / "files/motd", "Welcome to {{ parameters.stage }}, {{.ID}}\n")
    file = tools / "recipe.toml"
    file.write_text(file.read_text().replace('mode = "0644"', 'mode = "0644"\ntemplate = true'))
    with pytest.raises(UsageError, match="stage is not under"):
        load(tools)
    add(tools, '[parameters]\nstage = "staging"')
    staging, production = load(tools), load(tools, {"stage": "production"})
    assert production.content_of(production.recipe.files[0]) == b"Welcome to production, {{.ID}}\n"
    assert staging.version_hash("amd64", "m") != production.version_hash("amd64", "m")
    (tools / "files/motd").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="has to be UTF-8"):
        load(tools)


def test_parameters_come_from_a_file_and_words(tmp_path: Path) -> None:
    file = tmp_path / "production.toml"
    file.write_text('stage = "production"\nowner = "ci"\n')
    assert read_parameters(file, ["owner=me", "empty="]) == {"stage": "production", "owner": "me", "empty": ""}
    for words in (["stage"], ["=x"]):
        with pytest.raises(UsageError, match="not NAME=VALUE"):
            read_parameters(None, words)
    file.write_text("stage = 7\n")
    with pytest.raises(UsageError, match=r"production\.toml:1"):
        read_parameters(file, [])
    with pytest.raises(UsageError, match="cannot be read"):
        read_parameters(tmp_path / "none.toml", [])


def test_the_schema_knows_them() -> None:
    text = (Path(__file__).parents[2] / "schemas/recipe.schema.json").read_text()
    properties = json.loads(text)["$defs"]["Recipe"]["properties"]
    assert {"extends", "parameters", "tags"} <= properties.keys()


def test_a_folder_is_sent_with_everything_in_it(ours: Path, tools: Path) -> None:
    write(tools / "files/etc/one.conf", "{{ parameters.stage }}\n")
    write(tools / "files/etc/deep/run", "#!/bin/sh\n")
    (tools / "files/etc/deep/run").chmod(0o755)
    add(tools, '[[files]]\nsource = "files/etc"\ntarget = "/etc/ours"\ntemplate = true\n[parameters]\nstage = "x"')
    for folder, prefix in ((tools, ""), (ours, "../tools/")):
        loaded = load(folder)
        assert [(file.source, file.target, file.mode) for file in loaded.recipe.files] == [
            (f"{prefix}files/motd", "/etc/motd", "0644"),
            (f"{prefix}files/etc/deep/run", "/etc/ours/deep/run", "0755"),
            (f"{prefix}files/etc/one.conf", "/etc/ours/one.conf", "0644"),
        ]
        assert loaded.content_of(loaded.recipe.files[2]) == b"x\n"
    before = load(ours).version_hash("amd64", "m")
    (tools / "files/etc/deep/run").chmod(0o644)
    assert load(ours).version_hash("amd64", "m") != before


def test_paths_may_be_written_in_other_ways(ours: Path, tools: Path) -> None:
    """`./files` was sent as nothing at all, and a playbook with `./` was a traceback."""
    write(tools / "files/etc/one.conf", "one\n")
    write(tools / "ansible/site.yml", "- hosts: all\n")
    before = load(tools)
    add(tools, '[[files]]\nsource = "./files//etc/"\ntarget = "/etc/ours"')
    add(tools, '[[steps]]\nname = "Play"\nplaybook = "./ansible/site.yml"')
    add(tools, '[[steps]]\nname = "Again"\nscript = "scripts/../scripts/install.sh"')
    for folder, prefix in ((tools, ""), (ours, "../tools/")):
        loaded = load(folder)
        assert [one.source for one in loaded.recipe.files] == [f"{prefix}files/motd", f"{prefix}files/etc/one.conf"]
        play, again = (step for step in loaded.recipe.steps if step.name in ("Play", "Again"))
        assert loaded.playbook_of(play) == {"site.yml": b"- hosts: all\n"}
        assert loaded.contents[again.script] == loaded.contents[f"{prefix}scripts/install.sh"]
        assert loaded.version_hash("amd64", "m") != before.version_hash("amd64", "m")


def test_what_a_feature_leaves_out_replaces_nothing(tools: Path) -> None:
    """The file of the folder was not sent either: what was left out had taken its place."""
    write(tools / "files/etc/one.conf", "one\n")
    add(tools, '[[files]]\nsource = "files/etc"\ntarget = "/etc/ours"')
    add(tools, '[[files]]\nsource = "files/motd"\ntarget = "/etc/ours/one.conf"\nfeature = "extra"')
    add(tools, "[features]\nextra = true")
    assert load(tools).recipe.files[1].source == "files/motd"
    file = tools / "recipe.toml"
    file.write_text(file.read_text().replace("extra = true", "extra = false"))
    assert load(tools).recipe.files[1].source == "files/etc/one.conf"


def test_a_file_for_a_step_that_is_left_out_is_not_forgotten(tools: Path) -> None:
    """It was sent at no time, and nothing said so."""
    add(tools, '[[steps]]\nname = "Extra"\nscript = "scripts/install.sh"\nfeature = "extra"')
    add(tools, '[[files]]\nsource = "files/motd"\ntarget = "/etc/late"\nbefore = "Extra"')
    add(tools, "[features]\nextra = false")
    with pytest.raises(UsageError, match="'Extra' is left out, and /etc/late is sent before it: give both the feature"):
        load(tools)
    file = tools / "recipe.toml"
    file.write_text(file.read_text().replace('before = "Extra"', 'before = "Extra"\nfeature = "extra"'))
    assert [one.target for one in load(tools).recipe.files] == ["/etc/motd"]


def test_one_recipe_sends_one_file_to_one_place(ours: Path, tools: Path) -> None:
    """The first one was dropped, even if the second belongs to a feature that is left out."""
    twice = '[[files]]\nsource = "files/motd"\ntarget = "/etc/motd"\nfeature = "extra"'
    write(ours / "files/motd", "ours\n")
    add(ours, f"{twice}\n[features]\nextra = true")
    assert load(ours).recipe.files[0].source == "files/motd"
    add(tools, f"{twice}\n[features]\nextra = false")
    with pytest.raises(UsageError, match="'/etc/motd' is defined twice"):
        load(tools)


def test_a_recipe_s_folder_may_be_a_link(ours: Path, tools: Path, tmp_path: Path) -> None:
    """Its files were looked for beside the folder that the link leads to."""
    write(tools / "files/etc/run", "#!/bin/sh\n")
    (tools / "files/etc/run").chmod(0o755)
    add(tools, '[[files]]\nsource = "files/etc"\ntarget = "/etc/ours"')
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    ours.rename(tmp_path / "elsewhere/deep/ours")
    ours.symlink_to(tmp_path / "elsewhere/deep/ours")
    assert [(one.target, one.mode) for one in load(ours).recipe.files] == [
        ("/etc/motd", "0644"),
        ("/etc/ours/run", "0755"),
    ]


def test_names_and_values_are_utf_8(tools: Path) -> None:
    """Others were a traceback, when the hash was made."""
    add(tools, '[parameters]\nstage = "x"\n[[files]]\nsource = "files/etc"\ntarget = "/etc/ours"')
    write(tools / "files/etc" / os.fsdecode(b"caf\xe9"), "x")
    with pytest.raises(UsageError, match=r"files/etc/caf\\udce9 has a name that is not UTF-8"):
        load(tools)
    (tools / "files/etc" / os.fsdecode(b"caf\xe9")).rename(tools / "files/etc/café")
    assert load(tools).recipe.files[1].target == "/etc/ours/café"
    with pytest.raises(UsageError, match="The value of the parameter stage is not UTF-8"):
        load(tools, {"stage": os.fsdecode(b"caf\xe9")})


def test_a_large_file_is_refused_without_reading_it(tools: Path) -> None:
    """It was read whole: a disk image of some gigabytes ended the process."""
    with (tools / "disk.img").open("wb") as file:
        file.truncate(1 << 40)
    add(tools, '[[files]]\nsource = "disk.img"\ntarget = "/opt/disk.img"')
    with pytest.raises(UsageError, match=r"disk\.img has 1,099,511,627,776 bytes; 1,048,576 can be sent"):
        load(tools)


@pytest.mark.parametrize("place", ["script", "playbook", "source", "manifest", "extends"])
@pytest.mark.parametrize(
    "text", ['"""#!/bin/bash\n' + "echo a line\n" * 50 + '"""', '"a\\u0000b/c"', f'"{"n" * 300}/c"']
)
def test_what_is_no_path_is_told(tools: Path, place: str, text: str) -> None:
    """A script in place of its path was a traceback: the name is too long."""
    where = {
        "script": f'[[steps]]\nname = "x"\nscript = {text}',
        "playbook": f'[[steps]]\nname = "x"\nplaybook = {text}',
        "source": f'[[files]]\ntarget = "/x"\nsource = {text}',
    }
    add(tools, where.get(place, f"{place} = {text}"), first=place not in where)
    with pytest.raises(UsageError, match="' is not a path"):
        load(tools)


def test_a_path_is_checked_as_it_is_used(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template in `./files` was not checked, `.` was sent as nothing, and the others were tracebacks."""
    write(tools / "site.yml", "- hosts: all\n")
    write(tools / "files/etc/one.conf", "{{ parameters.nothing }}\n")
    monkeypatch.chdir(tools.parent)
    text = (tools / "recipe.toml").read_text()
    for more, words in (
        ('[[files]]\nsource = "./files/etc"\ntarget = "/etc/x"\ntemplate = true', "nothing is not under"),
        ('[[files]]\nsource = "."\ntarget = "/etc/x"', "name a folder in it"),
        ('[[files]]\nsource = "files/.."\ntarget = "/etc/x"', "name a folder in it"),
        ('[[files]]\nsource = ""\ntarget = "/etc/x"', "name a folder in it"),
        (f'[[files]]\nsource = "{tools}"\ntarget = "/etc/x"', "name a folder in it"),
        ('[[steps]]\nname = "Play"\nplaybook = "./site.yml"', "needs a folder of its own"),
    ):
        (tools / "recipe.toml").write_text(f"{text}\n{more}\n")
        with pytest.raises(UsageError, match=words):
            load(Path(tools.name))
    (tools / "recipe.toml").write_text(f'{text}\n[[files]]\nsource = "{tools}/files/etc"\ntarget = "/etc/x"\n')
    assert [one.target for one in load(Path(tools.name)).recipe.files] == ["/etc/motd", "/etc/x/one.conf"]


def test_a_folder_that_cannot_be_sent(tools: Path) -> None:
    (tools / "files/etc").mkdir()
    add(tools, '[[files]]\nsource = "files/etc"\ntarget = "/etc/ours"')
    with pytest.raises(UsageError, match="files/etc has no files"):
        load(tools)
    (tools / "files/etc/link").symlink_to("/etc/hostname")
    with pytest.raises(UsageError, match="outside the recipe"):
        load(tools)
    (tools / "files/etc/link").unlink()
    (tools / "files/etc/link").symlink_to(tools / "scripts")
    with pytest.raises(UsageError, match="files/etc/link is not a file"):
        load(tools)
    (tools / "files/etc/link").unlink()
    for outside in ("/", "..", "/etc"):
        file = tools / "recipe.toml"
        text = file.read_text()
        file.write_text(text.replace('"files/etc"', f'"{outside}"'))
        with pytest.raises(UsageError, match="outside the recipe's folder"):
            load(tools)
        file.write_text(text)
    for number in range(201):
        write(tools / f"files/etc/{number}", "x")
    with pytest.raises(UsageError, match="has 201 files; 200 can be sent"):
        load(tools)

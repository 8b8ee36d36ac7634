"""A planted advisory holds exactly the affected version back; an exception lets it through until its day."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from goldrun.bake.build import Built
from goldrun.bake.reading import load
from goldrun.cloud.images import Image
from goldrun.contents import osv
from goldrun.contents.components import Contents
from goldrun.errors import GoldrunError, RefusedError
from goldrun.images.publish import publish
from tests.conftest import Running
from tests.simulation.test_build import ALIAS, Heard, answer, cloud, folder, images, run
from tests.unit.test_contents import advisory, affected

__all__ = ["ALIAS", "cloud", "folder"]
LISTER = """#!/bin/bash
# simulate: seconds=3 output=os\tubuntu\t24.04
# simulate: output=deb\tlibssl3t64\tVERSION\tamd64\topenssl\tVERSION
"""


@pytest.fixture
def scanned(folder: Path, tmp_path: Path) -> Path:
    recipe = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text('packages = "packages.sh"\n' + recipe + '\n[scan]\nfail = "high"\n')
    use(folder, "3.0.1")
    advisory(folder / "osv", affected=[affected("Ubuntu:24.04:LTS", "openssl", fixed="3.0.2")], aliases=["CVE-2026-1"])
    return folder


def use(folder: Path, version: str) -> None:
    (folder / "packages.sh").write_text(LISTER.replace("VERSION", version))
    (folder / "motd").write_text(f"{version}\n")


def build(cloud: Running, folder: Path, heard: Heard | None = None, **options: Any) -> Built:
    return run(cloud, load(folder), heard=heard, advisories=lambda: osv.read(folder / "osv"), **options)


def except_until(folder: Path, day: str) -> None:
    text = re.sub(r"\n\[\[scan.*", "", (folder / "recipe.toml").read_text(), flags=re.DOTALL)
    more = f'\n[[scan.exceptions]]\nid = "CVE-2026-1"\nreason = "not reachable"\nuntil = {day}\n'
    (folder / "recipe.toml").write_text(text + more)


def test_exactly_the_affected_version_is_held_back(cloud: Running, scanned: Path) -> None:
    use(scanned, "3.0.2")
    good = build(cloud, scanned).image.image_id
    use(scanned, "3.0.1")
    heard = Heard()
    with pytest.raises(RefusedError, match="Advisories hold") as caught:
        build(cloud, scanned, heard)
    assert "critical: UBUNTU-CVE-2026-1000 in libssl3t64 3.0.1, fixed in 3.0.2" in str(caught.value)
    assert answer(cloud) == good
    assert cloud.instances() == []
    (held,) = [one for one in images(cloud) if one.id != good]
    assert held.tags["BootTest"] == "held"
    with pytest.raises(RefusedError, match="has not passed its boot test: it is held"):
        publish(cloud.client(), held.id)
    use(scanned, "3.0.3")
    assert build(cloud, scanned).image.image_id == answer(cloud)


def test_an_exception_releases_the_image_that_is_there_until_its_day(cloud: Running, scanned: Path) -> None:
    with pytest.raises(RefusedError):
        build(cloud, scanned)
    (held,) = images(cloud)
    with pytest.raises(RefusedError, match="hold"):
        build(cloud, scanned)
    assert [one.id for one in images(cloud)] == [held.id], "it is tested again, and not built again"
    except_until(scanned, "2020-01-01")
    with pytest.raises(RefusedError, match="its exception ended on 2020-01-01"):
        build(cloud, scanned)
    except_until(scanned, "2099-12-31")
    heard = Heard()
    built = build(cloud, scanned, heard)
    assert built.image.image_id == held.id
    assert answer(cloud) == held.id
    assert any("exception until 2099-12-31: not reachable" in line for line in heard.lines)
    assert built.image.tags["BootTest"] == "passed"


def test_what_was_not_published_is_scanned_again_before_it_is(cloud: Running, scanned: Path) -> None:
    """It had passed without a scan, or weeks ago with another database, and was published as it was."""
    text = (scanned / "recipe.toml").read_text()
    (scanned / "recipe.toml").write_text(text.replace('[scan]\nfail = "high"\n', ""))
    passed = run(cloud, load(scanned), publish=False)
    (scanned / "recipe.toml").write_text(text)
    assert build(cloud, scanned, publish=False).image.image_id == passed.image.image_id, "nothing is published"
    with pytest.raises(RefusedError, match="Advisories hold"):
        build(cloud, scanned)
    assert answer(cloud) == ""
    except_until(scanned, "2099-12-31")
    assert build(cloud, scanned).image.image_id == answer(cloud) == passed.image.image_id
    except_until(scanned, "2020-01-01")
    assert build(cloud, scanned).skipped, "what is published stays"


def test_force_builds_a_held_version_again(cloud: Running, scanned: Path) -> None:
    with pytest.raises(RefusedError):
        build(cloud, scanned)
    (held,) = images(cloud)
    (scanned / "osv/UBUNTU-CVE-2026-1000.json").unlink()
    advisory(scanned / "osv", "UBUNTU-CVE-2026-9", affected=[affected("Ubuntu:24.04:LTS", "jq", fixed="9")])
    built = build(cloud, scanned, force=True)
    assert built.image.image_id != held.id


def test_a_build_tells_what_it_could_not_compare(cloud: Running, scanned: Path) -> None:
    lister = (scanned / "packages.sh").read_text().replace("ubuntu", "alinux").replace("24.04", "3")
    (scanned / "packages.sh").write_text(lister)
    heard = Heard()
    build(cloud, scanned, heard)
    assert "1 packages of alinux 3 are not compared: OSV has no advisories about them." in heard.lines


def test_an_empty_list_proves_nothing(cloud: Running, scanned: Path) -> None:
    (scanned / "packages.sh").write_text("#!/bin/bash\n# simulate: seconds=1\n")
    with pytest.raises(RefusedError, match="its list of packages is empty"):
        build(cloud, scanned)
    assert answer(cloud) == ""


def test_a_broken_database_publishes_nothing(cloud: Running, scanned: Path) -> None:
    (scanned / "osv/broken.json").write_text("{")
    with pytest.raises(GoldrunError, match="not an advisory in the OSV format"):
        build(cloud, scanned)
    assert answer(cloud) == ""
    assert cloud.instances() == []
    (scanned / "osv/broken.json").unlink()
    use(scanned, "3.0.2")
    assert build(cloud, scanned).image.image_id == answer(cloud)


def test_what_is_inside_is_told_of_every_version_that_is_tested(cloud: Running, scanned: Path) -> None:
    told: list[tuple[str, int]] = []

    def listed(image: Image, contents: Contents) -> None:
        told.append((image.image_id, len(contents.components)))

    use(scanned, "3.0.2")
    built = build(cloud, scanned, listed=listed)
    assert told == [(built.image.image_id, 1)]
    build(cloud, scanned, listed=listed)
    assert len(told) == 1, "an image that is there already is not booted again"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('fail = "extreme"', "extreme"),
        ('[[scan.exceptions]]\nid = "CVE-1"\nuntil = 2026-12-31', "reason"),
        ('[[scan.exceptions]]\nid = "CVE-1"\nreason = "x"\nuntil = "soon"', "date"),
    ],
)
def test_mistakes_in_a_recipe(folder: Path, text: str, words: str) -> None:
    (folder / "recipe.toml").write_text((folder / "recipe.toml").read_text() + f"\n[scan]\n{text}\n")
    with pytest.raises(GoldrunError) as caught:
        load(folder)
    assert words in str(caught.value)

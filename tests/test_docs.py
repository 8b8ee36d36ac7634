"""Links of the docs lead somewhere, both languages match, and the commands of the README exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools.house import LOCAL, ROOT, SOURCE

PAGES = [page for folder in (".", "docs", "packages/local-cloud") for page in sorted((ROOT / folder).glob("*.md"))]
# The changelog is written in English alone, the user's own guide in Chinese.
PAIRS = {str(page.relative_to(ROOT)).split(".")[0] for page in PAGES} - {"CHANGELOG", "docs/image-usage-guide"}


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            aim = page.parent / path if path else page
            assert aim.exists(), target
            assert not anchor or anchor in anchors(aim), target


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("architecture*.md")), ids=lambda page: page.name)
def test_the_architecture_test_names_existing_modules(page: Path) -> None:
    for name in re.findall(r"`([\w./-]+(?:/|\.py|\.sh|\.json))`", page.read_text(encoding="utf-8")):
        assert any((folder / name).exists() for folder in (ROOT, SOURCE, LOCAL)), name


@pytest.mark.parametrize("page", sorted(PAIRS))
def test_every_page_exists_in_both_languages(page: str) -> None:
    for name, other in ((f"{page}.md", f"{page}.zh-CN.md"), (f"{page}.zh-CN.md", f"{page}.md")):
        assert f"]({Path(other).name})" in (ROOT / name).read_text(encoding="utf-8").split("\n## ")[0], name


@pytest.mark.parametrize("page", sorted(PAIRS - {"docs/style"}))  # each language has a style of its own
def test_both_languages_have_the_same_parts(page: str) -> None:
    """As many headings of each level, and the same commands."""

    def shape(name: str) -> tuple[list[str], list[str]]:
        text = (ROOT / name).read_text(encoding="utf-8")
        blocks = [
            re.sub(r"\s*#.*", "", block)
            for block in re.findall(r"```(?:bash|console|json|python|toml|yaml)\n(.*?)```", text, re.DOTALL)
        ]
        return re.findall(r"^(#+) ", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE), blocks

    assert shape(f"{page}.md") == shape(f"{page}.zh-CN.md")


def test_the_shell_lines_of_the_readme_are_valid_commands() -> None:
    """Every `goldrun …` and `make …` of the READMEs exists."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)) <= targets
    reference = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    for noun, verb in re.findall(r"^(?:\$ )?goldrun (\w+) (\w+)", text, re.MULTILINE):
        assert f"`goldrun {noun} {verb}`" in reference

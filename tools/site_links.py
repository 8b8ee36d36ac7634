"""A hook of MkDocs: links that leave docs/ lead to the repository."""

from __future__ import annotations

import re
from typing import Any

_OUTSIDE = re.compile(r"\]\((\.\./[^)\s]+|image-usage-guide\.zh-CN\.md)\)")
_OTHER_LANGUAGE = re.compile(r"^\[(?:中文|English)\]\([\w.-]+\.md\)(?: · )?", re.MULTILINE)


def on_page_markdown(markdown: str, *, config: Any, **_: Any) -> str:
    """Return a page whose links outside are absolute, without the link to its other language, which the site has."""
    base = f"{config['repo_url']}/blob/main"

    def absolute(found: re.Match[str]) -> str:
        target = found[1]
        inside = target.removeprefix("../") if target.startswith("../") else f"docs/{target}"
        return f"]({base}/{inside})"

    return _OUTSIDE.sub(absolute, _OTHER_LANGUAGE.sub("", markdown, count=1))

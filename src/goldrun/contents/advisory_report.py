"""What holds an image back, for people: Markdown, as the text of an issue at GitHub."""

from __future__ import annotations

from collections.abc import Sequence

from goldrun.contents.scan import Finding

# GitHub takes texts of 65,536 characters.
MOST_ROWS = 200
MOST_WORDS = 120  # characters of a summary


def write(findings: Sequence[Finding]) -> str:
    """Return a table of advisories; empty if there are none."""
    if not findings:
        return ""
    rows = [
        f"| {one.level} | {_code(one.advisory)} | {_code(f'{one.component.name} {one.component.version}')} "
        f"| {_code(one.fixed)} | {_plain(one.summary)} |"
        for one in findings[:MOST_ROWS]
    ]
    left = len(findings) - len(rows)
    more = [f"\n{left} more are not shown."] if left else []
    head = ["| severity | advisory | package | fixed in | summary |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows, *more]) + "\n"


def _code(text: str) -> str:
    # In code nothing is a mention, as of @actions in @actions/core.
    return f"`{text.replace('`', '').replace('|', '')}`" if text else "–"


def _plain(text: str) -> str:
    """Return words that stay in their cell and mention nobody: advisories come from elsewhere."""
    words = " ".join(text.split())
    short = words if len(words) <= MOST_WORDS else f"{words[: MOST_WORDS - 1]}…"
    escaped = "".join(f"\\{char}" if char in "\\`*_[]<>|#~" else char for char in short)
    return escaped.replace("@", "@\N{ZERO WIDTH SPACE}")

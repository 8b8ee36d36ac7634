"""What is inside an image as a page for people, as actions/runner-images has one for each of its images."""

from __future__ import annotations

from goldrun.contents.components import DEB, GOLANG, NPM, PYPI, RPM, TOOL, Contents

_TITLES = {
    TOOL: "Tool cache",
    DEB: "Debian packages",
    RPM: "RPM packages",
    PYPI: "Python packages",
    NPM: "Node packages",
    GOLANG: "Go modules",
}


def write(contents: Contents, image: str) -> str:
    """Return the report in Markdown; ``image`` is the image's name."""
    groups = contents.by_kind()
    lines = [f"# {image}", "", f"- System: {contents.system or 'unknown'} {contents.release}".rstrip()]
    lines += [f"- {title}: {len(groups[kind])}" for kind, title in _TITLES.items() if kind in groups]
    for kind, title in _TITLES.items():
        if kind in groups:
            lines += ["", f"## {title}", "", "| name | version |", "|---|---|"]
            lines += [f"| {_cell(one.name)} | {_cell(one.version)} |" for one in groups[kind]]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

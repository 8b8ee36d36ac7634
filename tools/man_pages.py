"""Writes the manual pages of all commands, in both languages: `man goldrun-image-build`.

Usage: GOLDRUN_LANG=zh_CN python -m tools.man_pages FOLDER
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
from click_man.core import write_man_pages

from goldrun import __version__
from goldrun.cli.lazy import in_language
from goldrun.cli.main import goldrun

_REQUESTS = "TH|SH|PP|TP|B|nf|fi"


def main(folder: Path) -> None:
    """Write a page for each command into a folder, in the language of the environment."""
    folder.mkdir(parents=True, exist_ok=True)
    _load(goldrun)
    # No date: the same sources make the same pages.
    write_man_pages("goldrun", in_language(goldrun), version=__version__, target_dir=str(folder), date=" ")
    for page in folder.glob("*.1"):
        # Click marks paragraphs that are not to be wrapped by a backspace; here they are literal ones.
        text = page.read_text(encoding="utf-8")
        parts = text.split("\n\b\n")
        whole = parts[0] + "".join(map(_literal, parts[1:]))
        # A line of text may begin as a request does: `.png`.
        page.write_text(re.sub(rf"(?m)^(?=['.])(?!\.(?:{_REQUESTS})\b)", r"\\&", whole), encoding="utf-8")


def _literal(part: str) -> str:
    """Return what follows the mark, its first paragraph as it stands."""
    lines, end, rest = part.partition("\n.")
    return f"\n.nf\n{lines.rstrip()}\n.fi{end or chr(10)}{rest}"


def _load(group: click.Group) -> None:
    """Import a group's commands, which are imported when they are called, and leave out the hidden ones."""
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    group.commands = {name: command for name, command in found.items() if command and not command.hidden}
    for command in group.commands.values():
        command.short_help = (command.help or "").partition("\n\n")[0]
        if isinstance(command, click.Group):
            _load(command)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""``--help`` and click's own messages in Chinese. Not imported for English."""

from __future__ import annotations

import gettext
import inspect
import os
import re
from collections.abc import Iterable
from unicodedata import east_asian_width

import click

from goldrun.messages import DOMAIN, FOLDER, translate

_NOT_FIRST = "，。；：、！？）」』》…"
_NOT_LAST = "（「『《"


def install() -> None:
    """Make click print Chinese in this process, with the messages of the catalogue and Chinese line breaks."""
    os.environ["LANGUAGE"] = "zh_CN"  # gettext's first choice; it does not know GOLDRUN_LANG
    gettext.bindtextdomain(DOMAIN, FOLDER)
    gettext.textdomain(DOMAIN)
    click.Context.formatter_class = ChineseFormatter


def translate_help(command: click.Command) -> click.Command:
    """Translate the help of a command, its options and its subcommands; return the command."""
    command.short_help = _paragraph(command.short_help or paragraphs(command.help or "")[0])
    command.help = _text(command.help)
    command.epilog = _text(command.epilog)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.help:
            parameter.help = _paragraph(parameter.help)
    if isinstance(command, click.Group):
        for child in command.commands.values():
            translate_help(child)
    return command


def paragraphs(text: str) -> list[str]:
    r"""Return the messages of a help text: its paragraphs, each on one line unless it begins with ``\b``."""
    found = inspect.cleandoc(text).split("\n\n")
    return [part if part.startswith("\b") else re.sub(r"\s*\n\s*", " ", part) for part in found]


def _text(text: str | None) -> str | None:
    return text and "\n\n".join(_paragraph(part) for part in paragraphs(text))


def _paragraph(text: str) -> str:
    if text.startswith("\b"):
        return "\n".join(
            f"{line[: len(line) - len(line.lstrip())]}{translate(line.strip())}" for line in text.split("\n")
        )
    return translate(text)


class ChineseFormatter(click.HelpFormatter):
    """Formats help pages with Chinese characters: two columns wide, with line breaks allowed after any of them."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """As click's, without a blank after a Chinese colon."""
        super().write_usage(prog, args, gettext.gettext("Usage:") if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        """As click's, with a Chinese colon."""
        self.write(f"{'':>{self.current_indent}}{heading}：\n")

    def write_text(self, text: str) -> None:
        """As click's."""
        indent = " " * self.current_indent
        parts = (_fill(part, self.width - self.current_indent) for part in paragraphs(text))
        self.write("\n\n".join("\n".join(indent + line for line in lines) for lines in parts) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """As click's."""
        rows = list(rows)
        column = min(max(_columns(first) for first, _ in rows), col_max) + col_spacing
        for first, second in rows:
            head = f"{'':>{self.current_indent}}{first}"
            if _columns(first) > column - col_spacing:
                head += f"\n{'':>{self.current_indent + column}}"
            else:
                head += " " * (column - _columns(first))
            lines = _fill(second, max(self.width - column - 2, 10))
            self.write(head + f"\n{'':>{self.current_indent + column}}".join(lines) + "\n")


def _columns(text: str) -> int:
    """Return its width on a terminal."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _fill(text: str, width: int) -> list[str]:
    r"""Return lines of at most ``width`` columns; those of a paragraph that begins with ``\b`` are not changed."""
    if text.startswith("\b"):
        return [line.rstrip() for line in text.split("\n")[1:]]
    lines = [""]
    # Line breaks separate neither words of other scripts nor punctuation from its character.
    for piece in re.findall(rf"\s+|[{_NOT_LAST}]*(?:[^\s⺀-￯]+|[⺀-￯])[{_NOT_FIRST}]*", text):
        if lines[-1] and _columns(lines[-1] + piece.rstrip()) > width:
            lines[-1] = lines[-1].rstrip()
            lines.append(piece.lstrip())
        else:
            lines[-1] += piece
    return lines

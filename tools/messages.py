"""The catalogue of messages: collects goldrun's messages, keeps the existing translations (`make messages`).

A message that has changed in English keeps its old translation, marked fuzzy: correct it, delete the mark and run this
again. Messages with a fuzzy or empty translation are shown in English. The compiled catalogue is committed: the scripts
of `.github/scripts` run from a checkout on bare Python, which cannot compile it.

Usage: python tools/messages.py [--check]
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldrun import config
from goldrun.cli.main import _NOUNS, goldrun
from goldrun.cli.translated import paragraphs
from goldrun.errors import EXIT_CODES
from goldrun.messages import PREFIXES

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [ROOT / "src/goldrun", ROOT / "packages/local-cloud/src/local_cloud/cli"]
# Their texts are for programs, or for files.
SILENT = {
    "policies.py",
    "shells.py",
    "tags.py",
    "template.py",
    "plot.py",
    "replacements.py",
    "self_destruct.py",
    "contract.py",
    "lean.py",
}
CLICK = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")
CATALOGUE = ROOT / "src/goldrun/locale/zh_CN/LC_MESSAGES/goldrun.po"


def collect() -> dict[str | tuple[str, str], set[str]]:
    """Return every message, and the files that contain it."""
    found: dict[str | tuple[str, str], set[str]] = {}

    def add(message: str | tuple[str, str], place: str) -> None:
        if message:
            found.setdefault(message, set()).add(place)

    for text in help_texts():
        add(text, "--help")
    for variable in config.VARIABLES:
        add(variable.meaning, "src/goldrun/config.py")
    for text in EXIT_CODES.values():
        add(text, "src/goldrun/errors.py")
    for text in ("interrupted", "clean", "publish", "prune", "{name}: {meaning}.", *PREFIXES):
        add(text, "src/goldrun/errors.py")
    for source in SOURCES:
        for file in sorted(source.rglob("*.py")) if source.is_dir() else [source]:
            if file.name not in SILENT and file.parent.name != "garm":
                for text in _spoken(ast.parse(file.read_text(encoding="utf-8"))):
                    if not text.startswith(PREFIXES):
                        add(text, str(file.relative_to(ROOT)))
    for name in CLICK:
        spec = find_spec(f"click.{name}")
        assert spec is not None
        assert spec.origin is not None
        for message in _marked(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
            add(message, "click")
    add("required", "click")
    return found


def help_texts() -> list[str]:
    """Return the texts of every ``--help`` page, without click's own."""
    return list(filter(None, [*_NOUNS.values(), *_help(goldrun)]))


def _help(command: click.Command) -> Iterator[str]:
    """Yield the ``--help`` texts of a command and its subcommands."""
    for text in (command.help, command.epilog, command.short_help):
        for part in paragraphs(text or ""):
            lines = part.split("\n")[1:] if part.startswith("\b") else [part]
            yield from (line.strip() for line in lines if not line.strip().startswith(("goldrun ", 'eval "')))
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.help:
            yield parameter.help
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _help(child)


def _spoken(tree: ast.Module) -> Iterator[str]:
    """Yield a module's texts that read like a sentence, f-strings as templates; without docstrings and help."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) or (isinstance(node, ast.keyword) and node.arg in {"help", "metavar"}):
            skipped.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            skipped.update(node.values)
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias" and node.value:
            skipped.add(node.value)
    for node in ast.walk(tree):
        if node in skipped:
            continue
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = template(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = re.sub(r"\{(?!\w+\})|(?<!\w)\}", r"\g<0>\g<0>", node.value)  # `{name}` is filled in later
        letters = re.sub(r"\{\w+\}", "", text)
        if re.search(r"[a-z]{2}", letters) and " " in letters.strip() and not re.search(r"[\n\\|]|\$\{|^#", text):
            yield text


def template(node: ast.JoinedStr) -> str:
    """Return the f-string with a name for each value: the variable's or the attribute's, else the function's."""
    names: dict[str, str] = {}
    text = ""
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            expression = ast.unparse(part.value)
            if expression not in names:
                name, number = _name(part.value), 2
                stem = name
                while name in names.values():
                    name, number = f"{stem}{number}", number + 1
                names[expression] = name
            text += f"{{{names[expression]}}}"
        elif isinstance(part, ast.Constant):
            text += str(part.value).replace("{", "{{").replace("}", "}}")
    return text


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_")
        case ast.Subscript(slice=ast.Constant(value=str() as key)):
            return re.sub(r"\W", "_", key).lower()
        case (
            ast.Call(func=ast.Attribute(attr="join"), args=[inner])
            | ast.Call(func=inner)
            | ast.Subscript(value=inner)
            | ast.GeneratorExp(elt=inner)
        ):
            return _name(inner)
    return "value"


def _marked(tree: ast.Module) -> Iterator[str | tuple[str, str]]:
    """Yield the texts that a module of click passes to gettext."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            texts = [
                argument.value
                for argument in node.args
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            ]
            if node.func.id == "_" and texts:
                yield texts[0]
            elif node.func.id == "ngettext" and len(texts) == 2:
                yield (texts[0], texts[1])


def update() -> Catalog:
    """Return the current catalogue: the messages of the code, the translations of the file."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po

    fresh = Catalog(project="goldrun", charset="utf-8")
    for message, places in sorted(collect().items(), key=lambda one: (min(one[1]), str(one[0]))):
        fresh.add(message, locations=[(place, 0) for place in sorted(places)])
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="zh_CN")
    catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = ""
    catalogue.update(fresh, update_creation_date=False)
    catalogue.obsolete.clear()
    return catalogue


def main() -> None:
    """Write the catalogue; with --check, exit with 1 if it is not current."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import write_po

    catalogue = update()
    text, compiled = io.BytesIO(), io.BytesIO()
    write_po(text, catalogue, width=120, omit_header=False, include_lineno=False, include_previous=True)
    write_mo(compiled, catalogue)
    written = {CATALOGUE: text.getvalue(), CATALOGUE.with_suffix(".mo"): compiled.getvalue()}
    messages = [message for message in catalogue if message.id]
    missing = [message for message in messages if message.fuzzy or not message.string or not any(message.string)]
    if "--check" in sys.argv:
        if any(not file.exists() or file.read_bytes() != content for file, content in written.items()):
            sys.exit("the catalogue of messages is not current: run `make messages`")
        if unsure := [str(message.id) for message in messages if message.fuzzy]:
            sys.exit(f"{CATALOGUE.relative_to(ROOT)} has translations to be looked at: {', '.join(unsure)}")
        if silent := {str(message.id) for message in missing} & set(help_texts()):
            sys.exit(f"no Chinese in {CATALOGUE.relative_to(ROOT)} for: {', '.join(sorted(silent))}")
        return
    for file, content in written.items():
        file.write_bytes(content)
    print(f"{len(messages)} messages, {len(missing)} without a translation")


if __name__ == "__main__":
    main()

"""Reads a recipe: follows what it extends, fills in its parameters, and checks all of it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from goldrun.bake.parts import File, Parameter, Step, Test, Tool
from goldrun.bake.recipe import FILE, REFERENCE, Loaded, Recipe, fill
from goldrun.bake.recipe_check import check_chosen, check_file, check_whole, path_problem
from goldrun.errors import UsageError
from goldrun.toml_file import Problem, parse, read_file, refuse

LONGEST_CHAIN = 8
# The key that identifies an element of each list: one with the same key replaces the other.
_KEYS = {"disks": "mount", "files": "target", "steps": "name", "tests": "name", "smoke": "name"}


@dataclass(frozen=True)
class _Source:
    """One ``recipe.toml``.

    Attributes:
        folder: the recipe's folder.
        text: the file's text.
        said: the same as data.
        recipe: the same, by itself.
    """

    folder: Path
    text: str
    said: dict[str, Any]
    recipe: Recipe

    @property
    def file(self) -> Path:
        return self.folder / FILE


def load(folder: Path, given: Mapping[str, str] | None = None) -> Loaded:
    """Read a recipe and check all of it.

    Args:
        folder: the recipe.
        given: values of its parameters.

    Raises:
        UsageError: it is not valid; lists every mistake with its line. Or a value is missing, or not valid.
    """
    chain = _chain(folder)
    values = _values(chain, given or {})
    whole: dict[str, Any] = {}
    contents: dict[str, bytes] = {}
    for source in chain:
        problems: list[Problem] = []
        said = _moved(_filled(source.said, values, (), problems), ".")
        named: dict[str, bytes] = {}
        problems += check_file(msgspec.convert(said, Recipe), source.folder, values, named)
        prefix = os.path.relpath(source.folder, folder)
        whole = _merged(whole, _moved(said, prefix))
        contents |= {_path(prefix, name): content for name, content in named.items()}
        if source is chain[-1]:
            found = check_whole(msgspec.convert(whole, Recipe))
            problems += [(_own_place(path, whole, said), words) for path, words in found]
        refuse(source.file, source.text, problems)
    chosen = _chosen(msgspec.convert(whole, Recipe))
    refuse(chain[-1].file, chain[-1].text, check_chosen(chosen))
    return Loaded(_expanded(chosen, folder, contents), contents, values)


def read_parameters(file: Path | None, words: Sequence[str]) -> dict[str, str]:
    """Return the values that a file and ``NAME=VALUE`` words give; the words count before the file.

    Raises:
        UsageError: one of them is not valid.
    """
    given: dict[str, str] = {}
    if file:
        text = read_file(file, fix='write lines NAME = "value".')
        given = parse(file, text, dict[str, str], fix='write lines NAME = "value".')
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise UsageError(f"{word!r} is not NAME=VALUE.", fix=["for example --set stage=production"])
        given[name] = value
    return given


def read_alone(folder: Path) -> tuple[str, Recipe]:
    """Return a ``recipe.toml`` and what it says by itself, without what it extends.

    Raises:
        UsageError: it cannot be read, or is not valid.
    """
    file = folder / FILE
    text = read_file(file, fix="goldrun recipe init writes a new one.")
    return text, parse(file, text, Recipe, fix="goldrun recipe schema prints the schema of a recipe.")


def read_whole(folder: Path) -> dict[str, Any]:
    """Return what a recipe says with what it extends, as data; its parameters are not filled in.

    Raises:
        UsageError: a recipe cannot be read, or is not valid.
    """
    whole: dict[str, Any] = {}
    for source in _chain(folder):
        whole = _merged(whole, source.said)
    return whole


def _chain(folder: Path) -> list[_Source]:
    """Return a recipe and those that it extends, the first of them first.

    Raises:
        UsageError: one of them is not valid, or they extend each other.
    """
    chain: list[_Source] = []
    while True:
        file = folder / FILE
        text, recipe = read_alone(folder)
        chain.insert(0, _Source(folder, text, tomllib.loads(text), recipe))
        if not recipe.extends:
            return chain
        if problem := path_problem(recipe.extends):
            refuse(file, text, [(("extends",), problem)])
        folder = Path(os.path.normpath(folder / recipe.extends))
        if any(folder.resolve() == one.folder.resolve() for one in chain):
            refuse(file, text, [(("extends",), f"{recipe.extends} extends this recipe: they lead in a circle")])
        if len(chain) == LONGEST_CHAIN:
            words = f"{recipe.extends} is one too many: at most {LONGEST_CHAIN} recipes may extend each other"
            refuse(file, text, [(("extends",), words)])
        if not (folder / FILE).is_file():
            refuse(file, text, [(("extends",), f"{recipe.extends} is not a recipe's folder: it has no {FILE}")])


def _values(chain: Sequence[_Source], given: Mapping[str, str]) -> dict[str, str]:
    """Return the values of all parameters.

    Raises:
        UsageError: one is missing, unknown, or none of the choices.
    """
    declared: dict[str, Parameter] = {}
    for source in chain:
        for name, one in source.recipe.parameters.items():
            declared[name] = one if isinstance(one, Parameter) else Parameter(default=one)
    if unknown := [name for name in given if name not in declared]:
        known = ", ".join(sorted(declared)) or "none"
        raise UsageError(f"The recipe has no parameter {unknown[0]}.", why=[f"it has: {known}."])
    values: dict[str, str] = {}
    for name, parameter in declared.items():
        value = given.get(name, parameter.default)
        if value is None:
            meant = f" ({parameter.description})" if parameter.description else ""
            raise UsageError(f"The parameter {name}{meant} has no value.", fix=[f"--set {name}=…"])
        if "\n" in value or "\0" in value:
            raise UsageError(f"The value of the parameter {name} has a line break.")
        if value != value.encode(errors="replace").decode():
            raise UsageError(f"The value of the parameter {name} is not UTF-8.")
        if name in given and parameter.choices and value not in parameter.choices:
            raise UsageError(
                f"The parameter {name} cannot be {value!r}.", fix=[f"one of: {', '.join(parameter.choices)}"]
            )
        values[name] = value
    return values


def _filled(said: Any, values: Mapping[str, str], path: tuple[str | int, ...], problems: list[Problem]) -> Any:
    """Return data with the parameters in its texts filled in; note those that are not declared."""
    if isinstance(said, str):
        names = dict.fromkeys(REFERENCE.findall(said))
        problems += [(path, f"{name} is not under [parameters]") for name in names if name not in values]
        return fill(said, values)
    if isinstance(said, dict):
        return {
            key: one if (*path, key) == ("parameters",) else _filled(one, values, (*path, key), problems)
            for key, one in said.items()
        }
    if isinstance(said, list):
        return [_filled(one, values, (*path, number), problems) for number, one in enumerate(said)]
    return said


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a recipe says with what another one adds."""
    found = dict(base)
    for key, value in more.items():
        if key in _KEYS:
            # A dictionary keeps the first one's place, and the last one's value.
            found[key] = list({one[_KEYS[key]]: one for one in [*found.get(key, []), *value]}.values())
        elif isinstance(value, dict):
            found[key] = {**found.get(key, {}), **value}
        else:
            found[key] = value
    return found


def _own_place(path: tuple[str | int, ...], whole: Mapping[str, Any], said: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Return where one recipe says what is at a place in the whole; empty: another one says it."""
    if len(path) < 2 or path[0] not in _KEYS:
        return path
    table, number, *rest = path
    elements, key = whole[str(table)], _KEYS[str(table)]
    names = [one[key] for one in said.get(str(table), [])]
    name = elements[number][key]
    return (table, names.index(name), *rest) if name in names else ()


def _expanded(recipe: Recipe, folder: Path, contents: Mapping[str, bytes]) -> Recipe:
    """Return the recipe with the files of each folder in the folder's place."""
    files: dict[str, File] = {}
    for file in recipe.files:
        if file.is_fetched:
            files[file.target] = file
            continue
        inside = f"{file.source}/"
        for name in [file.source] if file.source in contents else sorted(contents):
            if name == file.source:
                files[file.target] = file
            elif name.startswith(inside):
                target = f"{file.target}/{name.removeprefix(inside)}"
                # As the path was made: if the folder is a link, `..` is not the folder above what it leads to.
                here = Path(os.path.normpath(folder / name))
                mode = "0755" if here.stat().st_mode & 0o111 else file.mode
                files[target] = msgspec.structs.replace(file, source=name, target=target, mode=mode)
    return msgspec.structs.replace(recipe, files=tuple(files.values()))


def _chosen(recipe: Recipe) -> Recipe:
    """Return the recipe without the parts whose feature is left out."""

    def is_in(part: File | Step | Test | Tool) -> bool:
        return not part.feature or recipe.features[part.feature]

    return msgspec.structs.replace(
        recipe,
        files=tuple(filter(is_in, recipe.files)),
        steps=tuple(filter(is_in, recipe.steps)),
        tests=tuple(filter(is_in, recipe.tests)),
        smoke=tuple(filter(is_in, recipe.smoke)),
        tools={name: tool for name, tool in recipe.tools.items() if is_in(tool)},
    )


def _moved(said: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return what a recipe says with the paths of its files from another folder."""
    moved = dict(said)
    for table, keys in (("steps", ("script", "playbook")), ("files", ("source",))):
        if table in moved:
            moved[table] = [
                {**one, **{key: _path(prefix, one[key]) for key in keys if one.get(key)}} for one in moved[table]
            ]
    for key in ("manifest", "packages"):
        if name := moved.get(key):
            moved[key] = _path(prefix, name)
    return moved


def _path(prefix: str, name: str) -> str:
    return name if name.startswith("https://") else os.path.normpath(os.path.join(prefix, name))  # noqa: PTH118 - stays relative

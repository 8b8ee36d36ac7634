"""Turns a Packer template with the builder ``alicloud-ecs`` into a recipe, and says by line what became of what.

Sources: the builder's configuration reference, and Packer's of the provisioners ``shell`` and ``file``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import hcl2
from hcl2.query import AttributeView, BlockView, DocumentView
from hcl2.utils import SerializationOptions

from goldrun.errors import UsageError
from goldrun.migrate.packer_options import OPTIONS, PROVISIONERS

BUILDER = "alicloud-ecs"
STARTED = "systemctl is-system-running --wait | grep -E 'running|degraded'"
_OPTIONS = SerializationOptions(strip_string_quotes=True, preserve_heredocs=False, with_comments=False)
_REFERENCE = re.compile(r"\$\{\s*(var|local|path)\.(\w+)\s*\}")
# A public image's name begins with its family: ubuntu_24_04_x64_20G_alibase_20260930.vhd.
_PUBLIC = re.compile(r"(?P<family>[a-z]+(?:_\w+?)?_(?P<kind>x64|arm64))_")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


@dataclass(frozen=True)
class Note:
    """What became of a part of the template.

    Attributes:
        line: its line, from 1.
        found: the option, or the block.
        outcome: where it is in the recipe, or what to do instead.
        taken: whether the recipe has it.
    """

    line: int
    found: str
    outcome: str
    taken: bool


@dataclass
class Draft:
    """A recipe in the making.

    Attributes:
        files: the recipe's files by their paths.
        notes: what became of what.
    """

    family: str = ""
    description: str = ""
    base: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    disk: int = 0
    uploads: list[tuple[str, str]] = field(default_factory=list)
    steps: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def taken(self, line: int, found: str, where: str) -> None:
        """Note that the recipe has it."""
        self.notes.append(Note(line, found, where, taken=True))

    def left(self, line: int, found: str, instead: str) -> None:
        """Note that the recipe does not have it."""
        self.notes.append(Note(line, found, instead, taken=False))


def convert(text: str, path: Path, family: str) -> Draft:
    """Return the recipe of a template, with ``recipe.toml`` among its files.

    Args:
        text: the template, in HCL.
        path: where it is; what it names is looked for beside it.
        family: the recipe's image family; empty: from the image's name.

    Raises:
        UsageError: it is not HCL, or has no such builder.
    """
    try:
        document = DocumentView(hcl2.parses(text))
    except Exception as error:  # the parser's errors are of its libraries' kinds
        line = getattr(error, "line", 0)
        raise UsageError(f"{path}{f':{line}' if line else ''} is not HCL.", why=[_first(error)]) from error
    sources = [block for block in _blocks(document, "source") if block.name_labels[:1] == [BUILDER]]
    if not sources:
        raise UsageError(
            f"{path} has no source of the builder {BUILDER}.",
            fix=["a template in JSON: packer hcl2_upgrade FILE.json"] if path.suffix == ".json" else (),
        )
    values = _values(document, path)
    draft = Draft(family=family)
    _read_source(draft, sources[0], values)
    for other in sources[1:]:
        draft.left(_line(other), f"source {other.name_labels[-1]}", "another recipe: a recipe makes one image")
    for build in _blocks(document, "build"):
        for block in _blocks(build):
            if block.block_type == "provisioner":
                _read_provisioner(draft, block, values, path)
            elif block.block_type != "source":
                draft.left(_line(block), block.block_type, "not needed, or a step of the workflow after the build")
    draft.family = draft.family or path.name.partition(".")[0]
    draft.files["recipe.toml"] = _recipe(draft, path).encode()
    draft.notes.sort(key=lambda note: note.line)
    return draft


def _values(document: DocumentView, path: Path) -> dict[str, Any]:
    """Return the variables' defaults and the locals, as they are referred to."""
    found: dict[str, Any] = {"path.root": str(path.parent), "path.cwd": "."}
    for block in _blocks(document, "variable"):
        if (default := block.attribute("default")) is not None:
            found[f"var.{block.name_labels[0]}"] = _plain(cast("AttributeView", default))
    for block in _blocks(document, "locals"):
        found |= {f"local.{one.name}": _plain(one) for one in _attributes(block)}
    return found


def _read_source(draft: Draft, source: BlockView, values: Mapping[str, Any]) -> None:
    for option in _attributes(source):
        name, line, value = option.name, _line(option), _resolve(_plain(option), values)
        if name == "image_name" and isinstance(value, str):
            draft.family = draft.family or re.split(r"\$\{|\{\{", value)[0].strip("-_. ")
            draft.taken(line, name, f"family = {draft.family!r}; goldrun adds architecture and time")
        elif name == "image_description" and _is_known(value):
            draft.description = value
            draft.taken(line, name, "description")
        elif name in ("tags", "run_tags") and isinstance(value, dict) and all(map(_is_known, value.values())):
            draft.tags |= {key.strip('"'): text for key, text in value.items()}
            draft.taken(line, name, "[tags], on the image and on its instances")
        elif name in ("source_image", "image_family") and _is_known(value):
            _read_base(draft, line, name, value)
        else:
            draft.left(line, name, OPTIONS.get(name, "not known to goldrun"))
    for block in _blocks(source):
        size = cast("AttributeView | None", block.attribute("disk_size"))
        if block.block_type == "system_disk_mapping" and size is not None:
            number = _resolve(_plain(size), values)
            if isinstance(number, int):
                draft.disk = number
                draft.taken(_line(size), "disk_size", f"disk = {number} under [builder]")
                continue
        draft.left(_line(block), block.block_type, OPTIONS.get(block.block_type, "not known to goldrun"))


def _read_base(draft: Draft, line: int, name: str, value: str) -> None:
    public = _PUBLIC.match(value)
    if name == "image_family":
        kind = "arm64" if "arm64" in value else "amd64"
        draft.base = {kind: value}
    elif public:
        draft.base = {"arm64" if public["kind"] == "arm64" else "amd64": f"acs:{public['family']}"}
    else:
        draft.left(line, name, f"name the family of {value} under [base]: a recipe starts from its newest image")
        return
    ((kind, family),) = draft.base.items()
    draft.taken(line, name, f"{kind} = {family!r} under [base]: always its newest image")


def _read_provisioner(draft: Draft, block: BlockView, values: Mapping[str, Any], path: Path) -> None:
    kind, line = block.name_labels[0], _line(block)
    options = {one.name: (_line(one), _resolve(_plain(one), values)) for one in _attributes(block)}
    reader = {"shell": _read_shell, "file": _read_file}.get(kind)
    if reader is None:
        draft.left(line, f"provisioner {kind}", PROVISIONERS.get(kind, "write it as a step"))
        return
    reader(draft, line, options, path)


def _read_shell(draft: Draft, line: int, options: dict[str, tuple[int, Any]], path: Path) -> None:
    exports = [f"export {_export(one)}\n" for one in _strings(options.pop("environment_vars", (0, []))[1])]
    inline_line, inline = options.pop("inline", (line, []))
    shebang = str(options.pop("inline_shebang", (0, "/bin/sh -e"))[1])
    if commands := _strings(inline):
        text = f"#!{shebang}\n# From {path.name}, line {inline_line}.\n{''.join(exports)}" + "\n".join(commands) + "\n"
        _add_step(draft, inline_line, "inline", text.encode())
    for name in ("script", "scripts"):
        where, value = options.pop(name, (line, []))
        for script in _strings([value] if isinstance(value, str) else value):
            content = _read(path, script)
            if content is None:
                draft.left(where, f"{name} {script}", "it cannot be read from here: copy it into the recipe as a step")
                continue
            first, newline, rest = content.partition(b"\n")
            head, body = (first + newline, rest) if first.startswith(b"#!") else (b"#!/bin/sh -e\n", content)
            _add_step(draft, where, script, head + "".join(exports).encode() + body)
    for name, (where, _) in options.items():
        draft.left(where, name, OPTIONS.get(name, "a step runs as root, once, and must succeed"))


def _read_file(draft: Draft, line: int, options: dict[str, tuple[int, Any]], path: Path) -> None:
    source, target = options.get("source", (line, ""))[1], options.get("destination", (line, ""))[1]
    content = _read(path, source) if _is_known(source) else None
    known = content is not None and _is_known(target) and target.startswith("/")
    if not known or options.get("direction", (0, "upload"))[1] != "upload":
        draft.left(line, f"file {source}", "a recipe takes single files with an absolute target: [[files]]")
        return
    if target.endswith("/"):
        target += Path(source).name
    name = f"files/{len(draft.uploads) + 1:02d}-{Path(source).name}"
    draft.files[name] = cast("bytes", content)
    draft.uploads.append((name, target))
    draft.taken(line, f"file {source}", f"[[files]] {name}; all files come before the first step")


def _add_step(draft: Draft, line: int, what: str, script: bytes) -> None:
    number = len(draft.steps) + 1
    stem = re.sub(r"[^\w.-]+", "-", Path(what).stem).strip("-.") or "step"
    name = f"scripts/{number:02d}-{stem}.sh"
    draft.files[name] = script
    draft.steps.append((f"{number:02d} {stem}", name))
    draft.taken(line, what, f"[[steps]] {name}")


def _recipe(draft: Draft, path: Path) -> str:
    lines = [
        f"# From {path.name}. `goldrun recipe check` reports every mistake with its line.",
        f"family = {_quoted(draft.family)}",
        *([f"description = {_quoted(draft.description)}"] if draft.description else []),
        "",
        "[base]  # the image family that each architecture starts from",
        *[f"{kind} = {_quoted(family)}" for kind, family in (draft.base or {"amd64": ""}).items()],
    ]
    if draft.tags:
        lines += ["", "[tags]", *(f"{_quoted(key)} = {_quoted(text)}" for key, text in draft.tags.items())]
    for source, target in draft.uploads:
        lines += ["", "[[files]]", f"source = {_quoted(source)}", f"target = {_quoted(target)}"]
    for name, script in draft.steps:
        lines += ["", "[[steps]]", f"name = {_quoted(name)}", f"script = {_quoted(script)}"]
    lines += ["", "[[smoke]]  # on an instance that was booted from the image: add what the image is for"]
    lines += [
        'name = "the system has started"',
        "command = \"systemctl is-system-running --wait | grep -E 'running|degraded'\"",
    ]
    lines += ["", "[builder]", f"disk = {draft.disk}"] if draft.disk else []
    return "\n".join(lines) + "\n"


def _resolve(value: Any, values: Mapping[str, Any]) -> Any:
    """Return a value with its references to variables replaced, as far as they are known."""
    if isinstance(value, list):
        return [_resolve(one, values) for one in value]
    if isinstance(value, dict):
        return {key: _resolve(one, values) for key, one in value.items()}
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole and (name := f"{whole[1]}.{whole[2]}") in values:
        return values[name]

    def known(found: re.Match[str]) -> str:
        return str(values.get(f"{found[1]}.{found[2]}", found[0]))

    return _REFERENCE.sub(known, value)


def _is_known(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "${" not in value and "{{" not in value


def _strings(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _export(assignment: str) -> str:
    name, _, value = assignment.partition("=")
    return f"{name}='" + value.replace("'", "'\\''") + "'"


def _read(path: Path, name: str) -> bytes | None:
    for place in (Path(name), path.parent / name):
        try:
            return place.read_bytes()
        except OSError:
            continue
    return None


def _plain(option: AttributeView) -> Any:
    """Return an option's value: its strings without quotes and escapes."""
    return _unescape(option.to_dict(options=_OPTIONS)[option.name])


def _unescape(value: Any) -> Any:
    if isinstance(value, list):
        return [_unescape(one) for one in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), value, flags=re.DOTALL)


def _blocks(view: DocumentView | BlockView, kind: str | None = None) -> list[BlockView]:
    return cast("list[BlockView]", view.blocks(kind))


def _attributes(view: BlockView) -> list[AttributeView]:
    return cast("list[AttributeView]", view.attributes())


def _line(view: AttributeView | BlockView) -> int:
    # The library keeps lark's position, but has no public name for it.
    return int(cast("Any", view.raw)._meta.line)


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

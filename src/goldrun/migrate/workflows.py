"""Reads a workflow, finds what has to change and on which line, and changes what has one answer.

The text is changed in place, character by character: comments, order and quotes stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from goldrun.errors import UsageError
from goldrun.migrate.replacements import ACTION, INPUTS, OURS, OUTPUTS, WORDS, Replacement

_CLI = re.compile(r"\baliyun\b.*--query\b|--output\s+text\b")
_OUTPUT = re.compile(r"steps\.([\w-]+)\.outputs\.(\w+)")


@dataclass(frozen=True)
class Finding:
    """Something that has to change.

    Attributes:
        line: its line, from 1.
        column: where it begins in the line, from 0.
        found: the text there.
        name: what replaces the text; empty: a person has to change it.
        advice: what a person has to do.
    """

    line: int
    column: int
    found: str
    name: str
    advice: str


def check(text: str, path: str) -> list[Finding]:
    """Return what has to change in a workflow, in the order of its lines.

    Raises:
        UsageError: it is not YAML; the message names the line.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError as error:
        raise UsageError(f"{path} cannot be read.", why=["it is nested too deeply."]) from error
    except yaml.MarkedYAMLError as error:
        where = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(f"{path}{where} is not valid YAML.", why=[f"{error.problem}."]) from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not valid YAML.", why=[f"{error}."]) from error
    found: list[Finding] = []
    ids: set[str] = set()
    for step in _steps(root):
        found += _step(step)
        if identity := step.get("id"):
            ids.add(str(identity.value))
    found += _lines(text, ids)
    return sorted(set(found), key=lambda one: (one.line, one.column))


def rewrite(text: str, findings: list[Finding]) -> str:
    """Return the text with each finding replaced that has one answer."""
    lines = text.split("\n")
    for one in sorted(findings, key=lambda finding: (finding.line, finding.column), reverse=True):
        line = lines[one.line - 1]
        if one.name and line[one.column :].startswith(one.found):
            lines[one.line - 1] = line[: one.column] + one.name + line[one.column + len(one.found) :]
    return "\n".join(lines)


Members = dict[str, yaml.Node]


def _steps(root: yaml.Node | None) -> Iterator[Members]:
    """Yield the mappings that use their action, each once: an alias may lead back to what contains it."""
    seen: set[int] = set()
    left = [root]
    while left:
        node = left.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            members = {str(key.value): value for key, value in node.value}
            uses = members.get("uses")
            if uses and re.search(rf"(^|/){ACTION}(@|$)", str(uses.value)):
                yield members
            left += [value for _, value in reversed(node.value)]
        elif isinstance(node, yaml.SequenceNode):
            left += reversed(node.value)


def _step(step: Members) -> Iterator[Finding]:
    uses = step["uses"]
    advice = "and check goldrun out to .goldrun in a step before, with a token for the runner"
    yield _finding(uses, str(uses.value), Replacement(OURS, advice))
    inputs = step.get("with")
    if isinstance(inputs, yaml.MappingNode):
        names = {str(key.value) for key, _ in inputs.value}
        for key, _ in inputs.value:
            name = str(key.value)
            replacement = INPUTS.get(name)
            if name == "aliyun_image_id" and "aliyun_image_family" not in names:
                replacement = Replacement("image")
            if replacement:
                yield _finding(key, name, replacement)


def _finding(node: yaml.Node, found: str, replacement: Replacement) -> Finding:
    quoted = 1 if isinstance(node, yaml.ScalarNode) and node.style in ("'", '"') else 0
    mark = node.start_mark
    return Finding(mark.line + 1, mark.column + quoted, found, replacement.name, replacement.advice)


def _lines(text: str, ids: set[str]) -> Iterator[Finding]:
    """Yield what stands anywhere in a line, expressions and scripts among it, but not in comments."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("#"):
            continue
        for match in _OUTPUT.finditer(line):
            replacement = OUTPUTS.get(match[2])
            if match[1] in ids and replacement:
                yield Finding(number, match.start(2), match[2], replacement.name, replacement.advice)
        for word, replacement in WORDS.items():
            for hit in re.finditer(rf"(?<![\w-]){re.escape(word)}(?![\w-])", line):
                yield Finding(number, hit.start(), word, replacement.name, replacement.advice)
        if query := _CLI.search(line):
            advice = "goldrun image id, or --cli-query of the CLI 3.2.5 and later"
            yield Finding(number, query.start(), "--query", "", advice)

"""Checks what a recipe says: first each file by itself, then the whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from goldrun.bake.parts import File, Parameter, Step, Test, Tool
from goldrun.bake.recipe import REFERENCE, Recipe, variable_of
from goldrun.cloud.assistant import command
from goldrun.cloud.home import check_region
from goldrun.cloud.instances import MAX_LIFE_SECONDS
from goldrun.cloud.tag_rules import tag_problem
from goldrun.durations import DAY, parse_duration
from goldrun.errors import UsageError
from goldrun.images import manifest
from goldrun.images.naming import STAMP_DIGITS, PublishedName, check_name
from goldrun.launch.offers import parse_span
from goldrun.toml_file import Problem, problem_of

MAX_SCRIPT = 60 * 1024
MAX_FILE = 1024 * 1024
MAX_DISKS = 16
MAX_FILES = 200  # of a folder; each takes a call
# An image may have 20; goldrun's own need the others.
MAX_TAGS = 5
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_ACCOUNT = re.compile(r"[0-9]{10,20}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOUNT = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
# What a system needs before it mounts anything, and what it creates at each boot.
_OF_THE_SYSTEM = re.compile(r"/(bin|boot|dev|etc|lib(x?32|64)?|proc|run|sbin|sys|usr)(/.*)?")
_MODE = re.compile(r"0?[0-7]{3}")
_OF_BASH = re.compile(rb"#!.*\b(ba|da)?sh\b")  # what is written for its forebears is too
_OF_SCRIPTS = ("ARCH", "FAMILY")


def path_problem(name: str) -> str:
    """Return what is wrong with a text as a path; empty: nothing."""
    if "\0" not in name and len(name) < 4096 and all(len(part.encode()) < 256 for part in name.split("/")):
        return ""
    short = name if len(name) <= 40 else f"{name[:37]}..."
    return f"{short!r} is not a path"


def check_file(
    recipe: Recipe, folder: Path, values: Mapping[str, str], contents: dict[str, bytes]
) -> Iterator[Problem]:
    """Yield every mistake of one file with its place; put the valid files that it names into ``contents``."""
    yield from _named_files(recipe, folder, values, contents)
    yield from _times(recipe)
    yield from _names(recipe)
    yield from _tools(recipe)
    yield from _tags(recipe)
    yield from _publication(recipe)
    yield from problem_of(("builder", "cpu"), parse_span, recipe.builder.cpu, "vCPUs")
    yield from problem_of(("builder", "memory"), parse_span, recipe.builder.memory, "GiB")
    if not 20 <= recipe.builder.disk <= 2048:
        yield ("builder", "disk"), "a disk has 20 to 2048 GiB"
    yield from _disks(recipe)
    if recipe.retention.keep is not None and not 1 <= recipe.retention.keep <= 1000:
        yield ("retention", "keep"), "keep 1 to 1000 versions, or leave it out"


def check_whole(recipe: Recipe) -> Iterator[Problem]:
    """Yield what a recipe lacks, with what it extends."""
    yield from check_family(recipe.family)
    if len(recipe.description) == 1 or recipe.description.startswith(("http://", "https://")):
        yield ("description",), "ECS refuses it: at least 2 characters, and no http:// or https:// at the start"
    yield from _features(recipe)
    chosen = {name: tool.version for name, tool in recipe.tools.items() if recipe.features.get(tool.feature, True)}
    room = manifest.MAX_TAGS - len(recipe.tags)
    yield from problem_of(("tags",), manifest.to_tags, {**recipe.versions, **chosen}, room)
    steps = {step.name for step in recipe.steps}
    for number, file in enumerate(recipe.files):
        if file.before and file.before not in steps:
            yield ("files", number, "before"), f"there is no step {file.before!r}"
    if not (recipe.base.amd64 or recipe.base.arm64):
        yield ("base",), "name a base image family for amd64, arm64 or both"
    for name, tool in recipe.tools.items():
        for architecture in ("amd64", "arm64"):
            if tool.url and getattr(recipe.base, architecture) and architecture not in tool.sha256:
                yield ("tools", name), f"its file has no checksum for {architecture}: goldrun recipe update writes it"
        if name in recipe.versions:
            yield ("tools", name), f"{name} has a version under [versions] already"
    for name in recipe.environment:
        if name in _OF_SCRIPTS:
            yield ("environment", name), f"scripts have another variable {name}"
    taken = {
        *recipe.environment,
        *recipe.mirrors.environment,
        *(f"{variable_of(name)}_{what}" for name in recipe.tools for what in ("VERSION", "URL", "SHA256")),
        *(f"{variable_of(name)}_VERSION" for name in recipe.versions),
        *_OF_SCRIPTS,
    }
    for name in recipe.parameters:
        if variable_of(name) in taken:
            yield ("parameters", name), f"scripts have another variable {variable_of(name)}"
        taken.add(variable_of(name))


def check_chosen(recipe: Recipe) -> Iterator[Problem]:
    """Yield what a recipe lacks without the parts whose feature is left out."""
    if not recipe.steps:
        yield (), "a recipe needs at least one step: [[steps]] with name and script"
    if not recipe.smoke:
        yield (), "a recipe needs at least one smoke test: [[smoke]] with name and command"
    steps = {step.name for step in recipe.steps}
    for file in recipe.files:
        if file.before and file.before not in steps:
            yield (
                (),
                f"the step {file.before!r} is left out, and {file.target} is sent before it: give both the feature",
            )


def _check_names(family: str) -> None:
    check_name(family)
    check_name(str(PublishedName(family, "amd64", "0" * STAMP_DIGITS)))


def check_family(family: str) -> Iterator[Problem]:
    """Yield what is wrong with a family's name."""
    yield from problem_of(("family",), _check_names, family)
    if ":" in family:
        yield ("family",), "a colon is not part of a family's name: family:channel names what a channel shows"
    if family.endswith(("-amd64", "-arm64")):
        yield ("family",), "the architecture is not part of a family's name"


def _disks(recipe: Recipe) -> Iterator[Problem]:
    if len(recipe.disks) > MAX_DISKS:
        yield ("disks",), f"a recipe has {MAX_DISKS} data disks at most: an instance takes no more"
    for number, disk in enumerate(recipe.disks):
        if not 20 <= disk.size <= 32_768:
            yield ("disks", number, "size"), "a data disk has 20 to 32768 GiB"
        if not _MOUNT.fullmatch(disk.mount) or _OF_THE_SYSTEM.fullmatch(disk.mount):
            yield ("disks", number, "mount"), f"{disk.mount!r} is not a place for a data disk, such as /var/lib/docker"
        if any(other.mount == disk.mount for other in recipe.disks[:number]):
            yield ("disks", number, "mount"), f"two data disks are mounted at {disk.mount}"


def _publication(recipe: Recipe) -> Iterator[Problem]:
    wanted = recipe.publish
    for number, region in enumerate(wanted.regions):
        yield from problem_of(("publish", "regions", number), check_region, region)
        if region in wanted.regions[:number]:
            yield ("publish", "regions", number), f"the region {region} is named twice"
    for number, account in enumerate(wanted.accounts):
        if not _ACCOUNT.fullmatch(account):
            yield ("publish", "accounts", number), f"{account!r} is not an account id, such as 1234567890123456"
    for region in wanted.keys:
        if region not in wanted.regions or not wanted.encrypted:
            yield ("publish", "keys", region), f"no encrypted copy is made in {region}"
    if recipe.builder.key and not recipe.builder.encrypted:
        yield ("builder", "key"), "the disk is not encrypted: encrypted = true"
    if recipe.builder.encrypted and (wanted.public or (wanted.accounts and not recipe.builder.key)):
        yield ("builder", "key"), "an image that is encrypted with ECS's own key cannot be shared: name a key"
    if wanted.encrypted and wanted.public:
        yield ("publish", "public"), "an encrypted image cannot be public"
    lacking = [region for region in wanted.regions if region not in wanted.keys]
    if wanted.encrypted and wanted.accounts and lacking:
        yield ("publish", "keys"), f"to share an encrypted image, name a key of your own for {', '.join(lacking)}"


def _features(recipe: Recipe) -> Iterator[Problem]:
    parts: dict[str, Sequence[File | Step | Test]] = {
        "files": recipe.files,
        "steps": recipe.steps,
        "tests": recipe.tests,
        "smoke": recipe.smoke,
    }
    named: list[tuple[tuple[str | int, ...], str]] = [
        ((table, number, "feature"), one.feature) for table, some in parts.items() for number, one in enumerate(some)
    ]
    named += [(("tools", name, "feature"), tool.feature) for name, tool in recipe.tools.items()]
    yield from (
        (path, f"{name} is not under [features]") for path, name in named if name and name not in recipe.features
    )
    used = {name for _, name in named}
    yield from (
        (("features", name), f"nothing belongs to the feature {name}") for name in sorted(recipe.features.keys() - used)
    )


def _tools(recipe: Recipe) -> Iterator[Problem]:
    for name, tool in recipe.tools.items():
        if not _VARIABLE.fullmatch(name.replace("-", "_")):
            yield ("tools", name), f"{name!r} cannot be the name of a variable"
        for key, text in (("version", tool.version), ("url", tool.url)):
            if any(sign.isspace() for sign in text) or (key == "version" and not text):
                yield ("tools", name, key), f"{text!r} is not a valid {key}"
        if tool.url and not tool.url.startswith("https://"):
            yield ("tools", name, "url"), "a file is fetched by https alone"
        if not tool.url and tool.sha256:
            yield ("tools", name, "sha256"), "a checksum needs the url of its file"
        for architecture, digest in tool.sha256.items():
            if architecture not in ("amd64", "arm64") or not _DIGEST.fullmatch(digest):
                yield ("tools", name, "sha256"), f"{architecture} = {digest!r} is not the SHA-256 of amd64 or arm64"
        yield from _freshness(name, tool)
    for start, other in recipe.mirrors.replace.items():
        if not start.startswith("https://") or not _is_safe(other):
            yield ("mirrors", "replace", start), "a mirror is used by https alone"


def _freshness(name: str, tool: Tool) -> Iterator[Problem]:
    """Yield what is wrong in where a tool's newer versions are found."""
    places = sum(bool(one) for one in (tool.github, tool.npm, tool.pypi, tool.latest, tool.apt))
    if places > 1:
        yield ("tools", name), "newer versions come from one place: github, npm, pypi, apt or latest"
    if tool.series and not places:
        yield (
            ("tools", name, "series"),
            "a series needs a place for newer versions: github, npm, pypi, apt or latest",
        )
    if not tool.takes(tool.version):
        yield ("tools", name, "version"), f"{tool.version} is not of the series {tool.series}"
    if bool(tool.apt) != bool(tool.index):
        yield ("tools", name), "apt names a package, index the Packages file that lists it: both or none"


def _names(recipe: Recipe) -> Iterator[Problem]:
    for table, names in (("versions", recipe.versions), ("environment", recipe.environment)):
        for name, value in names.items():
            # A version is given as JQ_VERSION, a variable of the environment by its own name.
            if not _VARIABLE.fullmatch(variable_of(name) if table == "versions" else name) or "\n" in value:
                yield (table, name), f"{name!r} cannot be the name of a variable, or its value has a line break"
    for name, parameter in recipe.parameters.items():
        if not _PARAMETER.fullmatch(name):
            yield ("parameters", name), f"{name!r} is not a name: lower-case letters, digits, - and _"
        if isinstance(parameter, Parameter) and parameter.default not in (
            None,
            *(parameter.choices or (parameter.default,)),
        ):
            yield ("parameters", name), f"the default {parameter.default!r} is not one of the choices"


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost"))


def _tags(recipe: Recipe) -> Iterator[Problem]:
    for key, value in recipe.tags.items():
        if problem := tag_problem(key, value):
            yield ("tags", key), problem
    if len(recipe.tags) > MAX_TAGS:
        yield ("tags",), f"a recipe has {MAX_TAGS} tags at most: ECS takes 20, and goldrun's own are among them"


def _named_files(
    recipe: Recipe, folder: Path, values: Mapping[str, str], contents: dict[str, bytes]
) -> Iterator[Problem]:
    yield from _steps(recipe, folder, contents)
    for key, script in (("manifest", recipe.manifest), ("packages", recipe.packages)):
        if problem := path_problem(script):
            yield (key,), problem
        elif script:
            yield from _script(folder, script, (key,), contents)
    for number, file in enumerate(recipe.files):
        place = ("files", number, "source")
        if file.is_fetched or file.sha256:
            yield from _fetched(file, number)
        elif problem := path_problem(file.source):
            yield place, problem
        elif (folder / file.source).is_dir():
            yield from _read_folder(folder, file.source, place, contents)
        else:
            yield from _read(folder, file.source, place, MAX_FILE, contents)
        if file.target in [other.target for other in recipe.files[:number]]:
            yield ("files", number, "target"), f"{file.target!r} is defined twice"
        if not file.target.startswith("/") or file.target.endswith("/"):
            yield ("files", number, "target"), f"{file.target!r} is not the absolute path of a file"
        if not _MODE.fullmatch(file.mode):
            yield ("files", number, "mode"), f"{file.mode!r} is not a mode, such as 0644"
        for name in [one for one in contents if one == file.source or one.startswith(f"{file.source}/")]:
            yield from _template(contents[name], values, place) if file.template else ()


def _steps(recipe: Recipe, folder: Path, contents: dict[str, bytes]) -> Iterator[Problem]:
    for number, step in enumerate(recipe.steps):
        if bool(step.script) == bool(step.playbook):
            yield ("steps", number), f"the step {step.name!r} needs a script or a playbook"
        elif problem := path_problem(step.script or step.playbook):
            yield ("steps", number, "script" if step.script else "playbook"), problem
        elif step.script:
            yield from _script(folder, step.script, ("steps", number, "script"), contents)
        else:
            yield from _playbook(folder, step.playbook, ("steps", number, "playbook"), contents)


def _fetched(file: File, number: int) -> Iterator[Problem]:
    if not file.is_fetched:
        yield ("files", number, "sha256"), 'a checksum is for a file that is fetched: source = "https://…"'
    elif not _DIGEST.fullmatch(file.sha256):
        yield ("files", number, "sha256"), "a file that is fetched needs its SHA-256"
    if file.template:
        yield ("files", number, "template"), "a file that is fetched cannot be a template"


def _playbook(folder: Path, name: str, path: tuple[str | int, ...], contents: dict[str, bytes]) -> Iterator[Problem]:
    above, _, own = name.rpartition("/")
    if not above or not own:
        yield path, f"{name} needs a folder of its own: everything in it is sent, for example ansible/site.yml"
    elif not (folder / name).is_file():
        yield path, f"{name} is not a file"
    else:
        yield from _read_folder(folder, above, path, contents)


def _template(content: bytes, values: Mapping[str, str], path: tuple[str | int, ...]) -> Iterator[Problem]:
    try:
        named = REFERENCE.findall(content.decode())
    except UnicodeDecodeError:
        yield path, "a template has to be UTF-8"
        return
    yield from ((path, f"{name} is not under [parameters]") for name in dict.fromkeys(named) if name not in values)


def _times(recipe: Recipe) -> Iterator[Problem]:
    named = {
        "steps": [(step.name, step.timeout) for step in recipe.steps],
        "tests": [(test.name, test.timeout) for test in recipe.tests],
        "smoke": [(test.name, test.timeout) for test in recipe.smoke],
    }
    for table, parts in named.items():
        for number, (name, timeout) in enumerate(parts):
            yield from _span((table, number, "timeout"), timeout)
            if [other for other, _ in parts].index(name) < number:
                yield (table, number, "name"), f"{name!r} is defined twice"
    yield from _span(("limits", "build"), recipe.limits.build)
    yield from _span(("limits", "boot"), recipe.limits.boot)


def _script(folder: Path, name: str, path: tuple[str | int, ...], contents: dict[str, bytes]) -> Iterator[Problem]:
    yield from _read(folder, name, path, MAX_SCRIPT, contents)
    content = contents.get(name)
    if content is not None and not content.startswith(b"#!"):
        yield path, f"{name} has no first line such as #!/usr/bin/env bash"
    elif content is not None and not _OF_BASH.match(content):
        first = content.partition(b"\n")[0].decode("utf-8", "replace")
        yield path, f"{name} begins with {first}, and scripts are run by bash"
    elif content is not None and b"\r\n" in content:
        yield path, f"{name} has Windows line ends, at which bash fails: sed -i 's/\\r$//' {folder / name}"
    elif content is not None:
        yield from problem_of(path, command, content, {}, prefix=f"{name}: ")


def _read(
    folder: Path, name: str, path: tuple[str | int, ...], most: int, contents: dict[str, bytes]
) -> Iterator[Problem]:
    try:
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()):
            yield path, f"{name} is outside the recipe's folder"
            return
        if file.exists() and not file.is_file():
            yield path, f"{name} is not a file"
            return
        size = file.stat().st_size
        content = file.read_bytes() if size <= most else b""
    except (OSError, RuntimeError) as error:  # Python 3.12 and older report a loop of links as a RuntimeError
        yield path, f"{name} cannot be read: {getattr(error, 'strerror', '') or 'its links lead in a circle'}"
        return
    if size > most:
        yield path, f"{name} has {size:,} bytes; {most:,} can be sent: let a script fetch it"
    else:
        contents[name] = content


def _read_folder(folder: Path, name: str, path: tuple[str | int, ...], contents: dict[str, bytes]) -> Iterator[Problem]:
    """Read what is in a folder, and below it."""
    if not (folder / name).resolve().is_relative_to(folder.resolve()):
        yield path, f"{name} is outside the recipe's folder"
        return
    if (folder / name).resolve() == folder.resolve():
        yield path, f"{name or '.'} is the recipe's own folder: name a folder in it"
        return
    # A link to a folder is not followed: it is reported as not a file.
    found = sorted(one for one in (folder / name).rglob("*") if one.is_symlink() or not one.is_dir())
    if not found:
        yield path, f"{name} has no files"
    elif len(found) > MAX_FILES:
        yield path, f"{name} has {len(found)} files; {MAX_FILES} can be sent: let a script fetch them"
    else:
        for file in found:
            inside = f"{name}/{file.relative_to(folder / name).as_posix()}"
            shown = inside.encode(errors="backslashreplace").decode()
            if shown != inside:
                yield path, f"{shown} has a name that is not UTF-8"
            else:
                yield from _read(folder, inside, path, MAX_FILE, contents)


def _span(path: tuple[str | int, ...], text: str) -> Iterator[Problem]:
    yield from problem_of(path, _check_span, text)


def _check_span(text: str) -> None:
    seconds = parse_duration(text)
    if not 0 < seconds <= MAX_LIFE_SECONDS:
        raise UsageError(f"{text} is not from 1s to {MAX_LIFE_SECONDS / DAY:.0f}d.")

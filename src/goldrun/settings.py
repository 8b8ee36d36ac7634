"""Settings from files: the repository's ``goldrun.toml``, and the user's contexts. They stand behind the environment.

A setting has the name of its variable in lower case, without the prefix: ``region_id`` is ``ALIYUN_REGION_ID``. What
comes first counts: an option, the environment, the repository's file, the user's context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

from goldrun import config, setting_files
from goldrun.errors import UsageError

_PREFIXES = ("ALIYUN_", "ALIBABA_CLOUD_", "GOLDRUN_")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# A file of a repository may come from anybody who can open a pull request: it says neither where keys, tokens and code
# are sent or come from, nor whose they are.
_TRUSTED_ONLY = (
    *(config.ENDPOINT, config.GITHUB_API_URL, config.GITHUB_SERVER_URL, config.INSTANCE_ENDPOINT, config.OTEL_ENDPOINT),
    *(
        config.RUNNER_PROXY,
        config.RUNNER_NO_PROXY,
        config.RUNNER_MIRROR,
        config.ADVISORIES,
        config.SBOM_BUCKET,
        config.PROFILE,
        config.PROFILE_DISABLED,
    ),
    config.ACCESS_KEY_ID,
    *(config.ROLE_ARN, config.OIDC_PROVIDER_ARN, config.OIDC_TOKEN_FILE, config.OIDC_AUDIENCE, config.ID_TOKEN_URL),
    *(config.USER_DATA, config.USER_DATA_FILE, config.CANDIDATES_FILE, config.GITHUB_APP_ID, config.LOCAL_DATA),
    *(config.SIGNING_KEY_FILE, config.VERIFY_KEY_FILE),
    *(config.GITHUB_APP_INSTALLATION, config.GITHUB_APP_KEY_FILE, config.METADATA_TOKENS),
)


class Setting(NamedTuple):
    """A setting: the variable's name, its value, and where it is from."""

    name: str
    value: str
    origin: str


def keys() -> dict[str, str]:
    """Return the names of variables by the names of their settings; secrets have none."""
    return {key_of(name): name for variable in config.VARIABLES if not variable.secret for name in _names(variable)}


def require_key(key: str) -> None:
    """Check that there is a setting of that name.

    Raises:
        UsageError: there is none; suggests one with a similar name.
    """
    known = keys()
    if key not in known:
        near = _near(key, known)
        raise UsageError(
            f"There is no setting {key}: did you mean {near}?" if near else f"There is no setting {key}.",
            fix=["goldrun config keys lists the settings."],
        )


def _names(variable: config.Variable) -> tuple[str, ...]:
    """Return the names that settings are made of: the first one, or each of those for a zone."""
    return variable.names if variable is config.VSWITCH_OF_ZONE else variable.names[:1]


def key_of(name: str) -> str:
    """Return the name of the setting for a variable."""
    prefix = next((one for one in _PREFIXES if name.startswith(one)), "")
    return name.removeprefix(prefix).lower()


def user_file(env: config.Environment) -> Path:
    """Return the user's file: ``config.toml`` in the configuration folder."""
    return Path(setting_files.user_file(env))


def repository_file(env: config.Environment, folder: Path) -> Path | None:
    """Return the repository's file: in this folder or above, not beyond the repository; None: there is none.

    Inside GitHub Actions the workspace may hold somebody else's pull request, so only a named file is read.
    """
    found = setting_files.repository_file(env, str(folder))
    return Path(found) if found else None


def load(env: config.Environment, folder: Path, context: str = "") -> list[Setting]:
    """Return the settings of files, the one that counts first.

    Args:
        env: the environment.
        folder: where the command runs.
        context: the context that an option names; empty: the environment's, the repository's or the current one.

    Raises:
        UsageError: a file is not valid, or the context does not exist.
    """
    found: list[Setting] = []
    chosen = context or config.CONTEXT.read(env)
    file = repository_file(env, folder)
    if file is not None:
        members = _read(file)
        chosen = chosen or str(members.pop("context", ""))
        found += _settings(file, members, (), str(file), trusted=False)
    own = user_file(env)
    if own.is_file():
        everything = _read(own)
        chosen = chosen or str(everything.get("current", ""))
        contexts = _contexts(own, everything)
        if chosen:
            if chosen not in contexts:
                raise _no_context(chosen, contexts)
            found += _settings(own, contexts[chosen], ("contexts", chosen), f"{own} ({chosen})", trusted=True)
    elif chosen:
        raise _no_context(chosen, {})
    return found


def apply(env: MutableMapping[str, str], settings: list[Setting]) -> None:
    """Put settings into the environment, where nothing is set by any of the variable's names."""
    groups = {name: variable.names for variable in config.VARIABLES for name in _names(variable)}
    for setting in settings:
        names = (setting.name,) if setting.name in config.VSWITCH_OF_ZONE.names else groups[setting.name]
        if not any(env.get(name, "").strip() for name in names):
            env[setting.name] = setting.value


def explain(
    env: config.Environment, settings: list[Setting], options: Mapping[config.Variable, str]
) -> Iterator[Setting]:
    """Yield every variable that has a value, and where it is from; values of secrets are not shown.

    Args:
        env: the environment as it was before ``apply``.
        settings: what the files say.
        options: what options say; an empty value: the variable does not count.
    """
    for variable in config.VARIABLES:
        if variable in options:
            if options[variable]:
                yield Setting(variable.names[0], options[variable], "option")
            continue
        for names in [(name,) for name in variable.names] if variable is config.VSWITCH_OF_ZONE else [variable.names]:
            given = next((name for name in names if env.get(name, "").strip()), "")
            if given:
                yield Setting(
                    given, "(secret)" if variable.secret else config.without_password(env[given].strip()), "environment"
                )
                continue
            setting = next((one for one in settings if one.name in names), None)
            if setting:
                yield setting._replace(value=config.without_password(setting.value))
            elif variable.default:
                yield Setting(names[0], variable.default, "default")


def contexts_of(env: config.Environment) -> tuple[dict[str, dict[str, Any]], str]:
    """Return the user's contexts, and the name of the current one; empty: none.

    Raises:
        UsageError: the file is not valid.
    """
    own = user_file(env)
    if not own.is_file():
        return {}, ""
    everything = _read(own)
    return _contexts(own, everything), str(everything.get("current", ""))


def check_name(name: str) -> str:
    """Return the name of a context if it is valid.

    Raises:
        UsageError: it is not.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a name for a context.", fix=["use letters, digits, hyphens and underscores."]
        )
    return name


def with_current(text: str, name: str) -> str:
    """Return the text of a user's file with another current context; everything else stays as it is."""
    line = f'current = "{name}"'
    changed, count = re.subn(r"(?m)^current\s*=.*$", line, text, count=1)
    return changed if count else f"{line}\n{text}"


def with_context(text: str, name: str, values: Mapping[str, str]) -> str:
    """Return the text of a user's file with a context added, or replaced."""
    lines = [f"[contexts.{name}]", *(f"{key} = {_quoted(value)}" for key, value in values.items())]
    return f"{without_context(text, name).rstrip()}\n\n".lstrip() + "\n".join(lines) + "\n"


def without_context(text: str, name: str) -> str:
    """Return the text of a user's file without a context."""
    own = re.escape(name)
    header = rf"""^[ \t]*\[[ \t]*contexts[ \t]*\.[ \t]*(?:{own}|"{own}"|'{own}')[ \t]*\][^\n]*(?:\n|\Z)"""
    return re.sub(rf"(?ms){header}.*?(?=^[ \t]*\[|\Z)", "", text)


def check_changed(file: Path, text: str, contexts: Mapping[str, Mapping[str, Any]], current: str) -> None:
    """Check that a changed text says what was meant: a file may be written in ways that are not changed here.

    Raises:
        UsageError: it does not.
    """
    import tomllib

    try:
        data = tomllib.loads(text)
    except ValueError:
        data = {}
    if data.get("contexts", {}) != contexts or data.get("current", "") != current:
        raise UsageError(
            f"{file} is not changed: it is written in a way that only a person can change.",
            fix=["write each context as [contexts.NAME], with a setting in each line below it; or edit the file"],
        )


def _quoted(value: str) -> str:
    import json

    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read(file: Path) -> dict[str, Any]:
    from goldrun.toml_file import parse, read_file

    fix = "goldrun config keys lists what may be set."
    return parse(file, read_file(file, fix=fix), dict[str, Any], fix=fix)


def _contexts(file: Path, everything: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    unknown = {*everything} - {"current", "contexts"}
    found = everything.get("contexts", {})
    if unknown or not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        what = f"{min(unknown)!r}" if unknown else "'contexts'"
        raise UsageError(
            f"{file}: {what} is not expected there.",
            fix=['write current = "NAME", and [contexts.NAME] with settings below it.'],
        )
    return {check_name(name): dict(one) for name, one in found.items()}


def _settings(
    file: Path, members: Mapping[str, Any], path: tuple[str, ...], origin: str, *, trusted: bool
) -> Iterator[Setting]:
    """Yield settings of a file.

    Raises:
        UsageError: lists every mistake with its line.
    """
    from goldrun.toml_file import refuse

    known = keys()
    untrusted = {name for variable in _TRUSTED_ONLY for name in variable.names}
    secret = {key_of(name) for variable in config.VARIABLES if variable.secret for name in variable.names}
    problems: list[tuple[tuple[str | int, ...], str]] = []
    found = []
    for key, value in members.items():
        where = (*path, key)
        if key in secret:
            problems.append((where, f"{key} is a secret, and does not belong in a file: set its variable"))
        elif key not in known:
            near = _near(key, known)
            problems.append((where, f"unknown setting {key!r}" + (f": did you mean {near}?" if near else "")))
        elif isinstance(value, bool) or not isinstance(value, str | int | float):
            problems.append((where, f"{key} is not a text or a number"))
        elif not trusted and known[key] in untrusted:
            problems.append((where, f"{key} does not belong in a repository's file: it decides what is trusted"))
        else:
            found.append(Setting(known[key], str(value), origin))
    if problems:
        refuse(file, file.read_text(encoding="utf-8"), problems)
    return iter(found)


def _no_context(name: str, contexts: Mapping[str, Any]) -> UsageError:
    near = _near(name, contexts)
    fix = [f"did you mean {near}?"] if near else []
    return UsageError(f"There is no context {name!r}.", fix=[*fix, "goldrun context ls", "goldrun context use --none"])


def _near(name: str, known: Mapping[str, Any]) -> str:
    from difflib import get_close_matches  # takes as long to load as this module

    return next(iter(get_close_matches(name, known, n=1)), "")

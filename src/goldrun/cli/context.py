"""``goldrun context``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import click

from goldrun import config, language, settings
from goldrun.cli import output, shell_complete
from goldrun.cli.common import JSON, YES, require_consent
from goldrun.cli.files import alone, read_text, replace_file
from goldrun.cli.lazy import LazyGroup
from goldrun.errors import NotFoundError, UsageError


@click.group(cls=LazyGroup)
def context() -> None:
    """Switch between accounts and regions: contexts are named settings in the user's file.

    \b
    Examples:
      goldrun context create prod --set region_id=cn-hangzhou --set profile=prod
      goldrun context use prod
      goldrun --context staging image ls
    """


@context.command("ls")
@JSON
def context_ls(as_json: bool) -> None:
    """List contexts; the current one is marked."""
    known, current = settings.contexts_of(os.environ)
    found = {
        name: {key: config.without_password(str(value)) for key, value in one.items()} for name, one in known.items()
    }
    if as_json:
        from goldrun.cli.json.settings import Context

        shown = [Context(name=name, current=name == current, settings=one) for name, one in found.items()]
        output.result_json(shown)
        return
    rows = [
        ("*" if name == current else "", name, ", ".join(f"{key}={value}" for key, value in one.items()))
        for name, one in found.items()
    ]
    output.table(("", "NAME", "SETTINGS"), rows)


@context.command("create")
@click.argument("name")
@click.option("--set", "pairs", multiple=True, metavar="SETTING=VALUE", help="A setting; can be repeated.")
@click.option("--from-environment", is_flag=True, help="Copy what the environment sets, except secrets.")
def context_create(name: str, pairs: tuple[str, ...], from_environment: bool) -> None:
    """Create the context NAME, or replace it."""
    settings.check_name(name)
    known = settings.keys()
    values = {}
    if from_environment:
        given = {key: os.environ.get(variable, "").strip() for key, variable in known.items()}
        left_out = {settings.key_of(variable.names[0]) for variable in (config.LANGUAGE, config.DEBUG, config.CONTEXT)}
        secret = {key for key, value in given.items() if config.without_password(value) != value}
        values = {key: value for key, value in given.items() if value and key not in left_out | secret}
        if secret:
            output.note(f"left out because of the password in it: {', '.join(sorted(secret))}")
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise UsageError(f"--set {pair!r} is not SETTING=VALUE.", fix=["goldrun config keys lists the settings."])
        settings.require_key(key)
        values[key] = value
    if not values:
        raise UsageError(
            f"The context {name} would set nothing.",
            fix=["pass settings, for example --set region_id=cn-hangzhou, or --from-environment"],
        )
    _change(lambda text: settings.with_context(text, name, values), lambda known: {**known, name: values})
    output.note(f"the context {name} is set. Use it: goldrun context use {name}")


@context.command("use")
@click.argument("name", required=False, shell_complete=shell_complete.contexts)
@click.option("--none", "no_context", is_flag=True, help="Use no context.")
def context_use(name: str | None, no_context: bool) -> None:
    """Make NAME the current context."""
    if (name is None) != no_context:
        raise UsageError("Name a context, or pass --none.", fix=["goldrun context ls"])
    if name is not None:
        _require(name)
    _change(lambda text: settings.with_current(text, name or ""), current=name or "")
    output.note(f"the current context is {name}." if name else "there is no current context.")


@context.command("rm")
@click.argument("name", shell_complete=shell_complete.contexts)
@YES
def context_rm(name: str, yes: bool) -> None:
    """Delete the context NAME."""
    require_consent(f"The deletion of the context {name}", yes=yes)
    _require(name)
    if not yes and not click.confirm(language.say(os.environ, f"Delete the context {name}?"), err=True):
        output.note("nothing was changed.")
        return
    is_current = settings.contexts_of(os.environ)[1] == name
    _change(
        lambda text: settings.without_context(settings.with_current(text, "") if is_current else text, name),
        lambda known: {one: values for one, values in known.items() if one != name},
        current="" if is_current else None,
    )
    output.note(f"the context {name} is deleted.")


def _require(name: str) -> None:
    if name not in settings.contexts_of(os.environ)[0]:
        raise NotFoundError(f"There is no context {name!r}.", fix=["goldrun context ls"])


Contexts = Mapping[str, Mapping[str, Any]]


def _change(
    change: Callable[[str], str],
    meant: Callable[[Contexts], Contexts] = lambda known: known,
    current: str | None = None,
) -> None:
    """Change the user's file: what goes wrong leaves it as it was.

    Args:
        change: changes its text.
        meant: the contexts that it says then.
        current: the current context that it says then; None: as before.

    Raises:
        UsageError: it is not valid, cannot be written, or does not say then what is meant.
    """
    file = settings.user_file(os.environ)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{file.parent} cannot be made.", why=[f"{error.strerror}."]) from error
    with alone(file.parent):
        known, before = settings.contexts_of(os.environ)  # a file that cannot be read is not written
        text = change(read_text(file).removeprefix("\ufeff") if file.is_file() else "")
        settings.check_changed(file, text, meant(known), before if current is None else current)
        replace_file(file, text, private=True)

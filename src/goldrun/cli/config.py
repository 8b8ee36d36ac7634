"""``goldrun config``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from goldrun import config as variables
from goldrun import setting_files, settings
from goldrun.cli import output
from goldrun.cli.common import JSON
from goldrun.cli.lazy import LazyGroup


@click.group(cls=LazyGroup)
def config() -> None:
    """Show settings, and where they come from.

    In order of precedence, they come from options, environment variables, goldrun.toml in the repository, and the
    current context in the user's file (`goldrun context`).
    """


@config.command("show")
@click.option("--origin", is_flag=True, help="Show where each value comes from.")
@JSON
def config_show(origin: bool, as_json: bool) -> None:
    """Show every setting that has a value; secrets are not shown."""
    root = click.get_current_context().find_root().obj
    found = list(settings.explain(root["environment"], root["settings"], root["options"]))
    if as_json:
        from goldrun.cli.json.settings import ShownSetting

        output.result_json([ShownSetting(name=one.name, value=one.value, origin=one.origin) for one in found])
    elif origin:
        output.table(("VARIABLE", "VALUE", "ORIGIN"), [(one.name, one.value, one.origin) for one in found])
    else:
        output.table(("VARIABLE", "VALUE"), [(one.name, one.value) for one in found])


@config.command("path")
def config_path() -> None:
    """Print the paths of the settings files: the repository's, if it has one, and the user's."""
    file = settings.repository_file(os.environ, Path(setting_files.here()))
    for path in (file, settings.user_file(os.environ)):
        if path is not None:
            output.result(str(path))


@config.command("keys")
def config_keys() -> None:
    """List the settings that files may contain."""
    meanings = {name: variable.meaning for variable in variables.VARIABLES for name in variable.names}
    output.table(("SETTING", "VARIABLE"), [(key, name) for key, name in settings.keys().items() if name in meanings])

"""Where the files with settings are: the repository's ``goldrun.toml``, and the user's contexts.

Standard library alone: this module is on the look-up path.
"""

# pathlib takes longer to import than a look-up takes.
# ruff: noqa: PTH109, PTH110, PTH111, PTH113, PTH118, PTH120

from __future__ import annotations

import os.path

from goldrun import config

FILE = "goldrun.toml"


def here() -> str:
    """Return the current folder; the root if it has been deleted."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"


def user_file(env: config.Environment) -> str:
    """Return the path of the user's file: ``config.toml`` in the configuration folder."""
    base = env.get("XDG_CONFIG_HOME", "").strip() or os.path.join(env.get("HOME", "/"), ".config")
    return os.path.join(base, "goldrun", "config.toml")


def repository_file(env: config.Environment, folder: str) -> str:
    """Return the path of the repository's file: in this folder or above, not beyond the repository; empty: none.

    Inside GitHub Actions the workspace may hold somebody else's pull request, so only a named file is read.
    """
    if named := config.CONFIG_FILE.read(env):
        return named
    if env.get("GITHUB_ACTIONS") == "true":
        return ""
    home = os.path.expanduser("~")
    while not os.path.isfile(os.path.join(folder, FILE)):
        above = os.path.dirname(folder)
        if os.path.exists(os.path.join(folder, ".git")) or folder in (home, above):
            return ""
        folder = above
    return os.path.join(folder, FILE)


def are_there(env: config.Environment) -> bool:
    """Return whether a file with settings counts here, or a context is named, which is in one."""
    named = config.CONTEXT.read(env)
    return bool(named or repository_file(env, here())) or os.path.isfile(user_file(env))

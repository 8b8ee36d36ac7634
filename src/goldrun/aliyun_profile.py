"""The profile that the official CLI would use: `~/.aliyun/config.json`, as `aliyun configure` writes it.

Workflows leave their keys there, and set none of the variables. Source: `config/` of github.com/aliyun/aliyun-cli.
Standard library alone: this module is on the look-up path.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from goldrun import config
from goldrun.errors import CredentialsError

SHOWN_PATH = "~/.aliyun/config.json"


class Profile(NamedTuple):
    """A profile; members that it does not set are empty.

    Attributes:
        name: its name.
        mode: how it gets keys: ``AK`` and ``StsToken`` contain them, the others request them (``cloud.profile_keys``).
        access_key_id: with these two modes.
        access_key_secret: likewise.
        security_token: with ``StsToken``.
        region: where it works.
        members: everything that it sets.
    """

    name: str
    mode: str
    access_key_id: str
    access_key_secret: str
    security_token: str
    region: str
    members: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return one of its members; empty: it is not set, or not text."""
        return _text(self.members, name)

    def __repr__(self) -> str:
        return f"Profile({self.name!r}, {self.mode!r}, {self.region!r}, ***)"


def find_profile(env: config.Environment, named: str = "") -> Profile | None:
    """Return a profile; None if it does not exist.

    Args:
        env: the environment.
        named: its name (default: the one that the environment names, or else the file's current one).

    Raises:
        CredentialsError: the file exists, but cannot be read.
    """
    document = _document(env)
    name = named or config.PROFILE.read(env) or str(document.get("current") or "default")
    for entry in document.get("profiles") or ():
        if isinstance(entry, dict) and entry.get("name") == name:
            return make_profile(entry)
    return None


def profile_names(env: config.Environment) -> list[str]:
    """Return the names of the profiles.

    Raises:
        CredentialsError: the file exists, but cannot be read.
    """
    entries = _document(env).get("profiles") or ()
    return [name for entry in entries if isinstance(entry, dict) and (name := _text(entry, "name"))]


def _document(env: config.Environment) -> Mapping[str, Any]:
    """Return what the file says; nothing if there is none, or profiles are disabled."""
    home = env.get("HOME") or env.get("USERPROFILE")
    if not home or config.PROFILE_DISABLED.read(env).lower() == "true":
        return {}
    return _read(os.path.join(home, ".aliyun", "config.json"))  # noqa: PTH118 - pathlib takes 5 ms to import


def make_profile(members: Mapping[str, Any]) -> Profile:
    """Return the profile with these members."""
    return Profile(
        name=_text(members, "name"),
        mode=_text(members, "mode"),
        access_key_id=_text(members, "access_key_id"),
        access_key_secret=_text(members, "access_key_secret"),
        security_token=_text(members, "sts_token"),
        region=_text(members, "region_id"),
        members=members,
    )


def _read(path: str) -> Mapping[str, Any]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            document = json.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _unreadable(f"{error.strerror}.") from error
    except (ValueError, RecursionError):
        # Without the parser's message: it may quote the file, which contains keys.
        raise _unreadable("it is not JSON.") from None
    if not isinstance(document, dict) or not isinstance(document.get("profiles") or [], list):
        raise _unreadable("it has no list of profiles.")
    return document


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value.strip() if isinstance(value, str) else ""


def _unreadable(why: str) -> CredentialsError:
    return CredentialsError(
        f"{SHOWN_PATH} cannot be read.", why=[why], fix=["write it again: aliyun configure", "or set plain variables."]
    )

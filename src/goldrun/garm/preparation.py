"""GARM's ``pre_install_scripts`` and ``runner_install_template``, extra specs of every provider of GARM's.

Source: garm-provider-common, ``cloudconfig/util.go`` and ``cloudconfig/cloudconfig.go``; GARM, ``util/util.go``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from goldrun.errors import UsageError

# Where the engine's own template, which it sends since 0.2.0 if a pool has none, fetches the rendered one from.
_WRAPPER = b"/install-script/"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


def read_scripts(given: Mapping[str, str]) -> dict[str, bytes]:
    """Decode ``pre_install_scripts``: scripts in base64 by their names, in whose order they run.

    Raises:
        UsageError: a name cannot be a file's, or a script is not base64.
    """
    scripts = {}
    for name in sorted(given):
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} in pre_install_scripts cannot be a file's name.",
                fix=["use letters, digits, dots, hyphens and underscores, for example 01-packages."],
            )
        try:
            scripts[name] = base64.b64decode(given[name], validate=True)
        except (ValueError, binascii.Error):
            raise UsageError(
                f"The script {name} in pre_install_scripts is not base64.", fix=[f"write: base64 -w0 {name}"]
            ) from None
    return scripts


def has_own_template(given: str) -> bool:
    """Whether ``runner_install_template``, in base64, is the operator's, not the one that the engine adds.

    Raises:
        UsageError: it is not base64.
    """
    try:
        text = base64.b64decode(given, validate=True)
    except (ValueError, binascii.Error):
        raise UsageError(
            "runner_install_template in the extra specs is not base64.", fix=["write: base64 -w0 FILE"]
        ) from None
    return bool(text) and _WRAPPER not in text

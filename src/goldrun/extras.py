"""The optional parts (extras): which one a missing module belongs to, and the command that installs it.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

import os
import sys

from goldrun.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


# What goldrun imports, and the extra that installs it.
MODULES = {
    "alibabacloud_credentials": "credentials",
    "cryptography": "github-app",
    "cvss": "scan",
    "hcl2": "migrate",
    "jwt": "github-app",
    "nacl": "setup",
    "local_cloud": "local",
    "matplotlib": "plot",
    "opentelemetry": "otel",
    "packageurl": "scan",
    "prometheus_client": "metrics",
    "tomlkit": "update",
    "univers": "scan",
    "yaml": "migrate",
}


def explain(missing: ModuleNotFoundError, why: str = "") -> UsageError | None:
    """Return the error for a module that is not installed; None: no extra installs it.

    Args:
        missing: what the import raised.
        why: why the module is wanted, if that is not obvious.
    """
    extra = MODULES.get((missing.name or "").partition(".")[0])
    if extra is None:
        return None
    return UsageError(
        f"This needs goldrun's extra {extra!r}, which is not installed.",
        why=[*([why] if why else []), f"the module {missing.name} is missing."],
        fix=[install_command(extra)],
    )


def install_command(extra: str) -> str:
    """Return the command that adds an extra to this installation, whichever tool made it: uv, pipx or pip."""
    if os.path.exists(f"{sys.prefix}/uv-receipt.toml"):  # noqa: PTH110 - pathlib is slow to import
        # These two replace what they installed, so the extras of now are named too.
        return f"uv tool install --force {_source([*_installed(), extra])}"
    if os.path.exists(f"{sys.prefix}/pipx_metadata.json"):  # noqa: PTH110
        return f"pipx install --force {_source([*_installed(), extra], pipx=True)}"
    return f"{_pip()} {_source([extra])}"


def _pip() -> str:
    import shlex
    from importlib.util import find_spec

    if find_spec("pip") is None:
        return f"uv pip install --python {shlex.quote(sys.executable)}"
    active = sys.prefix in (sys.base_prefix, os.environ.get("VIRTUAL_ENV"))
    return "pip install" if active else f"{shlex.quote(sys.executable)} -m pip install"


def _source(extras: Iterable[str], *, pipx: bool = False) -> str:
    """Return the words that name goldrun, from where it was installed, with these extras."""
    import shlex
    from urllib.parse import unquote, urlsplit

    asked = f"[{','.join(sorted({*extras}))}]"
    origin = _origin()
    url = origin.get("url", "")
    path = unquote(urlsplit(url).path) if url.startswith("file:") else ""
    if path and origin.get("dir_info") is not None:
        editable = "-e " if origin["dir_info"].get("editable") else ""
        return f"{editable}'{path}{asked}'"
    if path:
        # Beside a wheel are the wheels of what belongs to it. It is named, so that the next command finds it too.
        links = f"--find-links {shlex.quote(os.path.dirname(path))}"  # noqa: PTH120
        return f"--pip-args=\"{links}\" 'goldrun{asked} @ {url}'" if pipx else f"{links} 'goldrun{asked} @ {url}'"
    if revision := origin.get("vcs_info"):
        at = f"@{revision['requested_revision']}" if revision.get("requested_revision") else ""
        return f"'goldrun{asked} @ {revision['vcs']}+{url}{at}'"
    return f"'goldrun{asked}'"


def _origin() -> dict[str, Any]:
    """Return where goldrun was installed from (PEP 610); empty: a package index."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return dict(json.loads(distribution("goldrun").read_text("direct_url.json") or "{}"))
    except (PackageNotFoundError, ValueError):
        return {}


def _installed() -> list[str]:
    """Return the extras whose packages are all installed."""
    import re
    from importlib.metadata import PackageNotFoundError, distribution, requires

    needed: dict[str, list[str]] = {}
    try:
        for requirement in requires("goldrun") or ():
            if extra := re.search(r"""extra == ["']([\w-]+)""", requirement):
                needed.setdefault(extra[1], []).append(re.split(r"[^\w.-]", requirement)[0])
    except PackageNotFoundError:
        return []

    def is_there(package: str) -> bool:
        try:
            distribution(package)
        except PackageNotFoundError:
            return False
        return True

    return sorted(extra for extra, packages in needed.items() if all(map(is_there, packages)))

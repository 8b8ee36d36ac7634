"""The local cloud's addresses and keys: all that its clients need to know.

Every command of ``local`` loads this, without the server.
"""

from __future__ import annotations

HOST = "127.0.0.1"
GUESTS_HOST = "100.100.100.2"  # this computer, for virtual machines
CONTROL = "/_goldrun/"  # followed by an endpoint of the control API
GITHUB = "/_github"  # GitHub's server
GITHUB_API = "/api/v3"  # after it
GITHUB_TOKEN = "goldrun-local-github"  # noqa: S105 - valid for this computer's own cloud alone
REGION = "cn-hangzhou"
# Not in the form of real keys, so that scanners do not report them.
KEY_ID, KEY_SECRET = "goldrun-local", "goldrun-local-secret"

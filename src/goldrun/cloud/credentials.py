"""Where credentials come from: plain variables, the official CLI's profile, then the official library's chain.

Plain variables and profiles need the standard library alone (``profile_keys``: profiles that request keys). Everything
else (the shared credentials file, OIDC and instance roles by variables, a credentials URI, OAuth) needs
``alibabacloud-credentials``, which is imported only then: it costs half a second and eight packages.
"""

from __future__ import annotations

import os

from goldrun import config
from goldrun.errors import CredentialsError
from goldrun.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias


class Credentials(NamedTuple):
    """An AccessKey; ``security_token`` is empty unless it is a temporary key from STS."""

    access_key_id: str
    access_key_secret: str
    security_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.access_key_id!r}, ***)"


# Modes of profiles that request keys, in lower case; source: config/profile.go of github.com/aliyun/aliyun-cli.
REQUESTING = (
    "ramrolearn",
    "ecsramrole",
    "ramrolearnwithrolename",
    "chainableramrolearn",
    "external",
    "oidc",
    "cloudsso",
)

# Called before every request, so that temporary credentials are renewed in a long run.
CredentialProvider: TypeAlias = "Callable[[], Credentials]"


def find_credentials(env: config.Environment) -> CredentialProvider:
    """Return the provider of credentials for this environment.

    Raises:
        CredentialsError: half of a plain AccessKey is set, or no credentials are found.
    """
    plain = from_variables(env)
    if plain is None and not _is_oidc(env):
        plain = from_profile(env)
    return _official_chain(env) if plain is None else lambda: plain


def from_variables(env: config.Environment) -> Credentials | None:
    """Return the AccessKey in plain variables; None: neither half is set.

    Raises:
        CredentialsError: only one half is set, or a value is not valid.
    """
    key_id, secret = config.ACCESS_KEY_ID.read(env), config.ACCESS_KEY_SECRET.read(env)
    if not key_id and not secret:
        return None
    if not key_id or not secret:
        present, missing = (
            (config.ACCESS_KEY_ID, config.ACCESS_KEY_SECRET)
            if key_id
            else (config.ACCESS_KEY_SECRET, config.ACCESS_KEY_ID)
        )
        raise CredentialsError(
            f"The AccessKey is incomplete: the {present.meaning} is set, the {missing.meaning} is not.",
            fix=[f"set {missing.names[0]} too, or unset both."],
        )
    token = config.SECURITY_TOKEN.read(env)
    for variable, value in ((config.ACCESS_KEY_ID, key_id), (config.SECURITY_TOKEN, token)):
        _check(value, variable.meaning, f"set {variable.names[0]} again.")
    return Credentials(key_id, secret, token)


def requests_keys(env: config.Environment) -> bool:
    """Return whether the official CLI's profile decides, and has to request its keys (``profile_keys``).

    Raises:
        CredentialsError: the profiles cannot be read.
    """
    from goldrun.aliyun_profile import find_profile

    profile = None if _is_oidc(env) else find_profile(env)
    return profile is not None and profile.mode.lower() in REQUESTING


def from_profile(env: config.Environment) -> Credentials | None:
    """Return the AccessKey in the official CLI's profile; None: it holds none.

    Raises:
        CredentialsError: it holds half of one, or a value is not valid.
    """
    from goldrun.aliyun_profile import SHOWN_PATH, find_profile

    profile = find_profile(env)
    if profile is None or profile.mode.lower() not in ("ak", "ststoken"):
        return None
    token = profile.security_token if profile.mode.lower() == "ststoken" else ""
    if not profile.access_key_id and not profile.access_key_secret:
        return None
    again = f"aliyun configure --profile {profile.name} --mode {profile.mode}"
    if not profile.access_key_id or not profile.access_key_secret or (not token and profile.mode.lower() != "ak"):
        raise CredentialsError(f"The profile {profile.name!r} of {SHOWN_PATH} holds half a key.", fix=[again])
    for value in (profile.access_key_id, token):
        _check(value, f"key in the profile {profile.name!r} of {SHOWN_PATH}", again)
    return Credentials(profile.access_key_id, profile.access_key_secret, token)


def _check(value: str, what: str, fix: str) -> None:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise CredentialsError(
            f"The {what} contains characters that are not valid.",
            why=["blanks, line breaks or non-ASCII characters usually come from a bad copy and paste."],
            fix=[fix],
        )


def _is_oidc(env: config.Environment) -> bool:
    """Return whether the official library would use an identity token before it reads profiles."""
    return all(variable.read(env) for variable in (config.ROLE_ARN, config.OIDC_PROVIDER_ARN, config.OIDC_TOKEN_FILE))


def _official_chain(env: config.Environment) -> CredentialProvider:
    import logging
    from pathlib import Path

    from goldrun import extras

    shared_file = Path.home() / ".alibabacloud" / "credentials"
    if shared_file.is_file():
        # The library looks for credentials.ini there, and reads this variable once, when it is imported.
        os.environ.setdefault("ALIBABA_CLOUD_CREDENTIALS_FILE", str(shared_file))
    try:
        from alibabacloud_credentials.provider import DefaultCredentialsProvider
    except ImportError:
        raise _none_found(
            env,
            why=["such profiles, OIDC and instance roles need a package that is not installed."],
            fix=[
                f"export {config.ACCESS_KEY_ID.names[0]}=… {config.ACCESS_KEY_SECRET.names[0]}=…",
                f"or `aliyun configure`, or: {extras.install_command('credentials')}",
            ],
        ) from None
    # It logs failed requests with the identity token in them; our error has what a person needs.
    logging.getLogger("credentials").disabled = True
    chain = DefaultCredentialsProvider()

    def provide() -> Credentials:
        try:
            found = chain.get_credentials()
        # The library raises its own exceptions and those of its HTTP and file access.
        except Exception as error:
            raise _none_found(
                env,
                why=_chain_reasons(error),
                fix=[
                    f"export {config.ACCESS_KEY_ID.names[0]}=… {config.ACCESS_KEY_SECRET.names[0]}=…",
                    "or `aliyun configure`, or an OIDC role in GitHub Actions.",
                ],
            ) from error
        return Credentials(
            found.get_access_key_id() or "",
            found.get_access_key_secret() or "",
            found.get_security_token() or "",
        )

    return provide


def _none_found(env: config.Environment, *, why: list[str], fix: list[str]) -> CredentialsError:
    """Return the error for an environment without credentials; whoever names a profile learns that it does not exist.

    Args:
        env: the environment.
        why: what else was tried.
        fix: what to do.
    """
    from goldrun.aliyun_profile import SHOWN_PATH, find_profile, profile_names

    profile, named = find_profile(env), config.PROFILE.read(env)
    if profile is None and named:
        names = profile_names(env)
        known = f"its profiles: {', '.join(names)}." if names else "it has no profiles."
        return CredentialsError(
            f"{SHOWN_PATH} has no profile {named!r}.",
            why=[known, *why],
            fix=[f"aliyun configure --profile {named}", *fix],
        )
    about = f"{SHOWN_PATH} has no current profile."
    if profile:
        about = f"the profile {profile.name!r} of {SHOWN_PATH} has no key (its mode: {profile.mode or 'none'})."
    plain = f"no plain variables ({config.ACCESS_KEY_ID.names[0]}, {config.ACCESS_KEY_SECRET.names[0]}) are set."
    return CredentialsError("No credentials.", why=[plain, about, *why], fix=fix)


def _chain_reasons(error: Exception) -> list[str]:
    """Return the reasons in the official chain's message, which has them in one line.

    Messages of failed requests quote the URL, and the URL holds the identity token: its query is cut out.
    """
    import re

    text = re.sub(r"\?[^\s)]*=[^\s)]*", "?…", str(error))
    _, _, listed = text.partition("chain: [")
    if not listed:
        return [text]
    reasons = re.split(r"""['"], ['"]""", listed.rstrip("]").strip("'\""))
    return [reason.replace("CredentialsProvider", "") for reason in reasons]

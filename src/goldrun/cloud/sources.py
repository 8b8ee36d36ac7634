"""Which source of credentials an environment uses. Standard library alone: this module is on the look-up path."""

from __future__ import annotations

from goldrun import config
from goldrun.clock import Clock
from goldrun.cloud.credentials import CredentialProvider, find_credentials, from_variables, requests_keys
from goldrun.http.transport import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from goldrun.cloud.profile_keys import OpenSts


def find_source(env: config.Environment, transport: Transport, clock: Clock, open_sts: OpenSts) -> CredentialProvider:
    """Return the first that there is: variables, a job's identity, a profile, the official library's chain.

    Args:
        env: the environment.
        transport: sends requests for keys.
        clock: the machine's clock.
        open_sts: opens a client of STS for a profile that assumes a role.

    Raises:
        CredentialsError: there is none, or the first one is not valid.
    """
    if not from_variables(env):
        if config.ROLE_ARN.read(env):
            from goldrun.cloud.oidc import find_oidc

            if provider := find_oidc(env, transport, clock):
                return provider
        if requests_keys(env):
            from goldrun.cloud.profile_keys import find_provider

            return find_provider(env, transport, clock, open_sts)
    return find_credentials(env)


def describe_source(env: config.Environment) -> str:
    """Return in words where the credentials come from; nothing is requested.

    Raises:
        CredentialsError: what is set is not valid.
    """
    if from_variables(env):
        name = next(name for name in config.ACCESS_KEY_ID.names if env.get(name, "").strip())
        return f"the variable {name}"
    if config.ROLE_ARN.read(env) and env.get("GITHUB_ACTIONS") == "true" and not config.OIDC_TOKEN_FILE.read(env):
        return f"this job's identity, as {config.ROLE_ARN.read(env)}"
    from goldrun.aliyun_profile import SHOWN_PATH, find_profile

    profile = find_profile(env)
    if profile is not None and (requests_keys(env) or profile.access_key_id):
        return f"the profile {profile.name} of {SHOWN_PATH} ({profile.mode})"
    return "the official library's chain"

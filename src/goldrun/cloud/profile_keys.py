"""Keys of the official CLI's profiles that request them: roles, instance roles, identity tokens, programs.

Each mode does what the CLI does (source: config/profile.go of github.com/aliyun/aliyun-cli). Keys are renewed before
they expire. Standard library alone.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, Protocol

from goldrun import config, extras
from goldrun.aliyun_profile import SHOWN_PATH, Profile, find_profile, make_profile
from goldrun.clock import Clock
from goldrun.cloud.credentials import CredentialProvider, Credentials
from goldrun.cloud.endpoints import STS, Api
from goldrun.cloud.home import read_region
from goldrun.cloud.moments import parse_moment
from goldrun.cloud.oidc import Exchange, renewed
from goldrun.errors import CredentialsError
from goldrun.http.endpoint import Endpoint, parse_endpoint
from goldrun.http.transport import HttpTransport, Transport

METADATA = "http://100.100.100.200"
METADATA_SECONDS = 5.0
COMMAND_SECONDS = 60.0
MAX_CHAIN = 10  # profiles that take their keys from one another
SESSION = "goldrun"
SESSION_SECONDS = 3600


class Sts(Protocol):
    """A client of STS.

    Attributes:
        clock: shows the time of STS.
    """

    @property
    def clock(self) -> Clock:
        """See the class."""

    def call(self, action: str, params: Mapping[str, str | int | None], *, api: Api) -> dict[str, Any]:
        """Call an action."""


class OpenSts(Protocol):
    """Returns a client of STS with these keys."""

    def __call__(self, *, region: str, endpoint: Endpoint | None, credentials: CredentialProvider) -> Sts:
        """Open it."""


def find_provider(env: config.Environment, transport: Transport, clock: Clock, open_sts: OpenSts) -> CredentialProvider:
    """Return the provider of keys for the profile that the environment names.

    Args:
        env: the environment.
        transport: sends requests that are not signed.
        clock: the machine's clock.
        open_sts: opens a client for a profile that assumes a role.

    Raises:
        CredentialsError: the profile is incomplete, or a profile that it names does not exist.
    """
    profile = find_profile(env)
    assert profile is not None
    return _Profiles(env, transport, clock, open_sts).provider(profile)


class _Profiles:
    def __init__(self, env: config.Environment, transport: Transport, clock: Clock, open_sts: OpenSts) -> None:
        self._env, self._transport, self._clock, self._open_sts = env, transport, clock, open_sts

    def provider(self, profile: Profile, depth: int = 0) -> CredentialProvider:
        """Return the provider of a profile's keys; ``depth`` profiles take theirs from it."""
        if profile.mode.lower() in ("ak", "ststoken"):
            return _constant(_stored(profile))
        sources = {
            "ramrolearn": lambda: self._role(profile, _constant(_stored(profile))),
            "ecsramrole": lambda: self._instance(profile),
            "ramrolearnwithrolename": lambda: self._role(profile, self._instance(profile)),
            "chainableramrolearn": lambda: self._role(profile, self._source(profile, depth)),
            "oidc": lambda: self._identity(profile),
            "external": lambda: renewed(self._clock, lambda: self._program(profile, depth)),
            "cloudsso": lambda: _constant(self._signed_in(profile)),
        }
        source = sources.get(profile.mode.lower())
        if source is None:
            raise _error(profile, f"its mode {profile.mode!r} is not supported.", extras.install_command("credentials"))
        return source()

    def _instance(self, profile: Profile) -> CredentialProvider:
        return renewed(self._clock, lambda: self._instance_role(profile))

    def _source(self, profile: Profile, depth: int) -> CredentialProvider:
        named = _require(profile, "source_profile")
        source = find_profile(self._env, named)
        if source is None:
            raise _error(profile, f"its source profile {named!r} does not exist.")
        if depth >= MAX_CHAIN:
            raise _error(profile, "its source profiles lead in a circle.")
        return self.provider(source, depth + 1)

    def _role(self, profile: Profile, source: CredentialProvider) -> CredentialProvider:
        """Return the keys of the role that the profile assumes with other keys (source: AssumeRole)."""
        role = _require(profile, "ram_role_arn")
        named = profile.text("sts_endpoint") or config.ENDPOINT.read(self._env)
        client = self._open_sts(
            region=profile.text("sts_region") or read_region(self._env),
            endpoint=parse_endpoint(named if "://" in named else f"https://{named}") if named else None,
            credentials=source,
        )
        seconds = profile.members.get("expired_seconds")
        parameters: dict[str, str | int | None] = {
            "RoleArn": role,
            "RoleSessionName": profile.text("ram_session_name") or SESSION,
            "DurationSeconds": seconds if isinstance(seconds, int) and seconds > 0 else SESSION_SECONDS,
            "ExternalId": profile.text("external_id") or None,
        }
        return renewed(client.clock, lambda: _expiring(client.call("AssumeRole", parameters, api=STS)["Credentials"]))

    def _identity(self, profile: Profile) -> CredentialProvider:
        """Return the keys of a role in exchange for the identity token in a file (source: AssumeRoleWithOIDC)."""
        role, provider = _require(profile, "ram_role_arn"), _require(profile, "oidc_provider_arn")
        path = _require(profile, "oidc_token_file")
        session = profile.text("ram_session_name") or SESSION
        exchange = Exchange(self._env, self._transport, self._clock, role, provider, session)

        def request() -> tuple[Credentials, float]:
            try:
                with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes 5 ms to import
                    token = file.read().strip()
            except (OSError, UnicodeDecodeError):
                raise _error(profile, f"its file with the identity token, {path!r}, cannot be read.") from None
            return exchange.assume(token)

        return renewed(exchange.clock, request)

    def _instance_role(self, profile: Profile) -> tuple[Credentials, float]:
        """Return the key of this instance's role, and when it expires (source: "Instance metadata")."""
        if self._env.get("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "").lower() == "true":
            raise _error(profile, "ALIBABA_CLOUD_ECS_METADATA_DISABLED forbids its use of the metadata service.")
        transport = HttpTransport({}, self._clock)  # without a proxy, which would answer for itself
        host, _, prefix = METADATA.removeprefix("http://").partition("/")
        endpoint, prefix = parse_endpoint(f"http://{host}"), f"/{prefix}".rstrip("/")

        def read(method: str, path: str, headers: Mapping[str, str]) -> str:
            deadline = self._clock.now() + METADATA_SECONDS
            answer = transport.send(endpoint, method, prefix + path, {"host": endpoint.netloc, **headers}, deadline)
            if answer.status != 200:
                raise _error(profile, f"the metadata service answered {path} with HTTP {answer.status}.")
            return answer.body.decode("utf-8", "replace").strip()

        try:
            lifetime = {"x-aliyun-ecs-metadata-token-ttl-seconds": "60", "content-length": "0"}
            proof = {"x-aliyun-ecs-metadata-token": read("PUT", "/latest/api/token", lifetime)}
            folder = "/latest/meta-data/ram/security-credentials/"
            role = profile.text("ram_role_name") or read("GET", folder, proof)
            return _expiring(json.loads(read("GET", f"{folder}{role}", proof)))
        except (ValueError, KeyError):
            raise _error(profile, "the metadata service has no key for its role.") from None
        finally:
            transport.close()

    def _program(self, profile: Profile, depth: int) -> tuple[Credentials, float]:
        """Return the key that the profile's own command prints, as a profile in JSON."""
        import subprocess

        if self._env.get("ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS", "").lower() in ("1", "true"):
            raise _error(profile, "ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS forbids its process_command.")
        try:
            words = shlex.split(_require(profile, "process_command"))
            # The command is the user's own configuration; what it prints holds keys, and is never shown.
            done = subprocess.run(words, stdout=subprocess.PIPE, timeout=COMMAND_SECONDS, check=True)
            printed: Any = json.loads(done.stdout)
        except subprocess.CalledProcessError as error:
            raise _error(profile, f"its process_command ended with exit code {error.returncode}.") from None
        except subprocess.TimeoutExpired:
            raise _error(profile, f"its process_command took longer than {COMMAND_SECONDS:.0f} s.") from None
        except OSError as error:
            raise _error(profile, f"its process_command cannot be run: {error.strerror}.") from None
        except ValueError:
            raise _error(profile, "its process_command is not a command, or did not print JSON.") from None
        if not isinstance(printed, dict):
            raise _error(profile, "its process_command did not print a profile.")
        inner = make_profile({**profile.members, **printed})
        if inner.mode.lower() == "external" or depth >= MAX_CHAIN:
            raise _error(profile, "its process_command printed a profile of the mode External.")
        # Profiles say nothing of an expiry: the command is run again as often as a role's key is requested.
        return self.provider(inner, depth + 1)(), self._clock.now() + SESSION_SECONDS

    def _signed_in(self, profile: Profile) -> Credentials:
        """Return the key that the CLI left in the profile when a person signed in."""
        until = profile.members.get("sts_expiration")
        if not isinstance(until, int) or until <= self._clock.now() or not profile.security_token:
            raise _error(
                profile,
                "its sign-in has expired, and only the official CLI can renew it.",
                f"aliyun sts GetCallerIdentity --profile {profile.name}",
            )
        return _stored(profile)


def _constant(key: Credentials) -> CredentialProvider:
    return lambda: key


def _stored(profile: Profile) -> Credentials:
    return Credentials(
        _require(profile, "access_key_id"), _require(profile, "access_key_secret"), profile.text("sts_token")
    )


def _expiring(answer: Mapping[str, Any]) -> tuple[Credentials, float]:
    key = Credentials(answer["AccessKeyId"], answer["AccessKeySecret"], answer["SecurityToken"])
    return key, parse_moment(answer["Expiration"])


def _require(profile: Profile, member: str) -> str:
    value = profile.text(member)
    if not value:
        raise _error(profile, f"{member} is not set.")
    return value


def _error(profile: Profile, why: str, fix: str = "") -> CredentialsError:
    return CredentialsError(
        f"The profile {profile.name!r} of {SHOWN_PATH} gives no key.",
        why=[why],
        fix=[fix or f"aliyun configure --profile {profile.name} --mode {profile.mode}", "or set plain variables."],
    )

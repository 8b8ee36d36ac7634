"""Lists goldrun's runners, with their instances and registrations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import Instance, describe_instances
from goldrun.cloud.tags import OWNED, ROLE, RUN_LABEL, RUNNER, RUNNER_NAME, SCOPE
from goldrun.config import Environment
from goldrun.errors import NotFoundError, RefusedError, UsageError
from goldrun.github.client import GitHub
from goldrun.github.runners import Registration, find_registrations, list_registrations
from goldrun.github.scope import Scope
from goldrun.runners.naming import read_name


def find_instances(client: EcsClient, scope: Scope, name: str = "") -> list[Instance]:
    """Return the instances of a scope's runners, or of the runner with that name."""
    tags = {**OWNED, **ROLE.of(RUNNER), **SCOPE.of(scope.tag), **(RUNNER_NAME.of(name) if name else {})}
    return describe_instances(client, tags=tags)


def resolve(client: EcsClient, github: GitHub, scope: Scope, text: str) -> str:
    """Return the name of a runner, given its name or its instance's id.

    Raises:
        NotFoundError: neither the cloud nor GitHub has it.
        RefusedError: it is not known to be a runner of goldrun's in this scope.
        UsageError: it is a runner of another region, where its instance would be left.
    """
    if made := read_name(text):
        if made.region != client.region:
            raise UsageError(
                f"{text} is a runner in {made.region}, not in {client.region}.", fix=[f"--region {made.region}"]
            )
        return text
    for instance in find_instances(client, scope):
        if text in (instance.id, RUNNER_NAME.read(instance.tags)):
            return RUNNER_NAME.read(instance.tags)
    if find_registrations(github, scope, text):
        raise RefusedError(f"{text} is a runner of {scope}, but not one of goldrun's.")
    if text.startswith("i-") and describe_instances(client, ids=[text]):
        raise RefusedError(
            f"{text} exists, but its tags do not say that it is a runner of {scope}.",
            fix=["check --repo and --org", f"to delete it, whatever it is: goldrun instance rm {text}"],
        )
    raise NotFoundError(
        f"Runner not found: {text} in {client.region} and {scope}.",
        fix=["list the runners: goldrun runner ls", "another region: --region"],
    )


def names_of_run(client: EcsClient, github: GitHub, scope: Scope, run: str) -> list[str]:
    """Return the runners that a workflow run has started, also those that did not come online.

    Args:
        client: the cloud.
        github: GitHub's API.
        scope: the runners' repository or organization.
        run: the run's label, from ``run_label``.
    """
    rows = list_runners(client, github, scope)
    return [
        row.name
        for row in rows
        if (row.instance and RUN_LABEL.matches(row.instance.tags, run))
        or (row.registration and run in row.registration.labels)
    ]


def run_label(env: Environment) -> str:
    """Return the label and tag value of this workflow run's runners; empty outside a run."""
    run, repository = env.get("GITHUB_RUN_ID", ""), env.get("GITHUB_REPOSITORY", "")
    return f"run-{run}-{env.get('GITHUB_RUN_ATTEMPT', '1')}" if run and repository else ""


@dataclass(frozen=True)
class Row:
    """A runner.

    Attributes:
        name: its name.
        instance: its instance, or None.
        registration: its registration, or None.
        age: its age in seconds.
    """

    name: str
    instance: Instance | None
    registration: Registration | None
    age: float

    @property
    def state(self) -> str:
        """Its state in a few words."""
        if self.registration is None:
            return "starting or ending"
        if self.instance is None:
            return "no instance"
        if not self.registration.online:
            return "offline"
        return "busy" if self.registration.busy else "idle"


def list_runners(client: EcsClient, github: GitHub, scope: Scope) -> list[Row]:
    """Return goldrun's runners of the scope that have an instance or a registration, newest first."""
    instances = {RUNNER_NAME.read(instance.tags): instance for instance in find_instances(client, scope)}
    registered = {
        registration.name: registration
        for registration in list_registrations(github, scope)
        if _is_here(client, registration.name)
    }
    now = client.clock.now()
    names: Iterable[str] = {*instances, *registered} - {""}
    rows = [Row(name, instances.get(name), registered.get(name), now - _made_at(name, now)) for name in names]
    return sorted(rows, key=lambda row: row.age)


def look_at(client: EcsClient, github: GitHub, scope: Scope, name: str, instance: Instance | None) -> Row:
    """Look up one runner, by its name, in the cloud and at GitHub.

    Args:
        client: the cloud.
        github: GitHub's API.
        scope: the runner's repository or organization.
        name: the runner's name.
        instance: its instance, if it was just read.
    """
    instances = [instance] if instance else find_instances(client, scope, name)
    registered = find_registrations(github, scope, name)
    now = client.clock.now()
    return Row(name, next(iter(instances), None), next(iter(registered), None), now - _made_at(name, now))


def _is_here(client: EcsClient, name: str) -> bool:
    """Return whether it is a goldrun runner in the client's region: instances elsewhere are not listed."""
    made = read_name(name)
    return made is not None and made.region == client.region


def _made_at(name: str, now: float) -> float:
    made = read_name(name)
    return made.at if made else now

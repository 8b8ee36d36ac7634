"""The identities of a setup: GitHub's identity provider, the roles of workflows and instances, their policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from goldrun.cloud import ram
from goldrun.errors import RefusedError
from goldrun.policies import policy_for, trust_policy
from goldrun.setup.kinds import LATER, Choices, Facts, Found, Site

# Instances assume their role by ECS. Source: "Instance RAM roles".
ECS_TRUST = {
    "Version": "1",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
}


def workflows_role(choices: Choices) -> str:
    """Return the name of the role of workflows."""
    return f"{choices.name}-workflows"


def instances_role(choices: Choices) -> str:
    """Return the name of the role by which instances delete themselves."""
    return f"{choices.name}-self-destruct"


def policies_of(choices: Choices) -> dict[str, list[str]]:
    """Return what each role, and its policy of the same name, is for."""
    jobs = {workflows_role(choices): list(choices.jobs)} if choices.subjects else {}
    return {**jobs, instances_role(choices): ["self-destruct"]}


def text_of(document: Mapping[str, Any]) -> str:
    """Return a document as text that is the same for the same document."""
    return json.dumps(document, sort_keys=True)


@dataclass(frozen=True)
class Providers:
    """GitHub as an identity provider. An account has one for an issuer: one that exists already is used."""

    name: str = "identity provider"
    fixed: tuple[str, ...] = ("issuer",)

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        choices = site.choices
        if choices.gone or not choices.subjects:
            return {}
        return {choices.name: {"issuer": choices.issuer, "audience": choices.audience}}

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``."""
        found = ram.find_issuer(site.client, site.choices.issuer) if site.choices.issuer else None
        # One that another made is of no concern unless it is to be used: what is listed and not wanted is deleted.
        if found is None or (found.description != site.mark and not self.wanted(site)):
            return []
        # What others use is not changed, but that another audience is accepted.
        audience = site.choices.audience if site.choices.audience in found.audiences else ",".join(found.audiences)
        return [Found(site.choices.name, found.name, {"issuer": found.issuer, "audience": audience, "arn": found.arn})]

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        ram.create_provider(site.client, key, facts["issuer"], facts["audience"], site.mark)

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``."""
        audiences = {*found.facts["audience"].split(","), facts["audience"]} - {""}
        ram.change_audiences(site.client, found.id, tuple(sorted(audiences)))

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        ram.delete_provider(site.client, found.id)


@dataclass(frozen=True)
class Policies:
    """The policies of the roles."""

    name: str = "policy"
    fixed: tuple[str, ...] = ()

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        return {
            name: {"document": text_of(policy_for(jobs, site.choices.sboms))}
            for name, jobs in policies_of(site.choices).items()
        }

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``."""
        found = []
        for name in (workflows_role(site.choices), instances_role(site.choices)):
            policy = ram.get_policy(site.client, name)
            if policy and _is_ours(site, self.name, name, policy.description):
                found.append(Found(name, name, {"document": text_of(policy.document)}))
        return found

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        ram.create_policy(site.client, key, json.loads(facts["document"]), site.mark, site.tags)

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``."""
        ram.change_policy(site.client, found.id, json.loads(facts["document"]))

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        ram.delete_policy(site.client, found.id)


@dataclass(frozen=True)
class Roles:
    """The role that workflows assume, and the one by which instances delete themselves."""

    name: str = "role"
    fixed: tuple[str, ...] = ()

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        wanted: dict[str, Facts] = {}
        choices = site.choices
        if choices.subjects:
            provider = next(iter(site.seen.get("identity provider", ())), None)
            arn = provider.facts["arn"] if provider else LATER
            trust = trust_policy(
                arn, issuer=choices.issuer, audience=choices.audience, subjects=sorted(choices.subjects)
            )
            wanted[workflows_role(choices)] = {"trust": text_of(trust)}
        return {**wanted, instances_role(choices): {"trust": text_of(ECS_TRUST)}}

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``."""
        found = []
        for name in (workflows_role(site.choices), instances_role(site.choices)):
            role = ram.get_role(site.client, name)
            if role and _is_ours(site, self.name, name, role.description):
                found.append(Found(name, name, {"trust": text_of(role.trust), "arn": role.arn}))
        return found

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        ram.create_role(site.client, key, json.loads(facts["trust"]), site.mark, site.tags)

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``."""
        ram.change_trust(site.client, found.id, json.loads(facts["trust"]))

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        ram.delete_role(site.client, found.id)


@dataclass(frozen=True)
class Attachments:
    """Each role has its policy."""

    name: str = "attached policy"
    fixed: tuple[str, ...] = ()

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        return {name: {} for name in policies_of(site.choices)}

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``."""
        return [
            Found(role.id, role.id, {})
            for role in site.seen.get("role", ())  # roles are looked at before
            if ram.Attached(role.id, "Custom") in ram.attached_policies(site.client, role.id)
        ]

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        ram.attach_policy(site.client, key, key)

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``; nothing of it changes."""

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        ram.detach_policy(site.client, found.id, found.id)


def _is_ours(site: Site, kind: str, name: str, description: str) -> bool:
    """Return whether something was made by this setup.

    Raises:
        RefusedError: it was not, and is in the way.
    """
    if description == site.mark:
        return True
    if site.choices.gone:
        return False
    raise RefusedError(
        f"There is a {kind} named {name} that this setup did not make.",
        why=[f"its description is {description!r}, not {site.mark!r}."],
        fix=["choose another name for the setup: --name"],
    )

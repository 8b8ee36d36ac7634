"""Identity providers (OIDC) of RAM, from which jobs get temporary keys.

Sources: CreateOIDCProvider and the other actions of the IMS API (2019-08-15), with their error codes.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from local_cloud.actions.ram_roles import marked
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid
from local_cloud.ram import provider_of
from local_cloud.records.identities import OidcProvider

MAX_CLIENTS = 50
MAX_FINGERPRINTS = 5
_NAME = re.compile(r"[\w.-]{1,128}", re.ASCII)
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{40}")


@action("CreateOIDCProvider", "ims", regionless=True)
def create_oidc_provider(call: Call) -> Answer:
    """Register an identity provider."""
    params = call.params
    name, issuer = params.require("OIDCProviderName"), params.require("IssuerUrl")
    if not _NAME.fullmatch(name):
        raise invalid("OIDCProviderName")
    if not re.fullmatch(r"https?://[^\s?#]{1,2000}", issuer):
        raise invalid("IssuerUrl")
    if provider_of(call.store, call.account, name):
        raise ApiFault(409, "EntityAlreadyExists.OIDCProvider", f"The OIDC provider already exists: {name}.")
    others = (one for one in call.store.all(OidcProvider) if one.account == call.account)
    if any(one.issuer == issuer for one in others):
        raise ApiFault(
            409, "EntityAlreadyExists.OIDCProvider.IssuerUrl", "The issuer belongs to another OIDC provider."
        )
    provider = OidcProvider(
        id=f"{call.account} {name}",
        account=call.account,
        name=name,
        issuer=issuer,
        clients=_clients(params.text("ClientIds")),
        # Without one, RAM takes the certificate's own.
        fingerprints=_fingerprints(params.text("Fingerprints")) if params.text("Fingerprints") else (),
        description=params.text("Description"),
        hours=params.number("IssuanceLimitTime", 6, 1, 168),
        created=call.now,
        updated=call.now,
    )
    call.store.put(provider)
    return {"OIDCProvider": _describe(provider)}


@action("GetOIDCProvider", "ims", regionless=True)
def get_oidc_provider(call: Call) -> Answer:
    """An identity provider."""
    return {"OIDCProvider": _describe(_require(call))}


@action("ListOIDCProviders", "ims", regionless=True)
def list_oidc_providers(call: Call) -> Answer:
    """The account's identity providers."""
    found = [provider for provider in call.view.all(OidcProvider) if provider.account == call.account]
    shown, paging = marked(call, found)
    return {**paging, "OIDCProviders": {"OIDCProvider": [_describe(provider) for provider in shown]}}


@action("UpdateOIDCProvider", "ims", regionless=True)
def update_oidc_provider(call: Call) -> Answer:
    """Change an identity provider's clients, description or limit."""
    provider, params = _require(call), call.params
    if text := params.text("ClientIds"):
        provider = replace(provider, clients=_clients(text))
    if "NewDescription" in params.values:
        provider = replace(provider, description=params.text("NewDescription"))
    return _put(call, replace(provider, hours=params.number("IssuanceLimitTime", provider.hours, 1, 168)))


@action("AddClientIdToOIDCProvider", "ims", regionless=True)
def add_client_id(call: Call) -> Answer:
    """Accept another audience."""
    provider = _require(call)
    return _put(
        call, replace(provider, clients=_clients(",".join((*provider.clients, call.params.require("ClientId")))))
    )


@action("RemoveClientIdFromOIDCProvider", "ims", regionless=True)
def remove_client_id(call: Call) -> Answer:
    """Accept an audience no more; one stays."""
    provider, removed = _require(call), call.params.require("ClientId")
    left = ",".join(client for client in provider.clients if client != removed)
    return _put(call, replace(provider, clients=_clients(left)))


@action("AddFingerprintToOIDCProvider", "ims", regionless=True)
def add_fingerprint(call: Call) -> Answer:
    """Accept another certificate of the issuer's."""
    provider = _require(call)
    more = ",".join((*provider.fingerprints, call.params.require("Fingerprint")))
    return _put(call, replace(provider, fingerprints=_fingerprints(more)))


@action("RemoveFingerprintFromOIDCProvider", "ims", regionless=True)
def remove_fingerprint(call: Call) -> Answer:
    """Accept a certificate no more; one stays."""
    provider, removed = _require(call), call.params.require("Fingerprint").lower()
    left = ",".join(kept for kept in provider.fingerprints if kept.lower() != removed)
    return _put(call, replace(provider, fingerprints=_fingerprints(left)))


@action("DeleteOIDCProvider", "ims", regionless=True)
def delete_oidc_provider(call: Call) -> Answer:
    """Delete an identity provider."""
    call.store.remove(_require(call))
    return {}


def _require(call: Call) -> OidcProvider:
    name = call.params.require("OIDCProviderName")
    provider = provider_of(call.store, call.account, name)
    if provider is None:
        raise ApiFault(404, "EntityNotExist.OIDCProvider", f"The OIDC provider not exists: {name}.")
    return provider


def _put(call: Call, provider: OidcProvider) -> Answer:
    provider = replace(provider, updated=call.now)
    call.store.put(provider)
    return {"OIDCProvider": _describe(provider)}


def _clients(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(client for client in text.split(",") if client))
    if not 1 <= len(found) <= MAX_CLIENTS or any(len(client) > 64 for client in found):
        raise invalid("ClientIds")
    return found


def _fingerprints(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(print_ for print_ in text.split(",") if print_))
    if not 1 <= len(found) <= MAX_FINGERPRINTS or not all(map(_FINGERPRINT.fullmatch, found)):
        raise invalid("Fingerprints")
    return found


def _describe(provider: OidcProvider) -> Answer:
    return {
        "OIDCProviderName": provider.name,
        "Arn": f"acs:ram::{provider.account}:oidc-provider/{provider.name}",
        "IssuerUrl": provider.issuer,
        "ClientIds": ",".join(provider.clients),
        **({"Fingerprints": ",".join(provider.fingerprints)} if provider.fingerprints else {}),
        "Description": provider.description,
        "IssuanceLimitTime": provider.hours,
        "CreateDate": iso(provider.created),
        "GmtCreate": str(int(provider.created * 1000)),
        "UpdateDate": iso(provider.updated),
        "GmtModified": str(int(provider.updated * 1000)),
    }

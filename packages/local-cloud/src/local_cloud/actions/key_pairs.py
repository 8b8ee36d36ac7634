"""SSH key pairs: created, imported, attached to instances, deleted. Private keys are not stored.

Sources: CreateKeyPair, ImportKeyPair, AttachKeyPair and the other actions' pages, with their error tables.
"""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from local_cloud.actions.owned import key_pair, listed, own_instance
from local_cloud.actions.paging import listed_ids, page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_tags, like, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid
from local_cloud.records import Instance, KeyPair


@action("CreateKeyPair")
def create_key_pair(call: Call) -> Answer:
    """Create a key pair; its private key is in this answer alone."""
    from local_cloud import ssh_keys  # loads a large library, which no other action needs

    private, public = ssh_keys.make()
    pair = _put(call, public)
    return {
        "KeyPairId": f"ssh-{hashlib.sha256(pair.id.encode()).hexdigest()[:20]}",
        "KeyPairName": pair.name,
        "KeyPairFingerPrint": pair.fingerprint,
        "PrivateKeyBody": private,
    }


@action("ImportKeyPair")
def import_key_pair(call: Call) -> Answer:
    """Store a public RSA key of the caller's."""
    from local_cloud import ssh_keys

    text = call.params.require("PublicKeyBody").strip()
    if not ssh_keys.is_rsa(text):
        raise ApiFault(400, "InvalidPublicKeyBody.Malformed", "The specified parameter PublicKeyBody is not valid.")
    pair = _put(call, text)
    return {"KeyPairName": pair.name, "KeyPairFingerPrint": pair.fingerprint}


@action("DescribeKeyPairs")
def describe_key_pairs(call: Call) -> Answer:
    """The key pairs by name, in which ``*`` stands for anything, and fingerprint."""
    params = call.params
    name, fingerprint = params.text("KeyPairName", "*"), params.text("KeyPairFingerPrint")
    found = [pair for pair in listed(call, KeyPair) if like(name, pair.name) and fingerprint in ("", pair.fingerprint)]
    shown, paging = page_by_number(params, found)
    public = params.flag("IncludePublicKey")
    return {**paging, "KeyPairs": {"KeyPair": [_describe(pair, public=public) for pair in shown]}}


@action("DeleteKeyPairs")
def delete_key_pairs(call: Call) -> Answer:
    """Delete key pairs, all of them or none; names that do not exist are ignored."""
    pairs = [pair for name in sorted(_names(call)) if (pair := _named(call, name))]
    for pair in pairs:
        if any(_has(instance, pair) for instance in call.store.all(Instance)):
            raise ApiFault(403, "InvalidParameter.KeypairAlreadyAttachedInstance", "The key pair is in use.")
    for pair in pairs:
        call.store.remove(pair)
    return {}


@action("AttachKeyPair")
def attach_key_pair(call: Call) -> Answer:
    """Give instances a key pair; a running one has it after its next start."""
    pair = _named(call, call.params.require("KeyPairName"))
    if pair is None:
        raise ApiFault(404, "InvalidKeyPair.NotFound", "The specified KeyPairName does not exist.")
    return _set(call, pair.name)


@action("DetachKeyPair")
def detach_key_pair(call: Call) -> Answer:
    """Take a key pair from instances."""
    call.params.require("KeyPairName")
    return _set(call, "")


def _set(call: Call, name: str) -> Answer:
    ids = listed_ids(call.params, "InstanceIds") or set()
    instances = [own_instance(call, instance_id) for instance_id in sorted(ids)]
    call.store.put(*(replace(instance, key_pair=name) for instance in instances))
    rows = [
        {"InstanceId": instance.id, "Code": "200", "Message": "success", "Success": "true"} for instance in instances
    ]
    return {
        "KeyPairName": call.params.text("KeyPairName"),
        "TotalCount": str(len(rows)),
        "FailCount": "0",
        "Results": {"Result": rows},
    }


def _put(call: Call, public: str) -> KeyPair:
    name = call.params.require("KeyPairName")
    if not 2 <= len(name) <= 128 or not name[0].isalpha() or name.startswith(("http://", "https://")):
        raise invalid("KeyPairName")
    if _named(call, name):
        raise ApiFault(400, "KeyPair.AlreadyExist", "The key pair already exist.")
    pair = KeyPair(
        id=f"{name} {call.region} {call.account}",
        region=call.region,
        owner=call.account,
        name=name,
        created=call.now,
        tags=check_tags(call.params.pairs("Tag")),
        # ECS documents it as the MD5 of the public key's text (DescribeKeyPairs).
        fingerprint=hashlib.md5(public.encode(), usedforsecurity=False).hexdigest(),
        public_key=public,
    )
    call.store.put(pair)
    return pair


def _named(call: Call, name: str) -> KeyPair | None:
    return key_pair(call.store, call.account, call.region, name)


def _names(call: Call) -> set[str]:
    # It is called KeyPairNames, and holds a JSON list.
    call.params.require("KeyPairNames")
    return listed_ids(call.params, "KeyPairNames") or set()


def _has(instance: Instance, pair: KeyPair) -> bool:
    return (instance.owner, instance.region, instance.key_pair) == (pair.owner, pair.region, pair.name)


def _describe(pair: KeyPair, *, public: bool) -> Answer:
    return {
        "KeyPairId": f"ssh-{hashlib.sha256(pair.id.encode()).hexdigest()[:20]}",
        "KeyPairName": pair.name,
        "KeyPairFingerPrint": pair.fingerprint,
        "CreationTime": iso(pair.created),
        "ResourceGroupId": "",
        "Tags": tag_rows(pair.tags),
        **({"PublicKey": pair.public_key} if public else {}),
    }

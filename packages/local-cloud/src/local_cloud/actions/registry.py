"""The registry of actions. An action is a function from a ``Call`` to the members of its answer."""

from __future__ import annotations

import hashlib
import json
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local_cloud.access import AccessKey
from local_cloud.errors import ApiFault
from local_cloud.params import Params
from local_cloud.records import Receipt, Settings
from local_cloud.store import Store, View

Answer = dict[str, Any]
Action = Callable[["Call"], Answer]

TOKEN_SECONDS = 24 * 3600.0
_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Call:
    """One call, authenticated and checked.

    Attributes:
        product: ``ecs``, ``vpc``, ``sts``, ``ram``, ``ims`` or ``bssapi``.
        action: the action's name.
        params: its parameters.
        caller: the AccessKey that signed.
        region: the region that it works in.
        now: the cloud's time.
        wall: the computer's time.
        view: the records for reads; may lag behind the store.
        store: the current records.
        new_id: returns a new id with a prefix.
    """

    product: str
    action: str
    params: Params
    caller: AccessKey
    region: str
    now: float
    wall: float
    view: View
    store: Store
    new_id: Callable[[str], str] = field(default=lambda prefix: prefix + random_word(20))

    @property
    def account(self) -> str:
        """The caller's account."""
        return self.caller.account

    @property
    def settings(self) -> Settings:
        """The local cloud's settings."""
        return self.store.settings()


@dataclass(frozen=True, slots=True)
class Entry:
    """An action as the gateway performs it.

    Attributes:
        perform: computes the answer.
        regionless: it needs no region, or finds it by an id, so ``RegionId`` may be missing or unknown.
        unsigned: it has another proof of identity instead of a signature.
    """

    perform: Action
    regionless: bool
    unsigned: bool


ACTIONS: dict[tuple[str, str], Entry] = {}


def action(
    name: str,
    product: str = "ecs",
    *,
    regionless: bool = False,
    unsigned: bool = False,
    idempotent: bool = False,
    token_status: int = 400,
) -> Callable[[Action], Action]:
    """Register a function as the API action ``name``.

    Args:
        name: the action's name in the API.
        product: as in ``Call``.
        regionless: see ``Entry``.
        unsigned: see ``Entry``.
        idempotent: a call with a repeated ``ClientToken`` returns the first answer again.
        token_status: the HTTP status with which a ``ClientToken`` is refused; the actions' error tables differ.
    """

    def register(function: Action) -> Action:
        perform = _idempotent(function, token_status) if idempotent else function
        ACTIONS[product, name] = Entry(perform, regionless, unsigned)
        return function

    return register


def random_word(length: int) -> str:
    """Return lower-case letters and digits, as in the cloud's ids."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _idempotent(function: Action, refusal: int) -> Action:
    """Make a creating action answer a repeated ``ClientToken`` with the first answer.

    The same token with other parameters is refused (``IdempotentParameterMismatch``). Source: "How to ensure
    idempotence" in the ECS API reference.
    """

    def run(call: Call) -> Answer:
        token = call.params.text("ClientToken")
        if not token:
            return function(call)
        if len(token) > 64 or not token.isascii():
            raise ApiFault(refusal, "InvalidClientToken.Malformed", "The specified parameter ClientToken is not valid.")
        meant = json.dumps(sorted((key, value) for key, value in call.params.values.items() if key not in _NOT_MEANT))
        fingerprint = hashlib.sha256(meant.encode()).hexdigest()
        receipt_id = f"{call.account} {call.region} {call.action} {token}"
        receipt = call.store.get(Receipt, receipt_id)
        if receipt and call.now - receipt.created < TOKEN_SECONDS:
            if receipt.fingerprint != fingerprint:
                raise ApiFault(
                    refusal,
                    "IdempotentParameterMismatch",
                    "The request uses the same client token as a previous, but non-identical request.",
                )
            return dict(receipt.answer)
        answer = function(call)
        call.store.put(Receipt(id=receipt_id, fingerprint=fingerprint, answer=answer, created=call.now))
        return answer

    return run


# The parameters that differ when a request is sent again.
_NOT_MEANT = frozenset(
    {"Signature", "SignatureNonce", "SignatureMethod", "SignatureVersion", "SignatureType", "Timestamp"}
    | {"AccessKeyId", "SecurityToken", "Format", "Version", "Action"}
)

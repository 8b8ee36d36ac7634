"""Answers a call of the engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from goldrun.clock import Clock
from goldrun.garm import contract, settings
from goldrun.garm.provider import Provider, Say, read_specs


def answer(env: Mapping[str, str], stdin: str, clock: Clock, say: Say) -> None:
    """Answer a call.

    Args:
        env: the environment, which contains the call.
        stdin: the call's input.
        clock: the clock for waits.
        say: prints the answer for the engine.

    Raises:
        GoldrunError: the call failed.
    """
    call = contract.read_call(env)
    if call.command in _PLAIN:
        say(_PLAIN[call.command]())
        return
    if call.command == contract.VALIDATE:
        read_specs(call.specs)
        if call.config_file:
            settings.read_config(call.config_file)
        return
    wanted = contract.read_bootstrap_instance(stdin, call) if call.command == contract.CREATE else None
    provider = Provider(call, env, clock)
    try:
        if wanted:
            from goldrun.garm.creation import create

            create(provider, wanted, say)
        elif (result := _WORK[call.command](provider)) is not None:
            say(json.dumps(result))
    finally:
        provider.client.close()


# Answered without the cloud.
_PLAIN: dict[str, Callable[[], str]] = {
    contract.GET_VERSIONS: lambda: json.dumps(list(contract.VERSIONS)),
    contract.CONFIG_SCHEMA: lambda: json.dumps(settings.config_schema()),
    contract.SPECS_SCHEMA: lambda: json.dumps(settings.specs_schema()),
}
_WORK: dict[str, Callable[[Provider], Any]] = {
    contract.GET: Provider.get,
    contract.LIST: Provider.list_pool,
    contract.DELETE: Provider.delete,
    contract.START: Provider.start,
    contract.STOP: Provider.stop,
    contract.REMOVE_ALL: Provider.remove_all,
}

"""``goldrun whoami``."""

from __future__ import annotations

import os

import click

from goldrun.cli import output
from goldrun.cli.common import JSON, REGION, open_client
from goldrun.cloud.identity import find_identity
from goldrun.cloud.sources import describe_source


@click.command()
@REGION
@JSON
def whoami(region: str | None, as_json: bool) -> None:
    """Show the current account, identity, region and endpoint, and where the credentials come from."""
    client = open_client(region)
    found = find_identity(client)
    source = describe_source(os.environ)
    if as_json:
        from goldrun.cli.json.doctor import Identity

        shown = Identity(
            account=found.account, arn=found.arn, region=client.region, endpoint=f"{client.endpoint}", source=source
        )
        output.result_json(shown)
        return
    rows = [
        ("account", found.account),
        ("identity", found.arn),
        ("region", client.region),
        ("endpoint", f"{client.endpoint}"),
        ("keys from", source),
    ]
    output.table(("FIELD", "VALUE"), rows)

"""The steps that publish an image: in the build's region and, if the recipe says so, elsewhere and for others."""

from __future__ import annotations

from dataclasses import replace

from goldrun.bake.context import Context
from goldrun.bake.step import State, Step
from goldrun.cloud.images import Encryption
from goldrun.images.everywhere import Audience, publish_everywhere, share_everywhere
from goldrun.images.replicate import copy_everywhere
from goldrun.images.waiting import Progress


def _copy(context: Context, state: State) -> State:
    assert state.image
    wanted, shown = context.recipe.publish, dict[str, int]()
    regions = [region for region in wanted.regions if region != context.client.region]

    def report(region: str, progress: Progress) -> None:
        if progress.percent != shown.get(region):
            shown[region] = progress.percent
            context.report.line(f"{region}: {progress.percent}%")

    if not regions:
        return state
    encryption = {region: Encryption(wanted.keys.get(region, "")) for region in regions} if wanted.encrypted else None
    copies = copy_everywhere(context.client, state.image, regions, encryption=encryption, report=report)
    return replace(state, copies=copies)


def _share(context: Context, state: State) -> State:
    assert state.image
    wanted = context.recipe.publish
    versions = {context.client.region: state.image, **state.copies}
    share_everywhere(context.client, versions, Audience(wanted.accounts, wanted.public))
    return state


def _publish(context: Context, state: State) -> State:
    assert state.image
    home = context.client.region

    def report(region: str, plan: list[str]) -> None:
        for line in plan:
            context.report.line(f"{region}: {line}" if state.copies else line)

    shown = publish_everywhere(context.client, {home: state.image, **state.copies}, tested=True, report=report)
    return replace(state, image=shown[home])


COPY = Step("copy to other regions", _copy, needs=("image",))
SHARE = Step("share with other accounts", _share, needs=("image",))
PUBLISH = Step("publish", _publish, needs=("image",), gives=("image",))

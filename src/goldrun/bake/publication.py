"""The steps that publish an image: in the build's region and, if the recipe says so, elsewhere and for others."""

from __future__ import annotations

from dataclasses import replace

from goldrun.bake.capture import sign_at_once
from goldrun.bake.context import Context
from goldrun.bake.step import State, Step
from goldrun.cloud.images import Encryption, Image
from goldrun.cloud.tagging import tagging
from goldrun.errors import RefusedError
from goldrun.images.availability import Progress
from goldrun.images.everywhere import Audience, publish_everywhere, share_everywhere
from goldrun.images.replicate import copy_everywhere


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
    made: set[str] = set()

    def begun(region: str, copied: str) -> None:
        made.add(region)
        sign_at_once(context, copied, image.tags, region)

    image = state.image
    encryption = {region: Encryption(wanted.keys.get(region, "")) for region in regions} if wanted.encrypted else None
    copies = copy_everywhere(context.client, image, regions, encryption=encryption, begun=begun, report=report)
    return replace(state, copies=copies, made=frozenset(made))


def _share(context: Context, state: State) -> State:
    assert state.image
    wanted = context.recipe.publish
    versions = {context.client.region: state.image, **state.copies}
    share_everywhere(context.client, versions, Audience(wanted.accounts, wanted.public))
    return state


def _sign(context: Context, state: State) -> State:
    """Sign the image and its copies; what has the right signature already keeps it.

    Raises:
        RefusedError: an earlier run has left a copy without it.
    """
    assert state.image
    signer, home = context.options.sign, context.client.region
    assert signer
    signed: dict[str, Image] = {}
    for region, image in {home: state.image, **state.copies}.items():
        if signer.is_signed(image, region):
            signed[region] = image
            continue
        if region not in (home, *state.made) and not signer.existing:
            raise RefusedError(
                f"{image.name} ({image.image_id}) in {region} has no signature that matches its tags.",
                why=["an earlier run copied it, and its tags may have been changed since."],
                fix=[
                    f"goldrun image rm {image.image_id} --region {region}, then build again to copy it again.",
                    "or sign it as it is, if you know where it comes from: --sign-existing",
                ],
            )
        # A copy that was made now has the tags of its original; what it has by now may be somebody else's.
        tags = state.image.tags if region in state.made else image.tags
        tag = signer.sign(image.image_id, tags, region)
        tagging("image", [image.image_id], tag).make(context.client.in_region(region))
        signed[region] = image._replace(tags={**image.tags, **tag})
    return replace(state, image=signed.pop(home), copies=signed)


def _publish(context: Context, state: State) -> State:
    assert state.image
    home = context.client.region

    def report(region: str, plan: list[str]) -> None:
        for line in plan:
            context.report.line(f"{region}: {line}" if state.copies else line)

    shown = publish_everywhere(context.client, {home: state.image, **state.copies}, tested=True, report=report)
    return replace(state, image=shown[home])


COPY = Step("copy to other regions", _copy, needs=("image",))
SIGN = Step("sign", _sign, needs=("image",))
SHARE = Step("share with other accounts", _share, needs=("image",))
PUBLISH = Step("publish", _publish, needs=("image",), gives=("image",))

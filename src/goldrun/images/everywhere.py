"""Publishes one version in several regions: in all of them, or in none.

The order makes it so. First every region gets its copy, and every copy is shared; until then no name shows the version
anywhere. Then goldrun checks that it may be published in each region. Only then the names move, one region after the
other, which takes seconds: a region shows the old release or the new one, and both are complete. If a region refuses
after all, those that have moved go back. If the process dies in between, the same command completes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import Image, describe_sharing, set_public, share_image
from goldrun.errors import GoldrunError, UnavailableError
from goldrun.images.lineage import Lineage, alias_of, read_lineage
from goldrun.images.naming import LATEST, PublishedName
from goldrun.images.publish import publish, roll_back

RegionReport = Callable[[str, list[str]], None]


@dataclass(frozen=True)
class Audience:
    """Who may use an image beside its owner.

    Attributes:
        accounts: other accounts.
        public: everyone.
    """

    accounts: tuple[str, ...] = ()
    public: bool = False


def share_everywhere(client: EcsClient, versions: Mapping[str, Image], audience: Audience) -> None:
    """Share each region's image, and see that it is shared.

    Args:
        client: the cloud.
        versions: the images by region.
        audience: who may use them; others that have been given it keep it.

    Raises:
        UsageError: an account's id is not a number.
        ApiError: ECS refuses.
        UnavailableError: it took the call, and an account is not among those that it lists.
    """
    for region, image in versions.items():
        there = client.in_region(region)
        missing = _missing(there, image, audience)
        share_image(there, image, missing.accounts, on=True)
        if missing.public:
            set_public(there, image, on=True)
        if missing != Audience():
            _require_shared(there, image, audience)


def publish_everywhere(
    client: EcsClient,
    versions: Mapping[str, Image],
    *,
    channel: str = LATEST,
    force: bool = False,
    tested: bool = False,
    dry_run: bool = False,
    report: RegionReport = lambda _, __: None,
) -> dict[str, Image]:
    """Publish each region's image of one version in ``channel``: all, or none.

    Args:
        client: the cloud.
        versions: the images by region; each is Available.
        channel: the channel.
        force: see ``publish``.
        tested: see ``publish``.
        dry_run: whether to only report the plan.
        report: receives each region's plan.

    Returns:
        What each region shows.

    Raises:
        GoldrunError: a region refuses; where the names had moved, they are back, or the error's notes say where not.
    """
    if len(versions) == 1:
        ((region, image),) = versions.items()
        there, say = client.in_region(region), _planner(region, report)
        shown_here = publish(
            there, image.image_id, channel=channel, force=force, tested=tested, dry_run=dry_run, report=say
        )
        return {region: shown_here}
    before: dict[str, Lineage] = {}
    for region, image in versions.items():
        there = client.in_region(region)
        before[region] = read_lineage(there, alias_of(image, channel))
        say = _planner(region, report)
        with _named(region):
            publish(there, image.image_id, channel=channel, force=force, tested=tested, dry_run=True, report=say)
    if dry_run:
        return dict(versions)
    moved: list[str] = []
    shown: dict[str, Image] = {}
    try:
        for region, image in versions.items():
            moved.append(region)
            there = client.in_region(region)
            with _named(region):
                shown[region] = publish(there, image.image_id, channel=channel, force=force, tested=tested)
    except GoldrunError as error:
        for region in reversed(moved):
            _go_back(client.in_region(region), before[region], versions[region], error)
        raise
    return shown


def roll_back_everywhere(
    client: EcsClient,
    alias: PublishedName,
    regions: Sequence[str],
    *,
    to: str = "",
    dry_run: bool = False,
    report: RegionReport = lambda _, __: None,
) -> dict[str, Image]:
    """Move a channel back to one version in all regions, once each of them has said that it can.

    A roll-back is not taken back where it has been done: the version is bad. If a region fails, the same command
    completes it.

    Args:
        client: the cloud; the version is chosen in its home region.
        alias: the channel.
        regions: the regions, the home region among them.
        to: see ``roll_back``.
        dry_run: whether to only report the plan.
        report: receives each region's plan.

    Raises:
        GoldrunError: a region cannot show that version; then nothing has moved, or the error's notes say where.
    """
    goal = roll_back(client, alias, to=to, dry_run=True)
    version = read_lineage(client, alias).version_name(goal)
    plans = {region: (client.in_region(region), _planner(region, report)) for region in regions}
    planned: dict[str, Image] = {}
    for region, (there, say) in plans.items():
        with _named(region):
            planned[region] = roll_back(there, alias, to=version, dry_run=True, report=say)
    if dry_run:
        return planned
    shown: dict[str, Image] = {}
    try:
        for region, (there, _) in plans.items():
            with _named(region):
                shown[region] = roll_back(there, alias, to=version)
    except GoldrunError as error:
        if shown:
            error.add_note(f"rolled back in {', '.join(shown)}; run the same command again for the others.")
        raise
    return shown


@contextmanager
def _named(region: str) -> Iterator[None]:
    """Have an error say in which region it happened."""
    try:
        yield
    except GoldrunError as error:
        error.why = (f"in {region}.", *error.why)
        raise


def _planner(region: str, report: RegionReport) -> Callable[[list[str]], None]:
    return lambda words: report(region, words)


def _go_back(there: EcsClient, before: Lineage, image: Image, error: GoldrunError) -> None:
    """Show what a region showed before, unless somebody has published something else there meanwhile."""
    earlier = before.current()
    if earlier is None or earlier.image_id == image.image_id:
        if earlier is None:
            error.add_note(f"{there.region} showed nothing before, and may show {image.image_id} now.")
        return
    try:
        now = read_lineage(there, before.alias)
        touched = {one.image_id for one in (now.current(), now.shown(), *now.tagged()) if one}
        if touched <= {earlier.image_id, image.image_id}:
            publish(there, earlier.image_id, channel=before.channel, force=True)
            error.add_note(f"{there.region} shows {before.version_name(earlier)} again.")
        else:
            error.add_note(f"{there.region} was not changed: another version was published there meanwhile.")
    except GoldrunError as second:
        error.add_note(
            f"{there.region} could not be rolled back ({second.what}): goldrun image history shows its versions."
        )


def _missing(there: EcsClient, image: Image, audience: Audience) -> Audience:
    """Return who of an audience may not use an image yet."""
    everyone, accounts = describe_sharing(there, image)
    lacking = tuple(account for account in audience.accounts if account not in accounts)
    return Audience(lacking, audience.public and not everyone)


def _require_shared(there: EcsClient, image: Image, audience: Audience) -> None:
    missing = _missing(there, image, audience)
    if missing != Audience():
        named = ", ".join(missing.accounts) or "everyone"
        raise UnavailableError(
            f"{image.name} ({image.image_id}) is not shared in {there.region} with {named}.",
            why=["ECS accepted the call but does not list it."],
            fix=["run the same command again."],
        )

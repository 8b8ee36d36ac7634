"""Runners, for machines."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from goldrun.cli.json.encoding import at, public
from goldrun.cli.json.instances import Instance, Offer
from goldrun.runners import lifecycle, listing
from goldrun.runners.naming import read_name


@public
class Runner:
    """A runner as both the cloud and GitHub see it.

    Attributes:
        runner_name: its name, the same on both sides.
        state: `starting or ending`, `idle`, `busy`, `offline` or `no instance`.
        creation_time: when it was ordered; null: its name does not say.
        runner_id: its number at GitHub; null: not registered.
        online: whether GitHub sees it connected.
        busy: whether it runs a job.
        labels: the labels that jobs select it by.
        instance: its instance; null: there is none.
    """

    runner_name: str
    state: str
    creation_time: datetime | None
    runner_id: int | None
    online: bool
    busy: bool
    labels: tuple[str, ...]
    instance: Instance | None

    @classmethod
    def of(cls, row: listing.Row) -> Self:
        """The object of a listed runner."""
        made, registration = read_name(row.name), row.registration
        return cls(
            runner_name=row.name,
            state=row.state,
            creation_time=at(made.at) if made else None,
            runner_id=registration.id if registration else None,
            online=bool(registration and registration.online),
            busy=bool(registration and registration.busy),
            labels=registration.labels if registration else (),
            instance=Instance.of(row.instance) if row.instance else None,
        )


@public
class StartedRunner:
    """A runner that has just been started.

    Attributes:
        runner_name: its name, the same on both sides.
        runner_label: a label that no other runner has, for `runs-on`.
        runner_id: its number at GitHub.
        instance_id: its instance.
        offer: the offer that was taken; null: the instance was there already.
        price_limit: the most that an hour of the instance may cost; null: no limit.
        rerun_job_id: what `goldrun runner down --rerun-job` takes; null: `--rerun-on-reclaim` was not given.
    """

    runner_name: str
    runner_label: str
    runner_id: int
    instance_id: str
    offer: Offer | None
    price_limit: float | None
    rerun_job_id: int | None

    @classmethod
    def of(cls, made: lifecycle.Runner, job: int | None) -> Self:
        """The object of a started runner and of the job that started it."""
        launched = made.launched
        return cls(
            runner_name=made.name,
            runner_label=made.label,
            runner_id=made.registration.id,
            instance_id=made.instance_id,
            offer=Offer.of(launched.offer) if launched.offer else None,
            price_limit=launched.limit,
            rerun_job_id=job,
        )

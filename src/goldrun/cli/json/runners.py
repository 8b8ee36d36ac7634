"""Runners, for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from goldrun.cli.json.encoding import at, public
from goldrun.cli.json.instances import Instance, Offer
from goldrun.runners import lifecycle, listing
from goldrun.runners.naming import read_name


@public
class Runner:
    """A runner, from both the cloud and GitHub.

    Attributes:
        runner_name: its name, the same on both sides.
        state: `starting or ending`, `idle`, `busy`, `offline` or `no instance`.
        creation_time: when it was requested; null: not in its name.
        runner_id: its id at GitHub; null: not registered.
        online: whether it is connected to GitHub.
        busy: whether it runs a job.
        labels: the labels that jobs select it by.
        instance: its instance; null: none.
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
        """Return the object for a listed runner."""
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
        runner_id: its id at GitHub.
        instance_id: its instance.
        offer: the offer that was used; null: the instance existed already.
        price_limit: the instance's price limit per hour; null: no limit.
        rerun_job_id: the value for `goldrun runner down --rerun-job`; null: `--rerun-on-reclaim` was not given.
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
        """Return the object for a started runner; ``job`` becomes ``rerun_job_id``."""
        launched = made.launched
        return cls(
            runner_name=made.name,
            runner_label=made.name,
            runner_id=made.registration.id,
            instance_id=made.instance_id,
            offer=Offer.of(launched.offer) if launched.offer else None,
            price_limit=launched.limit,
            rerun_job_id=job,
        )

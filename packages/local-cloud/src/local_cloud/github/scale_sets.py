"""Runner scale sets: jobs are offered to a set's listener, assigned to it, and taken by its runners.

Sources: the messages, fields and rules of GitHub's public client (github.com/actions/scaleset, its README and types).
GitHub does not publish its time limits; those below are chosen so that a test sees what a listener must survive.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from local_cloud.clock import iso
from local_cloud.github.errors import GitHubFault
from local_cloud.github.jobs import FREE, Jobs, covers
from local_cloud.github.payloads import is_online
from local_cloud.github.records import GitHubJob, GitHubMessage, GitHubRun, GitHubRunner, GitHubScaleSet

OFFER_SECONDS = 300.0  # an offer that is not accepted ends
START_SECONDS = 300.0  # times the number of assignments: a job that no runner takes is assigned again
MAX_ASSIGNMENTS = 3
SESSION_SECONDS = 60.0  # a session that does not poll ends
SEEN_EVERY = 1.0
MAX_PARTS = 50
NEVER = "0001-01-01T00:00:00Z"
NOT_ACQUIRED = "The job was not acquired by Runner of type self-hosted even after multiple attempts"
_RESULTS = {"success": "succeeded", "failure": "failed", "cancelled": "canceled"}


def conflict(message: str, kind: str) -> GitHubFault:
    """Return the error for what exists already; ``kind`` is the service's name for it."""
    return GitHubFault(409, message, {}, kind=kind)


def missing(message: str, kind: str) -> GitHubFault:
    """Return the error for what does not exist."""
    return GitHubFault(404, message, {}, kind=kind)


@dataclass
class ScaleSets:
    """Scale sets, their sessions and messages, independently of HTTP."""

    jobs: Jobs

    def create(
        self, scope: str, name: str, group: int, labels: Iterable[str], *, disable_update: bool
    ) -> GitHubScaleSet:
        """Add a scale set; without labels, its name is its label.

        Raises:
            GitHubFault: its group has one of that name.
        """
        if self.find(scope, name, group):
            raise conflict(f"The runner scale set {name} already exists.", "RunnerScaleSetExistsException")
        made = GitHubScaleSet(
            id=self.jobs.next_number(GitHubScaleSet),
            scope=scope,
            name=name,
            group=group,
            labels=tuple(labels) or (name,),
            created=self.jobs.clock.now(),
            disable_update=disable_update,
        )
        self.jobs.store.put(made)
        return made

    def all(self, scope: str) -> list[GitHubScaleSet]:
        """Return the scope's scale sets."""
        return [one for one in self.jobs.store.all(GitHubScaleSet) if one.scope.lower() == scope.lower()]

    def find(self, scope: str, name: str, group: int) -> list[GitHubScaleSet]:
        """Return the scale set of that name in a runner group: one or none."""
        return [one for one in self.all(scope) if one.name.lower() == name.lower() and one.group == group]

    def get(self, scope: str, number: str) -> GitHubScaleSet:
        """Return a scale set of the scope.

        Raises:
            GitHubFault: it does not exist.
        """
        found = [one for one in self.all(scope) if one.id == number]
        if not found:
            raise missing(f"No runner scale set found with identifier {number}.", "RunnerScaleSetNotFoundException")
        return found[0]

    def change(self, scale_set: GitHubScaleSet, **fields: Any) -> GitHubScaleSet:
        """Change members of a scale set."""
        changed = replace(scale_set, **fields)
        self.jobs.store.put(changed)
        return changed

    def delete(self, scale_set: GitHubScaleSet) -> None:
        """Delete a scale set with its session and messages; its waiting jobs are free again."""
        for job in self._of(scale_set):
            if job.status == "queued":
                self._free(job)
        self.jobs.store.remove(*self._messages(scale_set), scale_set)

    def begin_session(self, scale_set: GitHubScaleSet, owner: str) -> GitHubScaleSet:
        """Open the scale set's one session.

        Raises:
            GitHubFault: another one is open.
        """
        if self.has_session(scale_set):
            raise conflict(
                f"The runner scale set {scale_set.name} already has an active session for owner {scale_set.owner}.",
                "RunnerScaleSetSessionConflictException",
            )
        return self.change(scale_set, session=str(uuid.uuid4()), owner=owner, seen=self.jobs.clock.wall())

    def has_session(self, scale_set: GitHubScaleSet) -> bool:
        """Return whether a session is open."""
        return bool(scale_set.session) and self.jobs.clock.wall() - scale_set.seen < SESSION_SECONDS

    def statistics(self, scale_set: GitHubScaleSet) -> dict[str, int]:
        """Return the counts by which a listener decides how many runners it needs."""
        jobs = self._of(scale_set)
        runners = [one for one in self.jobs.store.all(GitHubRunner) if one.scale_set == scale_set.id]
        wall = self.jobs.clock.wall()
        return {
            "totalAvailableJobs": sum(job.status == "queued" and not job.assigned for job in jobs),
            "totalAcquiredJobs": 0,
            "totalAssignedJobs": sum(bool(job.assigned) for job in jobs),
            "totalRunningJobs": sum(job.status == "in_progress" for job in jobs),
            "totalRegisteredRunners": len(runners),
            "totalBusyRunners": sum(bool(one.job) for one in runners),
            "totalIdleRunners": sum(is_online(one, wall) and not one.job for one in runners),
        }

    def next_message(self, scale_set: GitHubScaleSet, last: int, capacity: int) -> GitHubMessage | None:
        """Return the first message after ``last`` that is not acknowledged; None: there is none.

        Args:
            scale_set: the set.
            last: the number of the last message that the listener has read.
            capacity: how many jobs it can take.
        """
        # Called ten times a second while a request is held: not every call writes.
        now = self.jobs.clock.wall()
        if capacity != scale_set.capacity or now - scale_set.seen >= SEEN_EVERY:
            scale_set = self.change(scale_set, capacity=capacity, seen=now)
        self._settle(scale_set)
        self._offer(scale_set)
        waiting = [one for one in self._messages(scale_set) if not one.number]
        sent = [one for one in self._messages(scale_set) if one.number > last]
        if sent:
            return min(sent, key=lambda one: one.number)
        if not waiting:
            return None
        parts = waiting[:MAX_PARTS]
        number = scale_set.sent + 1
        message = GitHubMessage(
            id=f"{scale_set.id}-{number}",
            scale_set=scale_set.id,
            number=number,
            parts=tuple(part for one in parts for part in one.parts),
        )
        self.jobs.store.remove(*parts)
        self.jobs.store.put(message)
        self.change(scale_set, sent=number)
        return message

    def acknowledge(self, scale_set: GitHubScaleSet, number: int) -> None:
        """Delete a message."""
        for one in self._messages(scale_set):
            if one.number == number:
                self.jobs.store.remove(one)

    def acquire(self, scale_set: GitHubScaleSet, numbers: Iterable[int]) -> list[int]:
        """Assign offered jobs to the scale set, and return their numbers; leave out jobs that are no longer offered."""
        got = []
        for number in numbers:
            job = self.jobs.store.get(GitHubJob, str(number))
            if job is None or job.scale_set != scale_set.id or job.assigned or job.status != "queued":
                continue
            taken = replace(job, assigned=self.jobs.clock.now(), assignments=job.assignments + 1, told="JobAssigned")
            self.jobs.store.put(taken)
            self._queue_message(taken, "JobAssigned")
            got.append(number)
        return got

    def note(self, job: GitHubJob) -> None:
        """Send a job's start or end to its scale set's listener."""
        wanted = {"in_progress": "JobStarted", "completed": "JobCompleted"}.get(job.status, "")
        current = self.jobs.store.get(GitHubJob, job.id)
        if not wanted or not job.scale_set or current is None or current.told == wanted:
            return
        done = FREE if wanted == "JobCompleted" else {}
        self.jobs.store.put(replace(current, **{**done, "told": wanted}))
        self._queue_message(job, wanted)

    def _settle(self, scale_set: GitHubScaleSet) -> None:
        """End offers and assignments that took too long."""
        self.jobs.settle()
        now = self.jobs.clock.now()
        for job in self._of(scale_set):
            if job.status != "queued":
                continue
            if not job.assigned and now > job.offered + OFFER_SECONDS:
                self._free(job)
            elif job.assigned and now > job.assigned + START_SECONDS * job.assignments:
                self._queue_message(job, "JobCompleted", result="canceled")
                self._free(job)
                if job.assignments >= MAX_ASSIGNMENTS:
                    self.jobs.end(replace(job, scale_set="", assigned=0.0), "cancelled", note=NOT_ACQUIRED)

    def _free(self, job: GitHubJob) -> None:
        self.jobs.store.put(replace(job, **FREE))

    def _offer(self, scale_set: GitHubScaleSet) -> None:
        room = scale_set.capacity - len(self._of(scale_set))
        labels = {label.lower() for label in scale_set.labels}
        for job in self.jobs.store.all(GitHubJob):
            if room <= 0:
                return
            if (
                job.status != "queued"
                or job.hosted
                or job.scale_set
                or not {one.lower() for one in job.labels} <= labels
            ):
                continue
            run = self.jobs.store.get(GitHubRun, job.run)
            if run is None or run.attempt != job.attempt or not covers(scale_set.scope, run.repository):
                continue
            offered = replace(job, scale_set=scale_set.id, offered=self.jobs.clock.now(), told="JobAvailable")
            self.jobs.store.put(offered)
            self._queue_message(offered, "JobAvailable")
            room -= 1

    def _queue_message(self, job: GitHubJob, kind: str, **more: Any) -> None:
        run = self.jobs.store.get(GitHubRun, job.run)
        assert run is not None
        owner, _, name = run.repository.partition("/")
        part = {
            "messageType": kind,
            "runnerRequestId": int(job.id),
            "repositoryName": name,
            "ownerName": owner,
            "jobId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{run.repository}/{job.id}")),
            "jobWorkflowRef": f"{run.repository}/.github/workflows/{run.workflow}@refs/heads/main",
            "jobDisplayName": job.name,
            "workflowRunId": int(run.id),
            "eventName": run.event,
            "requestLabels": list(job.labels),
            "queueTime": iso(job.created),
            "scaleSetAssignTime": iso(job.assigned) if job.assigned else NEVER,
            "runnerAssignTime": iso(job.started) if job.started else NEVER,
            "finishTime": iso(job.completed) if job.completed else NEVER,
        }
        if kind in ("JobStarted", "JobCompleted"):
            part |= {"runnerId": int(job.runner or 0), "runnerName": job.runner_name}
        if kind == "JobCompleted":
            part |= {"result": _RESULTS.get(job.conclusion, "canceled")}
        if kind == "JobAvailable":
            part |= {"acquireJobUrl": ""}
        store = self.jobs.store
        store.put(GitHubMessage(id=f"part-{uuid.uuid4()}", scale_set=job.scale_set, parts=(json.dumps(part | more),)))

    def _of(self, scale_set: GitHubScaleSet) -> list[GitHubJob]:
        return [job for job in self.jobs.store.all(GitHubJob) if job.scale_set == scale_set.id]

    def _messages(self, scale_set: GitHubScaleSet) -> list[GitHubMessage]:
        return [one for one in self.jobs.store.all(GitHubMessage) if one.scale_set == scale_set.id]

"""Real clients' calls, recorded from their runs (``goldrun local record``) and asked again here.

``NAME.jsonl`` is a recording, and ``NAME.toml`` says what must hold of its answers. docs/testing.md says how they are
made.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local_cloud import seed
from local_cloud.catalogue import EVERYWHERE, SYSTEM_ACCOUNT
from local_cloud.machines.base_image import disk_file
from local_cloud.machines.hardware import X86_64
from local_cloud.machines.qemu import base_records
from tests.conftest import Running
from tests.peers.replay import Replay, read_expectations, read_jobs, read_recording

HERE = Path(__file__).parent
RECORDINGS = sorted(HERE.glob("*.jsonl"))


@pytest.fixture
def cloud(frozen: Running, tmp_path: Path) -> Running:
    store = frozen.cloud.store
    assert frozen.cloud._github
    frozen.cloud._github.poll_seconds = 0.0
    # Recordings with virtual machines use their base image.
    disk_file(tmp_path / "images", X86_64.image_id).parent.mkdir()
    disk_file(tmp_path / "images", X86_64.image_id).touch()
    (base,) = base_records(tmp_path, 0.0, SYSTEM_ACCOUNT, EVERYWHERE)
    store.put(base)
    # A disk of a machine is copied in less time than a simulated one takes.
    return frozen.always_in_stock(1, image_seconds=30.0)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_real_clients_calls_are_answered_as_when_it_worked(cloud: Running, path: Path) -> None:
    head, calls = read_recording(path)
    assert head["client"]
    cloud.wall.value = calls[0]["at"]
    seed.populate(cloud.cloud.store, cloud.cloud.clock.now())
    jobs = cloud.cloud.jobs
    for one in read_jobs(path.with_suffix(".toml")):
        jobs.add_job(jobs.begin_run(one["repository"], "ci.yml"), name=one["name"], labels=tuple(one["labels"]))
    replay = Replay(cloud)
    replay.run(calls)
    assert not replay.problems, "\n".join(replay.problems[:20])
    problems = [one.problem(replay.told) for one in read_expectations(path.with_suffix(".toml"))]
    assert not any(problems), "\n".join(filter(None, problems))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_has_no_secrets(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for word in (seed.KEY.secret, "Signature", "BEGIN RSA PRIVATE KEY", "BEGIN PRIVATE KEY"):
        assert word not in text
    for call in map(json.loads, text.splitlines()[1:]):
        assert "SignatureNonce" not in call["params"]


def test_a_changed_answer_is_noticed(cloud: Running) -> None:
    """The comparison itself: a member that is gone, another type, an empty list, an error, another value."""
    _, calls = read_recording(HERE / "aliyun-cli-3.4.11.jsonl")
    cloud.wall.value = calls[0]["at"]
    call = calls[0]
    wanted = {"RequestId": {}, "Regions": {"Region": [{"RegionId": 1, "Gone": ""}]}}
    replay = Replay(cloud)
    replay.run([{**call, "status": 404, "answer": wanted}])
    text = "\n".join(replay.problems)
    for problem in ("200 ", "RequestId is", "RegionId is", "Gone is missing"):
        assert problem in text

"""`goldrun doctor` as people run it."""

from __future__ import annotations

from pathlib import Path

from tests.commands import run_goldrun


def test_what_nothing_has_answered_is_not_known_and_its_cause_is_told_once(tmp_path: Path) -> None:
    """Without keys the clock was good, "a local cloud", and five checks told the same paragraph."""
    env = {"HOME": str(tmp_path), "ALIYUN_REGION_ID": "cn-hangzhou", "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
    printed = run_goldrun(("doctor",), {**env, "GOLDRUN_ENDPOINT": "http://127.0.0.1:1"}, tmp_path, code=7).stdout
    assert "unknown  clock: not checked: the cloud has not answered." in printed
    assert printed.count("no plain variables") == 1
    assert "for the same reason as identity." in printed

"""What Cloud Assistant does with every documented parameter."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from tests.conftest import REGION, Running

from local_cloud.records import Invocation
from sdk import ecs, refused

FIRST = "i-localrunner000001"


@pytest.fixture
def assisted(populated: Running) -> Running:
    """A cloud with an instance whose assistant answers, and in which everything is in stock."""
    return populated.always_in_stock(3)


def run(live: Running, content: str = "true", **fields: Any) -> str:
    """Run a command to its end, and return its invocation's id."""
    given: dict[str, Any] = {
        "region_id": REGION,
        "type": "RunShellScript",
        "command_content": content,
        "instance_id": [FIRST],
        **fields,
    }
    made = ecs(live).run_command(models.RunCommandRequest(**given)).body.invoke_id
    live.cloud.clock.advance(60)
    return str(made)


def send(live: Running, **fields: Any) -> str:
    """Send a file, wait until it is there, and return the invocation's id."""
    given: dict[str, Any] = {
        "region_id": REGION,
        "instance_id": [FIRST],
        "name": "motd",
        "target_dir": "/etc",
        "content": "hello",
        **fields,
    }
    made = ecs(live).send_file(models.SendFileRequest(**given)).body.invoke_id
    live.cloud.clock.advance(10)
    return str(made)


def launch(live: Running, seconds: float = 120.0, **tags: str) -> str:
    """Launch an instance; after a minute its assistant answers."""
    request = models.RunInstancesRequest(
        region_id=REGION,
        image_id="m-localnewamd64",
        instance_type="ecs.c7.large",
        v_switch_id="vsw-local-cn-hangzhou-k",
        security_group_id=f"sg-local-{REGION}",
        tag=[models.RunInstancesRequestTag(key=key, value=value) for key, value in tags.items()],
    )
    (made,) = ecs(live).run_instances(request).body.instance_id_sets.instance_id_set
    live.cloud.clock.advance(seconds)
    return str(made)


def sent_file(live: Running, invocation: str) -> Any:
    request = models.DescribeSendFileResultsRequest(region_id=REGION, invoke_id=invocation)
    (found,) = ecs(live).describe_send_file_results(request).body.invocations.invocation
    return found


def test_a_command_that_is_only_checked_is_not_run(assisted: Running) -> None:
    run(assisted, repeat_mode="DryRun")
    assert list(assisted.cloud.store.all(Invocation)) == []
    unknown: dict[str, Any] = {"repeat_mode": "DryRun", "instance_id": ["i-none"]}
    assert refused(lambda: run(assisted, **unknown)) == (404, "InvalidInstanceId.NotFound")


def test_a_check_tells_that_the_assistant_does_not_answer(assisted: Running) -> None:
    made = launch(assisted, seconds=26)
    check: dict[str, Any] = {"repeat_mode": "DryRun", "instance_id": [made]}
    assert refused(lambda: run(assisted, **check)) == (400, "InvalidInstance.NotMatch")


@pytest.mark.parametrize(
    "fields",
    [
        {"repeat_mode": "Once"},
        {"username": "root"},
        {"working_dir": "/root"},
        {"enable_parameter": False},
        {"parameters": {}},
        {"keep_command": False},
        {"timed": True},
        {"termination_mode": "Process"},
        {"description": "what it is for"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_changes_nothing_is_accepted(assisted: Running, fields: dict[str, Any]) -> None:
    assert run(assisted, **fields)


NOT_DONE = (501, "NotImplemented.LocalCloud")


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"repeat_mode": "Period", "frequency": "rate(5m)"}, NOT_DONE),
        ({"frequency": "rate(5m)"}, NOT_DONE),
        ({"repeat_mode": "DryRun", "frequency": "rate(5m)"}, NOT_DONE),
        ({"repeat_mode": "NextRebootOnly"}, NOT_DONE),
        ({"repeat_mode": "EveryReboot"}, NOT_DONE),
        ({"repeat_mode": "Sometimes"}, (404, "InvalidRepeatMode.NotFound")),
        ({"repeat_mode": "Period"}, (400, "MissingParam.Frequency")),
        ({"enable_parameter": True}, NOT_DONE),
        ({"parameters": {"name": "Jack"}}, (400, "Parameter.Disabled")),
        ({"username": "ecs-user"}, NOT_DONE),
        ({"working_dir": "/home"}, NOT_DONE),
        ({"keep_command": True}, NOT_DONE),
        ({"container_id": "0" * 64}, NOT_DONE),
        ({"container_name": "web"}, NOT_DONE),
        ({"launcher": "python3 -u"}, NOT_DONE),
        ({"oss_output_delivery": "oss://bucket/prefix"}, NOT_DONE),
        ({"windows_password_name": "axt"}, NOT_DONE),
        ({"termination_mode": "ProcessTree"}, NOT_DONE),
        ({"instance_id": None}, (400, "MissingParam.InstanceId")),
        ({"instance_id": [FIRST] * 101}, (403, "InstanceIds.ExceedLimit")),
        ({"description": "x" * 513}, (403, "CmdDesc.ExceedLimit")),
        ({"name": "x" * 129}, (403, "CmdName.ExceedLimit")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value[1],
)
def test_what_the_local_cloud_does_not_do_is_refused(
    assisted: Running, fields: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert refused(lambda: run(assisted, **fields)) == answer
    assert list(assisted.cloud.store.all(Invocation)) == []


def test_instances_are_found_by_their_tags(assisted: Running) -> None:
    made = launch(assisted, batch="b1")
    tag = models.RunCommandRequestResourceTag
    run(assisted, instance_id=None, resource_tag=[tag(key="batch", value="b1")])
    assert [one.instance for one in assisted.cloud.store.all(Invocation)] == [made]
    nobody: dict[str, Any] = {"instance_id": None, "resource_tag": [tag(key="batch", value="b2")]}
    assert refused(lambda: run(assisted, **nobody)) == (400, "InvalidResourceTag.InstanceNotFound")
    both: dict[str, Any] = {"resource_tag": [tag(key="batch", value="b1")]}
    assert refused(lambda: run(assisted, **both)) == (400, "InvalidResourceTag.ConflictWithInstanceIds")


def test_a_file_replaces_another_only_if_it_may(assisted: Running) -> None:
    assert sent_file(assisted, send(assisted)).invocation_status == "Success"
    again = sent_file(assisted, send(assisted))
    assert again.invocation_status == "Failed"
    assert again.invoke_instances.invoke_instance[0].error_code == "FileAlreadyExists"
    assert sent_file(assisted, send(assisted, overwrite=True)).invocation_status == "Success"
    assert sent_file(assisted, send(assisted, name="other")).invocation_status == "Success"


def test_a_file_has_an_owner_a_group_and_a_description(assisted: Running) -> None:
    fields = {"file_owner": "ci", "file_group": "docker", "file_mode": "0600", "description": "greets"}
    shown = sent_file(assisted, send(assisted, **fields))
    assert {name: getattr(shown, name) for name in fields} == fields


def test_a_file_has_ten_seconds_at_least(assisted: Running) -> None:
    send(assisted, timeout=3)
    assert [one.timeout for one in assisted.cloud.store.all(Invocation)] == [10.0]


def test_a_file_is_for_fifty_instances_at_most(assisted: Running) -> None:
    assert refused(lambda: send(assisted, instance_id=[FIRST] * 51)) == (403, "InstanceIds.ExceedLimit")


FAILS = "# simulate: exit=3 output=no"


def invocations(live: Running, **filters: Any) -> list[Any]:
    request = models.DescribeInvocationsRequest(region_id=REGION, **filters)
    return list(ecs(live).describe_invocations(request).body.invocations.invocation)


def results(live: Running, **filters: Any) -> list[Any]:
    request = models.DescribeInvocationResultsRequest(region_id=REGION, **filters)
    found = ecs(live).describe_invocation_results(request).body.invocation.invocation_results
    return list(found.invocation_result)


def files(live: Running, **filters: Any) -> list[Any]:
    request = models.DescribeSendFileResultsRequest(region_id=REGION, **filters)
    return list(ecs(live).describe_send_file_results(request).body.invocations.invocation)


def test_an_invocation_is_one_row_with_all_its_instances(assisted: Running) -> None:
    ids = [FIRST, launch(assisted)]
    made = run(assisted, FAILS, instance_id=ids, name="check", description="finds out")
    (shown,) = invocations(assisted, invoke_id=made, include_output=True, content_encoding="PlainText")
    rows = shown.invoke_instances.invoke_instance
    assert [(row.instance_id, row.output, row.exit_code, row.error_code) for row in rows] == [
        (one, "no\n", 3, "ExitCodeNonzero") for one in ids
    ]
    assert (shown.invoke_status, shown.invocation_status) == ("Failed", "Failed")
    assert (shown.command_name, shown.command_description) == ("check", "finds out")
    assert (shown.command_content, shown.repeat_mode) == (FAILS, "Once")
    request = models.DescribeInvocationsRequest(region_id=REGION)
    assert ecs(assisted).describe_invocations(request).body.total_count == 1


def test_output_is_shown_only_if_it_is_asked_for(assisted: Running) -> None:
    made = run(assisted, FAILS)
    (shown,) = invocations(assisted, invoke_id=made)
    assert shown.invoke_instances.invoke_instance[0].output == ""
    assert refused(lambda: invocations(assisted, include_output=True))[0] == 400


def test_an_invocation_may_fail_in_part(assisted: Running) -> None:
    made = launch(assisted, seconds=26)
    mixed = run(assisted, instance_id=[FIRST, made])
    (shown,) = invocations(assisted, invoke_status="PartialFailed")
    assert (shown.invoke_id, shown.invocation_status) == (mixed, "PartialFailed")
    assert {one.instance_id for one in results(assisted, invoke_record_status="PartialFailed")} == {FIRST, made}
    assert [one.invoke_status for one in invocations(assisted, instance_id=made)] == ["Failed"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["good", "bad"]),
        ({"command_name": "bad"}, ["bad"]),
        ({"command_name": "bad", "instance_id": FIRST}, ["good", "bad"]),
        ({"command_id": "c-none"}, []),
        ({"command_type": "RunShellScript"}, ["good", "bad"]),
        ({"command_type": "RunBatScript"}, []),
        ({"invoke_status": "Finished"}, ["good"]),
        ({"invoke_status": "Success"}, ["good"]),
        ({"invoke_status": "Failed"}, ["bad"]),
        ({"invoke_status": "Running"}, []),
        ({"instance_id": FIRST}, ["good", "bad"]),
        ({"instance_id": "i-none"}, []),
        ({"timed": False}, ["good", "bad"]),
        ({"timed": True}, []),
        ({"repeat_mode": "Once"}, ["good", "bad"]),
        ({"repeat_mode": "Period"}, []),
        ({"resource_group_id": "rg-1"}, ["bad"]),
        ({"resource_group_id": "rg-2"}, []),
        ({"tag": [models.DescribeInvocationsRequestTag(key="job", value="7")]}, ["bad"]),
        ({"tag": [models.DescribeInvocationsRequestTag(key="job", value="8")]}, []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_invocations_are_found_by_every_filter(assisted: Running, filters: dict[str, Any], found: list[str]) -> None:
    run(assisted, name="good")
    tag = [models.RunCommandRequestTag(key="job", value="7")]
    run(assisted, FAILS, name="bad", resource_group_id="rg-1", tag=tag)
    assert [one.command_name for one in invocations(assisted, **filters)] == found


@pytest.mark.parametrize(
    ("filters", "codes"),
    [
        ({}, [0, 3]),
        ({"invoke_record_status": "Finished"}, [0]),
        ({"invoke_record_status": "Success"}, [0]),
        ({"invoke_record_status": "Failed"}, [3]),
        ({"invoke_record_status": "Stopped"}, []),
        ({"include_history": False}, [0, 3]),
        ({"command_id": "c-none"}, []),
        ({"instance_id": "i-none"}, []),
        ({"resource_group_id": "rg-1"}, [3]),
        ({"tag": [models.DescribeInvocationResultsRequestTag(key="job")]}, [3]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_results_are_found_by_every_filter(assisted: Running, filters: dict[str, Any], codes: list[int]) -> None:
    run(assisted)
    run(assisted, FAILS, resource_group_id="rg-1", tag=[models.RunCommandRequestTag(key="job", value="7")])
    assert [one.exit_code for one in results(assisted, **filters)] == codes


def test_a_command_that_runs_once_has_no_history(assisted: Running) -> None:
    made = run(assisted)
    assert refused(lambda: results(assisted, include_history=True))[0] == 400
    assert refused(lambda: results(assisted, include_history=True, invoke_id=made))[0] == 400


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["motd", "issue", "motd"]),
        ({"name": "issue"}, ["issue"]),
        ({"invocation_status": "Failed"}, ["motd"]),
        ({"invocation_status": "Running"}, []),
        ({"instance_id": FIRST}, ["motd", "issue", "motd"]),
        ({"instance_id": "i-none"}, []),
        ({"resource_group_id": "rg-1"}, ["issue"]),
        ({"tag": [models.DescribeSendFileResultsRequestTag(key="job", value="7")]}, ["issue"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_files_are_found_by_every_filter(assisted: Running, filters: dict[str, Any], found: list[str]) -> None:
    send(assisted)
    send(assisted, name="issue", resource_group_id="rg-1", tag=[models.SendFileRequestTag(key="job", value="7")])
    send(assisted)
    assert [one.name for one in files(assisted, **filters)] == found


def test_a_command_may_be_stopped_on_one_of_its_instances(assisted: Running) -> None:
    made = launch(assisted)
    request = models.RunCommandRequest(
        region_id=REGION,
        type="RunShellScript",
        command_content="# simulate: seconds=30",
        instance_id=[FIRST, made],
    )
    client = ecs(assisted)
    running = client.run_command(request).body.invoke_id
    stop = models.StopInvocationRequest(region_id=REGION, invoke_id=running, instance_id=[made])
    client.stop_invocation(stop)
    assisted.cloud.clock.advance(60)
    assert {one.instance_id: one.invocation_status for one in results(assisted, invoke_id=running)} == {
        FIRST: "Success",
        made: "Stopped",
    }
    assert [one.invocation_status for one in invocations(assisted, invoke_id=running)] == ["Success"]

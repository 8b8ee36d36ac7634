"""Launching: it succeeds where it can, pays little, asks little, and never gets two for one or leaves one behind."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from benchmarks.spot_markets import Outcome, bench, play
from msgspec.structs import replace as replaced

from goldrun import sweep
from goldrun.cloud.errors import AccessDeniedError, ApiError, LostError, ServiceError
from goldrun.cloud.instances import describe_instances
from goldrun.cloud.moments import parse_moment
from goldrun.errors import EXIT_UNAVAILABLE, NotFoundError, RefusedError, UsageError
from goldrun.http.endpoint import Endpoint
from goldrun.http.errors import UnreachableError
from goldrun.http.http1 import Answer
from goldrun.http.transport import Transport
from goldrun.launch.acquire import acquire, find_offers
from goldrun.launch.choice import choose, survey
from goldrun.launch.launch import Launched, launch, launch_tag
from goldrun.launch.lifetime import require_listed, wait_until_running
from goldrun.launch.market import Market
from goldrun.launch.offers import Criteria, Offer, Span
from goldrun.launch.release import release
from goldrun.launch.settings import LaunchSettings, Network
from goldrun.waiting import LAG_SECONDS
from local_cloud.access import Denial
from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.lifecycle import settle
from local_cloud.market import Market as LocalMarket
from local_cloud.market import disks_in, reclaim_rate, sold_in, spot_price
from local_cloud.records import Disk, Instance, VSwitch
from tests.conftest import REGION, Running
from tests.simulation.dying import Crash, dying
from tests.virtual_time import FakeClock

GROUP = f"sg-local-{REGION}"
K = {"cn-hangzhou-k": "vsw-local-cn-hangzhou-k"}
TYPES = ("ecs.c7.2xlarge", "ecs.c7a.2xlarge", "ecs.g7.2xlarge")


def launch_settings(frozen: Running, **more: Any) -> LaunchSettings:
    given = {
        "network": Network(GROUP),
        "key": "the-launch",
        "image_id": image(frozen),
        "criteria": Criteria(types=TYPES),
        **more,
    }
    return LaunchSettings(**given)


def image(frozen: Running) -> str:
    return frozen.image("fam", id="m-launch")


def set_market(frozen: Running, **fields: Any) -> None:
    store = frozen.cloud.store
    store.put(
        replaced(store.settings(), market=LocalMarket(**{"seed": 11, "phantoms": 0.0, "scarcity": 0.0, **fields}))
    )


def alive(frozen: Running) -> list[Instance]:
    settle(frozen.cloud.store, frozen.cloud.clock.now())
    return list(frozen.cloud.store.all(Instance))


def ids(got: list[Launched]) -> list[str]:
    return [one for some in got for one in some.ids]


def test_random_markets() -> None:
    """As `make bench-spot`, on fewer markets."""
    outcomes: list[Outcome] = []
    with bench() as stage:
        number = 0
        while len(outcomes) < 120:
            number += 1
            if (outcome := play(stage, number)).best:
                outcomes.append(outcome)
    assert all(one.paid for one in outcomes)
    assert max(one.paid / one.best for one in outcomes) <= 1.05
    assert median(one.calls for one in outcomes) <= 5
    assert median(one.warm for one in outcomes) == 2  # what time it is, and the launch


def test_a_launched_instance_has_every_leak_defence(frozen: Running) -> None:
    set_market(frozen)
    (got,) = acquire(frozen.client(), launch_settings(frozen, user_data=b"#!/bin/sh\n", role="destroyer"))
    (made,) = alive(frozen)
    assert made.http_tokens == "required"
    assert made.public_ip == ""
    assert made.auto_release - frozen.wall.value <= 240 * 60 + 60
    assert made.auto_release - frozen.wall.value >= 240 * 60
    assert made.tags["ManagedBy"] == "goldrun"
    assert made.tags["GITHUB_RUNNER_TYPE"] == "aliyun-ecs-spot"
    assert made.role == "destroyer"
    assert got.offer is not None
    assert made.limit == got.limit
    assert -1e-9 < got.limit - min(got.offer.price * 1.2, got.offer.list_price) < 0.001
    (disk,) = frozen.cloud.store.all(Disk)
    assert disk.tags == made.tags


def test_a_lost_answer_never_creates_two(frozen: Running) -> None:
    """Seen in the field: assume that a timed-out call may have happened."""
    set_market(frozen)
    for kind in ("error-after", "timeout-after"):
        frozen.fault(kind, "RunInstances", times=2, seconds=0.05)
        got = acquire(frozen.client(timeout=600.0), launch_settings(frozen, key=kind))
        assert [one.id for one in alive(frozen)] == ids(got)
        release(frozen.client(), ids(got))


def test_an_unknown_outcome_is_searched_for(frozen: Running) -> None:
    set_market(frozen)
    frozen.fault("timeout-after", "RunInstances", times=None, seconds=0.01)
    got = acquire(frozen.client(), launch_settings(frozen))
    assert frozen.cloud.gateway.calls["RunInstances"] > 1
    assert [one.id for one in alive(frozen)] == ids(got)


def test_an_unknown_outcome_tries_no_other_offer(frozen: Running) -> None:
    set_market(frozen)
    frozen.fault("timeout", "RunInstances", times=None, seconds=0.01)
    with pytest.raises((UnreachableError, ServiceError)):
        acquire(frozen.client(), launch_settings(frozen))
    assert len({one.code for one in frozen.cloud.gateway.faults.rules()}) == 1
    assert alive(frozen) == []


REFUSALS = ("OperationDenied.NoStock", "Zone.NotOnSale", "QuotaExceed.ElasticQuota", "IdempotentParameterMismatch")


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("lag", [0, 25])
@pytest.mark.parametrize("amount", [1, 3])
def test_a_refused_repetition_after_a_lost_answer_makes_no_second_instance(
    frozen: Running, code: str, lag: int, amount: int
) -> None:
    """It took effect, its answer was lost, the repetition was refused, and the next offer was taken."""
    set_market(frozen)
    frozen.fault("error-after", "RunInstances")
    frozen.fault("error", "RunInstances", code=code, status=403)
    if lag:
        frozen.fault("stale", "DescribeInstances", times=8, seconds=lag)
    got = acquire(frozen.client(), launch_settings(frozen, amount=amount))
    assert sorted(ids(got)) == sorted(one.id for one in alive(frozen))
    assert len(ids(got)) == amount
    assert frozen.cloud.gateway.calls["RunInstances"] == 1


def test_after_a_lost_request_the_next_offer_is_used(frozen: Running) -> None:
    set_market(frozen)
    frozen.fault("error", "RunInstances")
    frozen.fault("error", "RunInstances", code="OperationDenied.NoStock", status=403)
    said: list[str] = []
    got = acquire(frozen.client(), launch_settings(frozen), report=said.append)
    assert [one.id for one in alive(frozen)] == ids(got)
    assert "trying the next offer" in said[0]


def test_a_known_refusal_is_not_diagnosed(frozen: Running) -> None:
    """Throttled or sold out: nothing was made, and nobody waits for it to show."""
    set_market(frozen)
    frozen.fault("throttle", "RunInstances", times=2)
    frozen.fault("error", "RunInstances", code="OperationDenied.NoStock", status=403)
    client = frozen.client()
    acquire(client, launch_settings(frozen))
    assert frozen.cloud.gateway.calls.get("DescribeInstances", 0) == 0


def test_a_known_instance_is_deleted_though_no_list_shows_it(frozen: Running) -> None:
    set_market(frozen)
    frozen.fault("stale", "DescribeInstances", times=4, seconds=60)

    def deliver(_: object) -> None:
        raise RefusedError("nobody takes it")

    with pytest.raises(RefusedError):
        acquire(frozen.client(), launch_settings(frozen), deliver=deliver)
    frozen.wall.value += 60
    assert alive(frozen) == []


def test_the_next_offer_is_used_when_one_is_sold_out(frozen: Running) -> None:
    set_market(frozen)
    said: list[str] = []
    frozen.fault("error", "RunInstances", times=2, code="OperationDenied.NoStock", status=403)
    got = acquire(frozen.client(), launch_settings(frozen), report=said.append)
    assert len(ids(got)) == 1
    assert len(said) == 2
    assert "OperationDenied.NoStock" in said[0]


class Overheard:
    """A transport that writes down what is asked for."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.asked: list[dict[str, str]] = []

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        self.asked.append({**dict(parse_qsl(urlsplit(target).query)), "Action": headers.get("x-acs-action", "")})
        return self.inner.send(endpoint, method, target, headers, deadline, content)

    def close(self) -> None:
        self.inner.close()


def asked_for(frozen: Running, settings: LaunchSettings, offer: Offer) -> dict[str, str]:
    """What RunInstances is sent for a launch; the answer does not matter."""
    client = frozen.client()
    client._transport = overheard = Overheard(client._transport)
    frozen.fault("error", "RunInstances", code="QuotaExceed.ElasticQuota", status=403)
    with pytest.raises(ApiError, match="QuotaExceed"):
        launch(client, settings, [offer])
    (sent,) = (one for one in overheard.asked if one["Action"] == "RunInstances")
    return {key: value for key, value in sent.items() if key not in ("Action", "RegionId", "ClientToken")}


def test_every_search_criterion_reaches_the_api(frozen: Running) -> None:
    zone, vswitch = next(iter(K.items()))
    offer = Offer("ecs.c7.2xlarge", zone, 1.0, list_price=3.0, disks=("cloud_essd", "cloud_auto"), vswitch=vswitch)
    settings = LaunchSettings(
        Network(GROUP),
        key="k",
        image_family="fam",
        name="ci",
        amount=2,
        life=3600.0,
        key_pair="keys",
        role="destroyer",
        user_data=b"#!/bin/sh",
        disk_size=60,
        encrypted=True,
        public_ip=True,
        protected=False,
        tags={"Job": "7"},
    )
    sent = asked_for(frozen, settings, offer)
    tags = {sent.pop(f"Tag.{number}.Key"): sent.pop(f"Tag.{number}.Value") for number in range(1, 5)}
    assert tags == {
        "Job": "7",
        "ManagedBy": "goldrun",
        "GITHUB_RUNNER_TYPE": "aliyun-ecs-spot",
        "Launch": launch_tag("k"),
    }
    assert parse_moment(sent.pop("AutoReleaseTime")) == pytest.approx(frozen.wall.value + 3600, abs=61)
    assert sent == {
        "ImageFamily": "fam",
        "InstanceType": "ecs.c7.2xlarge",
        "VSwitchId": vswitch,
        "SecurityGroupId": GROUP,
        "InstanceName": "ci",
        "UniqueSuffix": "true",
        "Amount": "2",
        "MinAmount": "1",
        "InstanceChargeType": "PostPaid",
        "SpotStrategy": "SpotWithPriceLimit",
        "SpotPriceLimit": "1.200",
        "SpotDuration": "0",
        "SpotInterruptionBehavior": "Terminate",
        "SystemDisk.Category": "cloud_essd",
        "SystemDisk.Size": "60",
        "SystemDisk.Encrypted": "true",
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "InternetMaxBandwidthOut": "10",
        "KeyPairName": "keys",
        "RamRoleName": "destroyer",
        "UserData": "IyEvYmluL3No",
        "SecurityEnhancementStrategy": "Deactive",
    }


def test_unset_criteria_are_left_to_the_api(frozen: Running) -> None:
    zone, vswitch = next(iter(K.items()))
    offer = Offer("ecs.c7.2xlarge", zone, 3.0, list_price=3.0, spot=False, vswitch=vswitch)
    sent = asked_for(frozen, LaunchSettings(Network(GROUP), key="k", image_id="m-1"), offer)
    assert not {
        key for key in sent if key.startswith(("Spot", "SystemDisk", "Key", "Ram", "UserData", "Unique", "ImageF"))
    } - {"SpotStrategy"}
    assert (sent["SpotStrategy"], sent["ImageId"], sent["InstanceName"]) == ("NoSpot", "m-1", "github-runner")
    assert (sent["Amount"], sent["InternetMaxBandwidthOut"]) == ("1", "0")


class Growing:
    """A client whose RunInstances has its effect and loses its answer, and whose lists show it bit by bit."""

    def __init__(self, frozen: Running, looks: list[list[str]], error: BaseException) -> None:
        self.client = frozen.client()
        self.looks, self.error = looks, error
        self.deleted: list[str] = []
        self.client.call = self.call  # type: ignore[method-assign,assignment]

    @property
    def slept(self) -> float:
        clock = self.client.clock.machine
        assert isinstance(clock, FakeClock)
        return sum(clock.slept)

    def call(self, action: str, params: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        if action == "RunInstances":
            raise self.error
        if action == "DeleteInstances":
            self.deleted += params["InstanceId"]
            return {}
        assert action == "DescribeInstances"
        if not self.looks:
            raise UnreachableError("no way")
        look = self.looks[0] if len(self.looks) == 1 else self.looks.pop(0)
        common = {"Status": "Running", "CreationTime": "2026-11-18T11:06Z"}
        return {"Instances": {"Instance": [{"InstanceId": one, **common} for one in look if one not in self.deleted]}}


LOST = ServiceError("lost", code="ServiceUnavailable", http_status=503, action="RunInstances")
OFFER = Offer("ecs.c7.2xlarge", "cn-hangzhou-k", 1.0, list_price=2.0)


def request(amount: int = 3) -> LaunchSettings:
    return LaunchSettings(Network(GROUP), key="k", image_id="m-1", amount=amount)


def test_two_looks_must_agree_on_what_a_lost_answer_made(frozen: Running) -> None:
    growing = Growing(frozen, [[], ["i-1"], ["i-1", "i-2", "i-3"], ["i-3", "i-2", "i-1"]], LOST)
    assert ids(launch(growing.client, request(), [OFFER])) == ["i-1", "i-2", "i-3"]
    assert growing.slept < 10, "once they agree, nobody waits any longer"


def test_a_failed_launch_does_not_wait_for_late_instances(frozen: Running) -> None:
    refused = ApiError("refused", code="QuotaExceed.ElasticQuota", http_status=403, action="RunInstances")
    growing = Growing(frozen, [["i-1"]], refused)
    with pytest.raises(ApiError) as caught:
        launch(growing.client, request(), [OFFER])
    assert growing.deleted == ["i-1"]
    assert growing.slept == 0
    assert caught.value.__notes__ == ["i-1: created, and deleted again."]


def test_an_interrupted_launch_looks_for_two_seconds(frozen: Running) -> None:
    growing = Growing(frozen, [[], ["i-1", "i-2"]], KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt) as caught:
        launch(growing.client, request(), [OFFER])
    assert sorted(growing.deleted) == ["i-1", "i-2"]
    assert 1 <= growing.slept <= 2
    assert caught.value.__notes__ == ["i-1, i-2: created, and deleted again."]


def test_a_failed_cleanup_is_reported(frozen: Running) -> None:
    refused = ApiError("refused", code="QuotaExceed.ElasticQuota", http_status=403, action="RunInstances")
    growing = Growing(frozen, [], refused)
    with pytest.raises(ApiError) as caught:
        launch(growing.client, request(), [OFFER])
    assert "could not be deleted: no way A sweep" in caught.value.__notes__[0]


def test_a_token_covers_the_disk_too(frozen: Running) -> None:
    """ECS refuses a token that comes again with other parameters; offers may differ in nothing but the disk."""
    set_market(frozen)
    client = frozen.client()
    client._transport = overheard = Overheard(client._transport)
    zone, vswitch = next(iter(K.items()))
    first = Offer("ecs.c7.2xlarge", zone, 1.0, list_price=2.0, disks=("cloud_essd",), vswitch=vswitch, limit=2.0)
    offers = [first, replace(first, disks=("cloud_auto",))]
    frozen.fault("error", "RunInstances", code="InvalidSystemDiskCategory.ValueNotSupported", status=403)
    launch(client, launch_settings(frozen), offers)
    sent = [asked for asked in overheard.asked if asked["Action"] == "RunInstances"]
    assert [one["SystemDisk.Category"] for one in sent] == ["cloud_essd", "cloud_auto"]
    assert sent[0]["ClientToken"] != sent[1]["ClientToken"]


def test_a_launch_that_fails_deletes_only_its_own_instances(frozen: Running) -> None:
    set_market(frozen)
    others = acquire(frozen.client(), launch_settings(frozen, key="another"))
    frozen.fault("error", "RunInstances", times=None, code="OperationDenied.NoStock", status=403)
    with pytest.raises(RefusedError):
        acquire(frozen.client(), launch_settings(frozen))
    assert [one.id for one in alive(frozen)] == ids(others)


@pytest.mark.parametrize(("count", "last"), [(5, "ecs.n4"), (6, "and 1 more."), (8, "and 3 more.")])
def test_many_refusals_are_summarized(frozen: Running, count: int, last: str) -> None:
    frozen.fault("error", "RunInstances", times=None, code="OperationDenied.NoStock", status=403)
    offers = [Offer(f"ecs.n{number}", "cn-hangzhou-k", 1.0) for number in range(count)]
    with pytest.raises(RefusedError, match="No offer gives 2 instances in cn-hangzhou") as caught:
        launch(frozen.client(), replace(launch_settings(frozen), amount=2), offers)
    reasons = str(caught.value).partition("fix:")[0].split("why: ")[1:]
    assert len(reasons) == min(count, 6)
    assert reasons[-1].startswith(last)


STOPS = ("QuotaExceed.ElasticQuota", "InvalidAccountStatus.NotEnoughBalance", "InvalidSecurityGroupId.NotFound")


@pytest.mark.parametrize("code", STOPS)
def test_errors_that_need_a_person_stop_at_once(frozen: Running, code: str) -> None:
    set_market(frozen)
    frozen.fault("error", "RunInstances", times=None, code=code, status=403)
    with pytest.raises(ApiError) as caught:
        acquire(frozen.client(), launch_settings(frozen))
    assert caught.value.code == code
    assert caught.value.fix
    assert frozen.cloud.gateway.calls.get("RunInstances", 0) == 0, "faults answer before the call is counted"
    assert len(frozen.cloud.gateway.faults.rules()) == 1


def test_a_denial_stops_and_names_the_statement(frozen: Running) -> None:
    set_market(frozen)
    frozen.cloud.store.put(Denial(id="ecs:RunInstances"))
    with pytest.raises(AccessDeniedError, match="ecs:RunInstances"):
        acquire(frozen.client(), launch_settings(frozen))


def test_a_launch_that_asked_for_no_instance_says_nothing_of_what_it_created(frozen: Running) -> None:
    """Refused when it looked for vSwitches, it noted that what it created could not be deleted."""
    frozen.cloud.store.put(Denial(id="vpc:DescribeVSwitches"))
    frozen.cloud.store.put(Denial(id="ecs:DescribeInstances"))
    with pytest.raises(AccessDeniedError, match="DescribeVSwitches") as caught:
        acquire(frozen.client(), launch_settings(frozen))
    assert not hasattr(caught.value, "__notes__")


def test_no_stock_is_reported_with_reasons(frozen: Running) -> None:
    set_market(frozen, scarcity=1.0)
    with pytest.raises(RefusedError, match="No offer gives an instance") as caught:
        acquire(frozen.client(), launch_settings(frozen))
    assert "in stock" in str(caught.value)
    assert "--on-demand-fallback" in str(caught.value)


def test_pay_as_you_go_when_allowed(frozen: Running) -> None:
    set_market(frozen, scarcity=1.0)
    (got,) = acquire(frozen.client(), launch_settings(frozen, on_demand_fallback=True))
    assert got.offer is not None
    assert not got.offer.spot
    assert got.offer.price == min(INSTANCE_TYPES[name].price for name in TYPES)
    assert [one.strategy for one in alive(frozen)] == ["NoSpot"]


def test_the_list_price_is_paid_for_the_users_own_candidates_too(frozen: Running) -> None:
    """With a file of candidates the fallback did nothing, and said nothing of it."""
    set_market(frozen)
    offers = list(find_offers(frozen.client(), launch_settings(frozen)))
    dear = max(offers, key=lambda one: one.list_price)
    set_market(frozen, scarcity=1.0)
    nowhere = replace(offers[0], vswitch="")
    wanted = launch_settings(frozen, candidates=(nowhere, dear), on_demand_fallback=True)
    (got,) = acquire(frozen.client(), wanted)
    assert got.offer is not None
    assert (got.offer.spot, got.offer.type, got.offer.zone) == (False, dear.type, dear.zone)
    assert got.offer.vswitch == dear.vswitch
    assert got.offer.price == INSTANCE_TYPES[dear.type].price
    with pytest.raises(RefusedError, match="No offer gives an instance"):
        acquire(frozen.client(), replace(wanted, key="another", most_on_demand=got.offer.price / 2))
    with pytest.raises(RefusedError, match="No offer gives an instance"):
        acquire(frozen.client(), replace(wanted, key="no vSwitch", candidates=(nowhere,)))


def test_beyond_the_quota_of_spot_instances_the_list_price_is_paid_if_allowed(frozen: Running) -> None:
    """The refusal ended the launch, and a scale set with a fallback let its jobs wait."""
    set_market(frozen)
    store = frozen.cloud.store
    (first,) = acquire(frozen.client(), launch_settings(frozen, key="first", on_demand_fallback=True))
    assert first.offer is not None
    assert first.offer.spot
    store.put(replaced(store.settings(), cpu_quota=INSTANCE_TYPES[first.offer.type].cpus))
    with pytest.raises(ApiError, match="quota") as caught:
        acquire(frozen.client(), launch_settings(frozen, key="spot alone"))
    assert caught.value.code == "QuotaExceed.ElasticQuota"
    said: list[str] = []
    settings = launch_settings(frozen, key="second", on_demand_fallback=True)
    (second,) = acquire(frozen.client(), settings, report=said.append)
    assert second.offer is not None
    assert not second.offer.spot
    assert sum("QuotaExceed.ElasticQuota" in line for line in said) == 1, "it is asked once"
    with pytest.raises(ApiError, match="quota") as caught:
        acquire(frozen.client(), launch_settings(frozen, key="third", on_demand_fallback=True))
    assert caught.value.code == "QuotaExceed.ElasticQuota"
    assert sorted(one.strategy for one in alive(frozen)) == ["NoSpot", "SpotWithPriceLimit"]


def test_what_the_quota_of_spot_instances_still_holds_is_launched_first(frozen: Running) -> None:
    set_market(frozen)
    (one,) = acquire(frozen.client(), launch_settings(frozen, key="one"))
    assert one.offer is not None
    store = frozen.cloud.store
    store.put(replaced(store.settings(), cpu_quota=4 * INSTANCE_TYPES[one.offer.type].cpus))
    acquire(frozen.client(), launch_settings(frozen, key="more", amount=7, on_demand_fallback=True))
    assert Counter(instance.strategy for instance in alive(frozen)) == {"SpotWithPriceLimit": 4, "NoSpot": 4}


def test_a_price_limit_holds(frozen: Running) -> None:
    set_market(frozen)
    cheapest = acquire(frozen.client(), launch_settings(frozen))[0].offer
    assert cheapest is not None
    dear = launch_settings(frozen, key="dear")
    limited = replace(dear, criteria=replace(dear.criteria, max_price=cheapest.price - 0.001))
    with pytest.raises(RefusedError):
        acquire(frozen.client(), limited)


def test_phantoms_are_walked_past(frozen: Running) -> None:
    set_market(frozen, phantoms=0.6, scarcity=0.0)
    said: list[str] = []
    acquire(frozen.client(), launch_settings(frozen), report=said.append)
    assert len(alive(frozen)) == 1


def test_a_vswitch_without_addresses_is_passed_over(frozen: Running) -> None:
    set_market(frozen)
    first = acquire(frozen.client(), launch_settings(frozen))[0].offer
    assert first is not None
    full = frozen.cloud.store.get(VSwitch, f"vsw-local-{first.zone}")
    assert full is not None
    frozen.cloud.store.put(replaced(full, cidr="172.16.250.0/30"))
    zones = {one.zone: one.id for one in frozen.cloud.store.all(VSwitch) if one.region == REGION}
    said: list[str] = []
    (got,) = acquire(
        frozen.client(), launch_settings(frozen, key="other", network=Network(GROUP, zones)), report=said.append
    )
    assert got.offer is not None
    assert got.offer.zone != first.zone
    assert "QuotaExceeded.PrivateIpAddress" in said[0]


def test_the_same_key_gets_the_same_instances(frozen: Running) -> None:
    set_market(frozen)
    first = acquire(frozen.client(), launch_settings(frozen, resume=True))
    set_market(frozen, seed=99)  # another offer is the best now
    again = acquire(frozen.client(), launch_settings(frozen, resume=True))
    assert ids(first) == ids(again)
    frozen.wall.sleep(60)
    more = acquire(frozen.client(), launch_settings(frozen, resume=True, amount=3))
    assert len(ids(more)) == 3
    assert len(alive(frozen)) == 3
    fewer = acquire(frozen.client(), launch_settings(frozen, resume=True))
    assert ids(fewer) == ids(first), "the same ones as before, not the newest"


def test_a_failed_retry_keeps_earlier_instances(frozen: Running) -> None:
    set_market(frozen)
    first = acquire(frozen.client(), launch_settings(frozen, resume=True))
    set_market(frozen, scarcity=1.0)
    with pytest.raises(RefusedError):
        acquire(frozen.client(), launch_settings(frozen, resume=True, amount=2))
    assert [one.id for one in alive(frozen)] == ids(first)


def test_all_or_none(frozen: Running) -> None:
    set_market(frozen)
    with pytest.raises(RefusedError, match="more"):
        acquire(frozen.client(), launch_settings(frozen, network=Network(GROUP, K), amount=4000))
    assert alive(frozen) == []


def test_a_thousand_at_once(frozen: Running) -> None:
    """Throttled as the real API throttles, spread over zones and types."""
    set_market(frozen)
    frozen.cloud.store.put(replaced(frozen.cloud.store.settings(), calls_per_second=1.0))
    client = frozen.client(timeout=600.0)
    many = launch_settings(frozen, amount=1000)
    start = frozen.wall.value
    got = acquire(client, replace(many, criteria=Criteria(architecture="amd64", cpus=Span(4, 8))))
    assert len(ids(got)) == len(set(ids(got))) == 1000
    assert len(alive(frozen)) == 1000
    assert len({one.zone for one in alive(frozen)}) > 1
    assert client.calls < 300
    assert frozen.wall.value - start < 1200
    assert len(wait_until_running(client, ids(got), 600)) == 1000


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_every_call_leaks_no_instance_hours(frozen: Running, after: bool) -> None:
    """Nothing outlives its release time by a minute; one sweep leaves nothing at all."""
    set_market(frozen)
    deaths = 0
    for at in range(1, 100):
        client = frozen.client()
        transport = dying(client, at, after=after)
        settings = launch_settings(frozen, key=f"{at}", amount=2, life=1800.0)
        try:
            acquire(client, settings)
        except Crash:
            deaths += 1
        left = alive(frozen)
        assert all(one.auto_release <= frozen.wall.value + 1800 + 60 for one in left)
        frozen.wall.value += 1860
        assert alive(frozen) == []
        assert sweep.find(frozen.client()) == []
        if transport.sent < at:
            break
    assert deaths >= 5


@pytest.mark.parametrize("after", [False, True])
def test_a_cancellation_at_every_call_leaves_nothing(frozen: Running, after: bool) -> None:
    set_market(frozen)
    cancelled = 0
    for at in range(1, 100):
        client = frozen.client()
        transport = dying(client, at, after=after, error=KeyboardInterrupt, lasting=False)
        try:
            got = acquire(client, launch_settings(frozen, key=f"{at}", amount=2))
        except KeyboardInterrupt:
            cancelled += 1
            assert alive(frozen) == [], at
        else:
            release(frozen.client(), ids(got))
        if transport.sent < at:
            break
    assert cancelled >= 5


@pytest.mark.parametrize("after", [False, True])
def test_after_a_crash_one_sweep_leaves_nothing_even_if_the_cloud_forgets_to_release(
    frozen: Running, after: bool
) -> None:
    """The release time is the cloud's promise; the sweep does not take it on trust."""
    set_market(frozen)
    for at in range(1, 100):
        client = frozen.client()
        transport = dying(client, at, after=after)
        with contextlib.suppress(Crash):
            acquire(client, launch_settings(frozen, key=f"{at}"))
        for one in alive(frozen):
            frozen.cloud.store.put(replaced(one, auto_release=9e15))
        frozen.wall.value += 5 * 3600
        found = sweep.find(frozen.client())
        sweep.remove(frozen.client(), found)
        assert alive(frozen) == []
        assert list(frozen.cloud.store.all(Disk)) == []
        if transport.sent < at:
            break


def test_the_next_release_completes_one_that_crashed(frozen: Running) -> None:
    set_market(frozen)
    for after in (False, True):
        for at in range(1, 20):
            made = ids(acquire(frozen.client(), launch_settings(frozen, key=f"{after} {at}", amount=3)))
            client = frozen.client()
            transport = dying(client, at, after=after)
            with contextlib.suppress(Crash):
                release(client, made)
            release(frozen.client(), made)
            assert alive(frozen) == []
            if transport.sent < at:
                break


def test_an_id_that_nothing_has_is_told_after_the_time_that_reads_may_lag(frozen: Running) -> None:
    set_market(frozen)
    (made,) = ids(acquire(frozen.client(), launch_settings(frozen)))
    client, said = frozen.client(), list[str]()
    require_listed(client, [made], said.append)
    assert not said
    begun = client.clock.now()
    with pytest.raises(NotFoundError, match=f"Instance not found: i-typo in {REGION}"):
        require_listed(client, ["i-typo", made], said.append)
    assert LAG_SECONDS <= client.clock.now() - begun < LAG_SECONDS + 20
    assert said == ["i-typo is not listed; looking for another 60 s."]


def test_stopped_is_not_mistaken_for_deleted(frozen: Running) -> None:
    """Seen in the field: `Stopped` was taken for deleted."""
    set_market(frozen)
    (made,) = ids(acquire(frozen.client(), launch_settings(frozen)))
    client = frozen.client()
    wait_until_running(client, [made], 300)
    client.call("StopInstance", {"InstanceId": made})
    frozen.wall.value += 60
    assert [one.status for one in describe_instances(client)] == ["Stopped"]
    release(client, [made])
    assert alive(frozen) == []


def test_an_error_is_not_taken_for_deleted(frozen: Running) -> None:
    """Seen in the field: the clean-up step turned every error into "already deleted", exit 0."""
    set_market(frozen)
    for number, action in enumerate(("DeleteInstances", "DescribeInstances")):
        made = ids(acquire(frozen.client(), launch_settings(frozen, key=f"fault {number}")))
        frozen.fault("error", action, times=None)
        with pytest.raises(ApiError):
            release(frozen.client(), made)
        frozen.cloud.gateway.faults.clear()
        made = ids(acquire(frozen.client(), launch_settings(frozen, key=f"denial {number}")))
        frozen.cloud.store.put(Denial(id=f"ecs:{action}"))
        with pytest.raises(AccessDeniedError):
            release(frozen.client(), made)
        frozen.cloud.store.remove(*frozen.cloud.store.all(Denial))


def test_a_starting_instance_is_deleted_too(frozen: Running) -> None:
    set_market(frozen)
    made = ids(acquire(frozen.client(), launch_settings(frozen)))
    frozen.fault("error", "DeleteInstances", times=2, code="IncorrectInstanceStatus.Initializing", status=403)
    assert release(frozen.client(), made) == []
    assert alive(frozen) == []


@pytest.mark.parametrize("kind", ["error", "error-after", "timeout", "throttle"])
def test_a_deletion_outlasts_an_outage(frozen: Running, kind: Any) -> None:
    """A call gives up after some seconds: the instance ran on, until its release time."""
    set_market(frozen)
    made = ids(acquire(frozen.client(), launch_settings(frozen, criteria=Criteria(types=TYPES[:1]), amount=3)))
    frozen.fault(kind, "DeleteInstances", times=40 if kind == "throttle" else 8)
    release(frozen.client(), made)
    assert alive(frozen) == []


def test_a_reclaimed_instance_is_not_waited_for(frozen: Running) -> None:
    set_market(frozen)
    (made,) = ids(acquire(frozen.client(), launch_settings(frozen)))
    client = frozen.client()
    (instance,) = alive(frozen)
    frozen.cloud.store.put(replaced(instance, ready=frozen.wall.value + 900, reclaimed=frozen.wall.value + 20))
    with pytest.raises(LostError, match="the market reclaimed it") as caught:
        wait_until_running(client, [made], 600)
    assert caught.value.exit_code == EXIT_UNAVAILABLE


def test_prices_are_read_only_when_needed(frozen: Running) -> None:
    """Of many types few are priced, and the cheapest is among them."""
    set_market(frozen)
    client = frozen.client()
    criteria = Criteria(architecture="amd64", cpus=Span(8))
    best = next(iter(choose(Market(client), criteria, [f"cn-hangzhou-{zone}" for zone in "bghijk"])))
    priced = frozen.cloud.gateway.calls["DescribeSpotPriceHistory"]
    everything = [one for one in INSTANCE_TYPES.values() if one.architecture == "x86_64" and one.cpus >= 8]
    assert priced < len(everything) / 2
    truth = min(
        (price.prices[-1], name, zone)
        for name, priced_type in Market(client).prices(one.id for one in everything).items()
        for zone, price in priced_type.zones.items()
        if sold_in(frozen.cloud.store.settings().market, INSTANCE_TYPES[name], zone)
        and "cloud_essd" in disks_in(frozen.cloud.store.settings().market, INSTANCE_TYPES[name], zone)
    )
    assert best.price == truth[0]


def test_a_reclaim_rate_is_a_share(frozen: Running) -> None:
    """The API has percents: they were taken for shares, and with 3 % every offer counted as one that is reclaimed."""
    set_market(frozen)
    market = frozen.cloud.store.settings().market
    offers = survey(Market(frozen.client()), Criteria(cpus=Span(8)), "balanced")
    for offer in offers:
        assert offer.rate == pytest.approx(reclaim_rate(market, INSTANCE_TYPES[offer.type], offer.zone))
    assert offers[0] == min(offers, key=lambda offer: offer.price_per_cpu / (1 - (offer.rate or 0.0)))


def test_a_cache_answers_for_minutes(frozen: Running, tmp_path: Path) -> None:
    from goldrun.launch.cache import FileCache

    set_market(frozen)
    client = frozen.client()
    cache = FileCache({}, client.clock.machine, tmp_path)
    acquire(client, launch_settings(frozen, network=Network(GROUP, K)), cache=cache)
    cold = client.calls
    warm = frozen.client()
    acquire(warm, launch_settings(frozen, network=Network(GROUP, K), key="2"), cache=cache)
    # What time it is, and the launch.
    assert (cold > 1, warm.calls) == (True, 2)
    frozen.wall.value += 400
    late = frozen.client()
    acquire(
        late,
        launch_settings(frozen, network=Network(GROUP, K), key="3"),
        cache=FileCache({}, late.clock.machine, tmp_path),
    )
    assert late.calls == cold
    assert all(json.loads(file.read_text())["answer"] for file in tmp_path.glob("*.json"))


@pytest.mark.parametrize("wanted", [("nozone",), ("cn-hangzhou-h",), ("cn-hangzhou-h", "cn-beijing-k")])
@pytest.mark.parametrize("named", [True, False])
def test_a_zone_without_a_vswitch_launches_nowhere_else(frozen: Running, wanted: tuple[str, ...], named: bool) -> None:
    """It launched in another zone, or ended with a traceback if the vSwitches were named."""
    set_market(frozen)
    frozen.cloud.store.remove(*(one for one in frozen.cloud.store.all(VSwitch) if one.zone == "cn-hangzhou-h"))
    network = Network(GROUP, K) if named else Network(GROUP)
    settings = launch_settings(frozen, network=network, criteria=Criteria(cpus=Span(8), zones=wanted))
    for offers in (lambda: acquire(frozen.client(), settings), lambda: next(find_offers(frozen.client(), settings))):
        with pytest.raises(UsageError, match=f"no vSwitch with a free address in {', '.join(wanted)}") as caught:
            offers()
        assert "cn-hangzhou-k" in str(caught.value), "where there are some"
    assert alive(frozen) == []


def test_the_list_price_may_have_a_limit(frozen: Running) -> None:
    """It had none: what a budget holds at the spot price costs ten times as much."""
    set_market(frozen)
    criteria = Criteria(types=("ecs.c7.2xlarge", "ecs.g8i.16xlarge"))
    wanted = launch_settings(frozen, criteria=criteria, on_demand_fallback=True)
    for most, types in ((None, set(criteria.types)), (2.0, {"ecs.c7.2xlarge"}), (0.1, set[str]())):
        offers = find_offers(frozen.client(), replace(wanted, most_on_demand=most))
        assert {one.type for one in offers if not one.spot} == types


def test_of_several_zones_those_with_a_vswitch_count(frozen: Running) -> None:
    set_market(frozen)
    criteria = Criteria(cpus=Span(8), zones=("cn-hangzhou-k", "nozone"))
    acquire(frozen.client(), launch_settings(frozen, criteria=criteria))
    assert [one.zone for one in alive(frozen)] == ["cn-hangzhou-k"]


def test_a_cache_keeps_the_prices_of_a_protected_hour_apart(frozen: Running, tmp_path: Path) -> None:
    from goldrun.launch.cache import FileCache

    client = frozen.client()
    market = Market(client, FileCache({}, client.clock.machine, tmp_path))
    dear, cheap = (replace(market, protected=one).prices(["ecs.c7.large"])["ecs.c7.large"] for one in (True, False))
    zone = min(dear.zones)
    assert cheap.zones[zone].price(spot=True) < dear.zones[zone].price(spot=True)


def test_a_cache_forgets_the_answers_of_another_day(frozen: Running, tmp_path: Path) -> None:
    from goldrun.launch.cache import FORGET_SECONDS, FileCache

    clock = frozen.client().clock.machine
    for name, age in (("old", FORGET_SECONDS + 60.0), ("young", 60.0)):
        (tmp_path / f"{name}.json").write_text("{}")
        os.utime(tmp_path / f"{name}.json", (clock.now() - age,) * 2)
    (tmp_path / "other.txt").write_text("somebody's")
    os.utime(tmp_path / "other.txt", (0, 0))
    cache = FileCache({}, clock, tmp_path)
    cache.put("question", {"answer": 1})
    assert cache.get("question") == {"answer": 1}
    assert {file.name for file in tmp_path.iterdir()} >= {"young.json", "other.txt"}
    assert not (tmp_path / "old.json").exists()


def test_a_stale_cache_entry_is_read_again(frozen: Running, tmp_path: Path) -> None:
    from goldrun.launch.cache import FileCache

    set_market(frozen)
    client = frozen.client()
    cache = FileCache({}, client.clock.machine, tmp_path)
    criteria = Criteria(types=("ecs.c7.2xlarge",))
    first = next(iter(choose(Market(client, cache), criteria, ["cn-hangzhou-k", "cn-hangzhou-b", "cn-hangzhou-g"])))
    set_market(frozen, scenario="price-spike", since=0.0)
    frozen.wall.value += 10
    zones = {zone: f"vsw-local-{zone}" for zone in ("cn-hangzhou-k", "cn-hangzhou-b", "cn-hangzhou-g")}
    (got,) = acquire(
        client, launch_settings(frozen, network=Network(GROUP, zones), key="late", criteria=criteria), cache=cache
    )
    assert got.offer is not None
    assert got.offer.price > first.price


def test_bad_requests_are_refused_before_anything_is_sent(frozen: Running) -> None:
    client = frozen.client()
    good = LaunchSettings(Network(GROUP), key="k", image_id="m-1")
    for bad in (
        replace(good, image_id=""),
        replace(good, image_family="fam"),
        replace(good, user_data=bytes(33_000)),
        replace(good, amount=0),
    ):
        with pytest.raises(UsageError):
            launch(client, bad, [Offer("ecs.c7.large", "cn-hangzhou-k", 0.1)])
    assert client.calls == 0


@pytest.mark.parametrize("protected", [True, False])
def test_an_unprotected_first_hour_can_be_chosen_and_is_cheaper(frozen: Running, protected: bool) -> None:
    set_market(frozen)
    (got,) = acquire(frozen.client(), launch_settings(frozen, protected=protected))
    (made,) = alive(frozen)
    kind = INSTANCE_TYPES[made.type]
    full = spot_price(frozen.cloud.store.settings().market, kind, made.zone, frozen.wall.value)
    assert made.protected is protected
    assert (made.price < full) is not protected
    assert got.offer is not None
    assert got.offer.price == pytest.approx(made.price), "the price that was said is the one that is paid"
    assert (made.reclaimed < frozen.wall.value + 3600) <= (not protected)

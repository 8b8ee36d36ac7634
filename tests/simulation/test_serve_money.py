"""Fairness and money of ``goldrun serve``: budgets, quotas, priorities, limits by repository and workflow."""

from __future__ import annotations

from dataclasses import replace as replace_settings

import pytest
from msgspec.structs import replace

from goldrun.github.scale_sets import JobEvent
from goldrun.launch.settings import LaunchSettings, Network
from goldrun.serve.assembly import Common
from goldrun.serve.config import Cost, Limits
from goldrun.serve.observer import Observer
from goldrun.serve.quota import Quota
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.serve.spent import Spent, day_begin, month_begin, parse
from local_cloud.github.records import GitHubCheck, GitHubInstallationToken, GitHubJob
from local_cloud.records import Instance, SecurityGroup
from tests.conftest import REGION, Running
from tests.simulation.played import Played, play
from tests.simulation.serving import Served, alive, all_done, jobs_of, machines, promised, queue, serve

ZONE = ("cn-hangzhou-k",)  # one place, one price
HOUR = 3600.0

HOUR = 3600.0
GROUP = f"sg-local-{REGION}"


class Costs(Observer):
    """Adds up what is told."""

    def __init__(self) -> None:
        self.jobs, self.idle = 0.0, 0.0

    def cost(self, spec: ScaleSetSpec, event: JobEvent | None, amount: float) -> None:
        if event:
            self.jobs += amount
        else:
            self.idle += amount


def group_tags(cloud: Running) -> dict[str, str]:
    (group,) = (one for one in cloud.cloud.store.all(SecurityGroup) if one.id == GROUP)
    return group.tags


def tag_group(cloud: Running, tags: dict[str, str]) -> None:
    (group,) = (one for one in cloud.cloud.store.all(SecurityGroup) if one.id == GROUP)
    cloud.cloud.store.put(replace(group, tags={**group.tags, **tags}))


def count_tag(cloud: Running) -> Spent:
    (value,) = (value for key, value in group_tags(cloud).items() if key.startswith("Spent."))
    return parse(value)


def app_token(cloud: Running) -> str:
    token = GitHubInstallationToken(id="ghs_app", expires=cloud.wall.value + 1e9)
    cloud.cloud.store.put(token)
    return token.id


def test_a_job_that_the_budget_does_not_hold_waits_and_its_check_says_so(cloud: Running, played: Played) -> None:
    server = serve(cloud, token=app_token(cloud), max_cost=Cost(day=1.0), max_runners=20)
    queue(cloud, 12)
    most, money = 0, 0.0
    for _ in range(300):
        server.run(1)
        most = max(most, len(alive(cloud)))
        # Each machine reserves its price for the longest job, half an hour.
        money = max(money, sum(one.price * 0.5 for one in machines(cloud)))
    assert 0.5 < money <= 1.0
    assert most < 12
    used_up = "the budget of the profile ubuntu-spot for the day, 1, is used up"
    told = [words for words in server.said if used_up in words]
    assert told, server.said
    assert len(told) == len(set(told)), "each is told once"
    checks = cloud.cloud.store.all(GitHubCheck)
    assert {(one.name, one.conclusion) for one in checks} == {("goldrun: ubuntu-spot", "neutral")}
    assert len({one.sha for one in checks}) == len(list(cloud.cloud.store.all(GitHubCheck))) == 1, "one for each run"
    # Short jobs cost next to nothing: what was reserved is free again, and the others follow.
    server.run(1800, until=lambda: all_done(cloud))
    assert [job.conclusion for job in jobs_of(cloud)] == ["success"] * 12


def test_a_spent_budget_is_over_for_the_next_server_too_and_begins_anew_with_the_day(cloud: Running) -> None:
    played = play(cloud)
    played.seconds = 1700.0
    server = serve(cloud, max_cost=Cost(day=1.2), min_idle=0)
    queue(cloud, 6)
    server.run(3 * HOUR, until=lambda: all_done(cloud), pace=5.0)
    server.run(300)
    spent = count_tag(cloud)
    assert 0.6 < spent.day <= 1.2
    cloud.wall.value += 100.0  # its session ends
    second = serve(cloud, owner="two", max_cost=Cost(day=1.2))
    queue(cloud, 6)
    second.run(1200, pace=5.0)
    assert count_tag(cloud).day <= 1.2
    waiting = [job for job in jobs_of(cloud) if job.status == "queued"]
    assert waiting, "what the first one has spent counts"
    tomorrow = day_begin(cloud.wall.value) + 24 * HOUR
    second.run(tomorrow - cloud.wall.value - 60, pace=15.0)
    still = [job for job in jobs_of(cloud) if job.status == "queued"]
    assert still, "cheaper hours may hold one more, but not all"
    assert count_tag(cloud).day <= 1.2
    second.run(2 * HOUR, until=lambda: all_done(cloud), pace=5.0)
    assert all_done(cloud)
    assert count_tag(cloud).month > 1.2 > count_tag(cloud).day


def test_what_machines_cost_that_end_while_nobody_serves_counts(cloud: Running, played: Played) -> None:
    """Until somebody serves again, but each for the longest job at most. (A story found it.)"""
    played.seconds = 1500.0
    first = serve(cloud, max_cost=Cost(day=5.0))
    queue(cloud, 3)
    first.run(300, until=lambda: len(alive(cloud)) == 3)
    first.run(90)
    prices = sum(one.price for one in machines(cloud))
    cloud.wall.value += 1000.0  # its session ends
    assert len(alive(cloud)) == 3
    cloud.wall.value += 6 * HOUR
    played.tend(cloud.wall.value)
    assert len(alive(cloud)) == 0
    second = serve(cloud, owner="two", max_cost=Cost(day=5.0))
    second.run(120)
    counted = count_tag(cloud)
    assert 1500 * prices / HOUR <= counted.month <= 2000 * prices / HOUR
    assert (counted.day, counted.paid) == (0.0, 0.0), "it is the day after in Beijing"
    cloud.wall.value += 100.0
    serve(cloud, owner="three", max_cost=Cost(day=5.0)).run(120)
    assert count_tag(cloud).month == counted.month, "once"


def test_what_was_launched_right_before_the_server_died_counts(cloud: Running, played: Played) -> None:
    """It died within its first minute, and had counted nothing. (A story found it.)"""
    played.seconds = 1200.0
    first = serve(cloud, max_cost=Cost(day=5.0))
    queue(cloud, 3)
    first.run(40, until=lambda: len(alive(cloud)) == 3)
    launched = [(one.created, one.price) for one in machines(cloud)]
    cloud.wall.value += 200.0  # its session ends
    second = serve(cloud, owner="two", max_cost=Cost(day=5.0))
    second.run(70)
    cost = sum(price * (count_tag(cloud).until - at) for at, price in launched) / HOUR
    # They were announced at their limit, a fifth above their price, and ECS tells the minute of a launch.
    assert 0.95 * cost < count_tag(cloud).day < 1.25 * cost, "those that are there are counted once"


def test_a_launch_is_announced_with_the_price_that_it_may_cost(cloud: Running, played: Played) -> None:
    played.seconds = 1200.0
    first = serve(cloud, max_cost=Cost(day=5.0))
    queue(cloud, 3)
    first.run(40, until=lambda: len(alive(cloud)) == 3)
    limits = sum(one.limit or one.price for one in machines(cloud))
    assert count_tag(cloud).paid == pytest.approx(limits, rel=0.01)
    cloud.wall.value += 1500.0  # its machines are gone when the next one begins
    played.tend(cloud.wall.value)
    assert len(alive(cloud)) == 0
    second = serve(cloud, owner="two", max_cost=Cost(day=5.0))
    second.run(70)
    assert 1200 * limits / 1.2 / HOUR < count_tag(cloud).day <= 1560 * limits / HOUR


def test_a_launch_that_is_refused_costs_nothing(cloud: Running, played: Played) -> None:
    """What was announced stayed in the tag: the next server counted machines that never were."""
    first = serve(cloud, max_cost=Cost(day=50.0))
    first.run(10)
    cloud.fault("error", "RunInstances", times=None, code="OperationDenied.NoStock", status=403)
    queue(cloud, 20)
    first.run(45)
    assert any("No offer gives" in words for words in first.said), first.said
    assert (count_tag(cloud).paid, count_tag(cloud).day) == (0.0, 0.0)
    cloud.wall.value += HOUR  # its session ends
    serve(cloud, owner="two", max_cost=Cost(day=50.0)).run(70)
    assert count_tag(cloud).day == 0.0


def test_a_launch_beside_a_start_announces_both(cloud: Running, played: Played) -> None:
    played.seconds = 1200.0
    server = serve(cloud, min_stopped=1, max_cost=Cost(day=50.0))
    server.run(400, until=lambda: len(server.worker.roster.aside) == 1 and not len(alive(cloud)))
    server.run(70)
    queue(cloud, 2)
    server.run(30, until=lambda: len(alive(cloud)) >= 2)
    running = [one for one in machines(cloud) if one.status(cloud.wall.value) != "Stopped"]
    assert len(running) >= 2
    assert count_tag(cloud).paid >= 0.99 * sum(one.limit for one in running)


@pytest.mark.parametrize("code", ["OperationDenied.NoStock", "Forbidden.RAM"])
def test_a_start_that_fails_does_not_keep_the_last_of_the_budget(cloud: Running, played: Played, code: str) -> None:
    first = serve(cloud, min_stopped=1)
    first.run(200, until=lambda: len(first.worker.roster.aside) == 1 and not len(alive(cloud)))
    (stopped,) = machines(cloud)
    cloud.wall.value += 100.0  # its session ends
    server = serve(cloud, owner="two", min_stopped=1, max_cost=Cost(day=0.5 * stopped.price * 1.2 * 1.6))
    server.run(5)
    cloud.fault("error", "StartInstances", times=None, status=403, code=code)
    queue(cloud, 1)
    server.run(900, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said
    assert sum("cannot be started" in words for words in server.said) <= 3


def test_a_start_is_announced_once_and_withdrawn_when_it_fails(cloud: Running, played: Played) -> None:
    server = serve(cloud, min_stopped=1, max_cost=Cost(day=50.0))
    server.run(200, until=lambda: len(server.worker.roster.aside) == 1 and not len(alive(cloud)))
    server.run(70)
    (stopped,) = machines(cloud)
    for action in ("StartInstances", "RunInstances"):
        cloud.fault("error", action, times=None, status=403, code="OperationDenied.NoStock")
    queue(cloud, 1)
    most = 0.0
    for _ in range(30):
        server.run(1)
        most = max(most, count_tag(cloud).paid)
    assert most == pytest.approx(stopped.limit, rel=0.01), "once"
    assert count_tag(cloud).paid == 0.0
    for _ in range(2):
        server.worker.budget.announce_started([stopped.id])
    assert count_tag(cloud).paid == pytest.approx(stopped.limit, rel=0.01), "once, however often it is tried"


def test_two_sets_of_one_server_lose_none_of_the_others_count(cloud: Running, played: Played) -> None:
    """Each read the other's tag, which is up to a minute old, over what it had counted since."""
    played.seconds = 1500.0
    common = Common(Quota(lambda _: None))
    one = serve(cloud, common=common, max_cost=Cost(day=50.0))
    two = serve(cloud, common=common, label="other", max_cost=Cost(day=50.0))
    queue(cloud, 3)
    queue(cloud, 3, label="other")
    for second in range(900):
        one.step()
        if second > 25:
            two.step()
        one.clock.sleep(1.0)
    for served in (one, two):
        ours = [each for each in machines(cloud) if each.id in served.worker.fleet.machines]
        cost = sum(each.price * (cloud.wall.value - each.created) for each in ours) / HOUR
        counted = served.worker.budget.ledger.read(served.worker.listener.spec).day
        assert counted == pytest.approx(cost, rel=0.05)


def test_machines_that_a_server_takes_over_are_counted_once(cloud: Running, played: Played) -> None:
    played.seconds = 1500.0
    first = serve(cloud, max_cost=Cost(day=5.0))
    queue(cloud, 3)
    first.run(300, until=lambda: len(alive(cloud)) == 3)
    first.run(90)
    began = [(one.created, one.price) for one in machines(cloud)]
    cloud.wall.value += 600.0
    second = serve(cloud, owner="two", max_cost=Cost(day=5.0))
    second.run(120)
    now = count_tag(cloud).until
    cost = sum(price * (now - at) for at, price in began) / HOUR
    assert count_tag(cloud).day == pytest.approx(cost, rel=0.02)
    assert count_tag(cloud).paid == pytest.approx(sum(price for _, price in began), rel=0.01)


def test_counts_of_last_month_make_room(cloud: Running, played: Played) -> None:
    """They were never removed: renamed profiles filled the group's 20 tags, and the next one launched nothing."""
    now, old = cloud.wall.value, Spent(month_begin(cloud.wall.value) - 2 * 24 * HOUR, 1.0, 9.0)
    fresh = {f"Spent.fresh-{number}.00000000": Spent(now, 0.0, 0.01).text() for number in range(3)}
    room = 20 - len(group_tags(cloud)) - len(fresh)
    tag_group(cloud, fresh | {f"Spent.old-{number}.00000000": old.text() for number in range(room)})
    server = serve(cloud, max_cost=Cost(day=5.0))
    queue(cloud, 3)
    server.run(1200, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said
    server.run(120)
    left = {key for key in group_tags(cloud) if key.startswith("Spent.")}
    assert left > fresh.keys()
    assert len(left) == len(fresh) + 1


def test_a_group_whose_tags_are_all_taken_is_told_and_machines_are_tended_nevertheless(cloud: Running) -> None:
    played = play(cloud)
    server = serve(cloud, max_cost=Cost(day=5.0), min_idle=1)
    server.run(45)
    assert len(alive(cloud)) == 1
    (group,) = (one for one in cloud.cloud.store.all(SecurityGroup) if one.id == GROUP)
    cloud.cloud.store.put(replace(group, tags={f"team-{number}": "x" for number in range(20)}))
    played.lingers = True
    queue(cloud, 1)
    server.run(400)
    told = [words for words in server.said if "has as many tags as it may have" in words]
    assert told, server.said
    (group,) = (one for one in cloud.cloud.store.all(SecurityGroup) if one.id == GROUP)
    cloud.cloud.store.put(replace(group, tags={"ManagedBy": "goldrun"}))
    server.run(600, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said


def test_the_list_price_is_in_the_budget_too(cloud: Running, played: Played) -> None:
    """The budget held the best offer's list price, and a dearer type was launched at its own."""
    server = serve(cloud, on_demand_fallback=True, max_cost=Cost(day=1.0))
    server.run(30)
    budget = server.worker.budget
    settings = LaunchSettings(Network(GROUP), key="k", image_id="m-runner", on_demand_fallback=True)
    capped = budget.cap(replace_settings(settings, amount=2))
    left = budget.ledger.left(server.worker.listener.spec, cloud.wall.value).amount
    assert capped.on_demand_fallback
    assert capped.most_on_demand == pytest.approx(left / 0.5 / 2)


def test_a_pool_that_waits_for_hours_stays_within_the_budget(cloud: Running, played: Played) -> None:
    """Each machine held the longest job's price, and what it cost while it waited came on top."""
    played.idle = 1e9
    server = serve(cloud, min_idle=3, life="8h", max_cost=Cost(month=1.0))
    server.run(120, until=lambda: len(alive(cloud)) == 3)
    assert len(alive(cloud)) == 3, server.said
    ledger, spec = server.worker.budget.ledger, server.worker.listener.spec
    for _ in range(90):
        server.run(240, pace=10.0)
        assert ledger.left(spec, cloud.wall.value).amount > -0.1
    assert count_tag(cloud).month <= 1.0
    assert len(alive(cloud)) == 0, "it is used up"


def test_without_an_app_a_wait_is_reported_here_and_the_refusal_once(cloud: Running, played: Played) -> None:
    server = serve(cloud, max_cost=Cost(day=0.001))
    queue(cloud, 2)
    server.run(60)
    assert sum("GitHub does not show why jobs wait" in words for words in server.said) == 1, server.said
    assert len(alive(cloud)) == 0


def test_many_jobs_that_wait_are_told_once_each(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more of them than were remembered, all were forgotten, and told anew: two calls a job, twice a second."""
    monkeypatch.setattr("goldrun.serve.notices.KEPT", 3)
    server = serve(cloud, token=app_token(cloud), max_cost=Cost(day=0.001))
    for _ in range(5):
        queue(cloud, 1)
    server.run(60)
    assert sum(" waits: " in words for words in server.said) == 5
    assert len(list(cloud.cloud.store.all(GitHubCheck))) == 5, "one for each run"
    for job in jobs_of(cloud):
        cloud.cloud.jobs.end(job, "cancelled")
    queue(cloud, 1)
    server.run(30)
    assert len(server.worker.intake.notices._posted) == 1, "what waits no more is forgotten"


def test_a_budget_of_all_profiles_is_shared(cloud: Running, played: Played) -> None:
    played.seconds = 1000.0
    common, limits = Common(Quota(lambda _: None)), Limits(max_cost=Cost(month=0.5))
    one = serve(cloud, common=common, limits=limits)
    two = serve(cloud, common=common, limits=limits, label="other")
    queue(cloud, 4)
    queue(cloud, 4, label="other")
    for _ in range(200):
        one.step()
        two.step()
        one.clock.sleep(1.0)
    price = min(one.price for one in cloud.cloud.store.all(Instance))
    assert 0 < len(alive(cloud)) <= 0.5 / (price * 0.5)
    assert len(alive(cloud)) < 8
    said = " ".join(one.said + two.said)
    assert "the budget of all profiles for the month, 0.5, is used up" in said


def test_a_stopped_machine_reserves_nothing(cloud: Running, played: Played) -> None:
    server = serve(cloud, min_stopped=2, max_cost=Cost(day=1.0))
    server.run(200, until=lambda: len(server.worker.roster.aside) == 2 and not len(alive(cloud)))
    server.run(60)
    assert len(machines(cloud)) == 2
    spent = server.worker.budget.ledger.read(server.worker.listener.spec)
    left = server.worker.budget.ledger.left(server.worker.listener.spec, cloud.wall.value)
    assert left.amount == pytest.approx(1.0 - spent.day)


def test_a_stopped_machine_that_is_started_counts_before_it_runs(cloud: Running, played: Played) -> None:
    """The budget holds one machine: with the stopped one it is used up. (A story found it.)"""
    played.seconds = 600.0
    first = serve(cloud, min_stopped=1)
    first.run(200, until=lambda: len(first.worker.roster.aside) == 1 and not len(alive(cloud)))
    (stopped,) = machines(cloud)
    cloud.wall.value += 100.0  # its session ends
    server = serve(cloud, owner="two", min_stopped=1, max_cost=Cost(day=0.5 * stopped.price * 1.2 * 1.6))
    queue(cloud, 3)
    most = 0
    for _ in range(200):
        server.run(1)
        most = max(most, len(machines(cloud)))
    assert most == 1, server.said
    assert len(alive(cloud)) == 1, server.said


def test_what_machines_cost_is_told_by_job_and_idle_time(cloud: Running, played: Played) -> None:
    played.seconds = 600.0
    costs, prices = Costs(), dict[str, float]()
    server = serve(cloud, observer=costs, min_idle=1)
    for _ in range(2):
        queue(cloud, 1)
        for _ in range(80):
            server.run(10)
            prices |= {one.id: one.price for one in machines(cloud)}
    ran = [prices[job.runner_name.removeprefix("ubuntu-spot-")] for job in jobs_of(cloud)]
    assert costs.jobs == pytest.approx(sum(ran) * 600 / HOUR, rel=0.05), "two jobs of ten minutes"
    assert 0 < costs.idle < max(prices.values()) * 1700 / HOUR, "one waits at a time"


def test_no_repository_has_more_jobs_at_once_than_its_limit(cloud: Running, played: Played) -> None:
    played.seconds = 200.0
    server = serve(cloud, per_repository=2, max_runners=10)
    queue(cloud, 5)
    seen = most_at_once(cloud, server, 60)
    assert seen == 2
    assert sum("has 2 jobs at once already" in words for words in server.said) == 3
    # Another server knows from the machines' tags whose jobs run.
    cloud.wall.value += 70
    second = serve(cloud, owner="two", per_repository=2, max_runners=10)
    assert most_at_once(cloud, second, 1500) == 2
    assert all_done(cloud), second.said


def test_a_waiting_repository_keeps_no_place_from_others(cloud: Running, played: Played) -> None:
    played.seconds = 100.0
    server = serve(cloud, per_workflow=1, max_runners=3)
    queue(cloud, 8)
    jobs = cloud.cloud.jobs
    run = jobs.begin_run("octo-org/octo-repo", "release.yml")
    other = jobs.add_job(run, name="release", labels=("ubuntu-spot",)).id
    server.run(60, until=lambda: started(cloud, other))
    assert started(cloud, other), server.said
    assert sum(job.status == "in_progress" for job in jobs_of(cloud)) == 2


def test_when_the_limit_of_all_is_reached_the_more_important_profile_is_served(cloud: Running, played: Played) -> None:
    played.seconds = 120.0
    common, limits = Common(Quota(lambda _: None)), Limits(max_runners=4)
    low = serve(cloud, common=common, limits=limits, label="low", min_idle=3)
    high = serve(cloud, common=common, limits=limits, label="high", priority=10)
    both(low, high, 90)
    assert len(alive(cloud)) == 3, "the pool of the less important one"
    queue(cloud, 4, label="high")
    most = 0
    for _ in range(250):
        both(low, high, 1)
        most = max(most, len(alive(cloud)))
        if sum(bool(job.started) for job in jobs_of(cloud)) == 4:
            break
    assert sum(bool(job.started) for job in jobs_of(cloud)) == 4, low.said + high.said
    assert most <= 4
    both(low, high, 600)
    assert all_done(cloud)
    assert len(alive(cloud)) == 3, "afterwards the pool is there again"


def test_the_quota_of_the_account_is_kept_and_goes_to_the_more_important_profile(
    cloud: Running, played: Played
) -> None:
    played.seconds = 120.0
    cloud.cloud.store.put(replace(cloud.cloud.store.settings(), cpu_quota=3 * 8))
    common = Common(Quota(lambda _: None))
    low = serve(cloud, common=common, label="low")
    high = serve(cloud, common=common, label="high", priority=10)
    queue(cloud, 6, label="low")
    both(low, high, 40)
    assert len(alive(cloud)) == 3
    assert not any("QuotaExceed" in words for words in low.said), "a launch that the quota refuses is not even tried"
    queue(cloud, 3, label="high")
    both(low, high, 500)
    order = sorted((job for job in jobs_of(cloud) if job.started), key=lambda job: job.started)
    assert [job.labels[0] for job in order[3:6]] == ["high"] * 3
    both(low, high, 700)
    assert all_done(cloud), low.said + high.said


def test_a_quota_that_may_not_be_read_is_said_once_and_ecs_decides(cloud: Running, played: Played) -> None:
    cloud.fault("error", "DescribeAccountAttributes", times=None, status=403, code="Forbidden.RAM")
    server = serve(cloud, life="3h")
    queue(cloud, 2)
    server.run(300, until=lambda: all_done(cloud))
    assert all_done(cloud)
    server.run(200)
    assert sum("quota cannot be read" in words for words in server.said) == 1


def test_days_and_months_are_beijings() -> None:
    noon = 1_795_424_400.0  # 2026-11-23 17:00 in Beijing
    assert noon - day_begin(noon) == 17 * HOUR
    assert noon - month_begin(noon) == 22 * 24 * HOUR + 17 * HOUR
    spent = Spent().add(2.0, noon - 20 * HOUR, noon)
    assert (spent.day, spent.month) == (34.0, 40.0)
    later = spent.at(noon + 7 * HOUR)
    assert (later.day, later.month) == (0.0, 40.0)
    assert spent.at(noon + 10 * 24 * HOUR).month == 0.0
    assert parse(spent.text()) == spent
    assert parse("2026-11-23T08:00:00Z 12.3400 310.2000 1.5000") == Spent(1_795_420_800.0, 12.34, 310.2, 1.5)
    assert parse("2026-11-23T08:00:00Z 12.3400 310.2000") == Spent(1_795_420_800.0, 12.34, 310.2), "of older servers"
    assert parse("what") == parse("") == Spent()


def most_at_once(cloud: Running, server: Served, seconds: int) -> int:
    most = 0
    for _ in range(seconds):
        server.run(1)
        most = max(most, sum(job.status == "in_progress" for job in jobs_of(cloud)))
        if all_done(cloud):
            break
    return most


def started(cloud: Running, job: str) -> bool:
    found = cloud.cloud.store.get(GitHubJob, job)
    return found is not None and found.started > 0


def both(one: Served, two: Served, seconds: int) -> None:
    for _ in range(seconds):
        one.step()
        two.step()
        one.clock.sleep(1.0)


def test_a_refused_launch_does_not_let_more_jobs_in_than_the_budget_holds(cloud: Running, played: Played) -> None:
    """Jobs that were accepted and have no machine yet were not counted: at each step as many again were accepted."""
    played.seconds = 1700.0
    server = serve(cloud, zones=ZONE, max_cost=Cost(day=0.5))
    server.run(10)
    room = server.worker.budget.room()
    assert room == 3
    cloud.fault("error", "RunInstances", times=2, code="OperationDenied.NoStock", status=403)
    queue(cloud, 10)
    server.run(20)
    statistics = server.worker.roster.statistics
    assert statistics is not None
    assert statistics.assigned <= room
    server.run(3 * HOUR, pace=2.0)
    assert not [one for one in jobs_of(cloud) if one.conclusion == "cancelled"]


def test_a_job_on_a_machine_that_has_waited_reserves_the_longest_job(cloud: Running, played: Played) -> None:
    """Its age counted, not the job's: what it still would cost was promised to others."""
    played.idle, played.seconds = 1e9, 1790.0
    server = serve(cloud, zones=ZONE, min_idle=3, life="8h", max_cost=Cost(day=1.6))
    server.run(120, until=lambda: len(alive(cloud)) == 3)
    server.run(2400, pace=10.0)
    assert len(alive(cloud)) == 3
    queue(cloud, 12)
    server.run(4 * HOUR, pace=5.0)
    assert server.worker.budget.ledger.read(server.worker.listener.spec).day <= 1.6


def test_machines_whose_price_cannot_be_read_are_reserved_and_counted(cloud: Running, played: Played) -> None:
    """They counted nothing for ten minutes after one failure."""
    played.seconds = 1700.0
    first = serve(cloud, zones=ZONE, max_cost=Cost(day=0.5))
    queue(cloud, 8)
    first.run(60)
    assert len(alive(cloud)) == 3
    cloud.wall.value += 130.0  # its session ends
    cloud.fault("error", "DescribeSpotPriceHistory", times=40, code="Throttling.User", status=400)
    second = serve(cloud, owner="two", zones=ZONE, max_cost=Cost(day=0.5))
    most = 0.0
    for _ in range(400):
        second.run(1)
        most = max(most, promised(cloud))
    assert most <= 0.5

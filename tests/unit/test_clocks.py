"""The machine's clock, which nobody can set under us; the local cloud's; the cloud's, learnt from its answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldrun.clock import StoppableClock, SystemClock
from goldrun.http.cloud_clock import CloudClock, parse_date
from goldrun.waiting import every, expecting, watch
from local_cloud import clock as local_clock
from local_cloud.clock import LocalClock
from local_cloud.server import LocalCloud
from tests.conftest import NOW
from tests.virtual_time import FakeClock, Wall


def headers(moment: float, speed: str = "") -> dict[str, str]:
    return {"date": formatdate(moment // 1, usegmt=True), **({"x-goldrun-speed": speed} if speed else {})}


@pytest.mark.parametrize("make", [SystemClock, StoppableClock])
def test_setting_the_machines_time_moves_no_deadline(
    make: Callable[[], SystemClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = make()
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: before - 86_400.0)
    assert 0 <= clock.now() - before < 3600
    assert 0 <= make().now() - before < 3600


@given(st.integers(0, 4_000_000_000))
def test_dates_are_read_as_the_mail_package_writes_them(moment: int) -> None:
    assert parse_date(formatdate(moment, usegmt=True)) == moment


@pytest.mark.parametrize("text", ["", "now", "Tue, 24 Nov 2026", "Tue, 24 Now 2026 08:00:00 GMT", "1 2 3 4 5:6 GMT"])
def test_invalid_dates_are_ignored(text: str) -> None:
    machine = FakeClock(Wall(NOW))
    clock = CloudClock(machine)
    clock.learn({"date": text}, NOW, NOW)
    assert parse_date(text) is None
    assert clock.now() == NOW


@given(
    off=st.floats(-1e7, 1e7),
    answers=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5), st.floats(0, 1)), min_size=1, max_size=20),
)
def test_the_clouds_time_is_never_before_its_last_date_nor_further_off_than_an_answer_explains(
    off: float, answers: list[tuple[float, float, float]]
) -> None:
    machine = FakeClock(Wall(NOW))
    clock = CloudClock(machine)
    shown = None
    for passed, trip, share in answers:
        machine.sleep(passed)
        sent = machine.now()
        date = (sent + trip * share + off) // 1
        machine.sleep(trip)
        clock.learn(headers(date), sent, machine.now())
        truth = machine.now() + off
        assert date <= clock.now() + 1e-3
        assert abs(clock.now() - truth) <= 1 + trip + 1e-3
        # Steady: what no answer contradicts does not move.
        moved = machine.now() - clock.now()
        if shown is not None and date <= machine.now() - shown <= date + 1:
            assert moved == pytest.approx(shown, abs=1e-3)
        shown = moved


def test_the_time_is_read_once_if_needed_before_any_answer() -> None:
    machine, asked = FakeClock(Wall(NOW)), [0]

    def ask() -> None:
        asked[0] += 1

    clock = CloudClock(machine, ask)
    assert (clock.now(), clock.now(), asked) == (NOW, NOW, [1])
    clock.learn(headers(NOW + 500), NOW, NOW)
    assert (clock.now(), asked) == (NOW + 500, [1])


def test_fast_time_shortens_waits_and_advances_between_answers() -> None:
    machine = FakeClock(Wall(NOW))
    clock = CloudClock(machine)
    clock.learn(headers(NOW, "600"), NOW, NOW)
    clock.sleep(60)
    assert machine.slept == [pytest.approx(0.1)]
    assert clock.now() == pytest.approx(NOW + 60)
    other = clock.on(machine)
    other.learn(headers(NOW + 90, "60"), machine.now(), machine.now())
    assert clock.now() == other.now() == pytest.approx(NOW + 90)


def test_a_local_clouds_time_is_its_own_at_every_speed() -> None:
    """After a while at another speed it was compared with the machine's, and a fix for the machine's was told."""
    clock = CloudClock(FakeClock(Wall(NOW)))
    clock.learn(LocalClock(Wall(NOW + 5000)).headers(), NOW, NOW)
    assert (clock.is_known(), clock.ahead(), clock.now()) == (True, None, NOW + 5000)
    clock.learn(headers(NOW + 5000), NOW, NOW)
    assert clock.ahead() == 5000


@pytest.mark.parametrize("speed", ["0", "0.5", "nan", "-1", "much", "1e9"])
def test_no_speed_of_time_lengthens_a_wait(speed: str) -> None:
    machine = FakeClock(Wall(NOW))
    clock = CloudClock(machine)
    clock.learn(headers(NOW, speed), NOW, NOW)
    clock.sleep(60)
    assert machine.slept == [60.0]


def test_the_local_clouds_time_does_not_go_back_with_the_machines() -> None:
    wall, steady = Wall(NOW), Wall(0.0)
    clock = LocalClock(wall, steady=steady)
    steady.value += 50
    wall.value -= 7200
    assert clock.now() == NOW + 50
    clock.set_speed(60.0)
    steady.value += 1
    wall.value += 86_400
    assert clock.now() == NOW + 110


def test_the_local_clouds_time_is_not_set_back_while_it_is_down(tmp_path: Path) -> None:
    data = tmp_path / "cloud.db"
    first = LocalCloud(data)
    first.clock.advance(86_400)
    reached = first.clock.now()
    first.store.put(first.store.settings())
    first.store.close()
    second = LocalCloud(data)  # its anchor was saved before the leap
    assert second.clock.now() >= reached
    second.store.close()


def test_a_wait_ends_with_a_look_that_began_after_its_end() -> None:
    """A machine that slept in the middle of the first look took what had long been there for late."""
    machine = FakeClock(Wall(NOW))
    looks = iter([None, "there"])

    def look() -> str | None:
        machine.sleep(3600.0)
        return next(looks)

    assert watch(machine, look, seconds=60.0) == "there"
    assert watch(machine, lambda: None, seconds=60.0) is None


@pytest.mark.parametrize(
    ("expected", "taken", "looks"),
    [
        (30.0, 30.5, [0.0, 10.0, 20.0, 27.5, 29.5, 31.5]),
        (300.0, 11.0, [0.0, 10.0, 20.0]),
        (0.0, 3.0, [0.0, 2.0, 4.0]),
    ],
)
def test_a_wait_whose_length_is_expected_has_few_looks_before_and_is_never_ten_seconds_late(
    expected: float, taken: float, looks: list[float]
) -> None:
    clock = FakeClock(Wall(NOW))
    seen: list[float] = []

    def look() -> bool | None:
        seen.append(clock.now() - NOW)
        return seen[-1] >= taken or None

    assert watch(clock, look, often=expecting(expected, every(2.0)), seconds=200.0)
    assert seen == looks


@pytest.mark.parametrize(("seconds", "seen"), [(9.0, [3.0, 6.0, 9.0]), (2.0, [2.0]), (0.0, [0.0])])
def test_what_has_just_begun_is_looked_at_later(seconds: float, seen: list[float]) -> None:
    clock, looked = FakeClock(Wall(NOW)), list[float]()
    assert watch(clock, lambda: looked.append(clock.now() - NOW), seconds=seconds, often=every(3.0), later=True) is None
    assert looked == seen


def test_the_local_cloud_runs_by_a_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = Wall(0.0)
    monkeypatch.setattr(local_clock, "steady_seconds", steady)
    clock = LocalClock()
    before = clock.now()
    steady.value += 50
    assert clock.now() == before + 50

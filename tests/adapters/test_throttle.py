from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from throttle import Rate, Throttle


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    throttle = Throttle(Rate(a_second=2, burst=3), clock)
    assert [throttle.wait("a") for _ in range(3)] == [0, 0, 0]
    assert throttle.wait("a") == pytest.approx(0.5)
    clock.seconds += 0.5
    assert throttle.wait("a") == 0
    assert throttle.wait("a") > 0


def test_what_was_refused_costs_nothing() -> None:
    clock = Clock()
    throttle = Throttle(Rate(a_second=1, burst=1), clock)
    throttle.wait("a")
    for _ in range(100):
        throttle.wait("a")
    clock.seconds += 1
    assert throttle.wait("a") == 0


def test_one_key_does_not_pay_for_another() -> None:
    throttle = Throttle(Rate(a_second=1, burst=1), Clock())
    assert throttle.wait("a") == throttle.wait("b") == 0
    assert throttle.wait("a") > 0


def test_an_idle_key_saves_no_more_than_a_burst() -> None:
    clock = Clock()
    throttle = Throttle(Rate(a_second=1, burst=2), clock)
    clock.seconds += 1e9
    assert [throttle.wait("a") > 0 for _ in range(3)] == [False, False, True]


def test_memory_is_bounded_and_the_least_recently_used_key_goes() -> None:
    throttle = Throttle(Rate(a_second=1e-6, burst=1), Clock(), max_keys=3)
    for key in "abcd":
        throttle.wait(key)
    assert throttle.wait("d") > 0
    assert throttle.wait("a") == 0  # forgotten, so full
    assert len(throttle._buckets) == 3


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 3)), max_size=50))
def test_never_more_than_burst_and_rate_allow(asked: list[tuple[float, float]]) -> None:
    clock = Clock()
    throttle = Throttle(Rate(a_second=1, burst=3), clock)
    begin, taken = clock.seconds, 0.0
    for pause, cost in asked:
        clock.seconds += pause
        if throttle.wait("a", cost) == 0:
            taken += cost
        assert taken <= 3 + (clock.seconds - begin) + 1e-6

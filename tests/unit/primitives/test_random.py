from __future__ import annotations

import dataclasses
import os
import threading
from typing import TYPE_CHECKING

import nacl.bindings
import pytest
from support.bad_sources import Periodic, Seeded, Symbols, frozen, stuck
from support.interpreter import run_program
from support.spies import counted
from support.talk import DEEP

from ratchetlib.errors import RandomnessError, UsageError
from ratchetlib.limits import HEALTH_SAMPLE, HEALTH_TEST_INTERVAL
from ratchetlib.primitives import dh, kem, random, signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.bad_sources import Generator

    from ratchetlib.primitives.random import RandomHealth

    Install = Callable[[Generator], None]


def fail(install: Install) -> None:
    """Latch the fresh source by one bad draw after a good one."""
    random.random_bytes(32)
    install(stuck)
    with pytest.raises(RandomnessError):
        random.random_bytes(32)


def interrupted_by_a_failure(install: Install, draw: Generator) -> Generator:
    """A source in the midst of whose draw a signal handler draws, and finds the source stuck."""

    def interrupted(length: int) -> bytes:
        install(stuck)
        with pytest.raises(RandomnessError):
            random.random_bytes(32)
        return draw(length)

    return interrupted


# --- drawing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 12, 16, 24, 32, 64, 65_536])
def test_a_draw_has_its_length_and_comes_from_libsodium(source: random._Source, install: Install, length: int) -> None:
    install(Seeded(1))
    expected = Seeded(1)
    expected(HEALTH_SAMPLE)
    assert random.random_bytes(length) == expected(length)
    assert (source.draws, source.bytes) == (1, length)


@pytest.mark.attack("A97")
@pytest.mark.parametrize("length", [0, -1, 65_537, 2**63, True, 32.0, "32", None])
def test_another_length_is_refused_before_anything_is_drawn(source: random._Source, length: int) -> None:
    with counted(nacl.bindings, "randombytes") as calls, pytest.raises(UsageError, match="a draw is 1 to 65536 bytes"):
        random.random_bytes(length)
    assert (calls, source.draws) == ([], 0)


def test_two_draws_differ() -> None:
    assert random.random_bytes(32) != random.random_bytes(32)


# --- continuous tests ---------------------------------------------------------------------------


@pytest.mark.attack("A121")
@pytest.mark.parametrize("length", [6, 32, 65_536])
def test_a_source_that_gets_stuck_is_caught_at_once(source: random._Source, install: Install, length: int) -> None:
    random.random_bytes(32)
    install(stuck)
    with pytest.raises(RandomnessError, match="6 equal bytes in a row"):
        random.random_bytes(length)
    assert source.draws == 1


@pytest.mark.attack("A119", "A121")
def test_a_source_that_begins_to_repeat_its_draws_is_caught_at_the_second(install: Install) -> None:
    random.random_bytes(32)
    install(frozen)
    random.random_bytes(32)
    with pytest.raises(RandomnessError, match="a draw repeats an earlier one"):
        random.random_bytes(32)


@pytest.mark.attack("A119")
@pytest.mark.parametrize("generate", [dh.generate, signature.generate, kem.ML_KEM_1024.generate])
def test_no_second_key_comes_from_a_source_that_repeats(install: Install, generate: Callable[[], object]) -> None:
    random.random_bytes(32)
    install(frozen)
    generate()
    with pytest.raises(RandomnessError):
        generate()


@pytest.mark.attack("A121")
@pytest.mark.parametrize("period", [64, 1024, 4096])
def test_a_source_that_becomes_periodic_is_caught_by_its_draws(install: Install, period: int) -> None:
    random.random_bytes(32)
    install(Periodic(period))
    for _ in range(period // 32):
        random.random_bytes(32)
    with pytest.raises(RandomnessError, match="a draw repeats an earlier one"):
        random.random_bytes(32)


@pytest.mark.parametrize("drawn", [b"", bytes(range(31)), bytes(range(33))])
def test_a_draw_of_another_length_than_asked_for_is_a_failure(install: Install, drawn: bytes) -> None:
    random.random_bytes(32)
    install(lambda _length: drawn)
    with pytest.raises(RandomnessError, match=f"{len(drawn)} bytes drawn instead of 32"):
        random.random_bytes(32)


def test_a_signal_handler_may_draw_while_the_code_it_interrupted_draws(
    source: random._Source, install: Install
) -> None:
    with source.lock:
        assert source.lock.acquire(blocking=False), "the draw below would wait for ever"
        source.lock.release()
    random.random_bytes(32)
    inner: list[bytes] = []

    def interrupted(length: int) -> bytes:
        install(os.urandom)
        inner.append(random.random_bytes(32))
        return os.urandom(length)

    install(interrupted)
    assert random.random_bytes(32) not in inner
    assert random.health().draws == 3


def test_both_failures_count_where_a_signal_handler_fails_in_the_midst_of_a_draw(
    source: random._Source, install: Install
) -> None:
    random.random_bytes(32)
    install(interrupted_by_a_failure(install, lambda length: os.urandom(length - 1)))
    with pytest.raises(RandomnessError):
        random.random_bytes(32)
    assert source.failures == 2
    assert source.failure is not None
    assert "in a row" in source.failure, "health() names what failed first"


def test_no_draw_is_given_out_when_a_signal_handler_has_found_a_failure_meanwhile(
    source: random._Source, install: Install
) -> None:
    random.random_bytes(32)
    install(interrupted_by_a_failure(install, os.urandom))
    with pytest.raises(RandomnessError):
        random.random_bytes(32)
    assert (source.draws, source.failures) == (1, 1)


# --- full tests ---------------------------------------------------------------------------------


@pytest.mark.attack("A121")
@pytest.mark.parametrize(
    "generator", [stuck, Periodic(2), Periodic(28), Periodic(29), Periodic(65_536), Symbols(4, 1), Symbols(5, 1)]
)
def test_a_bad_source_fails_before_its_first_draw(
    source: random._Source, install: Install, generator: Generator
) -> None:
    install(generator)
    with pytest.raises(RandomnessError):
        random.random_bytes(24)
    assert source.draws == 0


@pytest.mark.attack("A122")
def test_a_good_generator_with_a_known_seed_passes(install: Install) -> None:
    """A recorded limitation."""
    install(Seeded(7))
    random.random_bytes(32)
    assert random.run_health_test().failure is None


def test_the_full_test_comes_before_the_first_draw_and_every_65536_draws(
    source: random._Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert HEALTH_TEST_INTERVAL == 65_536
    monkeypatch.setattr(random, "HEALTH_TEST_INTERVAL", 3)
    tests = []
    for _ in range(7):
        random.random_bytes(32)
        tests.append(source.full_tests)
    assert tests == [1, 1, 1, 2, 2, 2, 3]


def test_a_test_on_demand_postpones_the_next_one(source: random._Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "HEALTH_TEST_INTERVAL", 3)
    random.random_bytes(32)
    random.run_health_test()
    for expected in (2, 2, 2, 3):
        random.random_bytes(32)
        assert source.full_tests == expected


@pytest.mark.attack("A121")
def test_a_test_on_demand_finds_what_the_draws_do_not_show(source: random._Source, install: Install) -> None:
    random.random_bytes(32)
    install(Periodic(65_536))
    random.random_bytes(32)
    with pytest.raises(RandomnessError, match="the first block repeats"):
        random.run_health_test()
    assert source.failures == 1


@pytest.mark.attack("A121")
def test_millions_of_bytes_of_the_systems_generator_raise_no_alarm(source: random._Source) -> None:
    for _ in range(1_600 if DEEP else 300):
        random.random_bytes(65_536)
    for _ in range(20_000):
        random.random_bytes(32)
    assert source.bytes > (10**8 if DEEP else 2 * 10**7)
    assert random.run_health_test().failures == 0


# --- the latch ----------------------------------------------------------------------------------


@pytest.mark.attack("A121")
def test_a_failure_is_latched_although_the_source_recovers(install: Install) -> None:
    fail(install)
    install(os.urandom)
    for call in (lambda: random.random_bytes(32), random.run_health_test):
        with pytest.raises(RandomnessError, match="6 equal bytes in a row"):
            call()


def test_nothing_is_drawn_after_a_failure(install: Install) -> None:
    fail(install)
    for call in (lambda: random.random_bytes(32), random.run_health_test):
        with counted(nacl.bindings, "randombytes") as drawn, pytest.raises(RandomnessError):
            call()
        assert drawn == []


@pytest.mark.attack("A101")
def test_the_error_has_no_context_and_says_nothing_of_the_bytes(install: Install) -> None:
    random.random_bytes(32)
    install(stuck)
    with pytest.raises(RandomnessError) as caught:
        random.random_bytes(32)
    assert caught.value.__context__ is None
    shown = [value for entry in caught.traceback for value in entry.frame.f_locals.values() if type(value) is bytes]
    assert stuck(32) not in shown


def test_another_failure_is_not_counted_once_latched(source: random._Source, install: Install) -> None:
    fail(install)
    with pytest.raises(RandomnessError):
        random.random_bytes(32)
    assert source.failures == 1


# --- readable state -----------------------------------------------------------------------------


def test_a_fresh_source_has_done_nothing(source: random._Source) -> None:
    assert random.health() == random.RandomHealth(
        draws=0, bytes=0, longest_run=0, full_tests=0, failures=0, failure=None
    )
    assert source.draws == 0
    assert source.unreported is False


@pytest.mark.usefixtures("source")
def test_the_counters_count() -> None:
    random.random_bytes(32)
    random.random_bytes(24)
    health = random.health()
    assert (health.draws, health.bytes, health.full_tests, health.failures) == (2, 56, 1, 0)
    assert 1 <= health.longest_run < 6


def test_reading_the_state_draws_nothing() -> None:
    with counted(nacl.bindings, "randombytes") as calls:
        random.health()
    assert calls == []


def test_the_state_of_a_failed_source_says_what_failed(install: Install) -> None:
    fail(install)
    health = random.health()
    assert (health.draws, health.failures, health.failure) == (1, 1, "6 equal bytes in a row")


def test_the_state_cannot_be_written() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        random.health().failures = 0  # type: ignore[misc]


@pytest.mark.usefixtures("source")
def test_threads_lose_no_draw() -> None:
    drawn: list[bytes] = []

    def work() -> None:
        for _ in range(200):
            drawn.append(random.random_bytes(32))  # noqa: PERF401  # one by one, so that threads meet

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(drawn)) == random.health().draws == 800


# --- the observer -------------------------------------------------------------------------------


def test_the_observer_is_called_once_before_the_error(install: Install) -> None:
    seen: list[RandomHealth] = []
    random.observe(seen.append)
    fail(install)
    assert [health.failure for health in seen] == ["6 equal bytes in a row"]
    with pytest.raises(RandomnessError):
        random.random_bytes(32)
    assert len(seen) == 1


def test_the_observer_hears_of_a_failed_test_on_demand(install: Install) -> None:
    seen: list[RandomHealth] = []
    random.observe(seen.append)
    install(Periodic(65_536))
    with pytest.raises(RandomnessError):
        random.run_health_test()
    assert len(seen) == 1


def test_a_removed_observer_hears_nothing(install: Install) -> None:
    seen: list[RandomHealth] = []
    random.observe(seen.append)
    random.observe(None)
    fail(install)
    assert seen == []


def test_what_the_observer_raises_replaces_the_error_and_the_latch_stays(install: Install) -> None:
    def interrupt(_health: RandomHealth) -> None:
        raise LookupError

    random.random_bytes(32)
    random.observe(interrupt)
    install(stuck)
    with pytest.raises(LookupError):
        random.random_bytes(32)
    with pytest.raises(RandomnessError):
        random.random_bytes(32)


def test_the_observer_is_not_called_under_the_lock(source: random._Source, install: Install) -> None:
    """A slow one must not keep the other threads from their error."""
    taken: list[bool] = []

    def take(_health: RandomHealth) -> None:
        other = threading.Thread(target=lambda: taken.append(source.lock.acquire(blocking=False)))
        other.start()
        other.join()

    random.observe(take)
    fail(install)
    assert taken == [True]


def test_an_observer_that_draws_gets_the_error(install: Install) -> None:
    """Such as one that sends its alarm through a session."""
    errors: list[str] = []

    def draw(_health: RandomHealth) -> None:
        with pytest.raises(RandomnessError) as caught:
            random.random_bytes(32)
        errors.append(str(caught.value))

    random.observe(draw)
    fail(install)
    assert errors == ["6 equal bytes in a row"]


def test_an_observer_that_comes_after_the_failure_hears_of_it_at_the_next_draw(install: Install) -> None:
    fail(install)
    seen: list[RandomHealth] = []
    random.observe(seen.append)
    for _ in range(2):
        with pytest.raises(RandomnessError):
            random.random_bytes(32)
    assert [health.failures for health in seen] == [1]


# --- fork ---------------------------------------------------------------------------------------


def test_the_hook_starts_anew_and_keeps_latch_and_observer(source: random._Source, install: Install) -> None:
    random.observe(observer := lambda _health: None)
    fail(install)
    random._restart_in_child()
    assert random._source is not source
    assert random._source.observer is observer
    assert random._source.lock is not source.lock, "another thread of the parent may have held it"
    assert random.health() == random.RandomHealth(
        draws=0, bytes=0, longest_run=0, full_tests=0, failures=1, failure="6 equal bytes in a row"
    )


def test_the_hook_does_not_report_again_what_the_parent_has_reported(install: Install) -> None:
    told: list[random.RandomHealth] = []
    random.observe(told.append)
    fail(install)
    assert len(told) == 1
    random._restart_in_child()
    with pytest.raises(RandomnessError):
        random.random_bytes(32)
    assert len(told) == 1


@pytest.mark.attack("A81", "A117")
def test_a_forked_child_counts_anew_and_tests_before_it_draws() -> None:
    output = run_program(
        """
import os
from ratchetlib.primitives import random
def show():
    health = random.health()
    print(health.draws, health.full_tests, health.failure, flush=True)
for _ in range(5):
    random.random_bytes(32)
if os.fork() == 0:
    show()
    random.random_bytes(32)
    show()
    os._exit(0)
os.wait()
show()
"""
    )
    # The parent's figures begin with those of the self-test at import.
    assert output.splitlines() == ["0 0 None", "1 1 None", "7 1 None"]


@pytest.mark.attack("A121")
def test_a_forked_child_keeps_the_latch() -> None:
    output = run_program(
        """
import os
import nacl.bindings
from ratchetlib.errors import RandomnessError
from ratchetlib.primitives import random
real = nacl.bindings.randombytes
nacl.bindings.randombytes = bytes
try:
    random.random_bytes(32)
except RandomnessError:
    nacl.bindings.randombytes = real
if os.fork() == 0:
    try:
        random.random_bytes(32)
    except RandomnessError as error:
        print(error, random.health().failures, flush=True)
    os._exit(0)
os.wait()
"""
    )
    assert output == "6 equal bytes in a row 1\n"


@pytest.mark.attack("A117")
def test_sixteen_forked_children_draw_different_bytes_from_every_generator() -> None:
    output = run_program(
        """
import os
from ratchetlib.primitives import dh, kem, random, signature
public = kem.ML_KEM_1024.public_key(kem.ML_KEM_1024.generate())
def show():
    secret, ciphertext = kem.ML_KEM_1024.encapsulate(public)
    drawn = [random.random_bytes(32), dh.generate().raw, signature.generate().raw, kem.ML_KEM_768.generate().raw,
             secret.raw, ciphertext[:32]]
    os.write(1, " ".join(part.hex() for part in drawn).encode() + b"\\n")
show()
for _ in range(16):
    if os.fork() == 0:
        show()
        os._exit(0)
for _ in range(16):
    os.wait()
show()
"""
    )
    drawn = output.split()
    assert len(drawn) == 18 * 6
    assert len(set(drawn)) == len(drawn)


def test_the_bad_generators_are_gone_after_these_tests() -> None:
    assert nacl.bindings.randombytes.__module__ == "nacl.bindings.randombytes"
    assert random.health().failure is None

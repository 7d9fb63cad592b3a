"""The random source: libsodium's generator, watched.

The only module that draws randomness. Every private key and nonce of the library is made from these bytes; the one
exception is ML-KEM encapsulation, whose message OpenSSL draws itself (docs/limitations.md).

libsodium reads the kernel's generator on each call, so a forked child or a resumed virtual machine draws fresh bytes.
A failed health test is latched: a source that was wrong once is not trusted again in this process.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import nacl.bindings

from ratchetlib.errors import RandomnessError, UsageError
from ratchetlib.limits import HEALTH_SAMPLE, HEALTH_TEST_INTERVAL, MAX_DRAW
from ratchetlib.primitives import health as tests
from ratchetlib.primitives import process

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomHealth:
    """What the random source has done in this process, for an adapter to export and alert on.

    Attributes:
        draws: calls that returned bytes.
        bytes: bytes returned.
        longest_run: the longest run of equal bytes in any full test that passed; 6 fails.
        full_tests: full tests passed, the one at import included.
        failures: failed tests. Never falls back to zero.
        failure: what failed first, or None.
    """

    draws: int
    bytes: int
    longest_run: int
    full_tests: int
    failures: int
    failure: str | None


class _Source:
    """The generator with its counters and its latch; one a process."""

    __slots__ = (
        "bytes",
        "draws",
        "failure",
        "failures",
        "full_tests",
        "lock",
        "longest_run",
        "memory",
        "next_test",
        "observer",
        "unreported",
    )

    def __init__(self) -> None:
        # Re-entrant: a signal handler may encrypt while the code that it interrupted draws.
        self.lock = threading.RLock()
        self.memory = tests.RepeatMemory()
        self.observer: Callable[[RandomHealth], None] | None = None
        self.failure: str | None = None
        self.failures = 0
        self.draws = 0
        self.bytes = 0
        self.longest_run = 0
        self.full_tests = 0
        self.next_test = 0
        self.unreported = False

    def draw(self, length: int) -> bytes:
        """Bytes that passed the continuous tests; `RandomnessError` otherwise."""
        with self.lock:
            if self.draws >= self.next_test:
                self._test_sample()
            if self.failure is None:
                drawn = nacl.bindings.randombytes(length)
                failure = tests.repetition_failure(drawn) or self.memory.failure(drawn)
                if len(drawn) != length:
                    failure = f"{len(drawn)} bytes drawn instead of {length}"
                if failure is not None:
                    self._latch(failure)
                elif self.failure is None:  # a signal handler's draw may have failed meanwhile
                    self.draws += 1
                    self.bytes += length
                    return drawn
                del drawn
        raise self._refusal()

    def test(self) -> None:
        """Judge a fresh sample; `RandomnessError` if it fails or something failed before."""
        with self.lock:
            self._test_sample()
        if self.failure is not None:
            raise self._refusal()

    def health(self) -> RandomHealth:
        """The counters as they are now."""
        return RandomHealth(
            draws=self.draws,
            bytes=self.bytes,
            longest_run=self.longest_run,
            full_tests=self.full_tests,
            failures=self.failures,
            failure=self.failure,
        )

    def _test_sample(self) -> None:
        if self.failure is not None:
            return
        sample = nacl.bindings.randombytes(HEALTH_SAMPLE)
        failure = tests.sample_failure(sample)
        if failure is None:
            self.longest_run = max(self.longest_run, tests.longest_run(sample))
            self.full_tests += 1
            self.next_test = self.draws + HEALTH_TEST_INTERVAL
        else:
            self._latch(failure)

    def _latch(self, failure: str) -> None:
        self.failures += 1
        self.failure = self.failure or failure
        self.unreported = True

    def _refusal(self) -> RandomnessError:
        """What to raise; tells the observer, the first time. Outside of the lock: it may look at the source."""
        with self.lock:
            observer = self.observer if self.unreported else None
            self.unreported = self.unreported and observer is None
        if observer is not None:
            observer(self.health())
        return RandomnessError(self.failure)


_source = _Source()


def _restart_in_child() -> None:
    """A forked child counts anew, and never inherits a lock that another thread held. The latch stays."""
    global _source  # the only state that a fork hook can reach
    parent, _source = _source, _Source()
    _source.observer, _source.failure, _source.failures = parent.observer, parent.failure, parent.failures


process.in_child(_restart_in_child)


def random_bytes(length: int) -> bytes:
    """`length` random bytes (1 to 65,536).

    Raises:
        UsageError: `length` is not such a number.
        RandomnessError: a health test failed now or earlier in this process.
    """
    if type(length) is not int or not 1 <= length <= MAX_DRAW:
        raise UsageError(f"a draw is 1 to {MAX_DRAW} bytes")
    return _source.draw(length)


def health() -> RandomHealth:
    """The counters and the latch, as they are now. Draws nothing."""
    return _source.health()


def run_health_test() -> RandomHealth:
    """Run the full health test now, on bytes that serve nothing else.

    Raises:
        RandomnessError: it failed, or a test failed earlier in this process.
    """
    _source.test()
    return _source.health()


def observe(callback: Callable[[RandomHealth], None] | None) -> None:
    """Have `callback` called once when a health test fails, before `RandomnessError` is raised; None removes it.

    It runs inside the failing call. What it raises replaces the error; the latch stays.
    """
    _source.observer = callback

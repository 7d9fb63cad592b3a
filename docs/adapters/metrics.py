"""Prometheus metrics: the random source's health, and session events by cohort.

All series exist from the first scrape to the last and their labels are from closed lists, so that neither a name nor
the number of series says who talks. A cohort counts only once enough devices are in it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from security_events import Event

from ratchetlib import RandomnessError
from ratchetlib.primitives import random

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_COHORTS: Final = 3
"""Beside `OTHER`; more would make small ones."""

MIN_DEVICES: Final = 20
"""Devices that a cohort needs before it is shown."""

LEAST_MIN_DEVICES: Final = 5
"""Below it a cohort is its members."""

OTHER: Final = "other"
_COHORT: Final = re.compile(r"[a-z]{1,16}", re.ASCII)


class Kind(StrEnum):
    """What is told of an event. Whatever was refused is one kind: reasons are for the log."""

    REFUSED = "refused"
    ALARM = "alarm"
    RESET = "reset"


_KINDS: Final = dict.fromkeys(Event, Kind.REFUSED) | {
    Event.RESET_MADE: Kind.RESET,
    **dict.fromkeys(
        (
            Event.IDENTITY_CHANGED,
            Event.FINGERPRINT_MISMATCH,
            Event.FORK_DETECTED,
            Event.ROLLBACK_REFUSED,
            Event.STATE_REFUSED,
            Event.STATE_MISSING,
            Event.RANDOM_SOURCE_FAILED,
            Event.RELAY_NOT_AUTHENTICATED,
            Event.REPLACED,
            Event.HELD_MESSAGE_DROPPED,
        ),
        Kind.ALARM,
    ),
}


class RandomSource(Collector):
    """The random source of this process. Each scrape runs the full health test, so an idle process is tested too."""

    def collect(self) -> Iterator[Metric]:
        """The counters of `ratchetlib.primitives.random.health()`."""
        try:
            health = random.run_health_test()
        except RandomnessError:
            health = random.health()
        healthy = int(health.failure is None)
        yield GaugeMetricFamily("ratchetlib_random_healthy", "1, or 0 once a health test has failed.", healthy)
        yield CounterMetricFamily("ratchetlib_random_failures", "Failed health tests.", health.failures)
        yield CounterMetricFamily("ratchetlib_random_full_tests", "Full health tests passed.", health.full_tests)
        yield GaugeMetricFamily(
            "ratchetlib_random_longest_run", "Longest run of equal bytes in a full test.", health.longest_run
        )
        yield CounterMetricFamily("ratchetlib_random_draws", "Calls that returned random bytes.", health.draws)
        yield CounterMetricFamily("ratchetlib_random_bytes", "Random bytes returned.", health.bytes)


class SessionEvents(Collector):
    """Security events of many devices, added up."""

    def __init__(self, cohorts: Sequence[str] = (), min_devices: int = MIN_DEVICES) -> None:
        """All zero.

        Args:
            cohorts: coarse classes of devices, such as platforms or release channels: lower-case words.
            min_devices: devices that must have been in a cohort before it is shown.

        Raises:
            ValueError: too many cohorts, or one that is no word; too few devices.
        """
        if len(cohorts) > MAX_COHORTS or OTHER in cohorts or not all(map(_COHORT.fullmatch, cohorts)):
            raise ValueError(f"at most {MAX_COHORTS} cohorts, each a word of 1 to 16 letters a-z, none {OTHER!r}")
        if min_devices < LEAST_MIN_DEVICES:
            raise ValueError(f"a cohort has at least {LEAST_MIN_DEVICES} devices")
        self._lock = threading.Lock()
        self._cohorts = {name: _Cohort(min_devices) for name in (*dict.fromkeys(cohorts), OTHER)}

    def count(self, event: Event, cohort: str, device: bytes) -> None:
        """Count an event.

        Args:
            event: what happened.
            cohort: of the device; any that was not announced is `OTHER`.
            device: where it happened, forgotten as soon as the cohort is large enough.
        """
        kind = _KINDS[event]
        with self._lock:
            found = self._cohorts.get(cohort)
            if found is None or not found.shown_with(device):
                found = self._cohorts[OTHER]
                found.shown_with(device)
            found.counts[kind] += 1

    def collect(self) -> Iterator[Metric]:
        """Every kind of every cohort; zero where too few devices are behind it."""
        family = CounterMetricFamily(
            "ratchetlib_session_events", "Security events by kind and cohort.", labels=("kind", "cohort")
        )
        with self._lock:
            for name, cohort in self._cohorts.items():
                for kind in Kind:
                    family.add_metric((kind.value, name), cohort.counts[kind] if cohort.shown else 0)
        yield family


class _Cohort:
    """Counts, and who is in it until that no longer matters."""

    def __init__(self, min_devices: int) -> None:
        self.counts = dict.fromkeys(Kind, 0)
        self.shown = False
        self._min_devices = min_devices
        self._key = secrets.token_bytes(32)
        self._devices: set[bytes] = set()

    def shown_with(self, device: bytes) -> bool:
        """Whether it is large enough, this device included. What came before stays where it was counted."""
        if not self.shown:
            self._devices.add(hashlib.blake2b(device, key=self._key, digest_size=16).digest())
            self.shown = len(self._devices) >= self._min_devices
            if self.shown:
                self._devices.clear()
        return self.shown


def registry(events: SessionEvents | None = None) -> CollectorRegistry:
    """A registry of these metrics alone: the default one tells about the process and its versions as well."""
    made = CollectorRegistry()
    made.register(RandomSource())
    if events is not None:
        made.register(events)
    return made

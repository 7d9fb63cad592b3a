"""Security events: what the library and the adapters refuse, as one structured log record each.

The names are a closed list. Whatever is wrong with a message that a peer sent is one event: a log that told a forgery
from a damaged byte would be an oracle for whoever reads it (docs/spec/errors.md). Peers are shown as pseudonyms.
"""

from __future__ import annotations

import logging
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from peer_sessions import WrongPeer
from pseudonyms import pseudonym
from records import StateMissing, StoreError
from throttle import Rate, Throttle

import ratchetlib

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.primitives.random import RandomHealth

LOG: Final = logging.getLogger("ratchetlib.security")

WRITTEN: Final = Rate(1 / 10, 20)
"""Lines of one event: anybody can cause most of them, as often as they send. What only a known peer can cause, and a
person has to see, is counted for each peer by itself, so that one does not hide another."""


class Event(StrEnum):
    """What can happen."""

    IDENTITY_CHANGED = "identity changed"
    FINGERPRINT_MISMATCH = "fingerprint mismatch"
    MESSAGE_REFUSED = "message refused"
    REPLAY_REFUSED = "replay refused"
    REPLAY_MEMORY_FULL = "replay memory full"
    BUNDLE_REFUSED = "bundle refused"
    TOO_MANY_SKIPPED = "too many skipped"
    FORK_DETECTED = "fork detected"
    RESET_MADE = "reset made"
    ROLLBACK_REFUSED = "rollback refused"
    STATE_REFUSED = "state refused"
    STATE_MISSING = "state missing"
    RANDOM_SOURCE_FAILED = "random source failed"
    LOGIN_REFUSED = "login refused"
    RELAY_NOT_AUTHENTICATED = "relay not authenticated"
    REPLACED = "replaced"
    HELD_MESSAGE_DROPPED = "held message dropped"
    STORE_UNAVAILABLE = "store unavailable"
    MISUSE = "misuse"
    UNKNOWN = "unknown"


_EVENTS: Final[dict[type[Exception], Event | None]] = {
    ratchetlib.IdentityChanged: Event.IDENTITY_CHANGED,
    ratchetlib.FingerprintMismatch: Event.FINGERPRINT_MISMATCH,
    ratchetlib.DuplicateMessage: Event.REPLAY_REFUSED,
    ratchetlib.HandshakeReplayed: Event.REPLAY_REFUSED,
    ratchetlib.ReplayMemoryFull: Event.REPLAY_MEMORY_FULL,
    ratchetlib.BundleRejected: Event.BUNDLE_REFUSED,
    ratchetlib.TooManySkipped: Event.TOO_MANY_SKIPPED,
    ratchetlib.SessionForked: Event.FORK_DETECTED,
    ratchetlib.HandshakeExpired: Event.MESSAGE_REFUSED,
    ratchetlib.PeerError: Event.MESSAGE_REFUSED,
    WrongPeer: Event.MESSAGE_REFUSED,
    ratchetlib.StateRolledBack: Event.ROLLBACK_REFUSED,
    ratchetlib.StateError: Event.STATE_REFUSED,
    StateMissing: Event.STATE_MISSING,
    ratchetlib.RandomnessError: Event.RANDOM_SOURCE_FAILED,
    ratchetlib.ForkedProcess: Event.MISUSE,
    ratchetlib.ConcurrentUse: Event.MISUSE,
    ratchetlib.UsageError: Event.MISUSE,
    ratchetlib.SessionExpired: None,  # time has passed
    ratchetlib.ChainExhausted: None,  # the peer is silent
    ratchetlib.SelfTestError: None,  # nothing that imports the library runs then, this module included
    LookupError: None,  # no bundle yet
    StoreError: None,  # another process of this device
}
"""By the nearest base class; None is no event."""

_LEVELS: Final = {
    Event.IDENTITY_CHANGED: logging.ERROR,
    Event.FORK_DETECTED: logging.ERROR,
    Event.FINGERPRINT_MISMATCH: logging.ERROR,
    Event.STATE_REFUSED: logging.ERROR,
    Event.STATE_MISSING: logging.ERROR,
    Event.REPLACED: logging.ERROR,
    Event.HELD_MESSAGE_DROPPED: logging.ERROR,
    Event.ROLLBACK_REFUSED: logging.CRITICAL,
    Event.RANDOM_SOURCE_FAILED: logging.CRITICAL,
    Event.RESET_MADE: logging.INFO,
}
"""Levels; the others are warnings."""


def event_of(error: BaseException | type[BaseException]) -> Event | None:
    """The event that an exception is; None if it is none, `UNKNOWN` if nothing is known of it."""
    kind = error if isinstance(error, type) else type(error)
    for base in kind.__mro__:
        if base in _EVENTS:
            return _EVENTS[base]
    return Event.UNKNOWN


def _names() -> dict[str, Event | None]:
    """What `Client` calls events: the names of exceptions, and two of its own."""
    kinds = [kind for base in _EVENTS for kind in (base, *base.__subclasses__())]
    kinds += [kind for kind in vars(ratchetlib).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return {event.value: event for event in Event} | {kind.__name__: event_of(kind) for kind in kinds}


_NAMES: Final = _names()


def event_named(name: str) -> Event | None:
    """The event that a client's name for it means; likewise."""
    return _NAMES.get(name, Event.UNKNOWN)


class SecurityLog:
    """Writes events; an instance is the `on_event` of a client."""

    def __init__(self, count: Callable[[Event, bytes], None] = lambda _event, _peer: None) -> None:
        """A log.

        Args:
            count: called for each event, written or not, such as `SessionEvents.count` of `metrics` with a cohort.
        """
        self._count = count
        self._written = Throttle(WRITTEN, time.monotonic)

    def __call__(self, name: str, peer: bytes) -> None:
        """An event by the name that `Client` gives it."""
        self._emit(event_named(name), peer)

    def error(self, error: BaseException, peer: bytes = b"") -> None:
        """What was caught, be it from the library or from `Client.run`."""
        self._emit(event_of(error), peer)

    def random_source(self, _health: RandomHealth) -> None:
        """For `ratchetlib.primitives.random.observe`: seen whoever catches the error."""
        self._emit(Event.RANDOM_SOURCE_FAILED, b"")

    def _emit(self, event: Event | None, peer: bytes) -> None:
        if event is None:
            return
        level = _LEVELS.get(event, logging.WARNING)
        if not self._written.wait((event, peer if level >= logging.ERROR else b"")):
            fields = {"event": event.value} | ({"device": pseudonym(peer)} if peer else {})
            LOG.log(level, event.value, extra=fields)
        self._count(event, peer)

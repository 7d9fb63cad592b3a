"""Devices that keep `PeerSessions` in memory, reopened for each call, and a network that loses and reorders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peer_notes import PeerNotes
from peer_sessions import NoSession, PeerSessions
from support.pair import reopened

from ratchetlib import IdentityKeyPair, PeerError, PrekeyRing, Session, SessionForked, TooManySkipped
from ratchetlib.limits import MAX_BUNDLE_LIFETIME, MAX_BUNDLES, MAX_CLOCK_SKEW
from ratchetlib.wire import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib import PrekeyBundle

START = 1_800_000_000
HOUR = 3600
DAY = 24 * HOUR


@dataclass
class Saved:
    """What a device keeps of its peer."""

    notes: PeerNotes = field(default_factory=PeerNotes)
    sessions: dict[bytes, Session] = field(default_factory=dict)


class Device:
    """One side. `clock` is its own; `fetch` gives a bundle of the other one, each one-time item once."""

    def __init__(self, address: bytes, peer: bytes) -> None:
        self.address = address
        self.peer = peer
        self.clock = START
        self.identity = IdentityKeyPair.generate()
        self.ring = PrekeyRing.generate(self.identity, address=address, now=START, one_time=0)
        self.saved = Saved()
        self.fetch: Callable[[], PrekeyBundle] | None = None
        self.resets: list[int] = []
        self.received: list[bytes] = []

    def bundle(self) -> PrekeyBundle:
        """What a server hands out; rotated each week, and replaced if a wrong clock has made it."""
        self.ring.retire(self.clock)
        not_after = self.ring.status.not_after
        if not_after is not None and not_after > self.clock + MAX_CLOCK_SKEW + MAX_BUNDLE_LIFETIME:
            self.ring.revoke(self.ring.bundle_ids[-1])
            self.ring.rotate(self.clock)
        elif not_after is None or (self.clock + 7 * DAY > not_after and self.ring.status.bundles < MAX_BUNDLES):
            self.ring.rotate(self.clock)
        return self.ring.next_bundle()

    def renew(self) -> None:
        """A new identity with its ring. What is known of the peer stays."""
        epoch = self.ring.status.epoch + 2
        self.identity = IdentityKeyPair.generate()
        self.ring = PrekeyRing.generate(self.identity, address=self.address, now=self.clock, one_time=0, epoch=epoch)

    def open(self) -> PeerSessions:
        saved = self.saved
        encoded = saved.notes._to_state()
        notes = PeerNotes._from_state(Reader(encoded, ValueError))  # type: ignore[arg-type]
        assert notes == saved.notes
        return PeerSessions(self.address, self.peer, notes, lambda key: reopened(saved.sessions[key]))

    def save(self, peers: PeerSessions) -> None:
        sessions = {**self.saved.sessions, **peers.touched}
        for key in peers.removed:
            sessions.pop(key, None)
        self.saved = Saved(peers.notes, sessions)

    def snapshot(self) -> Saved:
        return Saved(self.saved.notes, {key: reopened(session) for key, session in self.saved.sessions.items()})

    def begin(self, first: bytes = b"") -> bytes:
        assert self.fetch is not None
        bundle = self.fetch()
        peers = self.open()
        message = peers.begin(self.identity, bundle, now=self.clock, first=first)
        self.save(peers)
        return message

    def write(self, plaintext: bytes) -> bytes:
        """On the session to send on, or on a new one."""
        peers = self.open()
        try:
            message = peers.encrypt(plaintext, now=self.clock)
        except NoSession:
            return self.begin(plaintext)
        self.save(peers)
        return message

    def receive(self, message: bytes) -> bytes | None:
        """The plaintext; None if the message was refused, which is remembered if only a reset heals."""
        peers = self.open()
        try:
            plaintext = peers.decrypt(message, now=self.clock, prekeys=lambda: (self.identity, self.ring))
        except (TooManySkipped, SessionForked):
            peers = self.open()
            peers.report_broken()
            self.save(peers)
            return None
        except PeerError:
            return None
        self.save(peers)
        self.received.append(plaintext)
        return plaintext

    def reset(self, *, anyway: bool = False) -> bytes | None:
        """What an application does now and then: the message of a reset, if one is due and allowed."""
        peers = self.open()
        due = peers.request_reset(self.clock, anyway=anyway)
        self.save(peers)
        if not due:
            return None
        self.resets.append(self.clock)
        return self.begin()

    @property
    def sending(self) -> bytes | None:
        entry = self.open().sending
        return None if entry is None else entry.key


def two_devices() -> tuple[Device, Device]:
    alice, bob = Device(b"alice/laptop", b"bob/phone"), Device(b"bob/phone", b"alice/laptop")
    alice.fetch, bob.fetch = bob.bundle, alice.bundle
    return alice, bob

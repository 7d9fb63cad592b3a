"""What the application holds inside a block of the store: a peer, or the device itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from peer_notes import PeerNotes
from peer_sessions import DEFAULT_PADDING, PeerSessions
from records import (
    IDENTITY,
    IN,
    MAX_STRANGERS,
    OUT,
    PEERS,
    RING,
    Letter,
    Record,
    StateMissing,
    StoreError,
    StoreNote,
    TooManyPeers,
)

from ratchetlib import IdentityKeyPair, PrekeyRing, Session

if TYPE_CHECKING:
    from unit import Sealing, Unit

    from ratchetlib import IdentityKey, PaddingPolicy, PrekeyBundle, SessionHealth


def known(unit: Unit, device_shelf: bytes) -> list[bytes]:
    """The addresses of all peers."""
    note = unit.open(device_shelf, PEERS)
    return [] if note is None else [bytes.fromhex(address) for address in json.loads(note.content)]


def register(unit: Unit, device_shelf: bytes, address: bytes) -> None:
    """Add a peer to the list."""
    peers = [peer.hex() for peer in known(unit, device_shelf)]
    unit.put(device_shelf, PEERS, StoreNote(json.dumps([*peers, address.hex()]).encode()))


class Device:
    """This device, locked. Set both for a new device or a new identity; what is done to the ring is saved."""

    def __init__(self, unit: Unit, identity: IdentityKeyPair | None, ring: PrekeyRing | None) -> None:
        self._unit = unit
        self._identity = identity
        self._ring = ring

    @property
    def identity(self) -> IdentityKeyPair | None:
        """None before there is one."""
        self._unit.require_open()
        return self._identity

    @identity.setter
    def identity(self, identity: IdentityKeyPair) -> None:
        self._unit.require_open()
        self._identity = identity

    @property
    def ring(self) -> PrekeyRing | None:
        """None before there is one."""
        self._unit.require_open()
        return self._ring

    @ring.setter
    def ring(self, ring: PrekeyRing) -> None:
        self._unit.require_open()
        self._ring = ring


class Peer:
    """The conversation with one device, locked. Its methods raise what those of `PeerSessions` raise.

    Nothing of it leads to a session: whoever had one could encrypt, and send, before anything is saved.
    """

    def __init__(self, unit: Unit, sealing: Sealing, address: bytes) -> None:
        self._unit = unit
        self._address = address
        self._shelf = sealing.shelf(address)
        self._device_shelf = sealing.shelf(b"")
        self._notes_record = Record(PeerNotes, address)
        self._old_notes = unit.open(self._shelf, self._notes_record)
        self._saved: tuple[list[Letter], list[Letter]] | None = None
        self._sessions = PeerSessions(sealing.owner, address, self._old_notes or PeerNotes(), self._load)

    @property
    def identity(self) -> IdentityKey | None:
        """The pinned identity: show its fingerprint."""
        return self._sessions.identity

    @property
    def notes(self) -> PeerNotes:
        """What is remembered of the peer, its sessions' ids among it."""
        return self._sessions.notes

    def health(self, session_id: bytes) -> SessionHealth:
        """That of a session in the notes."""
        return self._sessions.session(session_id).health()

    def begin(self, bundle: PrekeyBundle, *, now: int, first: bytes = b"") -> None:
        """First contact, or a reset that was granted in an earlier block."""
        self._unit.require_open()
        message = self._sessions.begin(self._prekeys()[0], bundle, now=now, first=first)
        self._unit.post(OUT, self._address, message)

    def send(
        self, plaintext: bytes, *, now: int, associated_data: bytes = b"", padding: PaddingPolicy = DEFAULT_PADDING
    ) -> None:
        """Put a message into the outbox. `NoSession`: fetch a bundle and `begin`."""
        self._unit.require_open()
        message = self._sessions.encrypt(plaintext, now=now, associated_data=associated_data, padding=padding)
        self._unit.post(OUT, self._address, message)

    def receive(self, message: bytes, *, now: int, associated_data: bytes = b"") -> None:
        """Put a message's plaintext into the inbox. After the block, tell the transport that it has arrived."""
        self._unit.require_open()
        plaintext = self._sessions.decrypt(
            message, now=now, prekeys=self._prekeys_to_save, associated_data=associated_data
        )
        self._unit.post(IN, self._address, plaintext)

    def report_broken(self) -> None:
        """Say that only a reset heals. Not for `AuthenticationError`, which anybody can cause."""
        self._unit.require_open()
        self._sessions.report_broken()

    def request_reset(self, now: int, *, anyway: bool = False) -> bool:
        """Whether a new session may be begun. Leave the block, fetch a bundle, and begin in the next one."""
        self._unit.require_open()
        return self._sessions.request_reset(now, anyway=anyway)

    def repin(self, identity: IdentityKey) -> None:
        """Take a changed identity once a person has compared fingerprints; all sessions are deleted."""
        self._unit.require_open()
        self._sessions.repin(identity)

    def forget(self, session_ids: set[str]) -> None:
        """Delete sessions, keys and all. The pinned identity and the highest epoch stay."""
        self._unit.require_open()
        self._sessions.forget(session_ids)

    def destroy(self) -> None:
        """Delete all sessions, for a new identity of ours: with it, resets are counted anew."""
        self._unit.require_open()
        self._sessions.destroy()

    @property
    def outgoing(self) -> list[Letter]:
        """What was sent in the block, once it has been left and saved."""
        return self._letters()[OUT]

    @property
    def incoming(self) -> list[Letter]:
        """What was received in the block, once it has been left and saved."""
        return self._letters()[IN]

    @property
    def moved(self) -> bool:
        """Whether a session has moved in the block."""
        return bool(self._sessions.touched or self._sessions.removed)

    def records(self) -> list[Record[Any]]:
        """All records on the peer's shelf."""
        sessions = [self._session_record(entry.key) for entry in self._sessions.notes.entries]
        return [self._notes_record, *sessions]

    def prepare(self) -> None:
        """Say what is to be written at the end of the block."""
        for key, session in self._sessions.touched.items():
            self._unit.put(self._shelf, self._session_record(key), session)
        for key in self._sessions.removed:
            self._unit.put(self._shelf, self._session_record(key), None)
        if self._sessions.notes != (self._old_notes or PeerNotes()):
            self._unit.put(self._shelf, self._notes_record, self._sessions.notes)
            if self._old_notes is None:
                register(self._unit, self._device_shelf, self._address)

    def release(self, letters: tuple[list[Letter], list[Letter]]) -> None:
        """The block has been left, and these are saved and anchored."""
        self._saved = letters

    def _letters(self) -> tuple[list[Letter], list[Letter]]:
        if self._saved is None:
            raise StoreError("letters leave after the block, once they are saved")
        return self._saved

    def _session_record(self, key: bytes) -> Record[Session]:
        return Record(Session, self._address + key)

    def _load(self, key: bytes) -> Session:
        session = self._unit.open(self._shelf, self._session_record(key))
        if session is None:
            raise StateMissing("a session that the peer's notes list is not there")
        return session

    def _prekeys(self) -> tuple[IdentityKeyPair, PrekeyRing]:
        identity = self._unit.open(self._device_shelf, IDENTITY)
        ring = self._unit.open(self._device_shelf, RING)
        if identity is None or ring is None:
            raise StateMissing("this device has no identity and ring: make them in a device() block")
        return identity, ring

    def _prekeys_to_save(self) -> tuple[IdentityKeyPair, PrekeyRing]:
        if self._old_notes is None and len(known(self._unit, self._device_shelf)) >= MAX_STRANGERS:
            raise TooManyPeers("no more peers are taken from first messages")
        identity, ring = self._prekeys()
        self._unit.put(self._device_shelf, RING, ring)
        return identity, ring

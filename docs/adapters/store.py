"""What both stores share: one lock and one transaction for everything that a message changes.

    with store.peer(b"bob/phone") as bob:       # locked: no other thread, process or machine works with bob meanwhile
        bob.send(b"hello", now=now)             # nothing comes back: there is no ciphertext to send too early
    for letter in bob.outgoing:                 # saved and anchored, and only now readable
        transport.send(letter.peer, letter.content)
        store.done(letter)

An exception inside the block, or a crash before its end, leaves everything as it was. The block does no I/O but the
database's: call a function that holds it whole through `asyncio.to_thread`.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from peer import Device, Peer
from peer_notes import PeerNotes
from records import (
    IDENTITY,
    IN,
    INDEX,
    OUT,
    PEERS,
    PLAN,
    RING,
    Letter,
    Record,
    StateMissing,
    StoreBusy,
    StoreConflict,
    StoreError,
    StoreNote,
)
from unit import Sealing, Unit

from ratchetlib import ForkedProcess, PeerError, StateError, UnsafeNoRollbackProtection

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from records import Database

    from ratchetlib import MonotonicAnchor, StateVault

__all__ = ["LOCK_TIMEOUT", "Device", "Peer", "Store"]

LOCK_TIMEOUT: Final = 30.0
"""Seconds to wait for a lock: longer than any block needs."""

FINISHED_LETTERS: Final = 256
"""Letters done with whose deletion waits for the next transaction. A crash forgets them: a duplicate, no more."""

LETTERS_AT_ONCE: Final = 100
"""Letters read in one go."""

ALL_LETTERS: Final = 2**31 - 1
"""More than there are."""

INDEX_SHELF: Final = bytes(16)
"""Where the key of all other shelves is found."""


class Store:
    """Sessions, prekeys, inbox and outbox of one device. One object is one connection: its blocks take turns.

    Attributes:
        refused: whose letters the last `outbox()` or `inbox()` left out, because a record of theirs is missing, old or
            damaged, and the error. Nobody else's letters wait for that. The empty address: it is not known whose.
    """

    def __init__(
        self,
        database: Database,
        *,
        vault: StateVault,
        owner: bytes,
        anchor: MonotonicAnchor | UnsafeNoRollbackProtection,
    ) -> None:
        """Open it.

        Args:
            database: where the sealed blobs go.
            vault: seals them.
            owner: this device's address.
            anchor: remembers generations, outside of whatever is backed up with the database.
        """
        self._database = database
        self._sealing = Sealing(vault, owner, anchor)
        self._lock = threading.Lock()
        self._holder = 0
        self._process = os.getpid()
        self._finished: list[bytes] = []
        self._closed = False
        self.refused: dict[bytes, Exception] = {}
        try:
            self._sealing.index = self._find_index()
        except BaseException:
            database.close()
            raise

    @contextmanager
    def peer(self, address: bytes) -> Iterator[Peer]:
        """The conversation with a device: locked, given out, saved when the block is left without an exception."""
        with self._unit() as unit:
            peer = Peer(unit, self._sealing, address)
            try:
                yield peer
            except PeerError:
                if not (
                    peer.sessions.touched or peer.sessions.removed
                ):  # nothing has moved: a stranger's message must not cost the cache
                    unit.keep()
                raise
            peer.prepare()
            peer.saved = self._save(unit)

    @contextmanager
    def device(self) -> Iterator[Device]:
        """This device's identity and ring: locked, given out, saved when the block is left without an exception."""
        shelf = self._sealing.shelf(b"")
        with self._unit() as unit:
            identity, ring = unit.open(shelf, IDENTITY), unit.open(shelf, RING)
            if (identity is None) != (ring is None):
                raise StateMissing("identity or ring is missing: they are made together")
            device = Device(unit, identity, ring)
            yield device
            if (device.identity is None) != (device.ring is None):
                raise StoreError("set identity and ring together: one without the other is no device")
            if device.identity is not identity:
                unit.put(shelf, IDENTITY, device.identity)
            if device.ring is not None:
                unit.put(shelf, RING, device.ring)
            self._save(unit)

    def peers(self) -> list[bytes]:
        """The addresses of all peers."""
        with self._unit() as unit:
            note = unit.open(self._sealing.shelf(b""), PEERS)
            return [] if note is None else [bytes.fromhex(address) for address in json.loads(note.content)]

    def outbox(self, skip: Collection[bytes] = ()) -> list[Letter]:
        """The oldest ciphertexts not done with, for a start or a reconnect.

        Args:
            skip: addresses of peers whose letters cannot be delivered just now: there are at most `LETTERS_AT_ONCE`
                in the list, and theirs would hide all others.
        """
        return self._waiting(OUT, skip)

    def inbox(self, skip: Collection[bytes] = ()) -> list[Letter]:
        """The oldest plaintexts not done with, but those of some peers."""
        return self._waiting(IN, skip)

    def done(self, *letters: Letter) -> None:
        """The transport, or the application, has them: delete them, with the next transaction or soon."""
        self._finished += [letter.id for letter in letters]
        if len(self._finished) >= FINISHED_LETTERS:
            self.flush()

    def flush(self) -> None:
        """Delete what is done with now."""
        with self._unit() as unit:
            self._save(unit)

    def abandon(self, address: bytes) -> bool:
        """Give up the sessions with a peer and all that waits to be sent to it, where its records are refused.

        Upon `StateRolledBack` or `StateMissing`, once a person wants to go on: only a reset heals then, and is due. The
        pinned identity and the bundle's epoch are as old as the records.

        Returns:
            Whether a pinned identity is left. If not, whoever answers first is believed: compare fingerprints.
        """
        shelf, record = self._sealing.shelf(address), Record(PeerNotes, address)
        with self._unit() as unit:
            old = unit.salvage(shelf, record) or PeerNotes()
            unit.clear(shelf)
            unit.put(shelf, record, old.abandoned())
            waiting = self._database.letters(OUT, ALL_LETTERS)
            self._save(unit, [key for key, of, _ in waiting if of == shelf])
        return bool(old.identity)

    def reseal(self, vault: StateVault) -> int:
        """Go over to a vault with a new current key and re-seal all records; the number of blobs under an old one.

        Those are plaintexts that still wait, and records that somebody else keeps on the store's shelves.

        The old key may be destroyed once it is 0 and every other process has gone over too.
        """
        self._sealing.vault = vault
        foreign = sum(self._reseal_shelf(address) for address in [b"", *self.peers()])
        with self._unit() as unit:
            unit.put(INDEX_SHELF, INDEX, unit.open(INDEX_SHELF, INDEX))
            self._save(unit)
        with self._unit():
            waiting = self._database.letters(IN, LETTERS_AT_ONCE)
        return foreign + sum(not vault.is_current(blob) for _, _, blob in waiting)

    def close(self) -> None:
        """Delete what is done with, and close the connection."""
        if self._closed:
            return
        if os.getpid() != self._process:
            raise ForkedProcess("the store is the parent's to close")
        self._closed = True
        if self._finished:
            self.flush()
        self._sealing.cache.clear()
        self._database.close()

    @contextmanager
    def _unit(self) -> Iterator[Unit]:
        """One transaction, by one thread: whatever happens, it is over at the end."""
        if os.getpid() != self._process:
            raise ForkedProcess("open the store anew in the child")
        if self._holder == threading.get_ident() or not self._lock.acquire(timeout=LOCK_TIMEOUT):
            raise StoreBusy("the store is inside another block")
        self._holder = threading.get_ident()
        unit = Unit(self._database, self._sealing)
        try:
            yield unit
        finally:
            unit.over = True
            try:
                self._database.rollback()
            finally:
                self._holder = 0
                self._lock.release()

    def _save(self, unit: Unit, unsent: Collection[bytes] = ()) -> tuple[list[Letter], list[Letter]]:
        finished = list(self._finished)
        letters = unit.save([*finished, *unsent])
        del self._finished[: len(finished)]
        return letters

    def _find_index(self) -> bytes:
        try:
            with self._unit() as unit:
                note = unit.open(INDEX_SHELF, INDEX)
                if note is None:
                    note = StoreNote(secrets.token_bytes(32))
                    unit.put(INDEX_SHELF, INDEX, note)
                    self._save(unit)
                return note.content
        except StoreConflict:  # another process made it just now
            return self._find_index()

    def _waiting(self, box: int, skip: Collection[bytes]) -> list[Letter]:
        if self._finished:
            self.flush()
        with self._unit():
            rows = self._database.letters(box, LETTERS_AT_ONCE, [self._sealing.shelf(address) for address in skip])
        peers = {self._sealing.shelf(address): address for address in self.peers()} if rows else {}
        self.refused = {}
        anchored = not isinstance(self._sealing.anchor, UnsafeNoRollbackProtection)
        for address in {peers[shelf] for _, shelf, _ in rows if shelf in peers} if anchored else ():
            with self._refusing(address):
                self._roll_forward(address)
        letters = []
        for key, shelf, blob in rows:
            address = peers.get(shelf, b"")
            if address not in self.refused:
                with self._refusing(address):
                    letters.append(self._letter(box, key, address, blob))
        return letters

    @contextmanager
    def _refusing(self, address: bytes) -> Iterator[None]:
        """One bad record stops its peer's letters, not all."""
        try:
            yield
        except (StateError, StateMissing) as error:
            self.refused[address] = error

    def _letter(self, box: int, key: bytes, address: bytes, blob: bytes) -> Letter:
        if not address:
            raise StateMissing("a letter is to or from a peer that the device's list does not know")
        return Letter(key, address, blob if box == OUT else self._sealing.open_plaintext(key, address, blob))

    def _roll_forward(self, address: bytes) -> None:
        """A crash between write and advance has left letters behind that may not leave before the anchor knows."""
        with self._unit() as unit:
            sessions = Peer(unit, self._sealing, address).sessions
            for entry in sessions.notes.entries:
                sessions.session(entry.key)

    def _reseal_shelf(self, address: bytes) -> int:
        shelf = self._sealing.shelf(address)
        with self._unit() as unit:
            if address:
                peer = Peer(unit, self._sealing, address)
                records: list[Record[Any]] = peer.records()
            else:
                records = [IDENTITY, RING, PEERS, PLAN]
            for record in records:
                unit.put(shelf, record, unit.open(shelf, record))
            foreign = unit.foreign(shelf)
            self._save(unit)
        return foreign

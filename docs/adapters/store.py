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

import os
import secrets
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from peer import Device, Peer, known, register
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
    StoreDamaged,
    StoreError,
    StoreNote,
)
from unit import Sealing, Unit

from ratchetlib import ForkedProcess, PeerError, StateContextMismatch, StateError, StateTampered

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from records import Database

    from ratchetlib import MonotonicAnchor, StateVault, UnsafeNoRollbackProtection

__all__ = ["LOCK_TIMEOUT", "Device", "Peer", "Store"]

LOCK_TIMEOUT: Final = 30.0
"""Seconds to wait for a lock: longer than any block needs."""

FINISHED_LETTERS: Final = 256
"""Letters done with whose deletion waits for the next transaction. A crash forgets them: a duplicate, no more."""

LETTERS_AT_ONCE: Final = 100
"""Letters read in one go."""

ALL_LETTERS: Final = 2**31 - 1
"""More than there are."""

RECORDS: Final = 2
"""Neither box: what `reseal` goes over."""

INDEX_SHELF: Final = bytes(16)
"""Where the key of all other shelves is found."""


class Store:
    """Sessions, prekeys, inbox and outbox of one device. One object is one connection: its blocks take turns."""

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
        self._lock = threading.RLock()  # only who has it can release it
        self._holder = 0
        self._process = os.getpid()
        self._finished: list[bytes] = []
        self._closed = False
        self._refused: dict[int, dict[bytes, Exception]] = {OUT: {}, IN: {}, RECORDS: {}}
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
                if not peer.moved:  # a stranger's message must not cost the cache
                    unit.keep()
                raise
            peer.prepare()
            peer.release(self._save(unit))

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
            peers = known(unit, self._sealing.shelf(b""))
            unit.keep()
        return peers

    @property
    def refused(self) -> Mapping[bytes, Exception]:
        """Whose records the last `outbox`, `inbox` and `reseal` left out, and why: missing, old, or damaged.

        Nobody else's letters wait for that. The empty address: it is not known whose letters. A person decides whether
        to `abandon` them.
        """
        return {address: error for box in self._refused.values() for address, error in box.items()}

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
        """The transport, or the application, has them: delete them, with the next transaction or soon.

        Until then another worker that looks into the box gets them too; `flush` deletes them now.
        """
        self._finished += [letter.id for letter in letters]
        if len(self._finished) >= FINISHED_LETTERS:
            self._flush()

    def flush(self) -> None:
        """Delete what is done with now, also from the database's log as far as that can be."""
        self._flush()
        with self._unit():
            self._database.tidy()

    def abandon(self, address: bytes) -> bool:
        """Give up the sessions with a peer and all that waits to be sent to it, where its records are refused.

        Upon `StateRolledBack`, `StateMissing` or what else stands in `refused`, once a person wants to go on: only a
        reset heals then, and is due. The pinned identity and the bundle's epoch are as old as the records. Plaintexts
        that wait stay, but those that cannot be opened.

        Returns:
            Whether a pinned identity is left. If not, whoever answers first is believed: compare fingerprints.
        """
        shelf, device_shelf = self._sealing.shelf(address), self._sealing.shelf(b"")
        record = Record(PeerNotes, address)
        with self._unit() as unit:
            old = unit.salvage(shelf, record) or PeerNotes()
            unit.clear(shelf)
            unit.put(shelf, record, old.abandoned())
            if address not in known(unit, device_shelf):
                register(unit, device_shelf, address)
            waiting = [key for key, of, _ in self._database.letters(OUT, ALL_LETTERS) if of == shelf]
            self._save(unit, [*waiting, *self._unreadable(address)])
        for refused in self._refused.values():
            refused.pop(address, None)
        return bool(old.identity)

    def reseal(self, vault: StateVault) -> int:
        """Go over to a vault with a new current key and re-seal all records; the number of blobs under an old one.

        Those are plaintexts that still wait, records that somebody else keeps on the store's shelves, and what is
        refused and stands in `refused`. The old key may be destroyed once it is 0 and every other process has gone
        over too.
        """
        self._sealing.vault = vault
        refused: dict[bytes, Exception] = {}
        old = self._reseal_shelf(b"")
        for address in self.peers():
            with _refusing(address, refused):
                old += self._reseal_shelf(address)
            if address in refused:
                with self._unit() as unit:
                    old += unit.foreign(self._sealing.shelf(address))
        self._refused[RECORDS] = refused
        with self._unit() as unit:
            unit.put(INDEX_SHELF, INDEX, unit.open(INDEX_SHELF, INDEX))
            self._save(unit)
        with self._unit():
            waiting = self._database.letters(IN, LETTERS_AT_ONCE)
        return old + sum(not self._sealing.is_current(blob) for _, _, blob in waiting)

    def close(self) -> None:
        """Delete what is done with, and close the connection; also if the deletion fails."""
        if self._closed:
            return
        if os.getpid() != self._process:
            raise ForkedProcess("the store is the parent's to close")
        try:
            if self._finished:
                self._flush()
        finally:
            self._closed = True
            self._sealing.cache.clear()
            self._database.close()

    @contextmanager
    def _unit(self) -> Iterator[Unit]:
        """One transaction, by one thread: whatever happens, it is over at the end."""
        if os.getpid() != self._process:
            raise ForkedProcess("the store is the parent's: fork first, then open")
        if self._closed:
            raise StoreError("the store is closed")
        thread = threading.get_ident()
        if self._holder == thread:
            raise StoreBusy("the store is inside another block")
        unit = Unit(self._database, self._sealing)
        try:  # before the lock: an interrupt anywhere must not leave it behind
            if not self._lock.acquire(timeout=LOCK_TIMEOUT):
                raise StoreBusy("the store is inside another block")
            self._holder = thread
            yield unit
        finally:
            unit.over = True
            self._leave(thread)

    def _leave(self, thread: int) -> None:
        try:
            if self._holder == thread:
                self._database.rollback()
        finally:
            if self._holder == thread:
                self._holder = 0
            with suppress(RuntimeError):  # it never was ours
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

    def _flush(self) -> None:
        with self._unit() as unit:
            self._save(unit)

    def _waiting(self, box: int, skip: Collection[bytes]) -> list[Letter]:
        """Whoever is refused or busy is skipped until there are letters, or no rows any more."""
        if self._finished:
            self._flush()
        refused: dict[bytes, Exception] = {}
        versions: dict[bytes, dict[bytes, int]] = {}
        skipped = {self._sealing.shelf(address) for address in skip}
        letters: list[Letter] = []
        while not letters:
            with self._unit():
                rows = self._database.letters(box, LETTERS_AT_ONCE, skipped)
            if not rows:
                break
            peers = {self._sealing.shelf(address): address for address in self.peers()}
            for shelf in {shelf for _, shelf, _ in rows}:
                self._look_at(peers.get(shelf, b""), refused, versions)
            letters = self._readable(box, rows, peers, refused, versions)
            skipped |= {shelf for _, shelf, _ in rows}
        self._refused[box] = refused
        return letters

    def _look_at(
        self, address: bytes, refused: dict[bytes, Exception], versions: dict[bytes, dict[bytes, int]]
    ) -> None:
        """Learn the generations of a peer's records, unless they are refused or somebody works with them just now."""
        with _refusing(address, refused):
            if not address:
                raise StateMissing("a letter is to or from a peer that the device's list does not know")
            with suppress(StoreBusy):
                versions[address] = self._roll_forward(address) if self._sealing.has_anchor else {}

    def _readable(
        self,
        box: int,
        rows: list[tuple[bytes, bytes, bytes]],
        peers: Mapping[bytes, bytes],
        refused: dict[bytes, Exception],
        versions: Mapping[bytes, Mapping[bytes, int]],
    ) -> list[Letter]:
        letters = []
        for key, shelf, blob in rows:
            address = peers.get(shelf, b"")
            if address in versions and address not in refused:
                with _refusing(address, refused):
                    letters.append(Letter(key, address, self._content(box, key, address, blob, versions[address])))
        return letters

    def _content(self, box: int, key: bytes, address: bytes, blob: bytes, versions: Mapping[bytes, int]) -> bytes:
        if box == OUT:
            return self._sealing.unbind_ciphertext(key, address, blob, versions)
        return self._sealing.open_plaintext(key, address, blob)

    def _unreadable(self, address: bytes) -> list[bytes]:
        """Plaintexts of a peer that are not what was written."""
        shelf, found = self._sealing.shelf(address), []
        for key, of, blob in self._database.letters(IN, ALL_LETTERS):
            if of == shelf:
                try:
                    self._sealing.open_plaintext(key, address, blob)
                except (StateTampered, StateContextMismatch):
                    found.append(key)
        return found

    def _roll_forward(self, address: bytes) -> dict[bytes, int]:
        """A crash between write and advance has left letters behind that may not leave before the anchor knows."""
        shelf = self._sealing.shelf(address)
        with self._unit() as unit:
            unit.lock(shelf, wait=False)
            for record in Peer(unit, self._sealing, address).records():
                if unit.open(shelf, record) is None:
                    raise StateMissing("a session that the peer's notes list is not there")
            unit.keep()
            return unit.versions()

    def _reseal_shelf(self, address: bytes) -> int:
        shelf = self._sealing.shelf(address)
        with self._unit() as unit:
            if address:
                records: list[Record[Any]] = Peer(unit, self._sealing, address).records()
            else:
                records = [IDENTITY, RING, PEERS, PLAN]
            for record in records:
                unit.put(shelf, record, unit.open(shelf, record))
            foreign = unit.foreign(shelf)
            self._save(unit)
        return foreign


@contextmanager
def _refusing(address: bytes, refused: dict[bytes, Exception]) -> Iterator[None]:
    """One bad record stops its peer's letters, not all."""
    try:
        yield
    except (StateError, StateMissing, StoreDamaged) as error:
        refused[address] = error

"""How records are sealed and named, and one transaction over them."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from records import IN, INDEX, OUT, Letter, Post, Record, StateMissing, StoreError, WaitingPlaintext, Write

from ratchetlib import StateRolledBack, UnsafeNoRollbackProtection
from ratchetlib.state import Context

if TYPE_CHECKING:
    from records import Database

    from ratchetlib import MonotonicAnchor, StateVault
    from ratchetlib.state import Sealable

CACHED_RECORDS: Final = 256
"""Opened records kept in memory, so that a message need not open them. They hold keys, as any open session does."""

_Kind = TypeVar("_Kind", bound="Sealable")


class Opened(NamedTuple):
    """An opened record, and the very blob that it was opened from or sealed to.

    Attributes:
        generation: of that blob.
        blob: sealed.
        value: what is in it.
    """

    generation: int
    blob: bytes
    value: Any


class Sealing:
    """The vault and the anchor, for one owner. No name goes into the database: only hashes under a random key.

    Attributes:
        vault: may be replaced by one with a new storage key.
        index: the key of the hashes; the store keeps it sealed.
        cache: opened records by name, the last used last.
    """

    def __init__(self, vault: StateVault, owner: bytes, anchor: MonotonicAnchor | UnsafeNoRollbackProtection) -> None:
        self.vault = vault
        self.owner = owner
        self.anchor = anchor
        self.index = b""
        self.cache: OrderedDict[bytes, Opened] = OrderedDict()

    def shelf(self, address: bytes) -> bytes:
        """Where a peer's records are; the device's own under the empty address."""
        return blake2b(b"shelf" + address, key=self.index, digest_size=16).digest()

    def name(self, record: Record[Any]) -> bytes:
        """The record's name. The index itself is found before its key is known."""
        key = b"" if record == INDEX else self.index
        return blake2b(bytes([record.kind.STATE_KIND]) + record.peer, key=key, digest_size=16).digest()

    def open(self, record: Record[_Kind], blob: bytes | None) -> Opened | None:
        """What is in a blob; None if there has never been one."""
        if blob is None:
            if self.anchored(record):
                raise StateMissing("the anchor knows a record that the database does not hold")
            return None
        kept = self.cache.pop(self.name(record), None)  # it may be moved now: whoever saves it puts it back
        if kept is not None and kept.blob == blob:
            return kept
        value = self.vault.open(blob, kind=record.kind, owner=self.owner, peer=record.peer, anchor=self.anchor)
        return Opened(self.vault.generation(blob), blob, value)

    def seal(self, record: Record[Any], value: Sealable, generation: int) -> bytes:
        """The next blob of a record."""
        return self.vault.seal(value, owner=self.owner, peer=record.peer, generation=generation)

    def advance(self, record: Record[Any], blob: bytes) -> None:
        """Move the anchor to a blob that was written."""
        if not isinstance(self.anchor, UnsafeNoRollbackProtection):
            self.vault.advance(blob, kind=record.kind, owner=self.owner, peer=record.peer, anchor=self.anchor)

    def seal_plaintext(self, letter: Letter) -> bytes:
        """A plaintext's blob, bound to its letter. It is written once, and so always of generation 1."""
        name = _letter_name(letter.id, letter.peer)
        return self.vault.seal(WaitingPlaintext(letter.content), owner=self.owner, peer=name, generation=1)

    def open_plaintext(self, key: bytes, peer: bytes, blob: bytes) -> bytes:
        """What `seal_plaintext` sealed."""
        name = _letter_name(key, peer)
        opened = self.vault.open(blob, kind=WaitingPlaintext, owner=self.owner, peer=name, minimum_generation=1)
        return opened.content

    def keep(self, name: bytes, opened: Opened) -> None:
        """Remember an opened record."""
        self.cache[name] = opened
        while len(self.cache) > CACHED_RECORDS:
            self.cache.popitem(last=False)

    def open_old(self, record: Record[_Kind], blob: bytes) -> _Kind:
        """What is in a blob of any generation."""
        return self.vault.open(blob, kind=record.kind, owner=self.owner, peer=record.peer, minimum_generation=1)

    def anchored(self, record: Record[Any]) -> int:
        """The generation that the anchor knows; 0 if it knows none."""
        if isinstance(self.anchor, UnsafeNoRollbackProtection):
            return 0
        entry = self.anchor.read(Context(record.kind.STATE_KIND, self.owner, record.peer).record_name)
        return 0 if entry is None else entry.generation


def _letter_name(key: bytes, peer: bytes) -> bytes:
    return b"letter" + key + peer


class Unit:
    """One transaction: what was opened in it, and what is to be written at its end.

    Attributes:
        over: whether its block has been left: nothing is read or kept after that.
    """

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self._database = database
        self._sealing = sealing
        self._blobs: dict[bytes, dict[bytes, bytes]] = {}
        self._opened: dict[bytes, tuple[Record[Any], Opened]] = {}
        self._puts: dict[bytes, tuple[bytes, Record[Any], Any]] = {}
        self._letters: list[tuple[int, Letter]] = []
        self._floors: dict[bytes, int] = {}
        self.over = False

    def require_open(self) -> None:
        """Before anything moves: what is done after the block would be lost, and its message key with it."""
        if self.over:
            raise StoreError("the block has been left: open another one")

    def open(self, shelf: bytes, record: Record[_Kind]) -> _Kind | None:
        """The record, its shelf being locked from now on; None if there has never been one."""
        self.require_open()
        if shelf not in self._blobs:
            self._blobs[shelf] = self._database.load(shelf)
        name = self._sealing.name(record)
        if name not in self._opened:
            opened = self._sealing.open(record, self._blobs[shelf].get(name))
            if opened is None:
                return None
            self._opened[name] = (record, opened)
        value: _Kind = self._opened[name][1].value
        return value

    def put(self, shelf: bytes, record: Record[_Kind], value: _Kind | None) -> None:
        """Write a record of a shelf that is locked; None deletes it."""
        self.require_open()
        self._puts[self._sealing.name(record)] = (shelf, record, value)

    def salvage(self, shelf: bytes, record: Record[_Kind]) -> _Kind | None:
        """A record, however old: what is put in its place is newer than all that the anchor knows."""
        try:
            return self.open(shelf, record)
        except (StateRolledBack, StateMissing):
            name = self._sealing.name(record)
            self._floors[name] = self._sealing.anchored(record)
            blob = self._blobs[shelf].get(name)
            return None if blob is None else self._sealing.open_old(record, blob)

    def clear(self, shelf: bytes) -> None:
        """Delete all records of a shelf that is locked, whatever they are, before others are put."""
        for name in self._blobs[shelf]:
            self._puts[name] = (shelf, INDEX, None)

    def keep(self) -> None:
        """Nothing that was opened has been moved: keep it opened, although the block fails."""
        for name, (_, opened) in self._opened.items():
            self._sealing.keep(name, opened)

    def foreign(self, shelf: bytes) -> int:
        """How many blobs of the shelf are under an old storage key and not about to be written."""
        blobs = self._blobs[shelf]
        return sum(name not in self._puts and not self._sealing.vault.is_current(blobs[name]) for name in blobs)

    def post(self, box: int, peer: bytes, content: bytes) -> None:
        """Keep a letter."""
        self.require_open()
        self._letters.append((box, Letter(secrets.token_bytes(16), peer, content)))

    def save(self, finished: list[bytes]) -> tuple[list[Letter], list[Letter]]:
        """Seal, write durably, advance the anchor; only then may the letters leave, outgoing and incoming."""
        writes = {name: self._write(name, *put) for name, put in self._puts.items()}
        posts = [self._post(box, letter) for box, letter in self._letters]
        self._database.commit([write for write in writes.values() if write is not None], posts, finished)
        for name, (_, record, value) in self._puts.items():
            self._opened.pop(name, None)
            write = writes[name]
            if write is not None and write.blob is not None:
                self._advance(record, write, write.blob)
                self._opened[name] = (record, Opened(write.generation, write.blob, value))
        self.keep()
        return [letter for box, letter in self._letters if box == OUT], [
            letter for box, letter in self._letters if box == IN
        ]

    def _advance(self, record: Record[Any], write: Write, blob: bytes) -> None:
        """The lock went at the commit: somebody may have written the record again, and anchored that, before us."""
        try:
            self._sealing.advance(record, blob)
        except StateRolledBack:
            newest = self._database.load(write.shelf).get(write.name)
            if newest is not None:
                if self._sealing.vault.generation(newest) <= write.generation:
                    raise
                self._sealing.advance(record, newest)
            self._database.rollback()

    def _post(self, box: int, letter: Letter) -> Post:
        blob = letter.content if box == OUT else self._sealing.seal_plaintext(letter)
        return Post(letter.id, box, self._sealing.shelf(letter.peer), blob)

    def _write(self, name: bytes, shelf: bytes, record: Record[Any], value: Sealable | None) -> Write | None:
        old = self._blobs[shelf].get(name)
        if value is None and old is None:
            return None
        if old is None:
            expected = 0
        elif name in self._opened:
            expected = self._opened[name][1].generation
        else:
            expected = self._sealing.vault.generation(old)
        generation = max(expected, self._floors.get(name, 0)) + 1
        blob = None if value is None else self._sealing.seal(record, value, generation)
        return Write(shelf, name, expected, blob, generation)

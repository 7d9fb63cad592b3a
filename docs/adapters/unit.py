"""How records are sealed and named, and one transaction over them."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from records import IN, INDEX, OUT, Letter, Post, Record, StateMissing, StoreError, WaitingPlaintext, Write

from ratchetlib import (
    StateContextMismatch,
    StateError,
    StateKeyUnknown,
    StateRolledBack,
    StateTampered,
    UnsafeNoRollbackProtection,
)
from ratchetlib.state import Context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from records import Database, Row

    from ratchetlib import MonotonicAnchor, StateVault
    from ratchetlib.state import Sealable

CACHED_RECORDS: Final = 256
"""Opened records kept in memory, so that a message need not open them. They hold keys, as any open session does."""

_TAG: Final = 16
"""Bytes that bind a ciphertext to its letter and peer."""

_VERSION: Final = 16 + 8
"""Bytes of a record's name and generation."""

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

    @property
    def has_anchor(self) -> bool:
        """Whether generations are remembered anywhere."""
        return not isinstance(self.anchor, UnsafeNoRollbackProtection)

    def shelf(self, address: bytes) -> bytes:
        """Where a peer's records are; the device's own under the empty address."""
        return blake2b(b"shelf" + address, key=self.index, digest_size=16).digest()

    def name(self, record: Record[Any]) -> bytes:
        """The record's name. The index itself is found before its key is known."""
        key = b"" if record == INDEX else self.index
        return blake2b(bytes([record.kind.STATE_KIND]) + record.peer, key=key, digest_size=16).digest()

    def open(self, record: Record[_Kind], row: Row | None) -> Opened | None:
        """What is in a record; None if there has never been one."""
        if row is None:
            if self.anchored(record):
                raise StateMissing("the anchor knows a record that the database does not hold")
            return None
        kept = self.cache.pop(self.name(record), None)  # it may be moved now: whoever saves it puts it back
        blob = row.blob
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

    def bind_ciphertext(self, letter: Letter, versions: Mapping[bytes, int]) -> bytes:
        """A ciphertext's blob: it stays what the network will see, but is of one letter, peer and state.

        Args:
            letter: on its way out.
            versions: the generations of the records that are written with it.
        """
        named = b"".join(name + generation.to_bytes(8, "big") for name, generation in versions.items())
        body = bytes([len(versions)]) + named + letter.content
        return self._tag(letter.id, letter.peer, body) + body

    def unbind_ciphertext(self, key: bytes, peer: bytes, blob: bytes, versions: Mapping[bytes, int]) -> bytes:
        """What `bind_ciphertext` has bound.

        Raises:
            StateTampered: not by this store, or to another peer.
            StateRolledBack: a record is older now than when the ciphertext was written, which the anchor cannot see
                where it has not advanced.
        """
        tag, body = blob[:_TAG], blob[_TAG:]
        if not body or not hmac.compare_digest(tag, self._tag(key, peer, body)):
            raise StateTampered("a waiting ciphertext is not what was written")
        end = 1 + body[0] * _VERSION
        for at in range(1, end, _VERSION):
            name, generation = body[at : at + 16], int.from_bytes(body[at + 16 : at + _VERSION], "big")
            if generation > versions.get(name, generation):
                raise StateRolledBack("a waiting ciphertext is newer than the state that has made it")
        return body[end:]

    def is_current(self, blob: bytes) -> bool:
        """Whether a blob is under the current storage key; what is no blob is not."""
        try:
            return self.vault.is_current(blob)
        except StateError:
            return False

    def keep(self, name: bytes, opened: Opened) -> None:
        """Remember an opened record."""
        self.cache[name] = opened
        while len(self.cache) > CACHED_RECORDS:
            self.cache.popitem(last=False)

    def open_old(self, record: Record[_Kind], blob: bytes) -> _Kind | None:
        """What is in a blob of any generation; None if it is no blob of that record."""
        try:
            return self.vault.open(blob, kind=record.kind, owner=self.owner, peer=record.peer, minimum_generation=1)
        except (StateTampered, StateContextMismatch, StateKeyUnknown):
            return None

    def anchored(self, record: Record[Any]) -> int:
        """The generation that the anchor knows; 0 if it knows none."""
        if isinstance(self.anchor, UnsafeNoRollbackProtection):
            return 0
        entry = self.anchor.read(Context(record.kind.STATE_KIND, self.owner, record.peer).record_name)
        return 0 if entry is None else entry.generation

    def _tag(self, key: bytes, peer: bytes, body: bytes) -> bytes:
        content = key + self.shelf(peer) + body
        return blake2b(content, key=self.index, digest_size=_TAG, person=b"ciphertext").digest()


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
        self._rows: dict[bytes, dict[bytes, Row]] = {}
        self._opened: dict[bytes, tuple[Record[Any], Opened]] = {}
        self._puts: dict[bytes, tuple[bytes, Record[Any], Any]] = {}
        self._letters: list[tuple[int, Letter]] = []
        self._anchored: dict[bytes, int] = {}
        self.over = False

    def require_open(self) -> None:
        """Before anything moves: what is done after the block would be lost, and its message key with it."""
        if self.over:
            raise StoreError("the block has been left: open another one")

    def open(self, shelf: bytes, record: Record[_Kind]) -> _Kind | None:
        """The record, its shelf being locked from now on; None if there has never been one."""
        self.require_open()
        rows = self.lock(shelf)
        name = self._sealing.name(record)
        if name not in self._opened:
            opened = self._sealing.open(record, rows.get(name))
            if opened is None:
                return None
            self._opened[name] = (record, opened)
        value: _Kind = self._opened[name][1].value
        return value

    def lock(self, shelf: bytes, *, wait: bool = True) -> dict[bytes, Row]:
        """Lock a shelf, if it is not locked; its records."""
        if shelf not in self._rows:
            self._rows[shelf] = self._database.load(shelf, wait=wait)
        return self._rows[shelf]

    def put(self, shelf: bytes, record: Record[_Kind], value: _Kind | None) -> None:
        """Write a record of a shelf that is locked; None deletes it."""
        self.require_open()
        self._puts[self._sealing.name(record)] = (shelf, record, value)

    def salvage(self, shelf: bytes, record: Record[_Kind]) -> _Kind | None:
        """A record, however old, or None. What is put in its place follows on what the anchor knows."""
        try:
            return self.open(shelf, record)
        except (StateRolledBack, StateTampered, StateContextMismatch, StateKeyUnknown, StateMissing):
            name = self._sealing.name(record)
            if self._sealing.has_anchor:
                self._anchored[name] = self._sealing.anchored(record)
            row = self._rows[shelf].get(name)
            return None if row is None else self._sealing.open_old(record, row.blob)

    def clear(self, shelf: bytes) -> None:
        """Delete all records of a shelf that is locked, whatever they are, before others are put."""
        for name in self._rows[shelf]:
            self._puts[name] = (shelf, INDEX, None)

    def keep(self) -> None:
        """Nothing that was opened has been moved: keep it opened, although nothing is saved."""
        for name, (_, opened) in self._opened.items():
            self._sealing.keep(name, opened)

    def foreign(self, shelf: bytes) -> int:
        """How many blobs of the shelf are under an old storage key and not about to be written."""
        rows = self.lock(shelf)
        return sum(name not in self._puts and not self._sealing.is_current(rows[name].blob) for name in rows)

    def versions(self) -> dict[bytes, int]:
        """The generations of what was opened."""
        return {name: opened.generation for name, (_, opened) in self._opened.items()}

    def post(self, box: int, peer: bytes, content: bytes) -> None:
        """Keep a letter."""
        self.require_open()
        self._letters.append((box, Letter(secrets.token_bytes(16), peer, content)))

    def save(self, finished: list[bytes]) -> tuple[list[Letter], list[Letter]]:
        """Seal, write durably, advance the anchor; only then may the letters leave, outgoing and incoming."""
        writes = {name: self._write(name, *put) for name, put in self._puts.items()}
        posts = [self._post(box, letter, writes) for box, letter in self._letters]
        self._database.commit([write for write in writes.values() if write is not None], posts, finished)
        for name, (_, record, value) in self._puts.items():
            self._opened.pop(name, None)
            self._sealing.cache.pop(name, None)
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
                if self._sealing.vault.generation(newest.blob) <= write.generation:
                    raise
                self._sealing.advance(record, newest.blob)
            self._database.rollback()

    def _post(self, box: int, letter: Letter, writes: Mapping[bytes, Write | None]) -> Post:
        shelf = self._sealing.shelf(letter.peer)
        if box == OUT:
            written = [write for write in writes.values() if write is not None and write.shelf == shelf]
            versions = {write.name: write.generation for write in written if write.blob is not None}
            return Post(letter.id, box, shelf, self._sealing.bind_ciphertext(letter, versions))
        return Post(letter.id, box, shelf, self._sealing.seal_plaintext(letter))

    def _write(self, name: bytes, shelf: bytes, record: Record[Any], value: Sealable | None) -> Write | None:
        old = self._rows[shelf].get(name)
        if value is None and old is None:
            return None
        expected = 0 if old is None else old.generation
        opened = self._opened.get(name)
        generation = 1 + self._anchored.get(name, expected if opened is None else opened[1].generation)
        blob = None if value is None else self._sealing.seal(record, value, generation)
        return Write(shelf, name, expected, blob, generation)

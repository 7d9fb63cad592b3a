"""What a store is made of: sealed records and letters, and what it asks of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Generic, NamedTuple, Protocol, Self, TypeVar

from ratchetlib import IdentityKeyPair, PrekeyRing

if TYPE_CHECKING:
    from collections.abc import Collection

    from ratchetlib.state import Sealable
    from ratchetlib.wire import Reader

OUT: Final = 0
"""The box of ciphertexts that the transport has not taken yet."""

MAX_STRANGERS: Final = 2_000
"""Peers beyond which no first message of an unknown sender is taken: the list of peers is one record, and anybody can
invent senders. One's own first contacts count, and are never refused."""

IN: Final = 1
"""The box of plaintexts that the application has not taken yet."""

_Kind = TypeVar("_Kind", bound="Sealable")


class StoreError(Exception):
    """The store refused; nothing has changed."""


class StoreUnavailable(StoreError):
    """The database or the anchor cannot be reached or written to just now: try later.

    Whether a commit that was under way took effect is not known: if so, its letters are in the outbox and the inbox.
    """


class StoreDamaged(StoreError):
    """The database or the anchor is no longer what was written: a person must look, and nothing is retried."""


class TooManyPeers(StoreError):
    """A first message of yet another stranger, refused: see `MAX_STRANGERS`."""


class StoreConflict(StoreError):
    """Somebody else has written a record since it was read: run the block again."""


class StoreBusy(StoreError):
    """The lock was not free in time, or the block was opened inside another one of the same store."""


class StateMissing(StoreError):
    """A record that must be there is not: deleted, or an old database. Never a reason to start afresh."""


class Note:
    """Bytes of the application's own, sealed like the library's records, as a kind that the library does not use.

    Attributes:
        content: the bytes.
    """

    STATE_KIND: ClassVar[int] = 128
    STATE_HAS_PEER: ClassVar[bool] = True

    def __init__(self, content: bytes) -> None:
        self.content = content

    def _to_state(self) -> bytes:
        return self.content

    @classmethod
    def _from_state(cls, reader: Reader) -> Self:
        return cls(reader.rest())


class StoreNote(Note):
    """A note of the store's own: no name that an application gives its notes can meet one."""

    STATE_KIND: ClassVar[int] = 130


class WaitingPlaintext(Note):
    """A letter in the inbox."""

    STATE_KIND: ClassVar[int] = 131


class Record(NamedTuple, Generic[_Kind]):
    """Which record it is.

    Attributes:
        kind: of what.
        peer: with whom, or which note.
    """

    kind: type[_Kind]
    peer: bytes = b""


INDEX: Final = Record(StoreNote, b"index")
PEERS: Final = Record(StoreNote, b"peers")
PLAN: Final = Record(StoreNote, b"plan")  # see plan.py
IDENTITY: Final = Record(IdentityKeyPair)
RING: Final = Record(PrekeyRing)


class Letter(NamedTuple):
    """A ciphertext on its way out, or a plaintext on its way to the application.

    Attributes:
        id: 16 random bytes; an application that must show a plaintext once remembers the last ones.
        peer: to whom, or from whom.
        content: the ciphertext, or the plaintext.
    """

    id: bytes
    peer: bytes
    content: bytes

    def __repr__(self) -> str:
        return f"<Letter {self.id.hex()}>"


class Row(NamedTuple):
    """A record as it stands in the database.

    Attributes:
        generation: that the next write must find there; of the blob, if nobody has interfered.
        blob: sealed.
    """

    generation: int
    blob: bytes


class Write(NamedTuple):
    """A record to be written: inserted if 0 is expected, deleted if there is no blob, else replaced.

    Attributes:
        shelf: the records that are locked together, a keyed hash.
        name: the record's, a keyed hash.
        expected: the generation that must be there.
        blob: sealed.
        generation: of the blob: the next one, but for a record that starts again after what an anchor knows.
    """

    shelf: bytes
    name: bytes
    expected: int
    blob: bytes | None
    generation: int


class Post(NamedTuple):
    """A letter to be kept.

    Attributes:
        id: the letter's.
        box: OUT or IN.
        shelf: the peer's.
        blob: a ciphertext as the network will see it, behind what binds it to the letter; or a sealed plaintext.
    """

    id: bytes
    box: int
    shelf: bytes
    blob: bytes


class Database(Protocol):
    """What a database must do. It sees keyed hashes, generations and sealed blobs."""

    def load(self, shelf: bytes, *, wait: bool = True) -> dict[bytes, Row]:
        """Begin a transaction if none is open, lock the shelf until its end, and return its records by name.

        `StoreBusy` if it is locked by somebody else for too long; at once if there is to be no wait and can be none.
        """
        ...

    def commit(self, writes: list[Write], posts: list[Post], finished: list[bytes]) -> None:
        """All or nothing, durable when it returns; `StoreConflict` if a generation is not the expected one."""
        ...

    def rollback(self) -> None:
        """End the transaction if one is open; never raise."""
        ...

    def letters(self, box: int, limit: int, skip: Collection[bytes] = ()) -> list[tuple[bytes, bytes, bytes]]:
        """Id, shelf and blob of the oldest letters of a box but those on some shelves; locks nothing."""
        ...

    def tidy(self) -> None:
        """Leave nothing behind of what was deleted, as far as that can be done now."""
        ...

    def close(self) -> None:
        """Leave as little behind as can be, and close the connection."""
        ...

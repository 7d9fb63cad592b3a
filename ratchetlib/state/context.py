"""Which record a blob is: its kind, its owner and its peer, and the keys that follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ratchetlib.keys import RecordKey
from ratchetlib.labels import HASH_RECORD, PERSON_STATE_KEY
from ratchetlib.primitives.kdf import keyed_blake2b, sha512
from ratchetlib.wire import lp, u8

if TYPE_CHECKING:
    from ratchetlib.keys import StorageKey

TAG_LENGTH: Final = 16
RECORD_NAME_LENGTH: Final = 32


class Context(NamedTuple):
    """A record.

    Attributes:
        kind: the STATE_KIND of what is in it.
        owner: whose it is, 1 to 255 bytes.
        peer: with whom; empty for an identity or a ring.
    """

    kind: int
    owner: bytes
    peer: bytes

    @property
    def names(self) -> bytes:
        """LP(owner) || LP(peer)."""
        return lp(self.owner) + lp(self.peer)

    @property
    def record_name(self) -> bytes:
        """32 bytes that name the record to an anchor, whatever the storage key."""
        return sha512(HASH_RECORD, u8(self.kind) + self.names)[:RECORD_NAME_LENGTH]

    def derive(self, storage_key: StorageKey) -> tuple[RecordKey, bytes]:
        """The record's key, and the 16-byte tag by which its blob is recognised without names in clear."""
        okm = keyed_blake2b(key=storage_key.raw, person=PERSON_STATE_KEY, data=u8(self.kind) + self.names)
        return RecordKey(okm[:32]), okm[32 : 32 + TAG_LENGTH]

"""The layout of a sealed blob.

"RLST" || version 1 || kind 1 || LP(key id) || context tag 16 || generation 8
|| nonce 24 || commitment 32 || ciphertext || tag 16
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ratchetlib.errors import StateTampered, StateVersionUnsupported
from ratchetlib.limits import MAX_STATE, MAX_STORAGE_KEY_ID
from ratchetlib.primitives import seal
from ratchetlib.state.context import TAG_LENGTH
from ratchetlib.wire import Reader, lp, require_bytes, u8, u64

MAGIC: Final = b"RLST"
STATE_VERSION: Final = 1


class Head(NamedTuple):
    """What stands in clear in front of the sealed content.

    Attributes:
        kind: one byte.
        key_id: names the storage key, 1 to 32 bytes.
        tag: the context tag, 16 bytes.
        generation: grows by one with each save.
    """

    kind: int
    key_id: bytes
    tag: bytes
    generation: int

    def to_bytes(self) -> bytes:
        """The encoding, magic and version included."""
        return MAGIC + u8(STATE_VERSION) + u8(self.kind) + lp(self.key_id) + self.tag + u64(self.generation)


class Blob(NamedTuple):
    """A blob taken apart; nothing in it is trusted yet.

    Attributes:
        head: what stands in clear.
        nonce: 24 bytes.
        sealed: commitment 32 || ciphertext || tag 16.
    """

    head: Head
    nonce: bytes
    sealed: bytes

    @property
    def commitment(self) -> bytes:
        """The 32 bytes that tell this blob from every other."""
        return self.sealed[: seal.COMMITMENT_LENGTH]

    @classmethod
    def from_bytes(cls, encoded: bytes) -> Blob:
        """Take a blob apart.

        Raises:
            UsageError: not `bytes` (a database driver may give a memoryview).
            StateTampered: no blob at all.
            StateVersionUnsupported: of another format version.
        """
        require_bytes(encoded, "a sealed blob")
        if len(encoded) > MAX_STATE:
            raise StateTampered(f"a sealed blob is at most {MAX_STATE} bytes, not {len(encoded)}")
        reader = Reader(encoded, StateTampered)
        if reader.take(len(MAGIC)) != MAGIC:
            raise StateTampered("not a sealed blob")
        version = reader.u8()
        if version != STATE_VERSION:
            raise StateVersionUnsupported(f"state version {version}")
        kind = reader.u8()
        key_id = reader.lp(minimum=1, maximum=MAX_STORAGE_KEY_ID)
        head = Head(kind, key_id, reader.take(TAG_LENGTH), reader.u64())
        return cls(head, reader.take(seal.NONCE_LENGTH), reader.rest())

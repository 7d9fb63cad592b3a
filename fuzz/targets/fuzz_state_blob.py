"""A blob that nobody sealed is refused before its content is parsed; what is taken apart is put together alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Self

from harness.oracles import parsed, require, require_same
from harness.sealed import OWNER, PEER, VAULT

from ratchetlib.state.blob import Blob

if TYPE_CHECKING:
    from ratchetlib.wire import Reader


class _Untouchable:
    """Content whose parser must never be called."""

    STATE_KIND: ClassVar[int] = 3
    STATE_HAS_PEER: ClassVar[bool] = True

    def _to_state(self) -> bytes:
        return b""

    @classmethod
    def _from_state(cls, reader: Reader) -> Self:
        if reader.rest() != _GENUINE_CONTENT:
            require(holds=False, invariant="content is parsed that nobody sealed")
        return cls()


_GENUINE_CONTENT: Final = b"genuine"
"""What the genuine blobs of the corpus hold: see fuzz/seeds/scenes.py."""


def one_input(data: bytes) -> None:
    """The bytes as they come back from storage."""
    parsed(lambda blob: VAULT.open(blob, kind=_Untouchable, owner=OWNER, peer=PEER, minimum_generation=1), data)
    blob = parsed(Blob.from_bytes, data)
    if blob is not None:
        require_same(data, blob.head.to_bytes() + blob.nonce + blob.sealed)
    require((parsed(VAULT.generation, data) is None) == (blob is None), "a generation is read from what is no blob")
    require((parsed(VAULT.is_current, data) is None) == (blob is None), "a key is read from what is no blob")

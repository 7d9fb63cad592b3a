"""A blob is opened, anchored and sealed again only if it is authentic and the newest; refused, it moves no anchor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Self

from harness.oracles import parsed, refusal, require, require_same
from harness.sealed import OWNER, PEER, VAULT

from ratchetlib import AnchorEntry, StateVault, UnsafeNoRollbackProtection
from ratchetlib.state.blob import Blob

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.wire import Reader

GENUINE: Final = b"genuine"
"""What the authentic blobs of the corpus hold: see fuzz/seeds/scenes.py."""


_AROUND: Final = 48
_ADVANCE: Final = 1
"""The way that asks the anchor and not the caller how old a blob may be."""


class _Untouchable:
    """Content whose parser must never see what nobody sealed."""

    STATE_KIND: ClassVar[int] = 3
    STATE_HAS_PEER: ClassVar[bool] = True

    def _to_state(self) -> bytes:
        return GENUINE

    @classmethod
    def _from_state(cls, reader: Reader) -> Self:
        require(reader.rest() == GENUINE, "content is parsed that nobody sealed")
        return cls()


class _Anchor:
    """An anchor of one record."""

    def __init__(self, entry: AnchorEntry | None) -> None:
        self.entry = entry

    def read(self, _record: bytes) -> AnchorEntry | None:
        return self.entry

    def compare_and_advance(self, _record: bytes, expected: AnchorEntry | None, new: AnchorEntry) -> bool:
        if self.entry != expected:
            return False
        self.entry = new
        return True


def one_input(data: bytes) -> None:
    """The first byte says what is known of the record and what is done; the rest comes back from storage."""
    how, encoded = data[0] if data else 0, data[1:]
    blob = parsed(Blob.from_bytes, encoded)
    if blob is not None:
        require_same(encoded, blob.head.to_bytes() + blob.nonce + blob.sealed)
    require((parsed(VAULT.generation, encoded) is None) == (blob is None), "a generation is read from what is no blob")
    require((parsed(VAULT.is_current, encoded) is None) == (blob is None), "a key is read from what is no blob")
    known = _known(how >> 2, blob)
    anchor = _Anchor(AnchorEntry(known, bytes(32)) if known else None)
    before = anchor.entry
    error = refusal(lambda: _WAYS[how % 4](encoded, known, anchor))
    if error is not None:
        require(anchor.entry == before, "a refused blob has moved the anchor")
    elif blob is None:
        require(holds=False, invariant="what is no blob is opened")
    elif how % 4 != _ADVANCE:
        require(blob.head.generation >= known, "an older generation is opened")
    if blob is not None and anchor.entry != before:
        _require_next(blob, before, anchor.entry, adopted=how % 4 == 2)


def _known(chosen: int, blob: Blob | None) -> int:
    """The generation that is known: any; or in most cases one around the blob's own, where the decision falls."""
    if blob is None or chosen >= _AROUND:
        return chosen
    return min(max(0, blob.head.generation + chosen % 4 - 2), 2**64 - 1)


def _require_next(blob: Blob, before: AnchorEntry | None, after: AnchorEntry | None, *, adopted: bool) -> None:
    require(after == (blob.head.generation, blob.commitment), "the anchor holds another blob")
    newest = 0 if before is None else before.generation
    require(adopted or blob.head.generation == newest + 1, "the anchor skips a generation")


def _open(encoded: bytes, known: int, _: _Anchor) -> None:
    VAULT.open(encoded, kind=_Untouchable, owner=OWNER, peer=PEER, minimum_generation=known)
    VAULT.open(encoded, kind=_Untouchable, owner=OWNER, peer=PEER, anchor=UnsafeNoRollbackProtection())


def _advance(encoded: bytes, _: int, anchor: _Anchor) -> None:
    VAULT.advance(encoded, kind=_Untouchable, owner=OWNER, peer=PEER, anchor=anchor)
    VAULT.open(encoded, kind=_Untouchable, owner=OWNER, peer=PEER, anchor=anchor)


def _adopt(encoded: bytes, known: int, anchor: _Anchor) -> None:
    VAULT.adopt(encoded, kind=_Untouchable, owner=OWNER, peer=PEER, minimum_generation=known, anchor=anchor)


def _reseal(encoded: bytes, known: int, _: _Anchor) -> None:
    generation = VAULT.generation(encoded) % 2**63 + 1
    rotated = StateVault({b"key": bytes(range(32)), b"new": bytes(32)}, current=b"new")
    again = rotated.reseal(
        encoded, kind=_Untouchable, owner=OWNER, peer=PEER, generation=generation, minimum_generation=known
    )
    require(rotated.is_current(again) and not rotated.is_current(encoded), "sealed again under the old key")
    rotated.open(again, kind=_Untouchable, owner=OWNER, peer=PEER, minimum_generation=generation)


_WAYS: Final[tuple[Callable[[bytes, int, _Anchor], None], ...]] = (_open, _advance, _adopt, _reseal)

"""Rollback protection: a small memory that a restored backup does not restore."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class AnchorEntry(NamedTuple):
    """What an anchor remembers of a record.

    Attributes:
        generation: of the newest blob.
        commitment: that blob's 32-byte commitment, which tells it from any twin of the same generation.
    """

    generation: int
    commitment: bytes


class MonotonicAnchor(Protocol):
    """Where the newest generation of each record is remembered: outside of whatever is backed up with the blobs.

    A file beside the blobs protects nothing, because whoever restores the blobs restores it too.
    """

    def read(self, record: bytes) -> AnchorEntry | None:
        """The entry of a record (a 32-byte name), or None if there has never been one."""
        ...  # pragma: no cover - a protocol has no body

    def compare_and_advance(self, record: bytes, expected: AnchorEntry | None, new: AnchorEntry) -> bool:
        """Atomically replace `expected` by `new`, durably; False, and no change, if another entry is there."""
        ...  # pragma: no cover - a protocol has no body


class UnsafeNoRollbackProtection:
    """Says in the code of the caller that restored old state will be taken for new.

    Then message keys may be used twice (the seal keeps that from revealing plaintexts), deleted keys return, and
    replays are accepted again.
    """

    __slots__ = ()

"""Anchors in memory: one that keeps its promise, and one between whose two calls somebody else comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib import AnchorEntry


class MemoryAnchor:
    """A `MonotonicAnchor` in a dictionary.

    Attributes:
        entries: what is remembered, by record.
        advances: successful advances.
    """

    def __init__(self) -> None:
        self.entries: dict[bytes, AnchorEntry] = {}
        self.advances = 0

    def read(self, record: bytes) -> AnchorEntry | None:
        return self.entries.get(record)

    def compare_and_advance(self, record: bytes, expected: AnchorEntry | None, new: AnchorEntry) -> bool:
        if self.entries.get(record) != expected:
            return False
        self.entries[record] = new
        self.advances += 1
        return True


class OvertakenAnchor(MemoryAnchor):
    """Another writer moves the anchor once, just after it was read."""

    def __init__(self, other_writer: Callable[[OvertakenAnchor], None]) -> None:
        super().__init__()
        self._other_writer: Callable[[OvertakenAnchor], None] | None = other_writer

    def read(self, record: bytes) -> AnchorEntry | None:
        entry = super().read(record)
        other_writer, self._other_writer = self._other_writer, None
        if other_writer is not None:
            other_writer(self)
        return entry


class LostAdvance(MemoryAnchor):
    """Forgets to advance where told to: the process died between the write and it."""

    lost = False

    def compare_and_advance(self, record: bytes, expected: AnchorEntry | None, new: AnchorEntry) -> bool:
        if self.lost:
            raise KeyboardInterrupt
        return super().compare_and_advance(record, expected, new)

from __future__ import annotations

from typing import TYPE_CHECKING

from support.anchors import MemoryAnchor, OvertakenAnchor

from ratchetlib import AnchorEntry, UnsafeNoRollbackProtection

if TYPE_CHECKING:
    from ratchetlib import MonotonicAnchor

RECORD, OTHER = bytes(32), bytes(31) + b"\1"
FIRST, SECOND, TWIN = AnchorEntry(1, b"a" * 32), AnchorEntry(2, b"b" * 32), AnchorEntry(2, b"c" * 32)


def test_an_entry_is_a_value() -> None:
    assert AnchorEntry(1, b"a" * 32) == FIRST
    assert SECOND != TWIN
    assert AnchorEntry._fields == ("generation", "commitment")


def test_running_unprotected_takes_an_object_that_carries_nothing() -> None:
    unprotected = UnsafeNoRollbackProtection()
    assert UnsafeNoRollbackProtection.__slots__ == ()
    assert not hasattr(unprotected, "read")
    assert not hasattr(unprotected, "compare_and_advance")


def test_the_anchor_in_memory_keeps_the_promise_of_the_protocol() -> None:
    """The other tests lean on it."""
    anchor: MonotonicAnchor = MemoryAnchor()
    assert anchor.read(RECORD) is None
    assert not anchor.compare_and_advance(RECORD, FIRST, SECOND)
    assert anchor.read(RECORD) is None
    assert anchor.compare_and_advance(RECORD, None, FIRST)
    assert not anchor.compare_and_advance(RECORD, None, SECOND)
    assert anchor.compare_and_advance(RECORD, FIRST, SECOND)
    assert not anchor.compare_and_advance(RECORD, FIRST, TWIN)
    assert not anchor.compare_and_advance(RECORD, TWIN, FIRST)
    assert (anchor.read(RECORD), anchor.read(OTHER)) == (SECOND, None)


def test_an_overtaken_anchor_shows_what_was_there_before() -> None:
    anchor = OvertakenAnchor(lambda anchor: anchor.entries.update({RECORD: FIRST}))
    assert anchor.read(RECORD) is None
    assert anchor.read(RECORD) == FIRST

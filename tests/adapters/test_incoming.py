"""Messages that are left in the mailbox for a person to decide."""

from __future__ import annotations

import asyncio
from typing import Any

import frames
import pytest
from client_events import Events
from incoming import HELD, HELD_IN_ALL, Incoming


class Holding:
    """Holds messages back; knows what went."""

    def __init__(self) -> None:
        self.gone: list[int] = []
        self.dropped: list[bytes] = []
        self._next = 0
        self.senders: dict[int, bytes] = {}
        nothing: Any = None
        events = Events(lambda _event, peer: self.dropped.append(peer))
        channel: Any = self
        self.incoming = Incoming(nothing, channel, nothing, events, nothing, nothing, nothing)

    async def say(self, message: bytes) -> None:
        acknowledged = frames.decode(message)
        assert isinstance(acknowledged, frames.Ack)
        self.gone.append(acknowledged.number)

    def hold(self, sender: bytes, count: int) -> None:
        for _ in range(count):
            self._next += 1
            self.senders[self._next] = sender
            asyncio.run(self.incoming._hold(frames.Deliver(self._next, sender, b"envelope")))

    def left(self, sender: bytes) -> int:
        return sum(of == sender and number not in self.gone for number, of in self.senders.items())


@pytest.mark.attack("A26")
def test_three_who_hold_all_places_leave_some_to_a_fourth() -> None:
    held = Holding()
    for sender in (b"a", b"b", b"c"):
        held.hold(sender, HELD + 2)
    assert held.dropped == [b"a"] * 2 + [b"b"] * 2 + [b"c"] * 2
    held.dropped.clear()
    held.hold(b"friend", HELD_IN_ALL // 4)
    assert b"friend" not in held.dropped
    assert {held.left(sender) for sender in (b"a", b"b", b"c", b"friend")} == {HELD_IN_ALL // 4}
    held.hold(b"friend", 5)
    assert held.dropped[-5:] == [b"friend"] * 5
    assert held.left(b"friend") == HELD_IN_ALL // 4
    assert len(held.senders) - len(held.gone) == HELD_IN_ALL


@pytest.mark.attack("A26")
def test_of_more_senders_than_places_the_first_keep_theirs() -> None:
    held = Holding()
    for number in range(HELD_IN_ALL + 3):
        held.hold(b"%d" % number, 1)
    assert held.gone == [HELD_IN_ALL + 1, HELD_IN_ALL + 2, HELD_IN_ALL + 3]

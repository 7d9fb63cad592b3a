"""Seeds of the session target: the recorded conversations of the vectors, and short scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from harness.positions import positions
from harness.script import ACTIONS, MAX_ACTIONS, Player
from seeds import vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CODE: Final[dict[Callable[[Player, int], None], int]] = {action: number for number, action in enumerate(ACTIONS)}
_SIDE: Final = {"A": 0, "B": 1}
_SIMPLE: Final = {"save": Player.save, "restore": Player.restore, "forget": Player.forget}


def scripts() -> Iterator[bytes]:
    """Everything a session can be led through."""
    yield from _recorded()
    yield from _scenes()
    yield from _false_answers()


def _does(action: Callable[[Player, int], None], argument: int = 0) -> bytes:
    return bytes([_CODE[action], argument])


def _recorded() -> Iterator[bytes]:
    for name in ("ratchet_01", "ratchet_04", "ratchet_bad"):
        for number, events in enumerate(vectors.conversations(name)):
            for start in range(0, min(len(events), 4 * MAX_ACTIONS), MAX_ACTIONS):
                actions = _translated(events[start : start + MAX_ACTIONS])
                if actions:
                    yield bytes([number % len(positions())]) + actions


def _translated(events: list[dict[str, Any]]) -> bytes:
    """What of a stretch of events the target knows."""
    sent: list[str] = []
    actions = b""
    for event in events:
        side = _SIDE.get(event["who"][:1], 0)
        if event["op"] == "send":
            sent.append(event["id"])
            actions += _does(Player.send, side)
        elif event["op"] == "deliver" and event.get("of") in sent:
            place = len(sent) - 1 - sent.index(event["of"])
            if "edits" in event:
                actions += _does(Player.tamper, place) + bytes([event["edits"][0].get("at", 0) % 256, 1])
            else:
                actions += _does(Player.deliver, place)
        elif event["op"] in ("save", "restore", "forget"):
            actions += _does(
                {"save": Player.save, "restore": Player.restore, "forget": Player.forget}[event["op"]], side
            )
    return actions


def _false_answers() -> Iterator[bytes]:
    """One false chunk on its way, then enough messages in turn to complete its set and mix what comes of it."""
    for number in range(len(positions())):
        for argument in (2, 3, 4, 5):
            false = _does(Player.twist, argument) + _does(Player.deliver)
            for first in (0, 1):
                yield bytes([number]) + false + b"".join(_does(Player.exchange, first ^ turn & 1) for turn in range(6))


def _scenes() -> Iterator[bytes]:
    """Every action by itself from every position, and with something under way."""
    for number in range(len(positions())):
        for code in range(len(ACTIONS)):
            for side in (0, 1):
                yield bytes([number]) + _does(Player.send, 1 - side) + bytes([code, side, 1, 9]) + _does(Player.deliver)
    for number in range(len(positions())):
        for argument in range(16):
            yield bytes([number]) + _does(Player.twist, argument) + _does(Player.deliver) + _does(Player.deliver)
        for gap in range(0, 32, 2):
            lost = _does(Player.exchange, 0) + _does(Player.lose, gap) + _does(Player.send)
            yield bytes([number]) + lost + _does(Player.deliver) + _does(Player.send, 1) + _does(Player.deliver)

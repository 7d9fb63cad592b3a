"""ratchet_01.json and so on: transcripts of at least 100 events."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from generator.casting import accepted, devices, initiated, say
from generator.document import Document
from generator.people import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generator.document import Scene

LEAST: Final = 100
_A_FILE: Final = 6


class Dice:
    """Chance that follows from a label."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._rolls = 0

    def below(self, bound: int) -> int:
        """A number from 0 to below `bound`."""
        self._rolls += 1
        digest = hashlib.sha256(f"{self._label}/{self._rolls}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % bound

    def percent(self, chance: int) -> bool:
        """True in so many of a hundred rolls."""
        return self.below(100) < chance


@dataclass(frozen=True)
class Weather:
    """What a conversation is like.

    Attributes:
        comment: of the case.
        flags: of the case.
        events: how many at least.
        turn: the longest run of messages of one side.
        lost: of a hundred messages.
        late: of a hundred messages are delivered out of order.
        twice: of a hundred messages arrive a second time.
        together: of a hundred turns are taken by both sides at once.
        restored: of a hundred events are followed by a restart of one side.
        forgetting: of a hundred events are followed by one side's giving up late messages.
        lopsided: how many times more the initiator says.
        items: one-time items in the ring.
    """

    comment: str
    flags: tuple[str, ...]
    events: int = LEAST
    turn: int = 3
    lost: int = 0
    late: int = 0
    twice: int = 0
    together: int = 0
    restored: int = 0
    forgetting: int = 0
    lopsided: int = 1
    items: int = 1


_WEATHER: Final = (
    Weather("in order, turn by turn", ("Normal",), turn=1),
    Weather("in order, in bursts", ("Normal",), turn=12),
    Weather("in order, without a one-time item", ("Normal", "OneTime"), items=0),
    Weather("a tenth lost", ("LostMessage", "CrossChainSkip"), lost=10),
    Weather("a third lost", ("LostMessage", "CrossChainSkip"), lost=33, turn=6),
    Weather("half lost in long bursts", ("LostMessage", "CrossChainSkip"), lost=50, turn=20, events=140),
    Weather("reordered", ("Reordered",), late=40, turn=5),
    Weather("reordered across chains", ("Reordered", "CrossChainSkip"), late=70, turn=2),
    Weather("duplicates", ("Duplicate",), twice=40),
    Weather("duplicates of late messages", ("Duplicate", "Reordered"), twice=40, late=40),
    Weather("both at once", ("SimultaneousSend",), together=60),
    Weather("both at once, with loss", ("SimultaneousSend", "LostMessage"), together=60, lost=20),
    Weather("restarts", ("Restored",), restored=20),
    Weather("restarts, with loss and reordering", ("Restored", "LostMessage", "Reordered"),
            restored=20, lost=15, late=30),
    Weather("late messages given up", ("Eviction", "LostMessage"), forgetting=8, lost=30, late=30),
    Weather("one side says nearly all", ("Normal",), turn=4, lopsided=10),
    Weather("all of it", ("LostMessage", "Reordered", "Duplicate", "SimultaneousSend", "Restored"),
            lost=15, late=30, twice=20, together=30, restored=8, turn=5, events=150),
    Weather("all of it again", ("LostMessage", "Reordered", "Duplicate", "SimultaneousSend", "Restored"),
            lost=20, late=40, twice=20, together=20, restored=10, forgetting=3, turn=8, events=150),
    Weather("post-quantum epochs, turn by turn", ("PqEpoch",), turn=1, events=330),
    Weather("post-quantum epochs in bursts", ("PqEpoch",), turn=8, events=330),
    Weather("post-quantum epochs with loss", ("PqEpoch", "LostMessage"), turn=4, lost=25, events=330),
    Weather("post-quantum epochs, late and twice", ("PqEpoch", "Reordered", "Duplicate"),
            turn=4, late=40, twice=10, events=330),
    Weather("post-quantum epochs with restarts", ("PqEpoch", "Restored"), turn=4, restored=10, events=330),
)  # fmt: skip


def documents() -> Iterator[Document]:
    """The files."""
    scripts = [(weather.comment, weather.flags, _Conversation(weather).play) for weather in _WEATHER]
    scripts += [
        ("an unconfirmed initiator writes on, in any order", ("Reordered", "Duplicate"), _unconfirmed),
        ("both initiate at once", ("SimultaneousSend",), _two_sessions),
        ("two copies of one session", ("Cloned",), _clones),
    ]
    for start in range(0, len(scripts), _A_FILE):
        number = start // _A_FILE + 1
        document = Document(f"ratchet_{number:02}", "Transcripts: what happens to two devices, event by event.")
        for comment, flags, play in scripts[start : start + _A_FILE]:
            document.scenes(comment).scene(comment, *flags, events=play)
        yield document


@dataclass
class _Conversation:
    """A conversation in some weather.

    Attributes:
        flying: messages on their way, by receiver.
        arrived: messages that were read, by receiver.
    """

    weather: Weather
    flying: dict[str, list[str]] = field(default_factory=lambda: {"A": [], "B": []})
    arrived: dict[str, list[str]] = field(default_factory=lambda: {"A": [], "B": []})

    def play(self, scene: Scene) -> None:
        """The whole of it."""
        self.flying, self.arrived = {"A": [], "B": []}, {"A": [], "B": []}
        self._dice = Dice(self.weather.comment)
        self._said = {"A": 1, "B": 0}
        accepted(scene, items=self.weather.items)
        side = "B"
        while len(scene.events) < self.weather.events:
            self._turn(scene, side)
            side = _other(side)
        for receiver in "AB":
            self._land(scene, receiver, everything=True)
            scene.do("expect", who=receiver)

    def _turn(self, scene: Scene, side: str) -> None:
        sides = [side, _other(side)] if self._dice.percent(self.weather.together) else [side]
        for sender in sides:
            longest = self.weather.turn * (self.weather.lopsided if sender == "A" else 1)
            for _ in range(1 + self._dice.below(longest)):
                self._send(scene, sender)
        for sender in sides:
            self._land(scene, _other(sender), everything=False)

    def _send(self, scene: Scene, sender: str) -> None:
        name = f"{sender.lower()}{self._said[sender]}"
        self._said[sender] += 1
        say(scene, sender, name)
        if not self._dice.percent(self.weather.lost):
            self.flying[_other(sender)].append(name)
        self._after(scene, sender)

    def _land(self, scene: Scene, receiver: str, *, everything: bool) -> None:
        waiting, self.flying[receiver] = self.flying[receiver], []
        for name in waiting:
            if not everything and self._dice.percent(self.weather.late):
                self.flying[receiver].insert(self._dice.below(len(self.flying[receiver]) + 1), name)
                continue
            # A message may come too late for its key: whatever happens, happens in the vector.
            outcome = scene.attempt("deliver", who=receiver, of=name)
            if "error" not in outcome:
                self.arrived[receiver].append(name)
            self._after(scene, receiver)
            if self.arrived[receiver] and self._dice.percent(self.weather.twice):
                again = self.arrived[receiver][self._dice.below(len(self.arrived[receiver]))]
                scene.attempt("deliver", who=receiver, of=again)

    def _after(self, scene: Scene, who: str) -> None:
        if self._dice.percent(self.weather.restored):
            scene.do("save", who=who, slot=f"{who}.saved")
            scene.do("restore", who=who, slot=f"{who}.saved")
        if self._dice.percent(self.weather.forgetting):
            scene.do("forget", who=who)


def _other(side: str) -> str:
    return "B" if side == "A" else "A"


def _unconfirmed(scene: Scene) -> None:
    """Every message carries the prefix until a reply arrives; any of them can be the first that does."""
    initiated(scene)
    for number in range(1, 8):
        say(scene, "A", f"a{number}")
    scene.do("accept", who="B", device="bob", of="a5", now=NOW)
    for number in (0, 7, 3):
        scene.do("recognise", who="B", of=f"a{number}")
        scene.do("deliver", who="B", of=f"a{number}")
    scene.refuse("deliver", "DuplicateMessage", "chain", who="B", of="a5")
    _settle(scene, {"B": ["a1", "a2", "a4", "a6"]}, "a8")


def _settle(scene: Scene, late: dict[str, list[str]], first: str) -> None:
    """The conversation goes on by turns until it is long enough; late messages drop in."""
    number = int(first[1:])
    say(scene, "B", "b0")
    scene.do("deliver", who="A", of="b0")
    while len(scene.events) < LEAST:
        for who, receiver in (("A", "B"), ("B", "A")):
            name = f"{who.lower()}{number}"
            say(scene, who, name)
            scene.do("deliver", who=receiver, of=name)
            if late.get(receiver):
                scene.do("deliver", who=receiver, of=late[receiver].pop())
        number += 1


def _two_sessions(scene: Scene) -> None:
    """Alice and Bob initiate before either hears of the other; both sessions carry messages."""
    devices(scene)
    scene.do("ring", who="alice", now=NOW, items=1)
    scene.do("hand_out", who="alice", id="alice's bundle")
    scene.do("initiate", who="A1", device="alice", peer="bob", bundle="bundle", now=NOW)
    scene.do("initiate", who="B2", device="bob", peer="alice", bundle="alice's bundle", now=NOW + 1)
    say(scene, "A1", "one 0")
    say(scene, "B2", "two 0")
    scene.do("accept", who="B1", device="bob", of="one 0", now=NOW + 2)
    scene.do("accept", who="A2", device="alice", of="two 0", now=NOW + 2)
    scene.do("recognise", who="A2", of="one 0")
    number = 1
    while len(scene.events) < LEAST:
        for session, sender, receiver in (
            ("one", "B1", "A1"),
            ("two", "A2", "B2"),
            ("one", "A1", "B1"),
            ("two", "B2", "A2"),
        ):
            say(scene, sender, f"{session} {number}")
            scene.do("deliver", who=receiver, of=f"{session} {number}")
            number += 1
    for who in ("A1", "B1", "A2", "B2"):
        scene.do("expect", who=who)


def _clones(scene: Scene) -> None:
    """Bob is restored into two devices that both write on; Alice tells them apart and refuses the second."""
    accepted(scene)
    for number in range(3):
        for who, receiver in (("B", "A"), ("A", "B")):
            name = f"{who.lower()}{number + 1}"
            say(scene, who, name)
            scene.do("deliver", who=receiver, of=name)
    scene.do("save", who="B", slot="backup")
    for clone in ("B1", "B2"):
        scene.do("restore", who=clone, slot="backup")
    say(scene, "B1", "one")
    say(scene, "B2", "two")
    scene.do("deliver", who="A", of="one")
    scene.refuse("deliver", "SessionForked", "chain", who="A", of="two")
    number = 10
    while len(scene.events) < LEAST:
        for who, receiver in (("A", "B1"), ("B1", "A")):
            name = f"{who} {number}"
            say(scene, who, name)
            scene.do("deliver", who=receiver, of=name)
            number += 1
        scene.attempt("deliver", who="B2", of=f"A {number - 2}")

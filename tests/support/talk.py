"""How two devices talk: who sends when, what the link does, and what the post-quantum ratchet makes of it."""

from __future__ import annotations

import os
from itertools import cycle, islice
from typing import TYPE_CHECKING, NamedTuple

from support.pair import make_pair, reopened
from support.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.traffic import Letter, Side

    from ratchetlib.ratchet.pq import PqState

DEEP = bool(os.environ.get("RATCHETLIB_DEEP"))
"""Whether the long version of the schedules runs."""

_SIDES: dict[str, Side] = {"A": "alice", "B": "bob"}


class Habit(NamedTuple):
    """A way of talking.

    Attributes:
        turns: who sends, over and over: A or B.
        loss: the share of messages that never arrive.
        delay: the chance that a message in flight is still there after the next one was sent, which reorders.
        repeat: how often a delivered message is delivered again.
    """

    turns: str
    loss: float = 0
    delay: float = 0
    repeat: float = 0

    def sides(self) -> Iterator[Side]:
        """Who sends next, for ever."""
        return cycle(_SIDES[turn] for turn in self.turns)


HABITS = {
    "ping-pong": Habit("AB"),
    "10 to 1": Habit("AAAAAAAAAAB"),
    "1 to 10": Habit("ABBBBBBBBBB"),
    "bursts": Habit("AAAAABBBBB"),
    "one-way": Habit("A"),
    "the other way": Habit("B"),
    "loss": Habit("AB", loss=0.3),
    "lossy bursts": Habit("AAAABB", loss=0.3, delay=0.2),
    "disorder": Habit("ABAAB", delay=0.7),
    "disorder and duplicates": Habit("AABBB", delay=0.5, repeat=0.3),
    "crossing": Habit("AB", delay=0.5),
    "everything": Habit("AAABAB", loss=0.2, delay=0.5, repeat=0.2),
}


class Talk(Traffic):
    """Traffic between a fresh pair, both sides writing before either reads, that also watches the epochs.

    Attributes:
        epochs: of every chain, by its ratchet key, as its sender has it; receivers must have the same.
        restarted: what has been through a restart: side and phase.
        said: messages sent so far.
    """

    def __init__(self, seed: int, *, restarts: bool = False) -> None:
        self.epochs: dict[bytes, int] = {}
        self.restarted: set[tuple[Side, str]] = set()
        self.said = 0
        super().__init__(make_pair(), seed, restarts=restarts)
        self.send("bob")

    def pq(self, side: Side) -> PqState:
        return self.sessions[side]._state.ratchet.pq

    @property
    def epoch(self) -> int:
        """Epochs completed: both sides have mixed the secret."""
        return min(self.pq(side).epoch for side in _SIDES.values())

    def send(self, side: Side, plaintext: bytes | None = None) -> Letter:
        letter = super().send(side, plaintext)
        self.said += 1
        sending = self.sessions[side]._state.ratchet.sending
        if sending is None:
            raise AssertionError("whoever has sent has a sending chain")
        self.epochs[sending.key_pair.public] = sending.pq_epoch
        return letter

    def deliver(self, letter: Letter) -> None:
        super().deliver(letter)
        for chain in self.sessions[letter.to]._state.ratchet.chains:
            if chain.pq_epoch != self.epochs[chain.ratchet_key]:
                raise AssertionError("the sides disagree on the epoch of a chain")

    def go(self, habit: Habit, messages: int) -> Talk:
        """Talk like that for so many messages."""
        for side in islice(habit.sides(), messages):
            self.say(side, habit)
        return self

    def say(self, side: Side, habit: Habit) -> None:
        """One message, and what arrives after it."""
        letter = self.send(side)
        if self._source.random() < habit.loss:
            self.in_flight.remove(letter)
            self.lost.append(letter)
        arriving = [letter for letter in self.in_flight if self._source.random() >= habit.delay]
        self._source.shuffle(arriving)
        for letter in arriving:
            self.deliver(letter)
        if self._source.random() < habit.repeat:
            self._repeat_any()
        if self._restarts:
            self.restart()

    def restart(self) -> None:
        """Both sides, from what they have saved."""
        for side, session in self.sessions.items():
            self.restarted.add((side, type(self.pq(side).phase).__name__))
            self.sessions[side] = reopened(session)

    def messages_per_epoch(self, habit: Habit, epochs: int, limit: int = 1000) -> list[int]:
        """How many messages each of the next epochs takes, lost ones included."""
        taken = []
        sides = habit.sides()
        for _ in range(epochs):
            before, epoch = self.said, self.epoch
            while self.epoch == epoch:
                if self.said - before > limit:
                    raise AssertionError(f"no epoch within {limit} messages")
                self.say(next(sides), habit)
            taken.append(self.said - before)
        return taken

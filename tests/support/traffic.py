"""Seeded traffic between two sessions, over a link that loses, repeats and reorders."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from support.forge import send
from support.pair import reopened

from ratchetlib import AuthenticationError, DuplicateMessage
from ratchetlib.limits import MAX_CLOSED_CHAINS

if TYPE_CHECKING:
    from support.pair import Pair

    from ratchetlib import Session

    Side = Literal["alice", "bob"]

_OTHER: dict[Side, Side] = {"alice": "bob", "bob": "alice"}


@dataclass(frozen=True)
class Letter:
    """One message on its way.

    Attributes:
        message: as it travels.
        plaintext: what must come out.
        to: who gets it.
        chain: how many chains its sender had opened before.
    """

    message: bytes
    plaintext: bytes
    to: Side
    chain: int


class Traffic:
    """A conversation in single steps, each checked as it happens.

    Attributes:
        sessions: of both sides, as they are now.
        in_flight: sent, not yet delivered nor lost.
        delivered: in the order of delivery.
        lost: given up by the link, or too late for five closed chains.
    """

    def __init__(self, pair: Pair, seed: int, *, restarts: bool = False) -> None:
        self.sessions: dict[Side, Session] = {"alice": pair.alice, "bob": pair.bob}
        self.in_flight: list[Letter] = []
        self.delivered: list[Letter] = []
        self.lost: list[Letter] = []
        self._source = random.Random(seed)
        self._restarts = restarts
        self._ratchet_keys: dict[Side, list[bytes]] = {"alice": [], "bob": []}
        # The pair's first message, which opened Alice's first chain, has arrived.
        self._newest_received: dict[Side, int] = {"alice": -1, "bob": 0}
        self.send("alice")

    def run(self, steps: int) -> Traffic:
        for _ in range(steps):
            self.step()
        return self

    def step(self) -> None:
        """Send, deliver, lose or repeat something; restart both sides where that is wanted."""
        action = self._source.choices(
            [self._send_any, self._deliver_any, self._lose_any, self._repeat_any], [45, 45, 5, 5]
        )
        action[0]()
        if self._restarts:
            self.sessions = {side: reopened(session) for side, session in self.sessions.items()}

    def send(self, side: Side, plaintext: bytes | None = None) -> Letter:
        if plaintext is None:
            plaintext = self._source.randbytes(self._source.randrange(200))
        sent = send(self.sessions[side], plaintext)
        keys = self._ratchet_keys[side]
        if sent.header.ratchet_key not in keys:
            keys.append(sent.header.ratchet_key)
        letter = Letter(sent.message, plaintext, _OTHER[side], keys.index(sent.header.ratchet_key))
        self.in_flight.append(letter)
        return letter

    def deliver(self, letter: Letter) -> None:
        self.in_flight.remove(letter)
        if self._is_too_late(letter):
            self._require_refused(letter)
            self.lost.append(letter)
            return
        plaintext = self.sessions[letter.to].decrypt(letter.message)
        if plaintext != letter.plaintext:
            raise AssertionError("another plaintext than was sent")
        self._newest_received[letter.to] = max(self._newest_received[letter.to], letter.chain)
        self.delivered.append(letter)

    def deliver_all(self) -> None:
        while self.in_flight:
            self._deliver_any()

    def _is_too_late(self, letter: Letter) -> bool:
        return self._newest_received[letter.to] - letter.chain > MAX_CLOSED_CHAINS

    def _send_any(self) -> None:
        self.send(self._source.choice(list(self.sessions)))

    def _deliver_any(self) -> None:
        if self.in_flight:
            self.deliver(self._source.choice(self.in_flight))

    def _lose_any(self) -> None:
        if self.in_flight:
            letter = self._source.choice(self.in_flight)
            self.in_flight.remove(letter)
            self.lost.append(letter)

    def _repeat_any(self) -> None:
        if self.delivered:
            self._require_refused(self._source.choice(self.delivered))

    def _require_refused(self, letter: Letter) -> None:
        expected = AuthenticationError if self._is_too_late(letter) else DuplicateMessage
        try:
            self.sessions[letter.to].decrypt(letter.message)
        except expected:
            return
        raise AssertionError("a message decrypted twice, or too late")

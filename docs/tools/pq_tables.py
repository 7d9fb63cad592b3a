# A tool beside the documents, not a package.
"""Measures what an epoch of the post-quantum ratchet takes, by talking.

    python docs/tools/pq_tables.py            writes the table into docs/spec/post-quantum.md
    python docs/tools/pq_tables.py --check    writes nothing; fails if the table would change

Keys are drawn as ever, the losses from a seed: when an epoch completes follows from who sends and what arrives alone.
"""

from __future__ import annotations

import random
import sys
from itertools import cycle
from typing import TYPE_CHECKING, Final, NamedTuple

from generated import SPEC, publish

from ratchetlib import IdentityKeyPair, PrekeyRing, Session
from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH
from ratchetlib.ratchet.pq.states import Answering, Carrying

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW: Final = 1_800_000_000
ALICE, BOB = b"alice/laptop", b"bob/phone"
_FIELDS: Final = 4 + 1 + 1 + CHUNK_LENGTH
"""Bytes of the header's fields for this: pq epoch, chunk kind, chunk index, chunk. Busy or idle, they are there."""

_LEGEND: Final = (
    "Messages are counted over both sides, lost ones included, from the time when both have mixed one secret to the",
    f"time when both have mixed the next. Bytes are those of pq epoch, chunk kind, chunk index and chunk, {_FIELDS} in",
    "every header, carrying or idle.",
)


class Traffic(NamedTuple):
    """A row of the table.

    Attributes:
        name: as the table says it.
        turns: who sends, over and over.
        loss: the share of messages that never arrive.
        epochs: how many are measured.
    """

    name: str
    turns: str
    loss: float
    epochs: int


ROWS: Final = (
    Traffic("strict ping-pong", "AB", 0, 20),
    Traffic("ping-pong, 30 % lost", "AB", 0.3, 100),
    Traffic("bursts of five", "AAAAABBBBB", 0, 20),
    Traffic("ten to one", "AAAAAAAAAAB", 0, 20),
    Traffic("ten to one, 30 % lost", "AAAAAAAAAAB", 0.3, 60),
)


class Epoch(NamedTuple):
    """What one epoch took: messages of both sides, lost ones included, and how many of them carried a chunk."""

    messages: int
    chunks: int


def table() -> str:
    """As Markdown, with what the columns mean."""
    head = ["traffic", "messages an exchange", "from .. to", "of them with a chunk", "bytes an exchange"]
    rows = [head, ["---"] + 4 * ["---:"], *(_cells(traffic) for traffic in ROWS)]
    return "\n".join([*(_row(cells) for cells in rows), "", *_LEGEND])


def measured(traffic: Traffic) -> list[Epoch]:
    """The epochs of a conversation but its first, which has a shorter beginning."""
    return list(_talk(traffic))[1:]


def _talk(traffic: Traffic) -> Iterator[Epoch]:
    alice, bob = _pair()
    losses, turns = random.Random(traffic.name), cycle(traffic.turns)  # noqa: S311  # losses, not keys
    for epoch in range(1, traffic.epochs + 2):
        messages = chunks = 0
        while min(alice.health().pq_epoch, bob.health().pq_epoch) < epoch:
            sender, receiver = (alice, bob) if next(turns) == "A" else (bob, alice)
            message = sender.encrypt(b"")
            messages += 1
            chunks += isinstance(sender._state.ratchet.pq.phase, Carrying | Answering)
            if losses.random() >= traffic.loss:
                receiver.decrypt(message)
        yield Epoch(messages, chunks)


def _pair() -> tuple[Session, Session]:
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=1)
    session = Session.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW)
    accepted, _ = Session.accept(bob, ring, session.encrypt(b""), our_address=BOB, now=NOW)
    return session, accepted


def _cells(traffic: Traffic) -> list[str]:
    epochs = measured(traffic)
    messages, chunks = [sum(column) / len(epochs) for column in zip(*epochs, strict=True)]
    shortest, longest = min(epochs).messages, max(epochs).messages
    return [
        traffic.name,
        f"{messages:.0f}",
        f"{shortest} .. {longest}",
        f"{100 * chunks / messages:.0f} %",
        f"{messages * _FIELDS:,.0f}",
    ]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(publish("pq-tables", table, SPEC / "post-quantum.md"))

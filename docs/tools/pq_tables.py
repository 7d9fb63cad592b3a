# A tool beside the documents, not a package.
"""Measures what an epoch of the post-quantum ratchet takes, by talking.

    python docs/tools/pq_tables.py            writes the table into docs/spec/post-quantum.md
    python docs/tools/pq_tables.py --check    writes nothing; fails if the table would change

Keys are drawn as ever, the losses from a seed: when an epoch completes follows from who sends and what arrives alone.
"""

from __future__ import annotations

import random
import sys
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from generated import SPEC, publish

from ratchetlib import IdentityKeyPair, PrekeyRing, Session
from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH
from ratchetlib.ratchet.pq.states import Answering, Carrying, Ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratchetlib.ratchet.pq import PqState

NOW: Final = 1_800_000_000
ALICE, BOB = b"alice/laptop", b"bob/phone"
_FIELDS: Final = 4 + 1 + 1 + CHUNK_LENGTH
"""Bytes of the header's fields for this: pq epoch, chunk kind, chunk index, chunk. Busy or idle, they are there."""

_LEGEND: Final = (
    "Messages are counted over both sides, lost ones included; an exchange runs from the moment when both have mixed",
    "one secret to the moment when both have mixed the next. Bytes are those of the fields pq epoch, chunk kind, chunk",
    f"index and chunk, {_FIELDS} in every header, carrying or idle. To heal, over all moments: from one when both",
    "states are read to the message whose chain mixes the first secret that does not follow from them.",
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


class Moment(NamedTuple):
    """How things stand after a message, whether it has arrived or not.

    Attributes:
        completed: secrets that both sides have mixed.
        begun: secrets that one side has mixed.
        unknown: the first epoch whose secret neither stands in one of the states nor follows from it.
        carried: whether the message had a chunk.
    """

    completed: int
    begun: int
    unknown: int
    carried: bool


def table() -> str:
    """As Markdown, with what the columns mean."""
    head = ["traffic", "messages an exchange", "from .. to", "with a chunk", "bytes", "messages to heal", "longest"]
    rows = [head, ["---"] + 6 * ["---:"], *(_cells(traffic) for traffic in ROWS)]
    return "\n".join([*(f"| {' | '.join(cells)} |" for cells in rows), "", *_LEGEND])


def _cells(traffic: Traffic) -> list[str]:
    moments = list(_talk(traffic))
    ends = [place for place, (before, after) in enumerate(pairwise(moments)) if after.completed > before.completed]
    lengths = [end - start for start, end in pairwise(ends)]  # without the first, which has a shorter beginning
    mean = sum(lengths) / len(lengths)
    carrying = sum(moment.carried for moment in moments) / len(moments)
    begun: dict[int, int] = {}
    for place, moment in enumerate(moments):
        begun.setdefault(moment.begun, place)
    healing = [begun[moment.unknown] - place for place, moment in enumerate(moments) if moment.unknown in begun]
    return [
        traffic.name,
        f"{mean:.0f}",
        f"{min(lengths)} .. {max(lengths)}",
        f"{100 * carrying:.0f} %",
        f"{mean * _FIELDS:,.0f}",
        f"{sum(healing) / len(healing):.0f}",
        f"{max(healing)}",
    ]


def _talk(traffic: Traffic) -> Iterator[Moment]:
    alice, bob = _pair()
    losses = random.Random(traffic.name)  # noqa: S311  # losses, not keys
    for turn in cycle(traffic.turns):
        sender, receiver = (alice, bob) if turn == "A" else (bob, alice)
        message = sender.encrypt(b"")
        carried = isinstance(_pq(sender).phase, Carrying | Answering)
        if losses.random() >= traffic.loss:
            receiver.decrypt(message)
        states = _pq(alice), _pq(bob)
        epochs = [state.epoch for state in states]
        yield Moment(min(epochs), max(epochs), max(_first_unknown(state) for state in states), carried)
        if min(epochs) > traffic.epochs:
            return


def _pq(session: Session) -> PqState:
    return session._state.ratchet.pq


def _first_unknown(state: PqState) -> int:
    return state.epoch + 1 + isinstance(state.phase, Carrying | Ready | Answering)


def _pair() -> tuple[Session, Session]:
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=1)
    session = Session.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW)
    accepted, _ = Session.accept(bob, ring, session.encrypt(b""), our_address=BOB, now=NOW)
    return session, accepted


if __name__ == "__main__":
    sys.exit(publish("pq-tables", table, SPEC / "post-quantum.md"))

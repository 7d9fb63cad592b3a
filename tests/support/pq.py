"""The post-quantum machine by itself: two sides of one exchange, in every phase, without chains or messages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ratchetlib.ratchet.pq import absorb, next_chunk, open_chain
from ratchetlib.ratchet.pq.states import Answering, Carrying, Collecting, HasKey, Idle, PqState, Ready

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ratchetlib.ratchet.pq import Chunk
    from ratchetlib.ratchet.pq.states import Phase

SESSION_ID = bytes(range(32))
KEY_CHUNKS = 13
CIPHERTEXT_CHUNKS = 12
OWNER_PHASES: tuple[type[Phase], ...] = (Idle, Carrying, Ready)
OTHER_PHASES: tuple[type[Phase], ...] = (Collecting, HasKey, Answering)
PHASES = OWNER_PHASES + OTHER_PHASES


@dataclass(frozen=True)
class Exchange:
    """One epoch's exchange: what each side goes through, all of the same key and ciphertext."""

    idle: PqState
    carrying: PqState
    ready: PqState
    collecting: PqState
    has_key: PqState
    answering: PqState

    def __iter__(self) -> Iterator[PqState]:
        yield from (self.idle, self.carrying, self.ready, self.collecting, self.has_key, self.answering)

    def of(self, phase: type[Phase]) -> PqState:
        """The state in that phase."""
        return next(state for state in self if isinstance(state.phase, phase))


@cache
def exchange(epoch: int = 0) -> Exchange:
    """An honest exchange after so many secrets in the root."""
    idle, collecting = PqState(epoch, Idle()), PqState(epoch, Collecting({}))
    carrying = opened(idle)
    has_key = fed(collecting, chunks(carrying, KEY_CHUNKS))
    answering = opened(has_key)
    ready = fed(carrying, chunks(answering, CIPHERTEXT_CHUNKS))
    return Exchange(idle, carrying, ready, collecting, has_key, answering)


def opened(state: PqState) -> PqState:
    """The state after a send that opens a chain."""
    return open_chain(state, SESSION_ID)[0]


def chunks(state: PqState, count: int) -> list[Chunk]:
    """The next chunks that a state sends."""
    made = []
    for _ in range(count):
        state, chunk = next_chunk(state)
        made.append(chunk)
    return made


def fed(state: PqState, arriving: Iterable[Chunk]) -> PqState:
    """The state after these chunks of the epoch in progress."""
    for chunk in arriving:
        state = absorb(state, state.epoch, chunk, SESSION_ID)
    return state


def is_initiators(state: PqState) -> bool:
    """Whether the state is the initiator's: it owns the odd epochs, hence those in progress after an even number."""
    return isinstance(state.phase, OWNER_PHASES) == (state.epoch % 2 == 0)

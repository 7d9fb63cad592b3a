"""The transitions of the post-quantum ratchet, all of them, in one table and one file.

Two rules keep a crash from splitting the root. A key is sampled and a ciphertext made only at a send that opens a
chain: that send draws a fresh ratchet key anyway, so a state restored to before it and one restored to after it are as
different as in a classical ratchet. And whatever is sent has been saved before (the order of persistence).

A chunk never fails a message by its content. It is judged after the message has authenticated, and a set that does not
fit together is dropped and collected again. What the header itself may not say is refused before anything is derived.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from ratchetlib.errors import ProtocolViolation
from ratchetlib.limits import MAX_CHUNKS
from ratchetlib.primitives.kem import ML_KEM_768
from ratchetlib.ratchet.pq import streams
from ratchetlib.ratchet.pq.chunks import NO_CHUNK, Chunk, ChunkKind, collect
from ratchetlib.ratchet.pq.states import Answering, Carrying, Collecting, HasKey, Idle, PqState, Ready

if TYPE_CHECKING:
    from ratchetlib.keys import PqSecret
    from ratchetlib.ratchet.pq.states import Phase


class Event(Enum):
    """What can happen to the machine."""

    OPENS_CHAIN = "a send opens a chain"
    SENDS = "a message is sent"
    KEY_CHUNK = "a key chunk arrives"
    CIPHERTEXT_CHUNK = "a ciphertext chunk arrives"
    NEXT_EPOCH = "a chain of the next epoch arrives"


class Transition(NamedTuple):
    """One row of the table.

    Attributes:
        phase: where the machine is.
        event: what happens.
        action: what it does.
        to: where it can be then, `phase` included where it can stay.
    """

    phase: type[Phase]
    event: Event
    action: str
    to: tuple[type[Phase], ...]


TRANSITIONS: Final = (
    Transition(Idle, Event.OPENS_CHAIN, "sample a key", (Carrying,)),
    Transition(Carrying, Event.SENDS, "send the next key chunk", (Carrying,)),
    Transition(Carrying, Event.CIPHERTEXT_CHUNK, "collect; with 12, decapsulate and confirm", (Carrying, Ready)),
    Transition(Ready, Event.OPENS_CHAIN, "mix the secret, next epoch, roles swap", (Collecting,)),
    Transition(Collecting, Event.KEY_CHUNK, "collect; with 13, check the key", (Collecting, HasKey)),
    Transition(HasKey, Event.OPENS_CHAIN, "encapsulate", (Answering,)),
    Transition(Answering, Event.SENDS, "send the next ciphertext chunk", (Answering,)),
    Transition(Answering, Event.NEXT_EPOCH, "mix the secret, next epoch, roles swap", (Idle,)),
)
"""The legal moves. The documentation's diagram is drawn from them; a test drives every phase through every event."""

REFUSED: Final = frozenset(
    {
        # A ciphertext for a key that was never sent.
        (Idle, Event.CIPHERTEXT_CHUNK),
        # What only the other role may send.
        *((phase, Event.KEY_CHUNK) for phase in (Idle, Carrying, Ready)),
        *((phase, Event.CIPHERTEXT_CHUNK) for phase in (Collecting, HasKey, Answering)),
        # A next epoch without a secret for it.
        *((phase, Event.NEXT_EPOCH) for phase in (Idle, Carrying, Ready, Collecting, HasKey)),
    }
)
"""What raises `ProtocolViolation`. Every other pair of phase and event changes nothing."""


# Looking a member up in its enumeration costs as much as the rest of a check, with every message.
_NONE, _KEY, _CIPHERTEXT = ChunkKind


def open_chain(state: PqState, session_id: bytes) -> tuple[PqState, PqSecret | None]:
    """A send opens a chain: the next state, and the secret to mix into the chain's root step, if there is one.

    Raises:
        RandomnessError: the random source has failed.
    """
    epoch, phase, _ = state
    match phase:
        case Idle():
            seed = ML_KEM_768.generate()
            return PqState(epoch, Carrying(seed, streams.offer(ML_KEM_768.public_key(seed)), {})), None
        case Ready(secret):
            return PqState(epoch + 1, Collecting({})), secret
        case HasKey(key):
            return PqState(epoch, Answering(*streams.answer(session_id, epoch + 1, key))), None
        case _:
            return state, None


def next_chunk(state: PqState) -> tuple[PqState, Chunk]:
    """A message is sent: the next state, and the chunk that its header carries."""
    epoch, phase, point = state
    if isinstance(phase, Carrying):
        kind = _KEY
    elif isinstance(phase, Answering):
        kind = _CIPHERTEXT
    else:
        return state, NO_CHUNK
    return PqState(epoch, phase, (point + 1) % MAX_CHUNKS), Chunk(kind, point, phase.encoder.chunk(point))


def join_epoch(state: PqState, pq_epoch: int) -> tuple[PqState, PqSecret | None]:
    """A new chain arrives: the next state, and the secret that its root step mixes, if it begins the next epoch.

    Raises:
        ProtocolViolation: the chain's epoch is neither the current one nor the next with its secret in hand.
    """
    epoch, phase, _ = state
    if pq_epoch == epoch:
        return state, None
    if pq_epoch == epoch + 1 and isinstance(phase, Answering):
        return PqState(pq_epoch, Idle()), phase.secret
    raise ProtocolViolation("a chain of a post-quantum epoch that cannot be")


def require_allowed(state: PqState, pq_epoch: int, chunk: Chunk, *, from_initiator: bool) -> None:
    """What an authentic header may say, whatever the chunk holds; checked before anything is derived.

    `state` is the one after `join_epoch`. The chunk belongs to the epoch after the chain's.

    Raises:
        ProtocolViolation: a chunk of the wrong role, out of range, for a key never sent, or an idle field not zero.
    """
    kind, point, _ = chunk
    if kind == _NONE and chunk == NO_CHUNK:
        return
    initiator_owns = pq_epoch % 2 == 0
    if kind != (_KEY if from_initiator == initiator_owns else _CIPHERTEXT) or point >= MAX_CHUNKS:
        raise ProtocolViolation("a chunk that its sender cannot have")
    if kind == _CIPHERTEXT and pq_epoch == state.epoch and isinstance(state.phase, Idle):
        raise ProtocolViolation("a ciphertext for a key that was never sent")


def absorb(state: PqState, pq_epoch: int, chunk: Chunk, session_id: bytes) -> PqState:
    """The next state after an authentic message's chunk. Chunks of another epoch or a finished set change nothing."""
    epoch, phase, point = state
    if chunk.kind == _NONE or pq_epoch != epoch:
        return state
    if isinstance(phase, Carrying):
        moved = _with_ciphertext_chunk(phase, chunk, session_id, epoch + 1)
        return PqState(epoch, moved, point if isinstance(moved, Carrying) else 0)
    if isinstance(phase, Collecting):
        return PqState(epoch, _with_key_chunk(phase, chunk))
    return state


def _with_ciphertext_chunk(phase: Carrying, chunk: Chunk, session_id: bytes, epoch: int) -> Carrying | Ready:
    collected = collect(phase.collected, chunk)
    if len(collected) < streams.CIPHERTEXT_CODE.k:
        return Carrying(phase.seed, phase.encoder, collected)
    secret = streams.read_answer(session_id, epoch, phase.seed, phase.encoder.stream, collected)
    return Carrying(phase.seed, phase.encoder, {}) if secret is None else Ready(secret)


def _with_key_chunk(phase: Collecting, chunk: Chunk) -> Collecting | HasKey:
    collected = collect(phase.collected, chunk)
    if len(collected) < streams.KEY_CODE.k:
        return Collecting(collected)
    key = streams.read_key(collected)
    return Collecting({}) if key is None else HasKey(key)

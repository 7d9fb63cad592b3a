"""The post-quantum ratchet in symbols, written from docs/spec/post-quantum.md."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from properties.refusal import Refused

from ratchetlib import ProtocolViolation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from properties.terms import Term, Terms

NONE, KEY, CIPHERTEXT = 0, 1, 2
KEY_CHUNKS: Final = 13
CIPHERTEXT_CHUNKS: Final = 12
INDICES: Final = 64


class Chunk(NamedTuple):
    """What a header carries.

    Attributes:
        kind: none, key or ciphertext; a hostile peer writes others.
        at: its index, 0 to 63.
        stream: what it is a piece of; None for kind 0.
    """

    kind: int
    at: int
    stream: Term | None


IDLE_CHUNK: Final = Chunk(NONE, 0, None)


class Phase(Enum):
    """Where an exchange is: the first three are the owner's, the others the other side's."""

    IDLE = "Idle"
    CARRYING = "Carrying"
    READY = "Ready"
    COLLECTING = "Collecting"
    HAS_KEY = "HasKey"
    ANSWERING = "Answering"


class Pq(NamedTuple):
    """The state.

    Attributes:
        epoch: secrets mixed.
        phase: of the exchange in progress.
        holds: the key stream (Carrying, HasKey), the ciphertext stream (Answering) or the secret (Ready).
        at: the index of the next chunk.
        collected: the streams of the chunks at hand, by index.
    """

    epoch: int
    phase: Phase
    holds: Term | None = None
    at: int = 0
    collected: Mapping[int, Term] = {}


def secret_of(stream: Term) -> Term:
    """What a ciphertext stream agrees on."""
    return "pq secret", stream


def initial(*, initiator: bool) -> Pq:
    return Pq(0, Phase.IDLE if initiator else Phase.COLLECTING)


def opens_chain(terms: Terms, pq: Pq) -> tuple[Pq, Term | None]:
    if pq.phase is Phase.IDLE:
        return Pq(pq.epoch, Phase.CARRYING, terms.fresh("pq key")), None
    if pq.phase is Phase.HAS_KEY:
        return Pq(pq.epoch, Phase.ANSWERING, ("pq answer", pq.holds, terms.number())), None
    if pq.phase is Phase.READY:
        return Pq(pq.epoch + 1, Phase.COLLECTING), pq.holds
    return pq, None


def next_chunk(pq: Pq) -> tuple[Pq, Chunk]:
    kinds = {Phase.CARRYING: KEY, Phase.ANSWERING: CIPHERTEXT}
    if pq.phase not in kinds:
        return pq, IDLE_CHUNK
    return pq._replace(at=(pq.at + 1) % INDICES), Chunk(kinds[pq.phase], pq.at, pq.holds)


def join_epoch(pq: Pq, epoch: int) -> tuple[Pq, Term | None]:
    if epoch == pq.epoch:
        return pq, None
    if epoch == pq.epoch + 1 and pq.phase is Phase.ANSWERING and pq.holds is not None:
        return Pq(epoch, Phase.IDLE), secret_of(pq.holds)
    raise Refused(ProtocolViolation)


def require_allowed(pq: Pq, epoch: int, chunk: Chunk, *, from_initiator: bool) -> None:
    """Rules 2 to 4 of "What a header may say"."""
    if chunk.kind == NONE:
        if chunk != IDLE_CHUNK:
            raise Refused(ProtocolViolation)
        return
    sender_owns = from_initiator == (epoch % 2 == 0)
    if chunk.kind != (KEY if sender_owns else CIPHERTEXT) or chunk.at >= INDICES:
        raise Refused(ProtocolViolation)
    if chunk.kind == CIPHERTEXT and epoch == pq.epoch and pq.phase is Phase.IDLE:
        raise Refused(ProtocolViolation)


def absorb(pq: Pq, epoch: int, chunk: Chunk) -> Pq:
    if chunk.stream is None or epoch != pq.epoch:
        return pq
    if pq.phase is Phase.CARRYING and chunk.kind == CIPHERTEXT:
        collected = _collect(pq.collected, chunk.at, chunk.stream)
        if len(collected) < CIPHERTEXT_CHUNKS:
            return pq._replace(collected=collected)
        # Right if all are pieces of one stream, and that answers our key.
        right = set(collected.values()) == {chunk.stream} and chunk.stream[1] == pq.holds
        return Pq(pq.epoch, Phase.READY, secret_of(chunk.stream)) if right else pq._replace(collected={})
    if pq.phase is Phase.COLLECTING and chunk.kind == KEY:
        collected = _collect(pq.collected, chunk.at, chunk.stream)
        if len(collected) < KEY_CHUNKS:
            return pq._replace(collected=collected)
        right = set(collected.values()) == {chunk.stream} and chunk.stream[0] == "pq key"
        return Pq(pq.epoch, Phase.HAS_KEY, chunk.stream) if right else pq._replace(collected={})
    return pq


def _collect(collected: Mapping[int, Term], index: int, stream: Term) -> Mapping[int, Term]:
    if collected.get(index, stream) != stream:
        return {index: stream}
    return {**collected, index: stream}

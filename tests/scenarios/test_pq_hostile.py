"""A hostile peer, which holds the session's keys and whose headers therefore authenticate, against the exchange.

Whatever it says, the library's own errors alone come out, refused messages change nothing, what is kept stays small,
and once it is honest again the exchange completes.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.forge import ENCRYPT, forged
from support.pair import make_pair, snapshot
from support.pq import CIPHERTEXT_CHUNKS, KEY_CHUNKS, PHASES
from support.spies import counted, derivations
from support.strategies import exactly, u8s, u32s
from support.talk import DEEP

from ratchetlib import AuthenticationError, PeerError, ProtocolViolation, Session, SessionForked
from ratchetlib.keys import KemPublicKey, KemSeed
from ratchetlib.limits import MAX_CHUNKS, PQ_DUE_MESSAGES
from ratchetlib.primitives.kem import ML_KEM_768, Kem
from ratchetlib.ratchet.header import Header, seal_header
from ratchetlib.ratchet.pq import NO_CHUNK, Chunk, next_chunk
from ratchetlib.ratchet.pq.chunks import ChunkKind
from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH, Code, Encoder
from ratchetlib.ratchet.pq.states import Answering, Carrying, Collecting, HasKey, Idle, PqState, Ready
from ratchetlib.ratchet.pq.streams import CIPHERTEXT_CODE, KEY_CODE, answer, offer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ratchetlib.primitives.aead import HeaderKey
    from ratchetlib.ratchet.pq.states import Phase
    from ratchetlib.session.state import SessionState

FALSE = bytes(range(96))
LONGEST_EPOCH = 53
PQ_STATE = 6 + 64 + 1248 + 1 + 11 * 97
"""The longest encoding of the post-quantum ratchet: an owner with eleven chunks."""


class Confrontation:
    """A hostile device and its victim, talking by turns.

    Attributes:
        liar: in itself an honest session, whose owner makes it say other things.
        victim: the other one.
    """

    def __init__(self, liar: Session, victim: Session) -> None:
        self.liar, self.victim = liar, victim

    @property
    def pq(self) -> PqState:
        """The victim's."""
        return self.victim._state.ratchet.pq

    @property
    def epoch(self) -> int:
        """Epochs completed on both sides."""
        return min(session.health().pq_epoch for session in (self.liar, self.victim))

    def until(self, phase: type[Phase]) -> None:
        """Talk honestly until the victim is in that phase after a message of the liar's, or else after its own."""
        for _ in range(3 * LONGEST_EPOCH):
            for talk in (self.honest_answer, self.honest_message):
                if isinstance(self.pq.phase, phase):
                    return
                talk()
        raise AssertionError(f"never in {phase.__name__}")

    def honest_message(self) -> None:
        assert self.victim.decrypt(self.liar.encrypt(b"honest")) == b"honest"

    def honest_answer(self) -> None:
        assert self.liar.decrypt(self.victim.encrypt(b"honest")) == b"honest"

    def round_trip(self) -> None:
        self.honest_message()
        self.honest_answer()

    def lies(self, *chunks: Chunk) -> None:
        """The liar sends these chunks, in messages that authenticate and are delivered."""
        for chunk in chunks:
            with saying(chunk):
                message = self.liar.encrypt(b"lie")
            assert self.victim.decrypt(message) == b"lie"

    def clears(self) -> None:
        """The liar contradicts itself at the point where its next lies begin: nothing else is left of the set."""
        kind = kind_of(type(self.pq.phase))
        self.lies(Chunk(kind, 1, FALSE), Chunk(kind, 1, FALSE[::-1]))

    def refuses(self, error: type[PeerError], **changes: Any) -> None:
        """The liar's next message with a header changed so is refused, nothing derived where the header is to blame."""
        message = forged(self.liar, **changes)
        before = snapshot(self.victim)
        with pytest.raises(error) as caught, derivations() as derived:
            self.victim.decrypt(message)
        assert caught.type is error
        assert error is AuthenticationError or derived == []
        assert snapshot(self.victim) == before

    def recovers(self) -> None:
        """Two more epochs complete in an honest conversation, in the time of three: one set may be lost to the lies."""
        epoch = self.epoch
        for _ in range(3 * LONGEST_EPOCH // 2):
            self.round_trip()
        assert self.epoch >= epoch + 2


@contextmanager
def saying(chunk: Chunk, epoch: int | None = None) -> Iterator[None]:
    """Whoever sends inside carries this chunk instead of its own, and names that epoch."""

    def lying(state: PqState) -> tuple[PqState, Chunk]:
        return next_chunk(state)[0], chunk

    def sealing(key: HeaderKey, nonce: bytes, header: Header, associated_data: bytes) -> bytes:
        named = header if epoch is None else header._replace(pq_epoch=epoch)
        return seal_header(key, nonce, named, associated_data)

    with patch.object(ENCRYPT, "next_chunk", lying), patch.object(ENCRYPT, "seal_header", sealing):
        yield


@cache
def states(liar: str, phase: int) -> tuple[SessionState, SessionState]:
    pair = make_pair().confirm()
    here = Confrontation(pair.alice, pair.bob) if liar == "alice" else Confrontation(pair.bob, pair.alice)
    here.until(PHASES[phase])
    return here.liar._state, here.victim._state


def confronted(liar: str, phase: type[Phase]) -> Confrontation:
    """With the victim in that phase."""
    lying, honest = states(liar, PHASES.index(phase))
    return Confrontation(Session(lying), Session(honest))


either_side = pytest.mark.parametrize("liar", ["alice", "bob"])
every_phase = pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)


def kind_of(phase: type[Phase]) -> ChunkKind:
    """Of the chunks that a victim in that phase is sent."""
    return ChunkKind.CIPHERTEXT if phase in (Idle, Carrying, Ready) else ChunkKind.KEY


# --- what the header may not say ----------------------------------------------------------------


@pytest.mark.attack("A65", "A68")
@either_side
@every_phase
def test_a_header_that_no_honest_peer_writes_is_refused(liar: str, phase: type[Phase]) -> None:
    here = confronted(liar, phase)
    kind = kind_of(phase)
    for point in (MAX_CHUNKS, 128, 255):
        here.refuses(ProtocolViolation, chunk=Chunk(kind, point, FALSE))
    for other in {*range(256)} - {kind, ChunkKind.NONE}:
        here.refuses(ProtocolViolation, chunk=Chunk(other, 0, FALSE))
    here.refuses(ProtocolViolation, chunk=Chunk(ChunkKind.NONE, 1, NO_CHUNK.data))
    here.refuses(ProtocolViolation, chunk=Chunk(ChunkKind.NONE, 0, FALSE))
    here.recovers()


@pytest.mark.attack("A64", "A65", "A68", "A69")
@either_side
@every_phase
def test_a_new_chain_of_an_impossible_epoch_is_refused(liar: str, phase: type[Phase]) -> None:
    here = confronted(liar, phase)
    here.honest_answer()  # so that the liar opens a chain next
    epoch = here.pq.epoch
    for far in (epoch + 2, epoch + 3, epoch + 2**16, 2**31, 2**32 - 1, *range(epoch)):
        here.refuses(ProtocolViolation, pq_epoch=far)
    # The next one is possible where the victim has its secret in hand; but the chain's keys are bound to its epoch.
    error = AuthenticationError if isinstance(here.pq.phase, Answering) else ProtocolViolation
    here.refuses(error, pq_epoch=epoch + 1, chunk=NO_CHUNK)
    here.recovers()


@pytest.mark.attack("A68", "A69")
@either_side
@every_phase
def test_an_open_chain_never_changes_its_epoch(liar: str, phase: type[Phase]) -> None:
    here = confronted(liar, phase)
    here.honest_message()
    epoch = sending_epoch(here.liar)
    for other in (epoch + 1, epoch + 2, 2**32 - 1, *range(epoch)):
        here.refuses(SessionForked, pq_epoch=other)
    here.recovers()


@pytest.mark.attack("A64", "A70")
@either_side
def test_an_epoch_without_its_secret_does_not_authenticate(liar: str) -> None:
    """The owner begins the next epoch and leaves the secret out of its root: nobody is talked out of mixing it."""
    here = confronted(liar, Answering)
    genuine = ENCRYPT.open_chain

    def without_secret(state: PqState, session_id: bytes) -> tuple[PqState, None]:
        return genuine(state, session_id)[0], None

    while not isinstance(here.liar._state.ratchet.pq.phase, Ready):
        here.round_trip()
    with patch.object(ENCRYPT, "open_chain", without_secret):
        message = Session(here.liar._state).encrypt(b"nothing mixed")
    before = snapshot(here.victim)
    with pytest.raises(AuthenticationError):
        here.victim.decrypt(message)
    assert snapshot(here.victim) == before
    here.recovers()


# --- chunks that do not fit together ------------------------------------------------------------


@pytest.mark.attack("A68")
@either_side
@pytest.mark.parametrize("phase", [Carrying, Collecting], ids=lambda phase: phase.__name__)
def test_contradicting_chunks_cost_one_set(liar: str, phase: type[Phase]) -> None:
    here = confronted(liar, phase)
    kind = kind_of(phase)
    for point in range(5):
        here.lies(Chunk(kind, point, FALSE))
    here.lies(Chunk(kind, 3, FALSE[::-1]))
    assert collected(here.pq) == {3: FALSE[::-1]}
    here.recovers()


@pytest.mark.attack("A68")
@either_side
@pytest.mark.parametrize("phase", PHASES[1:], ids=lambda phase: phase.__name__)
def test_false_chunks_without_end_are_forgotten(liar: str, phase: type[Phase]) -> None:
    """Every set fails in its turn: eleven or twelve chunks at most are kept, and each set is checked once.

    In Idle they are refused: there is no key that they could answer.
    """
    here = confronted(liar, phase)
    kind = kind_of(phase)
    rounds = 5000 if DEEP else 500
    with counted(Kem, "decapsulate") as decapsulated, counted(Code, "decode") as decoded:
        for turn in range(rounds):
            here.lies(Chunk(kind, turn % MAX_CHUNKS, turn.to_bytes(CHUNK_LENGTH, "big")))
            assert len(collected(here.pq)) < KEY_CHUNKS
    assert len(decapsulated) <= len(decoded) <= rounds // CIPHERTEXT_CHUNKS
    assert len(snapshot(here.victim)) < PQ_STATE + 2048
    here.recovers()


def sending_epoch(session: Session) -> int:
    sending = session._state.ratchet.sending
    assert sending is not None
    return sending.pq_epoch


def collected(state: PqState) -> dict[int, bytes]:
    return dict(getattr(state.phase, "collected", {}))


# --- keys and ciphertexts that are none ---------------------------------------------------------


def stream_chunks(stream: bytes, kind: ChunkKind) -> list[Chunk]:
    """As many chunks as rebuild it, every second one of them parity."""
    code = KEY_CODE if kind is ChunkKind.KEY else CIPHERTEXT_CODE
    encoder = Encoder(code, stream)
    return [Chunk(kind, point, encoder.chunk(point)) for point in range(1, 2 * code.k, 2)]


def bad_key_streams() -> dict[str, bytes]:
    good = offer(ML_KEM_768.public_key(KemSeed(bytes(64)))).stream
    key = good[: ML_KEM_768.public_key_length]
    return {
        "zero vector": offer(KemPublicKey(bytes(len(key) - 32) + key[-32:])).stream,
        "all zero": offer(KemPublicKey(bytes(len(key)))).stream,
        "one unreduced coefficient": offer(KemPublicKey(b"\xff\x0f" + key[2:])).stream,
        "nothing but unreduced coefficients": offer(KemPublicKey(b"\xff" * len(key))).stream,
        "another hash": good[:-33] + bytes([good[-33] ^ 1]) + good[-32:],
        "the hash of another key": key + offer(ML_KEM_768.public_key(KemSeed(b"\1" + bytes(63)))).stream[len(key) :],
        "a tail": good[:-1] + b"\1",
        "zeros": bytes(len(good)),
    }


@pytest.mark.attack("A18", "A68")
@either_side
@pytest.mark.parametrize("stream", bad_key_streams().values(), ids=bad_key_streams())
def test_a_key_that_is_none_is_dropped(liar: str, stream: bytes) -> None:
    here = confronted(liar, Collecting)
    here.clears()
    with counted(Kem, "encapsulate") as encapsulated:
        here.lies(*stream_chunks(stream, ChunkKind.KEY))
        here.victim.encrypt(b"")
    assert encapsulated == []
    assert here.pq.phase == Collecting({})
    here.recovers()


def false_answers(here: Confrontation) -> dict[str, bytes]:
    """Ciphertext streams that are not the answer to the victim's key in its session and epoch."""
    assert isinstance(here.pq.phase, Carrying)
    session_id, epoch = here.victim.session_id, here.pq.epoch + 1
    key = KemPublicKey(here.pq.phase.encoder.stream[: ML_KEM_768.public_key_length])
    _, good = answer(session_id, epoch, key)
    ciphertext, rest = good.stream[: ML_KEM_768.ciphertext_length], good.stream[ML_KEM_768.ciphertext_length :]
    other = ML_KEM_768.public_key(KemSeed(bytes(64)))
    return {
        "another confirmation": ciphertext + bytes([rest[0] ^ 1]) + rest[1:],
        "another ciphertext": bytes([ciphertext[0] ^ 1]) + ciphertext[1:] + rest,
        "zeros": bytes(len(good.stream)),
        "a tail": good.stream[:-1] + b"\1",
        "to another key": answer(session_id, epoch, other)[1].stream,
        "of another epoch": answer(session_id, epoch + 2, key)[1].stream,
        "of another session": answer(bytes(32), epoch, key)[1].stream,
    }


@pytest.mark.attack("A70")
@either_side
def test_a_ciphertext_that_decapsulates_to_something_else_is_dropped(liar: str) -> None:
    """Found by the confirmation, not as noise after the root has split."""
    here = confronted(liar, Carrying)
    for stream in false_answers(here).values():
        here.clears()
        before = here.pq.phase
        here.lies(*stream_chunks(stream, ChunkKind.CIPHERTEXT))
        assert isinstance(before, Carrying)
        assert here.pq.phase == Carrying(before.seed, before.encoder, {})
    here.recovers()


@pytest.mark.attack("A64", "A70")
@either_side
def test_a_peer_that_offers_a_key_and_never_goes_on_stops_healing_and_that_shows(liar: str) -> None:
    """No one can be made to heal: messages go on, and the figures say what does not."""
    here = confronted(liar, Collecting)
    here.clears()
    here.lies(*stream_chunks(offer(ML_KEM_768.public_key(KemSeed(bytes(64)))).stream, ChunkKind.KEY))
    assert isinstance(here.pq.phase, HasKey)
    epoch = here.pq.epoch
    for _ in range(PQ_DUE_MESSAGES // 2):
        here.round_trip()
    assert isinstance(here.pq.phase, Answering)
    assert here.victim.health().pq_epoch == epoch
    assert here.victim.health().pq_overdue


# --- anything -----------------------------------------------------------------------------------

phases = st.sampled_from(PHASES)
chunks = st.builds(
    Chunk, st.sampled_from([*ChunkKind]) | u8s, st.integers(0, MAX_CHUNKS - 1) | u8s, st.just(FALSE) | exactly(96)
)

lies = st.tuples(chunks, st.none() | st.integers(0, 4) | u32s, st.booleans())


@pytest.mark.attack("A65", "A68")
@settings(max_examples=1000 if DEEP else 60)
@given(st.sampled_from(["alice", "bob"]), phases, st.lists(lies, max_size=15))
def test_whatever_a_peer_says_only_the_librarys_errors_come_out(
    liar: str, phase: type[Phase], told: list[tuple[Chunk, int | None, bool]]
) -> None:
    """At once or late, on chains that are open, new or closed, and the honest exchange goes on afterwards."""
    here = confronted(liar, phase)
    late = []
    for chunk, epoch, at_once in told:
        with saying(chunk, epoch):
            message = here.liar.encrypt(b"lie")
        if at_once:
            arrives(here, [message])
            here.honest_answer()
        else:
            late.append(message)
    arrives(here, late)
    assert len(snapshot(here.victim)) < PQ_STATE + 2048 + 36 * len(late) + 6 * 150
    here.recovers()


def arrives(here: Confrontation, messages: Iterable[bytes]) -> None:
    """Delivered, or refused with nothing changed."""
    for message in messages:
        before = snapshot(here.victim)
        try:
            here.victim.decrypt(message)
        except PeerError:
            assert snapshot(here.victim) == before

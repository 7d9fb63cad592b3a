"""The transitions: every phase meets every event, and does what the table says or nothing."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pq import (
    CIPHERTEXT_CHUNKS,
    KEY_CHUNKS,
    OWNER_PHASES,
    PHASES,
    SESSION_ID,
    chunks,
    exchange,
    fed,
    is_initiators,
    opened,
)
from support.spies import counted, secrets_recorded
from support.strategies import exactly, u8s, u32s

from ratchetlib import ProtocolViolation
from ratchetlib.keys import KemSeed
from ratchetlib.limits import MAX_CHUNKS
from ratchetlib.primitives.kem import Kem
from ratchetlib.ratchet.pq import NO_CHUNK, Chunk, absorb, join_epoch, next_chunk, open_chain, require_allowed
from ratchetlib.ratchet.pq.chunks import ChunkKind
from ratchetlib.ratchet.pq.codec import encode
from ratchetlib.ratchet.pq.machine import REFUSED, TRANSITIONS, Event
from ratchetlib.ratchet.pq.states import Answering, Carrying, Collecting, HasKey, Idle, PqState, Ready

if TYPE_CHECKING:
    from ratchetlib.keys import PqSecret
    from ratchetlib.ratchet.pq.states import Phase

EPOCHS = (0, 1, 6)
"""Odd and even, so that each side is the owner once."""
PAIRS = tuple(product(PHASES, Event))
LEGAL = {(row.phase, row.event): row for row in TRANSITIONS}
MIXING = {(Ready, Event.OPENS_CHAIN), (Answering, Event.NEXT_EPOCH)}
CHUNKS = {
    Event.KEY_CHUNK: (ChunkKind.KEY, KEY_CHUNKS),
    Event.CIPHERTEXT_CHUNK: (ChunkKind.CIPHERTEXT, CIPHERTEXT_CHUNKS),
}
FALSE = bytes(range(96))


def named(value: object) -> str:
    return getattr(value, "__name__", None) or getattr(value, "name", None) or str(value)


def happens(event: Event, state: PqState, chunk: Chunk = NO_CHUNK) -> tuple[PqState, PqSecret | None]:
    """What the ratchet calls at that event; the peer sends the chunk on a chain of the state's epoch."""
    match event:
        case Event.OPENS_CHAIN:
            return open_chain(state, SESSION_ID)
        case Event.SENDS:
            return next_chunk(state)[0], None
        case Event.NEXT_EPOCH:
            return join_epoch(state, state.epoch + 1)
        case Event.KEY_CHUNK | Event.CIPHERTEXT_CHUNK:
            require_allowed(state, state.epoch, chunk, from_initiator=not is_initiators(state))
            return absorb(state, state.epoch, chunk, SESSION_ID), None


def beginnings(phase: type[Phase], event: Event, epoch: int) -> list[tuple[PqState, Chunk]]:
    """The states in that phase that matter at that event, with the chunk that arrives.

    Whoever collects begins a set, completes it, or completes it with a false chunk.
    """
    of = exchange(epoch)
    state = of.of(phase)
    if event not in CHUNKS:
        return [(state, NO_CHUNK)]
    kind, needed = CHUNKS[event]
    *first, last = chunks(of.carrying if kind is ChunkKind.KEY else of.answering, needed)
    if (phase, event) not in LEGAL:
        return [(state, last)]
    return [(state, last), (fed(state, first), last), (fed(state, first), Chunk(kind, MAX_CHUNKS - 1, FALSE))]


# --- the table ----------------------------------------------------------------------------------


def test_the_table_has_each_pair_once_and_what_is_refused_apart() -> None:
    assert len(LEGAL) == len(TRANSITIONS) == 8
    assert not LEGAL.keys() & REFUSED
    assert LEGAL.keys() | REFUSED <= set(PAIRS)


def test_every_phase_is_reached_and_left() -> None:
    moves = {(row.phase, to) for row in TRANSITIONS for to in row.to if to is not row.phase}
    assert {origin for origin, _ in moves} == {to for _, to in moves} == set(PHASES)


def test_roles_swap_where_a_secret_is_mixed_and_nowhere_else() -> None:
    for row in TRANSITIONS:
        swapped = {(row.phase in OWNER_PHASES) != (to in OWNER_PHASES) for to in row.to}
        assert swapped == {(row.phase, row.event) in MIXING}


@pytest.mark.parametrize("epoch", EPOCHS)
@pytest.mark.parametrize(("phase", "event"), PAIRS, ids=named)
def test_every_phase_does_at_every_event_what_the_table_says(phase: type[Phase], event: Event, epoch: int) -> None:
    reached = set()
    for state, chunk in beginnings(phase, event, epoch):
        before = encode(state)
        if (phase, event) in REFUSED:
            with pytest.raises(ProtocolViolation):
                happens(event, state, chunk)
        else:
            after, secret = happens(event, state, chunk)
            assert (secret is not None) == ((phase, event) in MIXING)
            assert after.epoch == epoch + ((phase, event) in MIXING)
            assert (encode(after) == before) == ((phase, event) not in LEGAL)
            reached.add(type(after.phase))
        assert encode(state) == before
    if (phase, event) in LEGAL:
        assert reached == set(LEGAL[phase, event].to)


@pytest.mark.parametrize(("phase", "event"), PAIRS, ids=named)
def test_keys_and_ciphertexts_are_made_only_where_a_send_opens_a_chain(phase: type[Phase], event: Event) -> None:
    """The rule that keeps a crash from splitting the root."""
    making = {(Idle, Event.OPENS_CHAIN), (HasKey, Event.OPENS_CHAIN)}
    if (phase, event) in REFUSED:
        return
    for state, chunk in beginnings(phase, event, 0):
        with counted(Kem, "generate") as keys, counted(Kem, "encapsulate") as ciphertexts:
            happens(event, state, chunk)
        assert len(keys + ciphertexts) == ((phase, event) in making)


# --- both sides ---------------------------------------------------------------------------------


def test_both_sides_mix_the_same_secret_and_swap_roles() -> None:
    of = exchange()
    owner, sent = open_chain(of.ready, SESSION_ID)
    other, received = join_epoch(of.answering, 1)
    assert sent is not None
    assert received is not None
    assert sent.raw == received.raw
    assert owner == PqState(1, Collecting({}))
    assert other == PqState(1, Idle())
    assert (is_initiators(of.ready), is_initiators(owner)) == (True, True)
    assert (is_initiators(of.answering), is_initiators(other)) == (False, False)


def test_exchanges_follow_one_another() -> None:
    """Ten epochs in lockstep: what each side is told is what the other says, and no secret comes twice."""
    owner, other = PqState(0, Idle()), PqState(0, Collecting({}))
    secrets = set()
    for epoch in range(1, 11):
        owner = opened(owner)
        other = opened(fed(other, chunks(owner, KEY_CHUNKS)))
        owner = fed(owner, chunks(other, CIPHERTEXT_CHUNKS))
        mixed, secret = open_chain(owner, SESSION_ID)
        joined, same = join_epoch(other, mixed.epoch)
        assert secret is not None
        assert same is not None
        assert secret.raw == same.raw
        assert mixed.epoch == joined.epoch == epoch
        secrets.add(secret.raw)
        owner, other = joined, mixed
    assert len(secrets) == 10


@pytest.mark.attack("A57", "A69")
def test_the_seed_is_gone_after_decapsulation_and_the_secret_after_mixing() -> None:
    with secrets_recorded() as made:
        carrying = opened(PqState(0, Idle()))
        answering = opened(fed(PqState(0, Collecting({})), chunks(carrying, KEY_CHUNKS)))
        ready = fed(carrying, chunks(answering, CIPHERTEXT_CHUNKS))
        owner, other = opened(ready), join_epoch(answering, 1)[0]
    assert isinstance(carrying.phase, Carrying)
    assert isinstance(ready.phase, Ready)
    assert isinstance(answering.phase, Answering)
    seed, secret = carrying.phase.seed.raw, ready.phase.secret.raw
    assert {raw for raw in made if raw in encode(carrying)} == {seed}
    assert {raw for raw in made if raw in encode(ready)} == {secret}
    assert {raw for raw in made if raw in encode(answering)} == {secret}
    assert not [raw for raw in made if raw in encode(owner) + encode(other)]


# --- sending ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("phase", "kind"), [(Carrying, ChunkKind.KEY), (Answering, ChunkKind.CIPHERTEXT)], ids=named)
def test_chunks_run_through_all_points_and_begin_again(phase: type[Phase], kind: ChunkKind) -> None:
    made = chunks(exchange().of(phase), 2 * MAX_CHUNKS)
    assert [chunk.point for chunk in made] == [*range(MAX_CHUNKS)] * 2
    assert {chunk.kind for chunk in made} == {kind}
    assert len({chunk.data for chunk in made}) == MAX_CHUNKS
    assert made[:MAX_CHUNKS] == made[MAX_CHUNKS:]


@pytest.mark.parametrize("phase", [Idle, Ready, Collecting, HasKey], ids=named)
def test_there_is_nothing_to_carry_in_the_other_phases(phase: type[Phase]) -> None:
    state = exchange().of(phase)
    assert next_chunk(state) == (state, NO_CHUNK)


def test_the_next_point_runs_on_while_chunks_arrive_and_begins_anew_with_the_next_phase() -> None:
    of = exchange()
    carrying = of.carrying._replace(point=40)
    *first, last = chunks(of.answering, CIPHERTEXT_CHUNKS)
    collecting = fed(carrying, first)
    assert collecting.point == 40
    assert fed(collecting, [Chunk(ChunkKind.CIPHERTEXT, 63, FALSE)]).point == 40
    assert fed(collecting, [last]).point == 0
    assert opened(of.has_key).point == opened(of.idle).point == 0


# --- receiving ----------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [0, 5, 52])
def test_any_chunks_in_any_order_will_do(start: int) -> None:
    of = exchange()
    key = chunks(of.carrying._replace(point=start), KEY_CHUNKS)
    assert encode(fed(of.collecting, reversed(key))) == encode(of.has_key)
    ciphertext = chunks(of.answering._replace(point=start), CIPHERTEXT_CHUNKS)
    assert encode(fed(of.carrying, reversed(ciphertext))) == encode(of.ready)


@pytest.mark.attack("A70")
@pytest.mark.parametrize("step", [2, 3, 4, 5])
@pytest.mark.parametrize("residue", range(5))
def test_dropping_one_residue_class_of_chunks_stops_nothing(step: int, residue: int) -> None:
    of = exchange()
    passed = [chunk for chunk in chunks(of.carrying, MAX_CHUNKS) if chunk.point % step != residue % step]
    assert isinstance(fed(of.collecting, passed).phase, HasKey)


@pytest.mark.attack("A68")
@pytest.mark.parametrize("phase", [Carrying, Collecting], ids=named)
def test_one_false_chunk_costs_one_set(phase: type[Phase]) -> None:
    """Neither taken first, in the middle nor last does it do more: the next whole set of true ones is enough."""
    of = exchange()
    state = of.of(phase)
    sender, needed, kind = (
        (of.carrying, KEY_CHUNKS, ChunkKind.KEY)
        if phase is Collecting
        else (of.answering, CIPHERTEXT_CHUNKS, ChunkKind.CIPHERTEXT)
    )
    true = chunks(sender, needed)
    for position in range(needed):
        poisoned = [*true[:position], Chunk(kind, 63, FALSE), *true[position:]]
        assert encode(fed(fed(state, poisoned), true)) == encode(fed(state, true))


@pytest.mark.attack("A68")
def test_a_contradicting_chunk_begins_a_new_set() -> None:
    of = exchange()
    twelve = fed(of.collecting, chunks(of.carrying, 12))
    contradicted = fed(twelve, [Chunk(ChunkKind.KEY, 3, FALSE)])
    assert contradicted.phase == Collecting({3: FALSE})


@pytest.mark.attack("A69")
@pytest.mark.parametrize("behind", [-3, -1, 1, 2])
def test_chunks_of_another_epoch_change_nothing(behind: int) -> None:
    of = exchange(6)
    for state in of:
        for chunk in (*chunks(of.carrying, 1), *chunks(of.answering, 1)):
            assert absorb(state, state.epoch + behind, chunk, SESSION_ID) is state


def test_chunks_of_a_finished_set_change_nothing() -> None:
    of = exchange()
    for state in (of.has_key, of.answering):
        assert fed(state, chunks(of.carrying, MAX_CHUNKS)) is state
    assert fed(of.ready, chunks(of.answering, MAX_CHUNKS)) is of.ready


def test_an_idle_field_changes_nothing() -> None:
    for state in exchange():
        require_allowed(state, state.epoch, NO_CHUNK, from_initiator=not is_initiators(state))
        assert fed(state, [NO_CHUNK]) is state


@pytest.mark.parametrize("epoch", EPOCHS)
@pytest.mark.parametrize("phase", PHASES, ids=named)
def test_a_chain_of_the_epoch_at_hand_mixes_nothing(phase: type[Phase], epoch: int) -> None:
    state = exchange(epoch).of(phase)
    assert join_epoch(state, epoch) == (state, None)


@pytest.mark.attack("A65", "A68")
@pytest.mark.parametrize("phase", PHASES, ids=named)
@pytest.mark.parametrize("epoch", [0, 4, 5, 8, 7 + 2**31, 2**32 - 1])
def test_a_chain_of_any_other_epoch_is_refused(phase: type[Phase], epoch: int) -> None:
    with pytest.raises(ProtocolViolation):
        join_epoch(exchange(6).of(phase), epoch)


# --- what a header may not say ------------------------------------------------------------------


def refused(state: PqState, chunk: Chunk, *, epoch: int | None = None) -> None:
    before = encode(state)
    with pytest.raises(ProtocolViolation):
        require_allowed(state, state.epoch if epoch is None else epoch, chunk, from_initiator=not is_initiators(state))
    assert encode(state) == before


@pytest.mark.attack("A68")
@pytest.mark.parametrize("phase", PHASES, ids=named)
def test_no_chunk_has_another_kind(phase: type[Phase]) -> None:
    state = exchange().of(phase)
    for kind in range(3, 256):
        refused(state, Chunk(kind, 0, FALSE))


@pytest.mark.attack("A68")
@pytest.mark.parametrize("phase", PHASES, ids=named)
@pytest.mark.parametrize("point", [64, 65, 128, 255])
def test_no_chunk_has_a_point_beyond_the_code(phase: type[Phase], point: int) -> None:
    for kind in ChunkKind:
        refused(exchange().of(phase), Chunk(kind, point, FALSE))


@pytest.mark.attack("A68")
@pytest.mark.parametrize("phase", PHASES, ids=named)
def test_an_idle_field_is_zero(phase: type[Phase]) -> None:
    state = exchange().of(phase)
    refused(state, Chunk(ChunkKind.NONE, 1, NO_CHUNK.data))
    for position in (0, 95):
        data = bytearray(96)
        data[position] = 1
        refused(state, Chunk(ChunkKind.NONE, 0, bytes(data)))


@pytest.mark.attack("A69")
@pytest.mark.parametrize("phase", PHASES, ids=named)
def test_late_chunks_are_held_to_the_role_of_their_own_epoch(phase: type[Phase]) -> None:
    """On a chain of an earlier epoch the roles were the other way round, every second time."""
    state = exchange(6).of(phase)
    owner = phase in OWNER_PHASES
    for epoch in range(6):
        owned = owner == (epoch % 2 == 0)
        right, wrong = (ChunkKind.CIPHERTEXT, ChunkKind.KEY) if owned else (ChunkKind.KEY, ChunkKind.CIPHERTEXT)
        require_allowed(state, epoch, Chunk(right, 0, FALSE), from_initiator=not is_initiators(state))
        refused(state, Chunk(wrong, 0, FALSE), epoch=epoch)


chunks_of_any_kind = st.builds(Chunk, u8s | st.sampled_from([0, 1, 2]), u8s, exactly(96) | st.just(bytes(96)))


@pytest.mark.attack("A65", "A68")
@given(st.sampled_from([*exchange(0), *exchange(1)]), st.integers(0, 3) | u32s, chunks_of_any_kind)
def test_whatever_the_header_says_only_the_librarys_error_comes_out(state: PqState, epoch: int, chunk: Chunk) -> None:
    before = encode(state)
    try:
        joined, _ = join_epoch(state, epoch)
        require_allowed(joined, epoch, chunk, from_initiator=not is_initiators(state))
        absorbed = absorb(joined, epoch, chunk, SESSION_ID)
    except ProtocolViolation:
        pass
    else:
        assert len(encode(absorbed)) <= 4 + 1 + 1 + KemSeed.LENGTH + 1248 + 1 + 11 * 97
    assert encode(state) == before

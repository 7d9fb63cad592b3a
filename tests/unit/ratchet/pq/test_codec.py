"""The post-quantum ratchet in the sealed state: what is written is read back, and nothing else is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pq import (
    CIPHERTEXT_CHUNKS,
    KEY_CHUNKS,
    SESSION_ID,
    chunks,
    exchange,
    fed,
    is_initiators,
    opened,
)
from support.strategies import damaged, exactly

from ratchetlib import StateTampered
from ratchetlib.keys import KemPublicKey, KemSeed, PqSecret
from ratchetlib.limits import MAX_CHUNKS
from ratchetlib.primitives.kem import ML_KEM_768
from ratchetlib.ratchet.pq import join_epoch, open_chain
from ratchetlib.ratchet.pq.codec import decode, encode
from ratchetlib.ratchet.pq.erasure import Encoder
from ratchetlib.ratchet.pq.states import Answering, Carrying, Collecting, HasKey, Idle, PqState, Ready
from ratchetlib.ratchet.pq.streams import CIPHERTEXT_CODE, offer
from ratchetlib.wire import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = bytes(range(96))


def read(encoded: bytes, *, initiator: bool) -> PqState:
    reader = Reader(encoded, StateTampered)
    state = decode(reader, initiator=initiator)
    reader.end()
    return state


def reread(state: PqState) -> PqState:
    encoded = encode(state)
    back = read(encoded, initiator=is_initiators(state))
    assert encode(back) == encoded
    return back


def refused(encoded: bytes, *, initiator: bool = False) -> None:
    with pytest.raises(StateTampered):
        read(encoded, initiator=initiator)


def mixed(state: PqState) -> bytes:
    """The secret that the state is about to mix."""
    if isinstance(state.phase, Ready):
        _, secret = open_chain(state, SESSION_ID)
    else:
        _, secret = join_epoch(state, state.epoch + 1)
    if secret is None:
        raise RuntimeError("no secret in hand")
    return secret.raw


def written() -> Iterator[PqState]:
    """Every phase, in an odd and an even epoch, with nothing, something and everything but one chunk collected."""
    for epoch in (0, 1):
        of = exchange(epoch)
        yield from of
        for count in (1, 11):
            yield fed(of.carrying._replace(point=63), chunks(of.answering, count))
        for count in (1, 12):
            yield fed(of.collecting, reversed(chunks(of.carrying, count)))


def told(state: PqState) -> str:
    return f"{state.epoch}-{type(state.phase).__name__}-{len(getattr(state.phase, 'collected', ()))}"


every_state = pytest.mark.parametrize("state", list(written()), ids=told)


@every_state
def test_what_is_written_is_read_back(state: PqState) -> None:
    back = reread(state)
    assert (back.epoch, type(back.phase), back.point) == (state.epoch, type(state.phase), state.point)


@pytest.mark.attack("A66")
@every_state
def test_an_exchange_goes_on_after_a_restart_in_any_phase(state: PqState) -> None:
    of = exchange(state.epoch)
    back = reread(state)
    assert chunks(back, MAX_CHUNKS) == chunks(state, MAX_CHUNKS)
    match back.phase:
        case Collecting():
            assert fed(back, chunks(of.carrying, KEY_CHUNKS)) == of.has_key
        case Carrying():
            assert encode(fed(back, chunks(of.answering, CIPHERTEXT_CHUNKS))) == encode(of.ready)
        case Ready() | Answering():
            assert mixed(back) == mixed(state)
        case Idle() | HasKey():
            assert type(opened(back).phase) is type(opened(state).phase)


@every_state
def test_every_truncation_is_refused(state: PqState) -> None:
    encoded = encode(state)
    for length in range(len(encoded)):
        refused(encoded[:length], initiator=is_initiators(state))


@every_state
def test_the_state_of_the_other_role_is_refused(state: PqState) -> None:
    refused(encode(state), initiator=not is_initiators(state))


@pytest.mark.parametrize("key", [b"\xff" * 1_184, bytes(1_152) + bytes(range(32))], ids=["not reduced", "zero"])
def test_a_key_that_nobody_could_encapsulate_to_is_refused(key: bytes) -> None:
    of = exchange(1)
    read(encode(of.has_key), initiator=is_initiators(of.has_key))
    refused(encode(of.has_key._replace(phase=HasKey(KemPublicKey(key)))), initiator=is_initiators(of.has_key))


@given(st.data())
def test_whatever_is_read_has_one_encoding(data: st.DataObject) -> None:
    state = data.draw(st.sampled_from(list(written())))
    initiator = is_initiators(state)
    encoded = data.draw(damaged(encode(state)) | st.binary(max_size=200))
    try:
        back = read(encoded, initiator=initiator)
    except StateTampered:
        return
    assert encode(back) == encoded


@given(
    st.dictionaries(st.integers(0, MAX_CHUNKS - 1), exactly(96), max_size=KEY_CHUNKS - 1), st.sampled_from([0, 1, 6])
)
def test_any_incomplete_set_is_kept(collected: dict[int, bytes], epoch: int) -> None:
    assert reread(PqState(epoch, Collecting(collected))).phase == Collecting(collected)


@pytest.mark.attack("A66")
def test_standard_encodings_alone_are_written() -> None:
    """A seed, an encapsulation key, a ciphertext, a secret of 32 bytes: never what a library expands them to."""
    of = exchange()
    lengths = [len(encode(state)) - 6 for state in of]
    assert lengths == [0, 64 + 1248 + 1, 32, 1, 1184, 32 + 1152]
    assert isinstance(of.carrying.phase, Carrying)
    assert encode(of.carrying)[6:70] == of.carrying.phase.seed.raw
    assert isinstance(of.has_key.phase, HasKey)
    assert encode(of.has_key)[6:] == ML_KEM_768.public_key(of.carrying.phase.seed) == of.has_key.phase.key


def test_the_layout_is_frozen() -> None:
    seed, secret = KemSeed(bytes(range(64))), PqSecret(bytes(range(32)))
    key = ML_KEM_768.public_key(seed)
    encoder = Encoder(CIPHERTEXT_CODE, bytes(n % 251 for n in range(1152)))
    states = [
        PqState(2, Idle()),
        PqState(2, Carrying(seed, offer(key), {9: CHUNK, 3: CHUNK[::-1]}), 5),
        PqState(2, Ready(secret)),
        PqState(3, Collecting({63: CHUNK, 0: CHUNK[::-1]})),
        PqState(3, HasKey(key)),
        PqState(3, Answering(secret, encoder), 63),
    ]
    encoded = [encode(state) for state in states]
    assert encoded[0] == bytes.fromhex("000000020000")
    assert encoded[2] == bytes.fromhex("000000020002") + bytes(range(32))
    assert encoded[3] == bytes.fromhex("00000003000302") + b"\0" + CHUNK[::-1] + b"\x3f" + CHUNK
    digest = "416c97f8ca9a8b75ee39b2d795badb0fdf217dceb9f661f7785d45acf7485885"
    assert hashlib.sha256(b"".join(encoded)).hexdigest() == digest


def test_what_is_no_phase_is_not_written() -> None:
    with pytest.raises(TypeError):
        encode(PqState(0, PqState))  # type: ignore[arg-type]


# --- refusals -----------------------------------------------------------------------------------


def collecting(*points: int, count: int | None = None) -> bytes:
    return (
        bytes(5)
        + b"\3"
        + bytes([len(points) if count is None else count])
        + b"".join(bytes([point]) + CHUNK for point in points)
    )


def test_chunks_are_read_in_ascending_order_only() -> None:
    read(collecting(1, 2, 63), initiator=False)
    refused(collecting(2, 1))
    refused(collecting(1, 3, 2))


def test_no_chunk_is_there_twice() -> None:
    refused(collecting(1, 1))
    refused(collecting(1, 2, 2))


def test_a_point_beyond_the_code_is_refused() -> None:
    refused(collecting(1, 64))
    refused(collecting(255))


def test_a_complete_set_is_refused() -> None:
    read(collecting(*range(KEY_CHUNKS - 1)), initiator=False)
    refused(collecting(*range(KEY_CHUNKS)))
    of = exchange()
    eleven = encode(fed(of.carrying, chunks(of.answering, CIPHERTEXT_CHUNKS - 1)))
    count = eleven.rindex(bytes([CIPHERTEXT_CHUNKS - 1]), 0, 6 + 64 + 1248 + 1)
    read(eleven, initiator=True)
    refused(eleven[:count] + bytes([CIPHERTEXT_CHUNKS]) + eleven[count + 1 :] + b"\x3f" + CHUNK, initiator=True)


@pytest.mark.parametrize("tag", [6, 7, 255])
def test_there_are_six_phases(tag: int) -> None:
    for initiator in (False, True):
        refused(bytes(5) + bytes([tag]), initiator=initiator)


def test_a_next_chunk_is_one_of_the_code() -> None:
    of = exchange()
    for state in (of.carrying, of.answering):
        reread(state._replace(point=MAX_CHUNKS - 1))
        for point in (MAX_CHUNKS, 255):
            refused(encode(state._replace(point=point)), initiator=is_initiators(state))


def test_who_carries_nothing_has_no_next_chunk() -> None:
    of = exchange()
    for state in (of.idle, of.ready, of.collecting, of.has_key):
        refused(encode(state._replace(point=1)), initiator=is_initiators(state))

"""The whole state of a session: its sealed content, and what its messages are bound to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pair import initiate, make_pair
from support.strategies import damaged

from ratchetlib import StateTampered
from ratchetlib.session.state import SessionState, decode, encode
from ratchetlib.wire import Reader


def read(encoded: bytes) -> SessionState:
    reader = Reader(encoded, StateTampered)
    state = decode(reader)
    reader.end()
    return state


def refused(encoded: bytes) -> None:
    with pytest.raises(StateTampered):
        read(encoded)


def states() -> dict[str, SessionState]:
    *_, fresh = initiate()
    pair = make_pair()
    unconfirmed = pair.alice._state
    pair.confirm()
    return {
        "before the first message": fresh._state,
        "unconfirmed": unconfirmed,
        "confirmed": pair.alice._state,
        "responder": pair.bob._state,
    }


STATES = states()
UNCONFIRMED, CONFIRMED, RESPONDER = (
    encode(STATES["unconfirmed"]),
    encode(STATES["confirmed"]),
    encode(STATES["responder"]),
)
FACTS = 1 + 32 + (4 + len(b"alice/laptop")) + 128 + (4 + len(b"bob/phone")) + 8
"""Bytes in front of the handshake's part; the two addresses stand the other way round in Bob's state."""


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_written_and_read(name: str) -> None:
    state = STATES[name]
    again = read(encode(state))
    assert encode(again) == encode(state)
    assert again.facts == state.facts
    assert again.unconfirmed == state.unconfirmed
    assert again.accepted_prefix == state.accepted_prefix
    assert again.bindings == state.bindings


@given(st.sampled_from([UNCONFIRMED, CONFIRMED, RESPONDER]).flatmap(damaged) | st.binary(max_size=400))
def test_whatever_is_read_has_one_encoding(encoded: bytes) -> None:
    try:
        state = read(encoded)
    except StateTampered:
        return
    assert encode(state) == encoded


@pytest.mark.parametrize("encoded", [UNCONFIRMED, CONFIRMED, RESPONDER])
def test_every_truncation_is_refused(encoded: bytes) -> None:
    for length in range(len(encoded)):
        refused(encoded[:length])


@pytest.mark.parametrize("direction", [0, 3, 255])
def test_there_are_two_directions(direction: int) -> None:
    refused(bytes([direction]) + CONFIRMED[1:])


def test_an_address_is_1_to_128_bytes() -> None:
    for length in (0, 129):
        refused(CONFIRMED[:33] + length.to_bytes(4, "big") + CONFIRMED[37:])


@pytest.mark.parametrize("field", ["our_address", "peer_address"])
def test_an_address_of_1_to_128_bytes_is_read_and_none_is_not(field: str) -> None:
    state = STATES["confirmed"]
    for address in (b"a", b"a" * 128):
        facts = state.facts._replace(**{field: address})
        assert read(encode(state._replace(facts=facts))).facts == facts
    for address in (b"", b"a" * 129):
        refused(encode(state._replace(facts=state.facts._replace(**{field: address}))))


def test_a_session_is_unconfirmed_or_not() -> None:
    assert (UNCONFIRMED[FACTS], CONFIRMED[FACTS]) == (1, 0)
    refused(CONFIRMED[:FACTS] + b"\2" + CONFIRMED[FACTS + 1 :])


def test_the_unconfirmed_state_keeps_what_it_repeats_and_until_when() -> None:
    unconfirmed = STATES["unconfirmed"].unconfirmed
    assert unconfirmed is not None
    kept = unconfirmed.not_after.to_bytes(8, "big") + unconfirmed.prefix
    assert UNCONFIRMED[FACTS + 1 :].startswith(kept)
    assert unconfirmed.prefix not in CONFIRMED


def test_the_responders_state_keeps_the_hash_of_the_prefix() -> None:
    accepted = STATES["responder"].accepted_prefix
    assert accepted is not None
    assert RESPONDER[FACTS : FACTS + 64] == accepted


def test_a_responder_takes_initial_messages_and_an_initiator_none() -> None:
    assert STATES["responder"].bindings.receiving_initial is not None
    assert STATES["unconfirmed"].bindings.receiving_initial is None
    assert STATES["confirmed"].bindings.receiving_initial is None


def test_each_side_receives_what_the_other_sends() -> None:
    pair = make_pair()
    assert pair.alice._state.bindings.sending == pair.bob._state.bindings.receiving_initial
    assert pair.bob._state.bindings.sending == pair.alice._state.bindings.receiving
    pair.confirm()
    assert pair.alice._state.bindings.sending == pair.bob._state.bindings.receiving


def test_a_state_moves_without_new_bindings() -> None:
    for state in STATES.values():
        assert state.moved(state.ratchet) == state
        assert state.moved(state.ratchet).bindings is state.bindings


def test_a_confirmed_state_has_forgotten_the_handshake() -> None:
    state = STATES["unconfirmed"]
    confirmed = state.confirmed(state.ratchet)
    assert confirmed.unconfirmed is None
    assert confirmed.bindings.sending.header != state.bindings.sending.header
    assert confirmed.facts == state.facts

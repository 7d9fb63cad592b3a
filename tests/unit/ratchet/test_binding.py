"""What messages are bound to: the exact bytes, and that no two inputs give the same ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import exactly

from ratchetlib.ratchet import Binding, Direction, MessageType

SESSION_ID = b"s" * 32
PREFIX_HASH = b"p" * 64
FORTH, BACK = Direction.INITIATOR_TO_RESPONDER, Direction.RESPONDER_TO_INITIATOR


def lp(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def test_the_bytes_are_the_specified_ones() -> None:
    binding = Binding.of(SESSION_ID, FORTH, MessageType.INITIAL, PREFIX_HASH)
    assert binding.header == lp(b"ratchetlib/1 header") + b"\1\1" + SESSION_ID + b"\1" + PREFIX_HASH
    assert binding.body == lp(b"ratchetlib/1 body") + SESSION_ID + b"\1"
    assert binding.body_data(b"h" * 158, b"caller's") == binding.body + b"h" * 158 + lp(b"caller's")
    binding = Binding.of(SESSION_ID, BACK, MessageType.ORDINARY, b"")
    assert binding.header == lp(b"ratchetlib/1 header") + b"\1\2" + SESSION_ID + b"\2"
    assert (binding.session_id, binding.direction) == (SESSION_ID, BACK)


def test_each_direction_is_the_reverse_of_the_other() -> None:
    assert (FORTH.reverse, BACK.reverse) == (BACK, FORTH)


@pytest.mark.attack("A10", "A23")
def test_type_direction_session_and_prefix_are_all_in_the_headers_binding() -> None:
    headers = {
        Binding.of(session_id, direction, message_type, prefix_hash).header
        for session_id in (SESSION_ID, b"t" * 32)
        for direction in Direction
        for message_type, prefix_hash in [
            (MessageType.ORDINARY, b""),
            (MessageType.INITIAL, PREFIX_HASH),
            (MessageType.INITIAL, b"q" * 64),
        ]
    }
    assert len(headers) == 12


pieces = st.tuples(exactly(158), st.binary(max_size=40))


@pytest.mark.attack("A45")
@given(pieces, pieces)
def test_the_bodys_binding_is_injective(one: tuple[bytes, bytes], other: tuple[bytes, bytes]) -> None:
    binding = Binding.of(SESSION_ID, FORTH, MessageType.ORDINARY, b"")
    assert (binding.body_data(*one) == binding.body_data(*other)) == (one == other)

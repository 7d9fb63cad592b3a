"""The ratchet's sealed content: what is written is read back, and nothing else is."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ratchets import ends, talking
from support.strategies import damaged

from ratchetlib import StateTampered
from ratchetlib.keys import DhPublicKey, MessageKey
from ratchetlib.limits import MAX_CHAIN_LENGTH, MAX_CLOSED_CHAINS, MAX_STORED_SKIPPED
from ratchetlib.primitives.answers import X25519_NON_CANONICAL, X25519_ORDER_8
from ratchetlib.ratchet.codec import decode, encode
from ratchetlib.wire import Reader

if TYPE_CHECKING:
    from ratchetlib.ratchet import RatchetState
    from ratchetlib.ratchet.chains import ReceivingChain


def read(encoded: bytes, *, initiator: bool) -> RatchetState:
    reader = Reader(encoded, StateTampered)
    state = decode(reader, initiator=initiator)
    reader.end()
    return state


def refused(state: RatchetState, *, initiator: bool = False) -> None:
    with pytest.raises(StateTampered):
        read(encode(state), initiator=initiator)


def busy() -> RatchetState:
    """A responder's state with everything in it: an open sending chain, closed chains, keys kept, keys evicted."""
    alice, bob = talking(3)
    for _ in range(3):
        alice.send()
        bob.receive(alice.send())
    alice.receive(bob.send())
    alice.send()
    bob.receive(alice.send())
    bob.state = bob.state._replace(evicted=7, last_eviction=3)
    bob.send()
    return bob.state


BUSY = busy()
ENCODED = encode(BUSY)


def test_a_session_survives_being_written_and_read_at_every_step() -> None:
    alice, bob = ends()
    source = random.Random(7)
    for _ in range(300):
        sender, receiver = source.choice([(alice, bob), (bob, alice)]) if bob.signed_prekey is None else (alice, bob)
        frames = [sender.send() for _ in range(source.randrange(1, 4))]
        source.shuffle(frames)
        for frame in frames[: source.randrange(1, 4)]:
            receiver.receive(frame)
        for end, initiator in ((alice, True), (bob, False)):
            encoded = encode(end.state)
            end.state = read(encoded, initiator=initiator)
            assert encode(end.state) == encoded
    assert alice.state.pq.epoch > 1


@given(damaged(ENCODED) | st.binary(max_size=400))
def test_whatever_is_read_has_one_encoding(encoded: bytes) -> None:
    try:
        state = read(encoded, initiator=False)
    except StateTampered:
        return
    assert encode(state) == encoded


def test_every_truncation_is_refused() -> None:
    for length in range(len(ENCODED)):
        with pytest.raises(StateTampered):
            read(ENCODED[:length], initiator=False)


def test_the_state_of_the_other_role_is_refused() -> None:
    refused(BUSY, initiator=True)


def with_current(**changes: Any) -> RatchetState:
    return BUSY._replace(receiving=current()._replace(**changes))


def current() -> ReceivingChain:
    if BUSY.receiving is None:
        raise RuntimeError("a busy state has received")
    return BUSY.receiving


def test_receiving_chains_are_one_open_one_and_at_most_five_closed_ones() -> None:
    closed = current()._replace(chain_key=None)
    read(encode(BUSY._replace(closed=(closed,) * MAX_CLOSED_CHAINS)), initiator=False)
    refused(BUSY._replace(closed=(closed,) * (MAX_CLOSED_CHAINS + 1)))
    refused(BUSY._replace(closed=(current(),)))
    refused(BUSY._replace(receiving=closed))
    refused(BUSY._replace(receiving=closed, closed=()))


def test_stored_keys_are_at_most_as_many_as_a_session_stores() -> None:
    key = next(iter(current().skipped.values()))
    half = dict.fromkeys(range(MAX_STORED_SKIPPED // 2), key)
    chain = current()._replace(skipped=half, number=MAX_STORED_SKIPPED, evicted_below=0)
    closed = chain._replace(chain_key=None)
    read(encode(BUSY._replace(receiving=chain, closed=(closed,))), initiator=False)
    one_more = closed._replace(skipped={**half, MAX_STORED_SKIPPED - 1: key})
    refused(BUSY._replace(receiving=chain, closed=(one_more,)))
    refused(with_current(skipped=dict.fromkeys(range(MAX_STORED_SKIPPED + 1), key), number=MAX_STORED_SKIPPED + 1))


def test_stored_keys_ascend_between_the_evicted_and_the_next_number() -> None:
    key = next(iter(current().skipped.values()))
    read(encode(with_current(skipped={2: key, 5: key}, number=6, evicted_below=2)), initiator=False)
    refused(with_current(skipped={5: key, 2: key}, number=6, evicted_below=2))
    refused(with_current(skipped={2: key, 5: key}, number=5, evicted_below=2))
    refused(with_current(skipped={2: key, 5: key}, number=6, evicted_below=3))
    refused(with_current(skipped={}, number=3, evicted_below=4))


def test_no_key_is_stored_twice_under_one_number() -> None:
    one, other = MessageKey(b"1" * 32), MessageKey(b"2" * 32)
    encoded = encode(with_current(skipped={2: one, 5: other}, number=6, evicted_below=0))
    twice = encoded.replace((5).to_bytes(4, "big") + other.raw, (2).to_bytes(4, "big") + other.raw)
    assert twice != encoded
    with pytest.raises(StateTampered):
        read(twice, initiator=False)


@pytest.mark.parametrize("key", [bytes(32), X25519_ORDER_8, X25519_NON_CANONICAL], ids=["zero", "order 8", "alias"])
def test_a_ratchet_key_that_no_reply_could_answer_is_refused(key: bytes) -> None:
    refused(BUSY._replace(turn=BUSY.turn._replace(peer_ratchet_key=DhPublicKey(key))))


def test_no_length_exceeds_the_longest_chain() -> None:
    longest = MAX_CHAIN_LENGTH
    assert BUSY.sending is not None
    chain = current()._replace(previous_length=longest, number=longest, evicted_below=longest, skipped={})
    read(encode(BUSY._replace(receiving=chain)), initiator=False)
    refused(with_current(previous_length=longest + 1))
    refused(with_current(number=longest + 1))
    refused(with_current(evicted_below=longest + 1))
    refused(BUSY._replace(turn=BUSY.turn._replace(previous_length=longest + 1)))
    read(encode(BUSY._replace(sending=BUSY.sending._replace(number=longest))), initiator=False)
    refused(BUSY._replace(sending=BUSY.sending._replace(number=longest + 1)))


def test_a_flag_is_zero_or_one() -> None:
    with pytest.raises(StateTampered):
        read(ENCODED[:32] + b"\2" + ENCODED[33:], initiator=False)

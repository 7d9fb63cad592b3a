"""Receiving chains as values: which key comes for which number, and what is said when it is gone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.spies import derivations

from ratchetlib import (
    AuthenticationError,
    DuplicateMessage,
    MessageKeyEvicted,
    RatchetError,
    SessionForked,
    TooManySkipped,
)
from ratchetlib.keys import ChainKey, DhPublicKey
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.ratchet.chains import ReceivingChain
from ratchetlib.ratchet.header import Header
from ratchetlib.ratchet.pq import NO_CHUNK

RATCHET_KEY = DhPublicKey(b"r" * 32)
HEADER = Header(RATCHET_KEY, 5, 0, 2, NO_CHUNK)


def key_of(number: int) -> bytes:
    """The message key of a number, stepping from the beginning."""
    chain_key = ChainKey(b"c" * 32)
    for _ in range(number):
        chain_key, _ = chain_step(chain_key)
    return chain_step(chain_key)[1].raw


@pytest.fixture
def chain() -> ReceivingChain:
    return fresh()


def fresh() -> ReceivingChain:
    return ReceivingChain.opened(HeaderKey(b"h" * 32), ChainKey(b"c" * 32), RATCHET_KEY, HEADER)


def refusal(chain: ReceivingChain, number: int) -> type[RatchetError]:
    with pytest.raises(RatchetError) as refused, derivations() as derived:
        chain.take(number)
    assert derived == []
    return refused.type


def test_a_chain_begins_with_what_its_header_says(chain: ReceivingChain) -> None:
    assert (chain.ratchet_key, chain.previous_length, chain.pq_epoch) == (RATCHET_KEY, 5, 2)
    assert (chain.number, dict(chain.skipped), chain.evicted_below) == (0, {}, 0)


def test_keys_come_in_order(chain: ReceivingChain) -> None:
    for number in range(4):
        chain, key = chain.take(number)
        assert key.raw == key_of(number)
        assert chain.number == number + 1
    assert not chain.skipped


@pytest.mark.attack("A58")
def test_a_gap_keeps_message_keys_and_not_the_chain_key_below_them(chain: ReceivingChain) -> None:
    ahead, key = chain.take(3)
    assert key.raw == key_of(3)
    assert {number: key.raw for number, key in ahead.skipped.items()} == {n: key_of(n) for n in range(3)}
    assert ahead.chain_key is not None
    assert chain_step(ahead.chain_key)[1].raw == key_of(4)


def test_a_step_leaves_the_chain_before_it_as_it_was(chain: ReceivingChain) -> None:
    ahead, _ = chain.take(3)
    behind, _ = ahead.take(1)
    ahead.evict(2)
    further, _ = ahead.take(6)
    assert not chain.skipped
    assert [*ahead.skipped] == [0, 1, 2]
    assert [*behind.skipped] == [0, 2]
    assert [*further.skipped] == [0, 1, 2, 4, 5]


@given(st.permutations(range(8)))
def test_every_key_comes_once_in_any_order(order: list[int]) -> None:
    chain = fresh()
    for number in order:
        chain, key = chain.take(number)
        assert key.raw == key_of(number)
        assert refusal(chain, number) is DuplicateMessage
    assert not chain.skipped
    assert [*chain.skipped] == sorted(chain.skipped)


@pytest.mark.attack("A34", "A37")
def test_a_gap_of_a_thousand_is_the_largest_and_costs_nothing_beyond(chain: ReceivingChain) -> None:
    ahead, _ = chain.take(1000)
    assert len(ahead.skipped) == 1000
    chain, _ = chain.take(0)
    assert refusal(chain, 1002) is TooManySkipped
    assert refusal(chain, 2**32 - 1) is TooManySkipped
    chain.take(1001)


def test_what_was_evicted_is_told_from_what_was_delivered(chain: ReceivingChain) -> None:
    ahead, _ = chain.take(6)
    ahead, _ = ahead.take(1)
    evicted = ahead.evict(2)
    assert [*evicted.skipped] == [3, 4, 5]
    assert {number: refusal(evicted, number) for number in (0, 1, 2)} == dict.fromkeys(range(3), MessageKeyEvicted)
    evicted, _ = evicted.take(3)
    assert refusal(evicted, 3) is DuplicateMessage
    assert refusal(evicted, 6) is DuplicateMessage


def test_evicting_nothing_changes_nothing(chain: ReceivingChain) -> None:
    ahead, _ = chain.take(2)
    assert ahead.evict(0) == ahead
    once = ahead.evict(1)
    assert once.evict(0).evicted_below == 1


def test_a_closed_chain_keeps_the_keys_up_to_its_length_and_no_chain_key(chain: ReceivingChain) -> None:
    chain, _ = chain.take(1)
    closed = chain.close(4)
    assert closed.chain_key is None
    assert [*closed.skipped] == [0, 2, 3]
    for number in (3, 0, 2):
        closed, key = closed.take(number)
        assert key.raw == key_of(number)
    assert refusal(closed, 1) is DuplicateMessage


def test_a_closed_chain_keeps_its_header_key_and_not_the_cipher(chain: ReceivingChain) -> None:
    chain.header_key.seal(bytes(12), b"header", b"")
    closed = chain.close(0)
    assert closed.header_key.raw == chain.header_key.raw
    assert chain.header_key._cipher is not None
    assert closed.header_key._cipher is None


@pytest.mark.parametrize("beyond", [4, 5, 2**24 - 1])
def test_a_message_behind_the_end_of_a_closed_chain_does_not_authenticate(chain: ReceivingChain, beyond: int) -> None:
    """Its key is gone, and the peer may have lost a save."""
    assert refusal(chain.close(4), beyond) is AuthenticationError


@pytest.mark.parametrize("length", [0, 2, 3])
def test_a_length_below_what_was_received_closes_and_skips_nothing(chain: ReceivingChain, length: int) -> None:
    for number in range(3):
        chain, _ = chain.take(number)
    closed = chain.close(length)
    assert closed.chain_key is None
    assert (closed.number, dict(closed.skipped)) == (3, {})


def test_closing_twice_changes_nothing_more(chain: ReceivingChain) -> None:
    closed = chain.close(4)
    again = closed.close(9)
    assert (again.number, again.skipped, again.chain_key) == (closed.number, closed.skipped, None)


@pytest.mark.attack("A41")
@pytest.mark.parametrize("changes", [{"ratchet_key": b"R" * 32}, {"previous_length": 4}, {"pq_epoch": 3}])
def test_a_header_that_contradicts_its_chain_is_a_fork(chain: ReceivingChain, changes: dict[str, Any]) -> None:
    chain.require_constant(HEADER._replace(number=9))
    with pytest.raises(SessionForked):
        chain.require_constant(HEADER._replace(**changes))

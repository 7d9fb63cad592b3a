"""Numbers from outside that become keys of a dictionary: too small to collide, too few to matter."""

from __future__ import annotations

import sys

import pytest
from support.forge import forged
from support.pair import make_pair, snapshot

from ratchetlib import ProtocolViolation, TooManySkipped
from ratchetlib.limits import MAX_CHAIN_LENGTH, MAX_SKIP
from ratchetlib.wire import U32_MAX

SMALLEST_MODULUS = 2**31 - 1
"""Of CPython's hash of integers, on a 32-bit machine; two numbers collide if they differ by a multiple of it."""


@pytest.mark.attack("A98")
@pytest.mark.parametrize("number", [MAX_CHAIN_LENGTH, SMALLEST_MODULUS, 2 * SMALLEST_MODULUS, U32_MAX])
def test_a_number_that_could_collide_never_becomes_a_key(number: int) -> None:
    assert sys.hash_info.modulus >= SMALLEST_MODULUS > MAX_CHAIN_LENGTH
    pair = make_pair().confirm()
    pair.bob.decrypt(pair.alice.encrypt(b""))
    before = snapshot(pair.bob)
    with pytest.raises(ProtocolViolation):
        pair.bob.decrypt(forged(pair.alice, number=number))
    assert snapshot(pair.bob) == before


@pytest.mark.attack("A98")
def test_a_peer_does_not_choose_which_numbers_are_kept() -> None:
    """They are the gap before the message: as many keys as are missing, in order, and no more than may be."""
    pair = make_pair().confirm()
    pair.bob.decrypt(pair.alice.encrypt(b""))
    for _ in range(3):
        pair.alice.encrypt(b"lost")
    pair.bob.decrypt(pair.alice.encrypt(b""))
    receiving = pair.bob._state.ratchet.receiving
    assert receiving is not None
    assert list(receiving.skipped) == [1, 2, 3]
    with pytest.raises(TooManySkipped):
        pair.bob.decrypt(forged(pair.alice, number=5 + MAX_SKIP + 1))

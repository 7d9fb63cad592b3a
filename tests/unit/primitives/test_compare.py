from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import cut_or_extended, flips
from support.spies import counted

from ratchetlib.primitives.compare import equal

GENUINE = bytes(range(32))


@given(ours=st.binary(), theirs=st.binary())
def test_it_is_equality(ours: bytes, theirs: bytes) -> None:
    assert equal(ours, theirs) is (ours == theirs)
    assert equal(ours, bytes(ours))


def test_every_bit_and_every_byte_counts() -> None:
    assert not any(equal(GENUINE, other) for other in flips(GENUINE))
    assert not any(equal(GENUINE, other) for other in cut_or_extended(GENUINE))


@pytest.mark.attack("A49")
def test_it_is_the_standard_librarys_comparison_in_constant_time() -> None:
    with counted(hmac, "compare_digest") as calls:
        equal(GENUINE, GENUINE)
    assert len(calls) == 1

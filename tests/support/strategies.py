"""What Hypothesis draws from."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from ratchetlib import IdentityKey, IdentityKeyPair
from ratchetlib.limits import MAX_ADDRESS

u8s = st.integers(0, 2**8 - 1)
u32s = st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 1000, 1001, 2**24 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1])
u64s = st.integers(0, 2**64 - 1)
addresses = st.binary(min_size=1, max_size=MAX_ADDRESS)


def exactly(length: int) -> st.SearchStrategy[bytes]:
    """Bytes of one length."""
    return st.binary(min_size=length, max_size=length)


@cache
def identity_pairs() -> tuple[IdentityKeyPair, ...]:
    """Four identities: making one costs more than most of what is tested with it."""
    return tuple(IdentityKeyPair.generate() for _ in range(4))


def identities() -> st.SearchStrategy[IdentityKey]:
    """One of four public identities."""
    return st.sampled_from([pair.public for pair in identity_pairs()])


@st.composite
def damaged(draw: st.DrawFn, genuine: bytes) -> bytes:
    """An encoding with a few bytes replaced, cut off or put behind."""
    data = bytearray(genuine)
    for _ in range(draw(st.integers(1, 3))):
        data[draw(st.integers(0, len(data) - 1))] = draw(u8s)
    cut = draw(st.integers(0, 4))
    return bytes(data[: len(data) - cut]) + draw(st.binary(max_size=4))

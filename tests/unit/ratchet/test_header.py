"""The header: one size, one layout, and a seal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import flips
from support.strategies import exactly, u8s, u32s

from ratchetlib import ProtocolViolation
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.ratchet.header import (
    HEADER_LENGTH,
    SEALED_HEADER_LENGTH,
    Header,
    open_header,
    parse_ratchet_key,
    seal_header,
)
from ratchetlib.ratchet.pq import Chunk

KEY, NONCE, DATA = HeaderKey(b"k" * 32), b"n" * 12, b"associated"
HEADER = Header(b"r" * 32, 0x01020304, 0x05060708, 0x090A0B0C, Chunk(1, 0x0D, b"c" * 96))

chunks = st.builds(Chunk, u8s, u8s, exactly(96))
headers = st.builds(Header, exactly(32), u32s, u32s, u32s, chunks)


@pytest.mark.attack("A109")
@given(headers)
def test_whatever_is_sealed_opens_and_has_one_size(header: Header) -> None:
    sealed = seal_header(KEY, NONCE, header, DATA)
    assert len(sealed) == SEALED_HEADER_LENGTH == HEADER_LENGTH + 16 == 158
    assert open_header(KEY, NONCE, sealed, DATA) == header


def test_the_layout_is_the_specified_one() -> None:
    numbers = bytes.fromhex("01020304 05060708 090a0b0c 01 0d")
    assert KEY.open(NONCE, seal_header(KEY, NONCE, HEADER, DATA), DATA) == b"r" * 32 + numbers + b"c" * 96


@pytest.mark.attack("A32")
def test_nothing_else_opens() -> None:
    sealed = seal_header(KEY, NONCE, HEADER, DATA)
    assert open_header(HeaderKey(b"K" * 32), NONCE, sealed, DATA) is None
    assert open_header(KEY, b"N" * 12, sealed, DATA) is None
    assert open_header(KEY, NONCE, sealed, b"Associated") is None
    assert all(open_header(KEY, NONCE, flipped, DATA) is None for flipped in flips(sealed))


def test_a_good_ratchet_key_passes() -> None:
    assert parse_ratchet_key(b"\x09" + bytes(31)) == b"\x09" + bytes(31)


@pytest.mark.attack("A7")
@pytest.mark.parametrize("raw", [bytes(32), b"\1" + bytes(31), b"\xff" * 32, b"\x09" * 31])
def test_a_ratchet_key_that_x25519_refuses_is_a_violation(raw: bytes) -> None:
    with pytest.raises(ProtocolViolation) as violation:
        parse_ratchet_key(raw)
    assert violation.value.__context__ is None

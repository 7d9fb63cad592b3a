"""The handshake prefix: one canonical encoding of one size."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import damaged, exactly

from ratchetlib import InvalidKey, MalformedMessage
from ratchetlib.handshake.prefix import PREFIX_LENGTH, Prefix, prefix_hash
from ratchetlib.keys import DhPublicKey

EPHEMERAL = DhPublicKey(b"\x09" + bytes(31))
PREFIX = Prefix(
    bundle_id=b"b" * 16, item_id=b"i" * 16, ephemeral=EPHEMERAL, ciphertext=b"c" * 1568, sealed_block=b"s" * 342
)
ENCODED = PREFIX.to_bytes()


@given(exactly(16), st.none() | exactly(16), exactly(1568), exactly(342))
def test_whatever_is_written_is_read_back(
    bundle_id: bytes, item_id: bytes | None, ciphertext: bytes, block: bytes
) -> None:
    prefix = Prefix(
        bundle_id=bundle_id, item_id=item_id, ephemeral=EPHEMERAL, ciphertext=ciphertext, sealed_block=block
    )
    encoded = prefix.to_bytes()
    assert len(encoded) == PREFIX_LENGTH == 1975
    assert Prefix.from_bytes(encoded) == prefix


def test_the_layout_is_the_specified_one() -> None:
    assert b"b" * 16 + b"\1" + b"i" * 16 + EPHEMERAL + b"c" * 1568 + b"s" * 342 == ENCODED


@given(damaged(ENCODED) | st.binary(max_size=2000))
def test_whatever_parses_has_one_encoding(encoded: bytes) -> None:
    try:
        prefix = Prefix.from_bytes(encoded)
    except MalformedMessage:
        return
    assert prefix.to_bytes() == encoded


@pytest.mark.parametrize("encoded", [b"", ENCODED[:-1], ENCODED + b"\0"])
def test_another_length_is_malformed(encoded: bytes) -> None:
    with pytest.raises(MalformedMessage):
        Prefix.from_bytes(encoded)


@pytest.mark.attack("A22")
@pytest.mark.parametrize("flag", [0, 2, 255])
def test_a_flag_that_does_not_fit_the_item_id_is_malformed(flag: int) -> None:
    with pytest.raises(MalformedMessage):
        Prefix.from_bytes(ENCODED[:16] + bytes([flag]) + ENCODED[17:])


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(bytes(32), id="zero"),
        pytest.param(b"\1" + bytes(31), id="order 1"),
        pytest.param((2**255 - 20).to_bytes(32, "little"), id="order 2"),
        pytest.param((2**255 - 19 + 9).to_bytes(32, "little"), id="an alias, u + p"),
        pytest.param((2**255 + 9).to_bytes(32, "little"), id="an alias, top bit set"),
    ],
)
@pytest.mark.attack("A7", "A10")
def test_an_ephemeral_key_that_x25519_should_not_see_is_refused(key: bytes) -> None:
    with pytest.raises(InvalidKey):
        Prefix.from_bytes(ENCODED[:33] + key + ENCODED[65:])


def test_the_hash_is_the_specified_one() -> None:
    label = b"ratchetlib/1 handshake prefix"
    assert prefix_hash(ENCODED) == hashlib.sha512(len(label).to_bytes(4, "big") + label + ENCODED).digest()

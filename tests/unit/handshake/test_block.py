"""The identity block: one canonical encoding of one size, and a seal that nothing but its key opens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import flips
from support.strategies import addresses, damaged, identities, identity_pairs, u64s

from ratchetlib import AuthenticationError, IdentityKey, InvalidKey, MalformedMessage
from ratchetlib.handshake.block import SEALED_BLOCK_LENGTH, IdentityBlock, open_block, seal_block
from ratchetlib.keys import IdentityBlockKey
from ratchetlib.labels import PERSON_SEAL_IDENTITY
from ratchetlib.primitives import seal

KEY = IdentityBlockKey(bytes(range(32)))
BLOCK = IdentityBlock(identity_pairs()[0].public, b"alice/laptop", created_at=1_800_000_000)
ENCODED = BLOCK.to_bytes()


@given(identities(), addresses, u64s, st.integers(1, 255))
def test_whatever_is_written_is_read_back(identity: IdentityKey, address: bytes, created_at: int, highest: int) -> None:
    block = IdentityBlock(identity, address, created_at, highest)
    encoded = block.to_bytes()
    assert len(encoded) == 270
    assert IdentityBlock.from_bytes(encoded) == block


def test_the_layout_is_the_specified_one() -> None:
    address = (12).to_bytes(4, "big") + b"alice/laptop" + bytes(128 - 12)
    assert BLOCK.identity.to_bytes() + address + (1_800_000_000).to_bytes(8, "big") + b"\1\0" == ENCODED


@given(damaged(ENCODED))
def test_whatever_parses_has_one_encoding(encoded: bytes) -> None:
    try:
        block = IdentityBlock.from_bytes(encoded)
    except MalformedMessage:
        return
    assert block.to_bytes() == encoded


@given(st.binary(max_size=300))
def test_any_bytes_parse_or_are_malformed(encoded: bytes) -> None:
    with pytest.raises(MalformedMessage):
        IdentityBlock.from_bytes(encoded)


ADDRESS, AFTER_ADDRESS = 128, 128 + 132


@pytest.mark.parametrize(
    ("position", "value"),
    [
        pytest.param(ADDRESS + 3, 0, id="no address"),
        pytest.param(ADDRESS + 3, 129, id="an address longer than its field"),
        pytest.param(ADDRESS, 255, id="a length beyond everything"),
        pytest.param(ADDRESS + 3, 11, id="an address shorter than what stands there"),
        pytest.param(AFTER_ADDRESS - 1, 1, id="padding that is not zero"),
        pytest.param(268, 0, id="a highest version below this one"),
        pytest.param(269, 1, id="a flag"),
    ],
)
def test_what_no_initiator_writes_is_malformed(position: int, value: int) -> None:
    changed = ENCODED[:position] + bytes([value]) + ENCODED[position + 1 :]
    with pytest.raises(MalformedMessage):
        IdentityBlock.from_bytes(changed)


@pytest.mark.parametrize("encoded", [b"", ENCODED[:-1], ENCODED + b"\0"])
def test_another_length_is_malformed(encoded: bytes) -> None:
    with pytest.raises(MalformedMessage):
        IdentityBlock.from_bytes(encoded)


def test_a_block_whose_address_field_is_empty_is_malformed() -> None:
    with pytest.raises(MalformedMessage):
        IdentityBlock.from_bytes(IdentityBlock(BLOCK.identity, b"", created_at=BLOCK.created_at).to_bytes())


def test_the_identity_in_it_is_verified() -> None:
    mallory = identity_pairs()[1].public
    halves_of_two = BLOCK.identity.signing + mallory.agreement + BLOCK.identity.signature
    with pytest.raises(InvalidKey):
        IdentityBlock.from_bytes(halves_of_two + ENCODED[128:])


def test_a_sealed_block_opens_under_its_key() -> None:
    sealed = seal_block(KEY, BLOCK)
    assert len(sealed) == SEALED_BLOCK_LENGTH == 342
    assert open_block(KEY, sealed) == BLOCK
    assert sealed != seal_block(KEY, BLOCK)


def test_a_sealed_block_opens_under_no_other_key() -> None:
    with pytest.raises(AuthenticationError):
        open_block(IdentityBlockKey(bytes(32)), seal_block(KEY, BLOCK))


def test_a_sealed_block_with_any_bit_flipped_does_not_open() -> None:
    for flipped in flips(seal_block(KEY, BLOCK)):
        with pytest.raises(AuthenticationError):
            open_block(KEY, flipped)


def test_an_authentic_block_is_still_parsed_strictly() -> None:
    nonce = bytes(24)
    sealed = nonce + seal.seal(KEY, PERSON_SEAL_IDENTITY, nonce, b"", ENCODED[:-1] + b"\1")
    with pytest.raises(MalformedMessage):
        open_block(KEY, sealed)

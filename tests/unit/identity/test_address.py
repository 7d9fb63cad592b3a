from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import odd_buffers

from ratchetlib import Fingerprint, IdentityKeyPair, PrekeyRing, UsageError
from ratchetlib.identity import require_address


@given(st.binary(min_size=1, max_size=128))
def test_1_to_128_bytes_of_any_content_are_an_address(address: bytes) -> None:
    require_address(address, "address")


@pytest.mark.attack("A28")
@pytest.mark.parametrize("length", [0, 129, 1_000])
def test_other_lengths_are_none(length: int) -> None:
    with pytest.raises(UsageError, match=f"our_address must be 1 to 128 bytes, not {length}"):
        require_address(bytes(length), "our_address")


@pytest.mark.attack("A28", "A99")
def test_other_types_are_none() -> None:
    for odd in odd_buffers(b"bob/phone"):
        with pytest.raises(UsageError, match="our_address must be bytes"):
            require_address(odd, "our_address")


@pytest.mark.attack("A28")
def test_unicode_forms_case_and_white_space_are_different_addresses() -> None:
    one = "Zoë"
    names = [unicodedata.normalize(form, one).encode() for form in ("NFC", "NFD")]
    names += [one.upper().encode(), one.encode() + b" ", one.encode() + b"\0"]
    alice, bob = IdentityKeyPair.generate().public, IdentityKeyPair.generate()
    assert len({Fingerprint.between(alice, b"alice", bob.public, name).digits for name in names}) == len(names)
    rings = [PrekeyRing.generate(bob, address=name, now=0, one_time=0) for name in names]
    assert [ring.next_bundle().signed.address for ring in rings] == names

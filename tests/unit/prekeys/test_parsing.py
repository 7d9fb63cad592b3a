from __future__ import annotations

import pytest
from support.hostile import odd_buffers, refusals
from support.prekeys import rejection

from ratchetlib import BundleReason, IdentityKeyPair, InvalidKey, MalformedMessage, UnsupportedVersion, UsageError
from ratchetlib.identity import sign_as
from ratchetlib.prekeys.parsing import PREKEY_ID_LENGTH, accept_key, read_versioned, require_signed


def refuse(raw: bytes) -> bytes:
    raise InvalidKey(f"{len(raw)} bytes")


def test_the_reader_stands_behind_the_version() -> None:
    assert read_versioned(b"\x01rest").rest() == b"rest"


@pytest.mark.attack("A22")
def test_there_is_one_version() -> None:
    others = (bytes([version]) + b"rest" for version in range(256) if version != 1)
    assert refusals(read_versioned, others) == {UnsupportedVersion}


def test_nothing_is_malformed() -> None:
    assert refusals(read_versioned, [b""]) == {MalformedMessage}


@pytest.mark.attack("A99")
def test_only_bytes_are_read() -> None:
    for odd in odd_buffers(b"\x01rest"):
        with pytest.raises(UsageError, match="an encoded prekey must be bytes, not "):
            read_versioned(odd)


def test_a_good_key_is_passed_on() -> None:
    assert accept_key(bytes.upper, b"key") == b"KEY"


@pytest.mark.attack("A101")
def test_a_refused_key_refuses_the_bundle() -> None:
    assert rejection(lambda: accept_key(refuse, b"key")) is BundleReason.INVALID_KEY


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        accept_key(lambda raw: 1 // len(raw), b"")


@pytest.mark.attack("A14")
def test_names_are_long_enough_never_to_meet() -> None:
    assert PREKEY_ID_LENGTH == 16


@pytest.mark.attack("A2", "A5", "A16")
def test_a_signature_is_of_this_identity_over_these_bytes_under_this_label() -> None:
    owner, other = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    signed = b"content" + sign_as(owner, b"label", b"content")
    require_signed(signed, owner.public, b"label")
    for encoded, identity, label in (
        (signed, other.public, b"label"),
        (signed, owner.public, b"other label"),
        (b"C" + signed[1:], owner.public, b"label"),
        (signed[:-1], owner.public, b"label"),
        (signed + b"\0", owner.public, b"label"),
        (b"", owner.public, b"label"),
    ):
        assert (
            rejection(lambda e=encoded, i=identity, n=label: require_signed(e, i, n)) is BundleReason.INVALID_SIGNATURE
        )

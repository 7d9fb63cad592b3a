from __future__ import annotations

import pytest
from support.pair import ALICE, BOB, NOW, initiate, make_pair

from ratchetlib import IdentityKeyPair, MalformedMessage, SessionExpired, UsageError
from ratchetlib.session import arguments
from ratchetlib.session.arguments import DEFAULT_PADDING


@pytest.mark.parametrize("value", [None, 1.0, True, -1, 2**30 + 1, "1"])
def test_a_bound_on_the_plaintext_is_a_number_in_range(value: object) -> None:
    with pytest.raises(UsageError, match="max_plaintext"):
        arguments.require_max_plaintext(value)


@pytest.mark.parametrize("value", [0, 2**20, 2**30])
def test_any_bound_in_range_will_do(value: int) -> None:
    arguments.require_max_plaintext(value)


@pytest.mark.parametrize(("maximum", "padded"), [(0, 1_081_344), (2**20, 1_081_344), (2**21, 2_162_688)])
def test_a_low_bound_still_takes_every_bucket_of_the_default(maximum: int, padded: int) -> None:
    assert arguments.max_padded(maximum) == padded


def test_the_longest_plaintext_and_its_marker_just_fill_a_bucket() -> None:
    bucket = DEFAULT_PADDING.padded_length(2**21)
    assert DEFAULT_PADDING.padded_length(bucket) == bucket
    assert arguments.max_padded(bucket - 1) == bucket
    assert arguments.max_padded(bucket) > bucket


@pytest.mark.parametrize("value", [None, "", bytearray(), bytes(2**16 + 1)])
def test_associated_data_is_bytes_of_bounded_length(value: object) -> None:
    with pytest.raises(UsageError, match="associated_data"):
        arguments.require_associated_data(value)


def test_an_identity_is_a_key_pair() -> None:
    identity = IdentityKeyPair.generate()
    arguments.require_identity(identity)
    with pytest.raises(UsageError, match="IdentityKeyPair"):
        arguments.require_identity(identity.public)


def test_a_ring_is_that_of_the_identity_and_the_address() -> None:
    alice, bob, ring, _ = initiate()
    arguments.require_ring(ring, bob, BOB)
    for prekeys, identity, address in ((None, bob, BOB), (ring, alice, BOB), (ring, bob, ALICE), (ring, bob, "bob")):
        with pytest.raises(UsageError):
            arguments.require_ring(prekeys, identity, address)  # type: ignore[arg-type]


def test_an_unconfirmed_session_expires_with_its_bundle() -> None:
    _, _, ring, session = initiate()
    end = ring.status.not_after
    assert end is not None
    arguments.require_not_expired(session._state, end)
    with pytest.raises(SessionExpired):
        arguments.require_not_expired(session._state, end + 1)


def test_a_confirmed_session_does_not_expire() -> None:
    arguments.require_not_expired(make_pair().confirm().alice._state, NOW + 10**9)


def test_a_message_is_checked_and_cut() -> None:
    pair = make_pair()
    received = arguments.take_apart(pair.alice.encrypt(b"text"), b"data", 10)
    assert received.prefix is not None
    assert (received.associated_data, received.max_plaintext) == (b"data", 10)
    with pytest.raises(MalformedMessage):
        arguments.take_apart(b"\x01\x02", b"", 10)
    with pytest.raises(UsageError):
        arguments.take_apart(bytearray(b"\x01\x02"), b"", 10)  # type: ignore[arg-type]

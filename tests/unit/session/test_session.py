"""The session object: its parameters, its policy, and that a refusal changes nothing."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from support.hostile import odd_buffers
from support.pair import ALICE, BOB, NOW, Pair, initiate, make_pair, reopened, snapshot

from ratchetlib import (
    BundleReason,
    BundleRejected,
    ConcurrentUse,
    FixedBuckets,
    IdentityChanged,
    IdentityKey,
    IdentityKeyPair,
    MalformedMessage,
    NoPadding,
    PrekeyRing,
    Session,
    SessionExpired,
    UnsupportedVersion,
    UsageError,
)
from ratchetlib.limits import MAX_ASSOCIATED_DATA, MAX_BUNDLE_LIFETIME, MAX_PLAINTEXT, MAX_PLAINTEXT_CEILING, TIME_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_BYTES = odd_buffers(b"bytes")
NOT_ADDRESSES = [b"", b"a" * 129, *NOT_BYTES]
NOT_U64 = [-1, 2**64, 1.0, True, "1", None]
NOT_A_TIME = [*NOT_U64, TIME_LIMIT, NOW * 1000]
NOT_ASSOCIATED_DATA = [bytes(MAX_ASSOCIATED_DATA + 1), *NOT_BYTES]
NOT_A_LIMIT = [-1, MAX_PLAINTEXT_CEILING + 1, 1.0, True, None]


@pytest.fixture
def pair() -> Pair:
    return make_pair()


def refuses(call: Callable[..., object], name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(UsageError) as refused:
            call(**{name: value})
        assert refused.value.__context__ is None


# --- parameters ---------------------------------------------------------------------------------


@pytest.mark.attack("A28", "A99")
def test_initiate_takes_nothing_but_what_it_asks_for() -> None:
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    bundle = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=0).next_bundle()
    valid: dict[str, Any] = {
        "identity": alice,
        "bundle": bundle,
        "our_address": ALICE,
        "their_address": BOB,
        "now": NOW,
        "expected_identity": bob.public,
        "minimum_epoch": 1,
    }

    def call(**changes: Any) -> object:
        return Session.initiate(**(valid | changes))

    call()
    call(our_address=b"a" * 128)
    refuses(call, "identity", [alice.public, None, b"identity"])
    refuses(call, "bundle", [bundle.to_bytes(), bundle.signed, None])
    refuses(call, "our_address", NOT_ADDRESSES)
    refuses(call, "their_address", NOT_ADDRESSES)
    refuses(call, "now", NOT_A_TIME)
    refuses(call, "minimum_epoch", NOT_U64)
    refuses(call, "expected_identity", [bob, bob.public.to_bytes(), 0])


@pytest.mark.attack("A99")
def test_accept_takes_nothing_but_what_it_asks_for() -> None:
    alice, bob, ring, session = initiate()
    valid: dict[str, Any] = {
        "identity": bob,
        "prekeys": ring,
        "message": session.encrypt(b"first"),
        "our_address": BOB,
        "now": NOW,
    }

    def call(**changes: Any) -> object:
        return Session.accept(**(valid | changes))

    before = snapshot(ring)
    refuses(call, "identity", [alice, bob.public, None])
    refuses(call, "prekeys", [PrekeyRing.generate(alice, address=BOB, now=NOW, one_time=0), None, b"ring"])
    refuses(call, "our_address", [b"bob/laptop", *NOT_ADDRESSES])
    refuses(call, "message", odd_buffers(valid["message"]))
    refuses(call, "known_identity", [b"identity", {ALICE: alice.public}])
    refuses(call, "now", NOT_A_TIME)
    refuses(call, "associated_data", NOT_ASSOCIATED_DATA)
    refuses(call, "max_plaintext", NOT_A_LIMIT)
    assert snapshot(ring) == before
    call()


def test_accept_compares_with_the_identity_that_the_caller_has_pinned() -> None:
    alice, bob, ring, session = initiate()
    message, asked = session.encrypt(b"first"), []

    def accept(pinned: IdentityKeyPair) -> tuple[Session, bytes]:
        def known_identity(address: bytes) -> IdentityKey:
            asked.append(address)
            return pinned.public

        return Session.accept(bob, ring, message, our_address=BOB, now=NOW, known_identity=known_identity)

    before = snapshot(ring)
    with pytest.raises(IdentityChanged):
        accept(bob)
    assert snapshot(ring) == before
    assert accept(alice)[1] == b"first"
    assert asked == [ALICE, ALICE]


@pytest.mark.attack("A99")
def test_encrypt_takes_nothing_but_what_it_asks_for(pair: Pair) -> None:
    def call(**changes: Any) -> object:
        return pair.alice.encrypt(**({"plaintext": b"hello"} | changes))

    before = snapshot(pair.alice)
    refuses(call, "plaintext", [bytes(MAX_PLAINTEXT + 1), *NOT_BYTES])
    refuses(call, "associated_data", NOT_ASSOCIATED_DATA)
    refuses(call, "now", [time for time in NOT_A_TIME if time is not None])
    refuses(call, "padding", [None, 64, "Padme"])
    refuses(call, "max_plaintext", [4, *NOT_A_LIMIT])
    assert snapshot(pair.alice) == before


@pytest.mark.attack("A99")
def test_decrypt_takes_nothing_but_what_it_asks_for(pair: Pair) -> None:
    message = pair.alice.encrypt(b"hello")

    def call(**changes: Any) -> object:
        return pair.bob.decrypt(**({"message": message} | changes))

    before = snapshot(pair.bob)
    refuses(call, "associated_data", NOT_ASSOCIATED_DATA)
    refuses(call, "max_plaintext", NOT_A_LIMIT)
    refuses(call, "message", odd_buffers(message))
    refuses(pair.bob.recognises, "initial_message", odd_buffers(message))
    assert snapshot(pair.bob) == before


def test_an_ordinary_message_starts_no_session(pair: Pair) -> None:
    pair.confirm()
    before = snapshot(pair.ring)
    with pytest.raises(MalformedMessage):
        Session.accept(pair.bob_identity, pair.ring, pair.alice.encrypt(b""), our_address=BOB, now=NOW)
    assert snapshot(pair.ring) == before


@pytest.mark.attack("A22")
def test_another_version_starts_no_session() -> None:
    _, bob, ring, session = initiate()
    with pytest.raises(UnsupportedVersion):
        Session.accept(bob, ring, b"\2" + session.encrypt(b"")[1:], our_address=BOB, now=NOW)


# --- policy -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"their_address": b"bob/laptop"}, BundleReason.WRONG_ADDRESS),
        ({"now": NOW + MAX_BUNDLE_LIFETIME + 1}, BundleReason.EXPIRED),
        ({"minimum_epoch": 2}, BundleReason.OLD_EPOCH),
        ({"require_one_time": True}, BundleReason.NO_ONE_TIME),
    ],
)
def test_initiate_asks_its_policy(policy: dict[str, Any], reason: BundleReason) -> None:
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    bundle = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=0).next_bundle()
    arguments: dict[str, Any] = {"our_address": ALICE, "their_address": BOB, "now": NOW} | policy
    with pytest.raises(BundleRejected) as refused:
        Session.initiate(alice, bundle, **arguments)
    assert refused.value.reason is reason


def test_a_bundle_of_any_epoch_will_do_unless_the_caller_knows_a_later_one() -> None:
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    bundle = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=0, epoch=0).next_bundle()
    Session.initiate(alice, bundle, our_address=ALICE, their_address=BOB, now=NOW)


def test_initiate_compares_with_the_pinned_identity() -> None:
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    bundle = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=0).next_bundle()
    with pytest.raises(IdentityChanged):
        Session.initiate(alice, bundle, our_address=ALICE, their_address=BOB, now=NOW, expected_identity=alice.public)


def test_an_unconfirmed_session_sends_until_its_bundles_end() -> None:
    *_, session = initiate()
    end = NOW + MAX_BUNDLE_LIFETIME
    session.encrypt(b"", now=end)
    before = snapshot(session)
    with pytest.raises(SessionExpired):
        session.encrypt(b"", now=end + 1)
    assert snapshot(session) == before
    session.encrypt(b"")


def test_a_confirmed_session_does_not_expire(pair: Pair) -> None:
    pair.bob.encrypt(b"", now=TIME_LIMIT - 1)
    pair.confirm().alice.encrypt(b"", now=TIME_LIMIT - 1)


# --- a ring whose save was lost ------------------------------------------------------------------


@pytest.mark.attack("A12", "A77")
@pytest.mark.parametrize("one_time", [0, 1])
def test_settling_does_to_the_ring_what_accepting_did(one_time: int) -> None:
    _, bob, ring, session = initiate(one_time=one_time)
    first, second = session.encrypt(b"first"), session.encrypt(b"second")
    lost = reopened(ring)
    answered, _ = Session.accept(bob, ring, first, our_address=BOB, now=NOW)
    assert snapshot(lost) != snapshot(ring)
    answered.settle(lost, second)
    assert snapshot(lost) == snapshot(ring)
    answered.settle(lost, first)
    assert snapshot(lost) == snapshot(ring)


def test_settling_on_a_ring_without_the_bundle_changes_nothing() -> None:
    _, bob, ring, session = initiate(one_time=0)
    first = session.encrypt(b"first")
    answered, _ = Session.accept(bob, ring, first, our_address=BOB, now=NOW)
    ring.revoke(*ring.bundle_ids)
    before = snapshot(ring)
    answered.settle(ring, first)
    assert snapshot(ring) == before


def test_a_session_settles_its_own_handshake_only(pair: Pair) -> None:
    ours, other = pair.alice.encrypt(b""), make_pair().alice.encrypt(b"")
    before = snapshot(pair.ring)
    for session, ring, message in (
        (pair.bob, None, ours),
        (pair.bob, pair.bob_identity, ours),
        (pair.bob, pair.ring, other),
        (pair.bob, pair.ring, b"\1\1"),
        (pair.bob, pair.ring, bytearray(ours)),
        (pair.alice, pair.ring, ours),
    ):
        with pytest.raises(UsageError):
            session.settle(ring, message)  # type: ignore[arg-type]
    assert snapshot(pair.ring) == before


# --- sizes --------------------------------------------------------------------------------------


@pytest.mark.attack("A61")
@pytest.mark.parametrize("plaintext", [b"", b"\0", b"\x80", b"\x80\0\0", b"\xff\xfe\x80", bytes(MAX_PLAINTEXT)])
def test_any_plaintext_arrives_as_it_was(pair: Pair, plaintext: bytes) -> None:
    assert pair.bob.decrypt(pair.alice.encrypt(plaintext)) == plaintext


def test_the_limit_may_be_raised_and_lowered_on_both_sides(pair: Pair) -> None:
    large = bytes(MAX_PLAINTEXT + 100_000)
    message = pair.alice.encrypt(large, max_plaintext=len(large))
    before = snapshot(pair.bob)
    with pytest.raises(MalformedMessage):
        pair.bob.decrypt(message)
    assert snapshot(pair.bob) == before
    assert pair.bob.decrypt(message, max_plaintext=len(large)) == large
    with pytest.raises(MalformedMessage):
        pair.bob.decrypt(pair.alice.encrypt(bytes(1000)), max_plaintext=999)
    pair.alice.encrypt(b"", max_plaintext=0)
    with pytest.raises(UsageError):
        pair.alice.encrypt(b"1", max_plaintext=0)


@pytest.mark.parametrize("limit", [0, 100, 1000])
def test_decrypt_returns_no_more_than_was_asked_for(pair: Pair, limit: int) -> None:
    message = pair.alice.encrypt(b"p" * (limit + 1), padding=NoPadding())
    before = snapshot(pair.bob)
    with pytest.raises(MalformedMessage):
        pair.bob.decrypt(message, max_plaintext=limit)
    assert snapshot(pair.bob) == before
    assert pair.bob.decrypt(message, max_plaintext=limit + 1) == b"p" * (limit + 1)


@pytest.mark.parametrize("limit", [0, 100])
def test_a_receiver_of_short_messages_takes_them_in_large_buckets(pair: Pair, limit: int) -> None:
    message = pair.alice.encrypt(bytes(limit), padding=FixedBuckets((2**16,)))
    assert pair.bob.decrypt(message, max_plaintext=limit) == bytes(limit)


def test_nothing_is_sent_that_no_receiver_of_the_same_limit_takes(pair: Pair) -> None:
    for size in (MAX_PLAINTEXT + 2**16, 2**21):
        with pytest.raises(UsageError):
            pair.alice.encrypt(b"small", padding=FixedBuckets((size,)))
    large = MAX_PLAINTEXT + 2**15
    message = pair.alice.encrypt(b"small", padding=FixedBuckets((large,)))
    assert pair.bob.decrypt(message) == b"small"
    pair.bob.decrypt(
        pair.alice.encrypt(b"small", padding=FixedBuckets((2**21,)), max_plaintext=2**21), max_plaintext=2**21
    )


def test_accept_has_a_limit_too() -> None:
    _, bob, ring, session = initiate()
    message = session.encrypt(bytes(1000))
    with pytest.raises(MalformedMessage):
        Session.accept(bob, ring, message, our_address=BOB, now=NOW, max_plaintext=500)
    assert Session.accept(bob, ring, message, our_address=BOB, now=NOW, max_plaintext=1000)[1] == bytes(1000)


def test_associated_data_may_be_as_long_as_the_limit(pair: Pair) -> None:
    data = bytes(MAX_ASSOCIATED_DATA)
    assert pair.bob.decrypt(pair.alice.encrypt(b"hello", associated_data=data), associated_data=data) == b"hello"


# --- what a session says of itself --------------------------------------------------------------


def test_both_sides_say_the_same_of_their_session(pair: Pair) -> None:
    alice, bob = pair.alice, pair.bob
    assert alice.session_id == bob.session_id
    assert len(alice.session_id) == 32
    assert alice.created_at == bob.created_at == NOW
    assert (alice.our_address, alice.peer_address) == (bob.peer_address, bob.our_address) == (ALICE, BOB)
    assert alice.peer_identity == pair.bob_identity.public
    assert bob.peer_identity == pair.alice_identity.public
    assert (alice.confirmed, bob.confirmed) == (False, True)


def test_a_session_recognises_the_initial_messages_of_its_own_handshake(pair: Pair) -> None:
    ours, other = pair.alice.encrypt(b"again"), make_pair().alice.encrypt(b"")
    before = snapshot(pair.bob)
    assert pair.bob.recognises(ours)
    assert not pair.bob.recognises(other)
    assert not pair.alice.recognises(ours)
    assert not pair.bob.recognises(b"\1\1")
    assert not pair.bob.recognises(b"")
    assert snapshot(pair.bob) == before
    assert not pair.bob.recognises(pair.confirm().alice.encrypt(b"ordinary"))


@pytest.mark.attack("A82")
def test_a_session_opened_from_its_sealed_state_is_the_same(pair: Pair) -> None:
    for session in (pair.alice, pair.bob, pair.confirm().alice):
        again = reopened(session)
        assert snapshot(again) == snapshot(session)
        assert (again.session_id, again.confirmed, again.health()) == (
            session.session_id,
            session.confirmed,
            session.health(),
        )


@pytest.mark.attack("A90")
def test_the_repr_names_session_and_peer_and_no_secret(pair: Pair) -> None:
    expected = f"<Session {pair.bob.session_id[:4].hex()}… with {pair.alice_identity.public!r}>"
    assert repr(pair.bob) == str(pair.bob) == f"{pair.bob}" == expected


@pytest.mark.attack("A93")
def test_a_session_is_neither_copied_nor_pickled(pair: Pair) -> None:
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            attempt(pair.alice)


@pytest.mark.attack("A79")
def test_a_padding_policy_that_calls_back_in_is_refused(pair: Pair) -> None:
    class Reentrant:
        def padded_length(self, length: int) -> int:
            pair.alice.encrypt(b"inner")
            return length

    before = snapshot(pair.alice)
    with pytest.raises(ConcurrentUse):
        pair.alice.encrypt(b"outer", padding=Reentrant())
    assert snapshot(pair.alice) == before


def test_a_padding_policy_that_gives_too_little_sends_nothing(pair: Pair) -> None:
    class TooSmall:
        def padded_length(self, length: int) -> int:
            return length - 1

    before = snapshot(pair.alice)
    with pytest.raises(UsageError):
        pair.alice.encrypt(b"hello", padding=TooSmall())
    assert snapshot(pair.alice) == before

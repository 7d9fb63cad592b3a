"""The first message: which bundles are used, when it is taken, and what a refused one leaves behind."""

from __future__ import annotations

from typing import Any

import pytest
from support.forge import forged
from support.pair import ALICE, BOB, NOW, initiate, snapshot

from ratchetlib import (
    AuthenticationError,
    BundleReason,
    BundleRejected,
    HandshakeExpired,
    IdentityKeyPair,
    PrekeyBundle,
    PrekeyRing,
    ProtocolViolation,
    RatchetError,
    Session,
    SessionExpired,
    TooManySkipped,
    UnknownPrekey,
)
from ratchetlib.handshake import PREFIX_LENGTH
from ratchetlib.limits import BUNDLE_RETENTION, DAY, MAX_BUNDLE_LIFETIME
from ratchetlib.session.establish import begin

END = NOW + MAX_BUNDLE_LIFETIME


def accept(bob: IdentityKeyPair, ring: PrekeyRing, message: bytes, *, now: int = NOW) -> tuple[Session, bytes]:
    return Session.accept(bob, ring, message, our_address=BOB, now=now)


def refused(bob: IdentityKeyPair, ring: PrekeyRing, message: bytes, *, now: int = NOW) -> type[RatchetError]:
    before = snapshot(ring)
    with pytest.raises(RatchetError) as error:
        accept(bob, ring, message, now=now)
    assert snapshot(ring) == before
    return error.type


def created(bundle: PrekeyBundle, created_at: int) -> Session:
    """A session of an initiator whose policy asks nothing: that of a hostile one, or of a wrong clock."""
    identity = IdentityKeyPair.generate()
    return Session(begin(identity, bundle, our_address=ALICE, their_address=BOB, now=created_at))


# --- the initiator's side -----------------------------------------------------------------------


@pytest.mark.attack("A13", "A15")
@pytest.mark.parametrize("pinned", [False, True], ids=["unknown", "pinned"])
@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"now": NOW - DAY - 1}, BundleReason.NOT_YET_VALID),
        ({"now": END + 1}, BundleReason.EXPIRED),
        ({"minimum_epoch": 2}, BundleReason.OLD_EPOCH),
        ({"their_address": b"carol/phone"}, BundleReason.WRONG_ADDRESS),
        ({"require_one_time": True}, BundleReason.NO_ONE_TIME),
    ],
)
def test_a_bundle_that_a_server_should_not_have_served_is_refused(
    policy: dict[str, Any], reason: BundleReason, *, pinned: bool
) -> None:
    alice, bob, ring, _ = initiate(one_time=0)
    expected = bob.public if pinned else None
    arguments = {"our_address": ALICE, "their_address": BOB, "now": NOW, "expected_identity": expected} | policy
    with pytest.raises(BundleRejected) as error:
        Session.initiate(alice, ring.next_bundle(), **arguments)
    assert error.value.reason is reason


@pytest.mark.attack("A11", "A15")
def test_a_bundle_of_a_day_is_good_for_a_day() -> None:
    """Its end is the one that is signed, not the latest that could have been."""
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=2, lifetime=DAY)
    after = NOW + DAY + 1
    bundle = ring.next_bundle()
    with pytest.raises(BundleRejected) as error:
        Session.initiate(alice, bundle, our_address=ALICE, their_address=BOB, now=after)
    assert error.value.reason is BundleReason.EXPIRED
    assert refused(bob, ring, created(bundle, after).encrypt(b""), now=after) is HandshakeExpired
    session = Session.initiate(alice, bundle, our_address=ALICE, their_address=BOB, now=NOW + DAY)
    message = session.encrypt(b"", now=NOW + DAY)
    with pytest.raises(SessionExpired):
        session.encrypt(b"", now=after)
    last = NOW + DAY + BUNDLE_RETENTION
    assert refused(bob, ring, message, now=last + 1) is UnknownPrekey
    accept(bob, ring, message, now=last)


@pytest.mark.attack("A15")
def test_a_session_that_nobody_answers_ends_with_its_bundle() -> None:
    *_, session = initiate()
    session.encrypt(b"", now=END)
    before = snapshot(session)
    with pytest.raises(SessionExpired):
        session.encrypt(b"", now=END + 1)
    assert snapshot(session) == before


def test_an_answer_lifts_that_limit() -> None:
    _, bob, ring, session = initiate()
    answered, _ = accept(bob, ring, session.encrypt(b""))
    session.decrypt(answered.encrypt(b""))
    session.encrypt(b"", now=END + 1)


@pytest.mark.attack("A13")
def test_an_initiator_sees_when_there_is_no_one_time_item() -> None:
    _, _, ring, _ = initiate(one_time=2)
    assert ring.next_bundle().one_time is not None
    assert ring.next_bundle().one_time is None


# --- the responder's side -----------------------------------------------------------------------


@pytest.mark.attack("A11")
def test_a_first_message_may_be_late_until_its_bundles_keys_are_destroyed() -> None:
    last = END + BUNDLE_RETENTION
    _, bob, ring, session = initiate()
    message = session.encrypt(b"late")
    ring.rotate(NOW + 7 * DAY)
    assert refused(bob, ring, message, now=last + 1) is UnknownPrekey
    assert accept(bob, ring, message, now=last)[1] == b"late"


@pytest.mark.attack("A11", "A16")
def test_an_item_goes_with_the_bundle_of_its_epoch_and_the_next_one() -> None:
    alice, bob, ring, _ = initiate(one_time=3)
    items = ring.one_time_items()
    ring.rotate(NOW + DAY)
    bundle = PrekeyBundle.from_parts(ring.signed_bundle(), items[0])
    session = Session.initiate(alice, bundle, our_address=ALICE, their_address=BOB, now=NOW + DAY)
    assert accept(bob, ring, session.encrypt(b"next"), now=NOW + DAY)[1] == b"next"
    ring.rotate(NOW + 2 * DAY)
    with pytest.raises(BundleRejected):
        PrekeyBundle.from_parts(ring.signed_bundle(), items[1])


@pytest.mark.attack("A11")
@pytest.mark.parametrize("one_time", [0, 1])
@pytest.mark.parametrize(
    ("created_at", "now"),
    [
        pytest.param(NOW + DAY + 1, NOW, id="over a day ahead"),
        pytest.param(END + 1, END + 1, id="after the bundle's end"),
        pytest.param(END + 1, END + BUNDLE_RETENTION, id="after the bundle's end, withheld"),
        pytest.param(2**64 - 1, NOW, id="at the end of time"),
    ],
)
def test_a_first_message_that_would_outrank_later_sessions_is_refused(created_at: int, now: int, one_time: int) -> None:
    _, bob, ring, _ = initiate(one_time=2 * one_time)
    session = created(ring.next_bundle(), created_at)
    assert refused(bob, ring, session.encrypt(b""), now=now) is HandshakeExpired


@pytest.mark.parametrize(("created_at", "now"), [(NOW + DAY, NOW), (END, END), (0, NOW), (END, END + BUNDLE_RETENTION)])
def test_clocks_may_differ_by_a_day_and_messages_be_late(created_at: int, now: int) -> None:
    _, bob, ring, _ = initiate(one_time=2)
    answered, _ = accept(bob, ring, created(ring.next_bundle(), created_at).encrypt(b""), now=now)
    assert answered.created_at == created_at


@pytest.mark.attack("A12", "A60")
@pytest.mark.parametrize("one_time", [0, 1])
def test_a_refused_first_message_burns_no_item_and_no_memory(one_time: int) -> None:
    _, bob, ring, session = initiate(one_time=one_time)
    genuine = session.encrypt(b"genuine")
    for position in range(2 + 1975, len(genuine)):
        forged_body = genuine[:position] + bytes([genuine[position] ^ 1]) + genuine[position + 1 :]
        assert refused(bob, ring, forged_body) is AuthenticationError
    assert accept(bob, ring, genuine)[1] == b"genuine"
    assert ring.status.one_time_items == 0
    assert ring.status.remembered_handshakes == 1 - one_time


@pytest.mark.attack("A12", "A34", "A37")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"number": 1001}, TooManySkipped),
        ({"number": 2**24}, ProtocolViolation),
        ({"previous_length": 1}, ProtocolViolation),
        ({"pq_epoch": 1}, ProtocolViolation),
        ({"ratchet_key": bytes(32)}, ProtocolViolation),
    ],
)
def test_a_first_message_whose_header_cannot_be_starts_no_session(
    changes: dict[str, Any], error: type[RatchetError]
) -> None:
    _, bob, ring, session = initiate()
    assert refused(bob, ring, forged(session, **changes)) is error
    accept(bob, ring, session.encrypt(b""))


@pytest.mark.attack("A63")
def test_a_first_message_under_the_signed_prekey_itself_starts_no_session() -> None:
    _, bob, ring, session = initiate()
    (record,) = ring._contents.bundles.values()
    assert refused(bob, ring, forged(session, ratchet_key=record.bundle.signed_prekey)) is ProtocolViolation


@pytest.mark.attack("A34")
def test_the_first_message_to_arrive_may_be_the_thousand_and_first() -> None:
    _, bob, ring, session = initiate()
    messages = [session.encrypt(b"") for _ in range(1001)]
    answered, _ = accept(bob, ring, messages[1000])
    assert answered.health().skipped_stored == 1000
    assert answered.decrypt(messages[0]) == b""


@pytest.mark.attack("A22")
@pytest.mark.parametrize("position", [0, 1, 2 + 16])
def test_version_type_and_item_flag_cannot_be_rewritten(position: int) -> None:
    for one_time in (0, 1):
        _, bob, ring, session = initiate(one_time=one_time)
        message = session.encrypt(b"")
        for value in range(256):
            if value != message[position]:
                refused(bob, ring, message[:position] + bytes([value]) + message[position + 1 :])


@pytest.mark.attack("A10", "A22")
def test_a_frame_goes_with_the_prefix_of_its_own_handshake() -> None:
    alice, bob, ring, one = initiate(one_time=2)
    other = Session.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW)
    at_one, _ = accept(bob, ring, one.encrypt(b""))
    at_other, _ = accept(bob, ring, other.encrypt(b""))
    from_one, from_other = one.encrypt(b"one"), other.encrypt(b"other")
    start = 2 + PREFIX_LENGTH
    for session in (at_one, at_other):
        for mixed in (from_one[:start] + from_other[start:], from_other[:start] + from_one[start:]):
            with pytest.raises(AuthenticationError):
                session.decrypt(mixed)
    assert at_one.decrypt(from_one) == b"one"
    assert at_other.decrypt(from_other) == b"other"

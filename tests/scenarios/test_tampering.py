"""Messages that were changed on the way, and messages that a hostile peer made: refused, and nothing has changed."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import pytest
from support.forge import forged, send
from support.hostile import cut_or_extended, flip, flips
from support.pair import ALICE, BOB, NOW, Pair, initiate, make_pair, snapshot
from support.spies import counted, derivations

from ratchetlib import (
    AuthenticationError,
    DuplicateMessage,
    IdentityKeyPair,
    PrekeyRing,
    ProtocolViolation,
    RatchetError,
    Session,
    SessionForked,
    TooManySkipped,
)
from ratchetlib.limits import MAX_CLOSED_CHAINS
from ratchetlib.primitives import aead, dh
from ratchetlib.ratchet.pq import NO_CHUNK, Chunk

if TYPE_CHECKING:
    from collections.abc import Iterable


@pytest.fixture
def pair() -> Pair:
    return make_pair().confirm()


def refused(session: Session, message: bytes, **kwargs: Any) -> type[RatchetError]:
    """The error, which must have changed nothing."""
    before = snapshot(session)
    with pytest.raises(RatchetError) as error:
        session.decrypt(message, **kwargs)
    assert snapshot(session) == before
    return error.type


def all_refused(session: Session, messages: Iterable[bytes]) -> None:
    """Like `refused`, quickly."""
    before = snapshot(session)
    for message in messages:
        try:
            session.decrypt(message)
        except RatchetError:
            assert snapshot(session) == before
        else:
            pytest.fail("a changed message decrypted")


# --- changed on the way -------------------------------------------------------------------------


@pytest.mark.attack("A30", "A48")
def test_every_bit_and_every_length_of_an_ordinary_message_counts(pair: Pair) -> None:
    message = pair.alice.encrypt(b"genuine")
    all_refused(pair.bob, flips(message))
    all_refused(pair.bob, cut_or_extended(message))
    assert pair.bob.decrypt(message) == b"genuine"


@pytest.mark.attack("A31")
def test_every_bit_of_a_late_message_counts_and_its_key_waits(pair: Pair) -> None:
    late = pair.alice.encrypt(b"late")
    later = pair.alice.encrypt(b"later")
    pair.bob.decrypt(pair.alice.encrypt(b""))
    all_refused(pair.bob, flips(late))
    assert pair.bob.decrypt(late) == b"late"
    pair.alice.decrypt(pair.bob.encrypt(b""))
    pair.bob.decrypt(pair.alice.encrypt(b""))
    all_refused(pair.bob, flips(later))
    assert pair.bob.decrypt(later) == b"later"


@pytest.mark.attack("A30")
def test_every_bit_of_a_message_behind_a_gap_counts_and_no_key_of_the_gap_stays(pair: Pair) -> None:
    pair.bob.decrypt(pair.alice.encrypt(b""))
    late, ahead = pair.alice.encrypt(b"late"), pair.alice.encrypt(b"ahead")
    all_refused(pair.bob, flips(ahead))
    assert pair.bob.decrypt(ahead) == b"ahead"
    assert pair.bob.decrypt(late) == b"late"


@pytest.mark.attack("A30", "A48")
def test_every_bit_and_every_length_of_a_repeated_initial_message_counts() -> None:
    pair = make_pair()
    message = pair.alice.encrypt(b"genuine")
    all_refused(pair.bob, flips(message))
    all_refused(pair.bob, cut_or_extended(message))
    assert pair.bob.decrypt(message) == b"genuine"


@pytest.mark.attack("A12", "A22", "A30", "A48")
@pytest.mark.parametrize("one_time", [0, 1])
def test_every_bit_and_every_length_of_a_first_message_counts(one_time: int) -> None:
    _, bob, ring, session = initiate(one_time=one_time)
    message = session.encrypt(b"genuine")
    before = snapshot(ring)
    # Without an item the code is the same but for a step left out: every seventh change will do.
    for changed in [*flips(message), *cut_or_extended(message)][:: 1 if one_time else 7]:
        try:
            Session.accept(bob, ring, changed, our_address=BOB, now=NOW)
        except RatchetError:
            assert snapshot(ring) == before
        else:
            pytest.fail("a changed message started a session")
    assert Session.accept(bob, ring, message, our_address=BOB, now=NOW)[1] == b"genuine"


@pytest.mark.attack("A45")
def test_associated_data_is_bound_as_it_was_given(pair: Pair) -> None:
    message = pair.alice.encrypt(b"text", associated_data=b"room 1")
    for data in (b"", b"room 2", b"room 1\0", b"room ", b"Room 1"):
        assert refused(pair.bob, message, associated_data=data) is AuthenticationError
    assert pair.bob.decrypt(message, associated_data=b"room 1") == b"text"


def test_associated_data_is_bound_to_the_first_message_too() -> None:
    _, bob, ring, session = initiate()
    message = session.encrypt(b"text", associated_data=b"room 1")
    before = snapshot(ring)
    with pytest.raises(AuthenticationError):
        Session.accept(bob, ring, message, our_address=BOB, now=NOW, associated_data=b"room 2")
    assert snapshot(ring) == before
    Session.accept(bob, ring, message, our_address=BOB, now=NOW, associated_data=b"room 1")


@pytest.mark.attack("A23")
def test_a_message_does_not_come_back_to_its_sender(pair: Pair) -> None:
    fresh = make_pair()
    for sender in (pair.alice, pair.bob, fresh.alice, fresh.bob):
        assert refused(sender, sender.encrypt(b"mine")) is AuthenticationError


def test_a_message_is_for_one_session_only() -> None:
    """Same two devices, same bundle, two sessions."""
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=0)
    ends = []
    for _ in range(2):
        session = Session.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW)
        answered, _ = Session.accept(bob, ring, session.encrypt(b""), our_address=BOB, now=NOW)
        session.decrypt(answered.encrypt(b""))
        ends.append((session, answered))
    (one, at_one), (other, at_other) = ends
    assert refused(at_other, one.encrypt(b"")) is AuthenticationError
    assert refused(at_one, other.encrypt(b"")) is AuthenticationError
    assert refused(one, at_other.encrypt(b"")) is AuthenticationError


@pytest.mark.attack("A47")
def test_a_body_opens_with_its_own_header_and_nonce_only(pair: Pair) -> None:
    one, other = pair.alice.encrypt(b"one"), pair.alice.encrypt(b"two")
    body = 2 + 24 + 158
    assert refused(pair.bob, one[:body] + other[body:]) is AuthenticationError
    assert refused(pair.bob, other[:body] + one[body:]) is AuthenticationError
    assert refused(pair.bob, one[:26] + other[26:body] + one[body:]) is AuthenticationError
    assert refused(pair.bob, other[:26] + one[26:]) is AuthenticationError


@pytest.mark.attack("A47", "A49")
def test_the_commitment_decides_in_constant_time_and_before_the_cipher(pair: Pair) -> None:
    pair.bob.decrypt(pair.alice.encrypt(b""))
    message = pair.alice.encrypt(b"genuine")
    start = 2 + 24 + 158
    for position in range(start, start + 32):
        changed = message[:position] + bytes([message[position] ^ 1]) + message[position + 1 :]
        with counted(hmac, "compare_digest") as compared, counted(aead, "open_once") as opened:
            assert refused(pair.bob, changed) is AuthenticationError
        assert (len(compared), len(opened)) == (1, 0)


# --- made by a hostile peer ---------------------------------------------------------------------


@pytest.mark.attack("A32", "A33")
def test_a_header_that_differs_in_pn_alone_does_not_go_with_the_body(pair: Pair) -> None:
    """PN feeds no key: on a new chain nothing but the body's associated data can tell."""
    for _ in range(3):
        pair.bob.decrypt(pair.alice.encrypt(b""))
    pair.alice.decrypt(pair.bob.encrypt(b""))
    new, late = send(pair.alice, b"new"), send(pair.alice, b"late")
    assert new.header.previous_length == 3
    for length in (0, 2, 4):
        assert refused(pair.bob, new.with_header(previous_length=length)) is AuthenticationError
    assert pair.bob.decrypt(new.message) == b"new"
    current = send(pair.alice, b"current")
    assert refused(pair.bob, current.with_header(previous_length=2)) is SessionForked
    assert pair.bob.decrypt(current.message) == b"current"
    assert refused(pair.bob, late.with_header(previous_length=2)) is SessionForked
    pair.alice.decrypt(pair.bob.encrypt(b""))
    pair.bob.decrypt(pair.alice.encrypt(b""))
    assert refused(pair.bob, late.with_header(previous_length=2)) is SessionForked
    assert pair.bob.decrypt(late.message) == b"late"


@pytest.mark.attack("A32", "A33", "A68")
@pytest.mark.parametrize("path", ["current", "new", "skipped", "closed"])
def test_a_header_that_differs_in_its_chunk_alone_does_not_go_with_the_body(pair: Pair, path: str) -> None:
    """A chunk feeds no message key on any path."""
    if path == "new":
        pair.alice.decrypt(pair.bob.encrypt(b""))
    sent = send(pair.alice, b"text")
    assert sent.header.chunk.kind == 1
    if path in {"skipped", "closed"}:
        pair.bob.decrypt(pair.alice.encrypt(b""))
    if path == "closed":
        pair.alice.decrypt(pair.bob.encrypt(b""))
        pair.bob.decrypt(pair.alice.encrypt(b""))
    chunk = sent.header.chunk
    for other in (NO_CHUNK, chunk._replace(point=chunk.point + 1), chunk._replace(data=bytes(96))):
        assert refused(pair.bob, sent.with_header(chunk=other)) is AuthenticationError
    assert pair.bob.decrypt(sent.message) == b"text"


@pytest.mark.attack("A41")
@pytest.mark.parametrize("changes", [{"previous_length": 9}, {"pq_epoch": 1}, {"ratchet_key": b"\x09" + bytes(31)}])
def test_a_whole_message_that_contradicts_its_chain_is_a_fork(pair: Pair, changes: dict[str, Any]) -> None:
    pair.bob.decrypt(pair.alice.encrypt(b""))
    assert refused(pair.bob, forged(pair.alice, **changes)) is SessionForked
    assert pair.bob.decrypt(pair.alice.encrypt(b"genuine")) == b"genuine"


IMPOSSIBLE_CHUNKS = [
    pytest.param({"chunk": Chunk(0, 1, bytes(96))}, id="idle with a point"),
    pytest.param({"chunk": Chunk(0, 0, b"c" * 96)}, id="idle with data"),
    pytest.param({"chunk": Chunk(2, 0, bytes(96))}, id="a ciphertext from the owner of the key"),
    pytest.param({"chunk": Chunk(3, 0, bytes(96))}, id="no kind"),
    pytest.param({"chunk": Chunk(1, 64, bytes(96))}, id="a point beyond the last"),
]
IMPOSSIBLE_NUMBERS = [
    pytest.param({"number": 2**24}, id="a number no chain reaches"),
    pytest.param({"number": 2**32 - 1}, id="the highest number"),
]


@pytest.mark.attack("A37", "A68")
@pytest.mark.parametrize("opening", [False, True], ids=["open chain", "new chain"])
@pytest.mark.parametrize("changes", IMPOSSIBLE_CHUNKS + IMPOSSIBLE_NUMBERS)
def test_a_whole_message_whose_header_cannot_be_is_a_violation(
    pair: Pair, changes: dict[str, Any], *, opening: bool
) -> None:
    pair.bob.decrypt(pair.alice.encrypt(b""))
    if opening:
        pair.alice.decrypt(pair.bob.encrypt(b""))
    message = forged(pair.alice, **changes)
    with derivations() as derived:
        assert refused(pair.bob, message) is ProtocolViolation
    assert derived == []
    assert pair.bob.decrypt(pair.alice.encrypt(b"genuine")) == b"genuine"


@pytest.mark.attack("A68")
def test_the_other_role_may_not_send_a_key_nor_a_ciphertext_too_early() -> None:
    pair = make_pair()
    for chunk in (Chunk(1, 0, bytes(96)), Chunk(0, 0, b"c" * 96)):
        assert refused(pair.alice, forged(pair.bob, chunk=chunk)) is ProtocolViolation
    assert pair.alice.decrypt(forged(pair.bob, chunk=Chunk(2, 0, bytes(96)))) == b"forged"


@pytest.mark.attack("A63")
def test_a_new_chain_brings_a_key_that_is_neither_ours_nor_used_before(pair: Pair) -> None:
    used = [send(pair.alice).header.ratchet_key]
    pair.bob.decrypt(pair.alice.encrypt(b""))
    answer = send(pair.bob)
    used.append(answer.header.ratchet_key)
    pair.alice.decrypt(answer.message)
    for key in used:
        assert refused(pair.bob, forged(pair.alice, ratchet_key=key)) is ProtocolViolation
    assert pair.bob.decrypt(pair.alice.encrypt(b"genuine")) == b"genuine"


@pytest.mark.attack("A63")
def test_a_new_chain_brings_none_of_the_keys_of_the_chains_before_it(pair: Pair) -> None:
    """As many as are remembered: the open chain and five closed ones."""
    used = []
    for _ in range(1 + MAX_CLOSED_CHAINS):
        sent = send(pair.alice)
        used.append(sent.header.ratchet_key)
        pair.bob.decrypt(sent.message)
        pair.alice.decrypt(pair.bob.encrypt(b""))
    for key in used:
        assert refused(pair.bob, forged(pair.alice, ratchet_key=key)) is ProtocolViolation
    assert pair.bob.decrypt(pair.alice.encrypt(b"genuine")) == b"genuine"


@pytest.mark.attack("A7", "A10", "A63")
@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31), (2**255 - 10).to_bytes(32, "little"), b"\xff" * 32])
def test_a_new_chain_brings_a_key_that_x25519_takes(pair: Pair, key: bytes) -> None:
    pair.bob.decrypt(pair.alice.encrypt(b""))
    pair.alice.decrypt(pair.bob.encrypt(b""))
    assert refused(pair.bob, forged(pair.alice, ratchet_key=key)) is ProtocolViolation


def test_a_new_chain_under_a_key_that_the_peer_does_not_hold_fails_at_the_body(pair: Pair) -> None:
    pair.bob.decrypt(pair.alice.encrypt(b""))
    pair.alice.decrypt(pair.bob.encrypt(b""))
    other = dh.public_key(dh.generate())
    assert refused(pair.bob, forged(pair.alice, ratchet_key=other)) is AuthenticationError
    assert pair.bob.decrypt(pair.alice.encrypt(b"genuine")) == b"genuine"


@pytest.mark.attack("A64", "A69")
@pytest.mark.parametrize("epoch", [1, 2, 2**32 - 1])
def test_a_new_chain_is_of_the_current_epoch_or_the_next_with_its_secret(pair: Pair, epoch: int) -> None:
    pair.bob.decrypt(pair.alice.encrypt(b""))
    pair.alice.decrypt(pair.bob.encrypt(b""))
    assert refused(pair.bob, forged(pair.alice, pq_epoch=epoch, chunk=NO_CHUNK)) is ProtocolViolation


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_pn_below_what_was_received_is_no_error(pair: Pair, length: int) -> None:
    """A peer that lost one save says so, and would otherwise be deaf for ever."""
    for _ in range(3):
        pair.bob.decrypt(pair.alice.encrypt(b""))
    pair.alice.decrypt(pair.bob.encrypt(b""))
    stored = pair.bob.health().skipped_stored
    assert pair.bob.decrypt(forged(pair.alice, b"below", previous_length=length)) == b"below"
    assert pair.bob.health().skipped_stored == stored


@pytest.mark.attack("A34", "A37")
def test_a_pn_or_n_too_far_ahead_is_too_many(pair: Pair) -> None:
    for _ in range(3):
        pair.bob.decrypt(pair.alice.encrypt(b""))
    assert refused(pair.bob, forged(pair.alice, number=3 + 1001)) is TooManySkipped
    pair.alice.decrypt(pair.bob.encrypt(b""))
    far: list[dict[str, Any]] = [{"previous_length": 3 + 1001}, {"previous_length": 2**24}, {"number": 1001}]
    for changes in far:
        message = forged(pair.alice, **changes)
        with derivations() as derived:
            assert refused(pair.bob, message) is TooManySkipped
        assert derived == []
    assert pair.bob.decrypt(pair.alice.encrypt(b"genuine")) == b"genuine"


@pytest.mark.attack("A39")
def test_only_who_has_the_header_key_hears_of_duplicates(pair: Pair) -> None:
    message = pair.alice.encrypt(b"once")
    pair.bob.decrypt(message)
    assert refused(pair.bob, message) is DuplicateMessage
    body = 2 + 24 + 158
    assert refused(pair.bob, message[:body] + bytes(len(message) - body)) is DuplicateMessage
    all_errors = set()
    for changed in (flip(message, 8 * 40), bytes([1, 2]) + bytes(len(message) - 2)):
        with pytest.raises(AuthenticationError) as error:
            pair.bob.decrypt(changed)
        all_errors.add((type(error.value), error.value.args))
    assert len(all_errors) == 1

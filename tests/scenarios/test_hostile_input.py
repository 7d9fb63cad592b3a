"""Bytes from an enemy: only the library's errors come out, and nothing has changed."""

from __future__ import annotations

import contextlib
import random
import tracemalloc
from typing import TYPE_CHECKING

import nacl.bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.forge import forged
from support.hostile import flip, odd_buffers, random_strings, refusals
from support.leaks import leaked, rendered, secrets_in
from support.pair import BOB, NOW, Pair, initiate, make_pair, reopened, snapshot
from support.spies import counted, derivations
from support.strategies import u32s
from support.talk import DEEP

from ratchetlib import (
    AuthenticationError,
    MalformedMessage,
    PeerError,
    RatchetError,
    Session,
    UnknownPrekey,
    UnsupportedVersion,
    UsageError,
)
from ratchetlib.handshake import PREFIX_LENGTH
from ratchetlib.limits import MAX_SKIP
from ratchetlib.primitives import dh, seal
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.ratchet import header
from ratchetlib.session import receive
from ratchetlib.session import session as session_module

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDINARY_OVERHEAD = 2 + 24 + 158 + 32 + 16
INITIAL_OVERHEAD = ORDINARY_OVERHEAD + PREFIX_LENGTH
HEADS = [b"", b"\1", b"\1\1", b"\1\2", b"\1\3", b"\2\1"]
LENGTHS = [ORDINARY_OVERHEAD + 64, ORDINARY_OVERHEAD + 1, INITIAL_OVERHEAD + 64, INITIAL_OVERHEAD + 1]


_FIXED = make_pair()


@pytest.fixture
def pair() -> Pair:
    return make_pair().confirm()


def strings(count: int) -> Iterator[bytes]:
    """Random bytes behind every sort of beginning, half of them as long as a message of that sort."""
    for head in HEADS:
        yield from random_strings(count, lengths=LENGTHS, begin=head)


@pytest.mark.attack("A100", "A101")
def test_random_bytes_are_refused_by_a_session_without_a_trace(pair: Pair) -> None:
    for session in (pair.alice, pair.bob):
        before = snapshot(session)

        def decrypt(message: bytes, session: Session = session, before: bytes = before) -> None:
            try:
                session.decrypt(message)
            finally:
                assert snapshot(session) == before

        assert refusals(decrypt, strings(1000)) == {MalformedMessage, UnsupportedVersion, AuthenticationError}
    assert pair.bob.decrypt(pair.alice.encrypt(b"genuine")) == b"genuine"


@pytest.mark.attack("A12", "A26", "A100", "A101")
def test_random_bytes_start_no_session_and_leave_the_ring_alone() -> None:
    _, bob, ring, session = initiate()
    before = snapshot(ring)

    def accept(message: bytes) -> None:
        try:
            Session.accept(bob, ring, message, our_address=BOB, now=NOW)
        finally:
            assert snapshot(ring) == before

    assert AuthenticationError not in refusals(accept, strings(1700))
    assert Session.accept(bob, ring, session.encrypt(b"genuine"), our_address=BOB, now=NOW)[1] == b"genuine"


@pytest.mark.attack("A12", "A26", "A54", "A100")
@pytest.mark.parametrize("one_time", [0, 1])
def test_garbage_that_names_real_prekeys_costs_work_and_nothing_else(one_time: int) -> None:
    _, bob, ring, session = initiate(one_time=one_time)
    genuine = session.encrypt(b"genuine")
    before = snapshot(ring)
    source = random.Random(26)
    tracemalloc.start()
    for _ in range(10_000 if DEEP else 700):
        ephemeral = dh.public_key(dh.generate())
        rest = source.randbytes(len(genuine) - 2 - 33 - 32)
        message = genuine[: 2 + 33] + ephemeral + rest
        with pytest.raises(AuthenticationError):
            Session.accept(bob, ring, message, our_address=BOB, now=NOW)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 5 * 2**20
    assert snapshot(ring) == before
    assert Session.accept(bob, ring, genuine, our_address=BOB, now=NOW)[1] == b"genuine"


@pytest.mark.attack("A26")
def test_a_first_message_that_names_no_prekey_of_ours_costs_no_derivation() -> None:
    _, bob, ring, session = initiate()
    message = session.encrypt(b"")
    bundle_id, item_id = 2, 2 + 16 + 1
    for position in (bundle_id, item_id):
        with derivations() as derived, pytest.raises(UnknownPrekey):
            Session.accept(bob, ring, flip(message, 8 * position), our_address=BOB, now=NOW)
        assert derived == []


@pytest.mark.attack("A34", "A37")
@given(u32s, u32s, u32s)
def test_whatever_numbers_a_header_says_a_thousand_keys_are_skipped_at_most(
    number: int, previous_length: int, pq_epoch: int
) -> None:
    message = forged(_FIXED.alice, number=number, previous_length=previous_length, pq_epoch=pq_epoch)
    receiver = reopened(_FIXED.bob)
    with derivations() as derived, contextlib.suppress(PeerError):
        receiver.decrypt(message)
    assert len(derived) <= MAX_SKIP + 10
    assert receiver.health().skipped_stored <= MAX_SKIP


@given(st.binary(max_size=300), st.sampled_from(HEADS))
def test_any_bytes_are_refused(rest: bytes, head: bytes) -> None:
    with pytest.raises(RatchetError):
        _FIXED.bob.decrypt(head + rest)


@pytest.mark.attack("A51")
def test_nothing_is_parsed_before_it_has_authenticated(pair: Pair) -> None:
    source = random.Random(51)
    with (
        counted(header, "Header") as headers,
        counted(seal, "open_") as bodies,
        counted(receive, "unpad") as plaintexts,
    ):
        for _ in range(200):
            with pytest.raises(AuthenticationError):
                pair.bob.decrypt(b"\1\2" + source.randbytes(ORDINARY_OVERHEAD + 62))
    assert headers == bodies == plaintexts == []


@pytest.mark.attack("A34", "A43", "A44")
def test_a_stranger_causes_no_derivation_no_draw_and_seven_trials_at_most(pair: Pair) -> None:
    for _ in range(7):
        pair.bob.decrypt(pair.alice.encrypt(b""))
        pair.alice.decrypt(pair.bob.encrypt(b""))
    source = random.Random(44)
    for _ in range(10_000 if DEEP else 500):
        message = b"\1\2" + source.randbytes(ORDINARY_OVERHEAD + 62)
        with (
            derivations() as derived,
            counted(HeaderKey, "open") as trials,
            counted(nacl.bindings, "randombytes") as draws,
            pytest.raises(AuthenticationError),
        ):
            pair.bob.decrypt(message)
        assert derived == draws == []
        assert len(trials) == 7


@pytest.mark.attack("A54")
def test_there_is_no_plaintext_control_message(pair: Pair) -> None:
    before = snapshot(pair.bob), snapshot(pair.ring)
    for message_type in {*range(256)} - {1, 2}:
        message = bytes([1, message_type]) + b"reset"
        for length in (0, 16, ORDINARY_OVERHEAD + 64, PREFIX_LENGTH + 300):
            with pytest.raises(MalformedMessage):
                pair.bob.decrypt(message.ljust(length, b"\0"))
            with pytest.raises(MalformedMessage):
                Session.accept(pair.bob_identity, pair.ring, message.ljust(length, b"\0"), our_address=BOB, now=NOW)
    assert (snapshot(pair.bob), snapshot(pair.ring)) == before


@pytest.mark.attack("A99")
def test_what_is_not_exactly_bytes_is_no_message() -> None:
    _, bob, ring, session = initiate()
    message = session.encrypt(b"genuine")
    for value in odd_buffers(message):
        with pytest.raises(UsageError):
            Session.accept(bob, ring, value, our_address=BOB, now=NOW)
    answered, _ = Session.accept(bob, ring, message, our_address=BOB, now=NOW)
    for value in odd_buffers(session.encrypt(b"")):
        for call in (answered.decrypt, answered.recognises):
            with pytest.raises(UsageError):
                call(value)


@pytest.mark.attack("A50", "A91")
@pytest.mark.parametrize("first", [True, False], ids=["first message", "later message"])
def test_padding_that_no_peer_writes_shows_nothing_of_the_plaintext(
    monkeypatch: pytest.MonkeyPatch, *, first: bool
) -> None:
    canary = b"CANARY-PLAINTEXT-CANARY-PLAINTEXT"
    _, bob, ring, session = initiate()
    if not first:
        answered, _ = Session.accept(bob, ring, session.encrypt(b""), our_address=BOB, now=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(session_module, "pad", lambda *_: canary.ljust(64, b"\0"))
        message = session.encrypt(b"")
    with pytest.raises(AuthenticationError) as refused:
        _ = Session.accept(bob, ring, message, our_address=BOB, now=NOW) if first else answered.decrypt(message)
    text = rendered(refused.value)
    assert not leaked(text, {canary} | secrets_in(session, bob, ring))
    assert "CANARY" not in text
    with pytest.raises(AuthenticationError) as other:
        make_pair().bob.decrypt(b"\1\2" + bytes(ORDINARY_OVERHEAD))
    assert refused.value.args == other.value.args

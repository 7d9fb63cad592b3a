"""Opening one message against a session's state."""

from __future__ import annotations

import pytest
from support.pair import Pair, make_pair

from ratchetlib import AuthenticationError, FixedBuckets, MalformedMessage
from ratchetlib.session import session as session_module
from ratchetlib.session.message import split
from ratchetlib.session.receive import Received, is_ours, open_message

MAX = 2**20


@pytest.fixture
def pair() -> Pair:
    return make_pair()


def received(message: bytes, *, max_plaintext: int = MAX) -> Received:
    return Received(*split(message, MAX), b"", max_plaintext)


def test_only_the_accepted_handshake_is_ours(pair: Pair) -> None:
    ours, other = received(pair.alice.encrypt(b"")).prefix, received(make_pair().alice.encrypt(b"")).prefix
    assert ours is not None
    assert other is not None
    assert is_ours(pair.bob._state, ours)
    assert not is_ours(pair.bob._state, other)
    assert not is_ours(pair.alice._state, ours)


def test_a_message_gives_the_next_state_and_the_plaintext(pair: Pair) -> None:
    before = pair.bob._state
    state, plaintext = open_message(before, received(pair.alice.encrypt(b"hello")))
    assert plaintext == b"hello"
    assert state is not before
    assert pair.bob._state is before


def test_whatever_decrypts_confirms_the_initiator(pair: Pair) -> None:
    assert pair.alice._state.unconfirmed is not None
    state, _ = open_message(pair.alice._state, received(pair.bob.encrypt(b"")))
    assert state.unconfirmed is None
    assert state.bindings.sending != pair.alice._state.bindings.sending
    again, _ = open_message(state, received(pair.bob.encrypt(b"")))
    assert again.bindings is state.bindings


def test_the_initial_message_of_another_handshake_does_not_authenticate(pair: Pair) -> None:
    other = received(make_pair().alice.encrypt(b"")).prefix
    with pytest.raises(AuthenticationError):
        open_message(pair.bob._state, received(pair.alice.encrypt(b""))._replace(prefix=other))


@pytest.mark.attack("A23")
def test_an_initiator_takes_no_initial_message(pair: Pair) -> None:
    with pytest.raises(AuthenticationError):
        open_message(pair.alice._state, received(pair.alice.encrypt(b"")))


@pytest.mark.attack("A10", "A32")
def test_a_frame_does_not_change_its_type(pair: Pair) -> None:
    initial = received(pair.alice.encrypt(b""))
    ordinary = received(pair.confirm().alice.encrypt(b""))
    for changed in (initial._replace(prefix=None), ordinary._replace(prefix=initial.prefix)):
        with pytest.raises(AuthenticationError):
            open_message(pair.bob._state, changed)
    open_message(pair.bob._state, initial)
    open_message(pair.bob._state, ordinary)


@pytest.mark.attack("A50")
@pytest.mark.parametrize("padded", [bytes(64), b"plaintext" + bytes(55), b"\x01" * 64])
def test_padding_that_no_peer_writes_does_not_authenticate(
    pair: Pair, padded: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "pad", lambda *_: padded)
    message = received(pair.alice.encrypt(b""))
    with pytest.raises(AuthenticationError):
        open_message(pair.bob._state, message)


def test_the_receiver_takes_any_canonical_tail(pair: Pair) -> None:
    for size in (6, 7, 64, 1000):
        message = received(pair.alice.encrypt(b"hello", padding=FixedBuckets((size,))))
        assert open_message(pair.bob._state, message)[1] == b"hello"


def test_a_plaintext_longer_than_the_caller_takes_is_refused(pair: Pair) -> None:
    message = pair.alice.encrypt(b"hello")
    assert open_message(pair.bob._state, received(message, max_plaintext=5))[1] == b"hello"
    with pytest.raises(MalformedMessage):
        open_message(pair.bob._state, received(message, max_plaintext=4))

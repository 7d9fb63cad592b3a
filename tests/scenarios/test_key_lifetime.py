"""Keys: each used once and for one purpose, none kept longer than it is needed, and what a thief of the state gets."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from support.pair import Pair, initiate, make_pair, reopened, snapshot
from support.spies import secrets_recorded, secrets_within
from support.traffic import Traffic

from ratchetlib import AuthenticationError, DuplicateMessage, RatchetError, Session
from ratchetlib.keys import ChainKey, DhPrivateKey, KemSeed, MessageKey, PqSecret, RootKey
from ratchetlib.limits import MAX_CLOSED_CHAINS
from ratchetlib.primitives import aead, kdf
from ratchetlib.primitives.aead import HeaderKey

if TYPE_CHECKING:
    from collections.abc import Iterator


def turn(sender: Session, receiver: Session) -> None:
    receiver.decrypt(sender.encrypt(b""))


# --- what the state holds -----------------------------------------------------------------------


@pytest.mark.attack("A43", "A57", "A58", "A69", "A134")
@pytest.mark.parametrize("seed", range(2))
def test_the_state_holds_what_is_still_needed_and_nothing_comes_back(seed: int) -> None:
    with secrets_recorded() as made:
        traffic = Traffic(make_pair(), seed)
        held_before: dict[str, set[bytes]] = {"alice": set(), "bob": set()}
        gone: dict[str, set[bytes]] = {"alice": set(), "bob": set()}
        for _ in range(450):
            traffic.step()
            for side, session in traffic.sessions.items():
                found = secrets_within(snapshot(session), made)
                require_allowed(session, Counter(found.values()))
                gone[side] |= held_before[side] - set(found)
                assert not gone[side] & set(found)
                held_before[side] = set(found)
    assert traffic.sessions["alice"].health().pq_epoch > 0


def require_allowed(session: Session, held: Counter[type]) -> None:
    """How many secrets of each role a session may hold."""
    ratchet = session._state.ratchet
    chains = len([*ratchet.chains])
    sending = 0 if ratchet.sending is None else 1
    receiving = 0 if ratchet.receiving is None else 1
    assert held.pop(RootKey) == 1
    assert held.pop(ChainKey, 0) == sending + receiving
    assert held.pop(DhPrivateKey, 0) == sending
    assert held.pop(MessageKey, 0) == session.health().skipped_stored
    assert held.pop(HeaderKey) == 2 + sending + chains <= 3 + 1 + MAX_CLOSED_CHAINS
    assert held.pop(KemSeed, 0) + held.pop(PqSecret, 0) <= 1
    # No agreement, no shared secret, nothing of an identity, of a prekey or of the handshake.
    assert not held


@pytest.mark.attack("A43", "A57")
def test_no_private_key_of_the_handshake_ever_enters_a_session() -> None:
    with secrets_recorded() as made:
        alice, bob, ring, session = initiate(one_time=1)
        handshakes = [raw for raw, role in made.items() if role in {DhPrivateKey, KemSeed}]
        first = session.encrypt(b"")
        private = set(handshakes)
        assert len(private) >= 2 + 2 + 2 + 1
        answered, _ = Session.accept(bob, ring, first, our_address=b"bob/phone", now=session.created_at)
        for _ in range(3):
            for end in (session, answered):
                state = snapshot(end)
                assert not [raw for raw in private if raw in state]
            turn(answered, session)
            turn(session, answered)
    assert alice.public == answered.peer_identity


@pytest.mark.attack("A43")
def test_between_a_receive_and_the_next_send_there_is_no_ratchet_private_key() -> None:
    with secrets_recorded() as made:
        pair = make_pair()
        for _ in range(5):
            for sender, receiver in ((pair.bob, pair.alice), (pair.alice, pair.bob)):
                turn(sender, receiver)
                assert DhPrivateKey not in secrets_within(snapshot(receiver), made).values()
                assert DhPrivateKey in secrets_within(snapshot(sender), made).values()


# --- each key once, for one purpose -------------------------------------------------------------


@contextmanager
def sealed() -> Iterator[tuple[list[bytes], list[tuple[bytes, bytes]]]]:
    """The AEAD keys of all bodies, and key and nonce of all headers."""
    bodies: list[bytes] = []
    headers: list[tuple[bytes, bytes]] = []
    seal_once, seal_header = aead.seal_once, HeaderKey.seal

    def recording_body(key: bytes, plaintext: bytes) -> bytes:
        bodies.append(key)
        return seal_once(key, plaintext)

    def recording_header(key: HeaderKey, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        headers.append((key.raw, nonce))
        return seal_header(key, nonce, plaintext, associated_data)

    with patch.object(aead, "seal_once", recording_body), patch.object(HeaderKey, "seal", recording_header):
        yield bodies, headers


@pytest.mark.attack("A46", "A62")
def test_no_key_and_nonce_are_ever_used_twice() -> None:
    with sealed() as (bodies, headers), secrets_recorded() as made:
        for seed in range(3):
            Traffic(make_pair(), seed).run(300)
    assert len(bodies) > 400
    assert len(set(bodies)) == len(bodies)
    assert len(set(headers)) == len(headers)
    message_keys = [raw for raw, role in made.items() if role is MessageKey]
    assert len(message_keys) > 400
    assert not set(message_keys) & set(bodies)


@contextmanager
def purposes() -> Iterator[dict[bytes, set[tuple[str, bytes]]]]:
    """What each key is used for: the algorithm, and the label or personalisation with it."""
    used: dict[bytes, set[tuple[str, bytes]]] = defaultdict(set)
    blake2b = hashlib.blake2b

    def recording_blake2b(*args: bytes, **kwargs: Any) -> Any:
        if kwargs.get("key"):
            used[kwargs["key"]].add(("blake2b", kwargs["person"]))
        return blake2b(*args, **kwargs)

    def recording_hkdf(algorithm: Any, length: int, salt: bytes, info: bytes) -> Any:
        derived = HKDF(algorithm, length, salt, info)
        label = info[4 : 4 + int.from_bytes(info[:4], "big")]

        class Recording:
            def derive(self, secret: bytes) -> bytes:
                used[secret].add(("hkdf secret", label))
                if any(salt):
                    used[salt].add(("hkdf salt", label))
                return derived.derive(secret)

        return Recording()

    def recording_cipher(key: bytes) -> Any:
        used[key].add(("chacha20poly1305", b""))
        return ChaCha20Poly1305(key)

    with (
        patch.object(hashlib, "blake2b", recording_blake2b),
        patch.object(kdf, "HKDF", recording_hkdf),
        patch.object(aead, "ChaCha20Poly1305", recording_cipher),
    ):
        yield used


@pytest.mark.attack("A62")
def test_every_key_has_one_purpose() -> None:
    with purposes() as used, secrets_recorded() as made:
        traffic = Traffic(make_pair(), 62, restarts=True).run(300)
    assert traffic.sessions["alice"].health().pq_epoch > 0
    assert {raw: what for raw, what in used.items() if len(what) > 1} == {}
    by_role: dict[str, set[tuple[str, bytes]]] = defaultdict(set)
    for raw, role in made.items():
        by_role[role.__name__] |= used.get(raw, set())
    assert by_role["ChainKey"] == {("blake2b", b"ratchetlib1chain")}
    assert by_role["MessageKey"] == {("blake2b", b"ratchetlib1 body")}
    assert by_role["RootKey"] == {("hkdf salt", b"ratchetlib/1 root step")}
    assert by_role["HeaderKey"] == {("chacha20poly1305", b"")}
    assert by_role["IdentityBlockKey"] == {("blake2b", b"ratchetlib1ident")}
    assert by_role["RecordKey"] == {("blake2b", b"ratchetlib1state")}
    assert by_role["StorageKey"] == {("blake2b", b"ratchetlib1vault")}


# --- what a thief gets --------------------------------------------------------------------------


@pytest.fixture
def pair() -> Pair:
    return make_pair().confirm()


@pytest.mark.attack("A57")
def test_a_stolen_state_reads_nothing_that_was_delivered_before(pair: Pair) -> None:
    recorded = []
    for _ in range(20):
        recorded += [pair.alice.encrypt(b"a") for _ in range(3)]
        for message in recorded[-3:]:
            pair.bob.decrypt(message)
        turn(pair.bob, pair.alice)
    stolen = reopened(pair.bob)
    for message in recorded:
        with pytest.raises((DuplicateMessage, AuthenticationError)):
            stolen.decrypt(message)


@pytest.mark.attack("A42")
def test_a_stolen_state_reads_on_until_the_owner_answers_and_no_longer(pair: Pair) -> None:
    turn(pair.alice, pair.bob)
    stolen = reopened(pair.bob)
    for _ in range(60):
        message = pair.alice.encrypt(b"one-way")
        assert stolen.decrypt(message) == pair.bob.decrypt(message) == b"one-way"
    assert pair.bob.health().dh_overdue
    pair.alice.decrypt(pair.bob.encrypt(b""))
    for _ in range(3):
        healed = pair.alice.encrypt(b"healed")
        with pytest.raises(RatchetError):
            stolen.decrypt(healed)
        assert pair.bob.decrypt(healed) == b"healed"
        turn(pair.bob, pair.alice)


@pytest.mark.attack("A57", "A134")
def test_a_stolen_key_for_a_late_message_opens_that_one_only(pair: Pair) -> None:
    late, other = pair.alice.encrypt(b"late"), pair.alice.encrypt(b"other")
    turn(pair.alice, pair.bob)
    pair.bob.decrypt(other)
    state = pair.bob._state.ratchet
    assert state.receiving is not None
    (key,) = state.receiving.skipped.values()
    assert key.raw in snapshot(pair.bob)
    pair.bob.decrypt(late)
    assert key.raw not in snapshot(pair.bob)

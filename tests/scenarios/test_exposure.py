"""Nothing secret in what a program prints, logs, copies, pickles, or sends to a crash reporter."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from support.forge import forged, number_set, send
from support.hostile import flip
from support.leaks import leaked, rendered, secrets_in
from support.pair import BOB, NOW, Pair, initiate, make_pair, reopened
from support.spies import secrets_recorded
from support.traffic import Traffic

from ratchetlib import (
    AuthenticationError,
    ChainExhausted,
    ConcurrentUse,
    DuplicateMessage,
    HandshakeExpired,
    HandshakeReplayed,
    IdentityChanged,
    MalformedMessage,
    MessageKeyEvicted,
    ProtocolViolation,
    RandomnessError,
    RatchetError,
    Session,
    SessionExpired,
    SessionForked,
    StateTampered,
    StateVault,
    TooManySkipped,
    UnknownPrekey,
    UnsupportedVersion,
    UsageError,
)
from ratchetlib.limits import MAX_CHAIN_LENGTH, MAX_PLAINTEXT, TIME_LIMIT
from ratchetlib.primitives import random

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY = b"CANARY-RECEIVED-PLAINTEXT-CANARY"


@dataclass(frozen=True)
class Scene:
    """A conversation, and what comes of it.

    Attributes:
        pair: Alice has an open chain; Bob keeps keys for late messages.
        delivered: a message with the canary that Bob has read.
        waiting: one that he has not.
    """

    pair: Pair
    delivered: bytes
    waiting: bytes


def scene() -> Scene:
    pair = make_pair(one_time=0).confirm()
    pair.bob.decrypt(pair.alice.encrypt(b""))
    waiting, delivered = pair.alice.encrypt(CANARY), pair.alice.encrypt(CANARY)
    pair.bob.decrypt(delivered)
    return Scene(pair, delivered, waiting)


def evicted(scene: Scene) -> object:
    scene.pair.bob.forget_skipped()
    return scene.pair.bob.decrypt(scene.waiting)


def too_far(scene: Scene) -> object:
    for _ in range(1001):
        scene.pair.alice.encrypt(b"")
    return scene.pair.bob.decrypt(scene.pair.alice.encrypt(CANARY))


def fork(scene: Scene) -> object:
    scene.pair.alice.decrypt(scene.pair.bob.encrypt(b""))
    clone = reopened(scene.pair.alice)
    scene.pair.bob.decrypt(scene.pair.alice.encrypt(CANARY))
    return scene.pair.bob.decrypt(clone.encrypt(CANARY))


def failed_source(scene: Scene) -> object:
    source = random._source
    random._source = random._Source()
    random._source.failure = "stuck"
    try:
        return scene.pair.bob.encrypt(b"")
    finally:
        random._source = source


def callback(scene: Scene) -> object:
    class Reentrant:
        def padded_length(self, length: int) -> int:
            scene.pair.bob.decrypt(scene.waiting)
            return length

    return scene.pair.bob.encrypt(b"", padding=Reentrant())


def accept(scene: Scene, message: bytes, **arguments: Any) -> object:
    pair = scene.pair
    return Session.accept(pair.bob_identity, pair.ring, message, our_address=BOB, **({"now": NOW} | arguments))


def fresh_first(scene: Scene) -> bytes:
    pair = scene.pair
    return Session.initiate(
        pair.alice_identity, pair.ring.next_bundle(), our_address=b"alice", their_address=BOB, now=NOW
    ).encrypt(CANARY)


def replay(scene: Scene) -> object:
    message = fresh_first(scene)
    accept(scene, message)
    return accept(scene, message)


def tampered_state(scene: Scene) -> object:
    vault = StateVault({b"key": bytes(range(32))}, current=b"key")
    blob = vault.seal(scene.pair.bob, owner=b"o", peer=b"p", generation=1)
    return vault.open(flip(blob, 8 * len(blob) - 1), kind=Session, owner=b"o", peer=b"p", minimum_generation=1)


ERRORS: dict[type[RatchetError], Callable[[Scene], object]] = {
    AuthenticationError: lambda s: s.pair.bob.decrypt(flip(s.waiting, 8 * len(s.waiting) - 1)),
    ChainExhausted: lambda s: number_set(s.pair.alice, MAX_CHAIN_LENGTH).encrypt(b""),
    ConcurrentUse: callback,
    DuplicateMessage: lambda s: s.pair.bob.decrypt(s.delivered),
    HandshakeExpired: lambda s: accept(s, fresh_first(s), now=0),
    HandshakeReplayed: replay,
    IdentityChanged: lambda s: accept(s, fresh_first(s), known_identity=lambda _: s.pair.bob_identity.public),
    MalformedMessage: lambda s: s.pair.bob.decrypt(s.waiting, max_plaintext=0) and s.pair.bob.decrypt(b"\1\2"),
    MessageKeyEvicted: evicted,
    ProtocolViolation: lambda s: s.pair.bob.decrypt(forged(s.pair.alice, CANARY, number=2**24)),
    RandomnessError: failed_source,
    SessionExpired: lambda _: initiate()[3].encrypt(b"", now=TIME_LIMIT - 1),
    SessionForked: fork,
    StateTampered: tampered_state,
    TooManySkipped: too_far,
    UnknownPrekey: lambda s: accept(s, fresh_first(s), now=TIME_LIMIT - 1),
    UnsupportedVersion: lambda s: s.pair.bob.decrypt(b"\2" + s.waiting[1:]),
    UsageError: lambda s: s.pair.bob.encrypt(bytes(MAX_PLAINTEXT + 1)),
}


@pytest.mark.attack("A91", "A101")
@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_a_traceback_with_locals_shows_no_key_and_no_received_plaintext(kind: type[RatchetError]) -> None:
    with secrets_recorded() as made:
        setting = scene()
        with pytest.raises(kind) as error:
            ERRORS[kind](setting)
        assert error.value.__cause__ is None
        assert error.value.__context__ is None
        text = rendered(error.value)
        assert not leaked(text, {raw for raw in made if len(set(raw)) > 1})
        assert CANARY.decode() not in text


@pytest.mark.attack("A90")
def test_no_way_to_print_an_object_shows_a_secret() -> None:
    setting = scene()
    pair = setting.pair
    vault = StateVault({b"key": bytes(range(32))}, current=b"key")
    objects = [pair.alice, pair.bob, pair.ring, pair.alice_identity, pair.alice_identity.public, vault]
    objects += [pair.bob.health(), pair.ring.status, pair.ring.next_bundle(), pair.bob._state, pair.ring._contents]
    secrets = secrets_in(pair.alice, pair.bob, pair.ring, pair.alice_identity, pair.bob_identity, vault)
    assert len(secrets) > 12
    for value in objects:
        text = "\n".join([repr(value), str(value), f"{value}", f"{value!s:>10}", json.dumps(value, default=repr)])
        assert not leaked(text, secrets)
        assert not hasattr(value, "__dict__")


@pytest.mark.attack("A93")
def test_what_is_secret_is_neither_copied_nor_pickled() -> None:
    pair = scene().pair
    vault = StateVault({b"key": bytes(range(32))}, current=b"key")
    for value in (pair.alice, pair.bob, pair.ring, pair.alice_identity, vault, pair.bob._state, pair.ring._contents):
        for attempt in (copy.deepcopy, pickle.dumps, partial(pickle.dumps, protocol=5)):
            with pytest.raises(TypeError):
                attempt(value)
    for value in (pair.alice, pair.ring, pair.alice_identity, vault):
        with pytest.raises(TypeError):
            copy.copy(value)


@pytest.mark.attack("A92")
def test_the_library_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        Traffic(make_pair(), 92, restarts=True).run(60)
        for kind, provoke in ERRORS.items():
            with pytest.raises(kind):
                provoke(scene())
    assert caplog.records == []


@contextmanager
def stdout_unused(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    capfd.readouterr()
    yield
    assert capfd.readouterr() == ("", "")


@pytest.mark.attack("A92")
def test_the_library_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with stdout_unused(capfd):
        _, bob, ring, session = initiate()
        answered, _ = Session.accept(bob, ring, session.encrypt(CANARY), our_address=BOB, now=NOW)
        session.decrypt(answered.encrypt(CANARY))
        with pytest.raises(AuthenticationError):
            session.decrypt(send(session).message)

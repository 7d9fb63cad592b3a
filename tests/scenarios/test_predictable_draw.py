"""One draw that everybody predicts costs nothing while the rest of the state is secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.attacker import Attacker
from support.pair import make_pair
from support.spies import secrets_recorded

from ratchetlib.keys import DhPrivateKey, RootKey
from ratchetlib.primitives import dh
from ratchetlib.primitives.aead import HeaderKey

if TYPE_CHECKING:
    from ratchetlib import Session
    from ratchetlib.ratchet import Direction

KNOWN = DhPrivateKey(bytes(range(100, 132)))
GUESSED_ROOT = RootKey(bytes(RootKey.LENGTH))


@pytest.mark.attack("A120")
def test_a_ratchet_key_that_everybody_knows_opens_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attacker also has every header key, so that it knows all ratchet keys: what is missing is the root key."""
    wire: list[tuple[Direction, bytes]] = []

    def turn(sender: Session, receiver: Session) -> None:
        message = sender.encrypt(b"secret")
        wire.append((sender._state.facts.sending, message))
        assert receiver.decrypt(message) == b"secret"

    with secrets_recorded() as made:
        pair = make_pair()
        turn(pair.bob, pair.alice)
        with monkeypatch.context() as predictable:
            predictable.setattr(dh, "generate", lambda: KNOWN)
            turn(pair.alice, pair.bob)
        turn(pair.bob, pair.alice)
        turn(pair.alice, pair.bob)
    attacker = Attacker(pair.alice.session_id, wire)
    attacker.learn_secrets({KNOWN.raw: DhPrivateKey})
    header_keys = [HeaderKey(raw) for raw, role in made.items() if role is HeaderKey]
    attacker._untried += [(direction, key) for direction in {sent for sent, _ in wire} for key in header_keys]
    attacker._roots[GUESSED_ROOT.raw] = GUESSED_ROOT
    attacker.close()
    assert len(attacker.headers) == len(wire)
    assert attacker.read == set()

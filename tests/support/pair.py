"""Two devices in a conversation: what most tests begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from ratchetlib import IdentityKeyPair, PrekeyRing, Session, StateVault

NOW = 1_800_000_000
ALICE = b"alice/laptop"
BOB = b"bob/phone"
_STORAGE_KEY = bytes(range(32))
_Sealed = TypeVar("_Sealed", Session, PrekeyRing, IdentityKeyPair)


@dataclass
class Pair:
    """Alice has initiated; Bob has accepted her first message."""

    alice_identity: IdentityKeyPair
    bob_identity: IdentityKeyPair
    ring: PrekeyRing
    alice: Session
    bob: Session

    def confirm(self) -> Pair:
        """Bob answers, so that Alice sends ordinary messages."""
        self.alice.decrypt(self.bob.encrypt(b""))
        return self


def initiate(*, one_time: int = 1) -> tuple[IdentityKeyPair, IdentityKeyPair, PrekeyRing, Session]:
    """Alice, Bob, Bob's ring, and Alice's session before its first message."""
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=one_time)
    session = Session.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW)
    return alice, bob, ring, session


def make_pair(*, one_time: int = 1) -> Pair:
    """A fresh conversation after its first message."""
    alice, bob, ring, session = initiate(one_time=one_time)
    bob_session, plaintext = Session.accept(bob, ring, session.encrypt(b"first"), our_address=BOB, now=NOW)
    if plaintext != b"first":
        raise RuntimeError("the first message did not arrive")
    return Pair(alice, bob, ring, session, bob_session)


def snapshot(value: Session | PrekeyRing | IdentityKeyPair) -> bytes:
    """The serialized state: two snapshots are equal exactly if nothing has changed."""
    return value._to_state()


def reopened(value: _Sealed) -> _Sealed:
    """The session, ring or identity after a restart: sealed and opened again."""
    vault = StateVault({b"key": _STORAGE_KEY}, current=b"key")
    peer = b"peer" if type(value).STATE_HAS_PEER else b""
    blob = vault.seal(value, owner=b"owner", peer=peer, generation=1)
    return vault.open(blob, kind=type(value), owner=b"owner", peer=peer, minimum_generation=1)

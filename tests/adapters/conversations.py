"""Two devices with stores: how they meet and how letters get from one to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib import IdentityKeyPair, PrekeyBundle, PrekeyRing

if TYPE_CHECKING:
    from store import Store

NOW = 1_800_000_000
ALICE = b"alice/laptop"
BOB = b"bob/phone"


def make_device(store: Store, address: bytes, *, one_time: int = 3) -> None:
    identity = IdentityKeyPair.generate()
    with store.device() as device:
        device.identity = identity
        device.ring = PrekeyRing.generate(identity, address=address, now=NOW, one_time=one_time)


def bundle_of(store: Store) -> PrekeyBundle:
    with store.device() as device:
        assert device.ring is not None
        return device.ring.next_bundle()


def send(store: Store, peer: bytes, *plaintexts: bytes, now: int = NOW) -> None:
    with store.peer(peer) as locked:
        for plaintext in plaintexts:
            locked.send(plaintext, now=now)


def receive(store: Store, peer: bytes, message: bytes, *, now: int = NOW) -> bytes:
    with store.peer(peer) as locked:
        locked.receive(message, now=now)
    (letter,) = locked.incoming
    store.done(letter)
    return letter.content


def carry(sender: Store, sender_address: bytes, receiver: Store, *, now: int = NOW) -> list[bytes]:
    """All letters of an outbox reach their receiver; what they say."""
    plaintexts = []
    for letter in sender.outbox():
        plaintexts.append(receive(receiver, sender_address, letter.content, now=now))
        sender.done(letter)
    return plaintexts


def meet(alice: Store, bob: Store) -> None:
    """Both devices exist, and Alice and Bob have a confirmed session."""
    make_device(alice, ALICE)
    make_device(bob, BOB)
    with alice.peer(BOB) as locked:
        locked.begin(bundle_of(bob), now=NOW, first=b"first")
    assert carry(alice, ALICE, bob) == [b"first"]
    send(bob, ALICE, b"answer")
    assert carry(bob, BOB, alice) == [b"answer"]

"""A new identity for a device that nobody has got into: its contacts hear of it through the sessions they have.

Our side:       rotate_identity(store, now=now), and then `Renewal.tick` until it returns nothing.
Their side:     identity = announced(plaintext) tells that a plaintext is an announcement. It is not a pin yet: the two
                people compare fingerprints again, and only then `accept_identity` pins it.

Who has stolen a device can announce an identity of his own as well. So an announcement says no more than that the old
identity agrees; it spares a contact the alarm, not the comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plan import Stage, look
from renewal import ANNOUNCEMENT, start

from ratchetlib import Fingerprint, IdentityKey

if TYPE_CHECKING:
    from store import Store


def rotate_identity(store: Store, *, now: int) -> None:
    """Make the new identity and ring. First messages under way to the old ring will be refused.

    Raises:
        RenewalRunning: the last new identity has not reached all contacts yet.
    """
    start(store, now=now, first=Stage.ANNOUNCE)


def announced(plaintext: bytes) -> IdentityKey | None:
    """The identity that a plaintext announces; None if it is something else.

    Raises:
        MalformedMessage: it begins like an announcement and holds no identity.
    """
    if not plaintext.startswith(ANNOUNCEMENT):
        return None
    return IdentityKey.from_bytes(plaintext.removeprefix(ANNOUNCEMENT))


def fingerprint(store: Store, address: bytes, identity: IdentityKey) -> Fingerprint:
    """What to show and compare before a contact's new identity is accepted."""
    device = look(store)
    return Fingerprint.between(device.identity.public, device.ring.address, identity, address)


def accept_identity(store: Store, address: bytes, identity: IdentityKey, scanned: bytes) -> None:
    """Pin a contact's new identity, and delete all sessions with the old one. The next message begins a new session.

    Args:
        store: of this device.
        address: the contact's.
        identity: as announced, or as `IdentityChanged` presented it.
        scanned: the fingerprint as scanned from the contact's screen, all 65 bytes.

    Raises:
        FingerprintMismatch: the contact shows another one. Nothing has changed.
        MalformedMessage, UnsupportedVersion: it is no whole fingerprint.
    """
    fingerprint(store, address, identity).verify(scanned)
    with store.peer(address) as peer:
        peer.repin(identity)

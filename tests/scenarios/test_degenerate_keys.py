"""Keys under which anybody could compute the secret, in every place where a key comes from outside.

A primitive that refuses them is not enough (the refusal has been lost one layer up before): nothing may start or move.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.forge import forged
from support.pair import ALICE, BOB, NOW, initiate, make_pair, snapshot
from support.prekeys import Device, bundle_fields, item_fields, signed_again
from support.spies import derivations

from ratchetlib import (
    BundleReason,
    BundleRejected,
    IdentityKey,
    IdentityKeyPair,
    InvalidKey,
    PrekeyBundle,
    ProtocolViolation,
    Session,
)
from ratchetlib.handshake import initiate as handshake
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.identity import sign_as
from ratchetlib.keys import DhPublicKey
from ratchetlib.labels import SIGN_IDENTITY
from ratchetlib.primitives import dh
from ratchetlib.session.message import join, split

if TYPE_CHECKING:
    from collections.abc import Callable

FIELD_PRIME = 2**255 - 19
SMALL_ORDER = sorted(dh._SMALL_ORDER)
ALIASES = [(int.from_bytes(raw, "little") | 1 << 255).to_bytes(32, "little") for raw in SMALL_ORDER]
DEGENERATE = [*SMALL_ORDER, *ALIASES, *(n.to_bytes(32, "little") for n in (FIELD_PRIME, FIELD_PRIME + 1))]
ZERO_KEM_KEY = bytes(1_568 - 32) + bytes(range(32))

BOB_DEVICE = Device(one_time=1)
SIGNED, ITEM = BOB_DEVICE.signed, BOB_DEVICE.item

each = pytest.mark.parametrize("raw", DEGENERATE, ids=bytes.hex)


def joined(owner: IdentityKeyPair, agreement: bytes) -> bytes:
    """A hostile owner's identity: whatever agreement key, truly signed."""
    return owner.public.signing + agreement + sign_as(owner, SIGN_IDENTITY, agreement)


# --- in a bundle --------------------------------------------------------------------------------

BUNDLES: dict[str, Callable[[bytes], tuple[bytes, bytes]]] = {
    "identity": lambda raw: (
        signed_again(BOB_DEVICE.identity, bundle_fields(SIGNED), identity=joined(BOB_DEVICE.identity, raw)),
        ITEM,
    ),
    "signed prekey": lambda raw: (signed_again(BOB_DEVICE.identity, bundle_fields(SIGNED), prekey=raw), ITEM),
    "one-time prekey": lambda raw: (SIGNED, signed_again(BOB_DEVICE.identity, item_fields(ITEM), prekey=raw)),
}
"""The signed bundle and the item with a key in its place, both truly signed by their owner."""


@pytest.mark.attack("A7", "A8")
@each
@pytest.mark.parametrize("place", BUNDLES)
def test_a_bundle_with_one_starts_no_session(place: str, raw: bytes) -> None:
    signed, item = BUNDLES[place](raw)
    with pytest.raises(BundleRejected) as error:
        PrekeyBundle.from_parts(signed, item)
    assert error.value.reason is BundleReason.INVALID_KEY


@pytest.mark.attack("A8", "A18")
@pytest.mark.parametrize("in_item", [False, True], ids=["last resort", "one-time item"])
def test_a_bundle_with_a_kem_key_of_zeros_starts_no_session(*, in_item: bool) -> None:
    owner = BOB_DEVICE.identity
    if in_item:
        parts = SIGNED, signed_again(owner, item_fields(ITEM), kem_key=ZERO_KEM_KEY)
    else:
        parts = signed_again(owner, bundle_fields(SIGNED), kem_key=ZERO_KEM_KEY), ITEM
    with pytest.raises(BundleRejected) as error:
        PrekeyBundle.from_parts(*parts)
    assert error.value.reason is BundleReason.INVALID_KEY


@pytest.mark.attack("A7", "A8")
@pytest.mark.parametrize("raw", SMALL_ORDER, ids=bytes.hex)
@pytest.mark.parametrize("place", ["identity", "signed prekey", "one-time prekey"])
def test_a_key_that_no_parser_saw_starts_no_session_either(place: str, raw: bytes) -> None:
    """The second line: the agreement itself refuses a secret that is zero."""
    bundle = PrekeyBundle.from_parts(SIGNED, ITEM)
    signed, item, key = bundle.signed, bundle.one_time, DhPublicKey(raw)
    assert item is not None
    unchecked = {
        "identity": (replace(signed, identity=replace(signed.identity, agreement=key)), item),
        "signed prekey": (replace(signed, signed_prekey=key), item),
        "one-time prekey": (signed, replace(item, prekey=key)),
    }
    with pytest.raises(InvalidKey):
        Session.initiate(
            IdentityKeyPair.generate(),
            PrekeyBundle(*unchecked[place]),
            our_address=ALICE,
            their_address=BOB,
            now=NOW,
        )


# --- in a message -------------------------------------------------------------------------------


@pytest.mark.attack("A7", "A8", "A10")
@each
def test_an_ephemeral_key_that_is_one_starts_no_session(raw: bytes) -> None:
    _, bob, ring, session = initiate()
    encoded, frame = split(session.encrypt(b"first"), 2**20)
    assert encoded is not None
    changed = replace(Prefix.from_bytes(encoded), ephemeral=DhPublicKey(raw)).to_bytes()
    before = snapshot(ring)
    with pytest.raises(InvalidKey), derivations() as derived:
        Session.accept(bob, ring, join(changed, b"".join(frame)), our_address=BOB, now=NOW)
    assert derived == []
    assert snapshot(ring) == before


class _Hostile:
    """An initiator whose agreement key is degenerate, and who knows what comes of it."""

    def __init__(self, raw: bytes) -> None:
        genuine = IdentityKeyPair.generate()
        encoded = joined(genuine, raw)
        self._agreement = genuine._agreement
        self.public = IdentityKey(genuine.public.signing, DhPublicKey(raw), encoded[64:])


@pytest.mark.attack("A7", "A8")
@each
def test_an_initiator_whose_identity_is_one_starts_no_session(raw: bytes) -> None:
    _, bob, ring, session = initiate(one_time=2)
    hostile = _Hostile(raw)
    begun = handshake(
        hostile,  # type: ignore[arg-type]
        ring.next_bundle(),
        our_address=ALICE,
        their_address=BOB,
        now=NOW,
    )
    _, frame = split(session.encrypt(b"first"), 2**20)
    before = snapshot(ring)
    with pytest.raises(InvalidKey):
        Session.accept(bob, ring, join(begun.prefix, b"".join(frame)), our_address=BOB, now=NOW)
    assert snapshot(ring) == before


@pytest.mark.attack("A7", "A8")
@each
def test_a_ratchet_key_that_is_one_starts_and_moves_nothing(raw: bytes) -> None:
    _, bob, ring, session = initiate()
    before = snapshot(ring)
    with pytest.raises(ProtocolViolation):
        Session.accept(bob, ring, forged(session, ratchet_key=raw), our_address=BOB, now=NOW)
    assert snapshot(ring) == before
    pair = make_pair().confirm()
    moved = snapshot(pair.bob)
    with pytest.raises(ProtocolViolation):
        pair.bob.decrypt(forged(pair.alice, ratchet_key=raw))
    assert snapshot(pair.bob) == moved

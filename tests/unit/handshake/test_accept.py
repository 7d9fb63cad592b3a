"""The responder's half: the same secrets for the same handshake, a refusal for any other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from support.pair import ALICE, BOB, NOW
from support.strategies import identity_pairs

from ratchetlib import (
    AuthenticationError,
    HandshakeExpired,
    IdentityKeyPair,
    MalformedMessage,
    PrekeyBundle,
    PrekeyRing,
    ReplayMemoryFull,
    UnknownPrekey,
)
from ratchetlib.handshake import Accepted, Initiated, SessionSecrets, accept, initiate
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.keys import KemPublicKey, KemSecret
from ratchetlib.limits import BUNDLE_RETENTION, DAY, MAX_BUNDLE_LIFETIME, MAX_REMEMBERED_HANDSHAKES
from ratchetlib.prekeys import OneTimeItem
from ratchetlib.prekeys.records import OneTimeRecord
from ratchetlib.primitives import dh
from ratchetlib.primitives.kdf import sha512
from ratchetlib.primitives.kem import ML_KEM_1024, Kem

if TYPE_CHECKING:
    from ratchetlib.prekeys.contents import RingContents

ALICE_IDENTITY, BOB_IDENTITY, CAROL_IDENTITY = identity_pairs()[:3]
FIELD_PRIME = 2**255 - 19


@dataclass(frozen=True)
class Offer:
    """A ring and one bundle out of it."""

    contents: RingContents
    bundle: PrekeyBundle

    @property
    def bare(self) -> PrekeyBundle:
        return PrekeyBundle(self.bundle.signed, None)


@pytest.fixture
def offer() -> Offer:
    ring = PrekeyRing.generate(BOB_IDENTITY, address=BOB, now=NOW, one_time=2)
    bundle = ring.next_bundle()
    return Offer(ring._contents, bundle)


def begin(
    bundle: PrekeyBundle, *, identity: IdentityKeyPair = ALICE_IDENTITY, their_address: bytes = BOB, now: int = NOW
) -> Initiated:
    return initiate(identity, bundle, our_address=ALICE, their_address=their_address, now=now)


def answer(contents: RingContents, prefix: bytes, *, our_address: bytes = BOB, now: int = NOW) -> Accepted:
    return accept(BOB_IDENTITY, contents, prefix, our_address=our_address, now=now)


def raw(secrets: SessionSecrets) -> tuple[bytes, ...]:
    return (
        secrets.root_key.raw,
        secrets.initiator_header_key.raw,
        secrets.responder_header_key.raw,
        secrets.session_id,
    )


def changed(prefix: bytes, **fields: Any) -> bytes:
    return replace(Prefix.from_bytes(prefix), **fields).to_bytes()


@pytest.mark.parametrize("one_time", [True, False])
def test_both_sides_have_the_same_secrets(offer: Offer, one_time: bool) -> None:  # noqa: FBT001
    bundle = offer.bundle if one_time else offer.bare
    begun = begin(bundle)
    answered = answer(offer.contents, begun.prefix)
    assert raw(answered.secrets) == raw(begun.secrets)
    assert answered.initiator.identity == ALICE_IDENTITY.public
    assert (answered.initiator.address, answered.initiator.created_at) == (ALICE, NOW)
    assert answered.bundle.bundle == bundle.signed
    assert (None if answered.item is None else answered.item.item) == bundle.one_time


@pytest.mark.attack("A1")
def test_another_address_gives_other_secrets(offer: Offer) -> None:
    begun = begin(offer.bundle)
    assert not {*raw(answer(offer.contents, begun.prefix, our_address=b"bob/laptop").secrets)} & {*raw(begun.secrets)}
    begun = begin(offer.bundle, their_address=b"bob/laptop")
    assert not {*raw(answer(offer.contents, begun.prefix).secrets)} & {*raw(begun.secrets)}


@pytest.mark.attack("A17", "A22")
@pytest.mark.parametrize("field", ["ciphertext", "sealed_block"])
@pytest.mark.parametrize("position", [0, 100, -1])
def test_a_changed_field_does_not_authenticate(offer: Offer, field: str, position: int) -> None:
    begun = begin(offer.bundle)
    value = bytearray(getattr(Prefix.from_bytes(begun.prefix), field))
    value[position] ^= 1
    with pytest.raises(AuthenticationError):
        answer(offer.contents, changed(begun.prefix, **{field: bytes(value)}))


@pytest.mark.attack("A22")
def test_a_stripped_or_swapped_item_does_not_authenticate(offer: Offer) -> None:
    begun = begin(offer.bundle)
    assert offer.bundle.one_time is not None
    other = next(item_id for item_id in offer.contents.items if item_id != offer.bundle.one_time.item_id)
    for item_id in (None, other):
        with pytest.raises(AuthenticationError):
            answer(offer.contents, changed(begun.prefix, item_id=item_id))


@pytest.mark.attack("A22")
def test_an_added_item_does_not_authenticate(offer: Offer) -> None:
    begun = begin(offer.bare)
    for item_id in offer.contents.items:
        with pytest.raises(AuthenticationError):
            answer(offer.contents, changed(begun.prefix, item_id=item_id))


@pytest.mark.attack("A10")
def test_an_ephemeral_key_tweaked_by_the_point_of_order_two_does_not_authenticate(offer: Offer) -> None:
    """1/u is u plus the point of order two: canonical, and with every clamped scalar the same agreement."""
    begun = begin(offer.bundle)
    ephemeral = Prefix.from_bytes(begun.prefix).ephemeral
    tweaked = pow(int.from_bytes(ephemeral, "little"), -1, FIELD_PRIME).to_bytes(32, "little")
    private = dh.generate()
    assert dh.agree(private, dh.parse_public_key(tweaked)).raw == dh.agree(private, ephemeral).raw
    with pytest.raises(AuthenticationError):
        answer(offer.contents, changed(begun.prefix, ephemeral=tweaked))


def _masked(secret: bytes, public: KemPublicKey) -> bytes:
    return bytes(a ^ b for a, b in zip(secret, sha512(b"mask", public), strict=False))


def _transparent(secret: bytes, public: KemPublicKey) -> bytes:
    """The ciphertext of a KEM that allows re-encapsulation: the secret under a mask that anybody can compute."""
    return _masked(secret, public).ljust(ML_KEM_1024.ciphertext_length, b"\0")


@pytest.mark.attack("A17")
def test_a_secret_encapsulated_again_to_another_key_of_ours_does_not_authenticate(
    offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The item of the attack differs in its KEM key only, so nothing but the transcript can tell."""
    secret = b"s" * KemSecret.LENGTH
    monkeypatch.setattr(Kem, "encapsulate", lambda _, public: (KemSecret(secret), _transparent(secret, public)))
    monkeypatch.setattr(
        Kem, "decapsulate", lambda kem, seed, ciphertext: KemSecret(_masked(ciphertext[:32], kem.public_key(seed)))
    )
    assert offer.bundle.one_time is not None
    honest = offer.contents.items[offer.bundle.one_time.item_id]
    seed = ML_KEM_1024.generate()
    item = OneTimeItem.create(
        BOB_IDENTITY, address=BOB, epoch=1, prekey=honest.item.prekey, kem_key=ML_KEM_1024.public_key(seed)
    )
    twin = OneTimeRecord(item, honest.prekey, seed)
    contents = replace(offer.contents, items={**offer.contents.items, item.item_id: twin})
    begun = begin(offer.bundle)
    assert raw(answer(contents, begun.prefix).secrets) == raw(begun.secrets)
    again = changed(begun.prefix, item_id=item.item_id, ciphertext=_transparent(secret, item.kem_key))
    with pytest.raises(AuthenticationError):
        answer(contents, again)


@pytest.mark.attack("A23")
@pytest.mark.parametrize("half", ["both", "signing", "agreement"])
def test_a_claim_to_be_us_does_not_authenticate(offer: Offer, half: str) -> None:
    claimed = {
        "both": BOB_IDENTITY,
        "signing": IdentityKeyPair(BOB_IDENTITY._signing, CAROL_IDENTITY._agreement),
        "agreement": IdentityKeyPair(CAROL_IDENTITY._signing, BOB_IDENTITY._agreement),
    }[half]
    with pytest.raises(AuthenticationError):
        answer(offer.contents, begin(offer.bundle, identity=claimed).prefix)


def test_prekeys_that_are_not_in_the_ring_are_unknown(offer: Offer) -> None:
    begun = begin(offer.bundle)
    for fields in ({"bundle_id": bytes(16)}, {"item_id": b"\1" * 16}):
        with pytest.raises(UnknownPrekey):
            answer(offer.contents, changed(begun.prefix, **fields))


@pytest.mark.attack("A16")
def test_an_item_does_not_go_with_a_bundle_two_epochs_later() -> None:
    ring = PrekeyRing.generate(BOB_IDENTITY, address=BOB, now=NOW, one_time=1)
    (item_id,) = ring.one_time_ids
    ring.rotate(NOW)
    next_epoch = begin(PrekeyBundle(ring.next_bundle().signed, None))
    ring.rotate(NOW)
    later = begin(PrekeyBundle(ring.next_bundle().signed, None))
    with pytest.raises(AuthenticationError):
        answer(ring._contents, changed(next_epoch.prefix, item_id=item_id))
    with pytest.raises(UnknownPrekey):
        answer(ring._contents, changed(later.prefix, item_id=item_id))


def test_a_prefix_that_is_none_is_malformed(offer: Offer) -> None:
    with pytest.raises(MalformedMessage):
        answer(offer.contents, begin(offer.bundle).prefix[:-1])


@pytest.mark.attack("A11")
def test_a_first_message_may_be_under_way_until_its_bundles_private_half_dies(offer: Offer) -> None:
    begun = begin(offer.bundle)
    last = NOW + MAX_BUNDLE_LIFETIME + BUNDLE_RETENTION
    answer(offer.contents, begun.prefix, now=last)
    with pytest.raises(UnknownPrekey):
        answer(offer.contents, begun.prefix, now=last + 1)


@pytest.mark.attack("A11")
def test_a_handshake_from_the_future_is_refused(offer: Offer) -> None:
    for bundle in (offer.bundle, offer.bare):
        begun = begin(bundle, now=NOW + DAY + 1)
        with pytest.raises(HandshakeExpired):
            answer(offer.contents, begun.prefix)
        answer(offer.contents, begun.prefix, now=NOW + 1)


@pytest.mark.attack("A11")
def test_a_handshake_made_after_its_bundles_end_is_refused(offer: Offer) -> None:
    end = NOW + MAX_BUNDLE_LIFETIME
    for bundle in (offer.bundle, offer.bare):
        answer(offer.contents, begin(bundle, now=end).prefix, now=end + 10)
        with pytest.raises(HandshakeExpired):
            answer(offer.contents, begin(bundle, now=end + 1).prefix, now=end + 10)


@pytest.mark.attack("A11")
def test_a_bundle_of_a_day_ends_after_a_day() -> None:
    ring = PrekeyRing.generate(BOB_IDENTITY, address=BOB, now=NOW, one_time=1, lifetime=DAY)
    bundle, end = ring.next_bundle(), NOW + DAY
    answer(ring._contents, begin(bundle, now=end).prefix, now=end + 10)
    with pytest.raises(HandshakeExpired):
        answer(ring._contents, begin(bundle, now=end + 1).prefix, now=end + 10)
    last = end + BUNDLE_RETENTION
    answer(ring._contents, begin(bundle, now=end).prefix, now=last)
    with pytest.raises(UnknownPrekey):
        answer(ring._contents, begin(bundle, now=end).prefix, now=last + 1)


@pytest.mark.attack("A11")
def test_a_remembered_handshake_is_a_replay(offer: Offer) -> None:
    begun = begin(offer.bare)
    answered = answer(offer.contents, begun.prefix)
    after = offer.contents.settled(answered.bundle.bundle.bundle_id, None, answered.secrets.session_id)
    assert not answered.replayed
    assert answer(after, begun.prefix).replayed
    assert not answer(after, begin(offer.bare).prefix).replayed


@pytest.mark.attack("A11")
def test_a_full_memory_refuses_handshakes_without_a_one_time_item_only(offer: Offer) -> None:
    bundle_id = offer.bundle.signed.bundle_id
    ids = frozenset(n.to_bytes(32, "big") for n in range(MAX_REMEMBERED_HANDSHAKES))
    full = replace(offer.contents.bundles[bundle_id], remembered=ids)
    contents = replace(offer.contents, bundles={bundle_id: full})
    with pytest.raises(ReplayMemoryFull):
        answer(contents, begin(offer.bare).prefix)
    answer(contents, begin(offer.bundle).prefix)

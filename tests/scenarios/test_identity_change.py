"""Who is who: misbinding, one's own identity, and an identity that is not the pinned one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.hostile import flip
from support.leaks import leaked, rendered
from support.pair import ALICE, BOB, NOW, initiate, make_pair, snapshot
from support.spies import derivations

from ratchetlib import (
    AuthenticationError,
    BundleReason,
    BundleRejected,
    IdentityChanged,
    IdentityKey,
    IdentityKeyPair,
    PrekeyBundle,
    PrekeyRing,
    Session,
    UnknownPrekey,
    UsageError,
)
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.labels import SIGN_IDENTITY
from ratchetlib.prekeys import OneTimeItem, SignedBundle
from ratchetlib.primitives import signature
from ratchetlib.session.establish import begin
from ratchetlib.session.message import join, split

MALLORY = b"mallory/phone"


# --- unknown key share --------------------------------------------------------------------------


class _Impostor:
    """Mallory's signing key over an agreement key of which she does not have the private half."""

    def __init__(self, signing: IdentityKeyPair, borrowed: IdentityKey) -> None:
        seed = signing._signing
        joined = signature.sign(seed, SIGN_IDENTITY, borrowed.agreement)
        self.public = IdentityKey.from_bytes(signature.public_key(seed) + borrowed.agreement + joined)
        self._signing = seed


def republished(bundle: PrekeyBundle, owner: _Impostor) -> PrekeyBundle:
    """Bob's prekeys as Mallory's own, down to his agreement key: every agreement is the same as with Bob."""
    signed, item = bundle.signed, bundle.one_time
    mine = SignedBundle.create(
        owner,  # type: ignore[arg-type]
        address=MALLORY,
        epoch=signed.epoch,
        not_before=signed.not_before,
        not_after=signed.not_after,
        signed_prekey=signed.signed_prekey,
        last_resort_key=signed.last_resort_key,
    )
    if item is None:
        return PrekeyBundle(mine, None)
    again = OneTimeItem.create(
        owner,  # type: ignore[arg-type]
        address=MALLORY,
        epoch=item.epoch,
        prekey=item.prekey,
        kem_key=item.kem_key,
    )
    return PrekeyBundle(mine, again)


@pytest.mark.attack("A1")
@pytest.mark.parametrize("one_time", [0, 1])
def test_a_message_to_mallory_is_not_a_message_to_bob(one_time: int) -> None:
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=one_time)
    bobs = ring.next_bundle()
    mallorys = republished(bobs, _Impostor(IdentityKeyPair.generate(), bob.public))
    message = Session.initiate(alice, mallorys, our_address=ALICE, their_address=MALLORY, now=NOW).encrypt(b"mallory!")
    before = snapshot(ring)
    with pytest.raises(UnknownPrekey):
        Session.accept(bob, ring, message, our_address=BOB, now=NOW)
    encoded, frame = split(message, 2**20)
    assert encoded is not None
    renamed = replace(
        Prefix.from_bytes(encoded),
        bundle_id=bobs.signed.bundle_id,
        item_id=None if bobs.one_time is None else bobs.one_time.item_id,
    )
    with pytest.raises(AuthenticationError):
        Session.accept(bob, ring, join(renamed.to_bytes(), b"".join(frame)), our_address=BOB, now=NOW)
    assert snapshot(ring) == before


@pytest.mark.attack("A1", "A28")
@pytest.mark.parametrize("address", [b"bob/phonf", b"bob/phone\0", b"bob/phon", b"Bob/phone"])
def test_a_message_to_another_device_of_bob_is_not_for_this_one(address: bytes) -> None:
    """The same keys under another address."""
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=1)
    session = Session(begin(alice, ring.next_bundle(), our_address=ALICE, their_address=address, now=NOW))
    before = snapshot(ring)
    with pytest.raises(AuthenticationError):
        Session.accept(bob, ring, session.encrypt(b""), our_address=BOB, now=NOW)
    assert snapshot(ring) == before


def test_an_identity_accepts_at_the_address_of_its_ring_only() -> None:
    alice, bob, ring, session = initiate()
    message = session.encrypt(b"")
    before = snapshot(ring)
    for identity, address in ((alice, BOB), (bob, b"bob/laptop")):
        with pytest.raises(UsageError):
            Session.accept(identity, ring, message, our_address=address, now=NOW)
    assert snapshot(ring) == before


# --- one's own identity -------------------------------------------------------------------------


def sharing(identity: IdentityKeyPair, half: str) -> IdentityKeyPair:
    """Another identity with one half, or both, of this one."""
    other = IdentityKeyPair.generate()
    return {
        "both": identity,
        "signing": IdentityKeyPair(identity._signing, other._agreement),
        "agreement": IdentityKeyPair(other._signing, identity._agreement),
    }[half]


HALVES = ["both", "signing", "agreement"]


@pytest.mark.attack("A23")
@pytest.mark.parametrize("pinned", [False, True], ids=["unknown", "pinned"])
@pytest.mark.parametrize("half", HALVES)
def test_nobody_begins_a_session_with_oneself(half: str, *, pinned: bool) -> None:
    alice = IdentityKeyPair.generate()
    ring = PrekeyRing.generate(sharing(alice, half), address=BOB, now=NOW, one_time=1)
    bundle, expected = ring.next_bundle(), ring.identity if pinned else None
    with pytest.raises(BundleRejected) as error, derivations() as derived:
        Session.initiate(alice, bundle, our_address=ALICE, their_address=BOB, now=NOW, expected_identity=expected)
    assert error.value.reason is BundleReason.OWN_IDENTITY
    assert derived == []


@pytest.mark.attack("A23")
@pytest.mark.parametrize("half", HALVES)
def test_nobody_accepts_a_session_from_oneself(half: str) -> None:
    bob = IdentityKeyPair.generate()
    ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=1)
    claimed = sharing(bob, half)
    session = Session(begin(claimed, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW))
    before = snapshot(ring)
    with pytest.raises(AuthenticationError):
        Session.accept(bob, ring, session.encrypt(b""), our_address=BOB, now=NOW)
    assert snapshot(ring) == before


# --- a pinned identity --------------------------------------------------------------------------


@pytest.mark.attack("A24")
def test_a_swapped_bundle_is_found_before_any_key_is_derived() -> None:
    alice, bob, mallory = (IdentityKeyPair.generate() for _ in range(3))
    bundle = PrekeyRing.generate(mallory, address=BOB, now=NOW, one_time=1).next_bundle()
    with pytest.raises(IdentityChanged) as error, derivations() as derived:
        Session.initiate(alice, bundle, our_address=ALICE, their_address=BOB, now=NOW, expected_identity=bob.public)
    assert derived == []
    assert (error.value.pinned, error.value.presented) == (bob.public, mallory.public)


@pytest.mark.attack("A3", "A24")
@pytest.mark.parametrize("half", ["signing", "agreement"])
def test_an_identity_with_one_half_of_the_pinned_one_has_changed(half: str) -> None:
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    bundle = PrekeyRing.generate(sharing(bob, half), address=BOB, now=NOW, one_time=1).next_bundle()
    with pytest.raises(IdentityChanged):
        Session.initiate(alice, bundle, our_address=ALICE, their_address=BOB, now=NOW, expected_identity=bob.public)


@pytest.mark.attack("A24")
def test_another_alice_is_found_once_her_message_has_authenticated() -> None:
    _, bob, ring, session = initiate()
    pinned = IdentityKeyPair.generate().public
    message = session.encrypt(b"it is me")
    before = snapshot(ring)
    for changed, error in ((flip(message, 8 * len(message) - 1), AuthenticationError), (message, IdentityChanged)):
        with pytest.raises(error):
            Session.accept(bob, ring, changed, our_address=BOB, now=NOW, known_identity=lambda _: pinned)
        assert snapshot(ring) == before


@pytest.mark.attack("A3", "A24")
@pytest.mark.parametrize("half", ["signing", "agreement"])
def test_another_alice_with_one_half_of_the_pinned_one_is_found(half: str) -> None:
    alice, bob, ring, session = initiate()
    message = session.encrypt(b"")
    before = snapshot(ring)
    with pytest.raises(IdentityChanged):
        Session.accept(
            bob, ring, message, our_address=BOB, now=NOW, known_identity=lambda _: sharing(alice, half).public
        )
    assert snapshot(ring) == before


@pytest.mark.attack("A24")
def test_once_a_person_has_decided_the_same_message_is_accepted() -> None:
    alice, bob, ring, session = initiate()
    message = session.encrypt(b"new phone")
    with pytest.raises(IdentityChanged) as error:
        Session.accept(bob, ring, message, our_address=BOB, now=NOW, known_identity=lambda _: bob.public)
    assert error.value.presented == alice.public
    _, plaintext = Session.accept(bob, ring, message, our_address=BOB, now=NOW, known_identity=lambda _: alice.public)
    assert plaintext == b"new phone"


@pytest.mark.attack("A24")
def test_an_old_session_goes_on_beside_a_changed_identity() -> None:
    pair = make_pair().confirm()
    mallory = IdentityKeyPair.generate()
    bundle = PrekeyRing.generate(mallory, address=BOB, now=NOW, one_time=1).next_bundle()
    before = snapshot(pair.alice)
    with pytest.raises(IdentityChanged):
        Session.initiate(
            pair.alice_identity,
            bundle,
            our_address=ALICE,
            their_address=BOB,
            now=NOW,
            expected_identity=pair.alice.peer_identity,
        )
    assert snapshot(pair.alice) == before
    assert pair.bob.decrypt(pair.alice.encrypt(b"still here")) == b"still here"


@pytest.mark.attack("A24", "A91")
@pytest.mark.parametrize("wrong", [False, True], ids=["another identity", "no identity"])
def test_a_refused_identity_shows_nothing_of_the_message(*, wrong: bool) -> None:
    """A crash reporter that renders locals must not get a plaintext from somebody who was not let in."""
    _, bob, ring, session = initiate()
    canary = b"CANARY-PLAINTEXT-CANARY-PLAINTEXT"
    known = b"no identity" if wrong else bob.public
    with pytest.raises((IdentityChanged, UsageError)) as error:
        Session.accept(
            bob,
            ring,
            session.encrypt(canary),
            our_address=BOB,
            now=NOW,
            known_identity=lambda _: known,  # type: ignore[arg-type,return-value]
        )
    text = rendered(error.value)
    assert not leaked(text, {canary})
    assert "CANARY" not in text


@pytest.mark.attack("A91")
def test_a_look_up_that_fails_shows_nothing_of_the_message() -> None:
    _, bob, ring, session = initiate()

    def known_identity(_: bytes) -> IdentityKey:
        raise OSError("the database is gone")

    before = snapshot(ring)
    with pytest.raises(OSError, match="gone") as error:
        Session.accept(bob, ring, session.encrypt(b"CANARY"), our_address=BOB, now=NOW, known_identity=known_identity)
    assert snapshot(ring) == before
    assert "CANARY" not in rendered(error.value)

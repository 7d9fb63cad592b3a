from __future__ import annotations

import nacl.bindings
import nacl.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import refusals
from support.leaks import leaked, secrets_in
from support.pair import snapshot

from ratchetlib import IdentityKey, IdentityKeyPair, InvalidKey, RandomnessError, StateTampered
from ratchetlib.identity import agree_as, sign_as
from ratchetlib.keys import DhPrivateKey, DhPublicKey, SigningSeed
from ratchetlib.labels import SIGN_BUNDLE, SIGN_IDENTITY
from ratchetlib.primitives import dh, random, signature
from ratchetlib.wire import Reader, lp

# Whatever clamps to the all-zero scalar is refused as a key.
seeds = st.binary(min_size=32, max_size=32).filter(lambda raw: any(raw[1:31]))


def pair(signing: bytes = b"s" * 32, agreement: bytes = b"a" * 32) -> IdentityKeyPair:
    return IdentityKeyPair(SigningSeed(signing), DhPrivateKey(agreement))


def from_state(content: bytes) -> IdentityKeyPair:
    return IdentityKeyPair._from_state(Reader(content, StateTampered))


def test_generated_pairs_differ_in_both_halves() -> None:
    identities = [IdentityKeyPair.generate() for _ in range(20)]
    assert len(secrets_in(identities)) == 40
    assert len({identity.public.signing for identity in identities}) == 20
    assert len({identity.public.agreement for identity in identities}) == 20


@given(seeds, seeds)
def test_comes_back_from_its_state(signing: bytes, agreement: bytes) -> None:
    state = snapshot(pair(signing, agreement))
    assert state == signing + agreement
    assert snapshot(from_state(state)) == state
    assert from_state(state).public == pair(signing, agreement).public


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 63])
def test_a_cut_state_is_refused(length: int) -> None:
    assert refusals(from_state, [bytes(range(64))[:length]]) == {StateTampered}


def test_the_public_half_follows_from_the_private_one() -> None:
    public = pair().public
    assert public.signing == nacl.bindings.crypto_sign_seed_keypair(b"s" * 32)[0]
    assert public.agreement == nacl.bindings.crypto_scalarmult_base(b"a" * 32)
    assert IdentityKey.from_bytes(public.to_bytes()) == public


def test_the_halves_are_joined_by_a_labelled_signature() -> None:
    public = pair().public
    message = lp(SIGN_IDENTITY) + public.agreement
    assert nacl.bindings.crypto_sign_open(public.signature + message, public.signing) == message


@pytest.mark.attack("A4")
def test_the_halves_are_independent() -> None:
    assert pair(b"x" * 32).public.agreement == pair(b"y" * 32).public.agreement
    assert pair(agreement=b"x" * 32).public.signing == pair(agreement=b"y" * 32).public.signing
    converted = nacl.bindings.crypto_sign_ed25519_pk_to_curve25519(pair(b"x" * 32, b"x" * 32).public.signing)
    assert pair(b"x" * 32, b"x" * 32).public.agreement != converted


@pytest.mark.attack("A29")
def test_a_fault_in_the_signature_makes_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "sign", lambda *_: bytes(64))
    with pytest.raises(InvalidKey):
        pair()


@pytest.mark.attack("A29")
def test_a_source_of_zeros_makes_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    source = random._Source()
    source.next_test = 1  # so that the test of the draw itself has to find it
    monkeypatch.setattr(random, "_source", source)
    monkeypatch.setattr(nacl.bindings, "randombytes", bytes)
    with pytest.raises(RandomnessError):
        IdentityKeyPair.generate()


@pytest.mark.attack("A5")
def test_signatures_carry_their_label() -> None:
    signed = sign_as(pair(), SIGN_BUNDLE, b"data")
    public = pair().public.signing
    assert signature.verifies(public, SIGN_BUNDLE, b"data", signed)
    assert not signature.verifies(public, SIGN_IDENTITY, b"data", signed)
    assert not signature.verifies(public, SIGN_BUNDLE + b"d", b"ata", signed)
    with pytest.raises(nacl.exceptions.BadSignatureError):
        nacl.bindings.crypto_sign_open(signed + b"data", public)


def test_both_sides_agree() -> None:
    other = dh.generate()
    ours = agree_as(pair(), dh.public_key(other))
    assert ours.raw == dh.agree(other, pair().public.agreement).raw


@pytest.mark.attack("A7")
def test_an_agreement_is_never_zero() -> None:
    with pytest.raises(InvalidKey):
        agree_as(pair(), DhPublicKey(bytes(32)))


@pytest.mark.attack("A90")
def test_shows_nothing_private() -> None:
    identity = pair()
    shown = f"{identity!r} {identity} {[identity]} {identity.public!r} {identity.public.to_bytes()!r}"
    assert repr(identity) == f"<IdentityKeyPair of {identity.public!r}>"
    assert not leaked(shown, secrets_in(identity))
    with pytest.raises(TypeError):
        vars(identity)

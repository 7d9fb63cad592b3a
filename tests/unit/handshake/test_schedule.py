"""The key schedule, held against the formulas of the specification written with the standard library alone."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from support.pair import BOB, NOW
from support.strategies import identity_pairs

from ratchetlib import PrekeyBundle, PrekeyRing
from ratchetlib.handshake.schedule import Agreements, Party, block_key, session_secrets, transcript_0, transcript_1
from ratchetlib.keys import DhPublicKey, DhSecret, KemSecret

EPHEMERAL = DhPublicKey(b"\x09" + bytes(31))
CIPHERTEXT = b"c" * 1568
BLOCK = b"b" * 342
SECRETS = [bytes([n]) * 32 for n in range(1, 6)]
DH1, DH2, DH3, DH4, KEM = SECRETS
WITH_ITEM = Agreements(DhSecret(DH2), DhSecret(DH3), DhSecret(DH4), KemSecret(KEM))
WITHOUT_ITEM = WITH_ITEM._replace(dh4=None)


def lp(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, section 2, with SHA-512."""
    pseudorandom_key = hmac.digest(salt, secret, "sha512")
    okm = block = b""
    for counter in range(1, -(-length // 64) + 1):
        block = hmac.digest(pseudorandom_key, block + info + bytes([counter]), "sha512")
        okm += block
    return okm[:length]


@pytest.fixture(scope="module")
def bundle() -> PrekeyBundle:
    return PrekeyRing.generate(identity_pairs()[1], address=BOB, now=NOW, one_time=1).next_bundle()


@pytest.fixture(scope="module")
def parties() -> tuple[Party, Party]:
    alice, bob = identity_pairs()[:2]
    return Party(alice.public, b"alice"), Party(bob.public, b"bob")


def test_transcript_0_is_the_formula(bundle: PrekeyBundle) -> None:
    signed, item = bundle.signed, bundle.one_time
    assert item is not None
    label = lp(b"ratchetlib/1 transcript 0")
    with_item = label + lp(signed.encoded) + b"\1" + lp(item.encoded) + EPHEMERAL + CIPHERTEXT
    without_item = label + lp(signed.encoded) + b"\0" + lp(b"") + EPHEMERAL + CIPHERTEXT
    assert transcript_0(signed, item, EPHEMERAL, CIPHERTEXT) == hashlib.sha512(with_item).digest()
    assert transcript_0(signed, None, EPHEMERAL, CIPHERTEXT) == hashlib.sha512(without_item).digest()


def test_transcript_1_is_the_formula(parties: tuple[Party, Party]) -> None:
    alice, bob = parties
    identities = alice.identity.to_bytes() + bob.identity.to_bytes()
    expected = lp(b"ratchetlib/1 transcript 1") + b"t" * 64 + lp(BLOCK) + identities + lp(b"alice") + lp(b"bob")
    assert transcript_1(b"t" * 64, BLOCK, initiator=alice, responder=bob) == hashlib.sha512(expected).digest()


@pytest.mark.parametrize(
    ("agreements", "joined"), [(WITH_ITEM, DH2 + DH3 + DH4 + KEM), (WITHOUT_ITEM, DH2 + DH3 + KEM)]
)
def test_the_block_key_is_the_formula(agreements: Agreements, joined: bytes) -> None:
    expected = hkdf(b"0" * 64, joined, lp(b"ratchetlib/1 identity block"), 32)
    assert block_key(b"0" * 64, agreements).raw == expected


@pytest.mark.parametrize(
    ("agreements", "joined"), [(WITH_ITEM, DH2 + DH3 + DH4 + KEM), (WITHOUT_ITEM, DH2 + DH3 + KEM)]
)
def test_the_session_secrets_are_the_formula(agreements: Agreements, joined: bytes) -> None:
    expected = hkdf(bytes(64), DH1 + joined, lp(b"ratchetlib/1 session") + b"1" * 64, 128)
    secrets = session_secrets(b"1" * 64, DhSecret(DH1), agreements)
    keys = secrets.root_key.raw + secrets.initiator_header_key.raw + secrets.responder_header_key.raw
    assert keys + secrets.session_id == expected


@pytest.mark.attack("A17", "A22")
def test_every_offer_and_choice_is_in_transcript_0(bundle: PrekeyBundle) -> None:
    other = PrekeyRing.generate(identity_pairs()[1], address=BOB, now=NOW, one_time=1).next_bundle()
    signed, item = bundle.signed, bundle.one_time
    hashes = [
        transcript_0(signed, item, EPHEMERAL, CIPHERTEXT),
        transcript_0(signed, None, EPHEMERAL, CIPHERTEXT),
        transcript_0(other.signed, item, EPHEMERAL, CIPHERTEXT),
        transcript_0(signed, other.one_time, EPHEMERAL, CIPHERTEXT),
        transcript_0(signed, item, DhPublicKey(b"\x10" + bytes(31)), CIPHERTEXT),
        transcript_0(signed, item, EPHEMERAL, b"C" + CIPHERTEXT[1:]),
    ]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.attack("A1", "A28")
def test_every_name_is_in_transcript_1(parties: tuple[Party, Party]) -> None:
    alice, bob = parties
    carol = Party(identity_pairs()[2].public, b"carol")
    variants = [
        (bytes(64), BLOCK, alice, bob),
        (b"\1" * 64, BLOCK, alice, bob),
        (bytes(64), b"B" + BLOCK[1:], alice, bob),
        (bytes(64), BLOCK, bob, alice),
        (bytes(64), BLOCK, alice._replace(identity=carol.identity), bob),
        (bytes(64), BLOCK, alice, bob._replace(identity=carol.identity)),
        (bytes(64), BLOCK, alice._replace(address=b"alicf"), bob),
        (bytes(64), BLOCK, alice, bob._replace(address=b"boc")),
        (bytes(64), BLOCK, alice._replace(address=b"aliceb"), bob._replace(address=b"ob")),
    ]
    hashes = {transcript_1(th0, block, initiator=us, responder=them) for th0, block, us, them in variants}
    assert len(hashes) == len(variants)


@pytest.mark.attack("A18")
@pytest.mark.parametrize("changed", range(5))
def test_every_agreement_is_in_the_session_secrets(changed: int) -> None:
    raw = [secret if n != changed else b"\xff" * 32 for n, secret in enumerate(SECRETS)]
    agreements = Agreements(DhSecret(raw[1]), DhSecret(raw[2]), DhSecret(raw[3]), KemSecret(raw[4]))
    genuine = session_secrets(bytes(64), DhSecret(DH1), WITH_ITEM)
    other = session_secrets(bytes(64), DhSecret(raw[0]), agreements)
    assert genuine.session_id != other.session_id
    assert genuine.root_key.raw != other.root_key.raw


def test_the_transcript_is_in_the_session_secrets() -> None:
    ids = {session_secrets(th1, DhSecret(DH1), WITH_ITEM).session_id for th1 in (bytes(64), b"\1" * 64)}
    assert len(ids) == 2

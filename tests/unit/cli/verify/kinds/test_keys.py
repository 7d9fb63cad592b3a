from __future__ import annotations

import pytest

from ratchetlib import IdentityKeyPair
from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.kinds.keys import agree, complemented, identity, identity_of, kem, kem_key, sign
from ratchetlib.errors import InvalidKey
from ratchetlib.primitives import answers
from ratchetlib.primitives.kem import ML_KEM_768


def test_agreement_gives_the_rfcs_answer() -> None:
    outputs = agree(Fields({"private": answers.X25519_SCALAR.hex(), "public": answers.X25519_POINT.hex()}))
    assert outputs["shared"] == answers.X25519_SHARED.hex()


def test_what_the_protocol_refuses_is_refused() -> None:
    with pytest.raises(InvalidKey):
        agree(Fields({"private": "11" * 32, "public": "00" * 32}))
    with pytest.raises(InvalidKey):
        kem_key(Fields({"kem": "ML-KEM-768", "public": "00" * 1184}))


def test_a_signature_is_under_its_label() -> None:
    outputs = sign(Fields({"seed": answers.ED25519_SEED.hex(), "label": "SIGN_BUNDLE", "data": ""}))
    assert outputs["public"] == answers.ED25519_PUBLIC.hex()
    other = sign(Fields({"seed": answers.ED25519_SEED.hex(), "label": "SIGN_ONE_TIME", "data": ""}))
    assert other["signature"] != outputs["signature"]


def test_an_identity_is_made_and_taken_apart() -> None:
    pair = IdentityKeyPair.generate()
    seeds = pair._to_state().hex()
    made = identity_of(Fields({"signing_seed": seeds[:64], "agreement_key": seeds[64:]}))
    assert made["encoded"] == pair.public.to_bytes().hex()
    assert "".join(map(str, identity(Fields({"encoded": made["encoded"]})).values())) == made["encoded"]


def test_a_ciphertext_of_nobody_gives_another_secret() -> None:
    outputs = kem(Fields({"kem": "ML-KEM-768", "seed": "00" * 64, "ciphertext": "00" * ML_KEM_768.ciphertext_length}))
    assert outputs["secret"] != outputs["rejected"]
    assert kem_key(Fields({"kem": "ML-KEM-768", "public": outputs["public"]})) == {}


def test_the_first_byte_is_complemented() -> None:
    assert complemented(b"\x0f\x00") == b"\xf0\x00"
    assert complemented(b"") == b""

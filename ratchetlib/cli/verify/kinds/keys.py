"""Public keys: what is computed with them, and which are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ratchetlib import IdentityKey, IdentityKeyPair, labels
from ratchetlib.cli.verify.fields import as_hex
from ratchetlib.keys import DhPrivateKey, KemSeed, SigningSeed
from ratchetlib.primitives import dh, signature
from ratchetlib.primitives.kem import ML_KEM_768, ML_KEM_1024

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs

KEMS: Final = {kem.name: kem for kem in (ML_KEM_768, ML_KEM_1024)}


def agree(fields: Fields) -> Outputs:
    """X25519 with a peer's key, as the protocol takes one from outside."""
    private, public = DhPrivateKey(fields.hex("private")), fields.hex("public")
    shared = dh.agree(private, dh.parse_public_key(public))
    return as_hex(own_public=dh.public_key(private), shared=shared.raw)


def sign(fields: Fields) -> Outputs:
    """Ed25519 over a label and data."""
    seed = SigningSeed(fields.hex("seed"))
    signed = signature.sign(seed, getattr(labels, fields.text("label")), fields.hex("data"))
    return as_hex(public=signature.public_key(seed), signature=signed)


def identity_of(fields: Fields) -> Outputs:
    """The public identity of private keys."""
    pair = IdentityKeyPair(SigningSeed(fields.hex("signing_seed")), DhPrivateKey(fields.hex("agreement_key")))
    return as_hex(encoded=pair.public.to_bytes())


def identity(fields: Fields) -> Outputs:
    """A public identity, parsed."""
    parsed = IdentityKey.from_bytes(fields.hex("encoded"))
    return as_hex(signing=parsed.signing, agreement=parsed.agreement, signature=parsed.signature)


def kem_key(fields: Fields) -> Outputs:
    """An encapsulation key, parsed."""
    KEMS[fields.text("kem")].parse_public_key(fields.hex("public"))
    return {}


def kem(fields: Fields) -> Outputs:
    """A key from its seed; the secret of a ciphertext, and of the same with its first byte complemented."""
    parameters, seed, ciphertext = KEMS[fields.text("kem")], KemSeed(fields.hex("seed")), fields.hex("ciphertext")
    return as_hex(
        public=parameters.parse_public_key(parameters.public_key(seed)),
        secret=parameters.decapsulate(seed, ciphertext).raw,
        rejected=parameters.decapsulate(seed, complemented(ciphertext)).raw,
    )


def complemented(ciphertext: bytes) -> bytes:
    """A ciphertext that is nobody's, which shows the second half of the seed."""
    return bytes([ciphertext[0] ^ 0xFF]) + ciphertext[1:] if ciphertext else b""

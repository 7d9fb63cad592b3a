"""Key derivation: chain and root steps, and every label of the registry in its use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib import labels
from ratchetlib.cli.verify.fields import as_hex
from ratchetlib.keys import ChainKey, DhPublicKey, DhSecret, PqSecret, RootKey, SigningSeed
from ratchetlib.primitives import signature
from ratchetlib.primitives.kdf import chain_step, hkdf, keyed_blake2b, sha512
from ratchetlib.ratchet.root import root_step
from ratchetlib.wire import lp

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs


def chain(fields: Fields) -> Outputs:
    """So many chain steps: the last message key and the chain key behind it."""
    chain_key, message_key = chain_step(ChainKey(fields.hex("chain_key")))
    for _ in range(fields.number("steps") - 1):
        chain_key, message_key = chain_step(chain_key)
    return as_hex(next_chain_key=chain_key.raw, message_key=message_key.raw)


def root(fields: Fields) -> Outputs:
    """One root step."""
    step = root_step(
        RootKey(fields.hex("root_key")),
        DhSecret(fields.hex("dh")),
        PqSecret(fields.hex("pq_secret")) if fields.has("pq_secret") else None,
        sender=DhPublicKey(fields.hex("sender")),
        receiver=DhPublicKey(fields.hex("receiver")),
        pq_epoch=fields.number("pq_epoch"),
    )
    return as_hex(
        next_root_key=step.root_key.raw, chain_key=step.chain_key.raw, next_header_key=step.next_header_key.raw
    )


def label(fields: Fields) -> Outputs:
    """A label, by its name in the registry, and what the function that takes it makes of fixed inputs."""
    name = fields.text("name")
    value: bytes = getattr(labels, name)
    return as_hex(label=value, output=_used(name.partition("_")[0], value, fields))


def _used(use: str, value: bytes, fields: Fields) -> bytes:
    match use:
        case "SIGN":
            return signature.sign(SigningSeed(fields.hex("key")), value, fields.hex("data"))
        case "HASH":
            return sha512(value, fields.hex("data"))
        case "KDF":
            salt, secret, context = fields.hex("salt"), fields.hex("key"), fields.hex("data")
            return hkdf(salt=salt, secret=secret, label=value, context=context, length=fields.number("length"))
        case "PERSON":
            return keyed_blake2b(key=fields.hex("key"), person=value, data=fields.hex("data"))
        case _:
            return lp(value) + fields.hex("data")

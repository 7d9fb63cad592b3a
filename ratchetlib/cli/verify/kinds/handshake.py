# ruff: noqa: SLF001
# What a session keeps to itself is what these cases show.
"""One handshake from private keys to the first message, with every value between."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib import IdentityKeyPair, PrekeyBundle, Session
from ratchetlib.cli.verify.draws import Draws, Given, Roles
from ratchetlib.cli.verify.fields import as_hex, present
from ratchetlib.cli.verify.kinds.keys import complemented
from ratchetlib.cli.verify.kinds.seals import header_encoding
from ratchetlib.handshake import prefix_hash, schedule
from ratchetlib.handshake.block import open_block
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.identity import agree_as
from ratchetlib.keys import DhPrivateKey, KemSeed, SigningSeed
from ratchetlib.padding import Padme, pad
from ratchetlib.prekeys.one_time import OneTimeItem
from ratchetlib.prekeys.signed import SignedBundle
from ratchetlib.primitives import aead, dh
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.primitives.kem import ML_KEM_1024
from ratchetlib.ratchet.header import open_header
from ratchetlib.ratchet.root import root_step
from ratchetlib.session.message import split

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs
    from ratchetlib.keys import DhSecret
    from ratchetlib.ratchet.state import Turn

_MAX_PADDED = 2**20


class _Parties(NamedTuple):
    """Both sides, with the private halves of what the responder has published."""

    initiator: IdentityKeyPair
    our_address: bytes
    responder: IdentityKeyPair
    their_address: bytes
    signed_prekey: DhPrivateKey
    last_resort: KemSeed
    one_time_key: DhPrivateKey | None
    kem_seed: KemSeed


def handshake(fields: Fields) -> Outputs:
    """The whole of it."""
    parties = _parties(fields)
    bundle = _bundle(fields, parties)
    session = _session(fields, parties, bundle)
    prefix = present(session._state.unconfirmed, "the prefix").prefix
    return {
        **_published(bundle),
        **_schedule(parties, bundle, prefix),
        **as_hex(prefix=prefix, prefix_hash=prefix_hash(prefix), session_id=session.session_id),
        **_first_message(fields, session),
    }


def _parties(fields: Fields) -> _Parties:
    one_time_key = DhPrivateKey(fields.hex("one_time_key")) if fields.has("one_time_key") else None
    last_resort = KemSeed(fields.hex("last_resort_seed"))
    return _Parties(
        initiator=_pair(fields, "initiator"),
        our_address=fields.hex("initiator_address"),
        responder=_pair(fields, "responder"),
        their_address=fields.hex("responder_address"),
        signed_prekey=DhPrivateKey(fields.hex("signed_prekey")),
        last_resort=last_resort,
        one_time_key=one_time_key,
        kem_seed=last_resort if one_time_key is None else KemSeed(fields.hex("one_time_seed")),
    )


def _pair(fields: Fields, role: str) -> IdentityKeyPair:
    return IdentityKeyPair(
        SigningSeed(fields.hex(f"{role}_signing_seed")), DhPrivateKey(fields.hex(f"{role}_agreement_key"))
    )


def _bundle(fields: Fields, parties: _Parties) -> PrekeyBundle:
    epoch, not_before = fields.number("epoch"), fields.number("not_before")
    owner, address = parties.responder, parties.their_address
    signed = SignedBundle.create(
        owner,
        address=address,
        epoch=epoch,
        not_before=not_before,
        not_after=fields.number("not_after"),
        signed_prekey=dh.public_key(parties.signed_prekey),
        last_resort_key=ML_KEM_1024.public_key(parties.last_resort),
    )
    if parties.one_time_key is None:
        return PrekeyBundle(signed, None)
    prekey, kem_key = dh.public_key(parties.one_time_key), ML_KEM_1024.public_key(parties.kem_seed)
    return PrekeyBundle(signed, OneTimeItem.create(owner, address=address, epoch=epoch, prekey=prekey, kem_key=kem_key))


def _published(bundle: PrekeyBundle) -> Outputs:
    item_id = b"" if bundle.one_time is None else bundle.one_time.item_id
    return as_hex(bundle=bundle.to_bytes(), bundle_id=bundle.signed.bundle_id, item_id=item_id)


def _session(fields: Fields, parties: _Parties, bundle: PrekeyBundle) -> Session:
    given = {
        "ephemeral_key": fields.hex("ephemeral_key"),
        "kem1024_m": fields.hex("kem_m"),
        "block_nonce": fields.hex("block_nonce"),
    }
    draws = Draws(Given(given, fields.hex("ciphertext")))
    draws.know(ML_KEM_1024, parties.kem_seed)
    with draws.during(fields, "", Roles.INITIATE):
        return Session.initiate(
            parties.initiator,
            bundle,
            our_address=parties.our_address,
            their_address=parties.their_address,
            now=fields.number("now"),
        )


def _schedule(parties: _Parties, bundle: PrekeyBundle, encoded: bytes) -> Outputs:
    """Every value of the key schedule, computed by the responder."""
    prefix = Prefix.from_bytes(encoded)
    agreements = _agreements(parties, prefix)
    th0 = schedule.transcript_0(bundle.signed, bundle.one_time, prefix.ephemeral, prefix.ciphertext)
    block_key = schedule.block_key(th0, agreements)
    block = open_block(block_key, prefix.sealed_block)
    us = schedule.Party(block.identity, block.address)
    them = schedule.Party(parties.responder.public, parties.their_address)
    th1 = schedule.transcript_1(th0, prefix.sealed_block, initiator=us, responder=them)
    dh1 = dh.agree(parties.signed_prekey, block.identity.agreement)
    secrets = schedule.session_secrets(th1, dh1, agreements)
    return {
        **_shared(dh1, agreements),
        **_rejected(parties, prefix.ciphertext),
        **as_hex(th0=th0, block_key=block_key.raw, block=block.to_bytes(), th1=th1),
        **as_hex(
            root_key=secrets.root_key.raw,
            initiator_header_key=secrets.initiator_header_key.raw,
            responder_header_key=secrets.responder_header_key.raw,
        ),
    }


def _agreements(parties: _Parties, prefix: Prefix) -> schedule.Agreements:
    return schedule.Agreements(
        dh2=agree_as(parties.responder, prefix.ephemeral),
        dh3=dh.agree(parties.signed_prekey, prefix.ephemeral),
        dh4=None if parties.one_time_key is None else dh.agree(parties.one_time_key, prefix.ephemeral),
        kem=ML_KEM_1024.decapsulate(parties.kem_seed, prefix.ciphertext),
    )


def _shared(dh1: DhSecret, agreements: schedule.Agreements) -> Outputs:
    dh2, dh3, dh4, kem_secret = agreements
    fourth = b"" if dh4 is None else dh4.raw
    return as_hex(dh1=dh1.raw, dh2=dh2.raw, dh3=dh3.raw, dh4=fourth, kem_secret=kem_secret.raw)


def _rejected(parties: _Parties, ciphertext: bytes) -> Outputs:
    """Both seeds have a second half that only a ciphertext of nobody's shows."""
    nobodys = complemented(ciphertext)
    return as_hex(
        last_resort_rejected=ML_KEM_1024.decapsulate(parties.last_resort, nobodys).raw,
        one_time_rejected=ML_KEM_1024.decapsulate(parties.kem_seed, nobodys).raw,
    )


def _first_message(fields: Fields, session: Session) -> Outputs:
    """The initiator's first message, with the keys that lead to it."""
    before, binding = session._state.ratchet, session._state.bindings.sending
    given = {name: fields.hex(name) for name in ("ratchet_key", "kem768_seed", "nonce")}
    plaintext, ad = fields.hex("plaintext"), fields.hex("ad")
    with Draws(Given(given)).during(fields, "", Roles.SEND):
        message = session.encrypt(plaintext, associated_data=ad)
    _, frame = split(message, _MAX_PADDED)
    nonce = frame.nonce[: aead.NONCE_LENGTH]
    header = present(open_header(before.turn.next_sending_key, nonce, frame.header, binding.header), "the first header")
    return {
        **_first_keys(before.turn, DhPrivateKey(given["ratchet_key"])),
        **as_hex(
            header=header_encoding(header),
            header_ad=binding.header,
            body_ad=binding.body_data(frame.header, ad),
            padded=pad(plaintext, Padme()),
            message=message,
            state=session._to_state(),
        ),
    }


def _first_keys(turn: Turn, private: DhPrivateKey) -> Outputs:
    """The initiator's first root step and first chain step."""
    peer = turn.peer_ratchet_key
    agreed = dh.agree(private, peer)
    step = root_step(turn.root_key, agreed, None, sender=dh.public_key(private), receiver=peer, pq_epoch=0)
    _, message_key = chain_step(step.chain_key)
    return as_hex(
        ratchet_dh=agreed.raw,
        next_root_key=step.root_key.raw,
        chain_key=step.chain_key.raw,
        next_header_key=step.next_header_key.raw,
        message_key=message_key.raw,
    )

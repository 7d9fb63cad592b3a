"""An initiator who writes what it likes where an honest one writes its identity block."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from harness.draws import fixed_draws
from harness.oracles import require
from harness.people import ALICE, BOB, NOW, people

from ratchetlib import RatchetError, Session
from ratchetlib.handshake import schedule
from ratchetlib.handshake.block import IdentityBlock
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.labels import PERSON_SEAL_IDENTITY
from ratchetlib.primitives import dh, seal
from ratchetlib.primitives.kem import ML_KEM_1024
from ratchetlib.ratchet import Direction, initial_state
from ratchetlib.session.message import prefix_of
from ratchetlib.session.state import Facts, SessionState, Unconfirmed

if TYPE_CHECKING:
    from ratchetlib.identity import IdentityKey
    from ratchetlib.keys import IdentityBlockKey
    from ratchetlib.prekeys.one_time import OneTimeItem
    from ratchetlib.prekeys.records import BundleRecord, OneTimeRecord
    from ratchetlib.prekeys.signed import SignedBundle

_NONCE: Final = bytes(range(seal.NONCE_LENGTH))


class Attempt(NamedTuple):
    """A handshake up to the block: everything that does not depend on it.

    Attributes:
        record: Bob's bundle.
        item: his one-time item, or None.
        prefix: with a block that is still empty.
        agreements: all secrets but DH1.
        th0: the first transcript.
        block_key: what the block is sealed under.
    """

    record: BundleRecord
    item: OneTimeRecord | None
    prefix: Prefix
    agreements: schedule.Agreements
    th0: bytes
    block_key: IdentityBlockKey


@cache
def attempt(*, one_time: bool) -> Attempt:
    """With a one-time item, or without."""
    contents = people().ring
    record = next(iter(contents.bundles.values()))
    item = next(iter(contents.items.values())) if one_time else None
    signed, published = record.bundle, None if item is None else item.item
    with fixed_draws(b"attempt"):
        ephemeral = dh.generate()
        kem_secret, ciphertext = ML_KEM_1024.encapsulate(
            signed.last_resort_key if published is None else published.kem_key
        )
    public = dh.public_key(ephemeral)
    agreements = schedule.Agreements(
        dh2=dh.agree(ephemeral, signed.identity.agreement),
        dh3=dh.agree(ephemeral, signed.signed_prekey),
        dh4=None if published is None else dh.agree(ephemeral, published.prekey),
        kem=kem_secret,
    )
    th0 = schedule.transcript_0(signed, published, public, ciphertext)
    prefix = Prefix(
        bundle_id=signed.bundle_id,
        item_id=None if published is None else published.item_id,
        ephemeral=public,
        ciphertext=ciphertext,
        sealed_block=b"",
    )
    return Attempt(record, item, prefix, agreements, th0, schedule.block_key(th0, agreements))


def first_message(start: Attempt, block: bytes) -> bytes:
    """The initial message of an initiator who has sealed these bytes as its block.

    Keys follow as far as the block says whose they are: DH1 is computed from Bob's half, so the claimed identity need
    not be ours. Where it does not parse, nobody can derive any, and the frame is empty.
    """
    sealed_block = _NONCE + seal.seal(start.block_key, PERSON_SEAL_IDENTITY, _NONCE, b"", block)
    prefix = Prefix(
        bundle_id=start.prefix.bundle_id,
        item_id=start.prefix.item_id,
        ephemeral=start.prefix.ephemeral,
        ciphertext=start.prefix.ciphertext,
        sealed_block=sealed_block,
    ).to_bytes()
    try:
        claimed = IdentityBlock.from_bytes(block)
        dh1 = dh.agree(start.record.signed_prekey, claimed.identity.agreement)
    except RatchetError:
        return b"\x01\x01" + prefix + bytes(24 + 158 + 32 + 1 + 16)
    bob = people().bob.public
    them, us = schedule.Party(claimed.identity, claimed.address), schedule.Party(bob, BOB)
    th1 = schedule.transcript_1(start.th0, sealed_block, initiator=them, responder=us)
    secrets = schedule.session_secrets(th1, dh1, start.agreements)
    return Session(_state(secrets, prefix, start, bob)).encrypt(b"first")


def _state(secrets: schedule.SessionSecrets, prefix: bytes, start: Attempt, peer: IdentityKey) -> SessionState:
    signed = start.record.bundle
    facts = Facts(Direction.INITIATOR_TO_RESPONDER, secrets.session_id, ALICE, peer, BOB, NOW)
    ratchet = initial_state(
        secrets.root_key,
        sending_key=secrets.initiator_header_key,
        receiving_key=secrets.responder_header_key,
        peer_ratchet_key=signed.signed_prekey,
        initiator=True,
    )
    unconfirmed = Unconfirmed(prefix, signed.not_after)
    return SessionState.of(facts, ratchet, unconfirmed=unconfirmed, accepted_prefix=None)


def require_begun(session: Session, bundle: SignedBundle, item: OneTimeItem | None) -> None:
    """A session that Alice has begun is with the bundle's owner, and its first message names what it was begun with."""
    require(session.peer_identity == bundle.identity and session.peer_address == bundle.address, "with somebody else")
    prefix = Prefix.from_bytes(prefix_of(session.encrypt(b"first")) or b"")
    named = bundle.bundle_id, None if item is None else item.item_id
    require((prefix.bundle_id, prefix.item_id) == named, "a first message names another bundle or item")


def honest_block() -> bytes:
    """What Alice writes."""
    return IdentityBlock(people().alice.public, ALICE, NOW).to_bytes()


def own_identity_block() -> bytes:
    """Bob's own identity, claimed by somebody else."""
    return IdentityBlock(people().bob.public, ALICE, NOW).to_bytes()

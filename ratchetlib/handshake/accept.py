"""The responder's half of the handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib.errors import AuthenticationError, HandshakeExpired
from ratchetlib.handshake import schedule
from ratchetlib.handshake.block import IdentityBlock, open_block
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.identity import agree_as
from ratchetlib.limits import MAX_CLOCK_SKEW
from ratchetlib.primitives import dh
from ratchetlib.primitives.kem import ML_KEM_1024

if TYPE_CHECKING:
    from ratchetlib.identity import IdentityKeyPair
    from ratchetlib.prekeys.contents import RingContents
    from ratchetlib.prekeys.records import BundleRecord, OneTimeRecord


class Accepted(NamedTuple):
    """A handshake answered. The initiator is a claim until its first message authenticates.

    Attributes:
        secrets: the session's first keys and id.
        initiator: who claims to write, and when the session was created.
        bundle: the bundle used; its signed prekey is the responder's first ratchet key.
        item: the one-time item used, or None.
    """

    secrets: schedule.SessionSecrets
    initiator: IdentityBlock
    bundle: BundleRecord
    item: OneTimeRecord | None

    @property
    def replayed(self) -> bool:
        """Whether this handshake, without a one-time item, was accepted before."""
        return self.secrets.session_id in self.bundle.remembered


def accept(
    identity: IdentityKeyPair, ring: RingContents, encoded_prefix: bytes, *, our_address: bytes, now: int
) -> Accepted:
    """Derive the session's first keys from an initial message's prefix (PQXDH specification, section 3.4).

    Cheap checks come first; nothing is changed.

    Raises:
        MalformedMessage: the prefix or the block in it is no canonical encoding.
        UnknownPrekey: it names a bundle or an item that is not, or no longer, there.
        ReplayMemoryFull: it uses no one-time item and the bundle can remember no more.
        AuthenticationError: the identity block does not open, or claims an identity that shares a key with ours.
        HandshakeExpired: it was created after the bundle's end, or over a day in the future.
    """
    prefix = Prefix.from_bytes(encoded_prefix)
    bundle, item = ring.find(prefix.bundle_id, prefix.item_id, now)
    agreements = _agree(identity, prefix, bundle, item)
    published_item = None if item is None else item.item
    th0 = schedule.transcript_0(bundle.bundle, published_item, prefix.ephemeral, prefix.ciphertext)
    initiator = open_block(schedule.block_key(th0, agreements), prefix.sealed_block)
    _require_sound(initiator, identity, bundle, now)
    th1 = schedule.transcript_1(
        th0,
        prefix.sealed_block,
        initiator=schedule.Party(initiator.identity, initiator.address),
        responder=schedule.Party(identity.public, our_address),
    )
    dh1 = dh.agree(bundle.signed_prekey, initiator.identity.agreement)
    secrets = schedule.session_secrets(th1, dh1, agreements)
    return Accepted(secrets, initiator, bundle, item)


def _agree(
    identity: IdentityKeyPair, prefix: Prefix, bundle: BundleRecord, item: OneTimeRecord | None
) -> schedule.Agreements:
    kem_seed = bundle.last_resort if item is None else item.kem_seed
    return schedule.Agreements(
        dh2=agree_as(identity, prefix.ephemeral),
        dh3=dh.agree(bundle.signed_prekey, prefix.ephemeral),
        dh4=None if item is None else dh.agree(item.prekey, prefix.ephemeral),
        kem=ML_KEM_1024.decapsulate(kem_seed, prefix.ciphertext),
    )


def _require_sound(initiator: IdentityBlock, identity: IdentityKeyPair, bundle: BundleRecord, now: int) -> None:
    if initiator.identity.shares_a_key_with(identity.public):
        raise AuthenticationError
    # A withheld first message must not outrank later sessions: they are ordered by created_at.
    if initiator.created_at > min(now + MAX_CLOCK_SKEW, bundle.bundle.not_after):
        raise HandshakeExpired("the handshake was created after its bundle's end or too far in the future")

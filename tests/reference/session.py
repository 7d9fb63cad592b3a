# ruff: noqa: N806
# The specification's letters and names.
"""Sessions: initiation and acceptance (docs/spec/handshake.md), and what passes through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference.bundle import MAX_CLOCK_SKEW, Demands, PrekeyBundle, check_bundle
from reference.caller import check_address, check_epoch, check_message, check_time
from reference.handshake import (
    KEM,
    NONCE,
    Block,
    Prefix,
    agreements_of_initiator,
    agreements_of_responder,
    block_key,
    open_block,
    prefix_hash,
    seal_block,
    session_secrets,
    transcript_0,
    transcript_1,
)
from reference.message import INITIAL, MAX_PLAINTEXT, PREFIX, Message, is_initial, max_padded
from reference.padding import pad, padme, unpad
from reference.primitives import DH
from reference.ratchet import KeyPair, Ratchet, initial, key_pair, working_copy
from reference.refusal import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.identity import Identity, IdentityPair
    from reference.primitives import Draws
    from reference.ring import OwnBundle, OwnItem, Ring


@dataclass
class Unconfirmed:
    """What an initiator keeps until a reply decrypts."""

    not_after: int
    prefix: bytes


@dataclass
class Session:
    """One side of a session."""

    our_address: bytes
    peer_identity: Identity
    peer_address: bytes
    created_at: int
    unconfirmed: Unconfirmed | None
    """An initiator's; None once confirmed, and for a responder."""
    prefix_hash: bytes
    """A responder's; empty for an initiator."""
    ratchet: Ratchet

    # --- Initiation -----------------------------------------------------------------------------------

    @staticmethod
    def initiate(
        ours: IdentityPair,
        bundle: PrekeyBundle,
        our_address: bytes,
        their_address: bytes,
        now: int,
        draws: Draws,
        demands: Demands,
    ) -> Session:
        check_address(our_address)
        check_address(their_address)
        check_time(now)
        check_epoch(demands.lowest_epoch)
        check_bundle(bundle, ours.public, their_address, now, demands)
        signed, item = bundle.signed, bundle.item
        EK_A = key_pair(draws.draw(32))
        ss, ct = draws.encapsulate(KEM, item.kem_key if item else signed.last_resort_key)
        a = agreements_of_initiator(ours, EK_A.private, bundle, ss)
        th0 = transcript_0(bundle, EK_A.public, ct)
        sealed_block = seal_block(block_key(th0, a), draws.draw(NONCE), Block(ours.public, our_address, now))
        th1 = transcript_1(th0, sealed_block, (ours.public, signed.identity), (our_address, their_address))
        prefix = Prefix(signed.id, item.id if item else None, EK_A.public, ct, sealed_block)
        ratchet = initial(session_secrets(th1, a), signed.prekey, initiator=True)
        unconfirmed = Unconfirmed(signed.not_after, prefix.encoded)
        return Session(our_address, signed.identity, their_address, now, unconfirmed, b"", ratchet)

    # --- Acceptance -----------------------------------------------------------------------------------

    @staticmethod
    def accept(
        ours: IdentityPair,
        ring: Ring,
        data: bytes,
        our_address: bytes,
        now: int,
        ad: bytes = b"",
        *,
        known_identity: Callable[[bytes], Identity | None] | None = None,
        max_plaintext: int = MAX_PLAINTEXT,
    ) -> tuple[Session, bytes]:
        check_time(now)
        check_message(ad, max_plaintext)
        require(ours == ring.identity and our_address == ring.address, "UsageError")
        message = Message.split(data, max_padded(max_plaintext))  # 1
        require(message.type == INITIAL, "MalformedMessage")
        prefix = Prefix.parse(message.prefix)  # 2
        bundle, item = ring.find(prefix.bundle_id, prefix.item_id, now)  # 3
        session = _answering(ours, our_address, prefix, (bundle, item), now)  # 4 to 9
        spk = KeyPair(bundle.prekey, bundle.public.prekey)
        plaintext = session._receive(message, ad, max_plaintext, spk)  # 10
        session_id = session.ratchet.session_id
        require(session_id not in bundle.remembered, "HandshakeReplayed")  # 11
        pinned = known_identity(session.peer_address) if known_identity else None
        require(pinned is None or pinned.keys == session.peer_identity.keys, "IdentityChanged")  # 12
        ring.after_handshake(prefix.bundle_id, prefix.item_id, session_id)  # 13
        return session, plaintext

    # --- Messages -------------------------------------------------------------------------------------

    def encrypt(
        self,
        plaintext: bytes,
        ad: bytes,
        draws: Draws,
        *,
        padding: Callable[[int], int] | None = None,
        now: int | None = None,
        max_plaintext: int = MAX_PLAINTEXT,
    ) -> bytes:
        check_time(now)
        check_message(ad, max_plaintext)
        require(len(plaintext) <= max_plaintext, "UsageError")
        p = (padding or padme())(len(plaintext) + 1)
        require(len(plaintext) < p <= max_padded(max_plaintext), "UsageError")
        prefix = b""
        if self.unconfirmed is not None:
            require(now is None or now <= self.unconfirmed.not_after, "SessionExpired")
            prefix = self.unconfirmed.prefix
        ratchet = working_copy(self.ratchet)
        message = ratchet.ENCRYPT(pad(plaintext, p), ad, prefix, prefix_hash(prefix) if prefix else b"", draws)
        self.ratchet = ratchet
        return message.encoded

    def decrypt(self, data: bytes, ad: bytes = b"", *, max_plaintext: int = MAX_PLAINTEXT) -> bytes:
        check_message(ad, max_plaintext)
        message = Message.split(data, max_padded(max_plaintext))
        require(message.type != INITIAL or self.recognises(data), "AuthenticationError")
        return self._receive(message, ad, max_plaintext, None)

    def recognises(self, data: bytes) -> bool:
        return is_initial(data) and bool(self.prefix_hash) and prefix_hash(data[2 : 2 + PREFIX]) == self.prefix_hash

    def settle(self, ring: Ring, data: bytes) -> None:
        """What acceptance did to the ring is done once more."""
        require(self.recognises(data), "UsageError")
        prefix = Prefix.parse(data[2 : 2 + PREFIX])
        ring.after_handshake(prefix.bundle_id, prefix.item_id, self.ratchet.session_id)

    def forget_skipped(self) -> int:
        return self.ratchet.forget()

    def _receive(self, message: Message, ad: bytes, max_plaintext: int, spk: KeyPair | None) -> bytes:
        ratchet = working_copy(self.ratchet)
        hashed = self.prefix_hash if message.type == INITIAL else b""
        plaintext = unpad(ratchet.DECRYPT(message, ad, hashed, spk))
        require(len(plaintext) <= max_plaintext, "MalformedMessage")
        self.ratchet, self.unconfirmed = ratchet, None
        return plaintext


def _answering(
    ours: IdentityPair, our_address: bytes, prefix: Prefix, prekeys: tuple[OwnBundle, OwnItem | None], now: int
) -> Session:
    """Steps 4 to 9 of acceptance, and the start of the ratchet."""
    bundle, item = prekeys
    a = agreements_of_responder(ours, bundle, item, prefix)  # 4
    published = PrekeyBundle(bundle.public, item.public if item else None)
    th0 = transcript_0(published, prefix.EK_A, prefix.ct)
    block = open_block(block_key(th0, a), prefix.sealed_block)  # 5, 6
    require(not block.identity.shares_a_key_with(ours.public), "AuthenticationError")  # 7
    in_time = block.created_at <= now + MAX_CLOCK_SKEW and block.created_at <= bundle.public.not_after
    require(in_time, "HandshakeExpired")  # 8
    th1 = transcript_1(th0, prefix.sealed_block, (block.identity, ours.public), (block.address, our_address))  # 9
    secrets = session_secrets(th1, a._replace(DH1=DH(bundle.prekey, block.identity.agreement_key)))
    ratchet = initial(secrets, bundle.public.prekey, initiator=False)
    hashed = prefix_hash(prefix.encoded)
    return Session(our_address, block.identity, block.address, block.created_at, None, hashed, ratchet)

"""Two ends of a bare ratchet: no handshake, no session, no padding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ratchetlib.keys import RootKey
from ratchetlib.primitives import aead, dh, seal
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.primitives.random import random_bytes
from ratchetlib.ratchet import (
    Binding,
    Direction,
    Frame,
    MessageType,
    RatchetKeyPair,
    RatchetState,
    decrypt,
    encrypt,
    initial_state,
)
from ratchetlib.ratchet.header import Header, open_header, seal_header
from ratchetlib.ratchet.pq import NO_CHUNK

if TYPE_CHECKING:
    from ratchetlib.ratchet.chains import ReceivingChain, SendingChain

SESSION_ID = bytes(range(32))


@dataclass
class End:
    """One side.

    Attributes:
        state: what the pure functions take and give.
        sends: the binding of what goes out.
        receives: the binding of what comes in.
        signed_prekey: the responder's, until its first message.
    """

    state: RatchetState
    sends: Binding
    receives: Binding
    signed_prekey: RatchetKeyPair | None = field(default=None)

    def send(self, padded: bytes = b"padded", associated_data: bytes = b"") -> Frame:
        self.state, frame = encrypt(self.state, padded, associated_data, self.sends)
        return Frame.split(frame, 0)

    def receive(self, frame: Frame, associated_data: bytes = b"") -> bytes:
        self.state, padded = decrypt(self.state, frame, associated_data, self.receives, self.signed_prekey)
        self.signed_prekey = None
        return padded

    @property
    def sending(self) -> SendingChain:
        if self.state.sending is None:
            raise RuntimeError("no sending chain is open")
        return self.state.sending

    @property
    def receiving(self) -> ReceivingChain:
        if self.state.receiving is None:
            raise RuntimeError("nothing was received yet")
        return self.state.receiving

    def header_of(self, frame: Frame) -> Header:
        """The header of a frame on our open sending chain."""
        header = open_header(self.sending.header_key, frame.nonce[: aead.NONCE_LENGTH], frame.header, self.sends.header)
        if header is None:
            raise RuntimeError("not a frame of our open chain")
        return header

    def forge(self, header: Header, key: HeaderKey | None = None) -> Frame:
        """A frame with an authentic header, by default on our open chain, and a body that nobody could open."""
        nonce = random_bytes(seal.NONCE_LENGTH)
        sealed = seal_header(key or self.sending.header_key, nonce[: aead.NONCE_LENGTH], header, self.sends.header)
        return Frame(nonce, sealed, bytes(seal.OVERHEAD))

    def next_chain_header(self, **changes: Any) -> Header:
        """A header that a new chain of ours could begin with."""
        header = Header(dh.public_key(dh.generate()), self.state.turn.previous_length, 0, self.state.pq.epoch, NO_CHUNK)
        return header._replace(**changes)


def ends() -> tuple[End, End]:
    """Initiator and responder before the first message."""
    root_key, forth, back = RootKey(random_bytes(32)), HeaderKey(random_bytes(32)), HeaderKey(random_bytes(32))
    private = dh.generate()
    signed_prekey = RatchetKeyPair(private, dh.public_key(private))
    to_responder = Binding.of(SESSION_ID, Direction.INITIATOR_TO_RESPONDER, MessageType.ORDINARY, b"")
    to_initiator = Binding.of(SESSION_ID, Direction.RESPONDER_TO_INITIATOR, MessageType.ORDINARY, b"")
    initiator = initial_state(
        root_key, sending_key=forth, receiving_key=back, peer_ratchet_key=signed_prekey.public, initiator=True
    )
    responder = initial_state(
        root_key, sending_key=back, receiving_key=forth, peer_ratchet_key=signed_prekey.public, initiator=False
    )
    return End(initiator, to_responder, to_initiator), End(responder, to_initiator, to_responder, signed_prekey)


def talking(turns: int = 1) -> tuple[End, End]:
    """Initiator and responder after so many round trips; the initiator sends next and opens a chain."""
    alice, bob = ends()
    for _ in range(turns):
        bob.receive(alice.send())
        alice.receive(bob.send())
    return alice, bob

"""What a hostile peer can do and an honest one never does: messages whose headers the test chooses.

The keys come out of a session's private state; everything else is the library's own code.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from support.pair import reopened

from ratchetlib.handshake import prefix_hash
from ratchetlib.primitives import aead
from ratchetlib.ratchet import Binding, MessageType
from ratchetlib.ratchet.header import Header, open_header, seal_header
from ratchetlib.session.message import join, split

if TYPE_CHECKING:
    from ratchetlib import Session
    from ratchetlib.primitives.aead import HeaderKey

MAX_PADDED = 2**30
ENCRYPT = importlib.import_module("ratchetlib.ratchet.encrypt")
"""The module: the package's attribute of that name is the function."""


@dataclass(frozen=True)
class Sent:
    """A message on its way, with what its sender sealed the header under.

    Attributes:
        message: as it travels.
        header: in clear.
        header_key: HKs of its chain.
        header_data: the header's associated data.
    """

    message: bytes
    header: Header
    header_key: HeaderKey
    header_data: bytes

    def with_header(self, **changes: Any) -> bytes:
        """The message with another header under the same key and nonce; the body is kept."""
        prefix, frame = split(self.message, MAX_PADDED)
        header = self.header._replace(**changes)
        sealed = seal_header(self.header_key, frame.nonce[: aead.NONCE_LENGTH], header, self.header_data)
        return join(prefix, frame.nonce + sealed + frame.body)


def send(sender: Session, plaintext: bytes = b"sent", *, associated_data: bytes = b"") -> Sent:
    """Encrypt, and look under the header's encryption."""
    message = sender.encrypt(plaintext, associated_data=associated_data)
    prefix, frame = split(message, MAX_PADDED)
    facts, sending = sender._state.facts, sender._state.ratchet.sending
    if sending is None:
        raise RuntimeError("a session that has just sent has a sending chain")
    message_type, hashed = (MessageType.ORDINARY, b"") if prefix is None else (MessageType.INITIAL, prefix_hash(prefix))
    header_data = Binding.of(facts.session_id, facts.sending, message_type, hashed).header
    header = open_header(sending.header_key, frame.nonce[: aead.NONCE_LENGTH], frame.header, header_data)
    if header is None:
        raise RuntimeError("the sender's own header key does not open its header")
    return Sent(message, header, sending.header_key, header_data)


def forged(sender: Session, plaintext: bytes = b"forged", **changes: Any) -> bytes:
    """The sender's next message, its header changed before it was sealed: both parts authenticate.

    The sender does not move.
    """

    def seal_changed(key: HeaderKey, nonce: bytes, header: Header, associated_data: bytes) -> bytes:
        return seal_header(key, nonce, header._replace(**changes), associated_data)

    with patch.object(ENCRYPT, "seal_header", seal_changed):
        return reopened(sender).encrypt(plaintext)


def number_set(sender: Session, number: int) -> Session:
    """The sender after so many messages on its open chain, without the hour that sending them would take."""
    twin = reopened(sender)
    sending = twin._state.ratchet.sending
    if sending is None:
        raise RuntimeError("no sending chain is open")
    ratchet = twin._state.ratchet._replace(sending=sending._replace(number=number))
    twin._state = twin._state._replace(ratchet=ratchet)
    return twin

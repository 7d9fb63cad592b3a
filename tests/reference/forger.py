"""A hostile peer: has all the keys of one side, and says what no honest peer says.

A `Forger` begins as a copy of the reference's half of a session. What it sends is authentic, header and body, but for
what the caller changes:

    eve = Forger(pair.alice.reference)
    message = eve.send(b"text", N=1_001)                       # any field of ratchet.Header
    message = eve.send(b"text", chunk=Chunk(1, 64, bytes(96)))
    message = eve.send(padded=bytes(64))                       # a padded plaintext without a marker

The body is sealed with the message key of the number that the header claims, as far as a receiver would derive it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import mlkem
from reference import session as sessions
from reference.handshake import prefix_hash
from reference.message import INITIAL, ORDINARY, Message
from reference.padding import pad
from reference.primitives import AEAD, PERSON_SEAL_BODY, PERSON_SEAL_IDENTITY, SEAL
from reference.ratchet import CHAIN, MAX_SKIP, Header, body_data, header_data
from reference.state import read_session, write_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.handshake import Block
    from reference.ratchet import Ratchet, Sending
    from reference.session import Session


class Fresh:
    """Fresh draws, of the operating system and of OpenSSL."""

    def draw(self, n: int) -> bytes:
        return os.urandom(n)

    def encapsulate(self, parameter_set: str, encapsulation_key: bytes) -> tuple[bytes, bytes]:
        kinds: dict[str, type[mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey]]
        kinds = {"ML-KEM-768": mlkem.MLKEM768PublicKey, "ML-KEM-1024": mlkem.MLKEM1024PublicKey}
        return kinds[parameter_set].from_public_bytes(encapsulation_key).encapsulate()


class Forger:
    """One side of a session in hostile hands; its state moves as an honest one's does."""

    def __init__(self, session: Session) -> None:
        self.session = read_session(write_session(session))

    @property
    def ratchet(self) -> Ratchet:
        return self.session.ratchet

    def send(self, plaintext: bytes = b"", *, padded: bytes | None = None, **changes: Any) -> bytes:
        r, draws = self.ratchet, Fresh()
        c = r.sending or r.OPEN_CHAIN(draws)[0]
        honest = Header(c.DHs.public, r.PN, c.Ns, c.pq_s, r.pq.NEXT_CHUNK())
        header = honest._replace(**changes)
        mk = _message_key(c, header.N)
        c.CKs, _ = CHAIN(c.CKs)
        c.Ns += 1
        nonce = draws.draw(24)
        prefix = self.session.unconfirmed.prefix if self.session.unconfirmed else b""
        data = header_data(r.session_id, r.direction, prefix_hash(prefix) if prefix else b"")
        sealed = AEAD(c.HKs, nonce[:12], data, header.encoded)
        content = pad(plaintext, 64) if padded is None else padded
        body = SEAL(mk, PERSON_SEAL_BODY, nonce, body_data(r.session_id, r.direction, sealed, b""), content)
        return Message(INITIAL if prefix else ORDINARY, prefix, nonce, sealed, body).encoded


def _message_key(c: Sending, number: int) -> bytes:
    """That of the next number where the number claimed is behind, or further ahead than a receiver goes."""
    steps = number - c.Ns
    CK = c.CKs  # noqa: N806
    for _ in range(steps if 0 < steps <= 2 * MAX_SKIP else 0):
        CK, _mk = CHAIN(CK)  # noqa: N806
    return CHAIN(CK)[1]


def initiate_with_block(change: Callable[[bytes], bytes], *arguments: Any) -> Session:
    """`Session.initiate`, with another content of the identity block under its genuine seal."""

    def sealed(key: bytes, nonce: bytes, block: Block) -> bytes:
        return nonce + SEAL(key, PERSON_SEAL_IDENTITY, nonce, b"", change(block.encoded))

    with patch.object(sessions, "seal_block", sealed):
        return sessions.Session.initiate(*arguments)

"""Messages of a peer with hostile software: authentic, and saying anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import nacl.bindings
from properties import model_pq
from properties.model import Header, Sealed
from properties.tamper import HEADER_NONCE
from properties.terms import Term, message_key

from ratchetlib.labels import PERSON_SEAL_BODY
from ratchetlib.padding import Padme, pad
from ratchetlib.primitives import dh, seal
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.ratchet.header import Header as RealHeader
from ratchetlib.ratchet.header import seal_header
from ratchetlib.ratchet.pq.chunks import Chunk as RealChunk
from ratchetlib.session.message import join

if TYPE_CHECKING:
    from collections.abc import Callable

    from properties.devices import Record
    from properties.observe import Ledger

PLAINTEXT = b"forged"
_WEAK = {
    ("weak key", "zero"): bytes(32),
    ("weak key", "order 8"): bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    ("weak key", "not canonical"): b"\xff" * 32,
}
"""What X25519 refuses, by `model.WEAK_KEYS`."""


class Forged(NamedTuple):
    """A message and what it is to the model."""

    message: bytes
    sealed: Sealed


def forge(ledger: Ledger, record: Record, change: Callable[[Header], Header], *, next_chain: bool) -> Forged | None:
    """The next message of a session with another header; the session does not move. None without a sending chain.

    Its body is under the key of the number that an honest header would say, so it opens if the header says that.
    """
    state, real = record.model.ratchet, record.session._state
    current, sending = state.sending, real.ratchet.sending
    if current is None or sending is None:
        return None
    header = change(
        Header(current.ratchet_key, state.previous_length, current.number, current.pq_epoch, model_pq.IDLE_CHUNK)
    )
    key = real.ratchet.turn.next_sending_key if next_chain else sending.header_key
    binding = real.bindings.sending
    nonce = nacl.bindings.randombytes(seal.NONCE_LENGTH)
    sealed = seal_header(key, nonce[:HEADER_NONCE], _encoded(ledger, header), binding.header)
    padded = pad(PLAINTEXT, Padme())
    body_key, body_data = chain_step(sending.chain_key)[1], binding.body_data(sealed, b"")
    body = seal.seal(body_key, PERSON_SEAL_BODY, nonce, body_data, padded)
    term = state.next_sending if next_chain else current.header_key
    prefix = None if real.unconfirmed is None else real.unconfirmed.prefix
    return Forged(join(prefix, nonce + sealed + body), Sealed(header, term, message_key(current.step, current.number)))


def _encoded(ledger: Ledger, header: Header) -> RealHeader:
    kind, index, stream = header.chunk
    chunk = bytes(96) if stream is None else _raw(ledger, ("chunk", stream, index), nacl.bindings.randombytes(96))
    fresh = dh.public_key(dh.generate())
    ratchet_key = _WEAK.get(header.ratchet_key) or _raw(ledger, header.ratchet_key, fresh)
    return RealHeader(
        ratchet_key, header.previous_length, header.number, header.pq_epoch, RealChunk(kind, index, chunk)
    )


def _raw(ledger: Ledger, term: Term, fresh: bytes) -> bytes:
    """The bytes of a term, which are these if it had none."""
    raw = ledger.raw(term) or fresh
    ledger.same(term, raw)
    return raw

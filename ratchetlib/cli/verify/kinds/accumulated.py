"""Thousands of sessions in one hash: what a hand-picked case never hits."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from ratchetlib.cli.verify.kinds.seals import header_encoding
from ratchetlib.handshake import schedule
from ratchetlib.keys import DhPrivateKey, DhSecret, KemSecret, PqSecret
from ratchetlib.labels import PERSON_SEAL_BODY
from ratchetlib.padding import Padme, pad
from ratchetlib.primitives import aead, dh, seal
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.ratchet import Binding, Direction, MessageType
from ratchetlib.ratchet.header import Header, seal_header
from ratchetlib.ratchet.pq import NO_CHUNK
from ratchetlib.ratchet.root import root_step
from ratchetlib.wire import u32

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs
    from ratchetlib.keys import RootKey
    from ratchetlib.ratchet.root import RootStep

SEED: Final = b"ratchetlib-acc-v1"
_LENGTH: Final = 1024


def accumulated(fields: Fields) -> Outputs:
    """SHA-256 over the outputs of so many sessions."""
    total = hashlib.sha256()
    for number in range(fields.number("sessions")):
        total.update(_one(hashlib.shake_128(SEED + u32(number)).digest(_LENGTH)))
    return {"total": total.hexdigest()}


class _Stream:
    """A session's bytes, taken from front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, length: int) -> bytes:
        """The next bytes."""
        self._position += length
        return self._data[self._position - length : self._position]


def _one(data: bytes) -> bytes:
    """A handshake's schedule, a root step, a few chain steps, a message."""
    stream = _Stream(data)
    agreements = _agreements(stream)
    th0, th1 = stream.take(64), stream.take(64)
    secrets = schedule.session_secrets(th1, DhSecret(stream.take(32)), agreements)
    step, header_of = _root_step(stream, secrets.root_key)
    chain_key, number = step.chain_key, stream.take(1)[0] % 4
    for _ in range(number + 1):
        chain_key, message_key = chain_step(chain_key)
    header, nonce = header_of._replace(number=number), stream.take(seal.NONCE_LENGTH)
    binding = Binding.of(secrets.session_id, Direction.INITIATOR_TO_RESPONDER, MessageType.ORDINARY, b"")
    sealed = seal_header(secrets.initiator_header_key, nonce[: aead.NONCE_LENGTH], header, binding.header)
    padded = pad(stream.take(stream.take(1)[0]), Padme())
    body = seal.seal(message_key, PERSON_SEAL_BODY, nonce, binding.body_data(sealed, b""), padded)
    return schedule.block_key(th0, agreements).raw + step.root_key.raw + header_encoding(header) + sealed + body


def _agreements(stream: _Stream) -> schedule.Agreements:
    return schedule.Agreements(
        dh2=DhSecret(stream.take(32)),
        dh3=DhSecret(stream.take(32)),
        dh4=DhSecret(stream.take(32)) if stream.take(1)[0] & 1 else None,
        kem=KemSecret(stream.take(32)),
    )


def _root_step(stream: _Stream, root_key: RootKey) -> tuple[RootStep, Header]:
    """The step, and the first header of the chain that it opens."""
    private = DhPrivateKey(stream.take(32))
    peer = dh.public_key(DhPrivateKey(stream.take(32)))
    pq_secret = PqSecret(stream.take(32)) if stream.take(1)[0] & 1 else None
    sender, pq_epoch = dh.public_key(private), int(pq_secret is not None)
    step = root_step(root_key, dh.agree(private, peer), pq_secret, sender=sender, receiver=peer, pq_epoch=pq_epoch)
    return step, Header(sender, 0, 0, pq_epoch, NO_CHUNK)

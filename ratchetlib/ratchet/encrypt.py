"""RatchetEncryptHE (Double Ratchet specification, section 4.4), with lazy ratchet keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib.errors import ChainExhausted
from ratchetlib.labels import PERSON_SEAL_BODY
from ratchetlib.limits import MAX_CHAIN_LENGTH
from ratchetlib.primitives import aead, dh, seal
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.primitives.random import random_bytes
from ratchetlib.ratchet.chains import RatchetKeyPair, SendingChain
from ratchetlib.ratchet.header import Header, seal_header
from ratchetlib.ratchet.pq import next_chunk, open_chain
from ratchetlib.ratchet.root import root_step

if TYPE_CHECKING:
    from ratchetlib.ratchet.binding import Binding
    from ratchetlib.ratchet.state import RatchetState


def encrypt(state: RatchetState, padded: bytes, associated_data: bytes, binding: Binding) -> tuple[RatchetState, bytes]:
    """The next state, and nonce 24 || sealed header 158 || commitment 32 || ciphertext || tag 16.

    Raises:
        ChainExhausted: the chain has carried 2^24 messages without an answer.
        RandomnessError: the random source has failed.
    """
    if state.sending is None:
        state, sending = _open_chain(state, binding.session_id)
    else:
        sending = state.sending
    key_pair, header_key, chain_key, number, pq_epoch = sending
    if number >= MAX_CHAIN_LENGTH:
        raise ChainExhausted(f"{MAX_CHAIN_LENGTH} messages without an answer")
    next_chain_key, message_key = chain_step(chain_key)
    nonce = random_bytes(seal.NONCE_LENGTH)
    pq, chunk = next_chunk(state.pq)
    header = Header(key_pair.public, state.turn.previous_length, number, pq_epoch, chunk)
    sealed_header = seal_header(header_key, nonce[: aead.NONCE_LENGTH], header, binding.header)
    body_data = binding.body_data(sealed_header, associated_data)
    body = seal.seal(message_key, PERSON_SEAL_BODY, nonce, body_data, padded)
    moved = SendingChain(key_pair, header_key, next_chain_key, number + 1, pq_epoch)
    return state.sent(moved, pq), nonce + sealed_header + body


def _open_chain(state: RatchetState, session_id: bytes) -> tuple[RatchetState, SendingChain]:
    """The sending half of a Diffie-Hellman ratchet step, as late as possible: a key exists no longer than needed."""
    turn = state.turn
    private = dh.generate()
    pair = RatchetKeyPair(private, dh.public_key(private))
    peer = turn.peer_ratchet_key
    pq, pq_secret = open_chain(state.pq, session_id)
    step = root_step(
        turn.root_key, dh.agree(private, peer), pq_secret, sender=pair.public, receiver=peer, pq_epoch=pq.epoch
    )
    sending = SendingChain(pair, turn.next_sending_key, step.chain_key, 0, pq.epoch)
    stepped = state._replace(
        turn=turn._replace(root_key=step.root_key, next_sending_key=step.next_header_key),
        pq=pq,
        since_dh_step=0,
        since_pq_step=state.since_pq_step if pq_secret is None else 0,
    )
    return stepped, sending

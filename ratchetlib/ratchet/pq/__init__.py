"""The sparse post-quantum ratchet: an ML-KEM-768 exchange, in chunks inside the headers, that heals the root key.

It knows the session id and whose epoch it is, and nothing of chains or messages: it yields a secret for a root step,
and gives and takes chunks of 96 bytes.
"""

from ratchetlib.ratchet.pq.chunks import NO_CHUNK, Chunk
from ratchetlib.ratchet.pq.machine import absorb, join_epoch, next_chunk, open_chain, require_allowed
from ratchetlib.ratchet.pq.states import PqState, initial_pq_state

__all__ = [
    "NO_CHUNK",
    "Chunk",
    "PqState",
    "absorb",
    "initial_pq_state",
    "join_epoch",
    "next_chunk",
    "open_chain",
    "require_allowed",
]

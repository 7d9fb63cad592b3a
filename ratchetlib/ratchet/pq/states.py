"""The states of the post-quantum ratchet, as values.

In each epoch one side is the owner, who makes a key, and the other encapsulates to it. The initiator owns the odd
epochs; the roles swap with each.

    owner   Idle -> Carrying -> Ready  -> (the other side's) Collecting
    other   Collecting -> HasKey -> Answering -> (the owner's) Idle
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchetlib.keys import KemPublicKey, KemSeed, PqSecret
    from ratchetlib.ratchet.pq.erasure import Encoder


class Idle(NamedTuple):
    """Owner: the next send that opens a chain makes a key."""


class Carrying(NamedTuple):
    """Owner: sends the key and collects the ciphertext.

    Attributes:
        seed: of the ML-KEM-768 key, deleted at decapsulation.
        encoder: of the key stream.
        collected: chunks of the ciphertext stream by point, fewer than 12.
    """

    seed: KemSeed
    encoder: Encoder
    collected: Mapping[int, bytes]


class Ready(NamedTuple):
    """Owner: the next send that opens a chain mixes the secret into its root step."""

    secret: PqSecret


class Collecting(NamedTuple):
    """Other: collects the key.

    Attributes:
        collected: chunks of the key stream by point, fewer than 13.
    """

    collected: Mapping[int, bytes]


class HasKey(NamedTuple):
    """Other: the next send that opens a chain encapsulates to the key."""

    key: KemPublicKey


class Answering(NamedTuple):
    """Other: sends the ciphertext, until the owner opens a chain of the next epoch.

    Attributes:
        secret: mixed into the root step of that chain.
        encoder: of the ciphertext stream.
    """

    secret: PqSecret
    encoder: Encoder


Phase: TypeAlias = Idle | Carrying | Ready | Collecting | HasKey | Answering


class PqState(NamedTuple):
    """The post-quantum ratchet of one session.

    Attributes:
        epoch: secrets mixed into the root so far; the epoch in progress is one more.
        phase: what is going on in it.
        point: of the next chunk that we send in this phase; it runs on across chains and wraps after 63. Sending never
            stops at k chunks: the peer may have lost any of them, and waiting would deadlock.
    """

    epoch: int
    phase: Phase
    point: int = 0


def initial_pq_state(*, initiator: bool) -> PqState:
    """Epoch 1 in progress, owned by the initiator."""
    return PqState(0, Idle() if initiator else Collecting({}))

"""The state of a ratchet: an immutable value. Encrypting and decrypting are functions from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib.ratchet.pq import initial_pq_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratchetlib.keys import DhPublicKey, RootKey
    from ratchetlib.primitives.aead import HeaderKey
    from ratchetlib.ratchet.chains import ReceivingChain, SendingChain
    from ratchetlib.ratchet.pq import PqState


class Turn(NamedTuple):
    """What only a root step changes.

    Attributes:
        root_key: RK.
        previous_length: PN of the open sending chain, else of the next one.
        next_sending_key: NHKs.
        peer_ratchet_key: DHr.
        next_receiving_key: NHKr.
    """

    root_key: RootKey
    previous_length: int
    next_sending_key: HeaderKey
    peer_ratchet_key: DhPublicKey
    next_receiving_key: HeaderKey


class RatchetState(NamedTuple):
    """Everything that moves.

    Attributes:
        turn: what only a root step changes.
        pq: the post-quantum ratchet.
        sending: the open sending chain; None when the next send opens one.
        receiving: the open receiving chain; None before the first one.
        closed: the receiving chains before it, newest first, at most 5.
        since_dh_step: messages sent and received since the last root step, the one that made it included.
        since_pq_step: the same since the last root step that mixed a post-quantum secret, or since the handshake.
        evicted: skipped keys evicted or forgotten in the session's life.
        last_eviction: how many of them at the last time.
    """

    turn: Turn
    pq: PqState
    sending: SendingChain | None = None
    receiving: ReceivingChain | None = None
    closed: tuple[ReceivingChain, ...] = ()
    since_dh_step: int = 0
    since_pq_step: int = 0
    evicted: int = 0
    last_eviction: int = 0

    def sent(self, sending: SendingChain, pq: PqState) -> RatchetState:
        """After one more message on the sending chain. Written out: `_replace` costs three times as much."""
        turn, _, _, receiving, closed, since_dh, since_pq, evicted, last_eviction = self
        return RatchetState(turn, pq, sending, receiving, closed, since_dh + 1, since_pq + 1, evicted, last_eviction)

    def received(self, receiving: ReceivingChain) -> RatchetState:
        """After one more message on the receiving chain."""
        turn, pq, sending, _, closed, since_dh, since_pq, evicted, last_eviction = self
        return RatchetState(turn, pq, sending, receiving, closed, since_dh + 1, since_pq + 1, evicted, last_eviction)

    def absorbed(self, pq: PqState) -> RatchetState:
        """After a message's chunk."""
        turn, _, sending, receiving, closed, since_dh, since_pq, evicted, last_eviction = self
        return RatchetState(turn, pq, sending, receiving, closed, since_dh, since_pq, evicted, last_eviction)

    @property
    def chains(self) -> Iterator[ReceivingChain]:
        """The receiving chains, newest first."""
        if self.receiving is not None:
            yield self.receiving
        yield from self.closed

    @property
    def skipped_stored(self) -> int:
        """Skipped message keys in store."""
        return sum(len(chain.skipped) for chain in self.chains)


def initial_state(
    root_key: RootKey,
    *,
    sending_key: HeaderKey,
    receiving_key: HeaderKey,
    peer_ratchet_key: DhPublicKey,
    initiator: bool,
) -> RatchetState:
    """RatchetInitAliceHE and RatchetInitBobHE (section 4.3), made alike by lazy ratchet keys.

    The initiator's first send opens its chain against the signed prekey. The responder's first receive is the answer to
    its own signed prekey, which `decrypt` is given for that one message and which never enters a state.
    """
    turn = Turn(root_key, 0, sending_key, peer_ratchet_key, receiving_key)
    return RatchetState(turn, initial_pq_state(initiator=initiator))

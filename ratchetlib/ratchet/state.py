"""The state of a ratchet: an immutable value. Encrypting and decrypting are functions from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib.ratchet.chains import ReceivingChain, SendingChain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratchetlib.keys import DhPrivateKey, DhPublicKey, HeaderKey, RootKey


class RatchetKeyPair(NamedTuple):
    """Our ratchet key pair (DHs): made when a sending chain opens, gone when the peer answers with a new key."""

    private: DhPrivateKey
    public: DhPublicKey


class Turn(NamedTuple):
    """What only a root step changes.

    Attributes:
        root_key: RK.
        key_pair: DHs; None between the peer's new ratchet key and our next send.
        previous_length: PN of the open sending chain, else of the next one.
        next_sending_key: NHKs.
        peer_ratchet_key: DHr.
        next_receiving_key: NHKr.
    """

    root_key: RootKey
    key_pair: RatchetKeyPair | None
    previous_length: int
    next_sending_key: HeaderKey
    peer_ratchet_key: DhPublicKey
    next_receiving_key: HeaderKey


class RatchetState(NamedTuple):
    """Everything that moves.

    Attributes:
        turn: what only a root step changes.
        sending: the open sending chain; None when the next send opens one.
        receiving: the open receiving chain; None before the first one.
        closed: the receiving chains before it, newest first, at most 5.
        since_dh_step: messages sent and received since the last root step, the one that made it included.
        evicted: skipped keys evicted or forgotten in the session's life.
        last_eviction: how many of them at the last time.
    """

    turn: Turn
    sending: SendingChain | None = None
    receiving: ReceivingChain | None = None
    closed: tuple[ReceivingChain, ...] = ()
    since_dh_step: int = 0
    evicted: int = 0
    last_eviction: int = 0

    def sent(self, sending: SendingChain) -> RatchetState:
        """After one more message on the sending chain. (Written out: `_replace` costs three times as much.)"""
        turn, _, receiving, closed, since_dh_step, evicted, last_eviction = self
        return RatchetState(turn, sending, receiving, closed, since_dh_step + 1, evicted, last_eviction)

    def received(self, receiving: ReceivingChain) -> RatchetState:
        """After one more message on the receiving chain."""
        turn, sending, _, closed, since_dh_step, evicted, last_eviction = self
        return RatchetState(turn, sending, receiving, closed, since_dh_step + 1, evicted, last_eviction)

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


def initiator_state(
    root_key: RootKey, *, sending_key: HeaderKey, receiving_key: HeaderKey, peer_ratchet_key: DhPublicKey
) -> RatchetState:
    """RatchetInitAliceHE (section 4.3), lazily: the first send makes the ratchet key and opens the chain."""
    return RatchetState(Turn(root_key, None, 0, sending_key, peer_ratchet_key, receiving_key))


def responder_state(
    root_key: RootKey, *, sending_key: HeaderKey, receiving_key: HeaderKey, signed_prekey: RatchetKeyPair
) -> RatchetState:
    """RatchetInitBobHE (section 4.3): the signed prekey is the first ratchet key.

    Only the first message may be decrypted with this state; that step drops the signed prekey, which never enters a
    session.
    """
    return RatchetState(Turn(root_key, signed_prekey, 0, sending_key, signed_prekey.public, receiving_key))

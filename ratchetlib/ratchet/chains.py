"""The chains of messages between two root steps, as values: each step returns the next chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib.errors import AuthenticationError, DuplicateMessage, MessageKeyEvicted, SessionForked, TooManySkipped
from ratchetlib.limits import MAX_SKIP
from ratchetlib.primitives.kdf import chain_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchetlib.keys import ChainKey, DhPrivateKey, DhPublicKey, MessageKey
    from ratchetlib.primitives.aead import HeaderKey
    from ratchetlib.ratchet.header import Header


class RatchetKeyPair(NamedTuple):
    """DHs, our ratchet key pair."""

    private: DhPrivateKey
    public: DhPublicKey


class SendingChain(NamedTuple):
    """The chain that we send on: it exists from our first send until the peer answers it with a new ratchet key.

    Attributes:
        key_pair: DHs, whose private half is gone with the chain.
        header_key: HKs.
        chain_key: CKs.
        number: Ns, the next message's number.
        pq_epoch: constant within the chain.
    """

    key_pair: RatchetKeyPair
    header_key: HeaderKey
    chain_key: ChainKey
    number: int
    pq_epoch: int


class ReceivingChain(NamedTuple):
    """A chain that the peer sends on, or sent on before.

    Attributes:
        header_key: HKr.
        chain_key: CKr; None once the chain is closed.
        ratchet_key: DHr, constant within the chain.
        previous_length: the PN that all its headers carry.
        pq_epoch: constant within the chain.
        number: Nr, the next message's number; of a closed chain, its length.
        skipped: MKSKIPPED, the message keys below `number` not used yet, ascending. Never changed in place.
        evicted_below: the keys below this number that are not in `skipped` may have been evicted.
    """

    header_key: HeaderKey
    chain_key: ChainKey | None
    ratchet_key: DhPublicKey
    previous_length: int
    pq_epoch: int
    number: int
    skipped: Mapping[int, MessageKey]
    evicted_below: int

    @classmethod
    def opened(
        cls, header_key: HeaderKey, chain_key: ChainKey, ratchet_key: DhPublicKey, header: Header
    ) -> ReceivingChain:
        """A chain before its first message."""
        return cls(header_key, chain_key, ratchet_key, header.previous_length, header.pq_epoch, 0, {}, 0)

    def require_constant(self, header: Header) -> None:
        """`SessionForked` if a header of this chain contradicts the others."""
        if (
            header.ratchet_key != self.ratchet_key
            or header.previous_length != self.previous_length
            or header.pq_epoch != self.pq_epoch
        ):
            raise SessionForked("two headers of one chain contradict each other")

    def take(self, number: int) -> tuple[ReceivingChain, MessageKey]:
        """The key of message `number`, and the chain without it.

        Raises:
            MessageKeyEvicted, DuplicateMessage: its key is gone.
            AuthenticationError: the chain is closed and was shorter than that: the peer lost a save, or is a clone.
            TooManySkipped: it is more than 1,000 ahead. Nothing was derived.
        """
        header_key, chain_key, ratchet_key, previous_length, pq_epoch, next_number, skipped, evicted_below = self
        if number < next_number:
            return self._take_skipped(number)
        if chain_key is None:
            raise AuthenticationError
        if number - next_number > MAX_SKIP:
            raise TooManySkipped(f"{number - next_number} messages are missing, {MAX_SKIP} may be skipped")
        if number > next_number:
            chain_key, skipped = _skip(chain_key, skipped, range(next_number, number))
        chain_key, message_key = chain_step(chain_key)
        # Written out: `_replace` costs three times as much, with every message.
        chain = ReceivingChain(
            header_key, chain_key, ratchet_key, previous_length, pq_epoch, number + 1, skipped, evicted_below
        )
        return chain, message_key

    def close(self, length: int) -> ReceivingChain:
        """The chain when the peer has said its length: keys up to there set aside, chain key gone. The gap is bounded.

        A length below what was already received means that the peer lost a save, and that nothing is missing.
        """
        number, skipped = self.number, self.skipped
        if self.chain_key is not None and length > number:
            _, skipped = _skip(self.chain_key, skipped, range(number, length))
            number = length
        return self._replace(header_key=self.header_key.rested(), chain_key=None, number=number, skipped=skipped)

    def evict(self, count: int) -> ReceivingChain:
        """Without its `count` lowest skipped keys."""
        if count == 0:
            return self
        numbers = list(self.skipped)
        kept = {number: self.skipped[number] for number in numbers[count:]}
        return self._replace(skipped=kept, evicted_below=numbers[count - 1] + 1)

    def _take_skipped(self, number: int) -> tuple[ReceivingChain, MessageKey]:
        key = self.skipped.get(number)
        if key is None:
            if number < self.evicted_below:
                raise MessageKeyEvicted("the message key was evicted; the message was possibly delivered before")
            raise DuplicateMessage("the message was decrypted before")
        skipped = dict(self.skipped)
        del skipped[number]
        return self._replace(skipped=skipped), key


def _skip(
    chain_key: ChainKey, skipped: Mapping[int, MessageKey], numbers: range
) -> tuple[ChainKey, Mapping[int, MessageKey]]:
    """The chain key behind these messages, and the skipped keys with theirs added."""
    longer = dict(skipped)
    for number in numbers:
        chain_key, longer[number] = chain_step(chain_key)
    return chain_key, longer

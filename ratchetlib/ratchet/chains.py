"""The chains of messages between two root steps, as values: each step returns the next chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib.errors import DuplicateMessage, MessageKeyEvicted, SessionForked, TooManySkipped
from ratchetlib.limits import MAX_SKIP
from ratchetlib.primitives.kdf import chain_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchetlib.keys import ChainKey, DhPublicKey, HeaderKey, MessageKey
    from ratchetlib.ratchet.header import Header


class SendingChain(NamedTuple):
    """The chain that we send on.

    Attributes:
        header_key: HKs.
        chain_key: CKs.
        number: Ns, the next message's number.
        pq_epoch: constant within the chain.
    """

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
            message = "two headers of one chain contradict each other"
            raise SessionForked(message)

    def take(self, number: int) -> tuple[ReceivingChain, MessageKey]:
        """The key of message `number`, and the chain without it.

        Raises:
            TooManySkipped: it is more than 1,000 ahead. Nothing was derived.
            SessionForked: the chain is closed and was shorter than that.
            MessageKeyEvicted, DuplicateMessage: its key is gone.
        """
        if number < self.number:
            return self._take_skipped(number)
        if number - self.number > MAX_SKIP:
            message = f"{number - self.number} messages are missing, {MAX_SKIP} may be skipped"
            raise TooManySkipped(message)
        if self.chain_key is None:
            message = "a message behind the end of its chain"
            raise SessionForked(message)
        chain = self if number == self.number else self.skip_to(number)
        header_key, chain_key, ratchet_key, previous_length, pq_epoch, _, skipped, evicted_below = chain
        chain_key, message_key = chain_step(chain_key)
        moved = ReceivingChain(
            header_key, chain_key, ratchet_key, previous_length, pq_epoch, number + 1, skipped, evicted_below
        )
        return moved, message_key

    def skip_to(self, number: int) -> ReceivingChain:
        """The open chain with the keys of all messages below `number` set aside. The caller has bounded the gap."""
        chain_key, skipped = self.chain_key, dict(self.skipped)
        for missing in range(self.number, number):
            chain_key, skipped[missing] = chain_step(chain_key)
        return self._replace(chain_key=chain_key, number=max(number, self.number), skipped=skipped)

    def close(self, length: int) -> ReceivingChain:
        """The chain when the peer has said its length; its chain key is gone.

        A length below what was already received means that the peer lost a save, and that nothing is missing.
        """
        return self.skip_to(length)._replace(chain_key=None)

    def evict(self, count: int) -> ReceivingChain:
        """Without its `count` lowest skipped keys."""
        numbers = list(self.skipped)
        kept = {number: self.skipped[number] for number in numbers[count:]}
        evicted_below = numbers[count - 1] + 1 if count else self.evicted_below
        return self._replace(skipped=kept, evicted_below=max(evicted_below, self.evicted_below))

    def _take_skipped(self, number: int) -> tuple[ReceivingChain, MessageKey]:
        key = self.skipped.get(number)
        if key is None:
            if number < self.evicted_below:
                message = "the message key was evicted; the message was possibly delivered before"
                raise MessageKeyEvicted(message)
            message = "the message was decrypted before"
            raise DuplicateMessage(message)
        skipped = dict(self.skipped)
        del skipped[number]
        return self._replace(skipped=skipped), key

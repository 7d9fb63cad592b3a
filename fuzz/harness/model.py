"""What one side of a conversation must do with each message: counted in chains and numbers, without any key."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from ratchetlib import AuthenticationError, DuplicateMessage, MessageKeyEvicted, ProtocolViolation, TooManySkipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratchetlib import PeerError

# The protocol's bounds, written out here and not read from the library: docs/spec/limits.md.
MAX_SKIP: Final = 1_000
MAX_STORED: Final = 2_000
MAX_CLOSED: Final = 5


class Letter(NamedTuple):
    """One message on its way.

    Attributes:
        message: as it travels.
        plaintext: what must come out.
        to: who gets it: 0 the initiator, 1 the responder.
        chain: how many chains its sender had opened before.
        number: N, its number in its chain.
        previous: PN, messages in the chain before it.
        forbidden: whether its authentic header says what the protocol forbids.
    """

    message: bytes
    plaintext: bytes
    to: int
    chain: int
    number: int
    previous: int
    forbidden: bool = False


@dataclass
class Received:
    """A receiving chain.

    Attributes:
        next: Nr, the number after the highest one seen or said.
        skipped: numbers whose keys are kept.
        evicted_below: the number under which keys may have been evicted.
    """

    next: int = 0
    skipped: set[int] = field(default_factory=set)
    evicted_below: int = 0

    def copy(self) -> Received:
        return Received(self.next, set(self.skipped), self.evicted_below)

    def evict(self, count: int) -> None:
        for number in sorted(self.skipped)[:count]:
            self.skipped.remove(number)
            self.evicted_below = number + 1


@dataclass
class Side:
    """One side's counters.

    Attributes:
        sent: chains opened, less one.
        open: whether the newest of them still carries messages.
        number: Ns, the next message's number in it.
        previous: PN, the length of the chain before it.
        chains: receiving chains by their place in the peer's order, newest first, at most six.
    """

    sent: int = -1
    open: bool = False
    number: int = 0
    previous: int = 0
    chains: dict[int, Received] = field(default_factory=dict)

    def copy(self) -> Side:
        return replace(self, chains={place: chain.copy() for place, chain in self.chains.items()})

    @property
    def newest(self) -> int:
        """The place of the open receiving chain; -1 before the first."""
        return next(iter(self.chains), -1)

    @property
    def stored(self) -> int:
        """Skipped keys over all chains."""
        return sum(len(chain.skipped) for chain in self.chains.values())

    def send(self) -> None:
        """One more message, on a new chain if the last one was answered."""
        if not self.open:
            self.sent, self.open, self.previous, self.number = self.sent + 1, True, self.number, 0
        self.number += 1

    def refusal(self, letter: Letter) -> type[PeerError] | None:
        """What decrypting the letter must raise; None where it must succeed."""
        chain = self.chains.get(letter.chain)
        if chain is None and letter.chain <= self.newest:
            return AuthenticationError  # its header key is gone with its chain
        if letter.forbidden:
            return ProtocolViolation
        if chain is not None and letter.number < chain.next:
            return self._refusal_of_skipped(chain, letter.number)
        missing = letter.number - (0 if chain is None else chain.next)
        if chain is None and self.chains:
            missing += max(0, letter.previous - self.chains[self.newest].next)
        return TooManySkipped if missing > MAX_SKIP else None

    def take(self, letter: Letter) -> None:
        """The letter was decrypted."""
        chain = self.chains.get(letter.chain)
        if chain is not None and letter.number < chain.next:
            chain.skipped.remove(letter.number)
            return
        if chain is None:
            chain = self._step(letter)
        chain.skipped.update(range(chain.next, letter.number))
        chain.next = letter.number + 1
        self._bound()

    def forget(self) -> None:
        """All skipped keys are given up."""
        for chain in self.chains.values():
            chain.evict(len(chain.skipped))

    def _refusal_of_skipped(self, chain: Received, number: int) -> type[PeerError] | None:
        if number in chain.skipped:
            return None
        return MessageKeyEvicted if number < chain.evicted_below else DuplicateMessage

    def _step(self, letter: Letter) -> Received:
        if self.chains:
            current = self.chains[self.newest]
            current.skipped.update(range(current.next, letter.previous))
            current.next = max(current.next, letter.previous)
        opened = Received()
        self.chains = {letter.chain: opened, **self.chains}
        self.open = False
        return opened

    def _bound(self) -> None:
        self.chains = dict(list(self.chains.items())[: MAX_CLOSED + 1])
        excess = max(0, self.stored - MAX_STORED)
        for chain in self._oldest_first():
            share = min(excess, len(chain.skipped))
            chain.evict(share)
            excess -= share

    def _oldest_first(self) -> Iterator[Received]:
        yield from reversed(self.chains.values())

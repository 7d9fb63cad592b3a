"""What a thief may read, by the documents and the schedule alone. Nothing here looks at the library's states.

A *chain* has a number: 1 is Alice's first, 2 Bob's answer to it, and so on. A thief reads one device at one time and
all bytes that ever travel. The root step of a chain needs the root before it and one of two ratchet private keys, of
whoever opens it and of whoever opened the chain before. A device keeps its private key while its chain is open, that
is until the peer's answer arrives; so the last chain within reach of the thief is

* the answer to the chain that the device has open, or, while it has none,
* the newest chain that it has received,

and for a thief that has solved X25519 it is the one before the first that mixes a secret to which the device
contributed after the theft. A device contributes to an exchange, by a key or by a ciphertext, when it opens a chain,
and the very message that opens the chain carries a chunk. So everybody who reads its headers knows how often it has.

Within reach, a message is exposed unless the device has used its key, and unless its chain is behind the five closed
ones. A header is exposed if the chain two before its own is within reach, whose root step yields its key, and does not
become unreadable when its message has been delivered.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from closure.rules import Problem

from ratchetlib.limits import MAX_CLOSED_CHAINS

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from closure.attacker import Knowledge, Power
    from closure.log import Sealed

_KEPT: Final = 2 * MAX_CLOSED_CHAINS
"""How far back the receiving chains go that a device keeps; every second chain is the peer's."""

_AHEAD: Final = 2
"""The header key of a chain comes from the root step so many chains before: of the same sender's last chain."""

_NEVER: Final = 2**64
"""Beyond all chains and epochs."""


class Claim(StrEnum):
    """What an attacker has shown to be wrong."""

    FORWARD_SECRECY = "a message whose key was used can be read"
    RECOVERY = "a message out of the thief's reach can be read"
    REACH = "a message within the thief's reach cannot be read"
    HEADERS = "a header out of the thief's reach can be read"
    HEADERS_REACH = "a header within the thief's reach cannot be read"


@dataclass(frozen=True, slots=True, eq=False)
class Post:
    """One message, by its place in the conversation. Each has one object.

    Attributes:
        sender: who.
        chain: which chain it stands on.
        number: its number there.
        epoch: how many post-quantum secrets are in the root of that chain.
        epoch_before: likewise, of its sender's chain before that.
        exchange: the number of the exchange of which it carries a chunk, or 0.
        sealed: its terms.
    """

    sender: str
    chain: int
    number: int
    epoch: int
    epoch_before: int
    exchange: int
    sealed: Sealed


class Theft(NamedTuple):
    """One device at one time.

    Attributes:
        victim: whose.
        newest: the newest chain that the device has received, 0 before the first.
        has_open: whether it has sent on the chain after that.
        shared: the exchanges to which it had contributed.
        used: the messages whose keys it had used: it had sent or decrypted them.
    """

    victim: str
    newest: int
    has_open: bool
    shared: int
    used: Container[Post]


class Reach(NamedTuple):
    """How far a thief follows the root.

    Attributes:
        chain: up to this chain.
        epoch: and only before this epoch.
    """

    chain: int
    epoch: int

    @classmethod
    def of(cls, thefts: Iterable[Theft], power: Power) -> Reach:
        """What the documents say of a thief of that power."""
        if Problem.X25519 in power:
            return cls(_NEVER, 1 + max(theft.shared for theft in thefts))
        return cls(max(theft.newest + 2 * theft.has_open for theft in thefts), _NEVER)

    def has(self, chain: int, epoch: int) -> bool:
        return chain <= self.chain and epoch < self.epoch


class Finding(NamedTuple):
    """A claim that does not hold, for one message after the theft of one device or of both at once."""

    claim: Claim
    thefts: tuple[Theft, ...]
    post: Post


def violations(
    thefts: tuple[Theft, ...], power: Power, knowledge: Knowledge, posts: Iterable[Post]
) -> Iterator[Finding]:
    """Where the thief derives more than it may, or less than it could."""
    reach = Reach.of(thefts, power)
    for post in posts:
        sealed = post.sealed
        reads = sealed.body in knowledge
        if reads != (sealed.key in knowledge):
            raise AssertionError("a message is sealed under its message key and under nothing else")
        if reads != any(_exposed(theft, post, reach) for theft in thefts):
            used = all(post in theft.used for theft in thefts)
            yield Finding((Claim.FORWARD_SECRECY if used else Claim.RECOVERY) if reads else Claim.REACH, thefts, post)
        reads_header = sealed.header in knowledge
        if reads_header != any(_header_exposed(theft, post, reach) for theft in thefts):
            yield Finding(Claim.HEADERS if reads_header else Claim.HEADERS_REACH, thefts, post)


def _exposed(theft: Theft, post: Post, reach: Reach) -> bool:
    if post in theft.used or not reach.has(post.chain, post.epoch):
        return False
    return post.sender == theft.victim or post.chain >= theft.newest - _KEPT


def _header_exposed(theft: Theft, post: Post, reach: Reach) -> bool:
    """The sender keeps the header keys of its open chain and its next one, the receiver also those of closed chains."""
    oldest = theft.newest + 1 if post.sender == theft.victim else theft.newest - _KEPT
    return post.chain >= oldest and reach.has(post.chain - _AHEAD, post.epoch_before)

"""Every order in which two devices can send, deliver and repeat messages, on the real ratchet.

    graph = explore(beginning(), Bounds(4, 4))
    graph.worlds          the reachable worlds, breadth first, the beginning at 0
    graph.path(index)     the actions that lead to one, a shortest way
    graph.edges()         every transition

A message that is never delivered is lost: each world with messages in flight is also one in which they never arrive.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from schedules.devices import Arena, Device, Message, Party, Place

from ratchetlib.keys import DhPrivateKey, RootKey
from ratchetlib.primitives import dh
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.ratchet import RatchetKeyPair, initial_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Bounds(NamedTuple):
    """How many messages each side may send after the beginning."""

    alice: int
    bob: int


class Kind(StrEnum):
    """What can happen."""

    SEND = "send"
    DELIVER = "deliver"
    REPEAT = "repeat"


class Action(NamedTuple):
    """What happens.

    Attributes:
        kind: what.
        party: who does it: the sender of a send, the receiver of a delivery.
        message: which message.
    """

    kind: Kind
    party: Party
    message: Message

    def __repr__(self) -> str:
        return f"{self.party} {self.kind} {self.message}"


class World(NamedTuple):
    """Both devices and the messages between them. Its members have one object each, so it hashes by identity.

    Attributes:
        alice: the initiator.
        bob: the responder.
        in_flight: sent and not delivered yet; possibly never.
        delivered: and decrypted.
    """

    alice: Device
    bob: Device
    in_flight: frozenset[Message]
    delivered: frozenset[Message]

    def device(self, party: Party) -> Device:
        return self.alice if party is Party.ALICE else self.bob

    def with_device(self, device: Device) -> World:
        return self._replace(alice=device) if device.party is Party.ALICE else self._replace(bob=device)

    def sent(self, party: Party) -> list[Message]:
        """What a party has sent, in order."""
        return in_order(message for message in self.in_flight | self.delivered if message.sender is party)

    def newest_chain(self, party: Party) -> int:
        """The newest chain of its peer that a party has heard of; 0 before the first."""
        return max((m.place.chain for m in self.delivered if m.sender is not party), default=0)

    def next_place(self, party: Party) -> Place:
        """Where a party's next message must stand: in the chain that answers the newest one of its peer."""
        chain = self.newest_chain(party) + 1
        lengths = self.chain_lengths(party)
        return Place(chain, lengths.get(chain, 0), lengths.get(chain - 2, 0))

    def chain_lengths(self, party: Party) -> dict[int, int]:
        """How many messages a party has sent on each chain of its own."""
        lengths: dict[int, int] = {}
        for message in self.in_flight | self.delivered:
            if message.sender is party:
                lengths[message.place.chain] = lengths.get(message.place.chain, 0) + 1
        return lengths

    def heard(self, party: Party) -> dict[int, int]:
        """The chains of its peer that a party has heard of, and how far: the newest to its newest message."""
        newest = self.newest_chain(party)
        lengths = {chain: length for chain, length in self.chain_lengths(party.peer).items() if chain <= newest}
        if newest:
            lengths[newest] = 1 + max(m.place.number for m in self.delivered if m.place.chain == newest)
        return lengths

    def steps(self, quota: Bounds) -> Iterator[tuple[Action, World]]:
        """Everything that can happen, each side having `quota` messages in all, and what comes of it."""
        for party, limit in zip(Party, quota, strict=True):
            if len(self.sent(party)) < limit and self.device(party).may_send:
                yield self.after_send(party)
        for message in in_order(self.in_flight):
            yield self.after_delivery(message)
        for message in in_order(self.delivered):
            yield self.after_repetition(message)

    def after_send(self, party: Party) -> tuple[Action, World]:
        device, message = self.device(party).send(len(self.sent(party)) + 1, self.next_place(party))
        moved = self.with_device(device)._replace(in_flight=self.in_flight | {message})
        return Action(Kind.SEND, party, message), moved

    def after_delivery(self, message: Message) -> tuple[Action, World]:
        """A refused message stays in flight and changes nothing."""
        party = message.sender.peer
        outcome = self.device(party).receive(message)
        action = Action(Kind.DELIVER, party, message)
        if outcome.error is not None:
            return action, self
        moved = self.with_device(outcome.device)
        return action, moved._replace(in_flight=self.in_flight - {message}, delivered=self.delivered | {message})

    def after_repetition(self, message: Message) -> tuple[Action, World]:
        """Nothing happens. That the code refuses it is an invariant; where it did not, worlds would have no end."""
        return Action(Kind.REPEAT, message.sender.peer, message), self


class Graph:
    """The reachable worlds.

    Attributes:
        worlds: breadth first, the beginning at 0.
        parents: for each the index of the world before it and the action between; None for the beginning.
        index: of each world.
        transitions: how many there are, those that change nothing included.
    """

    def __init__(self, beginning: World, quota: Bounds) -> None:
        self._quota = quota
        self.worlds = [beginning]
        self.parents: list[tuple[int, Action] | None] = [None]
        self.index = {beginning: 0}
        self.transitions = 0

    def edges(self) -> Iterator[tuple[int, Action, int]]:
        """Every transition, as the indices of two worlds and the action between."""
        for origin, world in enumerate(self.worlds):
            for action, successor in world.steps(self._quota):
                yield origin, action, self.index[successor]

    def path(self, index: int) -> list[Action]:
        """The actions of a shortest way from the beginning to a world."""
        actions = []
        while (parent := self.parents[index]) is not None:
            index, action = parent
            actions.append(action)
        return actions[::-1]

    def grow(self) -> Iterator[tuple[int, World]]:
        """Explore, giving each world by its index as its turn comes, before what follows from it."""
        for origin, world in enumerate(self.worlds):  # which grows meanwhile
            yield origin, world
            for action, successor in world.steps(self._quota):
                self.transitions += 1
                if successor not in self.index:
                    self.index[successor] = len(self.worlds)
                    self.worlds.append(successor)
                    self.parents.append((origin, action))


def explore(beginning: World, bounds: Bounds) -> Graph:
    """All worlds in which each side has sent at most so many messages since the beginning."""
    graph = growing(beginning, bounds)
    for _ in graph.grow():
        pass
    return graph


def growing(beginning: World, bounds: Bounds) -> Graph:
    """The same, not yet explored: `Graph.grow` does it."""
    quota = Bounds(*(len(beginning.sent(party)) + limit for party, limit in zip(Party, bounds, strict=True)))
    return Graph(beginning, quota)


def beginning() -> World:
    """Alice and Bob after the handshake, before the first message. The same keys each time."""
    root_key, forth, back = RootKey(_key("root")), HeaderKey(_key("forth")), HeaderKey(_key("back"))
    private = DhPrivateKey(_key("signed prekey"))
    pair = RatchetKeyPair(private, dh.public_key(private))
    alice = initial_state(root_key, sending_key=forth, receiving_key=back, peer_ratchet_key=pair.public, initiator=True)
    bob = initial_state(root_key, sending_key=back, receiving_key=forth, peer_ratchet_key=pair.public, initiator=False)
    arena = Arena(pair)
    return World(arena.device(Party.ALICE, alice), arena.device(Party.BOB, bob), frozenset(), frozenset())


def conveyed(world: World, party: Party, count: int) -> World:
    """The world after so many messages of a party, each delivered before the next is sent."""
    for _ in range(count):
        action, sent = world.after_send(party)
        _, world = sent.after_delivery(action.message)
    return world


def in_order(messages: Iterable[Message]) -> list[Message]:
    """By sender and number."""
    return sorted(messages, key=attrgetter("order"))


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()

"""Every device in every reachable world of a bounded exploration, stolen by every attacker."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

from closure.attacker import Knowledge
from closure.claims import Finding, Post, Theft, violations
from closure.log import NOTHING, Log, logged
from closure.rules import Problem
from schedules.devices import SESSION_ID, Message, Party
from schedules.explore import Bounds, Graph, beginning, explore
from schedules.settings import LIBRARY, Setting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from closure.attacker import Power
    from schedules.devices import Device
    from schedules.explore import World

POWERS: Final[tuple[Power, ...]] = (frozenset(), frozenset({Problem.X25519}), frozenset({Problem.ML_KEM}))
"""What an attacker may have solved. With both there is no secret left, as `test_harvest` shows."""

VICTIMS: Final[tuple[tuple[Party, ...], ...]] = ((Party.ALICE,), (Party.BOB,), (Party.ALICE, Party.BOB))
"""Whose devices are stolen at once."""


class Figures(NamedTuple):
    """How much was done.

    Attributes:
        states: different states of both devices together.
        thefts: devices in different states, alone or both at once, stolen by an attacker of one power.
        rules: computations logged.
        derivations: terms that the attackers derived, all together.
        checks: questions whether an attacker can read a body or a header.
    """

    states: int
    thefts: int
    rules: int
    derivations: int
    checks: int


class Worlds:
    """An exploration with its log.

    Attributes:
        log: what was computed.
        graph: the reachable worlds.
    """

    def __init__(self, bounds: Bounds, setting: Setting = LIBRARY) -> None:
        with setting.applied(), logged() as self.log:
            self.graph = explore(beginning(), bounds)
        self._posts = _posts(self.log, self.graph)
        self._public = {power: self._overheard(power) for power in POWERS}
        self._known: dict[tuple[tuple[Device, ...], Power], Knowledge] = {}
        self._checks = 0

    @property
    def figures(self) -> Figures:
        """What `findings` has done."""
        derivations = sum(len(knowledge.derived) for knowledge in self._known.values())
        return Figures(len(self.graph.worlds), len(self._known), len(self.log.book), derivations, self._checks)

    def findings(self) -> Iterator[Finding]:
        """Every violation in every world."""
        for world, futures in zip(self.graph.worlds, _futures(self.graph), strict=True):
            posts = [self._posts[message] for message in futures]
            thefts = {party: self._theft(world, party) for party in Party}
            for victims, power in product(VICTIMS, POWERS):
                stolen = tuple(thefts[party] for party in victims)
                knowledge = self._stolen(tuple(world.device(party) for party in victims), power)
                self._checks += 2 * len(posts)
                yield from violations(stolen, power, knowledge, posts)

    def _stolen(self, devices: tuple[Device, ...], power: Power) -> Knowledge:
        """What follows from the devices and all public bytes."""
        knowledge = self._known.get((devices, power))
        if knowledge is None:
            given = self.log.lexicon.within(b"".join(device.encoding for device in devices))
            knowledge = self._known[devices, power] = Knowledge(self.log.book, power, given, self._public[power])
        return knowledge

    def _theft(self, world: World, party: Party) -> Theft:
        newest = world.newest_chain(party)
        used = {*world.sent(party), *(message for message in world.delivered if message.sender is not party)}
        has_open = any(message.place.chain == newest + 1 for message in world.sent(party))
        shared = max((self._posts[message].exchange for message in world.sent(party)), default=0)
        return Theft(party, newest, has_open, shared, {self._posts[message] for message in used})

    def _overheard(self, power: Power) -> Knowledge:
        """What everybody knows: all bytes of all worlds, the session id, the prekey."""
        given = [NOTHING, SESSION_ID, self.graph.worlds[0].alice.arena.signed_prekey.public]
        for message in self._posts:
            given += self.log.lexicon.within(b"".join(message.frame))
        return Knowledge(self.log.book, power, given)


def _posts(log: Log, graph: Graph) -> dict[Message, Post]:
    posts: dict[Message, Post] = {}
    for world in graph.worlds:
        messages = world.in_flight | world.delivered
        epochs = {message.place.chain: message.header.pq_epoch for message in messages}
        for message in messages - posts.keys():
            chain, number, _ = message.place
            header = message.header
            posts[message] = Post(
                sender=message.sender,
                chain=chain,
                number=number,
                epoch=header.pq_epoch,
                epoch_before=epochs.get(chain - 2, 0),
                exchange=header.pq_epoch + 1 if header.chunk.kind else 0,
                sealed=log.sealed(b"".join(message.frame)),
            )
    return posts


def _futures(graph: Graph) -> list[set[Message]]:
    """For each world the messages that it has seen and those that any world after it will."""
    seen = [set(world.in_flight | world.delivered) for world in graph.worlds]
    for origin, _, successor in sorted(graph.edges(), key=lambda edge: edge[0], reverse=True):
        if successor < origin:
            raise AssertionError("a world is never followed by one with a shorter history")
        seen[origin] |= seen[successor]
    return seen

"""Every invariant in every world, counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import permutations
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from schedules import device_invariants as local
from schedules import world_invariants
from schedules.devices import Party
from schedules.explore import in_order

from ratchetlib.errors import RatchetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schedules.devices import Device, Message
    from schedules.explore import Graph, World
    from schedules.settings import Setting

OF_A_WORLD: Final = (
    world_invariants.arrives,
    world_invariants.repeats_refused,
    world_invariants.numbered,
    world_invariants.keys_differ,
    world_invariants.stored_exactly,
    world_invariants.delivered_key_gone,
    world_invariants.chains_alternate,
    world_invariants.next_send_stands,
    world_invariants.in_step,
    world_invariants.epochs_together,
    world_invariants.chunks_collected,
)
OF_A_DEVICE: Final = (local.round_trip, local.secrets_differ)
ON_RECEIVING: Final = (local.restored_alike, local.tampering_refused, local.counters_move)
OF_THE_SENDER: Final = (local.reflection_refused, local.sent_key_gone)
ON_SENDING: Final = (local.restart_sends_alike, local.counters_move_on_sending)
ON_SPLICING: Final = (local.splice_refused,)

LocalCheck: TypeAlias = "Callable[..., Iterator[str]]"
Subject: TypeAlias = "tuple[Device | Message, ...]"


class Violation(NamedTuple):
    """An invariant that does not hold.

    Attributes:
        invariant: its name.
        world: the index of the world.
        complaint: what is wrong.
    """

    invariant: str
    world: int
    complaint: str


class Checker:
    """Applies every invariant to worlds.

    Attributes:
        checks: how often each was applied, in some world, to whatever it is about.
        fresh: how often it had to be worked out; else it was known from another world with the same subject.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._known: dict[LocalCheck, dict[Subject, tuple[str, ...]]] = defaultdict(dict)
        self.checks: Counter[str] = Counter()
        self.fresh: Counter[str] = Counter()

    def violations(self, graph: Graph) -> Iterator[Violation]:
        """Explore, and check every world as it is reached."""
        for index, world in graph.grow():
            for name, complaint in self._complaints(world):
                yield Violation(name, index, complaint)

    def _complaints(self, world: World) -> Iterator[tuple[str, str]]:
        for check in OF_A_WORLD:
            self.checks[check.__name__] += 1
            self.fresh[check.__name__] += 1
            for complaint in check(world, self._setting):
                yield check.__name__, complaint
        for party in Party:
            for checks, subject in _subjects(world, party):
                for local_check in checks:
                    for complaint in self._remembered(local_check, subject):
                        yield local_check.__name__, complaint

    def _remembered(self, check: LocalCheck, subject: Subject) -> tuple[str, ...]:
        self.checks[check.__name__] += 1
        known = self._known[check].get(subject)
        if known is None:
            self.fresh[check.__name__] += 1
            known = self._known[check][subject] = tuple(_complaints(check, subject))
        return known


def _complaints(check: LocalCheck, subject: Subject) -> Iterator[str]:
    """Code that fails where it must not is a complaint, too."""
    try:
        yield from check(*subject)
    except RatchetError as error:
        yield repr(error)


def _subjects(world: World, party: Party) -> Iterator[tuple[tuple[LocalCheck, ...], Subject]]:
    """What a party's device is checked with in a world."""
    device = world.device(party)
    yield OF_A_DEVICE, (device,)
    received = [message for message in in_order(world.in_flight | world.delivered) if message.sender is not party]
    for message in received:
        yield ON_RECEIVING, (device, message)
    for head, tail in permutations(received, 2):
        yield ON_SPLICING, (device, head, tail)
    for message in world.sent(party):
        yield OF_THE_SENDER, (device, message)
    if device.may_send:
        yield ON_SENDING, (device, world.after_send(party)[0].message)

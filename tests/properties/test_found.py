"""What the machines have found, each as a plain test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from properties.bounds import SMALL
from properties.invariants import INVARIANTS
from properties.sides import Alone, InLockstep
from properties.tamper import unharmed
from properties.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from properties.model import Letter
    from properties.sides import Sides


@pytest.fixture(params=[Alone, InLockstep])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    sides: Sides = request.param()
    made = World(SMALL, sides)
    yield made
    made.close()


def test_settling_a_ring_whose_replay_memory_is_full_changes_nothing(world: World) -> None:
    """The reference remembered one handshake more than a ring may hold; nobody could have read that ring again."""
    accepted = first_message(world)
    world.accept(world.bob, unharmed(accepted))
    world.lose_ring_save(world.bob)
    for _ in range(SMALL.remembered):
        world.accept(world.bob, unharmed(first_message(world)))
    session = world.receivers(accepted)[0]
    before = world.bob.ring._to_state()
    world.settle(session, accepted)
    assert world.bob.ring._to_state() == before
    for holds in INVARIANTS:
        holds(world)


def first_message(world: World) -> Letter:
    """Of a session that used no one-time item."""
    world.initiate(world.alice, world.bob)
    letter = world.send(world.records[-1], b"hello")
    if letter is None:
        raise AssertionError("a first message was refused")
    return letter

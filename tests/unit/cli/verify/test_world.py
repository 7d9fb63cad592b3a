from __future__ import annotations

import hashlib

import pytest
from support.pair import make_pair

from ratchetlib.cli.verify.draws import Draws, Recorded
from ratchetlib.cli.verify.fields import BadVectorError
from ratchetlib.cli.verify.world import World, fingerprint_of, named, session_state


def test_a_name_that_nothing_has() -> None:
    assert named({"a": 1}, "a") == 1
    with pytest.raises(BadVectorError, match="nothing is called b"):
        named({"a": 1}, "b")


def test_standing_changes_with_every_session_and_ring() -> None:
    world, pair = World(Draws(Recorded())), make_pair()
    world.sessions["A"], world.rings["bob"] = pair.alice, pair.ring
    before = world.standing()
    assert [id(state) for state in world.standing()] == [id(state) for state in before]
    pair.alice.encrypt(b"")
    pair.ring.replenish(1)
    assert not {id(state) for state in world.standing()} & {id(state) for state in before}


def test_a_state_is_named_by_its_content() -> None:
    world, pair = World(Draws(Recorded())), make_pair()
    world.sessions["A"] = pair.alice
    expected = hashlib.sha256(pair.alice._to_state()).hexdigest()
    assert fingerprint_of(pair.alice) == expected
    assert session_state(world, "A") == {"state": expected}

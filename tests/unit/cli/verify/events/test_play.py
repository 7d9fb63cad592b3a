from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.pair import make_pair, snapshot

from ratchetlib.cli.verify.draws import Draws, Recorded
from ratchetlib.cli.verify.events import play as module
from ratchetlib.cli.verify.events.play import play
from ratchetlib.cli.verify.fields import BadVectorError, Fields
from ratchetlib.cli.verify.world import World
from ratchetlib.errors import AuthenticationError

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Outputs


def test_an_event_that_nobody_knows() -> None:
    with pytest.raises(BadVectorError, match="nothing is called explode"):
        play(World(Draws(Recorded())), Fields({"op": "explode"}))


def test_a_refusal_is_an_outcome_and_changes_nothing() -> None:
    world, pair = World(Draws(Recorded())), make_pair()
    world.sessions["B"] = pair.bob
    before = snapshot(pair.bob)
    outputs = play(world, Fields({"op": "deliver", "who": "B", "bytes": "0102" + "00" * 300}))
    assert outputs == {"error": "AuthenticationError", "layer": "header"}
    assert snapshot(pair.bob) == before


def test_a_refusal_that_changes_something_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    world, pair = World(Draws(Recorded())), make_pair()
    world.sessions["A"] = pair.alice

    def careless(world: World, _: Fields) -> Outputs:
        world.sessions["A"].encrypt(b"")
        raise AuthenticationError

    monkeypatch.setitem(module.EVENTS, "careless", careless)
    with pytest.raises(BadVectorError, match="changed a state"):
        play(world, Fields({"op": "careless"}))

from __future__ import annotations

import hashlib

import pytest
from support.pair import NOW, make_pair, snapshot

from ratchetlib.cli.verify.draws import Draws, Recorded
from ratchetlib.cli.verify.events.rings import hand_out, remember, restore_ring, revoke, save_ring
from ratchetlib.cli.verify.fields import BadVectorError, Fields
from ratchetlib.cli.verify.world import World


def world_with_ring(one_time: int = 1) -> World:
    world = World(Draws(Recorded()))
    world.rings["bob"] = make_pair(one_time=one_time).ring
    return world


def test_remembering_fills_the_memory_of_the_newest_bundle() -> None:
    world = world_with_ring()
    remember(world, Fields({"who": "bob", "count": 3}))
    assert world.rings["bob"].status.remembered_handshakes == 3
    assert snapshot(world.rings["bob"]).count(hashlib.sha256(b"\0\0\0\2").digest()) == 1


def test_a_ring_without_a_newest_bundle_remembers_nothing() -> None:
    world = world_with_ring(0)
    hand_out(world, Fields({"who": "bob", "id": "b"}))
    revoke(world, Fields({"who": "bob", "bundle": "b"}))
    with pytest.raises(BadVectorError, match="newest bundle"):
        remember(world, Fields({"who": "bob", "count": 3}))


def test_an_item_is_revoked_unless_the_signed_bundle_is_meant() -> None:
    world = world_with_ring()
    world.rings["bob"].replenish(1)
    hand_out(world, Fields({"who": "bob", "id": "b"}))
    revoke(world, Fields({"who": "bob", "bundle": "b"}))
    assert world.rings["bob"].status.bundles == 1
    revoke(world, Fields({"who": "bob", "bundle": "b", "signed": True}))
    assert world.rings["bob"].status.bundles == 0


def test_a_ring_goes_back_to_what_was_written_down() -> None:
    world = world_with_ring()
    saved = save_ring(world, Fields({"who": "bob", "slot": "s"}))
    world.rings["bob"].rotate(NOW)
    assert restore_ring(world, Fields({"who": "bob", "slot": "s"})) == saved
    assert world.rings["bob"].status.epoch == 1

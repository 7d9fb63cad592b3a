from __future__ import annotations

from support.pair import make_pair, snapshot

from ratchetlib.cli.verify.draws import Draws, Recorded
from ratchetlib.cli.verify.events.play import play
from ratchetlib.cli.verify.events.snapshots import expect, load, restore, save
from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.world import World
from ratchetlib.primitives import process


def world_with_sessions() -> World:
    world, pair = World(Draws(Recorded())), make_pair()
    world.sessions |= {"A": pair.alice, "B": pair.bob}
    return world


def test_a_session_continues_under_another_name() -> None:
    world = world_with_sessions()
    saved = save(world, Fields({"who": "A", "slot": "s"}))
    assert restore(world, Fields({"who": "A2", "slot": "s"})) == saved
    assert snapshot(world.sessions["A2"]) == snapshot(world.sessions["A"])


def test_a_content_is_loaded_whole() -> None:
    world = world_with_sessions()
    content = snapshot(world.sessions["A"])
    load(world, Fields({"who": "A3", "content": content.hex()}))
    assert snapshot(world.sessions["A3"]) == content
    refused = play(world, Fields({"op": "load", "who": "A4", "content": content.hex() + "00"}))
    assert refused == {"error": "StateTampered", "layer": "content"}
    assert "A4" not in world.sessions


def test_missing_messages_are_told_in_runs() -> None:
    world = world_with_sessions()
    alice, bob = world.sessions["A"], world.sessions["B"]
    messages = [alice.encrypt(b"") for _ in range(7)]
    bob.decrypt(messages[6])
    bob.decrypt(messages[2])
    told = expect(world, Fields({"who": "B"}))
    assert told["skipped"] == [[[1, 2], [4, 6]]]
    assert told["health"] == {
        "confirmed": True,
        "messages_since_dh_step": 3,
        "dh_overdue": False,
        "pq_epoch": 0,
        "messages_since_pq_step": 3,
        "pq_overdue": False,
        "skipped_stored": 5,
        "skipped_evicted": 0,
        "last_eviction": 0,
    }


def test_neither_a_child_nor_a_second_thread_gets_in() -> None:
    world = world_with_sessions()
    world.sent["a"] = world.sessions["A"].encrypt(b"hi")
    forks = process.forks
    assert play(world, Fields({"op": "fork", "who": "B", "of": "a"}))["error"] == "ForkedProcess"
    assert process.forks == forks
    assert play(world, Fields({"op": "concur", "who": "B", "of": "a"}))["error"] == "ConcurrentUse"
    assert play(world, Fields({"op": "deliver", "who": "B", "of": "a"}))["plaintext"] == b"hi".hex()

from __future__ import annotations

import hashlib

import pytest
from support.pair import make_pair

from ratchetlib.cli.verify.draws import Draws, Recorded
from ratchetlib.cli.verify.events.sessions import deliver, lose, recognise, send
from ratchetlib.cli.verify.fields import BadVectorError, Fields
from ratchetlib.cli.verify.world import World


def world_with_sessions() -> World:
    world, pair = World(Draws(Recorded())), make_pair()
    world.sessions |= {"A": pair.alice, "B": pair.bob}
    return world


def nonce(number: int) -> dict[str, object]:
    return {"id": f"A.nonce.{number}", "length": 24, "hex": f"{number:048x}"}


def test_a_message_goes_from_one_to_the_other() -> None:
    world = world_with_sessions()
    sent = send(world, Fields({"who": "A", "id": "a", "plaintext": "6869", "draws": [nonce(0)]}))
    assert sent["message"] == world.sent["a"].hex()
    assert deliver(world, Fields({"who": "B", "of": "a"}))["plaintext"] == "6869"
    assert recognise(world, Fields({"who": "B", "of": "a"})) == {"recognised": True}


def test_a_long_message_is_stated_by_its_hash() -> None:
    world = world_with_sessions()
    sent = send(world, Fields({"who": "A", "id": "a", "zeros": 5000, "ad_zeros": 3, "draws": [nonce(0)]}))
    assert sent["message_sha256"] == hashlib.sha256(world.sent["a"]).hexdigest()
    delivered = deliver(world, Fields({"who": "B", "of": "a", "ad_zeros": 3, "long": True}))
    assert delivered["plaintext_zeros"] == 5000


def test_what_is_said_to_be_zeros_must_be() -> None:
    world = world_with_sessions()
    send(world, Fields({"who": "A", "id": "a", "plaintext": "00ff", "draws": [nonce(0)]}))
    with pytest.raises(BadVectorError, match="zeros"):
        deliver(world, Fields({"who": "B", "of": "a", "long": True}))


def test_lost_messages_move_the_sender() -> None:
    world = world_with_sessions()
    lose(world, Fields({"who": "A", "count": 3}))
    sending = world.sessions["A"]._state.ratchet.sending
    assert sending is not None
    assert sending.number == 4


def test_messages_are_lost_on_an_open_chain_only() -> None:
    world = world_with_sessions()
    with pytest.raises(BadVectorError, match="an open chain"):
        lose(world, Fields({"who": "B", "count": 1}))

"""A page that can be read, and two devices on it."""

from __future__ import annotations

import pytest
from support.pair import ALICE, BOB, make_pair
from support.sheet import Sheet

from ratchetlib.cli.talk import Actor, Speaker, Talk


@pytest.fixture
def page() -> Sheet:
    return Sheet()


@pytest.fixture
def talk(page: Sheet) -> Talk:
    pair = make_pair()
    alice = Speaker(Actor("Alice", ALICE, pair.alice_identity), pair.alice, chain=1)
    bob = Speaker(Actor("Bob", BOB, pair.bob_identity), pair.bob)
    return Talk(page, alice, bob)

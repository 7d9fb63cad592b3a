"""A session that was sealed and opened holds what it held, field by field.

Comparing encodings would not show it: a field that is never written is missing from both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest
from support.pair import make_pair, reopened
from support.traffic import Traffic

from ratchetlib.ratchet.pq.erasure import Encoder
from ratchetlib.secret import SecretBytes

if TYPE_CHECKING:
    from ratchetlib import Session


def taken_apart(value: object) -> object:
    """A state as nested tuples of numbers and bytes; what an object only remembers for speed is left out."""
    if isinstance(value, SecretBytes):
        return type(value), value.raw
    if isinstance(value, Encoder):
        return value.stream
    if isinstance(value, Mapping):
        return tuple((key, taken_apart(held)) for key, held in sorted(value.items()))
    if isinstance(value, tuple):
        return type(value), tuple(taken_apart(held) for held in value)
    return value


def same(one: Session, other: Session) -> bool:
    return taken_apart(one._state) == taken_apart(other._state) and one.health() == other.health()


@pytest.mark.attack("A82")
@pytest.mark.parametrize("seed", range(2))
def test_every_field_comes_back_after_every_step(seed: int) -> None:
    traffic = Traffic(make_pair(), seed)
    phases, most_evicted = set(), 0
    for _ in range(300):
        traffic.step()
        for session in traffic.sessions.values():
            twin = reopened(session)
            assert same(twin, session)
            most_evicted = max(most_evicted, twin.forget_skipped())
            assert same(reopened(twin), twin)
            phases.add(type(session._state.ratchet.pq.phase).__name__)
    assert len(phases) == 6
    assert most_evicted > 0


@pytest.mark.attack("A82")
def test_every_field_comes_back_at_each_step_of_the_handshake() -> None:
    pair = make_pair()
    assert same(reopened(pair.alice), pair.alice)
    assert same(reopened(pair.bob), pair.bob)
    pair.confirm()
    assert same(reopened(pair.alice), pair.alice)
    assert same(reopened(pair.bob), pair.bob)

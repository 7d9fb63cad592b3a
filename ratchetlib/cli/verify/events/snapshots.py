# ruff: noqa: SLF001
# The canonical content of a session and its guard are no public export.
"""Sessions: written down, read again, looked at, and where they may not be used."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ratchetlib import Session
from ratchetlib.cli.verify.events.sessions import deliver
from ratchetlib.cli.verify.world import World, named, session_state
from ratchetlib.errors import StateTampered
from ratchetlib.primitives import process
from ratchetlib.wire import Reader

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs


def save(world: World, fields: Fields) -> Outputs:
    """A session's canonical content is written down."""
    who = fields.text("who")
    world.saved[fields.text("slot")] = named(world.sessions, who)._to_state()
    return session_state(world, who)


def restore(world: World, fields: Fields) -> Outputs:
    """A session, perhaps of another name, continues from what was written down."""
    return _loaded(world, fields.text("who"), named(world.saved, fields.text("slot")))


def load(world: World, fields: Fields) -> Outputs:
    """A session continues from a content that the vector states."""
    return _loaded(world, fields.text("who"), fields.hex("content"))


def _loaded(world: World, who: str, content: bytes) -> Outputs:
    reader = Reader(content, StateTampered)
    session = Session._from_state(reader)
    reader.end()
    world.sessions[who] = session
    return session_state(world, who)


def expect(world: World, fields: Fields) -> Outputs:
    """What a session says of itself, and which keys it keeps: runs of numbers a chain, newest chain first."""
    session = named(world.sessions, fields.text("who"))
    chains = [_runs(list(chain.skipped)) for chain in session._state.ratchet.chains]
    return {"health": asdict(session.health()), "skipped": chains}


def _runs(numbers: list[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return runs


def fork(world: World, fields: Fields) -> Outputs:
    """The process forks: what was made before may not be used in the child."""
    process.forks += 1
    try:
        return deliver(world, fields)
    finally:
        process.forks -= 1


def concur(world: World, fields: Fields) -> Outputs:
    """A second thread enters a session that is in use."""
    with named(world.sessions, fields.text("who"))._guard.entering():
        return deliver(world, fields)

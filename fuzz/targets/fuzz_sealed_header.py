"""An authentic header of any content meets the specification's verdict, changes nothing if refused, costs 1,000 steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.draws import deterministic
from harness.oracles import digest, refusal, require, require_bounded
from harness.peer import Place, message_key, places, sealed_message
from harness.positions import position, positions
from harness.script import Script
from harness.sealed import at_rest
from harness.verdict import on_known_chain, on_new_chain
from harness.work import metered

from ratchetlib import DuplicateMessage, Session
from ratchetlib.ratchet.header import Header
from ratchetlib.ratchet.pq import Chunk

if TYPE_CHECKING:
    from ratchetlib.ratchet import RatchetState

positions()
_PADDED = b"\x80".ljust(64, b"\0")
_MAX_WORK = 1_000 + 16
"""Derivations: as many as may be skipped, the message's own, a root step, an agreement, and the seal."""


@deterministic
def one_input(data: bytes) -> None:
    """Where the conversation stands, which header key, and the fields, each as its distance from an honest one."""
    script = Script(data)
    chosen = script.byte()
    session = position(chosen >> 1).seats[chosen & 1].session
    state, bound = session._state.ratchet, session._state.bindings.receiving
    known = places(state)
    place = known[script.byte() % len(known)]
    header = _header(script, state, place)
    if place.chain is None:
        expected = on_new_chain(state, header, bound.direction)
    else:
        expected = on_known_chain(state, place.chain, header, bound.direction)
    key = message_key(state, place, header)
    message = sealed_message(place.header_key, key, header, _PADDED, bound)
    before, stored = digest(session._state), state.skipped_stored
    with metered() as meter:
        error = refusal(lambda: session.decrypt(message))
    require(meter.read() <= _MAX_WORK, "a message costs more work than it may")
    require(type(error) is (expected or type(None)), f"{type(error).__name__} where {expected} is due")
    if error is not None:
        require(digest(session._state) == before, "a refused message has changed the state")
        return
    after = session._state.ratchet
    lost = after.evicted - state.evicted
    require(after.skipped_stored + lost - stored <= 1_000, "more keys skipped than may be")
    require_bounded(session._state)
    at_rest(Session, session)
    require(isinstance(refusal(lambda: session.decrypt(message)), DuplicateMessage), "a message decrypts twice")


def _header(script: Script, state: RatchetState, place: Place) -> Header:
    chain = place.chain
    keys = [
        script.take(32) if chain is None else chain.ratchet_key,
        state.turn.peer_ratchet_key,
        *([] if state.sending is None else [state.sending.key_pair.public]),
        bytes(32),
        _FRESH,
    ]
    number, previous, epoch = (0, 0, state.pq.epoch) if chain is None else _honest(chain)
    return Header(
        keys[script.byte() % len(keys)].ljust(32, b"\0"),
        _added(previous, script),
        _added(number, script),
        _added(epoch, script),
        Chunk(script.byte(), script.byte(), script.take(1) * 96 or bytes(96)),
    )


def _honest(place_chain: object) -> tuple[int, int, int]:
    chain = place_chain
    return chain.number, chain.previous_length, chain.pq_epoch  # type: ignore[attr-defined]


def _added(honest: int, script: Script) -> int:
    """Two bytes in the middle of the range of 32 bits are enough for small distances, the others make large ones."""
    return (honest + int.from_bytes(script.take(4).ljust(4, b"\0"), "little")) % 2**32


_FRESH = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
"""A ratchet key that nobody has used: RFC 7748, section 5.2."""

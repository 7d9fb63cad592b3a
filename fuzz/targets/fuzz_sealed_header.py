"""An authentic header of any content meets the specified verdict in bounded work; if refused, it changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.draws import deterministic
from harness.oracles import MANY, digest, refusal, require, require_bounded
from harness.peer import Place, message_key, places, sealed_message
from harness.positions import require_untouched, standing, standings
from harness.script import Script
from harness.sealed import at_rest
from harness.verdict import verdict
from harness.work import MAX_TRIALS, MAX_WORK, metered

from ratchetlib import AuthenticationError, DuplicateMessage, Session
from ratchetlib.ratchet.header import Header
from ratchetlib.ratchet.pq import Chunk

if TYPE_CHECKING:
    from ratchetlib.ratchet import RatchetState

standings()
OPTIONS = ("-max_len=64", "-len_control=0")
_PADDED = b"\x80".ljust(64, b"\0")
_MAX_SKIP = 1_000
_MAX_CHAIN = 2**24
_DISTANCES = (
    *(0, 1, -1, 2, 5, 30, 400),
    *(_MAX_SKIP - 1, _MAX_SKIP, _MAX_SKIP + 1, _MAX_SKIP + 2),
    *(_MAX_CHAIN - 1, _MAX_CHAIN, _MAX_CHAIN + 1),
)
"""Short ones, and those around each bound on gaps and lengths."""


@deterministic
def one_input(data: bytes) -> None:
    """Where the session stands, which header key, and the fields."""
    script = Script(data)
    start = standing(script.byte())
    state, bound = start.state.ratchet, start.state.bindings.receiving
    known = places(state)
    place = known[script.byte() % len(known)]
    header = _header(script, state, place)
    message = sealed_message(place.header_key, message_key(state, place, header), header, _PADDED, bound)
    session = Session(start.state)
    with metered() as meter:
        error = refusal(lambda: session.decrypt(message))
    work, expected = meter.read(), verdict(state, place.chain, header, bound.direction)
    bound_on_work = MAX_WORK if expected in (None, AuthenticationError) else MAX_TRIALS
    require(work <= bound_on_work, "a message costs more work than it may")
    require(type(error) is (expected or type(None)), f"{type(error).__name__} where {expected} is due")
    if error is not None:
        require(digest(session._state) == start.content, "a refused message has changed the state")
        return
    _require_moved(session, state)
    require_untouched(start)
    require(isinstance(refusal(lambda: session.decrypt(message)), DuplicateMessage), "a message decrypts twice")


def _require_moved(session: Session, before: RatchetState) -> None:
    after = session._state.ratchet
    skipped = after.skipped_stored + after.evicted - before.skipped_stored - before.evicted
    require(skipped <= _MAX_SKIP, "more keys skipped than may be")
    require_bounded(session._state)
    if after.skipped_stored < MANY:
        at_rest(Session, session)


def _header(script: Script, state: RatchetState, place: Place) -> Header:
    chain = place.chain
    keys = [_FRESH if chain is None else chain.ratchet_key, _FRESH, state.turn.peer_ratchet_key, bytes(32)]
    keys += [] if state.sending is None else [state.sending.key_pair.public]
    keys += [known.ratchet_key for known in state.chains]
    chosen = script.byte()
    honest = (0, 0, state.pq.epoch) if chain is None else (chain.previous_length, chain.number, chain.pq_epoch)
    ratchet_key = script.take(32).ljust(32, b"\0") if chosen >= len(keys) else keys[chosen]
    previous, number, epoch = (_distant(value, script) for value in honest)
    return Header(
        ratchet_key,
        previous,
        number,
        epoch,
        Chunk(script.byte(), script.byte(), script.take(1).ljust(1, b"\0") * 96),
    )


def _distant(honest: int, script: Script) -> int:
    """The honest number, or one as far from it as a table says, or any."""
    chosen = script.byte() % (len(_DISTANCES) + 1)
    if chosen == len(_DISTANCES):
        return int.from_bytes(script.take(4), "big")
    return (honest + _DISTANCES[chosen]) % 2**32


_FRESH = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
"""A ratchet key that nobody has used: RFC 7748, section 5.2."""

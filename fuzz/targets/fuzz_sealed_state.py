"""Authentic content is a session, written again as the same bytes, or refused: whatever the content is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.draws import deterministic
from harness.oracles import parsed, refusal, require_bounded, require_same
from harness.sealed import content_of, opened_as
from harness.soundness import require_sound_session

from ratchetlib import Session

if TYPE_CHECKING:
    from ratchetlib.ratchet import RatchetState

_GARBAGE = b"\1\2" + bytes(24 + 158 + 32 + 1 + 16)


@deterministic
def one_input(data: bytes) -> None:
    """The content, sealed by the vault and opened again: the parser behind the authentication."""
    session = parsed(lambda content: opened_as(Session, content), data)
    if session is None:
        return
    require_same(data, content_of(session))
    require_bounded(session._state)
    require_sound_session(session._state)
    session.health()
    repr(session)
    if _counts_on(session._state.ratchet):
        for call in (lambda: session.encrypt(b""), lambda: session.decrypt(_GARBAGE), session.forget_skipped):
            refusal(call)
        content_of(session)


def _counts_on(ratchet: RatchetState) -> bool:
    """Counters at the end of their bits are nobody's but the storage key's holder's: docs/adr/0002."""
    counters = (ratchet.since_dh_step, ratchet.since_pq_step, ratchet.evicted)
    return max(counters) < 2**63 and ratchet.pq.epoch < 2**31

"""Authentic content is a session, written again as the same bytes, or refused: whatever the content is."""

from __future__ import annotations

from harness.draws import deterministic
from harness.oracles import parsed, require_bounded, require_same
from harness.sealed import content_of, opened_as

from ratchetlib import Session


@deterministic
def one_input(data: bytes) -> None:
    """The content, sealed by the vault and opened again: the parser behind the authentication."""
    session = parsed(lambda content: opened_as(Session, content), data)
    if session is None:
        return
    require_same(data, content_of(session))
    require_bounded(session._state)
    session.health()
    repr(session)

"""A ring accepts the first messages that were sent to it and nothing else, once; a refusal leaves it as it was."""

from __future__ import annotations

from harness.draws import deterministic
from harness.oracles import parsed, refusal, require, require_bounded
from harness.people import BOB, NOW, pair, people
from harness.sealed import content_of

from ratchetlib import PeerError, PrekeyRing, Session

_SENT = {pair().first: b"first", pair(one_time=False).first: b"first"}
_UNTOUCHED = content_of(PrekeyRing(people().ring))


@deterministic
def one_input(data: bytes) -> None:
    """A message as it comes from a stranger."""
    bob, contents = people().bob, people().ring
    ring = PrekeyRing(contents)
    accepted = parsed(lambda message: Session.accept(bob, ring, message, our_address=BOB, now=NOW), data)
    if accepted is None:
        require(content_of(ring) == _UNTOUCHED, "a refused first message has changed the ring")
        return
    session, plaintext = accepted
    require(session.recognises(data), "a session does not recognise its first message")
    session.settle(ring, data)
    require(_SENT.get(data) == plaintext, "a first message is accepted that nobody has sent")
    require_bounded(session._state)
    again = refusal(lambda: Session.accept(bob, ring, data, our_address=BOB, now=NOW))
    require(isinstance(again, PeerError), "a first message is accepted twice")

"""A ring accepts the first messages that were sent to it and nothing else, once; a refusal leaves it as it was."""

from __future__ import annotations

from harness.draws import deterministic
from harness.oracles import parsed, refusal, require, require_bounded
from harness.people import BOB, NOW, others, pair, people
from harness.sealed import content_of
from harness.work import MAX_HANDSHAKE_WORK, metered

from ratchetlib import PeerError, PrekeyRing, Session

_SENT = {pair().first: b"first", **dict.fromkeys(others(), b"first")}
_UNTOUCHED = content_of(PrekeyRing(people().ring))


@deterministic
def one_input(data: bytes) -> None:
    """A message as it comes from a stranger."""
    bob, contents = people().bob, people().ring
    ring = PrekeyRing(contents)
    with metered() as meter:
        accepted = parsed(lambda message: Session.accept(bob, ring, message, our_address=BOB, now=NOW), data)
    require(meter.read() <= MAX_HANDSHAKE_WORK, "a first message costs more work than it may")
    if accepted is None:
        require(content_of(ring) == _UNTOUCHED, "a refused first message has changed the ring")
        return
    session, plaintext = accepted
    require(session.recognises(data), "a session does not recognise its first message")
    session.settle(ring, data)
    require(_SENT.get(data) == plaintext, "a first message is accepted that nobody has sent")
    require_bounded(session._state)
    refused = [data]
    for other in others():  # the replay memory holds more than the last one
        if other != data:
            Session.accept(bob, ring, other, our_address=BOB, now=NOW)
            refused.append(other)
    for message in refused:
        again = refusal(lambda message=message: Session.accept(bob, ring, message, our_address=BOB, now=NOW))
        require(isinstance(again, PeerError), "a first message is accepted twice")

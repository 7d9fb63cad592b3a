"""A session decrypts what its peer has sent and nothing else, once; whatever it refuses leaves it as it was."""

from __future__ import annotations

from harness.draws import deterministic
from harness.oracles import digest, parsed, require, require_bounded
from harness.positions import position, positions

from ratchetlib import DuplicateMessage

positions()


@deterministic
def one_input(data: bytes) -> None:
    """The first byte chooses the position and the side; the rest is a message."""
    talk, who, message = position(data[0] >> 1 if data else 0), data[0] & 1 if data else 0, data[1:]
    session = talk.seats[who].session
    before = digest(session._state)
    plaintext = parsed(session.decrypt, message)
    if plaintext is None:
        require(digest(session._state) == before, "a refused message has changed the state")
        return
    sent = {letter.message: letter.plaintext for letter in talk.letters if letter.to == who}
    require(sent.get(message) == plaintext, "a message decrypts that nobody has sent")
    require_bounded(session._state)
    talk.require_refused(who, message, DuplicateMessage)
